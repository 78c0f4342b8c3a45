using System.Globalization;
using Evenkeel.Random;
using Evenkeel.Training;

namespace Evenkeel.Lab.Experiments.Notebook;

/// <summary>In[10] and In[11]: how much the scale of the initial weights matters, with and without batch norm.</summary>
internal sealed class WeightScale : Experiment
{
    private const int BatchSize = 50;
    private const double LearningRate = 1e-3;

    /// <summary>Twice the loss of ten equal guesses, ln 10, and a little: nothing that learns stays above it.</summary>
    private const double Diverged = 5;

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
        "Eight hidden layers of 50, initial weights of 20 scales from 1e-4 to 1, with and without batch norm. Without it most scales do not train or explode; with it every one trains, though not equally well.";

    public override IReadOnlyList<string> Variants => [FullyConnectedNet.BatchNorm, FullyConnectedNet.None];

    public override (int Lesson, int Quick)? Epochs => (10, 10);

    public override LabSet? Images => LabSet.Cifar10;

    public override ExperimentResult Run(ExperimentContext context)
    {
        SmallImages images = context.Data.Small(context);
        var random = new NumPyRandomState((uint)context.Seed);
        int[] hidden = [50, 50, 50, 50, 50, 50, 50, 50];
        double[] scales = Scales(context.Quick ? 5 : 20);
        var result = new ExperimentResult();
        using var hash = new WeightsHash();
        TrainingCurves[][] histories = [new TrainingCurves[scales.Length], new TrainingCurves[scales.Length]];
        for (int s = 0; s < scales.Length; s++)
        {
            FullyConnectedNet[] nets = [.. Variants.Select(norm => FullyConnectedNet.Create(random, images.Pixels, hidden, 10, scales[s], norm, context.DType))];
            for (int v = 0; v < nets.Length; v++)
            {
                int number = (s * nets.Length) + v;
                string state = string.Create(CultureInfo.InvariantCulture, $"scale {s + 1}/{scales.Length} ({scales[s]:0.0e+00}), {Variants[v]}");
                histories[v][s] = NotebookTraining.Train(context, nets[v], BatchSize, LearningRate, random, (done, _) => context.Report(
                    (number + done) / (scales.Length * nets.Length), state));
                hash.Add($"{Variants[v]}-{s}", nets[v].Model);
                context.Report((number + 1.0) / (scales.Length * nets.Length),
                    string.Create(CultureInfo.InvariantCulture, $"{state}, train {histories[v][s].TrainAccuracy[^1]:F3}"), milestone: true);
            }
        }

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

        result.WeightsHash = hash.Finish();
        Judge(result, scales);
        return result;
    }

    public override string Headline(IReadOnlyDictionary<string, double> figures) => string.Create(CultureInfo.InvariantCulture,
        $"better at {figures["scalesWon"]:F0} of {figures["scales"]:F0} scales, {(figures["batchnorm.largestFinalLoss"] < Diverged ? "never diverges" : "diverges")}");

    /// <summary><c>np.logspace(-4, 0, count)</c> for 20, or 5 for a quick run.</summary>
    public static double[] Scales(int count) => count == 5 ? [1e-4, 1e-3, 1e-2, 1e-1, 1] : [.. s_scales];

    private static void Judge(ExperimentResult result, double[] scales)
    {
        IReadOnlyList<double> Values(string name) => result.Series.First(series => series.Name == name).Y;
        IReadOnlyList<double> bnTrain = Values("batchnorm/best-train-accuracy"), bnValidation = Values("batchnorm/best-validation-accuracy"), bnLoss = Values("batchnorm/final-loss");
        IReadOnlyList<double> train = Values("none/best-train-accuracy"), validation = Values("none/best-validation-accuracy"), loss = Values("none/final-loss");
        result.Tables.Add(new ResultTable("Best accuracies and mean loss of the last 100 steps",
            ["scale", "batch norm: train", "val", "loss", "none: train", "val", "loss"],
            [.. scales.Select((scale, i) => (IReadOnlyList<object?>)[scale, bnTrain[i], bnValidation[i], bnLoss[i], train[i], validation[i], loss[i]])],
            ["0.0e+00", "F3", "F3", "G4", "F3", "F3", "G4"]));
        int won = scales.Where((_, i) => bnValidation[i] > validation[i]).Count(), stuck = train.Count(accuracy => !(accuracy >= 0.25)), needed = scales.Length >= 20 ? scales.Length * 4 / 5 : (scales.Length / 2) + 1;
        result.Figures["scalesWon"] = won;
        result.Figures["scales"] = scales.Length;
        double largest = result.Figures["batchnorm.largestFinalLoss"];
        result.Checks.Add(Check.Judge("N11.never-diverges", "With batch norm no scale diverges", $"mean loss of the last 100 steps below {Diverged} at every scale", string.Create(CultureInfo.InvariantCulture, $"largest {largest:G3}"), largest < Diverged));
        result.Checks.Add(Check.Judge("N11.wins", "Batch norm validates better at most scales", $"best validation accuracy higher at {needed} or more of {scales.Length} scales", $"{won} of {scales.Length}", won >= needed));
        result.Checks.Add(Check.Judge("N12.matters-without", "Without batch norm wrong scales do not train", "best training accuracy below 0.25 at a fourth of the scales or more", $"{stuck} of {scales.Length} scales", 4 * stuck >= scales.Length));
        double spread = bnTrain.Max() - bnTrain.Min();
        result.Checks.Add(Check.Judge("N12.still-helps", "A good scale still helps with batch norm", "best training accuracies differ by more than 0.1 between scales",
            string.Create(CultureInfo.InvariantCulture, $"{bnTrain.Min():F3} to {bnTrain.Max():F3}"), spread > 0.1));
    }
}
