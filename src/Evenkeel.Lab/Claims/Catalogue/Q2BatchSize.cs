namespace Evenkeel.Lab.Claims;

/// <summary>Inline question 2: batch norm and the batch size.</summary>
internal sealed class Q2BatchSize : Question
{
    private const string Sweep = "batch-size";

    public override int Number => 2;

    public override string Lesson => "N13";

    public override string Text => "How do batch norm and the batch size depend on each other, and why?";

    public override string LessonAnswer =>
        "The larger the batch, the more batch norm helps: " +
        "statistics of a larger batch are closer to those of all images, by the law of large numbers.";

    public override IReadOnlyList<string> Experiments => [Sweep];

    public override IReadOnlyList<string> Claims => ["C17", "C26", "C27"];

    protected override IEnumerable<Point> Measure(Evidence evidence)
    {
        yield return new Point(
            "A batch of 50 trains better than one of 10", "final training accuracy, 50 less 10", Bound.Above(0),
            evidence.Differences(Sweep, "batchnorm-50.finalTrainAccuracy", "batchnorm-10.finalTrainAccuracy"));
        yield return new Point(
            "A batch of 10 trains better than one of 5", "final training accuracy, 10 less 5", Bound.Above(0),
            evidence.Differences(Sweep, "batchnorm-10.finalTrainAccuracy", "batchnorm-5.finalTrainAccuracy"));
        yield return new Point(
            "At 5 batch norm is worse than no norm", "final training accuracy, batch norm less none", Bound.Below(0),
            evidence.Differences(Sweep, "batchnorm-5.finalTrainAccuracy", "none-5.finalTrainAccuracy"));
    }
}
