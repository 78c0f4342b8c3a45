using System.Globalization;

namespace Evenkeel.Lab.Claims;

/// <summary>Lesson K: the mean that batch norm subtracts takes a bias before it out again.</summary>
internal sealed class C11RedundantBias : Claim
{
    private const string Bias = "redundant-bias";

    public override string Id => "C11";

    public override string Statement => "A bias before batch norm does nothing";

    public override string Lesson => "K7";

    public override string Words =>
        "BN(Wu + b) = BN(Wu): the bias is part of the mean, which is subtracted, so it may be left out; " +
        "beta does its work.";

    public override string Effect =>
        "what the bias changes: an output at b of size 1, in standard deviations; its gradient over that in the same " +
        "net without norm; a loss of the training with and without it";

    public override Bound Bound => Bound.AtMost(1e-4);

    public override IReadOnlyList<string> Experiments => [Bias];

    public override string Practice =>
        "Write Linear(n, m, bias: false) and Conv2d(..., bias: false) before batch norm. A bias that is there all " +
        "the same is not quite harmless: " +
        "Adam turns the rounding noise of its gradient into steps, and weight decay and checkpoints see it.";

    protected override string Cases => "for each";

    protected override IEnumerable<Case> Measure(Evidence evidence)
    {
        yield return new Case("the output", evidence.Values(Bias, "bias.largestChange"));
        yield return new Case("the gradient", evidence.Ratios(Bias, "bias.gradient", "unnormalized.gradient"));
        yield return new Case("training by SGD", evidence.Values(Bias, "none.sgdLossGap"));
        yield return new Case("training by Adam", evidence.Values(Bias, "none.adamLossGap"));
    }

    protected override string Remark(Evidence evidence) => string.Create(CultureInfo.InvariantCulture,
        $"Adam moves the bias by {evidence.Values(Bias, "bias.adamMoved").Average():G2} all the same, SGD by " +
        $"{evidence.Values(Bias, "bias.sgdMoved").Average():0.0e+00}: Adam divides a gradient by its own size, " +
        $"rounding noise included.");
}
