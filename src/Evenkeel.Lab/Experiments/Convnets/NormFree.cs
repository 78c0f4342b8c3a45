using System.Globalization;
using Evenkeel.Data;
using Evenkeel.Lab.Experiments.Regularization;
using Evenkeel.Nn;
using Evenkeel.Optim;
using Evenkeel.Random;
using Evenkeel.Training;

namespace Evenkeel.Lab.Experiments.Convnets;

/// <summary>Element-wise functions in place of a norm (Zhu et al. 2025): how good, by the number of images.</summary>
internal sealed class NormFree : Experiment
{
    public const string Layer = "layernorm";
    public const string DyT = "dynamictanh";
    public const string Derf = "dynamicerf";
    public const string None = "none";

    private const int BatchSize = 32;

    /// <summary>Images that count as an epoch, however many there are to draw from.</summary>
    private const int EpochImages = 1000;

    private const int Width = 64;
    private const int Blocks = 8;

    /// <summary>Held-out images: a third chooses the rate, the rest is tested on.</summary>
    private const int Held = 1500;
    private const int QuickHeld = 300;

    private static readonly (string Name, string Label, Func<Module?> Create)[] s_norms =
    [
        (Layer, "layer norm", static () => new LayerNorm([Width])),
        (DyT, "Dynamic Tanh", static () => new DynamicTanh([Width])),
        (Derf, "Dynamic erf", static () => new DynamicErf([Width])),
        (None, "none", static () => null),
    ];

    private static readonly double[] s_rates = [3e-4, 1e-3, 3e-3], s_quickRates = [1e-3];

    /// <summary>Training images.</summary>
    public static IReadOnlyList<int> Sizes { get; } = [100, 400, 1600, 5000];

    public override string Name => "norm-free";

    public override string Title => "Dynamic Tanh for layer norm, by data";

    public override string Lesson => "D8";

    public override string Description =>
        "A residual net of eight blocks with layer norm, Dynamic Tanh, Dynamic erf and nothing before each block, on " +
        "100 to 5,000 images. Every training sees equally many; Adam at the best of three rates, by other images.";

    public override string Page => "docs/lessons/d-lenet-fashion-mnist.md#norm-free";

    public override long LessonSeed => 1;

    public override IReadOnlyList<string> Variants => [.. s_norms.Select(static norm => norm.Name)];

    public override (int Lesson, int Quick)? Epochs => (12, 1);

    public override LabSet? Images => LabSet.FashionMnist;

    public override (double Lesson, double Quick) Cost => (12, 0.4);

    public override ExperimentResult Run(ExperimentContext context) =>
        Compare(context, Sizes, context.Quick ? QuickHeld : Held, context.Quick ? s_quickRates : s_rates);

    /// <summary>Trains the net with every norm on sets of these sizes.</summary>
    internal ExperimentResult Compare(ExperimentContext context, IReadOnlyList<int> sizes, int held, double[] rates)
    {
        var result = new ExperimentResult();
        using var hash = new WeightsHash();
        var rows = new List<IReadOnlyList<object?>>();
        var tests = s_norms.ToDictionary(
            static norm => norm.Name, static _ => new List<double>(), StringComparer.Ordinal);
        int done = 0, all = sizes.Count * s_norms.Length * rates.Length;
        foreach (int size in sizes)
        {
            FewGarments images = FewGarments.Draw(context, held, size);
            foreach ((string name, string label, Func<Module?> create) in s_norms)
            {
                (Course Best, double Rate)? best = null;
                foreach (double rate in rates)
                {
                    Course course = Train(context, images, create, rate);
                    if (best is null || course.Choice > best.Value.Best.Choice) best = (course, rate);
                    context.Report((double)++done / all,
                        string.Create(CultureInfo.InvariantCulture, $"{name}, {size} images, rate {rate}"));
                }

                (Course chosen, double chosenRate) = best!.Value;
                hash.Add($"{name}-{size}", chosen.Net);
                tests[name].Add(chosen.Test);
                string figure = string.Create(CultureInfo.InvariantCulture, $"{name}-{size}");
                result.Figures[$"{figure}.trainAccuracy"] = chosen.Train;
                result.Figures[$"{figure}.testAccuracy"] = chosen.Test;
                result.Figures[$"{figure}.rate"] = chosenRate;
                rows.Add([label, size, chosenRate, chosen.Train, chosen.Test]);
            }
        }

        foreach ((string name, _, _) in s_norms)
        {
            result.Series.Add(new Series(
                $"{name}/test-accuracy", [.. sizes.Select(static size => (double)size)], [.. tests[name]]));
        }

        result.WeightsHash = hash.Finish();
        result.Tables.Add(new ResultTable("After training", ["norm", "images", "rate", "train", "test"], rows,
            [null, null, "g3", "F3", "F3"]));
        result.Checks.Add(Judge(result, sizes));
        result.Notes.Add("A small residual net of linear layers, not a transformer, and images, not text.");
        return result;
    }

    public override IReadOnlyList<Chart> Charts(ExperimentResult result) =>
    [
        new Chart("test-accuracy", "Test accuracy by the number of training images, equally many seen",
            new Axis("Training images", IsLog: true), new Axis("Test accuracy", Max: 1),
            [.. s_norms.Select(norm =>
                Curve.Of(result, $"{norm.Name}/test-accuracy", norm.Label, Marker.Circle))]),
    ];

    public override string Headline(IReadOnlyDictionary<string, double> figures)
    {
        return string.Create(CultureInfo.InvariantCulture,
            $"DyT less LN: {Lead(Sizes[0]):+0.000;-0.000} at {Sizes[0]}, " +
            $"{Lead(Sizes[^1]):+0.000;-0.000} at {Sizes[^1]}");

        double Lead(int size) => figures[Figure(DyT, size)] - figures[Figure(Layer, size)];
    }

    /// <summary>The name of a test accuracy.</summary>
    public static string Figure(string norm, int size) =>
        string.Create(CultureInfo.InvariantCulture, $"{norm}-{size}.testAccuracy");

    private static Course Train(ExperimentContext context, FewGarments images, Func<Module?> create, double rate)
    {
        // The same start values and batches for every norm: norms draw nothing.
        var random = new TorchGenerator((ulong)context.Seed);
        var net = new Sequential(new Linear(images.Inputs, Width, random: random));
        for (int block = 0; block < Blocks; block++) net.Add(new Block(create(), random));
        if (create() is { } last) net.Add(last);
        net.Add(new Linear(Width, 10, random: random));
        net.Initialize(Init.KaimingNormal, random);
        if (context.DType == DType.Float64) net.To(DType.Float64);
        var training = new ClassifierTraining(net, new Adam(net.Parameters(), rate));
        using DataLoader batches = images.Batches(BatchSize, random);
        Score train = default;
        for (int seen = 0; seen < context.Epochs * EpochImages && !double.IsNaN(train.Loss);
            seen += batches.Plan.Used)
        {
            train = training.Epoch(batches, static _ => { });
        }

        bool isOver = double.IsNaN(train.Loss);
        return new Course(net, isOver ? 0 : training.Evaluate(images.InOrder(images.Train)).Accuracy,
            isOver ? 0 : training.Evaluate(images.InOrder(images.Choice)).Accuracy,
            isOver ? 0 : training.Evaluate(images.InOrder(images.Test)).Accuracy);
    }

    private static Check Judge(ExperimentResult result, IReadOnlyList<int> sizes)
    {
        double[] accuracies = [.. s_norms.Select(norm => result.Figures[Figure(norm.Name, sizes[^1])])];
        return Check.Judge("D8.trained", "Every net learns",
            "test accuracy of at least 0.5 on the largest set, ten classes",
            string.Create(CultureInfo.InvariantCulture, $"{accuracies.Min():F3} to {accuracies.Max():F3}"),
            accuracies.Min() >= 0.5);
    }

    private readonly record struct Course(Module Net, double Train, double Choice, double Test);

    /// <summary>x + W₂·ReLU(W₁·norm(x)).</summary>
    private sealed class Block : Module
    {
        private readonly Module _path;

        public Block(Module? norm, IRandomStream random)
        {
            var path = new Sequential();
            if (norm is not null) path.Add("norm", norm);
            path.Add("first", new Linear(Width, Width, random: random));
            path.Add("relu", new ReLU());
            path.Add("second", new Linear(Width, Width, random: random));
            _path = Register("path", path);
        }

        protected override Tensor ForwardCore(Tensor x) => x + _path.Forward(x);
    }
}
