using Evenkeel.Lab.Experiments.Notebook;

namespace Evenkeel.Lab.Claims;

/// <summary>Lesson N: the larger the batch, the more batch norm helps.</summary>
internal sealed class C17BatchSize : Claim
{
    private const string Sweep = "batch-size";

    public override string Id => "C17";

    public override string Statement =>
        "The larger the batch, the better a net with batch norm trains; at 5 it loses to none";

    public override string Lesson => "N13";

    public override string Words =>
        "The larger the batch, the more batch norm improves training: its statistics come closer to those of all " +
        "images. In the plots, at a batch of 5, the net without a norm is ahead.";

    public override string Effect => "final training accuracy, difference of two nets";

    public override Bound Bound => Bound.AtLeast(0.02);

    public override IReadOnlyList<string> Experiments => [Sweep];

    public override string Practice =>
        "Give batch norm batches of some tens of samples. Where memory allows only a few, compare with no norm, or " +
        "take a norm that does not look at the batch (layer, group).";

    protected override string Cases =>
        "batch norm at 10 less at 5 and at 50 less at 10 (equal epochs); the same of its lead over a net without " +
        "norm of the same batch size (equal updates, so that more images per step are not counted for it); " +
        "at 5 no norm less batch norm";

    protected override IEnumerable<Case> Measure(Evidence evidence)
    {
        yield return new Case("10 against 5 after equal epochs",
            evidence.Differences(Sweep, "batchnorm-10.finalTrainAccuracy", "batchnorm-5.finalTrainAccuracy"));
        yield return new Case("50 against 10 after equal epochs",
            evidence.Differences(Sweep, "batchnorm-50.finalTrainAccuracy", "batchnorm-10.finalTrainAccuracy"));
        yield return new Case("no norm against batch norm at 5",
            evidence.Differences(Sweep, "none-5.finalTrainAccuracy", "batchnorm-5.finalTrainAccuracy"));
        // A quick run has no epoch at which updates are equal.
        if (!evidence.HasFigure(Sweep, $"none-5.{BatchSizeExperiment.EqualUpdates}")) yield break;
        yield return new Case("the lead at 10 against 5 after equal updates",
            evidence.Values(Sweep, static figures => Lead(figures, 10) - Lead(figures, 5)));
        yield return new Case("the lead at 50 against 10 after equal updates",
            evidence.Values(Sweep, static figures => Lead(figures, 50) - Lead(figures, 10)));
    }

    protected override string? Remark(Evidence evidence)
    {
        if (!evidence.HasFigure(Sweep, $"none-5.{BatchSizeExperiment.EqualUpdates}")) return
            "Compared at equal epochs only: in a quick run no epoch ends at the same number of updates.";
        string Mean(int size) =>
            NotebookMath.Signed(Interval.OfMean(evidence.Values(Sweep, figures => Lead(figures, size))).Mean, 2);
        return $"After equally many updates batch norm is ahead of no norm by {Mean(5)} at 5, " +
            $"{Mean(10)} at 10 and {Mean(50)} at 50.";
    }

    /// <summary>What batch norm is ahead of no norm after equally many updates.</summary>
    private static double Lead(IReadOnlyDictionary<string, double> figures, int size) =>
        figures[$"batchnorm-{size}.{BatchSizeExperiment.EqualUpdates}"]
            - figures[$"none-{size}.{BatchSizeExperiment.EqualUpdates}"];
}
