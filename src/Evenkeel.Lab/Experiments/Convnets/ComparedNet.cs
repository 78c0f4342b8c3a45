using Evenkeel.Nn;
using Evenkeel.Random;

namespace Evenkeel.Lab.Experiments.Convnets;

/// <summary>
/// A net to compare norms in; it takes garments as rows of 784 pixels. Start values and their order do not depend on
/// the norm.
/// </summary>
/// <param name="Name">In figures.</param>
/// <param name="Title">In charts and tables.</param>
/// <param name="Words">In a sentence.</param>
/// <param name="Create">Makes it with a norm and with start values from the stream.</param>
internal sealed record ComparedNet(string Name, string Title, string Words,
    Func<ComparedNorm, IRandomStream, Module> Create)
{
    /// <summary>
    /// A residual net of eight layers, a quarter and half as wide as the paper's and on images of half the side: what
    /// fits into a minute.
    /// </summary>
    public static ComparedNet ResNet { get; } =
        new("resnet", "ResNet-8, 8 channels, 14x14", "the ResNet", static (norm, random) => new Sequential(
        new Unflatten(1, 1, 28, 28), new AvgPool2d(2),
            new ResNet(new ResNetOptions { Channels = 1, Side = 14, Blocks = 1, Width = 8, Norm = norm.Kind },
            random)));

    /// <summary>Lesson D's LeNet with ReLU and max pooling, a norm before every ReLU.</summary>
    public static ComparedNet LeNet { get; } = new("lenet", "LeNet", "LeNet", static (norm, random) => new Sequential(
        new Unflatten(1, 1, 28, 28), LessonLeNet.Create(random, (net, channels, isSpatial) =>
        {
            Shape sample = !isSpatial ? [channels] : channels == 6 ? [6, 28, 28] : [channels, 10, 10];
            if (norm.Kind.Create(sample) is { } layer) net.Add(layer);
            net.Add(new ReLU());
            if (isSpatial) net.Add(new MaxPool2d(2));
        })));

    /// <summary>Six linear layers, as in the notebook's deep-net, with Kaiming's start values.</summary>
    public static ComparedNet Deep { get; } =
        new("deep", "Six linear layers", "six linear layers", static (norm, random) =>
    {
        var net = new FullyConnected(784, [100, 100, 100, 100, 100], 10, norm.Kind);
        net.Initialize(Init.KaimingNormal, random);
        return net;
    });

    public static IReadOnlyList<ComparedNet> All { get; } = [ResNet, LeNet, Deep];

    /// <summary>The norms that it can have.</summary>
    public IEnumerable<ComparedNorm> Norms => ComparedNorm.All.Where(norm => this != Deep || !norm.NeedsPlanes);
}
