using System.Globalization;

namespace Evenkeel.Lab.Claims;

/// <summary>Lesson A: the derivation of std(W) = √(1/n).</summary>
internal sealed class C09WeightVariance : Claim
{
    private const string Propagation = "variance-propagation";

    public override string Id => "C9";

    public override string Statement =>
        "Weights of standard deviation √(1/n) keep the scale of activations from layer to layer";

    public override string Lesson => "A4";

    public override string Words =>
        "A layer's output has the variance n·D(X)·D(W); to keep it at 1, D(W) must be 1/n, so std(W) = √(1/n).";

    public override string Effect => "standard deviation after 30 layers over that of the input";

    public override Bound Bound => Bound.Between(0.5, 2);

    public override IReadOnlyList<string> Experiments => [Propagation];

    public override string Practice =>
        "Count the activation in: √(1/n) without one, √(2/n) (Kaiming's) before ReLU, which passes on half of the " +
        "second moment; before tanh a gain of 5/3 is usual.";

    protected override string Cases => "for layers without activation, with ReLU and with tanh";

    protected override IEnumerable<Case> Measure(Evidence evidence)
    {
        yield return new Case("layers without an activation", evidence.Values(Propagation, "linear-1-over-n.kept"),
            IsRatio: true);
        yield return new Case("ReLU", evidence.Values(Propagation, "relu-1-over-n.kept"), IsRatio: true);
        yield return new Case("tanh", evidence.Values(Propagation, "tanh-1-over-n.kept"), IsRatio: true);
    }

    protected override string Remark(Evidence evidence) => string.Create(CultureInfo.InvariantCulture,
        $"Through ReLU √(1/n) takes {evidence.Values(Propagation, "relu-1-over-n.factor").Average():F3} a layer " +
        $"(√(1/2) = 0.707); with √(2/n) it is {evidence.Values(Propagation, "relu-2-over-n.factor").Average():F3}, " +
        $"and without activation {evidence.Values(Propagation, "linear-2-over-n.factor").Average():F3} (√2).");
}
