using Evenkeel.Lab.Experiments.Notebook;

namespace Evenkeel.Lab.Claims;

/// <summary>Lesson N, inline question 4: where layer norm may fail.</summary>
internal sealed class C19LayerNormLimits : Claim
{
    private const string Sweep = "layernorm-limits";

    public override string Id => "C19";

    public override string Statement =>
        "Layer norm helps in deep nets, and does not help in very narrow layers or under strong regularization";

    public override string Lesson => "N16";

    public override string Words =>
        "In a very deep net layer norm still works, as transformers show. With very few features it may not: one of " +
        "them moves all. With a very strong penalty features hardly vary, and layer norm need not help.";

    public override string Effect => "training accuracy with layer norm less without any norm";

    public override Bound Bound => Bound.AtMost(0);

    public override IReadOnlyList<string> Experiments => [Sweep];

    public override string Practice =>
        "Normalize over as many features as there are: over two only a sign is left, over four not much more. A " +
        "penalty on weights before a norm does not shrink what comes out of it, so it is no reason to leave the norm " +
        "out. In a deep net compare with good start values alone, and add residual connections, " +
        "which transformers have around their norms.";

    protected override string Cases =>
        "30 and 10 layers deep from the notebook's weights and from Kaiming's (at or above 0.05), " +
        "2 and 4 features wide, L2 strengths 0.1 and 0.3";

    protected override IEnumerable<Case> Measure(Evidence evidence)
    {
        foreach (double depth in LayerNormLimits.Depths.Skip(1).Reverse())
        {
            yield return new Case($"{depth} layers from weights of 0.02",
                Gain(evidence, FullyConnectedNet.LayerNorm, LayerNormLimits.ByDepthFromSmall, depth),
                Bound: Bound.AtLeast(0.05));
            yield return new Case($"{depth} layers from Kaiming's weights",
                Gain(evidence, FullyConnectedNet.LayerNorm, LayerNormLimits.ByDepth, depth),
                Bound: Bound.AtLeast(0.05));
        }

        yield return new Case("layers of 2 features",
            Gain(evidence, FullyConnectedNet.LayerNorm, LayerNormLimits.ByWidth, 2));
        yield return new Case("layers of 4 features",
            Gain(evidence, FullyConnectedNet.LayerNorm, LayerNormLimits.ByWidth, 4));
        yield return new Case("L2 of 0.1", Gain(evidence, FullyConnectedNet.LayerNorm, LayerNormLimits.ByPenalty, 0.1));
        yield return new Case("L2 of 0.3", Gain(evidence, FullyConnectedNet.LayerNorm, LayerNormLimits.ByPenalty, 0.3));
    }

    protected override string Remark(Evidence evidence)
    {
        string Mean(string norm, string what, double value) =>
            NotebookMath.Signed(Interval.OfMean(Gain(evidence, norm, what, value)).Mean, 2);
        string Say(string what, double value, string words) =>
            $"{words} layer norm gains {Mean(FullyConnectedNet.LayerNorm, what, value)}, batch norm " +
            $"{Mean(FullyConnectedNet.BatchNorm, what, value)}";
        return $"{Say(LayerNormLimits.ByWidth, 2, "At 2 features")}; {Say(LayerNormLimits.ByWidth, 64, "at 64")}; " +
            $"{Say(LayerNormLimits.ByPenalty, 0, "without L2")}; {Say(LayerNormLimits.ByPenalty, 0.3, "at L2 0.3")}; " +
            $"{Say(LayerNormLimits.ByDepth, 30, "at 30 layers")}; " +
            $"{Say(LayerNormLimits.ByDepthFromSmall, 30, "at 30 layers from weights of 0.02")}.";
    }

    private static double[] Gain(Evidence evidence, string norm, string what, double value) =>
        evidence.Differences(Sweep, $"{LayerNormLimits.Variant(norm, what, value)}.trainAccuracy",
            $"{LayerNormLimits.Variant(FullyConnectedNet.None, what, value)}.trainAccuracy");
}
