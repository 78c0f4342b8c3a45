using System.Globalization;

namespace Evenkeel.Lab.Claims;

/// <summary>Lesson D: LeNet with batch norm tests at about 0.9.</summary>
internal sealed class C16TestAccuracy : Claim
{
    private const string Experiment = "fashion-lenet";

    /// <summary>What a guess among ten classes is worth: a net that has diverged does no better.</summary>
    private const double Guess = 0.1;

    public override string Id => "C16";

    public override string Statement => "With batch norm LeNet's test accuracy is about 0.9";

    public override string Lesson => "D4";

    public override string Words =>
        "After the same ten passes over the data, LeNet with batch norm reaches a test accuracy of about 0.9.";

    public override string Effect => "test accuracy after the last epoch";

    /// <summary>One digit: what rounds to 0.9, or more.</summary>
    public override Bound Bound => Bound.AtLeast(0.85);

    public override IReadOnlyList<string> Experiments => [Experiment];

    public override string Practice =>
        "At large learning rates do not trust a test by the moving averages: recompute the statistics on training " +
        "images before you test, or lower the rate at the end.";

    protected override string Cases =>
        "by the moving averages, as the lesson tests, and by exact statistics of the training images";

    protected override IEnumerable<Case> Measure(Evidence evidence) =>
    [
        new Case("tests by moving averages", Accuracies(evidence, "batchnorm.finalTestAccuracy")),
        new Case("tests by exact statistics", Accuracies(evidence, "batchnorm.recalibratedTestAccuracy")),
    ];

    protected override string Remark(Evidence evidence)
    {
        double[] moving = Accuracies(evidence, "batchnorm.finalTestAccuracy"), exact = Accuracies(evidence,
            "batchnorm.recalibratedTestAccuracy");
        return string.Create(CultureInfo.InvariantCulture, $"The seeds end between {moving.Min():F3} and " +
            $"{moving.Max():F3} by the moving averages, " +
            $"between {exact.Min():F3} and {exact.Max():F3} by exact statistics of the same weights.");
    }

    private static double[] Accuracies(Evidence evidence, string figure) =>
        evidence.Values(Experiment, figures => double.IsNaN(figures[figure]) ? Guess : figures[figure]);
}
