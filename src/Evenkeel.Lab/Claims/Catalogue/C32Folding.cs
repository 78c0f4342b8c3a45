namespace Evenkeel.Lab.Claims;

/// <summary>Lesson D: batch norm is a linear map, so in use the layer before it can do its work.</summary>
internal sealed class C32Folding : Claim
{
    private const string Folding = "folding";

    private const string EqualEffect = "largest difference of scores over the largest score, LeNet and ResNet";

    private static readonly Bound s_equal = Bound.AtMost(1e-5);

    public override string Id => "C32";

    public override string Statement => "A net with its batch norms folded into the weights computes the same, faster";

    public override string Lesson => "D7";

    public override string Words =>
        "Batch norm stands after a linear layer and is itself linear; in use its mean, deviation, gamma and beta are " +
        "constants, so the layer's weights and bias can take them up.";

    public override string Effect => "time of an image before folding over after";

    public override Bound Bound => Bound.Above(1);

    public override string Rule =>
        $"{Effect}, in LeNet and in a small ResNet: the 95 % interval over the seeds lies {Bound}; and the " +
        $"{EqualEffect} lies {s_equal} ({InPart})";

    public override IReadOnlyList<string> Experiments => [Folding];

    public override string Practice =>
        "Put batch norm right after a layer without a bias, and fold it before the net is used; keep the unfolded " +
        "one to train on. What cannot be folded (a norm behind an activation, in front of zero padding, or one that " +
        "looks at the sample) costs its pass over memory in every use.";

    protected override IEnumerable<Case> Measure(Evidence evidence) =>
    [
        new Case("the time of LeNet", evidence.Values(Folding, "lenet.speedup"), IsRatio: true),
        new Case("the time of the ResNet", evidence.Values(Folding, "resnet.speedup"), IsRatio: true),
        new Case("the scores",
            evidence.Values(Folding, static figures =>
            Math.Max(figures["lenet.largestDifference"], figures["resnet.largestDifference"])), Bound: s_equal,
                Effect: EqualEffect),
    ];

    protected override string Remark(Evidence evidence)
    {
        double ulps = evidence.Values(Folding, static figures =>
            Math.Max(figures["lenet.ulps"], figures["resnet.ulps"])).Max();
        double same = evidence.Values(Folding, static figures =>
            Math.Min(figures["lenet.sameAnswers"], figures["resnet.sameAnswers"])).Min();
        double folded = Mean("after-activation.folded"), kept = Mean("after-activation.kept");
        return $"Microseconds per image: LeNet {Mean("lenet.microsecondsAnImage"):F1} and "
            + $"{Mean("lenet.foldedMicrosecondsAnImage"):F1}, ResNet {Mean("resnet.microsecondsAnImage"):F1} and "
            + $"{Mean("resnet.foldedMicrosecondsAnImage"):F1}. Scores differ by up to {ulps:F1} units in the last "
            + $"place of the largest; a share of {same:F4} of the answers at least is the same. With norms behind the "
            + $"activations {folded:F0} of {folded + kept:F0} fold.";

        double Mean(string figure) => evidence.Values(Folding, figure).Average();
    }
}
