using System.Globalization;

namespace Evenkeel.Lab.Claims;

/// <summary>The notebook: running statistics normalize a test batch nearly, not exactly.</summary>
internal sealed class C20TestTime : Claim
{
    private const string TestTime = "batchnorm-test-time";

    private static readonly (string Figure, string Name)[] s_cases =
    [
        ("keep0.9.errorAt50", "averages that keep 0.9 after 50 batches"),
        ("keep0.5.errorAt50", "averages that keep 0.5 after 50 batches"), ("keep0.99.errorAt50",
            "averages that keep 0.99 after 50 batches"), ("keep0.99.errorAt500",
            "averages that keep 0.99 after 500 batches"),
    ];

    public override string Id => "C20";

    public override string Statement =>
        "At test time means and deviations are near 0 and 1, but noisier than in training";

    public override string Lesson => "N5";

    public override string Words =>
        "After many training batches the running averages are used for a test batch: its means are close to 0 and " +
        "its standard deviations close to 1, though noisier than in training.";

    public override string Effect => "largest |mean| or |std - 1| over the features of a test batch of 200";

    public override Bound Bound => Bound.Between(1e-3, 0.3);

    public override IReadOnlyList<string> Experiments => [TestTime];

    public override string Practice =>
        "Running averages need some 5/(1 - keep) batches before they mean anything: 50 for 0.9, 500 for 0.99. After " +
        "a short training recompute them over the training set before testing; " +
        "a small batch makes both its own and the running statistics noisier.";

    protected override string Cases =>
        "for running averages that keep 0.9, 0.5 and 0.99 of the old value, after 50 batches and 500";

    protected override IEnumerable<Case> Measure(Evidence evidence) =>
        s_cases.Select(test => new Case(test.Name, evidence.Values(TestTime, test.Figure), IsRatio: true));

    protected override string Remark(Evidence evidence) => string.Create(CultureInfo.InvariantCulture,
        $"In training mode the same batch is off by {evidence.Values(TestTime, "train.error").Max():0.0e+00}. With " +
        $"the mean of all 500 batches for its statistics it is off by " +
        $"{evidence.Values(TestTime, "cumulative.errorAt500").Average():F3}: so much is the test batch's own chance, " +
        $"and no running average is to blame for it.");
}
