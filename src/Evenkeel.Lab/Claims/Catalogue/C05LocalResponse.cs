using Evenkeel.Lab.Experiments.Notebook;

namespace Evenkeel.Lab.Claims;

/// <summary>Lessons A and B: with batch norm, local response normalization is not needed.</summary>
internal sealed class C05LocalResponse : Claim
{
    private const string Experiment = "local-response-norm";

    public override string Id => "C5";

    public override string Statement => "With batch norm, local response normalization is not needed";

    public override string Lesson => "A2";

    public override string Words => "Batch norm makes local response normalization superfluous.";

    public override string Effect =>
        "test accuracy (exact statistics), with local response normalization less batch norm alone";

    public override Bound Bound => Bound.AtMost(0.01);

    public override IReadOnlyList<string> Experiments => [Experiment];

    public override string Practice =>
        "Begin with batch norm alone; add local response normalization only where a held-out set says so, and set " +
        "its alpha to the size of your activations: the usual 1e-4 leaves values near 1 as they are.";

    protected override string Cases => "beside batch norm and in its place";

    protected override IEnumerable<Case> Measure(Evidence evidence) =>
    [
        new Case("use beside batch norm",
            evidence.Differences(Experiment, "both.testAccuracy", "batchnorm.testAccuracy")),
        new Case("use in place of batch norm",
            evidence.Differences(Experiment, "lrn.testAccuracy", "batchnorm.testAccuracy")),
    ];

    protected override string Remark(Evidence evidence)
    {
        Interval alone = Interval.OfMean(evidence.Differences(Experiment, "lrn.testAccuracy", "none.testAccuracy"));
        return $"To a net without any norm it adds {NotebookMath.Signed(alone.Mean, 3)} " +
            $"({NotebookMath.Signed(alone.Low, 3)} to {NotebookMath.Signed(alone.High, 3)}).";
    }
}
