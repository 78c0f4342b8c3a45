using Evenkeel.Data;
using Evenkeel.Nn;
using Evenkeel.Optim;
using Evenkeel.Random;

namespace Evenkeel.Lab.Experiments.Convnets;

/// <summary>Has the code of a LeNet's training compiled while the images load.</summary>
internal static class LeNetWarmUp
{
    private const int Images = 600;
    private const int BatchSize = 256;

    /// <summary>
    /// Trains a net of every kind for some steps on images of noise, on another thread; wait for it before the clock
    /// starts.
    /// </summary>
    public static Task Start(DType dtype) => Task.Run(() =>
    {
        byte[] pixels = new byte[Images * 784];
        int[] labels = new int[Images];
        var random = new Philox(0);
        for (int i = 0; i < pixels.Length; i++) pixels[i] = (byte)random.NextUInt32();
        for (int i = 0; i < Images; i++) labels[i] = i % 10;
        var set = new ImageSet(pixels, labels, 1, 28, 28, FashionMnist.ClassNames, "noise", "noise");
        var images = new FashionImages(set, set);
        foreach (string variant in (ReadOnlySpan<string>)[FashionLeNet.None, FashionLeNet.BatchNormed,
            FashionLeNet.Scratch])
        {
            Sequential net = FashionLeNet.Net(variant, random);
            if (dtype == DType.Float64) net.To(dtype);
            var training = new ClassifierTraining(net, new SGD(net.Parameters(), 0.1));
            training.Epoch(images.Batches(BatchSize, random, dtype, CancellationToken.None), static _ => { });
            training.Evaluate(images.TestBatches(dtype, CancellationToken.None));
        }
    });
}
