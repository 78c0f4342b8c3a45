using System.Globalization;

namespace Evenkeel.Lab.Claims;

/// <summary>Lesson N: layer norm depends less on the batch size.</summary>
internal sealed class C18LayerNormBatch : Claim
{
    private const string Batch = "batch-size";
    private const string Layer = "layernorm-batch-size";

    public override string Id => "C18";

    public override string Statement => "Layer norm depends less on the batch size than batch norm";

    public override string Lesson => "N16";

    public override string Words =>
        "Layer norm normalizes every sample by itself; compared with the experiment with batch norm, the batch size " +
        "matters much less for the training accuracy.";

    public override string Effect =>
        "largest less smallest final training accuracy over batch sizes, layer norm's less batch norm's";

    public override Bound Bound => Bound.AtMost(-0.05);

    public override IReadOnlyList<string> Experiments => [Layer, Batch];

    public override string Practice =>
        "Where batches must be small, or their size changes between training runs, " +
        "take layer norm (in convolutions group norm).";

    protected override string Cases => "over batches of 5, 10 and 50, and over 10 and 50 alone";

    protected override IEnumerable<Case> Measure(Evidence evidence)
    {
        yield return new Case("batches of 5, 10 and 50", Pair(evidence, [5, 10, 50]));
        yield return new Case("batches of 10 and 50", Pair(evidence, [10, 50]));
    }

    protected override string Remark(Evidence evidence)
    {
        double none = Interval.OfMean(evidence.Values(Batch, "none.spread")).Mean,
            layer = Interval.OfMean(evidence.Values(Layer, "layernorm.spread")).Mean;
        return string.Create(CultureInfo.InvariantCulture, $"Equal epochs are fewer steps at larger batches: the " +
            $"spread is {layer:F2} with layer norm, and {none:F2} without any norm.");
    }

    private static double[] Pair(Evidence evidence, int[] sizes)
    {
        double[] layer = evidence.Values(Layer, figures => Spread(figures, "layernorm", sizes)),
            batch = evidence.Values(Batch, figures => Spread(figures, "batchnorm", sizes));
        return [.. layer.Zip(batch, static (of, less) => of - less)];
    }

    private static double Spread(IReadOnlyDictionary<string, double> figures, string norm, int[] sizes)
    {
        double[] accuracies = [.. sizes.Select(size => figures[$"{norm}-{size}.finalTrainAccuracy"])];
        return accuracies.Max() - accuracies.Min();
    }
}
