using System.Globalization;

namespace Evenkeel.Lab.Claims;

/// <summary>Lessons A, D and K: batch norm permits a larger learning rate.</summary>
internal sealed class C01LargerRate : Claim
{
    public override string Id => "C1";

    public override string Statement => "Batch norm permits a larger learning rate";

    public override string Lesson => "A2, D7, K9";

    public override string Words =>
        "With batch norm a larger learning rate can be used, and training converges faster for it; without, the " +
        "layers pass a change on until it has grown too large.";

    public override string Effect => "largest learning rate that still trains, with batch norm over without";

    public override Bound Bound => Bound.AtLeast(2);

    public override IReadOnlyList<string> Experiments => ["learning-rate", "lenet-learning-rate"];

    public override string Practice =>
        "With batch norm, start the search for a rate higher than you are used to. The largest rate that trains is " +
        "not the best one: look for the best some factors of two below it.";

    protected override string Cases => "for a net of six layers and for LeNet";

    protected override IEnumerable<Case> Measure(Evidence evidence) =>
    [
        new Case("six linear layers", evidence.Values("learning-rate", "ratio"), IsRatio: true),
        new Case("LeNet", evidence.Values("lenet-learning-rate", "ratio"), IsRatio: true),
    ];

    protected override string Remark(Evidence evidence)
    {
        IReadOnlyDictionary<string, double> net = evidence.Of("learning-rate")[0],
            lenet = evidence.Of("lenet-learning-rate")[0];
        return string.Create(CultureInfo.InvariantCulture,
            $"Rates are tried in steps of two or four, so a ratio is known to that. First seed: " +
            $"{net["batchnorm.largestRate"]:G4} against {net["none.largestRate"]:G4}, LeNet " +
            $"{lenet["batchnorm.largestRate"]:G4} against {lenet["none.largestRate"]:G4}. Best accuracy of six " +
            $"layers at any rate: {net["batchnorm.bestTrainAccuracy"]:F3} at {net["batchnorm.bestRate"]:G4} with, " +
            $"{net["none.bestTrainAccuracy"]:F3} at {net["none.bestRate"]:G4} without.");
    }
}
