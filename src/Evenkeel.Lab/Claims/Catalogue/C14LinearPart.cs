using System.Globalization;

namespace Evenkeel.Lab.Claims;

/// <summary>Lesson K: normalized inputs fall where sigmoid and tanh are straight.</summary>
internal sealed class C14LinearPart : Claim
{
    private const string Recovery = "identity-recovery", Capacity = "affine-capacity",
        Gradients = "vanishing-gradients";

    private const string LossEffect =
        "training accuracy that a net with batch norm without gamma and beta loses when a straight line replaces the " +
        "sigmoids of each layer";

    private const string Loses = "the accuracy of a trained net with lines";

    private static readonly Bound s_lost = Bound.AtMost(0.02);

    public override string Id => "C14";

    public override string Statement =>
        "Mean 0 and variance 1 push the inputs of sigmoid and tanh onto their linear part";

    public override string Lesson => "K6";

    public override string Words =>
        "Normalized inputs lie where sigmoid and tanh are nearly linear, " +
        "so the layer would lose its non-linearity; gamma and beta can bring it back.";

    public override string Effect => "share of the variance of the activation's outputs that a straight line explains";

    public override Bound Bound => Bound.AtLeast(0.99);

    public override string Rule =>
        $"{Effect}, for sigmoid and tanh of N(0, 1): the 95 % interval over the seeds lies {Bound}; and the " +
        $"{LossEffect} lies {s_lost} ({InPart})";

    public override IReadOnlyList<string> Experiments => [Recovery, Capacity, Gradients];

    public override string Practice =>
        "Keep gamma and beta behind a sigmoid: without them a layer may be little more than a straight line. How " +
        "well a line fits the activation does not tell how much a net uses the rest; put the line in its place and " +
        "look. ReLU bends where normalized inputs lie and has no such trouble.";

    protected override IEnumerable<Case> Measure(Evidence evidence)
    {
        yield return new Case("a line through sigmoid", evidence.Values(Recovery, "sigmoid.straightness"));
        yield return new Case("a line through tanh", evidence.Values(Recovery, "tanh.straightness"));
        yield return new Case(Loses, evidence.Differences(Capacity, "sigmoid-plain.ownAccuracy",
            "sigmoid-plain.straightenedAccuracy"), Bound: s_lost, Effect: LossEffect);
    }

    protected override string Remark(Evidence evidence)
    {
        double Mean(string experiment, string figure) => evidence.Values(experiment, figure).Average();
        return string.Create(CultureInfo.InvariantCulture,
            $"Within ±1 lie {Mean(Recovery, "normal.insideOne"):P0} of N(0, 1) and " +
            $"{Mean(Capacity, "sigmoid-plain.insideOne"):P0} of the trained net's inputs; a line explains " +
            $"{Mean(Capacity, "sigmoid-plain.straightness"):F3} of its sigmoids. With lines in their place its " +
            $"training accuracy goes from {Mean(Capacity, "sigmoid-plain.ownAccuracy"):F3} to " +
            $"{Mean(Capacity, "sigmoid-plain.straightenedAccuracy"):F3}. With gamma and beta it goes from " +
            $"{Mean(Capacity, "sigmoid-affine.ownAccuracy"):F3} to " +
            $"{Mean(Capacity, "sigmoid-affine.straightenedAccuracy"):F3}, with ReLU and neither from " +
            $"{Mean(Capacity, "relu-plain.ownAccuracy"):F3} to " +
            $"{Mean(Capacity, "relu-plain.straightenedAccuracy"):F3}. Pushed there by the norm? In 20 layers the " +
            $"mean slope of a sigmoid, 0.25 at most, is {Mean(Gradients, "sigmoid-none.defaultSlope"):F3} without " +
            $"norm and {Mean(Gradients, "sigmoid-batchnorm.defaultSlope"):F3} with it from PyTorch's default, " +
            $"{Mean(Gradients, "sigmoid-none.largeSlope"):F3} and " +
            $"{Mean(Gradients, "sigmoid-batchnorm.largeSlope"):F3} from N(0, 1).");
    }
}
