using System.Globalization;
using Evenkeel.Random;
using Evenkeel.Training;

namespace Evenkeel.Lab.Experiments.Notebook;

/// <summary>The notebook's <c>run_batchsize_experiments</c>: a six-layer net with one norm at batch sizes 5, 10 and 50, and without at 5.</summary>
internal abstract class BatchSizeExperiment : Experiment
{
    private const double WeightScale = 2e-2;

    /// <summary>10^-3.5, written out: a system's pow may differ in the last bit.</summary>
    private const double LearningRate = 0.00031622776601683794;

    protected static int[] BatchSizes { get; } = [5, 10, 50];

    public override (int Lesson, int Quick)? Epochs => (10, 5);

    public override LabSet? Images => LabSet.Cifar10;

    /// <summary>One run of the notebook's function, from a fresh stream: the baseline, then the norm at each batch size.</summary>
    /// <param name="context">Settings.</param>
    /// <param name="result">Receives figures and curves, as <c>batchnorm-5</c>, <c>batchnorm-10</c>, ...</param>
    /// <param name="hash">Receives the nets.</param>
    /// <param name="norm">batchnorm or layernorm.</param>
    /// <param name="baseline">False to skip the baseline: its draws are taken from the stream, so that the others stay the same.</param>
    /// <param name="part">This run among several, for the progress.</param>
    protected static Dictionary<string, TrainingCurves> RunNorm(
        ExperimentContext context, ExperimentResult result, WeightsHash hash, string norm, bool baseline, (int Index, int Count) part)
    {
        SmallImages images = context.Data.Small(context);
        var random = new NumPyRandomState((uint)context.Seed);
        int[] hidden = [100, 100, 100, 100, 100];
        (string Norm, int Size)[] nets = [(FullyConnectedNet.None, BatchSizes[0]), .. BatchSizes.Select(size => (norm, size))];
        // A step costs much the same at any of these sizes, so progress counts steps.
        double[] steps = [.. nets.Select(net => (double)NotebookTraining.StepsPerEpoch(images.Train.Count, net.Size))];
        var histories = new Dictionary<string, TrainingCurves>(StringComparer.Ordinal);
        for (int i = 0; i < nets.Length; i++)
        {
            (string kind, int size) = nets[i];
            if (i == 0 && !baseline)
            {
                FullyConnectedNet.Skip(random, images.Pixels, hidden, 10);
                NotebookTraining.Skip(random, images.Train.Count, context.Epochs * NotebookTraining.StepsPerEpoch(images.Train.Count, size), size);
                continue;
            }

            string variant = $"{kind}-{size}";
            double before = steps[..i].Sum(), own = steps[i], all = steps.Sum();
            FullyConnectedNet net = FullyConnectedNet.Create(random, images.Pixels, hidden, 10, WeightScale, kind, context.DType);
            TrainingCurves trained = NotebookTraining.Train(context, net, size, LearningRate, random, (done, progress) => context.Report(
                (part.Index + ((before + (own * done)) / all)) / part.Count, $"{variant}, {progress}", progress.EndsEpoch));
            trained.AddTo(result, variant);
            hash.Add(variant, net.Model);
            histories[variant] = trained;
        }

        return histories;
    }

    protected static ResultTable Table(IReadOnlyDictionary<string, TrainingCurves> histories)
    {
        var rows = new List<IReadOnlyList<object?>>();
        foreach ((string variant, TrainingCurves history) in histories)
        {
            int dash = variant.IndexOf('-', StringComparison.Ordinal);
            rows.Add([variant[..dash], int.Parse(variant[(dash + 1)..], CultureInfo.InvariantCulture),
                history.TrainAccuracy[^1], history.ValidationAccuracy.Max(), history.Loss.Count, history.ImagesPerSecond]);
        }

        return new ResultTable("Accuracy by batch size", ["norm", "batch", "final train", "best validation", "steps", "images/s"], rows, [null, null, "F3", "F3", null, "N0"]);
    }

    protected static string List(IEnumerable<double> values) => string.Join(", ", values.Select(value => value.ToString("F3", CultureInfo.InvariantCulture)));

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
        "Five hidden layers of 100, Adam 10^-3.5, batch norm at batch sizes 5, 10 and 50, and no norm at 5. Larger batches give better statistics; at 5 batch norm loses to no norm.";

    public override IReadOnlyList<string> Variants => ["none-5", "batchnorm-5", "batchnorm-10", "batchnorm-50"];

    public override ExperimentResult Run(ExperimentContext context)
    {
        var result = new ExperimentResult();
        using var hash = new WeightsHash();
        Dictionary<string, TrainingCurves> histories = RunNorm(context, result, hash, FullyConnectedNet.BatchNorm, baseline: true, (0, 1));
        result.WeightsHash = hash.Finish();
        result.Tables.Add(Table(histories));
        double[] final = [.. BatchSizes.Select(size => histories[$"batchnorm-{size}"].TrainAccuracy[^1])];
        double none = histories["none-5"].TrainAccuracy[^1];
        result.Checks.Add(Check.Judge("N13.larger", "A larger batch makes batch norm train better", "final training accuracy rises from batch 5 to 10 to 50", List(final), final[0] < final[1] && final[1] < final[2]));
        result.Checks.Add(Check.Judge("N13.small", "At batch 5 batch norm trains worse than no norm", "final training accuracy below the baseline's",
            string.Create(CultureInfo.InvariantCulture, $"{final[0]:F3} against {none:F3}"), final[0] < none));
        result.Notes.Add($"Equal epochs are not equal steps: batch 5 takes ten times as many as batch 50. \"Batch norm is better\" is false at batch 5. See {NotebookExperiment.Page}#n13.");
        return result;
    }

    public override string Headline(IReadOnlyDictionary<string, double> figures) => string.Create(CultureInfo.InvariantCulture,
        $"at 5, 10, 50: {figures["batchnorm-5.finalTrainAccuracy"]:F2}, {figures["batchnorm-10.finalTrainAccuracy"]:F2}, {figures["batchnorm-50.finalTrainAccuracy"]:F2}; none at 5: {figures["none-5.finalTrainAccuracy"]:F2}");
}

/// <summary>In[16].</summary>
internal sealed class LayerNormBatchSize : BatchSizeExperiment
{
    public override string Name => "layernorm-batch-size";

    public override string Title => "Layer norm and the batch size";

    public override string Lesson => "N16";

    public override string Description =>
        "The batch size experiment with layer norm, and with batch norm again to compare: layer norm's final training accuracy depends less on the batch size.";

    public override IReadOnlyList<string> Variants =>
        ["none-5", "layernorm-5", "layernorm-10", "layernorm-50", "batchnorm-5", "batchnorm-10", "batchnorm-50"];

    public override ExperimentResult Run(ExperimentContext context)
    {
        var result = new ExperimentResult();
        using var hash = new WeightsHash();
        Dictionary<string, TrainingCurves> histories = RunNorm(context, result, hash, FullyConnectedNet.LayerNorm, baseline: true, (0, 2));
        foreach ((string variant, TrainingCurves history) in RunNorm(context, result, hash, FullyConnectedNet.BatchNorm, baseline: false, (1, 2))) histories[variant] = history;
        result.WeightsHash = hash.Finish();
        result.Tables.Add(Table(histories));
        double layer = Spread(histories, FullyConnectedNet.LayerNorm), batch = Spread(histories, FullyConnectedNet.BatchNorm);
        result.Figures["layernorm.spread"] = layer;
        result.Figures["batchnorm.spread"] = batch;
        result.Checks.Add(Check.Judge("N16.spread", "Layer norm depends less on the batch size", "largest minus smallest final training accuracy over batch sizes below batch norm's",
            string.Create(CultureInfo.InvariantCulture, $"spread {layer:F3} against {batch:F3}"), layer < batch));
        return result;
    }

    public override string Headline(IReadOnlyDictionary<string, double> figures) => string.Create(CultureInfo.InvariantCulture,
        $"spread {figures["layernorm.spread"]:F2}, batch norm {figures["batchnorm.spread"]:F2}");
}
