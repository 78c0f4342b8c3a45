using System.Globalization;
using Evenkeel.Random;
using Evenkeel.Training;

namespace Evenkeel.Lab.Experiments.Notebook;

/// <summary>In[8]: a six-layer net with and without batch norm on a thousand images.</summary>
internal sealed class DeepNet : Experiment
{
    private const int BatchSize = 50;
    private const double LearningRate = 1e-3;
    private const double WeightScale = 2e-2;

    /// <summary>
    /// Training accuracy that both nets reach and neither at once, on ten classes: how many epochs they take to it is
    /// compared.
    /// </summary>
    private const double Target = 0.4;

    // What the notebook prints.
    private static readonly double[] s_normLoss =
        [2.314568, 1.925142, 1.865754, 1.834637, 1.569553, 1.704399, 1.362615, 1.042286, 0.918082, 0.987477];
    private static readonly double[] s_noneLoss =
        [2.302940, 2.050754, 2.137460, 1.629592, 1.499961, 1.414664, 1.716209, 1.088871, 1.403692, 0.833236];
    private static readonly double[] s_normTrain =
        [0.123, 0.294, 0.412, 0.444, 0.503, 0.540, 0.574, 0.632, 0.671, 0.715, 0.720];
    private static readonly double[] s_noneTrain =
        [0.127, 0.266, 0.295, 0.376, 0.389, 0.463, 0.472, 0.527, 0.560, 0.630, 0.639];
    private static readonly double[] s_normValidation =
        [0.108, 0.261, 0.289, 0.310, 0.305, 0.307, 0.315, 0.318, 0.308, 0.316, 0.327];
    private static readonly double[] s_noneValidation =
        [0.113, 0.243, 0.257, 0.302, 0.267, 0.308, 0.282, 0.314, 0.291, 0.289, 0.323];

    public override string Name => "deep-net";

    public override string Title => "A six-layer net with and without batch norm";

    public override string Lesson => "N10";

    public override string Description =>
        "Five hidden layers of 100, weights 0.02·randn, Adam 1e-3, batches of 50, ten epochs of a thousand images. " +
        "The net with batch norm trains faster.";

    public override IReadOnlyList<string> Variants => [FullyConnectedNet.BatchNorm, FullyConnectedNet.None];

    public override (int Lesson, int Quick)? Epochs => (10, 10);

    public override LabSet? Images => LabSet.Cifar10;

    public override (double Lesson, double Quick) Cost => (7, 4);

    public override ExperimentResult Run(ExperimentContext context)
    {
        SmallImages images = context.Data.Small(context);
        var random = new NumPyRandomState((uint)context.Seed);
        // Both nets are drawn before either is trained: the order of the notebook's stream.
        FullyConnectedNet[] nets = [.. Variants.Select(norm =>
            FullyConnectedNet.Create(random, images.Pixels, [100, 100, 100, 100, 100], 10, WeightScale, norm,
                context.DType))];
        var result = new ExperimentResult();
        using var hash = new WeightsHash();
        var histories = new TrainingCurves[nets.Length];
        for (int v = 0; v < nets.Length; v++)
        {
            string variant = Variants[v];
            int number = v;
            histories[v] = NotebookTraining.Train(context, nets[v], BatchSize, LearningRate, random, progress =>
                context.Report(
                (number + progress.Done) / nets.Length, $"{variant}, {progress}", progress.EndsEpoch));
            histories[v].AddTo(result, variant);
            hash.Add(variant, nets[v].Model);
            result.Figures[$"{variant}.epochsToTarget"] = EpochsTo(histories[v].TrainAccuracy, Target);
        }

        result.WeightsHash = hash.Finish();
        Judge(result, histories[0], histories[1]);
        return result;
    }

    public override IReadOnlyList<Chart> Charts(ExperimentResult result)
    {
        const string note =
            "The notebook's plot. Hollow points are what it prints; " +
            "its images are CIFAR-10's official ones, so digits differ here even on CIFAR-10.";
        return
        [
            new Chart("loss", "Training loss", new Axis("Iteration"), new Axis("loss"),
                [
                    Curve.Of(result, "batchnorm/loss", "with_norm", Marker.Circle, hasLine: false),
                        Curve.Of(result, "none/loss", "baseline", Marker.Circle, hasLine: false),
                    Curve.Lesson("with_norm, printed", s_normLoss, first: 1, step: 20),
                        Curve.Lesson("baseline, printed", s_noneLoss, first: 1, step: 20),
                ],
                note),
            Accuracy("train-accuracy", "Training accuracy", s_normTrain, s_noneTrain),
            Accuracy("validation-accuracy", "Validation accuracy", s_normValidation, s_noneValidation),
        ];

        Chart Accuracy(string quantity, string title, double[] norm, double[] none) =>
            new(quantity, title, new Axis("Epoch"), new Axis("accuracy"),
            [
                Curve.Of(result, $"batchnorm/{quantity}", "with_norm", Marker.Circle),
                    Curve.Of(result, $"none/{quantity}", "baseline", Marker.Circle),
                Curve.Lesson("with_norm, printed", norm), Curve.Lesson("baseline, printed", none),
            ],
            note);
    }

    public override string Headline(IReadOnlyDictionary<string, double> figures) =>
        string.Create(CultureInfo.InvariantCulture,
        $"train accuracy {figures["batchnorm.finalTrainAccuracy"]:F3} with, {figures["none.finalTrainAccuracy"]:F3} " +
        $"without");

    private static void Judge(ExperimentResult result, TrainingCurves norm, TrainingCurves none)
    {
        var rows = new List<IReadOnlyList<object?>>();
        int better = 0, epochs = norm.TrainAccuracy.Count - 1;
        for (int e = 0; e <= epochs; e++)
        {
            rows.Add([e, norm.TrainAccuracy[e], norm.ValidationAccuracy[e], none.TrainAccuracy[e],
                none.ValidationAccuracy[e]]);
            if (e > 0 && norm.TrainAccuracy[e] > none.TrainAccuracy[e]) better++;
        }

        result.Tables.Add(new ResultTable("Accuracy after each epoch (0: after the first step)",
            ["epoch", "batch norm: train", "validation", "none: train", "validation"], rows,
            [null, "F3", "F3", "F3", "F3"]));
        result.Tables.Add(new ResultTable("At the end",
            ["net", "mean loss of last 100 steps", "best validation", "images/s"],
            [["batchnorm", norm.FinalLoss(), norm.ValidationAccuracy.Max(), norm.ImagesPerSecond],
                ["none", none.FinalLoss(), none.ValidationAccuracy.Max(), none.ImagesPerSecond]],
            [null, "F3", "F3", "N0"]));
        // Faster is the area under the curve; a single epoch may go the other way.
        double mean = Mean(norm), baseline = Mean(none);
        result.Checks.Add(Check.Judge("N10.faster", "Batch norm converges faster",
            "mean training accuracy over the epochs from 1 on above the baseline's",
            string.Create(CultureInfo.InvariantCulture, $"mean over the epochs {mean:F3}, baseline {baseline:F3}; " +
                $"ahead at {better} of {epochs} epochs"), mean > baseline));
        result.Notes.Add("The lesson's solver keeps the best weights but the last epoch's running statistics; these " +
            $"figures are of the training itself and do not depend on it. See {NotebookExperiment.Page}#n18.");
    }

    /// <summary>
    /// When a curve over epochs 0, 1, 2, ... first reaches a value, straight from one epoch to the next; the last epoch
    /// where it never does.
    /// </summary>
    internal static double EpochsTo(IReadOnlyList<double> accuracies, double target)
    {
        for (int e = 1; e < accuracies.Count; e++)
        {
            if (accuracies[e] >= target) return accuracies[e - 1] >= target ? e - 1
                : e - 1 + ((target - accuracies[e - 1]) / (accuracies[e] - accuracies[e - 1]));
        }

        return accuracies.Count - 1;
    }

    private static double Mean(TrainingCurves curves) => curves.TrainAccuracy.Skip(1).Average();
}
