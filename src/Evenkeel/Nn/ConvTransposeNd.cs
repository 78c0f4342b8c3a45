using Evenkeel.Random;

namespace Evenkeel.Nn;

/// <summary>
/// What <see cref="ConvTranspose1d"/>, <see cref="ConvTranspose2d"/> and <see cref="ConvTranspose3d"/> share: y = Aᵀ·x
/// + b, where A is the convolution with the weight. A value of x adds its window of weights to the results around its
/// place, and neighbouring places are a stride apart: with a stride of 2 the output is twice as large as the input.
/// </summary>
/// <remarks>
/// <para>A convolution with a stride takes inputs of several sizes to the same output. <c>outputPadding</c> says which
/// of them comes back: it adds results at the end. Results that no window covers are b.</para>
/// <para>Start values are PyTorch's: U(±1/√fan_in) for the weight, then the bias. PyTorch reads fan_in from the second
/// dimension of the weight, so it is out/groups·(points of the window) here. State-dict keys: <c>weight</c>, and
/// <c>bias</c> if there is one.</para>
/// </remarks>
public abstract class ConvTransposeNd : Module, IFusesReLU, IOutputsInDimension1
{
    private protected ConvTransposeNd(
        in ConvolutionSettings settings, int inChannels, int outChannels, Size3 kernel, bool bias,
        IRandomStream? random)
    {
        (Settings, Kernel, InChannels, OutChannels) = (settings.Checked(), kernel, inChannels, outChannels);
        ConvolutionArguments.Check(settings, inChannels, outChannels, kernel);
        random ??= DefaultStreams.Next();
        Weight = Register("weight", Init.Default.Create(
            ConvolutionArguments.WeightShape(settings, inChannels, outChannels / settings.Groups, kernel), random),
            ParameterRole.Weight);
        if (!bias) return;
        Bias = Register("bias", Tensor.Zeros([outChannels]), ParameterRole.Bias);
        Init.Default.FillBias(Bias, Weight.Shape, random);
    }

    /// <summary>Channels of the input.</summary>
    public int InChannels { get; }

    /// <summary>Channels of the output.</summary>
    public int OutChannels { get; }

    /// <summary>Results that are cut off.</summary>
    public Padding Padding => Settings.Padding;

    /// <summary>Number of groups of channels.</summary>
    public int Groups => Settings.Groups;

    /// <summary>W, shape (in, out/groups, sizes of the window).</summary>
    public Parameter Weight { get; }

    /// <summary>b, shape (out); null without a bias.</summary>
    public Parameter? Bias { get; }

    /// <summary>Stride, padding, dilation, output padding and groups.</summary>
    internal ConvolutionSettings Settings { get; }

    /// <summary>Points of the window.</summary>
    internal Size3 Kernel { get; }

    /// <summary>PyTorch's spelling of the settings.</summary>
    public override string ToString() =>
        ConvolutionArguments.Text(Settings, InChannels, OutChannels, Kernel, Bias is not null, "");

    /// <inheritdoc/>
    Tensor IFusesReLU.ForwardWithReLU(Tensor x) => x.ConvolveTransposed(Settings, Weight, Bias, fuseReLU: true);

    /// <inheritdoc/>
    protected override Tensor ForwardCore(Tensor x) => x.ConvolveTransposed(Settings, Weight, Bias);
}
