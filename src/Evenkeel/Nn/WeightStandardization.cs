namespace Evenkeel.Nn;

/// <summary>
/// Weight standardization: a layer computes with Ŵ = (W - mean)/sqrt(var + eps) instead of W, mean and (biased)
/// variance of each output filter's own weights. Set it on a layer: <c>new Conv2d(16, 32, 3, bias: false) {
/// WeightStandardization = new() }</c>.
/// </summary>
/// <remarks>
/// <para>W stays what is trained and saved: the state dict's <c>weight</c> is the raw one, and this setting is part of
/// the code, not of the file. Shifting a filter, or scaling it, changes nothing (up to eps), so the scale of the start
/// values does not matter; that of the output does: a filter of m weights has |Ŵ|² = m, so a normalization layer should
/// follow, group norm in the source.</para>
/// <para>Gradient. A filter is a row of m values that layer norm standardizes, so its theorem holds, with rstd =
/// 1/sqrt(var + eps) and G = dL/dŴ: dL/dW = rstd·(G - mean(G) - Ŵ·mean(G·Ŵ)). Its values sum to 0 over a filter, and
/// (but for eps) it is orthogonal to W: a step neither shifts nor shrinks a filter, it turns it. The layer norm op on
/// the weights as a matrix (out, m) computes both.</para>
/// <para>Eval computes Ŵ in each pass too; <c>BakeWeightStandardization()</c> writes it into the layer's
/// weight once and for all.</para>
/// <para>Source: Qiao, Wang, Liu, Shen and Yuille, "Micro-Batch Training with Batch-Channel Normalization and Weight
/// Standardization", 2019; eps inside the root as in BiT's and timm's layers.</para>
/// </remarks>
public sealed record WeightStandardization
{
    /// <summary>Creates the setting.</summary>
    /// <param name="eps">
    /// Added to the variance of a filter, which is 1/(3·fan-in) in PyTorch's start values; 0 or more. With 0 a constant
    /// filter becomes 0.
    /// </param>
    /// <exception cref="ArgumentOutOfRangeException">A negative, infinite or NaN eps.</exception>
    public WeightStandardization(double eps = 1e-6)
    {
        NormChecks.Eps("WeightStandardization", eps);
        Eps = eps;
    }

    /// <summary>The value that is added to the variance.</summary>
    public double Eps { get; }

    /// <inheritdoc/>
    public override string ToString() => InvariantText.Of(nameof(WeightStandardization), PrintMembers);

    /// <summary>The weight a layer computes with: the raw one, or the standardized one on the pass's tape.</summary>
    internal static Tensor Apply(WeightStandardization? setting, Parameter weight, Tape? tape)
    {
        Tensor raw = tape is null ? weight.Value : tape.Watch(weight);
        if (setting is null) return raw;
        int filters = weight.Shape[0], m = weight.Value.Count / filters;
        return raw.Reshape([filters, m]).LayerNorm([m], null, null, setting.Eps).Reshape(weight.Shape);
    }

    /// <summary>Writes the standardized weight into the raw one.</summary>
    internal static void Bake(WeightStandardization? setting, Parameter weight) =>
        weight.Value.CopyFrom(Apply(setting, weight, tape: null));

    /// <exception cref="ArgumentException">A filter has a single weight.</exception>
    internal static WeightStandardization? Checked(string layer, WeightStandardization? setting, Shape weight) =>
        setting is null || weight.Count > weight[0]
            ? setting
            : throw new ArgumentException(
                $"{layer}: expected two or more weights a filter to standardize, got a weight of shape {weight}; "
                + $"a single one minus its mean is 0 whatever it is. Leave WeightStandardization null here.",
                nameof(weight));

    /// <summary>The text that a layer's printout adds.</summary>
    internal static string Text(WeightStandardization? setting) =>
        setting is null ? "" : $", weight_standardization={PythonNumber.Format(setting.Eps)}";
}
