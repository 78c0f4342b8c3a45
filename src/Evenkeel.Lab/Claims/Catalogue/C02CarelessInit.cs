using System.Globalization;

namespace Evenkeel.Lab.Claims;

/// <summary>Lessons A and N: with batch norm, weights need no careful start.</summary>
internal sealed class C02CarelessInit : Claim
{
    private const string Experiment = "weight-scale";

    public override string Id => "C2";

    public override string Statement => "With batch norm, weights need no careful initialization";

    public override string Lesson => "A2, A10, N11, N12";

    public override string Words =>
        "Without batch norm the scale of the initial weights decides whether a deep net learns; with it the design " +
        "of the initialization can be left out.";

    public override string Effect => "decades of the scale of initial weights that work, with batch norm less without";

    public override Bound Bound => Bound.AtLeast(1);

    public override IReadOnlyList<string> Experiments => [Experiment];

    public override string Practice =>
        "Batch norm forgives a wrong scale where a net without it would not learn at all, but it does not make the " +
        "scale irrelevant: start weights as you would without it, and look at the scale when a net learns slowly.";

    protected override string Cases =>
        "of four decades, for scales at which the net learns at all (best training accuracy 0.25 or more) and for " +
        "those at which it learns well (0.8 of the best of both nets or more)";

    protected override IEnumerable<Case> Measure(Evidence evidence) =>
    [
        new Case("learning at all",
            evidence.Differences(Experiment, "batchnorm.decadesTrained", "none.decadesTrained")),
        new Case("learning well",
            evidence.Differences(Experiment, "batchnorm.decadesTrainedWell", "none.decadesTrainedWell")),
    ];

    protected override string Remark(Evidence evidence)
    {
        return string.Create(CultureInfo.InvariantCulture,
            $"Decades at which it learns at all: {Mean("batchnorm.decadesTrained"):F1} with batch norm, " +
            $"{Mean("none.decadesTrained"):F1} without; well: {Mean("batchnorm.decadesTrainedWell"):F1} and " +
            $"{Mean("none.decadesTrainedWell"):F1}. Best training accuracy from the worst to the best scale: " +
            $"{Mean("batchnorm.worstScaleAccuracy"):F2} to {Mean("batchnorm.bestScaleAccuracy"):F2} with, " +
            $"{Mean("none.worstScaleAccuracy"):F2} to {Mean("none.bestScaleAccuracy"):F2} without.");

        double Mean(string figure) => evidence.Values(Experiment, figure).Average();
    }
}
