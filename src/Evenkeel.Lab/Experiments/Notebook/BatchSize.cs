using System.Globalization;
using Evenkeel.Random;
using Evenkeel.Training;

namespace Evenkeel.Lab.Experiments.Notebook;

/// <summary>
/// The notebook's <c>run_batchsize_experiments</c>: a six-layer net with one norm at batch sizes 5, 10 and 50, and
/// without at 5.
/// </summary>
internal abstract class BatchSizeExperiment : Experiment
{
    private const double WeightScale = 2e-2;

    /// <summary>10^-3.5, written out: a system's pow may differ in the last bit.</summary>
    private const double LearningRate = 0.00031622776601683794;

    /// <summary>Figure: training accuracy after as many updates as the largest batch takes in all.</summary>
    internal const string EqualUpdates = "trainAccuracyAtEqualUpdates";

    protected static int[] BatchSizes { get; } = [5, 10, 50];

    public override (int Lesson, int Quick)? Epochs => (10, 5);

    public override LabSet? Images => LabSet.Cifar10;

    protected static int[] Hidden { get; } = [100, 100, 100, 100, 100];

    /// <summary>Trains nets one after the other from one stream, as the notebook's function does.</summary>
    /// <param name="context">Settings.</param>
    /// <param name="random">The notebook's stream.</param>
    /// <param name="nets">Norm and batch size of each.</param>
    /// <param name="result">Receives figures and curves, as <c>batchnorm-5</c>, <c>batchnorm-10</c>, ..., a table and
    /// the hash of the nets.</param>
    protected static Dictionary<string, TrainingCurves> Train(ExperimentContext context, NumPyRandomState random,
        (string Norm, int Size)[] nets, ExperimentResult result)
    {
        SmallImages images = context.Data.Small(context);
        // A step costs much the same at any of these sizes, so progress counts steps.
        double[] steps = [.. nets.Select(net => (double)NotebookTraining.StepsPerEpoch(images.Train.Count, net.Size))];
        var histories = new Dictionary<string, TrainingCurves>(StringComparer.Ordinal);
        using var hash = new WeightsHash();
        for (int i = 0; i < nets.Length; i++)
        {
            (string norm, int size) = nets[i];
            string variant = $"{norm}-{size}";
            double before = steps[..i].Sum(), own = steps[i], all = steps.Sum();
            FullyConnectedNet net =
                FullyConnectedNet.Create(random, images.Pixels, Hidden, 10, WeightScale, norm, context.DType);
            TrainingCurves trained =
                NotebookTraining.Train(context, net, size, LearningRate, random, progress =>
                context.Report((before + (own * progress.Done)) / all, $"{variant}, {progress}", progress.EndsEpoch));
            trained.AddTo(result, variant);
            if (EpochsOfEqualUpdates(context.Epochs, images.Train.Count, size) is { } epoch) result.Figures[
                $"{variant}.{EqualUpdates}"] = trained.TrainAccuracy[epoch];
            hash.Add(variant, net.Model);
            histories[variant] = trained;
        }

        result.WeightsHash = hash.Finish();
        result.Tables.Add(Table(histories));
        return histories;
    }

    /// <summary>
    /// The epochs in which a batch size takes as many steps as the largest one takes in all; null if that is no whole
    /// number, as in a quick run.
    /// </summary>
    internal static int? EpochsOfEqualUpdates(int epochs, int images, int size)
    {
        int updates = epochs * NotebookTraining.StepsPerEpoch(images, BatchSizes[^1]),
            perEpoch = NotebookTraining.StepsPerEpoch(images, size);
        return updates % perEpoch == 0 ? updates / perEpoch : null;
    }

    /// <summary>The notebook's two plots, one below the other: accuracy after each epoch.</summary>
    protected static IReadOnlyList<Chart> NotebookPlots(ExperimentResult result, string words, string norm,
        bool hasBaseline, string note)
    {
        Chart Plot(string kind, string title)
        {
            IEnumerable<Curve> curves = BatchSizes.Select(size => Curve.Of(result,
                $"{norm}-{size}/{kind}-accuracy", $"with_norm{size}", Marker.Circle));
            if (hasBaseline) curves = curves.Append(Curve.Of(result,
                $"{FullyConnectedNet.None}-{BatchSizes[0]}/{kind}-accuracy", $"baseline{BatchSizes[0]}",
                    Marker.Triangle));
            return new Chart($"{kind}-accuracy", $"{title} accuracy ({words})", new Axis("Epoch"),
                new Axis($"{title} accuracy"), [.. curves], note);
        }

        return [Plot("train", "Training"), Plot("validation", "Validation")];
    }

    private static ResultTable Table(IReadOnlyDictionary<string, TrainingCurves> histories)
    {
        var rows = new List<IReadOnlyList<object?>>();
        foreach ((string variant, TrainingCurves history) in histories)
        {
            int dash = variant.IndexOf('-', StringComparison.Ordinal);
            rows.Add([variant[..dash], int.Parse(variant[(dash + 1)..], CultureInfo.InvariantCulture),
                history.TrainAccuracy[^1], history.ValidationAccuracy.Max(), history.Loss.Count,
                    history.ImagesPerSecond]);
        }

        return new ResultTable("Accuracy by batch size",
            ["norm", "batch", "final train", "best validation", "steps", "images/s"], rows,
            [null, null, "F3", "F3", null, "N0"]);
    }

    protected static string List(IEnumerable<double> values) =>
        string.Join(", ", values.Select(value => value.ToString("F3", CultureInfo.InvariantCulture)));

    /// <summary>Largest minus smallest final training accuracy over the batch sizes.</summary>
    protected static double Spread(IReadOnlyDictionary<string, TrainingCurves> histories, string norm)
    {
        double[] accuracies = [.. BatchSizes.Select(size => histories[$"{norm}-{size}"].TrainAccuracy[^1])];
        return accuracies.Max() - accuracies.Min();
    }
}

/// <summary>In[12] and In[13].</summary>
internal sealed class BatchSize : BatchSizeExperiment
{
    public override string Name => "batch-size";

    public override string Title => "Batch norm and the batch size";

    public override string Lesson => "N13";

    public override string Description =>
        "Five hidden layers of 100, Adam 10^-3.5, batch norm at batch sizes 5, 10 and 50, and no norm at 5 (and, " +
        "beside the notebook, at 10 and 50). Larger batches give better statistics; at 5 batch norm loses to no norm.";

    public override IReadOnlyList<string> Variants =>
        ["none-5", "batchnorm-5", "batchnorm-10", "batchnorm-50", "none-10", "none-50"];

    public override (double Lesson, double Quick) Cost => (14, 4);

    public override ExperimentResult Run(ExperimentContext context)
    {
        var result = new ExperimentResult();
        // The nets without norm at 10 and 50 come last: those of the notebook have its draws.
        (string, int)[] nets =
        [
            (FullyConnectedNet.None, BatchSizes[0]),
            .. BatchSizes.Select(static size => (FullyConnectedNet.BatchNorm, size)),
            .. BatchSizes[1..].Select(static size => (FullyConnectedNet.None, size)),
        ];
        Dictionary<string, TrainingCurves> histories =
            Train(context, new NumPyRandomState((uint)context.Seed), nets, result);
        result.Figures["batchnorm.spread"] = Spread(histories, FullyConnectedNet.BatchNorm);
        result.Figures["none.spread"] = Spread(histories, FullyConnectedNet.None);
        double[] final = [.. BatchSizes.Select(size => histories[$"batchnorm-{size}"].TrainAccuracy[^1])];
        double none = histories["none-5"].TrainAccuracy[^1];
        result.Checks.Add(Check.Judge("N13.larger", "A larger batch makes batch norm train better",
            "final training accuracy rises from batch 5 to 10 to 50", List(final), final[0] < final[1]
                && final[1] < final[2]));
        result.Checks.Add(Check.Judge("N13.small", "At batch 5 batch norm trains worse than no norm",
            "final training accuracy below the baseline's",
            string.Create(CultureInfo.InvariantCulture, $"{final[0]:F3} against {none:F3}"), final[0] < none));
        result.Notes.Add("Equal epochs are not equal steps: batch 5 takes ten times as many as batch 50. " +
            $"See {NotebookExperiment.Page}#n13.");
        return result;
    }

    public override IReadOnlyList<Chart> Charts(ExperimentResult result)
    {
        var without = new Chart("train-accuracy-without", "Training accuracy (no norm)", new Axis("Epoch"),
            new Axis("Training accuracy"),
            [.. BatchSizes.Select(size =>
                Curve.Of(result, $"none-{size}/train-accuracy", $"baseline{size}", Marker.Triangle))],
                    "Not in the notebook: the same batch sizes without a norm.");
        return [.. NotebookPlots(result, "Batch Normalization", FullyConnectedNet.BatchNorm, hasBaseline: true,
            "The notebook's In[13]."), without];
    }

    public override string Headline(IReadOnlyDictionary<string, double> figures) =>
        string.Create(CultureInfo.InvariantCulture,
        $"at 5, 10, 50: {figures["batchnorm-5.finalTrainAccuracy"]:F2}, " +
        $"{figures["batchnorm-10.finalTrainAccuracy"]:F2}, {figures["batchnorm-50.finalTrainAccuracy"]:F2}; none at " +
        $"5: {figures["none-5.finalTrainAccuracy"]:F2}");
}

/// <summary>In[16].</summary>
internal sealed class LayerNormBatchSize : BatchSizeExperiment
{
    public override string Name => "layernorm-batch-size";

    public override string Title => "Layer norm and the batch size";

    public override string Lesson => "N16";

    public override string Description =>
        "The batch size experiment with layer norm in the place of batch norm, from the same draws. Beside " +
        "batch-size it shows which of the two depends less on the batch size.";

    public override IReadOnlyList<string> Variants => ["layernorm-5", "layernorm-10", "layernorm-50"];

    public override (double Lesson, double Quick) Cost => (8, 3);

    public override ExperimentResult Run(ExperimentContext context)
    {
        var result = new ExperimentResult();
        SmallImages images = context.Data.Small(context);
        var random = new NumPyRandomState((uint)context.Seed);
        // The notebook trains its baseline again, from the same draws: batch-size has it. Its draws are taken, so that
        // the others are the notebook's.
        FullyConnectedNet.Skip(random, images.Pixels, Hidden, 10);
        NotebookTraining.Skip(random, images.Train.Count,
            context.Epochs * NotebookTraining.StepsPerEpoch(images.Train.Count, BatchSizes[0]), BatchSizes[0]);
        Dictionary<string, TrainingCurves> histories =
            Train(context, random, [.. BatchSizes.Select(static size => (FullyConnectedNet.LayerNorm, size))], result);
        result.Figures["layernorm.spread"] = Spread(histories, FullyConnectedNet.LayerNorm);
        double[] final = [.. BatchSizes.Select(size => histories[$"layernorm-{size}"].TrainAccuracy[^1])];
        result.Checks.Add(Check.Judge("N16.trains", "Layer norm trains at every batch size",
            "final training accuracy of 0.3 and more at 5, 10 and 50 (guessing: 0.1)", List(final),
            final.All(static accuracy => accuracy >= 0.3)));
        return result;
    }

    public override IReadOnlyList<Chart> Charts(ExperimentResult result) =>
        NotebookPlots(result, "Layer Normalization", FullyConnectedNet.LayerNorm, hasBaseline: false,
            "The notebook's In[16]. Its baseline5 is the curve baseline5 of batch-size: " +
            "the same training, which is not run twice.");

    public override string Headline(IReadOnlyDictionary<string, double> figures) =>
        string.Create(CultureInfo.InvariantCulture,
        $"at 5, 10, 50: {figures["layernorm-5.finalTrainAccuracy"]:F2}, " +
        $"{figures["layernorm-10.finalTrainAccuracy"]:F2}, {figures["layernorm-50.finalTrainAccuracy"]:F2}; spread " +
        $"{figures["layernorm.spread"]:F2}");
}
