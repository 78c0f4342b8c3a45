using System.Globalization;

namespace Evenkeel.Lab.Claims;

/// <summary>Lesson D's scatter of test accuracies at learning rate 1.0, and what takes it away.</summary>
internal sealed class C31Recalibration : Claim
{
    private const string Recalibration = "recalibration";

    private const string WorstEffect =
        "lowest test accuracy of the later half of the epochs, exact statistics less moving averages";

    /// <summary>A thousandth, one test image: smaller changes count as one, so that there is a ratio.</summary>
    private const double OneImage = 1e-3;

    private static readonly Bound s_worst = Bound.AtLeast(0.03);

    public override string Id => "C31";

    public override string Statement => "Recalibration removes the spread of test accuracies at a large learning rate";

    public override string Lesson => "D6";

    public override string Words =>
        "Published test accuracies of LeNet with batch norm lie between .71 and .89 where training accuracies agree " +
        "to a percent; if moving averages are the cause, exact statistics of the training images take the spread away.";

    public override string Effect =>
        "mean change of test accuracy from epoch to epoch in the later half of a training at learning rate 1.0, " +
        "exact statistics over moving averages (changes of 0.001, one test image, at least)";

    /// <summary>To be called removed, half of the spread at least has to go.</summary>
    public override Bound Bound => Bound.AtMost(0.5);

    public override string Rule =>
        $"{Effect}: the 95 % interval over the seeds lies {Bound}; and the {WorstEffect} lies {s_worst} ({InPart})";

    public override IReadOnlyList<string> Experiments => [Recalibration];

    public override string Practice =>
        "Where training is good and testing jumps, recompute the statistics of the batch norms on training images " +
        "before you look for overfitting; it costs a few passes forward. A smaller rate in the last epochs does the " +
        "same for the moving averages, and calms the weights too.";

    protected override IEnumerable<Case> Measure(Evidence evidence) =>
    [
        new Case("the change from epoch to epoch",
            evidence.Values(Recalibration, static figures =>
            Math.Max(OneImage, figures["large.exactSwing"]) / Math.Max(OneImage, figures["large.movingSwing"])),
                IsRatio: true),
        new Case("the worst epoch", evidence.Differences(Recalibration, "large.exactLowest", "large.movingLowest"),
            Bound: s_worst, Effect: WorstEffect),
    ];

    protected override string Remark(Evidence evidence)
    {
        return string.Create(CultureInfo.InvariantCulture,
            $"From epoch to epoch: {Mean("large.movingSwing"):F3} by moving averages, {Mean("large.exactSwing"):F3} " +
            $"by exact statistics; at rate 0.1 {Mean("small.movingSwing"):F3} and {Mean("small.exactSwing"):F3}. " +
            $"After the last epoch the seeds lie between {Range("large.movingFinal")} by moving averages, between " +
            $"{Range("large.exactFinal")} by exact statistics. Exact statistics gain {Mean("large.meanGain"):F3} on " +
            $"average at rate 1.0, {Mean("small.meanGain"):F3} at 0.1.");

        double Mean(string figure) => evidence.Values(Recalibration, figure).Average();

        string Range(string figure) => string.Create(CultureInfo.InvariantCulture,
            $"{evidence.Values(Recalibration, figure).Min():F3} and {evidence.Values(Recalibration, figure).Max():F3}");
    }
}
