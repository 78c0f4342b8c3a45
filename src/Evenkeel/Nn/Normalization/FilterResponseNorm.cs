using Evenkeel.Random;

namespace Evenkeel.Nn;

/// <summary>
/// Filter response normalization with its activation, the thresholded linear unit: y = max(gamma·x/sqrt(nu² + eps) +
/// beta, tau), nu² the mean of x² over the positions of each channel of each sample; gamma, beta and tau one value per
/// channel.
/// </summary>
/// <remarks>
/// <para>Input: (N, C, ...); output: the same shape. A sample is normalized by itself, without a mean: train and eval
/// are the same, and a batch of one is fine. No ReLU follows: without its mean a channel may lie wholly on one side of
/// 0, and tau moves with it.</para>
/// <para>State-dict keys: <c>weight</c> (gamma), <c>bias</c> (beta), <c>tau</c>, those of timm's
/// <c>FilterResponseNormTlu2d</c>, whose eps is 1e-5.</para>
/// <para>Source: Singh and Krishnan, "Filter Response Normalization Layer: Eliminating Batch Dependence in the Training
/// of Deep Neural Networks", CVPR 2020. Its learned eps, for channels of one position, is not here.</para>
/// </remarks>
public sealed class FilterResponseNorm : Module, IInitializable, INormalization
{
    /// <summary>Creates the layer.</summary>
    /// <param name="numFeatures">Number of channels C, 1 or more.</param>
    /// <param name="eps">Added to nu²; 0 or more.</param>
    /// <param name="applyAct">Whether the activation follows; without it there is no tau.</param>
    /// <exception cref="ArgumentOutOfRangeException">No features, or an eps that is negative or not finite.</exception>
    public FilterResponseNorm(int numFeatures, double eps = 1e-6, bool applyAct = true)
    {
        NormChecks.Features("FilterResponseNorm", numFeatures);
        NormChecks.Eps("FilterResponseNorm", eps);
        (NumFeatures, Eps) = (numFeatures, eps);
        Weight = Register("weight", Tensor.Ones([numFeatures]), ParameterRole.NormScale);
        Bias = Register("bias", Tensor.Zeros([numFeatures]), ParameterRole.NormShift);
        if (applyAct) Tau = Register("tau", Tensor.Zeros([numFeatures]), ParameterRole.Other);
    }

    /// <summary>Number of channels.</summary>
    public int NumFeatures { get; }

    /// <summary>The value that is added to nu².</summary>
    public double Eps { get; }

    /// <summary>gamma, (C), 1 at first.</summary>
    public Parameter Weight { get; }

    /// <summary>beta, (C), 0 at first.</summary>
    public Parameter Bias { get; }

    /// <summary>tau, (C), 0 at first; null without the activation.</summary>
    public Parameter? Tau { get; }

    /// <inheritdoc/>
    public override string ToString() => $"FilterResponseNorm({NumFeatures}, eps={PythonNumber.Format(Eps)}, "
        + $"apply_act={PythonNumber.Format(Tau is not null)})";

    /// <summary>Whatever the scheme is, gamma becomes 1, beta and tau 0.</summary>
    void IInitializable.SetStartValues(Init init, IRandomStream random)
    {
        Weight.Value.Fill(1);
        Bias.Value.Fill(0);
        Tau?.Value.Fill(0);
    }

    /// <inheritdoc/>
    protected override Tensor ForwardCore(Tensor x) => x.FilterResponseNorm(Weight, Bias, Tau, Eps);
}
