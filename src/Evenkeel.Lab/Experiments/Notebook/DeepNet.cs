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

    public override string Name => "deep-net";

    public override string Title => "A six-layer net with and without batch norm";

    public override string Lesson => "N10";

    public override string Description =>
        "Five hidden layers of 100, weights 0.02·randn, Adam 1e-3, batches of 50, ten epochs of a thousand images. The net with batch norm trains faster.";

    public override IReadOnlyList<string> Variants => [FullyConnectedNet.BatchNorm, FullyConnectedNet.None];

    public override (int Lesson, int Quick)? Epochs => (10, 10);

    public override LabSet? Images => LabSet.Cifar10;

    public override ExperimentResult Run(ExperimentContext context)
    {
        SmallImages images = context.Data.Small(context);
        var random = new NumPyRandomState((uint)context.Seed);
        // Both nets are drawn before either is trained: the order of the notebook's stream.
        FullyConnectedNet[] nets = [.. Variants.Select(norm =>
            FullyConnectedNet.Create(random, images.Pixels, [100, 100, 100, 100, 100], 10, WeightScale, norm, context.DType))];
        var result = new ExperimentResult();
        using var hash = new WeightsHash();
        var histories = new TrainingCurves[nets.Length];
        for (int v = 0; v < nets.Length; v++)
        {
            string variant = Variants[v];
            int number = v;
            histories[v] = NotebookTraining.Train(context, nets[v], BatchSize, LearningRate, random, (done, progress) => context.Report(
                (number + done) / nets.Length, $"{variant}, {progress}", progress.EndsEpoch));
            histories[v].AddTo(result, variant);
            hash.Add(variant, nets[v].Model);
        }

        result.WeightsHash = hash.Finish();
        Judge(result, histories[0], histories[1]);
        return result;
    }

    public override string Headline(IReadOnlyDictionary<string, double> figures) => string.Create(CultureInfo.InvariantCulture,
        $"train accuracy {figures["batchnorm.finalTrainAccuracy"]:F3} with, {figures["none.finalTrainAccuracy"]:F3} without");

    private static void Judge(ExperimentResult result, TrainingCurves norm, TrainingCurves none)
    {
        var rows = new List<IReadOnlyList<object?>>();
        int better = 0, epochs = norm.TrainAccuracy.Count - 1;
        for (int e = 0; e <= epochs; e++)
        {
            rows.Add([e, norm.TrainAccuracy[e], norm.ValidationAccuracy[e], none.TrainAccuracy[e], none.ValidationAccuracy[e]]);
            if (e > 0 && norm.TrainAccuracy[e] > none.TrainAccuracy[e]) better++;
        }

        result.Tables.Add(new ResultTable("Accuracy after each epoch (0: after the first step)",
            ["epoch", "batch norm: train", "validation", "none: train", "validation"], rows, [null, "F3", "F3", "F3", "F3"]));
        result.Tables.Add(new ResultTable("At the end", ["net", "mean loss of last 100 steps", "best validation", "images/s"],
            [["batchnorm", norm.FinalLoss(), norm.ValidationAccuracy.Max(), norm.ImagesPerSecond], ["none", none.FinalLoss(), none.ValidationAccuracy.Max(), none.ImagesPerSecond]],
            [null, "F3", "F3", "N0"]));
        // Faster is the area under the curve; a single epoch may go the other way.
        double mean = Mean(norm), baseline = Mean(none);
        result.Checks.Add(Check.Judge("N10.faster", "Batch norm converges faster", "mean training accuracy over the epochs from 1 on above the baseline's",
            string.Create(CultureInfo.InvariantCulture, $"mean over the epochs {mean:F3}, baseline {baseline:F3}; ahead at {better} of {epochs} epochs"), mean > baseline));
        result.Notes.Add($"The lesson's solver keeps the best weights but the last epoch's running statistics; these figures are of the training itself and do not depend on it. See {NotebookExperiment.Page}#n18.");
    }

    private static double Mean(TrainingCurves curves) => curves.TrainAccuracy.Skip(1).Average();
}
