using System.Globalization;

namespace Evenkeel.Lab.Claims;

/// <summary>Lessons K and N: batch norm eases overfitting.</summary>
internal sealed class C24Overfitting : Claim
{
    private const string Grid = "dropout";
    private const string Deep = "deep-net";

    public override string Id => "C24";

    public override string Statement =>
        "Batch norm eases overfitting: the gap between training and test accuracy narrows";

    public override string Lesson => "K9, N1";

    public override string Words =>
        "Mean and variance are held, so a test image that is shifted is brought back: " +
        "overfitting is relieved somewhat.";

    public override string Effect => "training less test accuracy, with batch norm less without";

    public override Bound Bound => Bound.AtMost(-0.01);

    public override IReadOnlyList<string> Experiments => [Grid, Deep];

    public override string Practice =>
        "Do not count on batch norm as the remedy for overfitting: it makes training faster, and a net that trains " +
        "faster also knows its images by heart sooner. More images, augmentation and early stopping are for that.";

    protected override string Cases =>
        "after so many epochs that both nets know the training images by heart, " +
        "and after the ten epochs of the notebook's net (validation accuracy)";

    protected override IEnumerable<Case> Measure(Evidence evidence)
    {
        yield return new Case("nets that know the training images by heart",
            evidence.Differences(Grid, "batchnorm-0.gap", "none-0.gap"));
        yield return new Case("unfinished training after equal epochs",
            evidence.Values(Deep, static figures => Gap(figures, "batchnorm") - Gap(figures, "none")));
    }

    protected override string Remark(Evidence evidence)
    {
        double Mean(string experiment, string figure) => Interval.OfMean(evidence.Values(experiment, figure)).Mean;
        return string.Create(CultureInfo.InvariantCulture,
            $"Of the training images {Mean(Grid, "batchnorm-0.trainAccuracy"):F3} are known with batch norm and " +
            $"{Mean(Grid, "none-0.trainAccuracy"):F3} without, of the test images " +
            $"{Mean(Grid, "batchnorm-0.testAccuracy"):F3} and {Mean(Grid, "none-0.testAccuracy"):F3} are right; in " +
            $"the notebook's net {Mean(Deep, "batchnorm.finalValidationAccuracy"):F3} and " +
            $"{Mean(Deep, "none.finalValidationAccuracy"):F3}.");
    }

    private static double Gap(IReadOnlyDictionary<string, double> figures, string variant) => figures[
        $"{variant}.finalTrainAccuracy"] - figures[
        $"{variant}.finalValidationAccuracy"];
}
