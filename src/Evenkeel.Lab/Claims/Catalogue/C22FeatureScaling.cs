using System.Globalization;

namespace Evenkeel.Lab.Claims;

/// <summary>Lesson K: scaled features make the error surface round.</summary>
internal sealed class C22FeatureScaling : Claim
{
    private const string Scaling = "feature-scaling";

    private const string Independent = "39 independent features", Two = "2 independent features", Correlated =
        "39 features of correlation 0.9", Rate = "the learning rate";

    private const string RateEffect = "largest stable learning rate after scaling over that before";

    private static readonly Bound s_rateBound = Bound.AtLeast(10);

    public override string Id => "C22";

    public override string Statement =>
        "Features scaled to mean 0 and variance 1 have a nearly circular error surface, " +
        "which allows a larger learning rate";

    public override string Lesson => "K1";

    public override string Words =>
        "Features of unlike scale make the error surface an ellipse whose directions want learning rates of their " +
        "own; scaled features make it nearly a circle, and one rate fits all.";

    public override string Effect =>
        "condition number of the Hessian of a linear model after scaling " +
        "(the square of the longest over the shortest axis)";

    public override Bound Bound => Bound.AtMost(10);

    public override string Rule =>
        $"{Effect}, for independent and for correlated features: the 95 % interval over the seeds lies {Bound} in " +
        $"every case ({InPart}); and the {RateEffect} lies {s_rateBound}";

    public override IReadOnlyList<string> Experiments => [Scaling];

    public override string Practice =>
        "Scale features by the training set's means and deviations, always; leave constant ones out. It does not " +
        "take correlation out: for that decorrelate them (PCA), or use an optimizer that does not mind.";

    protected override IEnumerable<Case> Measure(Evidence evidence)
    {
        yield return new Case(Independent, evidence.Values(Scaling, "scaled.condition"), IsRatio: true);
        yield return new Case(Two, evidence.Values(Scaling, "scaled.twoFeatureCondition"), IsRatio: true);
        yield return new Case(Correlated, evidence.Values(Scaling, "correlated.condition"), IsRatio: true);
        yield return new Case(Rate, evidence.Values(Scaling, "scaled.rateGain"), IsRatio: true,
            s_rateBound, RateEffect);
    }

    protected override string Remark(Evidence evidence) => string.Create(CultureInfo.InvariantCulture,
        $"Before scaling the condition number is " +
        $"{Interval.OfRatio(evidence.Values(Scaling, "raw.condition")).Mean:0.0e+00} (39 features) and " +
        $"{Interval.OfRatio(evidence.Values(Scaling, "raw.twoFeatureCondition")).Mean:0.0e+00} (2).");
}
