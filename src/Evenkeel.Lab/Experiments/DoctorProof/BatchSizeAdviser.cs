using System.Globalization;
using Evenkeel.Data;
using Evenkeel.Examination;
using Evenkeel.Lab.Experiments.Convnets;
using Evenkeel.Lab.Experiments.Regularization;
using Evenkeel.Nn;
using Evenkeel.Optim;
using Evenkeel.Random;
using Evenkeel.Training;

namespace Evenkeel.Lab.Experiments.DoctorProof;

/// <summary>The batch size that the doctor advises for a net, and what nets trained in each size are worth.</summary>
internal sealed class BatchSizeAdviser : Experiment
{
    /// <summary>The batch size of the net that the doctor looks at, which must be among those that are tried.</summary>
    public const int Ordinary = 32;

    /// <summary>Adam's rate in batches of 32; it goes with the square root of the batch size.</summary>
    private const double Rate = 1e-3;

    /// <summary>Training images of a quick run, and held-out ones.</summary>
    private const int QuickCount = 300, QuickHeld = 600, Held = 3000;

    /// <summary>A size is good if the net loses no more than this against the best one.</summary>
    private const double Good = 0.02;

    /// <summary>What a net is worth that has diverged, on ten classes.</summary>
    private const double Guess = 0.1;

    public override string Name => "batch-size-adviser";

    public override string Title => "The doctor's batch size against the best one";

    public override string Lesson => "R3";

    public override string Description =>
        "LeNet, a small ResNet and six linear layers with batch norm, a thousand images, trained in batches of 2 to " +
        "256 (five epochs each, Adam at 1e-3·√(batch/32)). The doctor looks at the net of batches of 32 and advises " +
        "a size, by the statistics of batches alone.";

    public override string Page => "docs/lessons/r-doctor.md#batch-size-adviser";

    public override long LessonSeed => 1;

    public override IReadOnlyList<string> Variants => [.. ComparedNet.All.Select(static net => net.Name)];

    public override (int Lesson, int Quick)? Epochs => (5, 2);

    public override LabSet? Images => LabSet.FashionMnist;

    public override (double Lesson, double Quick) Cost => (60, 5);

    public override ExperimentResult Run(ExperimentContext context) => context.Quick
        ? Measure(context, FewGarments.Draw(context, QuickHeld, QuickCount), [2, 8, Ordinary, 128])
        : Measure(context, FewGarments.Draw(context, Held), [2, 4, 8, 16, Ordinary, 64, 128, 256]);

    /// <summary>Trains every net in batches of these sizes, and asks the doctor.</summary>
    internal static ExperimentResult Measure(ExperimentContext context, FewGarments images, int[] sizes)
    {
        var result = new ExperimentResult();
        using var hash = new WeightsHash();
        var rows = new List<IReadOnlyList<object?>>();
        int done = 0;
        foreach (ComparedNet kind in ComparedNet.All)
        {
            double advised = 0;
            double[] choice = new double[sizes.Length], test = new double[sizes.Length];
            for (int s = 0; s < sizes.Length; s++)
            {
                (Module net, choice[s], test[s]) = Train(context, kind, images, sizes[s]);
                hash.Add($"{kind.Name}-{sizes[s]}", net);
                if (sizes[s] == Ordinary) advised = Advice(context, net, images);
                context.Report(++done / (double)(sizes.Length * ComparedNet.All.Count),
                    $"{kind.Name}, batches of {sizes[s]}");
            }

            // The advised size, or the next one that was trained.
            int taken = Math.Max(0, Array.FindIndex(sizes, size => size >= advised));
            int best = Array.IndexOf(choice, choice.Max()),
                least = Array.FindIndex(choice, accuracy => accuracy >= choice.Max() - Good);
            Set("advised", advised);
            Set("best", sizes[best]);
            Set("smallestGood", sizes[least]);
            Set("advisedTestAccuracy", test[taken]);
            Set("bestTestAccuracy", test[best]);
            Set("smallestTestAccuracy", test[0]);
            Set("loss", test[best] - test[taken]);
            rows.Add([kind.Title, advised, sizes[best], sizes[least], test[taken], test[best], test[0]]);
            result.Series.Add(
                new Series($"{kind.Name}/test-accuracy", [.. sizes.Select(static size => (double)size)], test));

            void Set(string figure, double value) => result.Figures[$"{kind.Name}.{figure}"] = value;
        }

        result.WeightsHash = hash.Finish();
        result.Tables.Add(new ResultTable(
            $"The advised size, the best one, and the smallest within {Good} of it (both by images of their own)",
            ["net", "advised", "best", "smallest good", "test at advised", "test at best", $"test at {sizes[0]}"],
            rows, [null, "N0", "N0", "N0", "F3", "F3", "F3"]));
        result.Notes.Add("The advice is the smallest size whose statistics are good enough. It knows nothing of the " +
            "rate, of the number of steps, or of what noise of the batches does for other images.");
        return result;
    }

    public override IReadOnlyList<Chart> Charts(ExperimentResult result) =>
    [
        new Chart("test-accuracy", "Test accuracy by batch size", new Axis("batch size", IsLog: true),
            new Axis("test accuracy", Max: 1),
            [.. ComparedNet.All.Select(net => Curve.Of(
                result, $"{net.Name}/test-accuracy", net.Title, Marker.Circle))]),
    ];

    public override string Headline(IReadOnlyDictionary<string, double> figures) =>
        "advised " + string.Join(", ", ComparedNet.All.Select(net => string.Create(CultureInfo.InvariantCulture,
            $"{figures[$"{net.Name}.advised"]} ({figures[$"{net.Name}.loss"]:F2})")));

    private static (Module Net, double Choice, double Test) Train(
        ExperimentContext context, ComparedNet kind, FewGarments images, int size)
    {
        var random = new TorchGenerator((ulong)context.Seed);
        Module net = kind.Create(ComparedNorm.BatchNormed, random);
        if (context.DType == DType.Float64) net.To(DType.Float64);
        var training = new ClassifierTraining(
            net, new Adam(net.Parameters(), Rate * Math.Sqrt((double)size / Ordinary)));
        using DataLoader batches = images.Batches(size, random);
        for (int epoch = 0; epoch < context.Epochs; epoch++)
            if (double.IsNaN(training.Epoch(batches, static _ => { }).Loss)) return (net, Guess, Guess);
        return (net, training.Evaluate(images.InOrder(images.Choice)).Accuracy,
            training.Evaluate(images.InOrder(images.Test)).Accuracy);
    }

    private static double Advice(ExperimentContext context, Module net, FewGarments images) =>
        Doctor.Examine(net, new DoctorData(images.Train), OneRule.Options("EK214"),
            cancellationToken: context.Cancellation).Findings.Single().Measured;
}
