using Evenkeel.Random;

namespace Evenkeel.Nn;

/// <summary>Size and norm of a <see cref="ResNet"/>; as it stands it is ResNet-20 for CIFAR-10.</summary>
public sealed record ResNetOptions
{
    /// <summary>Channels of an image. Default: 3.</summary>
    public int Channels { get; init; } = 3;

    /// <summary>Number of scores. Default: 10.</summary>
    public int Classes { get; init; } = 10;

    /// <summary>Rows and columns of an image. Default: 32.</summary>
    public int Side { get; init; } = 32;

    /// <summary>n, the blocks of each of the three stages: the net is 6n + 2 layers deep. Default: 3.</summary>
    public int Blocks { get; init; } = 3;

    /// <summary>Channels of the first stage; the second has twice, the third four times as many. Default: 16.</summary>
    public int Width { get; init; } = 16;

    /// <summary>
    /// The normalization after each convolution. With <see cref="NormKind.None"/> convolutions have a bias instead.
    /// Default: BatchNorm.
    /// </summary>
    public NormKind Norm { get; init; } = NormKind.BatchNorm;
}

/// <summary>
/// The residual network for small images: Conv(3x3) - norm - ReLU, three stages of n <see cref="BasicBlock"/>s with 16,
/// 32 and 64 channels, of which the second and the third begin with stride 2, the mean of each plane, Linear. With 3,
/// 5, 7, 9 blocks it is ResNet-20, 32, 44, 56.
/// </summary>
/// <remarks>
/// <para>Input: (N, channels, side, side); output: (N, classes). Keys are torchvision's: <c>conv1</c>, <c>bn1</c>,
/// <c>layer1.0.conv1</c>, ..., <c>layer2.0.downsample.0</c>, ..., <c>fc</c>, whatever the kind of norm.</para>
/// <para>Where a stage begins, a 1x1 convolution with stride 2 and a norm take the shortcut to its shape (the paper's
/// option B, a layer like any other; its option A, every second pixel and zeros for the new channels, has 2,752
/// parameters less in all and is about as good). ResNet-20 for ten classes has 272,474 parameters.</para>
/// <para>Start values: <see cref="Init.KaimingNormal"/>, biases 0, norms at gamma 1 and beta 0. Without a norm each
/// block adds the variance of its two convolutions to that of its shortcut, so keep such nets short.</para>
/// <para>Source: He, Zhang, Ren and Sun, "Deep Residual Learning for Image Recognition", 2015, section 4.2.</para>
/// </remarks>
public sealed class ResNet : Module
{
    private const int Stages = 3;

    private readonly Sequential _layers = [];

    /// <summary>Creates a network of these options.</summary>
    /// <param name="options">Its size and norm; null: ResNet-20 with batch norm.</param>
    /// <param name="random">
    /// Where the start values are drawn from: PyTorch's defaults layer by layer, then all weights again; null: a stream
    /// of its own.
    /// </param>
    /// <exception cref="ArgumentOutOfRangeException">
    /// A size or a number of channels, classes or blocks is below 1.
    /// </exception>
    /// <exception cref="ArgumentException">The norm does not fit the channels.</exception>
    public ResNet(ResNetOptions? options = null, IRandomStream? random = null)
    {
        Options = options ?? new ResNetOptions();
        if (Options.Blocks < 1)
        {
            throw new ArgumentOutOfRangeException(
                nameof(options), $"ResNet: expected 1 or more blocks a stage, got {Options.Blocks}.");
        }

        ResidualStages.Check(TypeName, Options.Side, Options.Norm, nameof(options));
        random ??= DefaultStreams.Next();
        (int channels, int side) = (Options.Width, Options.Side);
        Module? norm = Options.Norm.Create([channels, side, side]);
        Add("conv1", new Conv2d(Options.Channels, channels, 3, padding: 1, bias: norm is null, random: random));
        if (norm is not null) Add("bn1", norm);
        Add("relu", new ReLU());
        int[] blocksOfStages = [.. Enumerable.Repeat(Options.Blocks, Stages)];
        channels = ResidualStages.Add(Add, blocksOfStages, channels, side, Options.Norm, random);
        Add("avgpool", new AdaptiveAvgPool2d(1));
        Add("flatten", new Flatten());
        Add("fc", new Linear(channels, Options.Classes, random: random));
        Initialize(Init.KaimingNormal, random);
    }

    /// <summary>The options of the network.</summary>
    public ResNetOptions Options { get; }

    /// <summary>Layers with weights on the way from input to output: 6n + 2.</summary>
    public int Depth => (2 * Stages * Options.Blocks) + 2;

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

/// <summary>
/// The block of a <see cref="ResNet"/>: y = ReLU(f(x) + s(x)), f = Conv(3x3, stride) - norm - ReLU - Conv(3x3) - norm;
/// the shortcut s is x itself, or Conv(1x1, stride) - norm if the shape changes.
/// </summary>
/// <remarks>
/// <para>Input: (N, in, side, side); output: (N, out, side', side'), side' = ⌊(side - 1)/stride⌋ + 1. Keys:
/// <c>conv1</c>, <c>bn1</c>, <c>conv2</c>, <c>bn2</c>, <c>downsample.0</c>, <c>downsample.1</c>.</para>
/// <para>Source: He et al. 2015, figure 2; torchvision's BasicBlock.</para>
/// </remarks>
public sealed class BasicBlock : Module
{
    private readonly Sequential _residual = [];
    private readonly ReLU _relu = new();
    private readonly Sequential? _shortcut;

    /// <summary>Creates the block with PyTorch's default start values.</summary>
    /// <param name="inChannels">Channels of the input.</param>
    /// <param name="outChannels">Channels of the output.</param>
    /// <param name="side">Rows and columns of the input.</param>
    /// <param name="stride">Steps of the first convolution.</param>
    /// <param name="norm">The normalization after each convolution; null is <see cref="NormKind.None"/>.</param>
    /// <param name="random">
    /// The stream from which all layers draw their start values, in their order. Null: each layer has its own stream.
    /// </param>
    /// <exception cref="ArgumentOutOfRangeException">
    /// A number of channels, the side or the stride is below 1.
    /// </exception>
    public BasicBlock(
        int inChannels, int outChannels, int side, int stride = 1, NormKind? norm = null, IRandomStream? random = null)
    {
        if (side < 1)
        {
            throw new ArgumentOutOfRangeException(
                nameof(side), $"BasicBlock: expected planes of 1 or more pixels a side, got {side}.");
        }

        if (stride < 1)
        {
            throw new ArgumentOutOfRangeException(
                nameof(stride), $"BasicBlock: expected a stride of 1 or more, got {stride}.");
        }

        (InChannels, OutChannels, Side, Stride, NormKind) = (inChannels, outChannels, side, stride, norm);
        int outSide = OutSide(side, stride);
        AddConvolution("1", inChannels, stride);
        Register("relu", _relu);
        _residual.Add("relu", _relu);
        AddConvolution("2", outChannels, 1);
        if (inChannels == outChannels && stride == 1) return;
        Module? last = Norm();
        _shortcut = Register("downsample",
            new Sequential(new Conv2d(inChannels, outChannels, 1, stride, bias: last is null, random: random)));
        if (last is not null) _shortcut.Add(last);

        Module? Norm() => norm?.Create([outChannels, outSide, outSide]);

        void AddConvolution(string number, int channels, int steps)
        {
            Module? after = Norm();
            Add($"conv{number}",
                new Conv2d(channels, outChannels, 3, steps, padding: 1, bias: after is null, random: random));
            if (after is not null) Add($"bn{number}", after);
        }

        void Add(string name, Module layer)
        {
            Register(name, layer);
            _residual.Add(name, layer);
        }
    }

    /// <summary>Channels of the input.</summary>
    internal int InChannels { get; }

    /// <summary>Channels of the output.</summary>
    internal int OutChannels { get; }

    /// <summary>Rows and columns of the input.</summary>
    internal int Side { get; }

    /// <summary>Steps of the first convolution.</summary>
    internal int Stride { get; }

    /// <summary>The normalization after each convolution.</summary>
    internal NormKind? NormKind { get; }

    /// <summary>Rows and columns of the output.</summary>
    internal static int OutSide(int side, int stride) => ((side - 1) / stride) + 1;

    /// <inheritdoc/>
    protected override Tensor ForwardCore(Tensor x) =>
        _relu.Forward(_residual.Forward(x) + (_shortcut?.Forward(x) ?? x));
}
