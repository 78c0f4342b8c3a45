using System.Globalization;

namespace Evenkeel.Lab.Claims;

/// <summary>Lessons A and B: with batch norm, local response normalization is not needed.</summary>
internal sealed class C5LocalResponse : Claim
{
    private const string Experiment = "local-response-norm";

    public override string Id => "C5";

    public override string Statement => "With batch norm, local response normalization is not needed";

    public override string Lesson => "A2";

    public override string Words => "Batch norm makes local response normalization superfluous.";

    public override string Effect => "test accuracy (exact statistics), with local response normalization less batch norm alone";

    public override Bound Bound => Bound.AtMost(0.01);

    public override IReadOnlyList<string> Experiments => [Experiment];

    public override string Practice => "Leave local response normalization to old checkpoints that were trained with it.";

    protected override string Cases => "beside batch norm and in its place";

    protected override IEnumerable<Case> Measure(Evidence evidence) =>
    [
        new Case("beside batch norm", evidence.Differences(Experiment, "both.testAccuracy", "batchnorm.testAccuracy")),
        new Case("in place of batch norm", evidence.Differences(Experiment, "lrn.testAccuracy", "batchnorm.testAccuracy")),
    ];

    protected override string Remark(Evidence evidence)
    {
        Interval alone = Interval.OfMean(evidence.Differences(Experiment, "lrn.testAccuracy", "none.testAccuracy"));
        return string.Create(CultureInfo.InvariantCulture, $"To a net without any norm it adds {alone.Mean:+0.000;-0.000} ({alone.Low:+0.000;-0.000} to {alone.High:+0.000;-0.000}).");
    }
}
