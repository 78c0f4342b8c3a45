using System.Diagnostics;
using System.Globalization;
using Evenkeel.Data;
using Evenkeel.Losses;
using Evenkeel.Nn;
using Evenkeel.Optim;
using Evenkeel.Random;
using Evenkeel.Training;

namespace Evenkeel.Lab.Experiments.Convnets;

/// <summary>
/// Lesson D: LeNet with sigmoids on Fashion-MNIST, without batch norm, with the library's, with one written from
/// primitives, and with the lesson's scalar gamma.
/// </summary>
internal sealed class FashionLeNet : Experiment
{
    public const string None = "none";
    public const string BatchNormed = "batchnorm";
    public const string Scratch = "scratch";
    public const string Scalar = "scalar";

    private const int BatchSize = 256;

    /// <summary>
    /// Whole batches: at this learning rate a last step on a few images spoils what an epoch has learned.
    /// </summary>
    private const int QuickTrain = 8 * BatchSize;
    private const int QuickTest = 750;

    /// <summary>
    /// Training images that the statistics of an epoch's end are computed over; those of the last epoch see all.
    /// </summary>
    private const int RecalibrationImages = 5_000;

    /// <summary>Steps of either net whose fastest one is its time, and the images of one.</summary>
    private const int TimedSteps = 150;
    private const int TimedImages = 16;

    /// <summary>What the bars of the lesson are judged after.</summary>
    private const int LessonEpochs = 10;

    public override string Name => "fashion-lenet";

    public override string Title => "LeNet with sigmoids, with and without";

    public override string Lesson => "D5";

    public override string Description =>
        "LeNet with sigmoids, batches of 256, SGD with lr 0.9 without batch norm and 1.0 with, ten epochs. Batch " +
        "norm trains better; its moving averages are what makes test accuracy jump.";

    public override string Page => "docs/lessons/d-lenet-fashion-mnist.md#fashion-lenet";

    public override long LessonSeed => 0;

    public override IReadOnlyList<string> Variants => [None, BatchNormed, Scratch, Scalar];

    public override (int Lesson, int Quick)? Epochs => (LessonEpochs, 3);

    public override LabSet? Images => LabSet.FashionMnist;

    public override (double Lesson, double Quick) Cost => (60, 5);

    public override ExperimentResult Run(ExperimentContext context)
    {
        (ExperimentResult result, List<Curves> runs) = TrainAll(context, Variants);
        AddStepTimes(context, result);
        Tell(result, runs);
        Judge(context, result, runs);
        return result;
    }

    /// <summary>
    /// The net with batch norm alone, looked at after its last epoch alone: what a claim asks for, in a fraction of the
    /// time.
    /// </summary>
    protected override Func<ExperimentContext, ExperimentResult>? ForClaims => RunForClaims;

    public override IReadOnlyList<Chart> Charts(ExperimentResult result)
    {
        const string published = "Hollow points are what the chapter's editions print after the last epoch";
        return
        [
            Animation(None, "LeNet without batch norm", (0.472, 0.823, 0.741), [], published + "."),
            Animation(BatchNormed, "LeNet with batch norm", (0.273, 0.899, 0.807), [Curve.Lesson(
                "test acc, the lesson's words", [0.9], first: LessonEpochs)],
                published + "; the lesson's text says about 0.9."),
            new Chart("statistics", "The same weights, tested with moving averages and with exact statistics",
                new Axis("epoch"), new Axis("test accuracy", Max: 1),
                [Curve.Of(result, $"{BatchNormed}/test-accuracy", "moving averages", Marker.Circle),
                    Curve.Of(result, $"{BatchNormed}/recalibrated-test-accuracy", "exact statistics", Marker.Circle)]),
            new Chart("train-accuracy", "Training accuracy of all four nets", new Axis("epoch"),
                new Axis("train acc", Min: 0, Max: 1),
                [.. Variants.Select(variant => Curve.Of(result, $"{variant}/train-accuracy", variant, Marker.Circle))]),
        ];

        Chart Animation(string variant, string title, (double Loss, double Train, double Test) last, Curve[] more,
            string note) => new(variant, title, new Axis("epoch"), new Axis("", Min: 0),
            [
                Curve.Of(result, $"{variant}/train-loss", "train loss", Marker.Circle),
                    Curve.Of(result, $"{variant}/train-accuracy", "train acc", Marker.Circle),
                Curve.Of(result, $"{variant}/test-accuracy", "test acc", Marker.Circle),
                    Curve.Lesson("train loss, published", [last.Loss], first: LessonEpochs),
                Curve.Lesson("train acc, published", [last.Train], first: LessonEpochs),
                    Curve.Lesson("test acc, published", [last.Test], first: LessonEpochs), .. more,
            ],
            "The lesson's animation. " + note);
    }

    /// <summary>
    /// Figures of some variants, which are looked at after the last epoch alone, without tables and claims.
    /// </summary>
    internal static ExperimentResult Measure(ExperimentContext context, params IReadOnlyList<string> variants) =>
        TrainAll(context, variants, isBrief: true).Result;

    public override string Headline(IReadOnlyDictionary<string, double> figures) =>
        string.Create(CultureInfo.InvariantCulture,
        $"train {figures["batchnorm.finalTrainAccuracy"]:F3} with, {figures["none.finalTrainAccuracy"]:F3} without");

    /// <summary>
    /// The net of a variant, with weights drawn as PyTorch draws them: every layer's default, then xavier_uniform over
    /// all weights again.
    /// </summary>
    internal static Sequential Net(string variant, IRandomStream random)
    {
        return LessonLeNet.Create(random, Close);

        void Close(Sequential net, int channels, bool isSpatial)
        {
            Module? norm = variant switch
            {
                BatchNormed when isSpatial => new BatchNorm2d(channels),
                BatchNormed => new BatchNorm1d(channels),
                Scratch => new ScratchBatchNorm(channels, isSpatial),
                Scalar => new ScratchBatchNorm(channels, isSpatial, scalar: true),
                _ => null,
            };
            if (norm is not null) net.Add(norm);
            net.Add(new Sigmoid());
            if (isSpatial) net.Add(new AvgPool2d(2));
        }
    }

    private ExperimentResult RunForClaims(ExperimentContext context)
    {
        ExperimentResult result = TrainAll(context, [BatchNormed], isBrief: true).Result;
        AddStepTimes(context, result);
        return result;
    }

    private static (ExperimentResult Result, List<Curves> Runs) TrainAll(ExperimentContext context,
        IReadOnlyList<string> variants, bool isBrief = false)
    {
        FashionImages images = ImagesOf(context);
        var result = new ExperimentResult();
        using var hash = new WeightsHash();
        var runs = new List<Curves>();
        foreach (string variant in variants)
        {
            // The layers from scratch take most of the time, and show after the last epoch what they are here to show.
            bool isSlow = variant is Scratch or Scalar;
            runs.Add(Train(context, images, variant, (runs.Count, variants.Count),
                isBrief || (context.Quick && isSlow), hash));
            runs[^1].AddTo(result);
        }

        result.WeightsHash = hash.Finish();
        return (result, runs);
    }

    private static FashionImages ImagesOf(ExperimentContext context) => context.Quick
        ? context.Data.Fashion(context, QuickTrain, QuickTest)
        : context.Data.Fashion(context, context.Data.PathOf(LabSet.FashionMnist) is null
            ? FashionImages.EmbeddedTrainCount : FashionImages.TrainCount);

    /// <summary>
    /// What a training step takes without norm and with it: steps on a few images by turns, and the fastest of each
    /// net. Steps are so short that among many some are not interrupted by
    /// whatever else the machine does, so the ratio of these times is steady where images a second of a whole training
    /// are not.
    /// </summary>
    private static void AddStepTimes(ExperimentContext context, ExperimentResult result)
    {
        (Tensor inputs, Tensor labels) = FirstImages(context);
        string[] variants = [None, BatchNormed];
        var random = new TorchGenerator((ulong)context.Seed);
        Sequential[] nets = [.. variants.Select(variant => Net(variant, random))];
        if (context.DType == DType.Float64) Array.ForEach(nets, static net => net.To(DType.Float64));
        SGD[] optimizers = [.. nets.Select(static net => new SGD(net.Parameters(), 0.1))];
        var loss = new CrossEntropyLoss();
        var tape = new Tape(Mode.Train);
        double[] fastest = [double.PositiveInfinity, double.PositiveInfinity];
        for (int step = 0; step < TimedSteps; step++)
        {
            context.Cancellation.ThrowIfCancellationRequested();
            for (int v = 0; v < nets.Length; v++)
            {
                long begun = Stopwatch.GetTimestamp();
                tape.Reset();
                loss.Forward(nets[v].Forward(tape.Input(inputs)), labels).Backward();
                optimizers[v].Step();
                optimizers[v].ZeroGrad();
                fastest[v] = Math.Min(fastest[v], Stopwatch.GetElapsedTime(begun).TotalMicroseconds);
            }
        }

        for (int v = 0; v < variants.Length; v++) result.Figures[$"{variants[v]}.stepMicroseconds"] = fastest[v];
    }

    private static (Tensor Inputs, Tensor Labels) FirstImages(ExperimentContext context)
    {
        using DataLoader batches = ImagesOf(context).Take(TimedImages, 1)
            .TrainInOrder(TimedImages, context.DType, context.Cancellation);
        foreach (Batch batch in batches) return (batch.Inputs.Clone(), batch.Targets.Clone());
        throw new InvalidOperationException("FashionLeNet: no images to time a step with.");
    }

    /// <summary>The lesson's learning rates.</summary>
    private static double LearningRate(string variant) => variant == None ? 0.9 : 1.0;

    private static Curves Train(ExperimentContext context, FashionImages images, string variant,
        (int Number, int Count) part, bool isBrief, WeightsHash hash)
    {
        // One stream per variant, from the same seed: the same start weights and the same batches in all of them, and
        // PyTorch's.
        var random = new TorchGenerator((ulong)context.Seed);
        Sequential net = Net(variant, random);
        if (context.DType == DType.Float64) net.To(DType.Float64);
        var curves = new Curves(variant, context.Epochs)
        {
            Parameters = net.Parameters()
            .Sum(static parameter => parameter.Value.Count),
            FreshScale = FreshScale(net, images, context.DType),
        };
        var training = new ClassifierTraining(net, new SGD(net.Parameters(), LearningRate(variant)));
        using DataLoader batches = images.Batches(BatchSize, random, context.DType, context.Cancellation),
            tests = images.TestBatches(context.DType, context.Cancellation);
        for (int epoch = 0; epoch < context.Epochs; epoch++)
        {
            int number = epoch;
            string state = $"{variant}, epoch {epoch + 1}/{context.Epochs}";
            Score train = training.Epoch(batches, done => context.Report(Done(number + (0.9 * done)), state));
            if (!double.IsFinite(train.Loss)) break;
            bool isLast = epoch == context.Epochs - 1;
            Score test = new(double.NaN, double.NaN, 0);
            double recalibrated = double.NaN;
            if (isLast || !isBrief)
            {
                test = training.Evaluate(tests);
                recalibrated = Recalibrated(context, net, training, images, tests, isLast, test.Accuracy,
                    hash, variant);
            }

            curves.Add(train, test, recalibrated);
            context.Report(Done(epoch + 1), string.Create(CultureInfo.InvariantCulture,
                $"{state}, loss {train.Loss:F3}, train {train.Accuracy:F3}")
                + (double.IsNaN(test.Accuracy) ? "" : FormattableString.Invariant($", test {test.Accuracy:F3}")),
                milestone: true);
        }

        curves.ImagesPerSecond = training.ImagesPerSecond;
        curves.First = FirstNorm(net);
        curves.Fill();
        return curves;

        double Done(double epochs) => (part.Number + (epochs / context.Epochs)) / part.Count;
    }

    /// <summary>
    /// Test accuracy with exact statistics of training images instead of the moving averages; training then goes on
    /// with the moving averages, as if nobody had looked. The hash takes
    /// the net as training has left it.
    /// </summary>
    private static double Recalibrated(
        ExperimentContext context, Module net, ClassifierTraining training, FashionImages images, DataLoader tests,
            bool isLast, double test, WeightsHash hash, string variant)
    {
        if (isLast) hash.Add(variant, net);
        if (variant == None) return test;
        (StateBuffer Buffer, Tensor Kept)[] moving =
            [.. net.NamedBuffers().Select(static entry => (entry.Buffer, entry.Buffer.Value.Clone()))];
        using (DataLoader batches =
            images.TrainInOrder(isLast ? images.Train.Count : Math.Min(RecalibrationImages, images.Train.Count / 2),
                context.DType, context.Cancellation))
            Recalibration.Run(net, batches);
        double accuracy = training.Evaluate(tests).Accuracy;
        foreach ((StateBuffer buffer, Tensor kept) in moving) buffer.Value.CopyFrom(kept);
        return accuracy;
    }

    /// <summary>
    /// How much the first norm of an untrained net scales its input in use: 1 but for eps, unless the moving variance
    /// begins at 0.
    /// </summary>
    private static double FreshScale(Sequential net, FashionImages images, DType dtype)
    {
        double scale = double.NaN;
        using (net[1].AddForwardHook((_, x, y) => scale = Math.Sqrt(y.Variance().Item() / x.Variance().Item())))
        {
            foreach (Batch batch in images.TestBatches(dtype, CancellationToken.None))
            {
                net.Forward(batch.Inputs);
                break;
            }
        }

        return net[1] is Sigmoid ? double.NaN : scale;
    }

    private static (double[] Gamma, double[] Beta)? FirstNorm(Sequential net) => net[1] switch
    {
        BatchNorm norm => (Values(norm.Weight!.Value), Values(norm.Bias!.Value)),
        ScratchBatchNorm norm => (Values(norm.Gamma.Value), Values(norm.Beta.Value)),
        _ => null,
    };

    private static double[] Values(Tensor tensor) => tensor.To(DType.Float64).ToArray<double>();

    private static void Tell(ExperimentResult result, List<Curves> runs)
    {
        result.Tables.Add(new ResultTable("After the last epoch (training accuracy as it runs over the epoch; test " +
            "accuracy with the moving averages, and with exact statistics of the training images)",
            ["net", "parameters", "loss", "train", "test", "recalibrated", "images/s"],
            [.. runs.Select(static run =>
                (IReadOnlyList<object?>)[run.Variant, run.Parameters, run.Loss[^1], run.Train[^1], run.Test[^1],
                    run.Variant == None ? null : run.Recalibrated[^1], run.ImagesPerSecond])],
            [null, "N0", "F3", "F3", "F3", "F3", "N0"]));
        Curves none = runs[0], norm = runs[1];
        result.Tables.Add(new ResultTable("Accuracy after each epoch",
            ["epoch", "none: train", "test", "batchnorm: train", "test", "recalibrated"],
            [.. Enumerable.Range(0, norm.Train.Count)
                .Select(e => (IReadOnlyList<object?>)[e + 1, none.Train[e], none.Test[e], norm.Train[e], norm.Test[e],
                norm.Recalibrated[e]])],
            [null, "F3", "F3", "F3", "F3", "F3"]));
        foreach (Curves run in runs.Where(static run => run.First is not null && run.Variant != Scratch))
        {
            (double[] gamma, double[] beta) = run.First!.Value;
            string[] columns =
                ["", .. Enumerable.Range(1, gamma.Length).Select(static c => c.ToString(CultureInfo.InvariantCulture))];
            result.Tables.Add(new ResultTable("What the first norm has learned " +
                $"({run.Variant}{(gamma.Length == 1 ? ": one value for six channels" : ", a channel each")})", columns,
                [["gamma", .. gamma.Select(static value => (object?)value)],
                    ["beta", .. beta.Select(static value => (object?)value)]],
                    [null, .. gamma.Select(static _ => "F3")]));
        }
    }

    private static void Judge(ExperimentContext context, ExperimentResult result, List<Curves> runs)
    {
        Curves none = runs[0], norm = runs[1], scratch = runs[2], scalar = runs[3];
        bool isLesson = context.Data.PathOf(LabSet.FashionMnist) is not null && context.Epochs == LessonEpochs
            && !context.Quick;
        result.Checks.Add(Check.Judge("D7.faster", "Batch norm converges faster, epoch for epoch",
            "mean training accuracy over the epochs above the net's without",
            $"mean over the epochs {norm.Train.Average():F3}, without {none.Train.Average():F3}",
                norm.Train.Average() > none.Train.Average()));
        double slower = result.Figures["batchnorm.stepMicroseconds"] / result.Figures["none.stepMicroseconds"];
        result.Checks.Add(Check.Judge("D7.seconds", "It does not process more images per second",
            "a training step takes longer than the net's without (the fastest of many on 16 images, by turns)",
            $"{slower:F2} times as long", slower > 1));
        result.Checks.Add(Lesson("D6.with", "Training accuracy is 0.90 with batch norm",
            "0.89 or more after ten epochs on Fashion-MNIST (published: 0.899 to 0.909)",
            $"{norm.Train[^1]:F3}", norm.Train[^1] >= 0.89));
        result.Checks.Add(Lesson("D6.without", "Training accuracy is 0.82 without",
            "0.78 to 0.86 after ten epochs on Fashion-MNIST (published: 0.823)",
            $"{none.Train[^1]:F3}", none.Train[^1] is >= 0.78 and <= 0.86));
        result.Checks.Add(Lesson("D4.test", "With batch norm test accuracy is about 0.9",
            "0.85 or more, which rounds to 0.9, with the moving averages after the last epoch",
            $"{norm.Test[^1]:F3}; over the epochs {norm.Test.Min():F3} to " +
                $"{norm.Test.Max():F3}", norm.Test[^1] >= 0.85));
        double moving = Swing(norm.Test), exact = Swing(norm.Recalibrated);
        result.Checks.Add(Judged("D4.swing", "Test accuracy jumps by its moving averages, more than by its weights",
            "mean change from epoch to epoch is smaller with exact statistics",
            $"{moving:F3} with the moving averages, {exact:F3} with exact statistics", exact < moving,
                norm.Test.Count > 2));
        double difference = Math.Abs(scratch.Train[^1] - norm.Train[^1]);
        result.Checks.Add(Check.Judge("D1.scratch", "Batch norm from primitives trains like the library's",
            "final training accuracies differ by 0.02 at most",
            $"{scratch.Train[^1]:F3} and {norm.Train[^1]:F3}", difference <= 0.02));
        result.Checks.Add(Check.Judge("E7.parameters", "The lesson's class has one gamma and one beta for all channels",
            "61,714 parameters, 61,706 without norm, 62,158 with values per channel",
            $"{scalar.Parameters:N0}, {none.Parameters:N0}, {norm.Parameters:N0}",
                (scalar.Parameters, none.Parameters, norm.Parameters, scratch.Parameters) == (61_714, 61_706,
                62_158, 62_158)));
        result.Checks.Add(Check.Judge("E7.fresh", "A moving variance that begins at 0 makes an untrained net in use " +
            "multiply by 316",
            "the first norm scales its input by 1/sqrt(1e-5) = 316.2 (0.1 %), the library's by 1",
            $"{scalar.FreshScale:F1}, library {norm.FreshScale:F3}",
                Math.Abs(scalar.FreshScale - 316.22776601683796) < 0.32 && Math.Abs(norm.FreshScale - 1) < 1e-3));
        result.Notes.Add("No epoch is picked by its test accuracy: figures are of the last one. See " +
            "docs/lessons/d-lenet-fashion-mnist.md#moving-averages.");
        result.Notes.Add("scalar is the lesson's class as printed; what its scalars cost, and its other traps, are " +
            "in docs/lessons/d-lenet-fashion-mnist.md#e7.");

        Check Lesson(string id, string statement, string rule, string measured, bool holds) =>
            Judged(id, statement, rule, measured, holds, isLesson);

        static Check Judged(string id, string statement, string rule, string measured, bool holds, bool isJudged) =>
            isJudged ? Check.Judge(id, statement, rule, measured, holds)
                : new Check(id, statement, rule, measured, Verdict.Undecided);
    }

    /// <summary>
    /// Mean absolute change from one epoch to the next, from the second epoch on: before that everything moves because
    /// the net learns.
    /// </summary>
    private static double Swing(List<double> values)
    {
        double sum = 0;
        for (int e = 2; e < values.Count; e++) sum += Math.Abs(values[e] - values[e - 1]);
        return sum / Math.Max(1, values.Count - 2);
    }

    /// <summary>What the training of one variant leaves behind.</summary>
    private sealed class Curves(string variant, int epochs)
    {
        public string Variant => variant;

        public List<double> Loss { get; } = [];

        public List<double> Train { get; } = [];

        public List<double> Test { get; } = [];

        public List<double> Recalibrated { get; } = [];

        public int Parameters { get; init; }

        public double FreshScale { get; init; }

        public double ImagesPerSecond { get; set; }

        public (double[] Gamma, double[] Beta)? First { get; set; }

        public void Add(Score train, Score test, double recalibrated)
        {
            Loss.Add(train.Loss);
            Train.Add(train.Accuracy);
            Test.Add(test.Accuracy);
            Recalibrated.Add(recalibrated);
        }

        /// <summary>A training that has diverged has NaN for the rest: all curves are equally long.</summary>
        public void Fill()
        {
            foreach (List<double> curve in (List<double>[])[Loss, Train, Test, Recalibrated])
            {
                while (curve.Count < epochs) curve.Add(double.NaN);
            }
        }

        public void AddTo(ExperimentResult result)
        {
            result.Figures[$"{variant}.finalTrainAccuracy"] = Train[^1];
            result.Figures[$"{variant}.finalTestAccuracy"] = Test[^1];
            if (variant != None) result.Figures[$"{variant}.recalibratedTestAccuracy"] = Recalibrated[^1];
            result.Figures[$"{variant}.finalTrainLoss"] = Loss[^1];
            result.Figures[$"{variant}.imagesPerSecond"] = ImagesPerSecond;
            result.Figures[$"{variant}.parameters"] = Parameters;
            if (variant != None) result.Figures[$"{variant}.untrainedScaleInUse"] = FreshScale;
            result.AddSeries($"{variant}/train-loss", Loss, first: 1);
            result.AddSeries($"{variant}/train-accuracy", Train, first: 1);
            result.AddSeries($"{variant}/test-accuracy", Test, first: 1);
            if (variant != None) result.AddSeries($"{variant}/recalibrated-test-accuracy", Recalibrated, first: 1);
        }
    }
}
