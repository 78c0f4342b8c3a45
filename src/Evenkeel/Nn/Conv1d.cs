using Evenkeel.Random;

namespace Evenkeel.Nn;

/// <summary>
/// Convolution over rows, y = x ⋆ W + b, with x (N, in, L) or (in, L), W (out, in/groups, k), b (out), y (N, out, L').
/// L' = ⌊(L + 2·padding - dilation·(k - 1) - 1)/stride⌋ + 1. Source: torch.nn.Conv1d.
/// </summary>
public sealed class Conv1d : Module, IFusesReLU
{
    /// <summary>
    /// Creates the layer with PyTorch's arguments and default start values, U(±1/√fan_in) with fan_in = in/groups·k for
    /// the weight, then the bias.
    /// </summary>
    /// <param name="inChannels">Channels of the input.</param>
    /// <param name="outChannels">Channels of the output.</param>
    /// <param name="kernelSize">Size of the window.</param>
    /// <param name="stride">Step of the window.</param>
    /// <param name="padding">Zeros at both ends, or <see cref="Padding.Same"/>.</param>
    /// <param name="dilation">Distance of the window's points.</param>
    /// <param name="groups">
    /// Number of groups of channels. A depthwise convolution has as many groups as channels.
    /// </param>
    /// <param name="bias">False if a normalization layer follows: it removes the bias again.</param>
    /// <param name="random">
    /// The stream of the start values. Null: a stream of the layer's own, which depends on the order in which layers
    /// are made in the process.
    /// </param>
    /// <exception cref="ArgumentOutOfRangeException">A size is below 1, or the padding negative.</exception>
    /// <exception cref="ArgumentException">
    /// The groups do not divide the channels, <see cref="Padding.Same"/> meets a stride, or the padding is not one
    /// number.
    /// </exception>
    public Conv1d(
        int inChannels, int outChannels, int kernelSize, int stride = 1, Padding padding = default, int dilation = 1,
        int groups = 1, bool bias = true, IRandomStream? random = null)
    {
        if (kernelSize < 1)
        {
            throw new ArgumentOutOfRangeException(
                nameof(kernelSize), $"Conv1d: expected a kernel of 1 or more, got {kernelSize}.");
        }

        if (stride < 1)
        {
            throw new ArgumentOutOfRangeException(
                nameof(stride), $"Conv1d: expected a stride of 1 or more, got {stride}.");
        }

        if (dilation < 1)
        {
            throw new ArgumentOutOfRangeException(
                nameof(dilation), $"Conv1d: expected a dilation of 1 or more, got {dilation}.");
        }

        if (padding.Size.Width < 0)
        {
            throw new ArgumentOutOfRangeException(
                nameof(padding), $"Conv1d: expected a padding of 0 or more, got {padding.Size.Width}.");
        }

        if (padding.Size.Height != padding.Size.Width)
            throw new ArgumentException($"Conv1d: expected one padding for both ends, got {padding}.", nameof(padding));
        if (padding.IsSame && stride != 1)
        {
            throw new ArgumentException(
                $"Conv1d: expected a stride of 1 with Padding.Same, got {stride}. Give the padding as a number.",
                nameof(padding));
        }

        ConvolutionArguments.CheckChannels("Conv1d", inChannels, outChannels, groups);
        random ??= DefaultStreams.Next();
        (InChannels, OutChannels, KernelSize, Stride, Padding, Dilation, Groups) =
            (inChannels, outChannels, kernelSize, stride, padding, dilation, groups);
        Weight = Register("weight", Init.Default.Create([outChannels, inChannels / groups, kernelSize], random),
            ParameterRole.Weight);
        if (!bias) return;
        Bias = Register("bias", Tensor.Zeros([outChannels]), ParameterRole.Bias);
        Init.Default.FillBias(Bias, Weight.Shape, random);
    }

    /// <summary>Channels of the input.</summary>
    public int InChannels { get; }

    /// <summary>Channels of the output.</summary>
    public int OutChannels { get; }

    /// <summary>Size of the window.</summary>
    public int KernelSize { get; }

    /// <summary>Step of the window.</summary>
    public int Stride { get; }

    /// <summary>Zeros at both ends.</summary>
    public Padding Padding { get; }

    /// <summary>Distance of the window's points.</summary>
    public int Dilation { get; }

    /// <summary>Number of groups of channels.</summary>
    public int Groups { get; }

    /// <summary>W, shape (out, in/groups, k).</summary>
    public Parameter Weight { get; }

    /// <summary>b, shape (out); null without a bias.</summary>
    public Parameter? Bias { get; }

    /// <summary>
    /// The standardization of the weight that the layer computes with. Null, the default, uses the raw weight.
    /// </summary>
    /// <exception cref="ArgumentException">A filter has a single weight.</exception>
    public WeightStandardization? WeightStandardization
    {
        get; set =>
        field = Nn.WeightStandardization.Checked("Conv1d", value, Weight.Shape);
    }

    /// <summary>
    /// Writes the standardized weight into <see cref="Weight"/> and ends the standardization. The outputs stay the
    /// same, bit for bit, without the work. From now on the layer trains like a plain one. Without a standardization it
    /// does nothing.
    /// </summary>
    public void BakeWeightStandardization()
    {
        Nn.WeightStandardization.Bake(WeightStandardization, Weight);
        WeightStandardization = null;
    }

    /// <inheritdoc/>
    Tensor IFusesReLU.ForwardWithReLU(Tensor x) => Convolve(x, fuseReLU: true);

    /// <inheritdoc/>
    protected override Tensor ForwardCore(Tensor x) => Convolve(x, fuseReLU: false);

    /// <inheritdoc/>
    public override string ToString()
    {
        string padding = Padding.IsSame ? ", padding=same"
            : Padding == default ? ""
            : $", padding=({Padding.Size.Width},)", dilation = Dilation == 1 ? "" : $", dilation=({Dilation},)";
        string groups = Groups == 1 ? "" : $", groups={Groups}", bias = Bias is null ? ", bias=False" : "";
        return $"Conv1d({InChannels}, {OutChannels}, kernel_size=({KernelSize},), "
            + $"stride=({Stride},){padding}{dilation}{groups}{bias}"
            + $"{Nn.WeightStandardization.Text(WeightStandardization)})";
    }

    private Tensor Convolve(Tensor x, bool fuseReLU) =>
        x.FusedConv1d(Nn.WeightStandardization.Apply(WeightStandardization, Weight, x.Tape),
            Bias, Stride, Padding, Dilation, Groups, fuseReLU);
}
