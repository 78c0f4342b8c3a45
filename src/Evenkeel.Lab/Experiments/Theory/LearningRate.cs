using System.Globalization;
using Evenkeel.Lab.Experiments.Notebook;
using Evenkeel.Optim;
using Evenkeel.Random;
using Evenkeel.Training;

namespace Evenkeel.Lab.Experiments.Theory;

/// <summary>
/// The largest learning rate that still trains, with and without batch norm: SGD over a grid of rates.
/// </summary>
internal sealed class LearningRate : TheoryExperiment
{
    private const int BatchSize = 50;

    /// <summary>What counts as trained, on ten classes where guessing gives 0.1.</summary>
    private const double Trained = 0.3;

    public override string Name => "learning-rate";

    public override string Title => "The largest learning rate that still trains";

    public override string Lesson => "D8";

    public override string Description =>
        "Five hidden layers of 100, Kaiming weights, plain SGD without momentum, batches of 50, on standardized " +
        "images. Rates from 2^-8 to 2^6; " +
        "a rate trains if the net ends with a training accuracy of 0.3 or more (guessing: 0.1) and finite losses.";

    public override IReadOnlyList<string> Variants => [FullyConnectedNet.None, FullyConnectedNet.BatchNorm];

    public override (int Lesson, int Quick)? Epochs => (5, 3);

    public override LabSet? Images => LabSet.Cifar10;

    public override (double Lesson, double Quick) Cost => (5, 1.5);

    public override ExperimentResult Run(ExperimentContext context)
    {
        StandardizedImages images = StandardizedImages.Of(context.Data.Small(context).Train);
        LargestRate grid = Grid(context);
        double[] rates = grid.Rates;
        var result = new ExperimentResult();
        using var hash = new WeightsHash();
        int run = 0, runs = Variants.Count * rates.Length;
        foreach (string variant in Variants)
        {
            double[] accuracies = new double[rates.Length];
            for (int r = 0; r < rates.Length; r++)
            {
                context.Report((double)run++ / runs, string.Create(CultureInfo.InvariantCulture,
                    $"{variant}, rate {rates[r]:G4}"));
                accuracies[r] = Train(context, images, variant, rates[r], hash);
            }

            result.Series.Add(new Series($"{variant}/train-accuracy", rates, accuracies));
            AddLargest(result, variant, grid.Of(accuracies));
            int best = Array.IndexOf(accuracies, accuracies.Max());
            result.Figures[$"{variant}.bestTrainAccuracy"] = accuracies[best];
            result.Figures[$"{variant}.bestRate"] = rates[best];
            context.Report((double)run / runs, string.Create(CultureInfo.InvariantCulture,
                $"{variant}, largest {grid.Of(accuracies):G4}"), milestone: true);
        }

        result.WeightsHash = hash.Finish();
        Judge(result, grid);
        result.Notes.Add($"The grid steps by factors of {(context.Quick ? 4 : 2)}: a largest rate is known to that. " +
            $"The largest rate that trains is not the rate that trains best. See {Page}.");
        return result;
    }

    /// <summary>
    /// From the largest rate down, only as far as the largest that trains: all that a claim asks for.
    /// </summary>
    protected override Func<ExperimentContext, ExperimentResult>? ForClaims => RunForClaims;

    public override IReadOnlyList<Chart> Charts(ExperimentResult result) => [LargestRate.ChartOf(result)];

    public override string Headline(IReadOnlyDictionary<string, double> figures) => LargestRate.Headline(figures);

    private ExperimentResult RunForClaims(ExperimentContext context)
    {
        StandardizedImages images = StandardizedImages.Of(context.Data.Small(context).Train);
        LargestRate grid = Grid(context);
        var result = new ExperimentResult();
        using var hash = new WeightsHash();
        int number = 0;
        foreach (string variant in Variants)
        {
            double done = (double)number++ / Variants.Count;
            AddLargest(result, variant, grid.Search(r =>
            {
                context.Report(done, string.Create(CultureInfo.InvariantCulture,
                    $"{variant}, rate {grid.Rates[r]:G4}"));
                return Train(context, images, variant, grid.Rates[r], hash);
            }));
        }

        result.WeightsHash = hash.Finish();
        return result;
    }

    private static LargestRate Grid(ExperimentContext context) => new(-8, 6, context.Quick ? 2 : 1, Trained);

    /// <summary>The net with batch norm comes last and adds the ratio.</summary>
    private static void AddLargest(ExperimentResult result, string variant, double largest)
    {
        result.Figures[$"{variant}.largestRate"] = largest;
        if (variant == FullyConnectedNet.BatchNorm)
            result.Figures["ratio"] = largest / result.Figures["none.largestRate"];
    }

    private static void Judge(ExperimentResult result, LargestRate grid)
    {
        grid.Tell(result, "Training accuracy by learning rate (NaN: a loss was not finite)", "D8.larger-rate");
        Dictionary<string, double> figures = result.Figures;
        result.Checks.Add(Check.Judge("D8.best-rate", "And the rate that trains best is larger too",
            "rate of the best training accuracy larger with batch norm",
            string.Create(CultureInfo.InvariantCulture, $"{figures["batchnorm.bestRate"]:G4} " +
                $"({figures["batchnorm.bestTrainAccuracy"]:F3}) with, {figures["none.bestRate"]:G4} " +
                $"({figures["none.bestTrainAccuracy"]:F3}) without"),
            figures["batchnorm.bestRate"] > figures["none.bestRate"]));
    }

    /// <summary>Training accuracy at the end; NaN where a loss was not finite.</summary>
    private static double Train(ExperimentContext context, StandardizedImages images, string norm, double rate,
        WeightsHash hash)
    {
        var random = new NumPyRandomState((uint)context.Seed);
        FullyConnectedNet net = KaimingNet.Create(random, images.SampleShape.Count, norm, context.DType);
        var solver = new Solver(net.Model, new SGD(net.Model.Parameters(), rate), random, context.Epochs, BatchSize)
        {
            NonFiniteLoss = NonFiniteLoss.EndRun,
        };
        SolverHistory history = solver.Train(images, cancellation: context.Cancellation);
        hash.Add(string.Create(CultureInfo.InvariantCulture, $"{norm}-{rate}"), net.Model);
        int steps = context.Epochs * NotebookTraining.StepsPerEpoch(images.Count, BatchSize);
        return history.Losses.Count == steps && history.Losses.All(double.IsFinite) ? history.TrainAccuracies[^1]
            : double.NaN;
    }
}
