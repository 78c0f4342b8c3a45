using System.Globalization;
using Evenkeel.Nn;

namespace Evenkeel.Lab.Experiments.Convnets;

/// <summary>Lesson D puts batch norm before the activation: what it is worth there, and after it.</summary>
internal sealed class NormPosition : Experiment
{
    /// <summary>
    /// Sigmoids pass a quarter of the gradient at most, so they want a larger rate; lesson D gives them 1.
    /// </summary>
    private const double ReLURate = 0.1;
    private const double SigmoidRate = 1;

    public override string Name => "norm-position";

    public override string Title => "Batch norm before or after the activation";

    public override string Lesson => "D7";

    public override string Description =>
        "LeNet on 4000 images, three epochs of batches of 50, with ReLU and max pooling (rate 0.1) and with sigmoids " +
        "and average pooling (rate 1), the last epoch at a tenth of the rate: " +
        "batch norm between each layer and its activation, or after the activation.";

    public override string Page => "docs/lessons/d-lenet-fashion-mnist.md#norm-position";

    public override long LessonSeed => 0;

    public override IReadOnlyList<string> Variants => ["sigmoid-before", "sigmoid-after", "relu-before", "relu-after"];

    public override (int Lesson, int Quick)? Epochs => (3, 2);

    public override LabSet? Images => LabSet.FashionMnist;

    public override (double Lesson, double Quick) Cost => (9, 1.5);

    public override ExperimentResult Run(ExperimentContext context)
    {
        ExperimentResult result = LeNetTrial.Compare(
            context,
            ("sigmoid-before", new LeNetTrial(Nonlinearity.Sigmoid, NormPlace.Before), SigmoidRate),
            ("sigmoid-after", new LeNetTrial(Nonlinearity.Sigmoid, NormPlace.After), SigmoidRate),
            ("relu-before", new LeNetTrial(Nonlinearity.ReLU, NormPlace.Before), ReLURate),
            ("relu-after", new LeNetTrial(Nonlinearity.ReLU, NormPlace.After), ReLURate));
        double before = result.Figures["sigmoid-before.testAccuracy"],
            after = result.Figures["sigmoid-after.testAccuracy"];
        result.Checks.Add(Check.Judge("D7.before", "Batch norm belongs before the activation",
            "test accuracy of the lesson's net (sigmoids) not below that with batch norm after it",
            string.Create(CultureInfo.InvariantCulture, $"{before:F3} before, {after:F3} after"), before >= after));
        return result;
    }

    public override IReadOnlyList<Chart> Charts(ExperimentResult result) =>
    [
        new Chart("train-accuracy", "Training accuracy", new Axis("Epoch"), new Axis("Training accuracy", Max: 1),
            [.. Variants.Select(variant =>
                Curve.Of(result, $"{variant}/train-accuracy", variant.Replace('-', ' '), Marker.Circle))]),
    ];

    public override string Headline(IReadOnlyDictionary<string, double> figures) =>
        string.Create(CultureInfo.InvariantCulture,
        $"before {figures["sigmoid-before.testAccuracy"]:F2}, after {figures["sigmoid-after.testAccuracy"]:F2}; ReLU " +
        $"{figures["relu-before.testAccuracy"]:F2}, {figures["relu-after.testAccuracy"]:F2}");
}
