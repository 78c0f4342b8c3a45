using Evenkeel.Random;

namespace Evenkeel.Nn;

/// <summary>
/// Dynamic erf (Derf), an element-wise layer in place of a norm: y = gamma·erf(alpha·x + s) + beta, alpha and s one
/// learned number each, gamma and beta one value per feature.
/// </summary>
/// <remarks>
/// <para>Input: (*, normalizedShape), or (N, C, ...) with channels first; output: the same shape. It takes no
/// statistics. Train and eval are the same.</para>
/// <para>State-dict keys: <c>alpha</c> (1), <c>shift</c> (1, s), <c>weight</c> (gamma), <c>bias</c> (beta).</para>
/// <para>Source: Chen, Lu, Zhu, Sun and Liu, "Stronger Normalization-Free Transformers", 2025 (arXiv 2512.10938).
/// </para>
/// </remarks>
public sealed class DynamicErf : Module, IInitializable
{
    /// <summary>Creates the layer.</summary>
    /// <param name="normalizedShape">
    /// The shape of gamma and beta: the trailing dimensions of the input, or (C) with channels first.
    /// </param>
    /// <param name="channelsLast">
    /// Whether the features are the trailing dimensions; otherwise they are dimension 1.
    /// </param>
    /// <param name="alphaInitValue">alpha at first.</param>
    /// <param name="shiftInitValue">s at first.</param>
    /// <exception cref="ArgumentException">An empty normalized shape, or one with a zero; channels first and more than
    /// one dimension.</exception>
    /// <exception cref="ArgumentOutOfRangeException">An alpha or s that is not finite.</exception>
    public DynamicErf(
        Shape normalizedShape, bool channelsLast = true, double alphaInitValue = 0.5, double shiftInitValue = 0)
    {
        DynamicArguments.Check("DynamicErf", normalizedShape, channelsLast, alphaInitValue, shiftInitValue);
        (NormalizedShape, ChannelsLast) = (normalizedShape, channelsLast);
        (AlphaInitValue, ShiftInitValue) = (alphaInitValue, shiftInitValue);
        Alpha = Register("alpha", Tensor.Full([1], alphaInitValue), ParameterRole.Other);
        Shift = Register("shift", Tensor.Full([1], shiftInitValue), ParameterRole.Other);
        Weight = Register("weight", Tensor.Ones(normalizedShape), ParameterRole.NormScale);
        Bias = Register("bias", Tensor.Zeros(normalizedShape), ParameterRole.NormShift);
    }

    /// <summary>The shape of gamma and beta.</summary>
    public Shape NormalizedShape { get; }

    /// <summary>Whether the features are the trailing dimensions; otherwise they are dimension 1.</summary>
    public bool ChannelsLast { get; }

    /// <summary>alpha at first.</summary>
    public double AlphaInitValue { get; }

    /// <summary>s at first.</summary>
    public double ShiftInitValue { get; }

    /// <summary>alpha, of shape (1).</summary>
    public Parameter Alpha { get; }

    /// <summary>s, of shape (1).</summary>
    public Parameter Shift { get; }

    /// <summary>gamma, of the normalized shape, 1 at first.</summary>
    public Parameter Weight { get; }

    /// <summary>beta, of the normalized shape, 0 at first.</summary>
    public Parameter Bias { get; }

    /// <summary>The settings, in the spelling of Dynamic Tanh's code.</summary>
    public override string ToString() => $"DynamicErf(normalized_shape={NormalizedShape}, "
        + $"alpha_init_value={PythonNumber.Format(AlphaInitValue)}, "
        + $"shift_init_value={PythonNumber.Format(ShiftInitValue)}, channels_last={PythonNumber.Format(ChannelsLast)})";

    /// <summary>Whatever the scheme is, alpha and s become their first values, gamma 1 and beta 0.</summary>
    void IInitializable.SetStartValues(Init init, IRandomStream random)
    {
        Alpha.Value.Fill(AlphaInitValue);
        Shift.Value.Fill(ShiftInitValue);
        Weight.Value.Fill(1);
        Bias.Value.Fill(0);
    }

    /// <inheritdoc/>
    protected override Tensor ForwardCore(Tensor x) => x.DynamicErf(Alpha, Shift, Weight, Bias, ChannelsLast);
}
