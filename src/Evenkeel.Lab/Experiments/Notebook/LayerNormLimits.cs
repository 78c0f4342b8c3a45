using System.Globalization;
using Evenkeel.Lab.Experiments.Convnets;
using Evenkeel.Lab.Experiments.Regularization;
using Evenkeel.Lab.Experiments.Theory;
using Evenkeel.Optim;
using Evenkeel.Random;
using Evenkeel.Training;

namespace Evenkeel.Lab.Experiments.Notebook;

/// <summary>
/// Inline question 4: where layer norm may fail, in narrow layers, under strong regularization, in deep nets.
/// </summary>
internal sealed class LayerNormLimits : Experiment
{
    private const int BatchSize = 50;
    private const double LearningRate = 1e-3;

    /// <summary>The notebook's.</summary>
    private const double SmallWeights = 2e-2;

    /// <summary>Width and depth of the net where something else is changed.</summary>
    private const int Width = 50;
    private const int Depth = 3;

    public static IReadOnlyList<string> Norms { get; } =
        [FullyConnectedNet.None, FullyConnectedNet.LayerNorm, FullyConnectedNet.BatchNorm];

    public static IReadOnlyList<double> Widths { get; } = [2, 4, 8, 16, 64];

    public static IReadOnlyList<double> Penalties { get; } = [0, 0.01, 0.1, 0.3];

    public static IReadOnlyList<double> Depths { get; } = [3, 10, 30];

    /// <summary>
    /// What is changed: the width, the strength of L2, the depth with Kaiming weights and with the notebook's.
    /// </summary>
    public const string ByWidth = "width", ByPenalty = "l2", ByDepth = "depth",
        ByDepthFromSmall = "small-weights-depth";

    public override string Name => "layernorm-limits";

    public override string Title => "Where layer norm may fail";

    public override string Lesson => "N16";

    public override string Description =>
        "No norm, layer norm and batch norm on a thousand images, the notebook's Adam 1e-3: one hidden layer 2 to 64 " +
        "wide; three layers of 50 with L2 strengths from 0 to 0.3; 3 to 30 layers of 50, from Kaiming weights and " +
        "from the notebook's 0.02. Training accuracy.";

    public override IReadOnlyList<string> Variants =>
        [.. Norms.SelectMany(static norm =>
            ((string What, IReadOnlyList<double> Values)[])[(ByWidth, Widths), (ByPenalty, Penalties),
                (ByDepth, Depths), (ByDepthFromSmall, Depths)],
            static (norm, sweep) => sweep.Values.Select(value => Variant(norm, sweep.What, value)))
                .SelectMany(static variants => variants)];

    public override (int Lesson, int Quick)? Epochs => (10, 3);

    public override LabSet? Images => LabSet.FashionMnist;

    public override (double Lesson, double Quick) Cost => (16, 5);

    /// <summary><c>layernorm-width2</c>: norm, what is changed, its value.</summary>
    internal static string Variant(string norm, string what, double value) =>
        string.Create(CultureInfo.InvariantCulture, $"{norm}-{what}{value}");

    public override ExperimentResult Run(ExperimentContext context)
    {
        FewGarments images = FewGarments.Draw(context);
        var result = new ExperimentResult();
        using var hash = new WeightsHash();
        int run = 0, runs = Norms.Count * (Widths.Count + Penalties.Count + (2 * Depths.Count) - 1);
        foreach (string norm in Norms)
        {
            Sweep(norm, ByWidth, Widths, static width => ([(int)width], 0));
            Sweep(norm, ByPenalty, Penalties, static penalty => ([.. Enumerable.Repeat(Width, Depth)], penalty));
            Sweep(norm, ByDepth, Depths, static depth => ([.. Enumerable.Repeat(Width, (int)depth)], 0));
            Sweep(norm, ByDepthFromSmall, Depths, static depth => ([.. Enumerable.Repeat(Width, (int)depth)], 0));
        }

        result.WeightsHash = hash.Finish();
        AddTables(result);
        double narrow = result.Figures[$"{Variant(FullyConnectedNet.LayerNorm, ByWidth, 2)}.trainAccuracy"];
        result.Checks.Add(Check.Judge("N16.two-features", "With two features layer norm leaves a sign, so a net of " +
            "one layer tells two classes apart", "training accuracy at width 2 at most 0.25, of ten classes",
            narrow.ToString("F3", CultureInfo.InvariantCulture), narrow <= 0.25));
        result.Notes.Add("The nets are trained equally long, not to the end; batch norm stands beside them to tell " +
            $"what is layer norm's own. See {NotebookExperiment.Page}#layernorm-limits.");
        return result;

        void Sweep(string norm, string what, IReadOnlyList<double> values,
            Func<double, (int[] Hidden, double Penalty)> settings)
        {
            double[] accuracies = new double[values.Count];
            for (int v = 0; v < values.Count; v++)
            {
                string variant = Variant(norm, what, values[v]);
                // Three layers without a penalty are in both sweeps, and trained once.
                if (what == ByDepth && values[v] == Depth) accuracies[v] = result.Figures[
                    $"{Variant(norm, ByPenalty, 0)}.trainAccuracy"];
                else
                {
                    context.Report((double)run++ / runs, variant);
                    (int[] hidden, double penalty) = settings(values[v]);
                    accuracies[v] =
                        Train(context, images, norm, hidden, penalty, what == ByDepthFromSmall, variant, hash);
                }

                result.Figures[$"{variant}.trainAccuracy"] = accuracies[v];
            }

            result.Series.Add(new Series($"{norm}/{what}-train-accuracy", what == ByPenalty
                ? [.. Enumerable.Range(0, values.Count).Select(static i => (double)i)] : values, accuracies));
        }
    }

    public override IReadOnlyList<Chart> Charts(ExperimentResult result)
    {
        Chart Plot(string what, string title, Axis x) => new(
            $"{what}-train-accuracy", title, x, new Axis("Training accuracy"),
            [
                Curve.Of(result, $"none/{what}-train-accuracy", "no norm", Marker.Triangle),
                Curve.Of(result, $"layernorm/{what}-train-accuracy", "layer norm", Marker.Circle),
                Curve.Of(result, $"batchnorm/{what}-train-accuracy", "batch norm", Marker.Square),
            ]);
        return
        [
            Plot(ByWidth, "Training accuracy by width, one hidden layer",
                new Axis("Features of the hidden layer", IsLog: true)),
            Plot(ByPenalty, "Training accuracy by strength of L2",
                new Axis("L2 strength",
                Categories: [.. Penalties.Select(static penalty => penalty.ToString(CultureInfo.InvariantCulture))])),
            Plot(ByDepth, "Training accuracy by depth, Kaiming weights", new Axis("Hidden layers")),
            Plot(ByDepthFromSmall, "Training accuracy by depth, weights of 0.02", new Axis("Hidden layers")),
        ];
    }

    public override string Headline(IReadOnlyDictionary<string, double> figures)
    {
        string Gain(string what, double value) =>
            NotebookMath.Signed(figures[$"{Variant(FullyConnectedNet.LayerNorm, what, value)}.trainAccuracy"]
                - figures[$"{Variant(FullyConnectedNet.None, what, value)}.trainAccuracy"], 2);
        return string.Create(CultureInfo.InvariantCulture, $"gains {Gain(ByWidth, Widths[0])} at 2 wide, " +
            $"{Gain(ByPenalty, Penalties[^1])} at L2 {Penalties[^1]}, " +
            $"{Gain(ByDepth, Depths[^1])} at {Depths[^1]} deep");
    }

    private static void AddTables(ExperimentResult result)
    {
        foreach ((string what, string title,
            IReadOnlyList<double> values) in (ReadOnlySpan<(string, string, IReadOnlyList<double>)>)
            [
                (ByWidth, "Training accuracy, one hidden layer", Widths), (ByPenalty,
                    $"Training accuracy, {Depth} layers of {Width}", Penalties),
                (ByDepth, $"Training accuracy, layers of {Width}, Kaiming weights", Depths),
                (ByDepthFromSmall, $"Training accuracy, layers of {Width}, weights of 0.02", Depths),
            ])
        {
            result.Tables.Add(new ResultTable(title,
                [what == ByDepthFromSmall ? ByDepth : what, "no norm", "layer norm", "batch norm"],
                [.. values.Select(value =>
                    (IReadOnlyList<object?>)[value,
                        .. Norms.Select(norm =>
                        (object?)result.Figures[$"{Variant(norm, what, value)}.trainAccuracy"])])],
                            ["G3", "F3", "F3", "F3"]));
        }
    }

    /// <summary>Training accuracy at the end, that of guessing where the loss was not finite.</summary>
    private static double Train(ExperimentContext context, FewGarments images, string norm, int[] hidden,
        double penalty, bool isSmall, string variant, WeightsHash hash)
    {
        var random = new NumPyRandomState((uint)context.Seed);
        FullyConnectedNet net = isSmall
            ? FullyConnectedNet.Create(random, images.Inputs, hidden, 10, SmallWeights, norm, context.DType)
            : KaimingNet.Create(random, images.Inputs, hidden, norm, context.DType);
        var training = new ClassifierTraining(net.Model,
            new Adam(net.Model.Parameters(), LearningRate, weightDecay: penalty, decayNormAndBias: false));
        for (int epoch = 0; epoch < context.Epochs; epoch++)
        {
            if (!double.IsFinite(training.Epoch(images.Batches(BatchSize, random), static _ => { }).Loss)) return 0.1;
        }

        hash.Add(variant, net.Model);
        return training.Evaluate(images.InOrder(images.Train)).Accuracy;
    }
}
