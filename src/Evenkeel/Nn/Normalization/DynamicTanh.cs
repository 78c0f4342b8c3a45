using Evenkeel.Random;

namespace Evenkeel.Nn;

/// <summary>
/// Dynamic Tanh (DyT), an element-wise layer in place of a norm: y = gamma·tanh(alpha·x) + beta, alpha one learned
/// number, gamma and beta one value per feature.
/// </summary>
/// <remarks>
/// <para>Input: (*, normalizedShape), or (N, C, ...) with channels first; output: the same shape. It takes no
/// statistics: large values are squashed, small ones scaled by alpha. Train and eval are the same.</para>
/// <para>State-dict keys, those of the paper's code: <c>alpha</c> (1), <c>weight</c> (gamma), <c>bias</c> (beta).
/// </para>
/// <para>Source: Zhu, Chen, He, LeCun and Liu, "Transformers without Normalization", CVPR 2025 (arXiv 2503.10622).
/// </para>
/// </remarks>
public sealed class DynamicTanh : Module, IInitializable
{
    /// <summary>Creates the layer.</summary>
    /// <param name="normalizedShape">
    /// The shape of gamma and beta: the trailing dimensions of the input, or (C) with channels first.
    /// </param>
    /// <param name="channelsLast">
    /// Whether the features are the trailing dimensions; otherwise they are dimension 1.
    /// </param>
    /// <param name="alphaInitValue">alpha at first: larger inputs want a smaller one.</param>
    /// <exception cref="ArgumentException">An empty normalized shape, or one with a zero; channels first and more than
    /// one dimension.</exception>
    /// <exception cref="ArgumentOutOfRangeException">An alpha that is not finite.</exception>
    public DynamicTanh(Shape normalizedShape, bool channelsLast = true, double alphaInitValue = 0.5)
    {
        DynamicArguments.Check("DynamicTanh", normalizedShape, channelsLast, alphaInitValue);
        (NormalizedShape, ChannelsLast, AlphaInitValue) = (normalizedShape, channelsLast, alphaInitValue);
        Alpha = Register("alpha", Tensor.Full([1], alphaInitValue), ParameterRole.Other);
        Weight = Register("weight", Tensor.Ones(normalizedShape), ParameterRole.NormScale);
        Bias = Register("bias", Tensor.Zeros(normalizedShape), ParameterRole.NormShift);
    }

    /// <summary>The shape of gamma and beta.</summary>
    public Shape NormalizedShape { get; }

    /// <summary>Whether the features are the trailing dimensions; otherwise they are dimension 1.</summary>
    public bool ChannelsLast { get; }

    /// <summary>alpha at first.</summary>
    public double AlphaInitValue { get; }

    /// <summary>alpha, of shape (1).</summary>
    public Parameter Alpha { get; }

    /// <summary>gamma, of the normalized shape, 1 at first.</summary>
    public Parameter Weight { get; }

    /// <summary>beta, of the normalized shape, 0 at first.</summary>
    public Parameter Bias { get; }

    /// <summary>The paper's spelling of the settings.</summary>
    public override string ToString() => $"DynamicTanh(normalized_shape={NormalizedShape}, "
        + $"alpha_init_value={PythonNumber.Format(AlphaInitValue)}, channels_last={PythonNumber.Format(ChannelsLast)})";

    /// <summary>Whatever the scheme is, alpha becomes its first value, gamma 1 and beta 0.</summary>
    void IInitializable.SetStartValues(Init init, IRandomStream random)
    {
        Alpha.Value.Fill(AlphaInitValue);
        Weight.Value.Fill(1);
        Bias.Value.Fill(0);
    }

    /// <inheritdoc/>
    protected override Tensor ForwardCore(Tensor x) => x.DynamicTanh(Alpha, Weight, Bias, ChannelsLast);
}
