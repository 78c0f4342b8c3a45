using System.Globalization;

namespace Evenkeel.Lab.Claims;

/// <summary>Lesson K: multiplying the weights before batch norm changes nothing.</summary>
internal sealed class C10WeightScale : Claim
{
    private static readonly string[] s_scales = ["10", "100", "1000", "0.1", "0.01", "0.001"];

    public override string Id => "C10";

    public override string Statement => "Weights times k leave the output of batch norm unchanged";

    public override string Lesson => "K9";

    public override string Words =>
        "Multiplying W by k multiplies z, its mean and its deviation by k as well, so they cancel: " +
        "the scale of the initial weights does not matter.";

    public override string Effect => "largest change of an output, in its standard deviations";

    public override Bound Bound => Bound.AtMost(0.01);

    public override IReadOnlyList<string> Experiments => ["scale-invariance"];

    public override string Practice =>
        "Do not tune the scale of weights before a norm; but eps 1e-5 sets a floor: a layer whose inputs have a " +
        "deviation near 0.003 or less is no longer normalized. Start weights no smaller than usual, or lower eps.";

    protected override string Cases => "for k = 10 to 1000 and 0.1 to 0.001, eps 1e-5";

    protected override IEnumerable<Case> Measure(Evidence evidence) =>
        s_scales.Select(scale =>
            new Case($"k = {scale}", evidence.Values("scale-invariance", $"eps1e-5.changeAt{scale}")));

    protected override string Remark(Evidence evidence)
    {
        double off = s_scales.Max(scale =>
            evidence.Values("scale-invariance", figures =>
                Math.Abs(figures[$"eps1e-5.changeAt{scale}"] - figures[$"eps1e-5.theoryAt{scale}"])).Max());
        return string.Create(CultureInfo.InvariantCulture, $"The derivation foretells every one of these changes, " +
            $"from eps / (k²·variance), to {off:0.0e+00}.");
    }
}
