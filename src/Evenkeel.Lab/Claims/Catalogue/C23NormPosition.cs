using Evenkeel.Lab.Experiments.Notebook;

namespace Evenkeel.Lab.Claims;

/// <summary>Lesson D: batch norm belongs between a layer and its activation.</summary>
internal sealed class C23NormPosition : Claim
{
    private const string Experiment = "norm-position";

    public override string Id => "C23";

    public override string Statement => "Batch norm is better before the activation than after it";

    public override string Lesson => "D7";

    public override string Words =>
        "Batch norm is a linear map, so it stands after a layer and before its non-linear activation, or on inputs.";

    public override string Effect => "test accuracy (exact statistics), batch norm before the activation less after it";

    public override Bound Bound => Bound.AtLeast(0.01);

    public override IReadOnlyList<string> Experiments => [Experiment];

    public override string Practice =>
        "Before the activation is the usual place, where a layer can be folded with its norm; try the other one when " +
        "it matters, as nothing in the mathematics forbids it.";

    protected override string Cases => "for LeNet with sigmoids and with ReLU";

    protected override IEnumerable<Case> Measure(Evidence evidence) =>
    [
        new Case("sigmoid",
            evidence.Differences(Experiment, "sigmoid-before.testAccuracy", "sigmoid-after.testAccuracy")),
        new Case("ReLU", evidence.Differences(Experiment, "relu-before.testAccuracy", "relu-after.testAccuracy")),
    ];

    protected override string Remark(Evidence evidence)
    {
        return $"The same of the training accuracy of the last epoch: {Train("sigmoid")} with sigmoids, " +
            $"{Train("relu")} with ReLU.";

        string Train(string activation) => NotebookMath.Signed(evidence.Differences(Experiment,
            $"{activation}-before.trainAccuracy", $"{activation}-after.trainAccuracy").Average(), 3);
    }
}
