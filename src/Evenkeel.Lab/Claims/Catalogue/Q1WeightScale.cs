namespace Evenkeel.Lab.Claims;

/// <summary>Inline question 1: what the sweep over initial scales shows.</summary>
internal sealed class Q1WeightScale : Question
{
    private const string Sweep = "weight-scale";

    public override int Number => 1;

    public override string Lesson => "N12";

    public override string Text =>
        "How does the scale of the initial weights affect a net with batch norm and one without, and why?";

    public override string LessonAnswer =>
        "Without batch norm the scale matters much more: too small and nothing trains, too large and it explodes. " +
        "Batch norm takes the scale out again, so only the ratios of its inputs count; a good scale still helps.";

    public override IReadOnlyList<string> Experiments => [Sweep];

    public override IReadOnlyList<string> Claims => ["C2", "C10"];

    protected override IEnumerable<Point> Measure(Evidence evidence)
    {
        yield return new Point(
            "The worst scale costs the net without batch norm more than the one with it",
            "best less worst training accuracy over the scales, without less with", Bound.Above(0),
            evidence.Values(Sweep, static f =>
                f["none.bestScaleAccuracy"] - f["none.worstScaleAccuracy"] - (f["batchnorm.bestScaleAccuracy"] - f[
                "batchnorm.worstScaleAccuracy"])));
        yield return new Point(
            "Without batch norm some scale does not train at all", "worst training accuracy without, ten classes",
            Bound.AtMost(0.25), evidence.Values(Sweep, "none.worstScaleAccuracy"));
        yield return new Point(
            "With batch norm no scale explodes", "largest final loss with, 100 where it is more", Bound.AtMost(5),
            evidence.Values(Sweep, static f => Math.Min(100, f["batchnorm.worstScaleLoss"])));
        yield return new Point(
            "A good scale still helps with batch norm", "best less worst training accuracy with", Bound.AtLeast(0.1),
            evidence.Differences(Sweep, "batchnorm.bestScaleAccuracy", "batchnorm.worstScaleAccuracy"));
    }
}
