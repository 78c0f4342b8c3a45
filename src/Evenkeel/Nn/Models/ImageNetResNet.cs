using Evenkeel.Random;

namespace Evenkeel.Nn;

/// <summary>Size and norm of an <see cref="ImageNetResNet"/>; as it stands it is ResNet-18 for ImageNet.</summary>
public sealed record ImageNetResNetOptions
{
    /// <summary>Channels of an image. Default: 3.</summary>
    public int Channels { get; init; } = 3;

    /// <summary>Number of scores. Default: 1000.</summary>
    public int Classes { get; init; } = 1000;

    /// <summary>Rows and columns of an image. Default: 224.</summary>
    public int Side { get; init; } = 224;

    /// <summary>Layers with weights: 18 or 34. Default: 18.</summary>
    public int Depth { get; init; } = 18;

    /// <summary>
    /// The normalization after each convolution. With <see cref="NormKind.None"/> convolutions have a bias instead.
    /// Default: BatchNorm.
    /// </summary>
    public NormKind Norm { get; init; } = NormKind.BatchNorm;
}

/// <summary>
/// The residual network for photographs: Conv(7x7, 64, stride 2) - norm - ReLU - MaxPool(3x3, stride 2), four stages of
/// <see cref="BasicBlock"/>s with 64, 128, 256 and 512 channels, of which the last three begin with stride 2, the mean
/// of each plane, Linear. Stages have 2, 2, 2, 2 blocks in ResNet-18 and 3, 4, 6, 3 in ResNet-34.
/// </summary>
/// <remarks>
/// <para>Input: (N, channels, side, side); output: (N, classes). Keys are torchvision's, as its weights are:
/// <c>conv1</c>, <c>bn1</c>, <c>layer1.0.conv1</c>, ..., <c>layer4.1.bn2</c>, <c>fc</c>, whatever the kind of norm. For
/// 1000 classes ResNet-18 has 11,689,512 parameters and ResNet-34 21,797,672.</para>
/// <para>The side decides only the shapes of layer and RMS norms. A net of any side takes the weights of a net of
/// another side if its norm is batch, group or instance norm.</para>
/// <para>Start values: <see cref="Init.KaimingNormal"/>, biases 0, norms at gamma 1 and beta 0.</para>
/// <para>Source: He, Zhang, Ren and Sun, "Deep Residual Learning for Image Recognition", 2015, section 4.1, table 1;
/// torchvision's <c>resnet18</c> and <c>resnet34</c>.</para>
/// </remarks>
public sealed class ImageNetResNet : Module
{
    private const int Width = 64;

    private readonly Sequential _layers = [];

    /// <summary>Creates a network of these options.</summary>
    /// <param name="options">Its size and norm; null: ResNet-18 with batch norm.</param>
    /// <param name="random">
    /// Where the start values are drawn from: PyTorch's defaults layer by layer, then all weights again; null: a stream
    /// of its own.
    /// </param>
    /// <exception cref="ArgumentOutOfRangeException">
    /// A number of channels or classes or the side is below 1, or the depth is not one of those named.
    /// </exception>
    /// <exception cref="ArgumentException">The norm does not fit the channels.</exception>
    public ImageNetResNet(ImageNetResNetOptions? options = null, IRandomStream? random = null)
    {
        Options = options ?? new ImageNetResNetOptions();
        ResidualStages.Check(TypeName, Options.Side, Options.Norm, nameof(options));
        int[] blocksOfStages = Options.Depth switch
        {
            18 => [2, 2, 2, 2],
            34 => [3, 4, 6, 3],
            _ => throw new ArgumentOutOfRangeException(
                nameof(options), $"ImageNetResNet: expected a depth of 18 or 34, got {Options.Depth}."),
        };
        random ??= DefaultStreams.Next();
        int channels = Width, side = BasicBlock.OutSide(Options.Side, 2);
        Module? norm = Options.Norm.Create([channels, side, side]);
        Add("conv1", new Conv2d(Options.Channels, channels, 7, 2, padding: 3, bias: norm is null, random: random));
        if (norm is not null) Add("bn1", norm);
        Add("relu", new ReLU());
        Add("maxpool", new MaxPool2d(3, 2, padding: 1));
        side = BasicBlock.OutSide(side, 2);
        channels = ResidualStages.Add(Add, blocksOfStages, channels, side, Options.Norm, random);
        Add("avgpool", new AdaptiveAvgPool2d(1));
        Add("flatten", new Flatten());
        Add("fc", new Linear(channels, Options.Classes, random: random));
        Initialize(Init.KaimingNormal, random);
    }

    /// <summary>The options of the network.</summary>
    public ImageNetResNetOptions Options { get; }

    /// <inheritdoc/>
    protected override Tensor ForwardCore(Tensor x)
    {
        ResidualStages.CheckInput(TypeName, x, Options.Channels, Options.Side);
        return _layers.Forward(x);
    }

    private void Add(string name, Module layer)
    {
        // Registered here, so that keys have no prefix. The chain fuses the pairs.
        Register(name, layer);
        _layers.Add(name, layer);
    }
}
