using System.Globalization;

namespace Evenkeel.Lab.Claims;

/// <summary>What follows from C10: the gradient of weights before batch norm has no part along them.</summary>
internal sealed class C12RadialGradient : Claim
{
    private static readonly string[] s_scales = ["1", "10", "0.1", "0.01", "0.001"];

    public override string Id => "C12";

    public override string Statement =>
        "Before batch norm the gradient of every unit's weights is at right angles to them: W·dL/dW = 0";

    public override string Lesson => "K9";

    public override string Words =>
        "As W times k leaves the output unchanged, so it leaves the loss: along its own direction the weight has no " +
        "slope. The lesson says the first half; this is what follows.";

    public override string Effect => "largest cosine, over 40 units, of the angle between W and dL/dW";

    public override Bound Bound => Bound.AtMost(0.01);

    public override IReadOnlyList<string> Experiments => ["scale-invariance"];

    public override string Practice =>
        "Plain SGD can only lengthen such weights, and longer weights have a smaller gradient: the effective " +
        "learning rate falls by itself. " +
        "Weight decay on them acts as a learning rate, not as a limit of what the net can express.";

    protected override string Cases =>
        "for weights whose outputs have a deviation of 1, 10, 0.1, 0.01 and 0.001, eps 1e-5";

    protected override IEnumerable<Case> Measure(Evidence evidence) =>
        s_scales.Select(scale => new Case($"a deviation of {scale}", evidence.Values("scale-invariance",
            $"eps1e-5.radialCosineAt{scale}")));

    protected override string Remark(Evidence evidence)
    {
        double off = evidence.Values("scale-invariance", static figures =>
            Math.Abs(figures["eps1e-5.radialGradient"] - figures[
            "eps1e-5.radialGradientTheory"])).Max();
        return string.Create(CultureInfo.InvariantCulture,
            $"At deviation 1 the largest W·dL/dW is " +
            $"{evidence.Values("scale-invariance", "eps1e-5.radialGradient").Average():0.0e+00} against a gradient " +
            $"of norm {evidence.Values("scale-invariance", "eps1e-5.gradientNorm").Average():F0}; eps / (variance + " +
            $"eps) explains it to {off:0.0e+00}.");
    }
}
