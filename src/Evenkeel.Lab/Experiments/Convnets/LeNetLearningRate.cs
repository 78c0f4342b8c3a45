using System.Globalization;
using Evenkeel.Lab.Experiments.Theory;
using Evenkeel.Nn;
using Evenkeel.Training;

namespace Evenkeel.Lab.Experiments.Convnets;

/// <summary>
/// Lesson D's exercise on its own net: the largest learning rate that still trains a LeNet, with and without batch
/// norm.
/// </summary>
internal sealed class LeNetLearningRate : Experiment
{
    private const string None = "none";
    private const string BatchNormed = "batchnorm";
    private const int TrainImages = 2_000;
    private const int QuickTrainImages = 1_000;

    /// <summary>What counts as trained, on ten classes where guessing gives 0.1.</summary>
    private const double Trained = 0.3;

    private static readonly (string Variant, LeNetTrial Trial)[] s_nets =
        [(None, new LeNetTrial(Nonlinearity.ReLU, NormPlace.Nowhere)),
            (BatchNormed, new LeNetTrial(Nonlinearity.ReLU, NormPlace.Before))];

    public override string Name => "lenet-learning-rate";

    public override string Title => "The largest learning rate, LeNet";

    public override string Lesson => "D8";

    public override string Description =>
        "LeNet with ReLU on 2000 images, xavier_uniform_ weights, plain SGD, batches of 50, two epochs, at rates " +
        "from 2^-6 to 2^5. A rate trains if losses are finite and 0.3 of the answers of the last epoch are right " +
        "(guessing: 0.1).";

    public override string Page => "docs/lessons/d-lenet-fashion-mnist.md#lenet-learning-rate";

    public override long LessonSeed => 0;

    public override IReadOnlyList<string> Variants => [.. s_nets.Select(static net => net.Variant)];

    public override (int Lesson, int Quick)? Epochs => (2, 2);

    public override LabSet? Images => LabSet.FashionMnist;

    public override (double Lesson, double Quick) Cost => (8, 1.5);

    public override ExperimentResult Run(ExperimentContext context)
    {
        (ExperimentResult result, LargestRate grid) = Measure(context, isWhole: true);
        grid.Tell(result, "Training accuracy over the last epoch by learning rate (NaN: " +
            "a loss was not finite)", "D8.larger-rate-lenet");
        result.Notes.Add($"The grid steps by factors of {(context.Quick ? 4 : 2)}: a largest rate is known to that.");
        return result;
    }

    /// <summary>
    /// From the largest rate down, only as far as the largest that trains: all that a claim asks for.
    /// </summary>
    protected override Func<ExperimentContext, ExperimentResult>? ForClaims => context =>
        Measure(context, isWhole: false).Result;

    public override IReadOnlyList<Chart> Charts(ExperimentResult result) => [LargestRate.ChartOf(result)];

    public override string Headline(IReadOnlyDictionary<string, double> figures) => LargestRate.Headline(figures);

    private static (ExperimentResult Result, LargestRate Grid) Measure(ExperimentContext context, bool isWhole)
    {
        FashionImages images = context.Data.Fashion(context, context.Quick ? QuickTrainImages : TrainImages, 0);
        var grid = new LargestRate(-6, 5, context.Quick ? 2 : 1, Trained);
        var result = new ExperimentResult();
        using var hash = new WeightsHash();
        int number = 0;
        foreach ((string variant, LeNetTrial trial) in s_nets)
        {
            double first = (double)number++ / s_nets.Length;
            if (isWhole)
            {
                double[] accuracies = [.. grid.Rates.Select((_, r) => AccuracyAt(r))];
                result.Series.Add(new Series($"{variant}/train-accuracy", grid.Rates, accuracies));
                result.Figures[$"{variant}.largestRate"] = grid.Of(accuracies);
            }
            else
            {
                result.Figures[$"{variant}.largestRate"] = grid.Search(AccuracyAt);
            }

            context.Report((double)number / s_nets.Length, string.Create(CultureInfo.InvariantCulture,
                $"{variant}, largest {result.Figures[$"{variant}.largestRate"]:G4}"), milestone: true);

            double AccuracyAt(int r)
            {
                string state = string.Create(CultureInfo.InvariantCulture, $"{variant}, rate {grid.Rates[r]:G4}");
                double share = (double)(isWhole ? r : 0) / grid.Rates.Length / s_nets.Length;
                return trial.Train(context, images, grid.Rates[r], slowsDown: false, hash,
                    string.Create(CultureInfo.InvariantCulture, $"{variant}-{grid.Rates[r]}"), _ =>
                    context.Report(first + share, state)).TrainAccuracy[^1];
            }
        }

        result.Figures["ratio"] = result.Figures["batchnorm.largestRate"] / result.Figures["none.largestRate"];
        result.WeightsHash = hash.Finish();
        return (result, grid);
    }
}
