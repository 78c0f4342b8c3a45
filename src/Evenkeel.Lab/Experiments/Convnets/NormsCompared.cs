using System.Globalization;
using Evenkeel.Data;
using Evenkeel.Lab.Experiments.Regularization;
using Evenkeel.Nn;
using Evenkeel.Optim;
using Evenkeel.Random;
using Evenkeel.Training;

namespace Evenkeel.Lab.Experiments.Convnets;

/// <summary>Lesson D asks its reader to try other normalizations: every norm in three nets, by batch size.</summary>
internal sealed class NormsCompared : Experiment
{
    /// <summary>The batch sizes that claims compare: next to nothing, and ordinary.</summary>
    public const int Tiny = 2;
    public const int Ordinary = 32;

    /// <summary>
    /// Adam's rate at the ordinary batch size. It goes with the square root of the batch size (Malladi et al. 2022):
    /// otherwise the sizes would differ by the noise of their steps, not only by
    /// their statistics.
    /// </summary>
    private const double Rate = 1e-3;

    /// <summary>Held-out images; two thirds of them are tested on.</summary>
    private const int Held = 1500;

    /// <summary>Training images and held-out ones of a quick run.</summary>
    private const int QuickTrain = 400;
    private const int QuickHeld = 600;

    /// <summary>Images over which training accuracy is taken while it runs, or a few more: whole batches.</summary>
    private const int Window = 200;

    /// <summary>What a net is worth that has diverged, on ten classes.</summary>
    private const double Guess = 0.1;

    /// <summary>Images normalized together to see whether one of them depends on the others.</summary>
    private const int Mates = 8;

    public override string Name => "norms-compared";

    public override string Title => "Every norm, batches of 2 to 256";

    public override string Lesson => "D8";

    public override string Description =>
        "A small ResNet, LeNet and six linear layers with every norm and with none, in batches of 2, 8, 32 and 256: " +
        "a thousand images, five epochs, Adam at 1e-3·√(batch/32). Every training sees equally many images.";

    public override string Page => "docs/lessons/d-lenet-fashion-mnist.md#norms-compared";

    public override long LessonSeed => 1;

    public override IReadOnlyList<string> Variants =>
        [.. ComparedNet.All.SelectMany(static net => net.Norms.Select(norm => $"{net.Name}-{norm.Name}"))];

    public override (int Lesson, int Quick)? Epochs => (5, 2);

    public override LabSet? Images => LabSet.FashionMnist;

    public override (double Lesson, double Quick) Cost => (75, 12);

    public override ExperimentResult Run(ExperimentContext context) => context.Quick
        ? Compare(context, FewGarments.Draw(context, QuickHeld, QuickTrain), [Tiny, Ordinary])
        : Compare(context, FewGarments.Draw(context, Held), [Tiny, 8, Ordinary, 256]);

    /// <summary>Trains every net with every norm in batches of these sizes.</summary>
    internal ExperimentResult Compare(ExperimentContext context, FewGarments images, int[] sizes)
    {
        var result = new ExperimentResult();
        using var hash = new WeightsHash();
        int done = 0, all = Variants.Count;
        foreach (ComparedNet net in ComparedNet.All)
        {
            var rows = new List<IReadOnlyList<object?>>();
            foreach (ComparedNorm norm in net.Norms)
            {
                string variant = $"{net.Name}-{norm.Name}";
                Course[] courses =
                    [.. sizes.Select((size, s) =>
                        Train(context, images, net, norm, size, hash, share =>
                            context.Report((done + ((s + share) / sizes.Length)) / all,
                    $"{variant}, batches of {size}")))];
                foreach (Course course in courses) course.AddFigures(result, $"{variant}-{course.BatchSize}");
                AddSeries("test-accuracy", static course => course.Test);
                AddSeries("images-to-half", static course => course.ImagesToHalf);
                rows.AddRange(courses.Select(course =>
                    (IReadOnlyList<object?>)[norm.Label, course.BatchSize, course.Train, course.Test, course.Exact,
                        course.StepsToHalf, course.StepMicroseconds]));
                string tests = string.Join(", ", courses.Select(static course => $"{course.Test:F3}"));
                context.Report((double)++done / all, $"{variant}, test {tests}", milestone: true);

                void AddSeries(string quantity, Func<Course, double> value) =>
                    result.Series.Add(new Series($"{variant}/{quantity}",
                        [.. sizes.Select(static size => (double)size)], [.. courses.Select(value)]));
            }

            result.Tables.Add(new ResultTable(
                $"{net.Title}: training accuracy over the last epoch, test accuracy in use and with exact " +
                "statistics, steps until half of the answers were right (all, where they never were), the fastest step",
                ["norm", "batch", "train", "test", "exact", "steps to 0.5", "µs per step"], rows,
                [null, null, "F3", "F3", "F3", "N0", "N0"]));
        }

        foreach (ComparedNorm norm in ComparedNorm.All)
            result.Figures[$"{norm.Name}.mateEffect"] = MateEffect(context, images, norm);
        result.WeightsHash = hash.Finish();
        Judge(result);
        return result;
    }

    public override IReadOnlyList<Chart> Charts(ExperimentResult result)
    {
        return [.. ComparedNet.All.SelectMany(net =>
            (Chart[])[Plot(net, "test-accuracy", new Axis("Test accuracy", Max: 1)),
                Plot(net, "images-to-half", new Axis(
            "Images seen until half of the answers were right", IsLog: true))])];

        Chart Plot(ComparedNet net, string quantity, Axis axis) => new(
            $"{net.Name}-{quantity}", $"{net.Title}: {char.ToLowerInvariant(axis.Label[0])}{axis.Label[1..]}",
                new Axis("Batch size", IsLog: true), axis,
            [.. net.Norms.Select(norm =>
                Curve.Of(result, $"{net.Name}-{norm.Name}/{quantity}", norm.Label, Marker.Circle))]);
    }

    public override string Headline(IReadOnlyDictionary<string, double> figures)
    {
        return string.Create(CultureInfo.InvariantCulture, $"at 2: BN {At(Tiny, ComparedNorm.Batch):F2}, GN " +
            $"{At(Tiny, ComparedNorm.Group):F2}; at 32: {At(Ordinary, ComparedNorm.Batch):F2}, " +
            $"{At(Ordinary, ComparedNorm.Group):F2}");

        double At(int size, string norm) => figures[Figure(ComparedNet.ResNet, norm, size)];
    }

    /// <summary>The name of a test accuracy in use, or with exact statistics.</summary>
    public static string Figure(ComparedNet net, string norm, int size, bool isExact = false) =>
        string.Create(CultureInfo.InvariantCulture,
            $"{net.Name}-{norm}-{size}.{(isExact ? "exactTestAccuracy" : "testAccuracy")}");

    private static Course Train(ExperimentContext context, FewGarments images, ComparedNet compared, ComparedNorm norm,
        int size, WeightsHash hash, Action<double> report)
    {
        // The same start values for every norm and size, and the same batches for every norm: norms draw nothing.
        var random = new TorchGenerator((ulong)context.Seed);
        Module net = compared.Create(norm, random);
        if (context.DType == DType.Float64) net.To(DType.Float64);
        var training = new ClassifierTraining(net,
            new Adam(net.Parameters(), Rate * Math.Sqrt((double)size / Ordinary)));
        using DataLoader batches = images.Batches(size, random);
        Score train = default;
        for (int epoch = 0; epoch < context.Epochs && !double.IsNaN(train.Loss); epoch++)
        {
            int number = epoch;
            train = training.Epoch(batches, share => report((number + share) / context.Epochs));
        }

        hash.Add($"{compared.Name}-{norm.Name}-{size}", net);
        bool isOver = double.IsNaN(train.Loss);
        (int steps, int seen) = ToHalf(training.Answers)
            ?? (context.Epochs * batches.Plan.Batches, context.Epochs * batches.Plan.Used);
        DataLoader tests = images.InOrder(images.Test);
        double test = isOver ? Guess : training.Evaluate(tests).Accuracy;
        double? exact = !norm.DependsOnBatch ? null : isOver ? Guess
            : ExactStatistics.TestAccuracy(net, training, images.Train, tests, context.Cancellation);
        return new Course(size, isOver ? Guess : train.Accuracy, test, exact, steps, seen,
            training.FastestStepMicroseconds);
    }

    /// <summary>
    /// Steps, and images in them, until half of the answers in the last few batches, of <see cref="Window"/> images or
    /// a few more, were right; null if that never came.
    /// </summary>
    /// <param name="answers">Images of every step, and right answers among them.</param>
    internal static (int Steps, int Images)? ToHalf(IReadOnlyList<(int Images, int Right)> answers)
    {
        int seen = 0, first = 0, images = 0, right = 0;
        for (int step = 0; step < answers.Count; step++)
        {
            seen += answers[step].Images;
            images += answers[step].Images;
            right += answers[step].Right;
            for (; images - answers[first].Images >= Window; first++)
            {
                images -= answers[first].Images;
                right -= answers[first].Right;
            }

            if (images >= Window && 2 * right >= images) return (step + 1, seen);
        }

        return null;
    }

    /// <summary>
    /// How far the scores of an image move when the others in its batch are replaced, against its largest score: an
    /// untrained ResNet as it trains, no dropout.
    /// </summary>
    private static double MateEffect(ExperimentContext context, FewGarments images, ComparedNorm norm)
    {
        Module net = ComparedNet.ResNet.Create(norm, new TorchGenerator((ulong)context.Seed));
        if (context.DType == DType.Float64) net.To(DType.Float64);
        double[] first = Scores([.. Enumerable.Range(0, Mates)]),
            second = Scores([0, .. Enumerable.Range(Mates, Mates - 1)]);
        double largest = 0, difference = 0;
        for (int c = 0; c < first.Length; c++)
        {
            largest = Math.Max(largest, Math.Abs(first[c]));
            difference = Math.Max(difference, Math.Abs(first[c] - second[c]));
        }

        return difference / largest;

        double[] Scores(int[] indices)
        {
            Tensor batch = Tensor.Zeros([Mates, images.Inputs], context.DType);
            images.Train.CopyTo(indices, batch);
            Tensor scores = net.Forward(new Tape(Mode.Train, recordGradients: false).Input(batch)).To(DType.Float64);
            return scores.ToArray<double>()[..scores.Shape[1]];
        }
    }

    private static void Judge(ExperimentResult result)
    {
        double batch = result.Figures[$"{ComparedNorm.Batch}.mateEffect"];
        double others = ComparedNorm.All.Where(static norm => !norm.DependsOnBatch)
            .Max(norm => result.Figures[$"{norm.Name}.mateEffect"]);
        result.Checks.Add(Check.Judge("D8.mates", "Of the norms, only batch norm lets an image see the others in its " +
            "batch",
            "scores of an image move by less than 1e-5 when the others are replaced, " +
            "with batch norm by more than 1e-3 (of its largest score)",
            string.Create(CultureInfo.InvariantCulture, $"{others:0.0e+00}, with batch norm " +
                $"{batch:0.0e+00}"), others < 1e-5 && batch > 1e-3));
        result.Notes.Add("One rate for all norms and nets: what each would gain from a rate of its own was not " +
            "looked for. Nets and images are small: docs/norms.md says what follows from that.");
    }

    /// <summary>
    /// What a training has measured; <c>Exact</c> is the test accuracy with exact statistics of the training images,
    /// where there are moving averages.
    /// </summary>
    private readonly record struct Course(int BatchSize, double Train, double Test, double? Exact, int StepsToHalf,
        int ImagesToHalf, double StepMicroseconds)
    {
        public void AddFigures(ExperimentResult result, string name)
        {
            result.Figures[$"{name}.trainAccuracy"] = Train;
            result.Figures[$"{name}.testAccuracy"] = Test;
            if (Exact is { } exact) result.Figures[$"{name}.exactTestAccuracy"] = exact;
            result.Figures[$"{name}.stepsToHalf"] = StepsToHalf;
            result.Figures[$"{name}.imagesToHalf"] = ImagesToHalf;
            result.Figures[$"{name}.stepMicroseconds"] = StepMicroseconds;
        }
    }
}
