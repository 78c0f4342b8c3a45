using System.Globalization;
using Evenkeel.Lab.Experiments.Convnets;

namespace Evenkeel.Lab.Claims;

/// <summary>Zhu et al.'s transformers without normalization, and the limit that was found since: many data.</summary>
internal sealed class C33DynamicTanh : Claim
{
    private const string Compared = "norm-free";

    public override string Id => "C33";

    public override string Statement => "Dynamic Tanh replaces layer norm";

    public override string Lesson => "D8";

    public override string Words =>
        "Networks with Dynamic Tanh in place of layer norm match those with it (Zhu et al. 2025), say its authors; " +
        "others found that it helps if data are few, and costs if they are many.";

    public override string Effect =>
        "test accuracy with Dynamic Tanh less that with layer norm, each at the best of three rates, " +
        "equally many images seen";

    public override Bound Bound => Bound.AtLeast(-0.01);

    public override IReadOnlyList<string> Experiments => [Compared];

    public override string Practice =>
        "A net with Dynamic Tanh has no sums over a row, which is its gain. Compare both on as many data as you will " +
        "train on: what it does on a small set does not say what it does on a large one.";

    protected override string Cases => "on 100, 400, 1,600 and 5,000 images";

    protected override IEnumerable<Case> Measure(Evidence evidence) => NormFree.Sizes.Select(size => new Case(
        string.Create(CultureInfo.InvariantCulture, $"{size:N0} images"), Lead(evidence, NormFree.DyT, size)));

    protected override string Remark(Evidence evidence)
    {
        return $"Test accuracies: {string.Join("; ", NormFree.Sizes.Select(Sizes))}.";

        string Sizes(int size) => string.Create(CultureInfo.InvariantCulture,
            $"{size:N0} images: layer norm {Mean(NormFree.Layer, size):F3}, " +
            $"Dynamic Tanh {Mean(NormFree.DyT, size):F3}, Dynamic erf {Mean(NormFree.Derf, size):F3}, " +
            $"none {Mean(NormFree.None, size):F3}");

        double Mean(string norm, int size) => evidence.Values(Compared, NormFree.Figure(norm, size)).Average();
    }

    private static double[] Lead(Evidence evidence, string norm, int size) =>
        evidence.Differences(Compared, NormFree.Figure(norm, size), NormFree.Figure(NormFree.Layer, size));
}
