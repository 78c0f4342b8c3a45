using Evenkeel.Random;

namespace Evenkeel.Nn;

/// <summary>
/// Convolution over planes, y = x ⋆ W + b, with x (N, in, H, W) or (in, H, W), W (out, in/groups, kh, kw), b (out), y
/// (N, out, H', W'). H' = ⌊(H + 2·padding - dilation·(kh - 1) - 1)/stride⌋ + 1, W' likewise. Source: torch.nn.Conv2d.
/// </summary>
public sealed class Conv2d : Module, IFusesReLU
{
    /// <summary>
    /// Creates the layer with PyTorch's arguments and default start values, U(±1/√fan_in) with fan_in = in/groups·kh·kw
    /// for the weight, then the bias. A size is an <c>int</c> or a tuple (height, width).
    /// </summary>
    /// <param name="inChannels">Channels of the input.</param>
    /// <param name="outChannels">Channels of the output.</param>
    /// <param name="kernelSize">Size of the window.</param>
    /// <param name="stride">Steps of the window; null for 1.</param>
    /// <param name="padding">Zeros around the input, or <see cref="Padding.Same"/>.</param>
    /// <param name="dilation">Distance of the window's points; null for 1.</param>
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
    /// The groups do not divide the channels, or <see cref="Padding.Same"/> meets a stride.
    /// </exception>
    public Conv2d(
        int inChannels, int outChannels, Size2 kernelSize, Size2? stride = null, Padding padding = default,
        Size2? dilation = null, int groups = 1, bool bias = true, IRandomStream? random = null)
    {
        (Size2 steps, Size2 distances) = (stride ?? 1, dilation ?? 1);
        if (Math.Min(kernelSize.Height, kernelSize.Width) < 1)
        {
            throw new ArgumentOutOfRangeException(
                nameof(kernelSize), $"Conv2d: expected a kernel of 1 or more, got {kernelSize}.");
        }

        if (Math.Min(steps.Height, steps.Width) < 1)
        {
            throw new ArgumentOutOfRangeException(
                nameof(stride), $"Conv2d: expected a stride of 1 or more, got {steps}.");
        }

        if (Math.Min(distances.Height, distances.Width) < 1)
        {
            throw new ArgumentOutOfRangeException(
                nameof(dilation), $"Conv2d: expected a dilation of 1 or more, got {distances}.");
        }

        if (Math.Min(padding.Size.Height, padding.Size.Width) < 0)
        {
            throw new ArgumentOutOfRangeException(
                nameof(padding), $"Conv2d: expected a padding of 0 or more, got {padding}.");
        }

        if (padding.IsSame && steps != 1)
        {
            throw new ArgumentException(
                $"Conv2d: expected a stride of 1 with Padding.Same, got {steps}. Give the padding as numbers.",
                nameof(padding));
        }

        ConvolutionArguments.CheckChannels("Conv2d", inChannels, outChannels, groups);
        random ??= DefaultStreams.Next();
        (InChannels, OutChannels, KernelSize, Stride, Padding, Dilation, Groups) =
            (inChannels, outChannels, kernelSize, steps, padding, distances, groups);
        Weight = Register("weight",
            Init.Default.Create([outChannels, inChannels / groups, kernelSize.Height, kernelSize.Width], random),
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
    public Size2 KernelSize { get; }

    /// <summary>Steps of the window.</summary>
    public Size2 Stride { get; }

    /// <summary>Zeros around the input.</summary>
    public Padding Padding { get; }

    /// <summary>Distance of the window's points.</summary>
    public Size2 Dilation { get; }

    /// <summary>Number of groups of channels.</summary>
    public int Groups { get; }

    /// <summary>W, shape (out, in/groups, kh, kw).</summary>
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
        field = Nn.WeightStandardization.Checked("Conv2d", value, Weight.Shape);
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
        string padding = Padding == default ? "" : $", padding={Padding}",
            dilation = Dilation == 1 ? "" : $", dilation={Dilation}";
        string groups = Groups == 1 ? "" : $", groups={Groups}", bias = Bias is null ? ", bias=False" : "";
        return $"Conv2d({InChannels}, {OutChannels}, kernel_size={KernelSize}, "
            + $"stride={Stride}{padding}{dilation}{groups}{bias}"
            + $"{Nn.WeightStandardization.Text(WeightStandardization)})";
    }

    private Tensor Convolve(Tensor x, bool fuseReLU) =>
        x.FusedConv2d(Nn.WeightStandardization.Apply(WeightStandardization, Weight, x.Tape),
            Bias, Stride, Padding, Dilation, Groups, fuseReLU);
}
