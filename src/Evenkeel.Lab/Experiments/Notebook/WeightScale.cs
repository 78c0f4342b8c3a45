using System.Globalization;
using Evenkeel.Random;
using Evenkeel.Training;

namespace Evenkeel.Lab.Experiments.Notebook;

/// <summary>
/// In[10] and In[11]: how much the scale of the initial weights matters, with and without batch norm.
/// </summary>
internal sealed class WeightScale : Experiment
{
    private const int BatchSize = 50;
    private const double LearningRate = 1e-3;

    /// <summary>Twice the loss of ten equal guesses, ln 10, and a little: nothing that learns stays above it.</summary>
    private const double Diverged = 5;

    /// <summary>
    /// Best training accuracy from which on a scale counts as one that works, on ten classes where guessing gives 0.1.
    /// </summary>
    private const double Trained = 0.25;

    /// <summary>Share of the best accuracy of both nets from which on a scale counts as one that works well.</summary>
    private const double TrainedWell = 0.8;

    /// <summary>
    /// The scales of a full run that claims look at, closer where accuracies change fast: enough for the width of a
    /// range, and less than half of the time for further seeds.
    /// </summary>
    private static readonly int[] s_claimed = [0, 4, 8, 10, 12, 14, 16, 19];

    private static readonly int[] s_hidden = [50, 50, 50, 50, 50, 50, 50, 50];

    // 10^(-4 + 4i/19), rounded once and written out: a system's pow may differ in the last bit, and a run must not.
    private static readonly double[] s_scales =
    [
        1e-4, 0.00016237767391887218, 0.00026366508987303583, 0.0004281332398719394, 0.0006951927961775606,
        0.0011288378916846891, 0.001832980710832436, 0.0029763514416313182, 0.0048329302385717535, 0.007847599703514613,
        0.012742749857031338, 0.020691380811147898, 0.03359818286283782, 0.05455594781168519, 0.08858667904100827,
        0.14384498882876628, 0.23357214690901223, 0.37926901907322497, 0.6158482110660264, 1,
    ];

    public override string Name => "weight-scale";

    public override string Title => "Batch norm and the scale of initial weights";

    public override string Lesson => "N11";

    public override string Description =>
        "Eight hidden layers of 50, initial weights of 20 scales from 1e-4 to 1, with and without batch norm. " +
        "Without it most scales do not train or explode; with it every one trains, though not equally well.";

    public override IReadOnlyList<string> Variants => [FullyConnectedNet.BatchNorm, FullyConnectedNet.None];

    public override (int Lesson, int Quick)? Epochs => (10, 4);

    public override LabSet? Images => LabSet.Cifar10;

    public override (double Lesson, double Quick) Cost => (22, 4);

    public override ExperimentResult Run(ExperimentContext context)
    {
        double[] scales = Scales(context.Quick ? 5 : 20);
        var result = new ExperimentResult();
        TrainingCurves[][] histories = TrainAll(context, scales, [.. Enumerable.Range(0, scales.Length)], result);
        for (int v = 0; v < Variants.Count; v++)
        {
            string variant = Variants[v];
            double[] train = [.. histories[v].Select(history => history.TrainAccuracy.Max())];
            double[] validation = [.. histories[v].Select(history => history.ValidationAccuracy.Max())];
            double[] loss = [.. histories[v].Select(history => history.FinalLoss())];
            result.Series.Add(new Series($"{variant}/best-train-accuracy", scales, train));
            result.Series.Add(new Series($"{variant}/best-validation-accuracy", scales, validation));
            result.Series.Add(new Series($"{variant}/final-loss", scales, loss));
            result.Figures[$"{variant}.bestTrainAccuracy"] = train.Max();
            result.Figures[$"{variant}.worstTrainAccuracy"] = train.Min();
            result.Figures[$"{variant}.bestValidationAccuracy"] = validation.Max();
            result.Figures[$"{variant}.largestFinalLoss"] = loss.Any(double.IsNaN) ? double.NaN : loss.Max();
        }

        int[] claimed = Claimed(context);
        AddWidths(result, claimed, [.. histories.Select(variant => claimed.Select(s => variant[s]).ToArray())],
            scales.Length);
        Judge(result, scales);
        return result;
    }

    /// <summary>
    /// Some of the scales, with the weights and batches that <see cref="Run"/> would give them: the same widths to the
    /// last bit.
    /// </summary>
    protected override Func<ExperimentContext, ExperimentResult>? ForClaims => RunForClaims;

    public override IReadOnlyList<Chart> Charts(ExperimentResult result)
    {
        const string note = "The lesson's plot; it prints no numbers of it.";
        return
        [
            Plot("best-validation-accuracy", "Best val accuracy vs weight initialization " +
                "scale", new Axis("Best val accuracy")),
            Plot("best-train-accuracy", "Best train accuracy vs weight initialization " +
                "scale", new Axis("Best training accuracy")),
            Plot("final-loss", "Final training loss vs weight initialization scale",
                new Axis("Final training loss", Min: 1, Max: 3.5),
                note + " Mean of the last 100 steps; the axis ends at 3.5, as the lesson's does, " +
                    "and what is above is in the table."),
        ];

        Chart Plot(string quantity, string title, Axis y, string text = note) =>
            new(quantity, title, new Axis("Weight initialization scale", IsLog: true), y,
            [Curve.Of(result, $"none/{quantity}", "baseline", Marker.Circle),
                Curve.Of(result, $"batchnorm/{quantity}", "batchnorm", Marker.Circle)], text);
    }

    public override string Headline(IReadOnlyDictionary<string, double> figures) =>
        string.Create(CultureInfo.InvariantCulture,
        $"better at {figures["scalesWon"]:F0} of {figures["scales"]:F0} scales, " +
        $"{(figures["batchnorm.largestFinalLoss"] < Diverged ? "never diverges" : "diverges")}");

    /// <summary><c>np.logspace(-4, 0, count)</c> for 20, or 5 for a quick run.</summary>
    public static double[] Scales(int count) => count == 5 ? [1e-4, 1e-3, 1e-2, 1e-1, 1] : [.. s_scales];

    private ExperimentResult RunForClaims(ExperimentContext context)
    {
        double[] scales = Scales(context.Quick ? 5 : 20);
        int[] claimed = Claimed(context);
        var result = new ExperimentResult();
        AddWidths(result, claimed, TrainAll(context, scales, claimed, result), scales.Length);
        return result;
    }

    private static int[] Claimed(ExperimentContext context) => context.Quick ? [0, 1, 2, 3, 4] : s_claimed;

    /// <summary>
    /// Trains both nets at the chosen scales; the notebook's stream goes on through all of them. By variant, then by
    /// scale.
    /// </summary>
    private TrainingCurves[][] TrainAll(ExperimentContext context, double[] scales, int[] chosen,
        ExperimentResult result)
    {
        SmallImages images = context.Data.Small(context);
        var random = new NumPyRandomState((uint)context.Seed);
        using var hash = new WeightsHash();
        List<TrainingCurves>[] histories = [.. Variants.Select(static _ => new List<TrainingCurves>())];
        for (int s = 0; s < scales.Length; s++)
        {
            if (!chosen.Contains(s))
            {
                foreach (string _ in Variants) FullyConnectedNet.Skip(random, images.Pixels, s_hidden, 10);
                foreach (string _ in Variants) NotebookTraining.Skip(random, images.Train.Count,
                    context.Epochs * NotebookTraining.StepsPerEpoch(images.Train.Count, BatchSize), BatchSize);
                continue;
            }

            FullyConnectedNet[] nets =
                [.. Variants.Select(norm =>
                    FullyConnectedNet.Create(random, images.Pixels, s_hidden, 10, scales[s], norm, context.DType))];
            for (int v = 0; v < nets.Length; v++)
            {
                double number = (s * nets.Length) + v, count = scales.Length * nets.Length;
                string state = string.Create(CultureInfo.InvariantCulture, $"scale {s + 1}/{scales.Length} " +
                    $"({scales[s]:0.0e+00}), {Variants[v]}");
                histories[v].Add(NotebookTraining.Train(context, nets[v], BatchSize, LearningRate, random, progress =>
                    context.Report((number + progress.Done) / count, state)));
                hash.Add($"{Variants[v]}-{s}", nets[v].Model);
                context.Report((number + 1) / count, string.Create(CultureInfo.InvariantCulture,
                    $"{state}, train {histories[v][^1].TrainAccuracy[^1]:F3}"), milestone: true);
            }
        }

        result.WeightsHash = hash.Finish();
        return [.. histories.Select(static list => list.ToArray())];
    }

    private void AddWidths(ExperimentResult result, int[] chosen, TrainingCurves[][] histories, int scales)
    {
        double[] decades = [.. chosen.Select(s => 4.0 * s / (scales - 1))];
        double[][] best =
            [.. histories.Select(static variant =>
                variant.Select(static history => history.TrainAccuracy.Max()).ToArray())];
        double well = TrainedWell * best.Max(static accuracies => accuracies.Max());
        for (int v = 0; v < Variants.Count; v++)
        {
            result.Figures[$"{Variants[v]}.decadesTrained"] = Width(decades, best[v], Trained);
            result.Figures[$"{Variants[v]}.decadesTrainedWell"] = Width(decades, best[v], well);
            result.Figures[$"{Variants[v]}.worstScaleAccuracy"] = best[v].Min();
            result.Figures[$"{Variants[v]}.bestScaleAccuracy"] = best[v].Max();
            result.Figures[$"{Variants[v]}.worstScaleLoss"] = histories[v]
                .Max(static history => double.IsNaN(history.FinalLoss()) ? double.PositiveInfinity
                : history.FinalLoss());
        }
    }

    /// <summary>How much of x has a y of the bound or more, where y runs straight from one point to the next.</summary>
    internal static double Width(ReadOnlySpan<double> x, ReadOnlySpan<double> y, double bound)
    {
        double width = 0;
        for (int i = 1; i < x.Length; i++)
        {
            double low = Math.Min(y[i - 1], y[i]), high = Math.Max(y[i - 1], y[i]);
            double share = low >= bound ? 1 : high < bound ? 0 : (high - bound) / (high - low);
            width += share * (x[i] - x[i - 1]);
        }

        return width;
    }

    private static void Judge(ExperimentResult result, double[] scales)
    {
        IReadOnlyList<double> Values(string name) => result.Series.First(series => series.Name == name).Y;
        IReadOnlyList<double> bnTrain = Values("batchnorm/best-train-accuracy"), bnValidation = Values(
            "batchnorm/best-validation-accuracy"), bnLoss = Values("batchnorm/final-loss");
        IReadOnlyList<double> train = Values("none/best-train-accuracy"), validation = Values(
            "none/best-validation-accuracy"), loss = Values("none/final-loss");
        result.Tables.Add(new ResultTable("Best accuracies and mean loss of the last 100 steps",
            ["scale", "batch norm: train", "val", "loss", "none: train", "val", "loss"],
            [.. scales.Select((scale, i) =>
                (IReadOnlyList<object?>)[scale, bnTrain[i], bnValidation[i], bnLoss[i], train[i],
                    validation[i], loss[i]])],
            ["0.0e+00", "F3", "F3", "G4", "F3", "F3", "G4"]));
        int won = scales.Where((_, i) => bnValidation[i] > validation[i]).Count(),
            stuck = train.Count(accuracy => !(accuracy >= Trained)), needed = scales.Length >= 20
            ? scales.Length * 4 / 5 : (scales.Length / 2) + 1;
        result.Figures["scalesWon"] = won;
        result.Figures["scales"] = scales.Length;
        double largest = result.Figures["batchnorm.largestFinalLoss"];
        result.Checks.Add(Check.Judge("N11.never-diverges", "With batch norm no scale diverges",
            $"mean loss of the last 100 steps below {Diverged} at every scale",
                string.Create(CultureInfo.InvariantCulture, $"largest {largest:G3}"), largest < Diverged));
        result.Checks.Add(Check.Judge("N11.wins", "Batch norm validates better at most scales",
            $"best validation accuracy higher at {needed} or more of {scales.Length} scales",
                $"{won} of {scales.Length}", won >= needed));
        result.Checks.Add(Check.Judge("N12.matters-without", "Without batch norm wrong scales do not train",
            "best training accuracy below 0.25 at a fourth of the scales or more", $"{stuck} of {scales.Length} scales",
            4 * stuck >= scales.Length));
        double spread = bnTrain.Max() - bnTrain.Min();
        result.Checks.Add(Check.Judge("N12.still-helps", "A good scale still helps with batch norm",
            "best training accuracies differ by more than 0.1 between scales",
            string.Create(CultureInfo.InvariantCulture, $"{bnTrain.Min():F3} to {bnTrain.Max():F3}"), spread > 0.1));
    }
}
