using System.Globalization;
using Evenkeel.Nn;

namespace Evenkeel.Lab.Experiments.Convnets;

/// <summary>
/// Lesson A's fifth advantage: whether local response normalization is worth anything beside batch norm, or instead of
/// it.
/// </summary>
internal sealed class LocalResponse : Experiment
{
    private const string None = "none";
    private const string Local = "lrn";
    private const string BatchNormed = "batchnorm";
    private const string Both = "both";

    /// <summary>
    /// One for all nets: LRN is to be compared, not the rate that suits it. Twice that of norm-position: without batch
    /// norm, and behind LRN, which shrinks what passes, smaller steps take too long.
    /// </summary>
    private const double Rate = 0.2;

    public override string Name => "local-response-norm";

    public override string Title => "Batch norm and local response norm";

    public override string Lesson => "A2";

    public override string Description =>
        "LeNet with ReLU on 4000 images, three epochs of batches of 50 at rate 0.2, the last one at a tenth of it: " +
        "without norm, with AlexNet's local response normalization after each convolution, with batch norm, with both.";

    public override string Page => "docs/lessons/a-initialization-and-banknotes.md#local-response-norm";

    public override long LessonSeed => 1;

    public override IReadOnlyList<string> Variants => [None, Local, BatchNormed, Both];

    public override (int Lesson, int Quick)? Epochs => (3, 2);

    public override LabSet? Images => LabSet.FashionMnist;

    public override (double Lesson, double Quick) Cost => (9, 1.5);

    public override ExperimentResult Run(ExperimentContext context)
    {
        ExperimentResult result = LeNetTrial.Compare(
            context,
            (None, new LeNetTrial(Nonlinearity.ReLU, NormPlace.Nowhere), Rate),
            (Local, new LeNetTrial(Nonlinearity.ReLU, NormPlace.Nowhere, IsLocal: true), Rate),
            (BatchNormed, new LeNetTrial(Nonlinearity.ReLU, NormPlace.Before), Rate),
            (Both, new LeNetTrial(Nonlinearity.ReLU, NormPlace.Before, IsLocal: true), Rate));
        double both = result.Figures["both.testAccuracy"], norm = result.Figures["batchnorm.testAccuracy"];
        result.Checks.Add(Check.Judge("A2.no-lrn", "Beside batch norm, local response normalization gains nothing",
            "test accuracy with both at most 0.01 above batch norm's alone",
            string.Create(CultureInfo.InvariantCulture, $"{both:F3} with both, {norm:F3} with batch norm " +
                $"alone"), both - norm <= 0.01));
        result.Notes.Add("Alpha is 1; with AlexNet's 1e-4 the layer would leave activations of this size as they " +
            $"are. See {Page}.");
        return result;
    }

    public override IReadOnlyList<Chart> Charts(ExperimentResult result) =>
    [
        new Chart("train-accuracy", "Training accuracy", new Axis("Epoch"), new Axis("Training accuracy", Max: 1),
            [
                Curve.Of(result, "none/train-accuracy", "no norm", Marker.Circle),
                    Curve.Of(result, "lrn/train-accuracy", "LRN", Marker.Circle),
                Curve.Of(result, "batchnorm/train-accuracy", "batch norm", Marker.Circle),
                    Curve.Of(result, "both/train-accuracy", "LRN and batch norm", Marker.Circle),
            ]),
    ];

    public override string Headline(IReadOnlyDictionary<string, double> figures) =>
        string.Create(CultureInfo.InvariantCulture,
        $"test {figures["batchnorm.testAccuracy"]:F3}, LRN too {figures["both.testAccuracy"]:F3}, only " +
        $"{figures["lrn.testAccuracy"]:F3}");
}
