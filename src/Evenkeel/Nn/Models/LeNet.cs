using Evenkeel.Random;

namespace Evenkeel.Nn;

/// <summary>How a <see cref="LeNet"/> makes its planes smaller.</summary>
public enum LeNetPooling
{
    /// <summary>The largest of 2 x 2 values.</summary>
    Max,

    /// <summary>The mean of 2 x 2 values.</summary>
    Average,
}

/// <summary>
/// The differences between the two LeNets of the lessons, <see cref="LeNet.Color"/> and <see cref="LeNet.Gray"/>.
/// </summary>
public sealed record LeNetOptions
{
    /// <summary>Channels of an image. Default: 3.</summary>
    public int Channels { get; init; } = 3;

    /// <summary>Number of scores. Default: 2.</summary>
    public int Classes { get; init; } = 2;

    /// <summary>
    /// Zeros around an image before the first convolution: with 2 an image has 28 x 28 pixels, with 0 it has 32 x 32.
    /// Default: 0.
    /// </summary>
    public int Padding { get; init; }

    /// <summary>
    /// Rows and columns of an image, if they are others: with the padding 16 or more each. The first fully connected
    /// layer grows with them. Default: null, which is 32 - 2·padding for both.
    /// </summary>
    public Size2? Size { get; init; }

    /// <summary>The function after each layer but the last: ReLU, Sigmoid or Tanh. Default: ReLU.</summary>
    public Nonlinearity Activation { get; init; } = Nonlinearity.ReLU;

    /// <summary>The pooling that follows the function after each convolution. Default: Max.</summary>
    public LeNetPooling Pooling { get; init; } = LeNetPooling.Max;

    /// <summary>The normalization before the function; null is <see cref="NormKind.None"/>. Default: null.</summary>
    public NormKind? Norm { get; init; }

    /// <summary>
    /// Whether there is also a norm before the function of the second fully connected layer. Default: false.
    /// </summary>
    public bool NormAfterSecondLinear { get; init; }
}

/// <summary>
/// LeNet as the lessons build it: Conv(6, 5x5) - [norm] - f - pool - Conv(16, 5x5) - [norm] - f - pool - Linear(120) -
/// [norm] - f - Linear(84) - [norm] - f - Linear(classes).
/// </summary>
/// <remarks>
/// <para>Input: (N, channels, 32, 32), or 28 x 28 if the first convolution is padded by 2, or
/// <see cref="LeNetOptions.Size"/>; output: (N, classes). The layers are made in the order conv1, bn1, conv2, bn2, fc1,
/// bn3, fc2, bn4, fc3, which are the state dict's names whatever the kind of norm, and all draw their start values
/// (PyTorch's defaults) from one stream.</para>
/// <para>Sources: LeCun et al. 1998; <see cref="Color"/>: the course's LeNet and LeNet_bn for banknotes;
/// <see cref="Gray"/>: Dive into Deep Learning's LeNet for Fashion-MNIST.</para>
/// </remarks>
public sealed class LeNet : Module
{
    private const int Kernel = 5;

    private readonly Sequential _layers = [];

    /// <summary>Creates a network of these options.</summary>
    /// <param name="options">The options. Their defaults are those of <see cref="Color"/>.</param>
    /// <param name="random">
    /// The stream from which all layers draw their start values, in their order. Null: each layer has its own stream.
    /// </param>
    /// <exception cref="ArgumentOutOfRangeException">
    /// A number of channels or classes is below 1, the padding negative, the images too small, or the function none of
    /// those that the options name.
    /// </exception>
    public LeNet(LeNetOptions options, IRandomStream? random = null)
    {
        ArgumentNullException.ThrowIfNull(options);
        if (options.Activation is not (Nonlinearity.ReLU or Nonlinearity.Sigmoid or Nonlinearity.Tanh))
        {
            throw new ArgumentOutOfRangeException(
                nameof(options), $"LeNet: expected ReLU, Sigmoid or Tanh after its layers, got {options.Activation}.");
        }

        Options = options;
        Size2 image = ImageSize, first = new(Convolved(image.Height + (2 * options.Padding)),
            Convolved(image.Width + (2 * options.Padding)));
        Size2 second = new(Convolved(first.Height / 2), Convolved(first.Width / 2));
        if (second.Height < 2 || second.Width < 2)
        {
            throw new ArgumentOutOfRangeException(
                nameof(options), $"LeNet: expected images of {16 - (2 * options.Padding)} or more pixels a side with a "
                + $"padding of {options.Padding}, got {image}. Resize the images, or pad them more.");
        }

        Add("conv1", new Conv2d(options.Channels, 6, Kernel, padding: options.Padding, random: random));
        AddRest("1", [6, first.Height, first.Width]);
        Add("pool1", Pool());
        Add("conv2", new Conv2d(6, 16, Kernel, random: random));
        AddRest("2", [16, second.Height, second.Width]);
        Add("pool2", Pool());
        Add("flatten", new Flatten());
        Add("fc1", new Linear(16 * (second.Height / 2) * (second.Width / 2), 120, random: random));
        AddRest("3", [120]);
        Add("fc2", new Linear(120, 84, random: random));
        AddRest("4", [84], withNorm: options.NormAfterSecondLinear);
        Add("fc3", new Linear(84, options.Classes, random: random));
    }

    /// <summary>The options of the network.</summary>
    public LeNetOptions Options { get; }

    /// <summary>The layers in order.</summary>
    public IReadOnlyList<Module> Layers => _layers;

    /// <summary>Rows and columns of an image.</summary>
    private Size2 ImageSize => Options.Size ?? new Size2(32 - (2 * Options.Padding), 32 - (2 * Options.Padding));

    /// <summary>
    /// The course's network for photographs of banknotes: colour images of 32 x 32 pixels, ReLU and max pooling; a norm
    /// comes after both convolutions and the first fully connected layer. 61,326 parameters for two classes, 61,610
    /// with batch norm.
    /// </summary>
    /// <param name="classes">Number of scores.</param>
    /// <param name="norm">The normalization before each function; null is none.</param>
    /// <param name="random">Where all layers draw their start values from; null: from streams of their own.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="classes"/> is below 1.</exception>
    public static LeNet Color(int classes = 2, NormKind? norm = null, IRandomStream? random = null) =>
        new(new LeNetOptions { Classes = classes, Norm = norm }, random);

    /// <summary>
    /// Dive into Deep Learning's network for Fashion-MNIST: gray images of 28 x 28 pixels, sigmoids and average
    /// pooling; a norm comes after every layer but the last. 61,706 parameters for ten classes, 62,158 with batch norm.
    /// </summary>
    /// <inheritdoc cref="Color"/>
    public static LeNet Gray(int classes = 10, NormKind? norm = null, IRandomStream? random = null) => new(
        new LeNetOptions
        {
            Channels = 1,
            Classes = classes,
            Padding = 2,
            Activation = Nonlinearity.Sigmoid,
            Pooling = LeNetPooling.Average,
            Norm = norm,
            NormAfterSecondLinear = true,
        },
        random);

    /// <summary>
    /// The course's start values: convolutions from <see cref="Init.XavierNormal"/>, fully connected layers from N(0,
    /// <paramref name="linearStd"/>²), biases 0, norms at gamma 1 and beta 0.
    /// </summary>
    /// <param name="random">The stream from which the layers draw, in their order.</param>
    /// <param name="linearStd">0.1 in the course's LeNet; its LeNet_bn has 1, ten times as much.</param>
    public void InitializeWeights(IRandomStream random, double linearStd = 0.1)
    {
        ArgumentNullException.ThrowIfNull(random);
        Init linear = Init.Normal(linearStd);
        foreach (Module layer in _layers)
        {
            if (layer is Conv2d convolution) Fill(convolution.Weight, convolution.Bias, Init.XavierNormal, random);
            else if (layer is Linear full) Fill(full.Weight, full.Bias, linear, random);
            else if (layer is IInitializable norm) norm.SetStartValues(linear, random);
        }
    }

    /// <summary>
    /// Dive into Deep Learning's start values: the weights of convolutions and fully connected layers from
    /// <see cref="Init.XavierUniform"/>; biases and norms stay as they are.
    /// </summary>
    /// <param name="random">The stream from which the layers draw, in their order.</param>
    public void InitializeXavierUniform(IRandomStream random)
    {
        ArgumentNullException.ThrowIfNull(random);
        foreach (Module layer in _layers)
        {
            if (layer is Conv2d convolution) Init.XavierUniform.Fill(convolution.Weight, random);
            else if (layer is Linear full) Init.XavierUniform.Fill(full.Weight, random);
        }
    }

    /// <inheritdoc/>
    protected override Tensor ForwardCore(Tensor x)
    {
        (int height, int width) = ImageSize;
        if (x.Shape.Rank != 4 || x.Shape[1] != Options.Channels || x.Shape[2] != height || x.Shape[3] != width)
        {
            throw new ArgumentException(
                $"LeNet: expected (N, {Options.Channels}, {height}, {width}), got {x.Shape}. "
                + $"Resize the images, or create the network with their channels and size.",
                nameof(x));
        }

        return _layers.Forward(x);
    }

    private static void Fill(Parameter weight, Parameter? bias, Init init, IRandomStream random)
    {
        init.Fill(weight, random);
        bias?.Fill(0);
    }

    private static int Convolved(int side) => side - Kernel + 1;

    private Module Pool() => Options.Pooling == LeNetPooling.Max ? new MaxPool2d(2) : new AvgPool2d(2);

    private void AddRest(string number, Shape sample, bool withNorm = true)
    {
        if (withNorm && Options.Norm?.Create(sample) is { } norm) Add($"bn{number}", norm);
        Add($"act{number}", Options.Activation switch
        {
            Nonlinearity.ReLU => new ReLU(),
            Nonlinearity.Sigmoid => new Sigmoid(),
            _ => new Tanh(),
        });
    }

    private void Add(string name, Module layer)
    {
        // Registered here, so that keys have no prefix. The chain fuses the pairs.
        Register(name, layer);
        _layers.Add(name, layer);
    }
}
