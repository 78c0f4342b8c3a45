using System.Globalization;
using Evenkeel.Lab.Experiments.Notebook;
using Evenkeel.Losses;
using Evenkeel.Optim;
using Evenkeel.Random;
using Evenkeel.Training;

namespace Evenkeel.Lab.Experiments.Theory;

/// <summary>The largest learning rate that still trains, with and without batch norm: SGD over a grid of rates.</summary>
internal sealed class LearningRate : TheoryExperiment
{
    private const int BatchSize = 50;

    /// <summary>What counts as trained, on ten classes where guessing gives 0.1.</summary>
    private const double Trained = 0.3;

    /// <summary>Powers of two from 2^-8 to 2^6, so that rates and steps are exact.</summary>
    private const int SmallestPower = -8;
    private const int LargestPower = 6;

    public override string Name => "learning-rate";

    public override string Title => "The largest learning rate that still trains";

    public override string Lesson => "D8";

    public override string Description =>
        "Five hidden layers of 100, Kaiming weights, plain SGD without momentum, batches of 50, on standardized images. Rates from 2^-8 to 2^6; a rate trains if the net ends with a training accuracy of 0.3 or more (guessing: 0.1) and finite losses.";

    public override IReadOnlyList<string> Variants => [FullyConnectedNet.None, FullyConnectedNet.BatchNorm];

    public override (int Lesson, int Quick)? Epochs => (5, 3);

    public override LabSet? Images => LabSet.Cifar10;

    public override ExperimentResult Run(ExperimentContext context)
    {
        StandardizedImages images = StandardizedImages.Of(context.Data.Small(context).Train);
        int seeds = context.Quick ? 1 : 3, stride = context.Quick ? 2 : 1;
        int[] powers = [.. Enumerable.Range(0, ((LargestPower - SmallestPower) / stride) + 1).Select(i => SmallestPower + (i * stride))];
        double[] rates = [.. powers.Select(power => Math.ScaleB(1, power))];
        var result = new ExperimentResult();
        using var hash = new WeightsHash();
        var accuracies = new Dictionary<string, double[][]>(StringComparer.Ordinal);
        int run = 0, runs = Variants.Count * seeds * rates.Length;
        foreach (string variant in Variants)
        {
            accuracies[variant] = new double[seeds][];
            for (int seed = 0; seed < seeds; seed++)
            {
                accuracies[variant][seed] = new double[rates.Length];
                for (int r = 0; r < rates.Length; r++)
                {
                    context.Report((double)run++ / runs, string.Create(CultureInfo.InvariantCulture, $"{variant}, seed {seed + 1}/{seeds}, rate {rates[r]:G4}"));
                    accuracies[variant][seed][r] = Train(context, images, variant, seed, rates[r], hash);
                }

                context.Report((double)run / runs, string.Create(CultureInfo.InvariantCulture, $"{variant}, seed {seed + 1}/{seeds}, largest {Largest(rates, accuracies[variant][seed]):G4}"), milestone: true);
            }

            result.Series.Add(new Series($"{variant}/train-accuracy", rates, [.. rates.Select((_, r) => TheoryMath.Median(accuracies[variant].Select(list => list[r])))]));
        }

        result.WeightsHash = hash.Finish();
        Judge(result, rates, accuracies);
        result.Notes.Add($"The grid steps by factors of {(context.Quick ? 4 : 2)}: a largest rate is known to that. The largest rate that trains is not the rate that trains best. See {Page}.");
        return result;
    }

    public override string Headline(IReadOnlyDictionary<string, double> figures) => string.Create(CultureInfo.InvariantCulture,
        $"{figures["batchnorm.largestRate"]:G3} with batch norm, {figures["none.largestRate"]:G3} without: x {figures["ratio"]:G3}");

    private void Judge(ExperimentResult result, double[] rates, Dictionary<string, double[][]> accuracies)
    {
        var rows = new List<IReadOnlyList<object?>>();
        for (int r = 0; r < rates.Length; r++)
        {
            double[] Of(string variant) => [.. accuracies[variant].Select(list => list[r])];
            double[] none = Of(FullyConnectedNet.None), norm = Of(FullyConnectedNet.BatchNorm);
            rows.Add([rates[r], TheoryMath.Median(none), none.Count(Trains), TheoryMath.Median(norm), norm.Count(Trains)]);
        }

        result.Tables.Add(new ResultTable($"Training accuracy by learning rate, median of {accuracies[FullyConnectedNet.None].Length}, and for how many seeds it trains (NaN: the loss was not finite)",
            ["rate", "none", "trains", "batch norm", "trains"], rows, ["G6", "F3", null, "F3", null]));
        foreach (string variant in Variants)
        {
            double[] largest = [.. accuracies[variant].Select(list => Largest(rates, list))];
            IReadOnlyList<double> curve = result.Series.Single(series => series.Name == $"{variant}/train-accuracy").Y;
            double best = curve.Max();
            result.Figures[$"{variant}.largestRate"] = TheoryMath.Median(largest);
            result.Figures[$"{variant}.bestTrainAccuracy"] = best;
            result.Figures[$"{variant}.bestRate"] = rates[curve.ToList().IndexOf(best)];
        }

        double[] ratios = [.. accuracies[FullyConnectedNet.None].Select((list, seed) => Largest(rates, accuracies[FullyConnectedNet.BatchNorm][seed]) / Largest(rates, list))];
        result.Figures["ratio"] = TheoryMath.Median(ratios);
        string each = string.Join(", ", ratios.Select(ratio => ratio.ToString("G4", CultureInfo.InvariantCulture)));
        result.Checks.Add(Check.Judge("D8.larger-rate", "Batch norm permits a larger learning rate", "the largest rate that trains is larger with it, for every seed",
            string.Create(CultureInfo.InvariantCulture, $"{result.Figures["batchnorm.largestRate"]:G4} against {result.Figures["none.largestRate"]:G4} (medians); ratios {each}"), ratios.All(ratio => ratio > 1)));
        double withBest = result.Figures["batchnorm.bestRate"], withoutBest = result.Figures["none.bestRate"];
        result.Checks.Add(Check.Judge("D8.best-rate", "And the rate that trains best is larger too", "rate of the best median training accuracy larger with batch norm",
            string.Create(CultureInfo.InvariantCulture, $"{withBest:G4} ({result.Figures["batchnorm.bestTrainAccuracy"]:F3}) with, {withoutBest:G4} ({result.Figures["none.bestTrainAccuracy"]:F3}) without"), withBest > withoutBest));
    }

    private static bool Trains(double accuracy) => accuracy >= Trained;

    /// <summary>The largest rate of the grid that trains, whatever smaller ones do; 0 if none does.</summary>
    private static double Largest(double[] rates, double[] accuracies)
    {
        for (int r = rates.Length - 1; r >= 0; r--)
        {
            if (Trains(accuracies[r])) return rates[r];
        }

        return 0;
    }

    /// <summary>Training accuracy at the end; NaN where a loss was not finite.</summary>
    private static double Train(ExperimentContext context, StandardizedImages images, string norm, int seed, double rate, WeightsHash hash)
    {
        var random = new NumPyRandomState((uint)(context.Seed + seed));
        FullyConnectedNet net = KaimingNet.Create(random, images.SampleShape.Count, norm, context.DType);
        var options = TrainerOptions.Cs231n(random, context.Epochs, BatchSize);
        options.TrainSamples = null;
        options.RestoreBestModel = false;
        options.NonFiniteLoss = NonFiniteLoss.EndRun;
        var trainer = new Trainer(net.Model, new SGD(net.Model.Parameters(), rate), new CrossEntropyLoss(), options);
        History history = trainer.Fit(images, images.Few, progress: null, context.Cancellation);
        hash.Add(string.Create(CultureInfo.InvariantCulture, $"{norm}-{seed}-{rate}"), net.Model);
        int steps = context.Epochs * NotebookTraining.StepsPerEpoch(images.Count, BatchSize);
        return history.Losses.Count == steps && history.Losses.All(double.IsFinite) ? history.TrainAccuracies[^1] : double.NaN;
    }
}
