using System.Globalization;
using Evenkeel.Lab.Experiments.DoctorProof;

namespace Evenkeel.Lab.Claims;

/// <summary>The doctor's bounds against what injuries cost.</summary>
internal sealed class C38DoctorRecall : Claim
{
    private const string Recall = "doctor-recall";

    public override string Id => "C38";

    public override string Statement => "The doctor warns of every injury that costs accuracy, and of nothing else";

    public override string Lesson => "R1";

    public override string Words =>
        "Each rule of the doctor has a bound. If the bounds are right, an injury below them costs next to nothing, " +
        "and a healthy network gets no warning.";

    public override string Effect =>
        "largest loss of test accuracy by a strength of the injury that the doctor does not warn of";

    /// <summary>Twice the standard error of a test of a thousand images.</summary>
    public override Bound Bound => Bound.AtMost(0.02);

    public override string Rule =>
        $"{Effect}: the 95 % interval over the seeds lies {Bound} for every kind of injury; and the healthy network " +
        $"gets no warning ({InPart})";

    public override IReadOnlyList<string> Experiments => [Recall];

    public override string Practice =>
        "Give the doctor training images with labels: most of what costs accuracy is found by them. If it warns of " +
        "nothing and the accuracy has fallen all the same, look at the injuries for which this does not hold.";

    protected override IEnumerable<Case> Measure(Evidence evidence) =>
    [
        .. Injury.All.Select(injury => new Case(
            injury.Words, evidence.Values(Recall, $"{injury.Name}.lossUnwarned"))),
        new Case("healthy networks", evidence.Values(Recall, "healthy.warnings"), Bound: Bound.AtMost(0),
            Effect: "warnings and errors before the injuries"),
    ];

    protected override string Remark(Evidence evidence)
    {
        IEnumerable<string> costs = Injury.All
            .Where(injury => evidence.HasFigure(Recall, $"{injury.Name}.lossAtWarning"))
            .Select(injury => string.Create(CultureInfo.InvariantCulture,
                $"{injury.Title} {evidence.Values(Recall, $"{injury.Name}.lossAtWarning").Average():F3}"));
        string[] never = [.. Injury.All
            .Where(injury => !evidence.HasFigure(Recall, $"{injury.Name}.lossAtWarning"))
            .Select(static injury => injury.Title)];
        string missed = never.Length == 0
            ? ""
            : $" Not warned of at any strength, for one seed at least: {string.Join(", ", never)}.";
        return string.Create(CultureInfo.InvariantCulture,
            $"Test accuracy before the injuries: {evidence.Values(Recall, "healthy.testAccuracy").Average():F3}. " +
            $"Lost at the weakest strength that is warned of: {string.Join(", ", costs)}.{missed}");
    }
}
