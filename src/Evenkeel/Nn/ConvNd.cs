using Evenkeel.Random;

namespace Evenkeel.Nn;

/// <summary>
/// What <see cref="Conv1d"/>, <see cref="Conv2d"/> and <see cref="Conv3d"/> share: y = x ⋆ W + b over rows, planes or
/// volumes.
/// </summary>
/// <remarks>
/// <para>Start values are PyTorch's: U(±1/√fan_in) with fan_in = in/groups·(points of the window) for the weight, then
/// the bias. State-dict keys: <c>weight</c>, and <c>bias</c> if there is one.</para>
/// <para>Modes of padding other than zeros take the values around the input from the input. Then no window sees a value
/// that is not data. <see cref="PaddingMode.Reflect"/> takes at most one value less than the input has,
/// <see cref="PaddingMode.Circular"/> at most all.</para>
/// </remarks>
public abstract class ConvNd : Module, IFusesReLU
{
    private protected ConvNd(
        in ConvolutionSettings settings, int inChannels, int outChannels, Size3 kernel, bool bias,
        IRandomStream? random)
    {
        (Settings, Kernel, InChannels, OutChannels) = (settings.Checked(), kernel, inChannels, outChannels);
        ConvolutionArguments.Check(settings, inChannels, outChannels, kernel);
        random ??= DefaultStreams.Next();
        Weight = Register("weight", Init.Default.Create(
            ConvolutionArguments.WeightShape(settings, outChannels, inChannels / settings.Groups, kernel), random),
            ParameterRole.Weight);
        if (!bias) return;
        Bias = Register("bias", Tensor.Zeros([outChannels]), ParameterRole.Bias);
        Init.Default.FillBias(Bias, Weight.Shape, random);
    }

    /// <summary>Channels of the input.</summary>
    public int InChannels { get; }

    /// <summary>Channels of the output.</summary>
    public int OutChannels { get; }

    /// <summary>What is added around the input.</summary>
    public Padding Padding => Settings.Padding;

    /// <summary>What stands where the padding is.</summary>
    public PaddingMode PaddingMode => Settings.Mode;

    /// <summary>Number of groups of channels.</summary>
    public int Groups => Settings.Groups;

    /// <summary>W, shape (out, in/groups, sizes of the window).</summary>
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
        field = Nn.WeightStandardization.Checked(TypeName, value, Weight.Shape);
    }

    /// <summary>Stride, padding, dilation and groups.</summary>
    internal ConvolutionSettings Settings { get; }

    /// <summary>Points of the window.</summary>
    internal Size3 Kernel { get; }

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

    /// <summary>PyTorch's spelling of the settings.</summary>
    public override string ToString() =>
        ConvolutionArguments.Text(Settings, InChannels, OutChannels, Kernel, Bias is not null,
            Nn.WeightStandardization.Text(WeightStandardization));

    /// <inheritdoc/>
    Tensor IFusesReLU.ForwardWithReLU(Tensor x) => Convolve(x, fuseReLU: true);

    /// <inheritdoc/>
    protected override Tensor ForwardCore(Tensor x) => Convolve(x, fuseReLU: false);

    private Tensor Convolve(Tensor x, bool fuseReLU) => x.Convolve(
        Settings, Nn.WeightStandardization.Apply(WeightStandardization, Weight, x.Tape), Bias, fuseReLU);
}
