using System.Globalization;
using Evenkeel.Lab.Experiments.Notebook;
using Evenkeel.Lab.Experiments.Regularization;

namespace Evenkeel.Lab.Claims;

/// <summary>Lessons A and D: with batch norm less dropout or none, and the two are not mixed.</summary>
internal sealed class C03Dropout : Claim
{
    private const string Grid = "dropout";

    public override string Id => "C3";

    public override string Statement => "A net with batch norm needs no dropout, neither besides it nor in its place";

    public override string Lesson => "A2, D7";

    public override string Words =>
        "With batch norm one can do with less dropout or without. The noise of its statistics regularizes already, " +
        "which is why it is usually not mixed with dropout.";

    public override string Effect => "test accuracy of a net with dropout less that of the net with batch norm alone";

    public override Bound Bound => Bound.AtMost(0.01);

    public override IReadOnlyList<string> Experiments => [Grid];

    public override string Practice =>
        "Begin with batch norm and no dropout. Add dropout only where a held-out set says so, and small: besides " +
        "batch norm it costs training speed, and what it gains has to be measured.";

    protected override string Cases => "for dropout rates of 0.1, 0.25 and 0.5 besides batch norm and in its place";

    protected override IEnumerable<Case> Measure(Evidence evidence)
    {
        foreach ((string norm, string how) in ((string, string)[])[(FullyConnectedNet.BatchNorm, "besides"),
            (FullyConnectedNet.None, "in place of")])
        {
            foreach (double rate in DropoutGrid.Rates.Where(static rate => rate > 0))
            {
                yield return new Case(
                    string.Create(CultureInfo.InvariantCulture, $"dropout {rate} {how} it"),
                    evidence.Differences(Grid, $"{DropoutGrid.Variant(norm, rate)}.testAccuracy",
                        $"{DropoutGrid.Variant(FullyConnectedNet.BatchNorm, 0)}.testAccuracy"));
            }
        }
    }

    protected override string Remark(Evidence evidence)
    {
        double Gain(string norm, double rate) =>
            Interval.OfMean(evidence.Differences(Grid, $"{DropoutGrid.Variant(norm, rate)}.testAccuracy",
                $"{DropoutGrid.Variant(norm, 0)}.testAccuracy")).Mean;
        string Best(string norm)
        {
            double rate = DropoutGrid.Rates.Where(static rate => rate > 0).MaxBy(rate => Gain(norm, rate));
            return string.Create(CultureInfo.InvariantCulture, $"{NotebookMath.Signed(Gain(norm, rate), 3)} " +
                $"(at {rate})");
        }

        return $"The rate that suits best changes test accuracy by {Best(FullyConnectedNet.BatchNorm)} with batch " +
            $"norm and by {Best(FullyConnectedNet.None)} without.";
    }
}
