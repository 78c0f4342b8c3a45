using System.Globalization;
using Evenkeel.Lab.Experiments.Notebook;
using Evenkeel.Lab.Experiments.Regularization;

namespace Evenkeel.Lab.Claims;

/// <summary>Lesson A: with batch norm no L2, or a smaller weight decay.</summary>
internal sealed class C04WeightDecay : Claim
{
    private const string Sweep = "weight-decay";

    public override string Id => "C4";

    public override string Statement => "A net with batch norm needs no weight decay, or less than one without";

    public override string Lesson => "A2";

    public override string Words => "With batch norm the L2 penalty can be left out, or the weight decay made smaller.";

    public override string Effect => "test accuracy gained by the decay that suits best (chosen on other images)";

    public override Bound Bound => Bound.AtMost(0.01);

    public override IReadOnlyList<string> Experiments => [Sweep];

    public override string Practice =>
        "Before a norm, weight decay is a knob of the learning rate: it shortens w, and the step that counts is " +
        "lr/|w|². Tune it together with the learning rate and its schedule; leave gamma, beta and biases out of it.";

    protected override string Cases =>
        "with batch norm (no decay is needed); and with batch norm less without (then at or below 0)";

    protected override bool HasParts => true;

    protected override IEnumerable<Case> Measure(Evidence evidence)
    {
        yield return new Case("no decay is needed", evidence.Values(Sweep, "batchnorm.gain"));
        yield return new Case("decay gains less than without batch norm",
            evidence.Differences(Sweep, "batchnorm.gain", "none.gain"), Bound: Bound.AtMost(0));
    }

    protected override string Remark(Evidence evidence)
    {
        string Best(string norm) =>
            string.Join(", ", evidence.Values(Sweep, $"{norm}.bestDecay")
                .Select(static decay => decay.ToString(CultureInfo.InvariantCulture)));
        double most = WeightDecay.Decays[^1];
        double factor = Interval.OfRatio(evidence.Ratios(
            Sweep, $"{WeightDecay.Variant(FullyConnectedNet.BatchNorm, most)}.effectiveRate",
                $"{WeightDecay.Variant(FullyConnectedNet.BatchNorm, 0)}.effectiveRate")).Mean;
        double same = evidence.Values(Sweep, "equivalence.difference").Max(),
            without = evidence.Values(Sweep, "equivalence.withoutDecay").Min();
        return string.Create(CultureInfo.InvariantCulture,
            $"Best decay, by seed: {Best(FullyConnectedNet.BatchNorm)} with batch norm, " +
            $"{Best(FullyConnectedNet.None)} without. A decay of {most} multiplies lr/|w|² by {factor:G3}; the same " +
            $"training without decay, by a learning rate that grows, ends with outputs that differ by {same:G2} " +
            $"deviations at most (with no decay at all by {without:G2} at least).");
    }
}
