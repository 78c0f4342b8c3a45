namespace Evenkeel.Lab.Claims;

/// <summary>Lesson A: what becomes of the scale of activations without batch norm.</summary>
internal sealed class C08StartValues : Claim
{
    private const string Stack = "init-depth";

    /// <summary>Layers of the stack: what a net that never overflows is counted with.</summary>
    private const double Layers = 100;

    /// <summary>The layer at which the lesson's own run is no longer a number.</summary>
    private const double LessonLayer = 35;

    public override string Id => "C8";

    public override string Statement =>
        "Without batch norm the default vanishes, N(0, 1) is NaN at about layer 35, and Kaiming's keep the scale";

    public override string Lesson => "A10, A11";

    public override string Words =>
        "Without initialization the standard deviation falls towards 0; with N(0, 1) it grows until it is NaN at " +
        "layer 35; with Kaiming's it stays in scale.";

    public override string Effect =>
        "growth of the standard deviation per layer over the expected one: √(1/6), √(n/2) and 1; " +
        "and the first layer that is NaN over 35";

    public override Bound Bound => Bound.Between(0.97, 1.03);

    public override IReadOnlyList<string> Experiments => [Stack];

    public override string Practice =>
        "Without a norm, use Kaiming's start values before ReLU: PyTorch's default shrinks activations 2.4 times per " +
        "layer, harmless in five layers and fatal in a hundred. " +
        "Kaiming's keep the scale on average only: a single deep net drifts.";

    protected override string Cases => "for PyTorch's default, N(0, 1) and Kaiming's, and for the layer";

    protected override bool HasParts => true;

    protected override IEnumerable<Case> Measure(Evidence evidence)
    {
        yield return new Case("the default vanishes", evidence.Ratios(Stack, "default.factor", "default.theoryFactor"),
            IsRatio: true);
        yield return new Case("N(0, 1) explodes", evidence.Ratios(Stack, "normal.factor", "normal.theoryFactor"),
            IsRatio: true);
        yield return new Case("N(0, 1) is NaN at layer 35",
            evidence.Values(Stack, static figures =>
            (double.IsNaN(figures["normal.firstNaN"]) ? Layers : figures["normal.firstNaN"]) / LessonLayer),
                IsRatio: true);
        yield return new Case("Kaiming's keep the scale",
            evidence.Ratios(Stack, "kaiming.factor", "kaiming.theoryFactor"), IsRatio: true);
    }

    protected override string Remark(Evidence evidence)
    {
        IEnumerable<double> layers = evidence.Values(Stack, "normal.firstNaN").Distinct().Order();
        double[] last = evidence.Values(Stack, "default.lastStd");
        double smallest = evidence.Values(Stack, "kaiming.smallestStd").Min();
        double largest = evidence.Values(Stack, "kaiming.largestStd").Max();
        return $"First NaN of N(0, 1): layer {string.Join(", ", layers.Select(static layer => $"{layer:F0}"))}. " +
            $"Last std of the default: {last.Min():0.0e+00} to {last.Max():0.0e+00}. Kaiming's drift: single layers " +
            $"are between {smallest:F2} and {largest:F2} over the seeds.";
    }
}
