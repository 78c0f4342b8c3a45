namespace Evenkeel.Lab.Claims;

/// <summary>Inline question 3: which preprocessing resembles which norm.</summary>
internal sealed class Q3Preprocessing : Question
{
    private const string Steps = "preprocessing";

    /// <summary>What rounding leaves of a change that mathematics says is none.</summary>
    private const double Rounding = 1e-9;

    public override int Number => 3;

    public override string Lesson => "N14";

    public override string Text =>
        "Which of these is like batch norm, which like layer norm: scaling each row of pixels so that its RGB values " +
        "sum to 1; scaling a whole image so; subtracting the mean image of the data set; " +
        "setting pixels to 0 or 1 by a threshold?";

    public override string LessonAnswer =>
        "The first is neither (layer norm if a row is the whole input), the second is like layer norm, the third " +
        "like batch norm, the fourth is an activation and at most like layer norm.";

    public override IReadOnlyList<string> Experiments => [Steps];

    public override IReadOnlyList<string> Claims => [];

    protected override IEnumerable<Point> Measure(Evidence evidence)
    {
        yield return new Point(
            "Rows scaled by their sum: a row depends neither on other images nor on the rest of its own, so it is " +
            "layer norm only where a row is the input", "change of a row when all others change",
            Bound.AtMost(Rounding),
            evidence.Values(Steps, static f => f["rgb-row.dependsOnOthers"] + f["rgb-row.dependsOnOtherRows"]));
        yield return new Point(
            "Images scaled by their sum: like layer norm, the image as a whole and no other counts, " +
            "and its scale cancels", "1 if so", Bound.AtLeast(1),
            evidence.Values(Steps, static f => f["image.isLayerLike"] == 1 && f[
                "image.changesWithSampleScale"] <= Rounding ? 1 : 0));
        yield return new Point(
            "The mean image subtracted: like batch norm, other images count, " +
            "and a shift of a pixel over the set cancels", "1 if so", Bound.AtLeast(1),
            evidence.Values(Steps, static f => f["mean-image.isBatchLike"] == 1 && f[
                "mean-image.changesWithFeatureShift"] <= Rounding ? 1 : 0));
        yield return new Point(
            "A threshold: like neither, a pixel depends on nothing but itself",
            "change of a pixel when all others change", Bound.AtMost(Rounding),
            evidence.Values(Steps, static f => f["threshold.dependsOnOthers"] + f[
                "threshold.dependsOnOtherRows"] + f["threshold.dependsOnOwnRow"]));
    }
}
