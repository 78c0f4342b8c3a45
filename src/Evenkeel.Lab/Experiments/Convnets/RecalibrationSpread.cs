using System.Globalization;
using Evenkeel.Data;
using Evenkeel.Nn;
using Evenkeel.Optim;
using Evenkeel.Random;
using Evenkeel.Training;

namespace Evenkeel.Lab.Experiments.Convnets;

/// <summary>
/// Why published test accuracies of lesson D's LeNet lie between .71 and .89: the same weights, tested with moving
/// averages and with exact statistics, at its learning rate and at a tenth of it.
/// </summary>
internal sealed class RecalibrationSpread : Experiment
{
    public const string Large = "large";
    public const string Small = "small";

    private const int BatchSize = 256;

    /// <summary>Whole batches, as in fashion-lenet; short epochs, so that there are many to test after.</summary>
    private const int TrainImages = 20 * BatchSize;
    private const int QuickTrainImages = 10 * BatchSize;
    private const int TestImages = 1_000;

    /// <summary>
    /// Training images whose statistics are taken as those of all: the mean of a channel is off by a 36th of its
    /// deviation where it has one value per image, by less in a plane.
    /// </summary>
    private const int StatisticsImages = 5 * BatchSize;

    private static readonly (string Variant, string Label, double Rate)[] s_variants =
        [(Large, "rate 1.0", 1.0), (Small, "rate 0.1", 0.1)];

    public override string Name => "recalibration";

    public override string Title => "Moving averages or exact statistics";

    public override string Lesson => "D6";

    public override string Description =>
        "LeNet with sigmoids and batch norm on 5,120 images, batches of 256, SGD at lr 1.0 and at 0.1, twelve " +
        "epochs. After each epoch the same weights are tested twice: with the moving averages that training has " +
        "left, and with the exact mean and variance of training images.";

    public override string Page => "docs/lessons/d-lenet-fashion-mnist.md#recalibration";

    public override long LessonSeed => 0;

    public override IReadOnlyList<string> Variants => [.. s_variants.Select(static variant => variant.Variant)];

    public override (int Lesson, int Quick)? Epochs => (12, 4);

    public override LabSet? Images => LabSet.FashionMnist;

    public override (double Lesson, double Quick) Cost => (26, 6);

    public override ExperimentResult Run(ExperimentContext context) =>
        Measure(context, context.Data.Fashion(context, context.Quick ? QuickTrainImages : TrainImages, TestImages));

    /// <summary>Trains at both rates and tests twice after every epoch.</summary>
    internal static ExperimentResult Measure(ExperimentContext context, FashionImages images)
    {
        var result = new ExperimentResult();
        using var hash = new WeightsHash();
        for (int v = 0; v < s_variants.Length; v++)
        {
            (string variant, _, double rate) = s_variants[v];
            int number = v;
            (List<double> moving, List<double> exact) =
                Train(context, images, variant, rate, hash, done => (number + done) / s_variants.Length);
            AddFigures(result, $"{variant}.moving", moving);
            AddFigures(result, $"{variant}.exact", exact);
            result.Figures[$"{variant}.meanGain"] = LaterHalf([.. moving.Zip(exact, static (a, b) => b - a)]).Average();
            result.AddSeries($"{variant}-moving/test-accuracy", moving, first: 1);
            result.AddSeries($"{variant}-exact/test-accuracy", exact, first: 1);
        }

        result.WeightsHash = hash.Finish();
        Tell(result, context.Epochs);
        return result;
    }

    public override IReadOnlyList<Chart> Charts(ExperimentResult result) =>
    [
        .. s_variants.Select(variant => new Chart(
            variant.Variant, $"The same weights tested twice, {variant.Label}", new Axis("epoch"),
                new Axis("test accuracy", Max: 1),
            [Curve.Of(result, $"{variant.Variant}-moving/test-accuracy", "moving averages", Marker.Circle),
                Curve.Of(result, $"{variant.Variant}-exact/test-accuracy", "exact statistics", Marker.Circle)],
            variant.Variant == Large ? "Published runs of the lesson's net end between .708 and .893; they have ten " +
                "epochs of 60,000 images, here an epoch has 5,120." : null)),
    ];

    public override string Headline(IReadOnlyDictionary<string, double> figures) =>
        string.Create(CultureInfo.InvariantCulture,
        $"jumps by {figures["large.movingSwing"]:F3}, with exact statistics {figures["large.exactSwing"]:F3}");

    private static (List<double> Moving, List<double> Exact) Train(ExperimentContext context, FashionImages images,
        string variant, double rate, WeightsHash hash, Func<double, double> done)
    {
        // Weights and batches of lesson D's net with batch norm, from the same seed for both rates.
        var random = new TorchGenerator((ulong)context.Seed);
        Sequential net = FashionLeNet.Net(FashionLeNet.BatchNormed, random);
        if (context.DType == DType.Float64) net.To(DType.Float64);
        var training = new ClassifierTraining(net, new SGD(net.Parameters(), rate));
        List<double> moving = [], exact = [];
        using DataLoader batches = images.Batches(BatchSize, random, context.DType, context.Cancellation),
            tests = images.TestBatches(context.DType, context.Cancellation);
        IDataset statistics = images.TrainValues(StatisticsImages);
        for (int epoch = 0; epoch < context.Epochs; epoch++)
        {
            int number = epoch;
            string state = $"{variant} rate, epoch {epoch + 1}/{context.Epochs}";
            training.Epoch(batches, share => context.Report(done((number + (0.7 * share)) / context.Epochs), state));
            moving.Add(training.Evaluate(tests).Accuracy);
            exact.Add(ExactStatistics.TestAccuracy(net, training, statistics, tests, context.Cancellation));
            context.Report(done((epoch + 1.0) / context.Epochs), string.Create(CultureInfo.InvariantCulture,
                $"{state}, test {moving[^1]:F3}, exact {exact[^1]:F3}"), milestone: true);
        }

        hash.Add(variant, net);
        return (moving, exact);
    }

    private static void AddFigures(ExperimentResult result, string name, List<double> accuracies)
    {
        result.Figures[$"{name}Swing"] = Swing(accuracies);
        result.Figures[$"{name}Lowest"] = LaterHalf(accuracies).Min();
        result.Figures[$"{name}Final"] = accuracies[^1];
    }

    /// <summary>
    /// The later half of the epochs: in the earlier one test accuracy changes because the net learns.
    /// </summary>
    private static IReadOnlyList<double> LaterHalf(List<double> values) => values[(values.Count / 2)..];

    /// <summary>Mean absolute change from one epoch to the next, in the later half.</summary>
    internal static double Swing(List<double> values)
    {
        double sum = 0;
        int first = Math.Max(1, values.Count / 2);
        for (int e = first; e < values.Count; e++) sum += Math.Abs(values[e] - values[e - 1]);
        return sum / Math.Max(1, values.Count - first);
    }

    private static void Tell(ExperimentResult result, int epochs)
    {
        result.Tables.Add(new ResultTable("Test accuracy after each epoch",
            ["epoch", .. s_variants.SelectMany(static variant => (string[])[$"{variant.Label}: moving", "exact"])],
            [.. Enumerable.Range(0, epochs)
                .Select(epoch =>
                (IReadOnlyList<object?>)[epoch + 1,
                    .. s_variants.SelectMany(variant =>
                    (object?[])[At($"{variant.Variant}-moving", epoch), At($"{variant.Variant}-exact", epoch)])])],
            [null, .. s_variants.SelectMany(static _ => (string?[])["F3", "F3"])]));
        double moving = result.Figures["large.movingSwing"], exact = result.Figures["large.exactSwing"];
        result.Checks.Add(Check.Judge("D6.statistics", "Moving averages make test accuracy jump",
            "at rate 1.0 the mean change from epoch to epoch, over the later half of them, " +
            "is smaller with exact statistics",
            string.Create(CultureInfo.InvariantCulture, $"{moving:F3} with moving averages, " +
                $"{exact:F3} with exact statistics"), exact < moving));
        result.Notes.Add("Weights, gamma and beta are the same in both tests; nothing is chosen by its test accuracy.");

        double At(string curve, int epoch) =>
            result.Series.Single(series => series.Name == $"{curve}/test-accuracy").Y[epoch];
    }
}
