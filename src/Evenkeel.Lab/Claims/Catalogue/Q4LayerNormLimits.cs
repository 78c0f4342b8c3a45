using Evenkeel.Lab.Experiments.Notebook;

namespace Evenkeel.Lab.Claims;

/// <summary>Inline question 4: where layer norm may not work well.</summary>
internal sealed class Q4LayerNormLimits : Question
{
    private const string Sweep = "layernorm-limits";

    public override int Number => 4;

    public override string Lesson => "N16";

    public override string Text =>
        "Where may layer norm fail to work well: " +
        "in a very deep net, with a very small feature dimension, under very strong regularization?";

    public override string LessonAnswer =>
        "Not in deep nets (transformers are deep and use it); with very few features yes, their mean and deviation " +
        "say too little; under very strong regularization yes.";

    public override IReadOnlyList<string> Experiments => [Sweep];

    public override IReadOnlyList<string> Claims => ["C18", "C19"];

    protected override IEnumerable<Point> Measure(Evidence evidence)
    {
        yield return new Point(
            "A net 10 layers deep trains better with layer norm, from the notebook's weights",
            "training accuracy, layer norm less none, weights of 0.02", Bound.Above(0),
            Gain(evidence, LayerNormLimits.ByDepthFromSmall, 10));
        yield return new Point(
            "A net 30 layers deep trains no worse with layer norm, from weights that suit one without",
            "training accuracy, layer norm less none, Kaiming weights", Bound.AtLeast(0),
            Gain(evidence, LayerNormLimits.ByDepth, 30));
        yield return new Point("With 2 features layer norm makes it worse", "training accuracy, layer norm less none",
            Bound.Below(0), Gain(evidence, LayerNormLimits.ByWidth, 2));
        yield return new Point("Under L2 of 0.3 layer norm makes it worse", "training accuracy, layer norm less none",
            Bound.Below(0), Gain(evidence, LayerNormLimits.ByPenalty, 0.3));
    }

    private static double[] Gain(Evidence evidence, string what, double value) => evidence.Differences(
        Sweep, $"{LayerNormLimits.Variant(FullyConnectedNet.LayerNorm, what, value)}.trainAccuracy",
            $"{LayerNormLimits.Variant(FullyConnectedNet.None, what, value)}.trainAccuracy");
}
