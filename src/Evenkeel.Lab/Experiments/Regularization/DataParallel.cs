using System.Globalization;
using Evenkeel.Data;
using Evenkeel.Lab.Experiments.Convnets;
using Evenkeel.Losses;
using Evenkeel.Nn;
using Evenkeel.Optim;
using Evenkeel.Random;
using Evenkeel.Training;

namespace Evenkeel.Lab.Experiments.Regularization;

/// <summary>
/// What it costs if a batch is cut into parts and batch norm takes the statistics of a part alone, which saves the
/// processes their small messages.
/// </summary>
internal sealed class DataParallel : Experiment
{
    /// <summary>Images of a batch. Its gradient is the same in all trainings, but for the statistics.</summary>
    private const int BatchSize = 32;

    private const double Rate = 1e-3;

    /// <summary>Training images: whole batches, because a part of one image has no spread.</summary>
    private const int Count = 31 * BatchSize, QuickCount = 8 * BatchSize;
    private const int QuickHeld = 600, Held = 3000;

    /// <summary>What a net is worth that has diverged, on ten classes.</summary>
    private const double Guess = 0.1;

    /// <summary>Images of a part.</summary>
    public static IReadOnlyList<int> Sizes { get; } = [2, 4, 8, 16];

    /// <summary>The nets: one with many values per channel, and one that ends in layers with one per image.</summary>
    public static IReadOnlyList<ComparedNet> Nets { get; } = [ComparedNet.ResNet, ComparedNet.LeNet];

    public override string Name => "data-parallel";

    public override string Title => "Batch statistics of the parts of a batch";

    public override string Lesson => "S1";

    public override string Description =>
        "A small ResNet and LeNet with batch norm, 992 images, batches of 32 in parts of 2, 4, 8 and 16 (five "
        + "epochs, Adam at 1e-3). Statistics of each part alone, as processes take them that do not talk, against "
        + "those of the whole batch.";

    public override string Page => "docs/lessons/s-data-parallel.md#data-parallel";

    public override long LessonSeed => 1;

    public override IReadOnlyList<string> Variants => [.. Nets.Select(static net => net.Name)];

    public override (int Lesson, int Quick)? Epochs => (5, 2);

    public override LabSet? Images => LabSet.FashionMnist;

    public override (double Lesson, double Quick) Cost => (40, 5);

    public override ExperimentResult Run(ExperimentContext context) => Measure(context, context.Quick
        ? FewGarments.Draw(context, QuickHeld, QuickCount) : FewGarments.Draw(context, Held, Count));

    /// <summary>Trains every net with pooled statistics, and with those of parts of each size.</summary>
    internal static ExperimentResult Measure(ExperimentContext context, FewGarments images)
    {
        var result = new ExperimentResult();
        using var hash = new WeightsHash();
        var rows = new List<IReadOnlyList<object?>>();
        int done = 0;
        foreach (ComparedNet kind in Nets)
        {
            // Pooled statistics are those of the whole batch, however it is cut: one training stands for all.
            double pooled = Add(kind, null, out _);
            double[] local = new double[Sizes.Count], exact = new double[Sizes.Count];
            for (int s = 0; s < Sizes.Count; s++) local[s] = Add(kind, Sizes[s], out exact[s]);
            double[] x = [.. Sizes.Select(static size => (double)size)];
            result.Series.Add(new Series($"{kind.Name}/local", x, local));
            result.Series.Add(new Series($"{kind.Name}/local-recalibrated", x, exact));
            result.Series.Add(new Series($"{kind.Name}/pooled", x, [.. Sizes.Select(_ => pooled)]));
        }

        result.WeightsHash = hash.Finish();
        result.Tables.Add(new ResultTable(
            "Test accuracy, with the running statistics and with exact ones of the training set",
            ["net", "statistics of", "running", "exact"], rows, [null, null, "F3", "F3"]));
        return result;

        double Add(ComparedNet kind, int? size, out double exact)
        {
            string figure = Figure(kind, size);
            (Module net, double running, exact) = Train(context, kind, images, size);
            hash.Add(figure, net);
            result.Figures[$"{figure}.testAccuracy"] = running;
            result.Figures[$"{figure}.recalibratedTestAccuracy"] = exact;
            string words = size is null ? "the whole batch" : $"parts of {size} images";
            rows.Add([kind.Title, words, running, exact]);
            context.Report(++done / (double)(Nets.Count * (1 + Sizes.Count)), $"{kind.Name}, {words}");
            return running;
        }
    }

    /// <summary>The name of the figures of a training.</summary>
    /// <param name="net">The net.</param>
    /// <param name="size">Images of a part; null for pooled statistics.</param>
    public static string Figure(ComparedNet net, int? size) => size is null
        ? $"{net.Name}.pooled" : string.Create(CultureInfo.InvariantCulture, $"{net.Name}.local-{size}");

    public override IReadOnlyList<Chart> Charts(ExperimentResult result) =>
    [
        .. Nets.Select(net => new Chart(
            net.Name, $"Test accuracy of {net.Words}", new Axis("images of a part", IsLog: true),
            new Axis("test accuracy", Max: 1),
            [
                Curve.Of(result, $"{net.Name}/pooled", "statistics of the whole batch", Marker.None),
                Curve.Of(result, $"{net.Name}/local", "statistics of the part", Marker.Circle),
                Curve.Of(
                    result, $"{net.Name}/local-recalibrated", "statistics of the part, then exact", Marker.Square),
            ])),
    ];

    public override string Headline(IReadOnlyDictionary<string, double> figures)
    {
        return $"at 2: {Lost(2)} lost; at 8: {Lost(8)}";

        string Lost(int size) => string.Join(", ", Nets.Select(net => string.Create(CultureInfo.InvariantCulture,
            $"{figures[$"{Figure(net, null)}.testAccuracy"] - figures[$"{Figure(net, size)}.testAccuracy"]:F2}")));
    }

    private static (Module Net, double Running, double Exact) Train(
        ExperimentContext context, ComparedNet kind, FewGarments images, int? size)
    {
        var random = new TorchGenerator((ulong)context.Seed);
        Module net = kind.Create(ComparedNorm.BatchNormed, random);
        if (context.DType == DType.Float64) net.To(DType.Float64);
        var optimizer = new Adam(net.Parameters(), Rate);
        var loss = new CrossEntropyLoss();
        using var parts = new Replicas(net, size is null ? 1 : BatchSize / size.Value);
        using DataLoader batches = images.Batches(BatchSize, random);
        for (int epoch = 0; epoch < context.Epochs; epoch++)
        {
            foreach (Batch batch in batches)
            {
                if (!double.IsFinite(parts.Accumulate(batch.Inputs, batch.Targets, loss))) return (net, Guess, Guess);
                optimizer.Step();
                optimizer.ZeroGrad();
            }
        }

        var scores = new ClassifierTraining(net, optimizer);
        double running = scores.Evaluate(images.InOrder(images.Test)).Accuracy;
        Module exact = net.Clone();
        Recalibration.Run(exact, images.InOrder(images.Train));
        return (net, running,
            new ClassifierTraining(exact, optimizer).Evaluate(images.InOrder(images.Test)).Accuracy);
    }
}
