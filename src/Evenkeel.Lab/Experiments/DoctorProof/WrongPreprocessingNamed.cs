using Evenkeel.Data;
using Evenkeel.Examination;
using Evenkeel.Lab.Experiments.Convnets;
using Evenkeel.Nn;
using Evenkeel.Optim;
using Evenkeel.Random;
using Evenkeel.Surgery;
using Evenkeel.Training;

namespace Evenkeel.Lab.Experiments.DoctorProof;

/// <summary>Gives trained networks pictures that are prepared wrongly, and asks the doctor what is wrong.</summary>
internal sealed class WrongPreprocessingNamed : Experiment
{
    private const int BatchSize = 32;
    private const double Rate = 1e-3;

    /// <summary>Training images that the doctor sees.</summary>
    private const int Seen = 512;

    private const string FirstNorm = "1";

    /// <summary>
    /// The channels of drawn images are alike, so these are lit by a lamp: less green, still less blue.
    /// </summary>
    private static readonly float[] s_lamp = [1, 0.8f, 0.55f];

    public override string Name => "wrong-preprocessing";

    public override string Title => "Six wrong pipelines, and which are named";

    public override string Lesson => "R2";

    public override string Description =>
        "Two convolutional nets with batch norm on a thousand colour images, trained on pixels from 0 to 1 and on " +
        "pixels with ImageNet's mean and deviation taken out. Each is then given images that are prepared wrongly in " +
        "six ways. The doctor looks for the preparation that the net was trained with.";

    public override string Page => "docs/lessons/r-doctor.md#wrong-preprocessing";

    public override long LessonSeed => 1;

    public override IReadOnlyList<string> Variants => [.. PicturePipeline.Right.Select(static right => right.Name)];

    public override (int Lesson, int Quick)? Epochs => (8, 4);

    public override LabSet? Images => LabSet.Cifar10;

    public override (double Lesson, double Quick) Cost => (40, 6);

    public override ExperimentResult Run(ExperimentContext context)
    {
        SmallImages small = context.Data.Small(context);
        bool isDrawn = context.Data.PathOf(LabSet.Cifar10) is null;
        int count = context.Quick ? small.Train.Count / 2 : small.Train.Count;
        return Measure(
            context, small.Train.Images.Slice(0, count), small.Validation.Images, isDrawn ? s_lamp : [1, 1, 1]);
    }

    /// <summary>Trains both nets, and gives each every pipeline.</summary>
    /// <param name="context">Settings.</param>
    /// <param name="training">Training images.</param>
    /// <param name="test">Images to test on.</param>
    /// <param name="light">A factor for each channel of all images.</param>
    internal static ExperimentResult Measure(
        ExperimentContext context, ImageSet training, ImageSet test, float[] light)
    {
        (Tensor seen, Tensor tested) = (Pixels(training, light), Pixels(test, light));
        (Tensor seenLabels, Tensor testedLabels) = (Tensor.Labels(training.Labels), Tensor.Labels(test.Labels));
        var result = new ExperimentResult();
        using var hash = new WeightsHash();
        var rows = new List<IReadOnlyList<object?>>();
        int done = 0;
        foreach (PicturePipeline right in PicturePipeline.Right)
        {
            Sequential net = Train(context, right.Apply(seen), seenLabels, right.Name);
            hash.Add(right.Name, net);
            double best = Accuracy(net, right.Apply(tested), testedLabels);
            foreach (PicturePipeline given in PicturePipeline.Mistakes(right).Prepend(right with { Name = "right" }))
            {
                (double drift, string? said, string? advice) = Ask(context, net, given.Apply(seen), seenLabels);
                double loss = best - Accuracy(net, given.Apply(tested), testedLabels);
                bool isRight = given.Name == "right"
                    ? said is null
                    : given.Remedy is { } remedy && said?.Contains(
                        $"with the inputs {remedy} it is", StringComparison.Ordinal) == true;
                string name = Figure(right, given.Name);
                result.Figures[$"{name}.spoke"] = said is null ? 0 : 1;
                result.Figures[$"{name}.named"] = isRight && given.Name != "right" ? 1 : 0;
                result.Figures[$"{name}.loss"] = loss;
                result.Figures[$"{name}.drift"] = drift;
                rows.Add([right.Name, given.Name, loss, drift, advice ?? "nothing", isRight ? "yes" : "no"]);
                context.Report(++done / (double)(PicturePipeline.Right.Count * (PicturePipeline.Titles.Count + 1)),
                    $"{right.Name}, {given.Name}");
            }

            result.Figures[$"{right.Name}.testAccuracy"] = best;
            result.Series.Add(new Series($"{right.Name}/drift",
                [.. Enumerable.Range(0, PicturePipeline.Titles.Count).Select(static place => (double)place)],
                [.. PicturePipeline.Titles.Select(mistake => result.Figures[$"{Figure(right, mistake.Name)}.drift"])]));
        }

        result.WeightsHash = hash.Finish();
        result.Tables.Add(new ResultTable(
            "Six mistakes with the images of two nets (drift: how far the means of the first norm are off, in " +
                "deviations)",
            ["trained on", "given", "loss of test accuracy", "drift", "the doctor says", "right"], rows,
            [null, null, "F3", "F2", null, null]));
        int named = Count(result.Figures, "named"), wrong = PicturePipeline.Right.Count(right =>
            result.Figures[$"{Figure(right, "right")}.spoke"] > 0);
        result.Checks.Add(Check.Judge("R2.right", "Right inputs are left alone",
            "nothing is said of the inputs of the training", $"{wrong} of {PicturePipeline.Right.Count} called wrong",
            wrong == 0));
        result.Checks.Add(Check.Judge("R2.named", "Most of the mistakes are named",
            "9 of 12 or more", $"{named} of 12", named >= 9));
        return result;
    }

    public override IReadOnlyList<Chart> Charts(ExperimentResult result) =>
    [
        new Chart("drift", "How far the means of the first norm are off, by mistake",
            new Axis("", Categories: [.. PicturePipeline.Titles.Select(static mistake => mistake.Title)]),
            new Axis("standard deviations"),
            [.. PicturePipeline.Right.Select(right => Curve.Of(
                result, $"{right.Name}/drift", $"trained on {right.Name}", hasLine: false))], Kind: ChartKind.Bar),
    ];

    public override string Headline(IReadOnlyDictionary<string, double> figures) =>
        $"{Count(figures, "named")} of 12 mistakes named rightly";

    /// <summary>The beginning of the names of a net's figures for what it is given.</summary>
    public static string Figure(PicturePipeline right, string given) => $"{right.Name}-{given}";

    private static int Count(IReadOnlyDictionary<string, double> figures, string figure) =>
        PicturePipeline.Right.Sum(right => PicturePipeline.Titles.Count(
            mistake => figures[$"{Figure(right, mistake.Name)}.{figure}"] > 0));

    private static Tensor Pixels(ImageSet images, float[] light)
    {
        Tensor pixels = Tensor.Zeros([images.Count, images.Channels, images.Height, images.Width]);
        Span<float> values = pixels.AsSpan<float>();
        ReadOnlySpan<byte> bytes = images.Pixels;
        int points = images.Height * images.Width;
        for (int i = 0; i < values.Length; i++) values[i] = bytes[i] / 255f * light[i / points % light.Length];
        return pixels;
    }

    private static Sequential Train(ExperimentContext context, Tensor inputs, Tensor labels, string name)
    {
        var random = new TorchGenerator((ulong)context.Seed);
        int quarter = inputs.Shape[2] / 4;
        var net = new Sequential(
            new Conv2d(3, 8, 3, padding: 1, bias: false, random: random), new BatchNorm2d(8), new ReLU(),
            new MaxPool2d(2),
            new Conv2d(8, 16, 3, padding: 1, bias: false, random: random), new BatchNorm2d(16), new ReLU(),
            new MaxPool2d(2), new Flatten(),
            new Linear(16 * quarter * quarter, 64, bias: false, random: random), new BatchNorm1d(64), new ReLU(),
            new Linear(64, 10, random: random));
        if (context.DType == DType.Float64) net.To(DType.Float64);
        var training = new ClassifierTraining(net, new Adam(net.Parameters(), Rate));
        using var batches = new DataLoader(new TensorDataset(inputs, labels), BatchSize, shuffle: true, workers: 0,
            cancellationToken: context.Cancellation)
        {
            Sampler = Sampler.Shuffled(random),
            DType = context.DType,
        };
        for (int epoch = 0; epoch < context.Epochs; epoch++)
            training.Epoch(batches, _ => context.Report(0, $"training on {name}"));
        // So few batches leave start values in the moving averages.
        net.Recalibrate(new TensorDataset(inputs, labels), cancellationToken: context.Cancellation);
        return net;
    }

    private static double Accuracy(Module net, Tensor inputs, Tensor labels)
    {
        using var batches = new DataLoader(new TensorDataset(inputs, labels), 250, lastBatch: LastBatch.Keep,
            workers: 0)
        {
            DType = net.Parameters()[0].Value.DType,
        };
        return new ClassifierTraining(net, new Adam(net.Parameters(), Rate)).Evaluate(batches).Accuracy;
    }

    /// <summary>How far the means of the first norm are off, and what the doctor says of the inputs.</summary>
    private static (double Drift, string? Said, string? Advice) Ask(
        ExperimentContext context, Module net, Tensor inputs, Tensor labels)
    {
        Diagnosis diagnosis = Doctor.Examine(net, new DoctorData(new TensorDataset(inputs, labels)) { Limit = Seen },
            OneRule.Options("EK203"), cancellationToken: context.Cancellation);
        double drift = diagnosis.Drift[FirstNorm].Average(Math.Abs);
        return diagnosis.Findings is [{ } found] ? (drift, found.Message, found.Remedy) : (drift, null, null);
    }
}
