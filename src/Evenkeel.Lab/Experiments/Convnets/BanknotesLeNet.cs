using System.Globalization;
using Evenkeel.Data;
using Evenkeel.Nn;
using Evenkeel.Optim;
using Evenkeel.Random;
using Evenkeel.Training;

namespace Evenkeel.Lab.Experiments.Convnets;

/// <summary>
/// Lessons A and B: LeNet on two kinds of banknotes, as it comes, with start values of its own, and with batch norm; on
/// a split that keeps near-duplicates together, and on the lesson's.
/// </summary>
internal sealed class BanknotesLeNet : Experiment
{
    private const string None = "none";
    private const string Initialized = "init";
    private const string BatchNormed = "batchnorm";
    private const string RandomSplit = "-random";

    // bn_application.py
    private const int BatchSize = 16;
    private const double LearningRate = 0.01;
    private const double Momentum = 0.9;
    private const int StepEpochs = 10;

    private const int Seeds = 5;
    private const int QuickSeeds = 2;

    /// <summary>ln 2: the loss of a coin.</summary>
    private const double CoinLoss = 0.693147;

    public override string Name => "banknotes-lenet";

    public override string Title => "LeNet on banknotes, with and without";

    public override string Lesson => "A13";

    public override string Description =>
        "LeNet on notes of 1 and 100 yuan: PyTorch's start values, start values of its own, batch norm without any. " +
        "Five seeds, near-duplicate photographs kept on one side of the split; and the lesson's random split.";

    public override string Page => "docs/lessons/a-initialization-and-banknotes.md#banknotes-lenet";

    public override long LessonSeed => 1;

    public override IReadOnlyList<string> Variants => [None, Initialized, BatchNormed];

    public override (int Lesson, int Quick)? Epochs => (10, 5);

    public override LabSet? Images => LabSet.Banknotes;

    public override ExperimentResult Run(ExperimentContext context)
    {
        BanknoteImages images = context.Data.Notes(context);
        var result = new ExperimentResult();
        using var hash = new WeightsHash();
        var kinds = new List<Kind>();
        int all = 2 * SeedsOf(context) * Variants.Count;
        foreach (bool isGrouped in (ReadOnlySpan<bool>)[true, false])
            kinds.AddRange(TrainAll(context, images, Variants, isGrouped, hash, (kinds.Sum(Trainings), all)));
        foreach (Kind kind in kinds) kind.AddTo(result);
        result.WeightsHash = hash.Finish();
        Tell(result, images, kinds);
        Judge(context, result, kinds);
        return result;
    }

    /// <summary>Figures of the net with batch norm alone, near-duplicates on one side of the split.</summary>
    internal static ExperimentResult MeasureBatchNorm(ExperimentContext context)
    {
        var result = new ExperimentResult();
        using var hash = new WeightsHash();
        TrainAll(context, context.Data.Notes(context), [BatchNormed], isGrouped: true, hash, (0, SeedsOf(context)))
            .Single().AddTo(result);
        result.WeightsHash = hash.Finish();
        return result;
    }

    private static int SeedsOf(ExperimentContext context) => context.Quick ? QuickSeeds : Seeds;

    private static int Trainings(Kind kind) => kind.Runs.Count;

    /// <summary>Every variant with every seed on one kind of split.</summary>
    private static Kind[] TrainAll(ExperimentContext context, BanknoteImages images, IReadOnlyList<string> variants,
        bool isGrouped, WeightsHash hash, (int Done, int All) progress)
    {
        Kind[] kinds = [.. variants.Select(variant => new Kind(variant, isGrouped))];
        for (int s = 0; s < SeedsOf(context); s++)
        {
            ulong seed = (ulong)(context.Seed + s);
            int[][] parts = images.Split(isGrouped, seed);
            foreach (Kind kind in kinds)
            {
                (int Done, int All) now = (progress.Done + kinds.Sum(Trainings), progress.All);
                kind.Runs.Add(Train(context, images, kind, seed, parts, hash, now));
            }
        }

        return kinds;
    }

    public override IReadOnlyList<Chart> Charts(ExperimentResult result)
    {
        return
        [
            Loss(None, "Loss of LeNet as it comes"),
            Loss(Initialized, "Loss of LeNet with start values of its own"),
            Loss(BatchNormed, "Loss of LeNet with batch norm, without start values of its own"),
            new Chart("train-loss", "Training loss of the three nets", new Axis("Epoch"),
                new Axis("loss value", Min: 0),
                [.. Variants.Select(variant => Curve.Of(result, $"{variant}/train-loss", variant, Marker.Circle))]),
            new Chart("validation-accuracy", "Validation accuracy of the three nets", new Axis("Epoch"),
                new Axis("accuracy", Max: 1),
                [.. Variants.Select(variant =>
                Curve.Of(result, $"{variant}/validation-accuracy", variant, Marker.Circle))]),
        ];

        Chart Loss(string variant, string title)
        {
            Curve train = Curve.Of(result, $"{variant}/iteration-loss", "Train"),
                valid = Curve.Of(result, $"{variant}/validation-loss", "Valid", Marker.Circle);
            double perEpoch = (double)train.X.Count / valid.X.Count;
            return new Chart($"loss-{variant}", title, new Axis("Iteration"), new Axis("loss value", Min: 0),
                [train, valid with { X = [.. valid.X.Select(epoch => epoch * perEpoch)] }],
                "The lesson's plot, whose picture is lost: training loss of every iteration, validation loss at the " +
                "end of every epoch; means over the seeds, near-duplicates on one side.");
        }
    }

    public override string Headline(IReadOnlyDictionary<string, double> figures) =>
        string.Create(CultureInfo.InvariantCulture,
        $"validation {figures["batchnorm.medianValidationAccuracy"]:F2}; init " +
        $"{figures["init.medianValidationAccuracy"]:F2}, none {figures["none.medianValidationAccuracy"]:F2}");

    private static Outcome Train(
        ExperimentContext context, BanknoteImages images, Kind kind, ulong seed, int[][] parts, WeightsHash hash,
            (int Done, int All) progress)
    {
        // The weights are PyTorch's for this seed; order, crops and grays are not (the lesson draws them from Python's
        // own generator).
        var random = new TorchGenerator(seed);
        LeNet net = LeNet.Color(norm: kind.Variant == BatchNormed ? NormKind.BatchNorm : NormKind.None, random: random);
        if (kind.Variant == Initialized) net.InitializeWeights(random);
        if (context.DType == DType.Float64) net.To(DType.Float64);
        var optimizer = new SGD(net.Parameters(), LearningRate, Momentum);
        // Divides the rate by ten after the last epoch, so never: kept because the lesson has it.
        var schedule = new StepLR(optimizer, StepEpochs, 0.1);
        var training = new ClassifierTraining(net, optimizer);
        TransformedDataset plain = images.Plain();
        using var batches =
            new DataLoader(new Subset(images.Augmented(seed), parts[0]), BatchSize, shuffle: true, seed: seed,
                cancellationToken: context.Cancellation)
            { DType = context.DType };
        using DataLoader validation = Whole(plain, parts[1]), test = Whole(plain, parts[2]);
        var outcome = new Outcome(parts[1].Length, parts[2].Length, images.Leaked(parts[1], parts[0]));
        for (int epoch = 0; epoch < context.Epochs; epoch++)
        {
            int number = epoch;
            string state = string.Create(CultureInfo.InvariantCulture, $"{kind.Name}, seed {seed}, epoch " +
                $"{epoch + 1}/{context.Epochs}");
            Score train = training.Epoch(batches, done => context.Report(Done(number + done), state));
            schedule.Step();
            var losses = new List<double>();
            outcome.Add(train, training.Evaluate(validation, losses), losses);
            if (!double.IsFinite(train.Loss)) break;
        }

        outcome.Finish(training.Losses, context.Epochs, batches.Plan.Batches, training.Evaluate(test).Right);
        hash.Add(string.Create(CultureInfo.InvariantCulture, $"{kind.Name}-{seed}"), net);
        context.Report(Done(context.Epochs), string.Create(CultureInfo.InvariantCulture,
            $"{kind.Name}, seed {seed}, loss {outcome.TrainLoss[^1]:F3}, train {outcome.TrainAccuracy[^1]:F3}, " +
            $"validation {outcome.ValidationAccuracy[^1]:F3}"), milestone: true);
        return outcome;

        double Done(double epochs) => (progress.Done + (epochs / context.Epochs)) / progress.All;

        DataLoader Whole(IDataset dataset, int[] indices) =>
            new(new Subset(dataset, indices), BatchSize, lastBatch: LastBatch.Keep, workers: 0,
                cancellationToken: context.Cancellation)
            { DType = context.DType };
    }

    private static void Tell(ExperimentResult result, BanknoteImages images, List<Kind> kinds)
    {
        Kind first = kinds[0];
        foreach (bool isGrouped in (ReadOnlySpan<bool>)[true, false])
        {
            Kind[] own = [.. kinds.Where(kind => kind.IsGrouped == isGrouped)];
            Outcome any = own[0].Runs[0];
            result.Tables.Add(new ResultTable(
                $"{(isGrouped ? "Near-duplicates on one side" : "The lesson's random split")}, " +
                    $"{first.Runs.Count} seeds: {own[0].Leaked:P0} of the validation photographs have a " +
                    "near-duplicate among the training ones",
                ["net", "loss", "train", "validation: median", "least", "all seeds", "test", "step"],
                [.. own.Select(static kind =>
                    (IReadOnlyList<object?>)[kind.Variant, kind.FinalTrainLoss, kind.FinalTrainAccuracy, kind.Median,
                        kind.Least, kind.Pooled, kind.PooledTest, kind.Swing])],
                [null, "F3", "F3", "F3", "F3", "F3", "F3", "F3"]));
        }

        result.Tables.Add(new ResultTable("Near-duplicates on one side: mean over the seeds after each epoch " +
            "(loss while training, validation accuracy)",
            ["epoch", "none: loss", "accuracy", "init: loss", "accuracy", "batchnorm: loss", "accuracy"],
            [.. Enumerable.Range(0, first.Mean(static run => run.TrainLoss).Length).Select(e => (IReadOnlyList<object?>)
                [e + 1, .. kinds.Take(3)
                    .SelectMany(kind =>
                    (object?[])[kind.Mean(static run => run.TrainLoss)[e],
                        kind.Mean(static run => run.ValidationAccuracy)[e]])])],
            [null, "F3", "F3", "F3", "F3", "F3", "F3"]));
        Outcome script = kinds.First(static kind => kind.Variant == BatchNormed).Runs[0];
        result.Tables.Add(new ResultTable("What the lesson's script would print and plot for validation (batch norm, " +
            "first seed, last epoch)", ["it says", "it is", "value", "true value"],
            [
                ["Valid Acc", "the training accuracy", script.TrainAccuracy[^1], script.ValidationAccuracy[^1]],
                ["Valid Loss", "the sum over batches", script.LastLosses.Sum(), script.ValidationLoss[^1]],
                ["Valid curve", "the last batch alone", script.LastLosses[^1], script.ValidationLoss[^1]],
            ],
            [null, null, "F3", "F3"]));
        result.Notes.Add($"{images.Summary}. A seed draws its own split: {script.ValidationCount} pictures " +
            $"validate and {script.TestCount} test, one is {1.0 / script.ValidationCount:P1} of accuracy; \"all " +
            "seeds\" counts right answers over all of them.");
        result.Notes.Add("\"step\" is the mean change of the loss from one iteration to the next: the swings of the " +
            "curve. The last epoch counts; none is picked on the validation pictures.");
        result.Notes.Add("The script's StepLR(10) never acts in ten epochs, and its LeNet_bn would start from N(0, " +
            "1), ten times as wide, if its initialization were called: see " +
            "docs/lessons/a-initialization-and-banknotes.md#e8.");
    }

    private static void Judge(ExperimentContext context, ExperimentResult result, List<Kind> kinds)
    {
        Kind none = kinds[0], init = kinds[1], norm = kinds[2], leaky = kinds[5];
        double[] loss = [.. kinds.Take(3).Select(static kind => kind.Mean(static run => run.TrainLoss).Average())];
        result.Checks.Add(Check.Judge("A18.fastest", "With batch norm the loss falls fastest",
            "training loss, mean over epochs and seeds, below both others'",
            $"{loss[2]:F3}; init {loss[1]:F3}, none {loss[0]:F3}", loss[2] < loss[0] && loss[2] < loss[1]));
        result.Checks.Add(Check.Judge("A18.swings", "and with the smallest swings",
            "mean change of the loss from one iteration to the next below that of the initialized net",
            $"{norm.Swing:F3}; init {init.Swing:F3} (none {none.Swing:F3}, " +
                "which hardly learns at first)", norm.Swing < init.Swing));
        double start = none.Mean(static run => run.TrainLoss)[0];
        result.Checks.Add(Check.Judge("A18.coin", "The net as it comes stays near ln 2 at first",
            "training loss of the first epoch within 0.03 of 0.693", $"{start:F3}",
            Math.Abs(start - CoinLoss) < 0.03));
        bool isLesson = context.Data.PathOf(LabSet.Banknotes) is not null && !context.Quick && context.Epochs >= 10;
        string reached = $"median {norm.Median:F3}, least {norm.Least:F3}, " +
            $"over all seeds {norm.Pooled:F3}, test {norm.PooledTest:F3}";
        result.Checks.Add(isLesson
            ? Check.Judge("A18.accuracy", "Validation accuracy goes to about 100 % with batch norm",
                "median over the seeds 0.95 or more, near-duplicates on one side", reached, norm.Median >= 0.95)
            : new Check("A18.accuracy", "Validation accuracy goes to about 100 % with batch norm",
                "median over five seeds and ten epochs 0.95 or more on the photographs", reached, Verdict.Undecided));
        if (norm.Median < 0.95 && context.Epochs > 1)
        {
            double[] fall = norm.Mean(static run => run.TrainLoss);
            result.Notes.Add($"Why not more: batch norm's training loss still falls, from {fall[^2]:F3} to " +
                $"{fall[^1]:F3} in the last epoch. --epochs {context.Epochs + 5} says what longer training is worth.");
        }

        result.Checks.Add(Check.Judge("A18.leak", "A random split leaks near-duplicates into validation",
            "a tenth of its validation pictures or more have one among the training pictures; " +
            "none of the grouped split's",
            $"{leaky.Leaked:P0}, grouped {norm.Leaked:P0}; accuracy over all seeds {leaky.Pooled:F3} against " +
                $"{norm.Pooled:F3}", leaky.Leaked >= 0.1 && norm.Leaked == 0));
    }

    /// <summary>One training: curves per epoch and what came of it.</summary>
    private sealed class Outcome(int validationCount, int testCount, int leaked)
    {
        public int ValidationCount => validationCount;

        public int TestCount => testCount;

        public int Leaked => leaked;

        public List<double> TrainLoss { get; } = [];

        public List<double> TrainAccuracy { get; } = [];

        public List<double> ValidationLoss { get; } = [];

        public List<double> ValidationAccuracy { get; } = [];

        /// <summary>Validation losses by batch, of the last epoch.</summary>
        public List<double> LastLosses { get; private set; } = [];

        public double[] Losses { get; private set; } = [];

        public int ValidationRight { get; private set; }

        public int TestRight { get; private set; }

        public void Add(Score train, Score validation, List<double> losses)
        {
            TrainLoss.Add(train.Loss);
            TrainAccuracy.Add(train.Accuracy);
            ValidationLoss.Add(validation.Loss);
            ValidationAccuracy.Add(validation.Accuracy);
            ValidationRight = validation.Right;
            LastLosses = losses;
        }

        /// <summary>A training that has diverged has NaN for the rest: all curves are equally long.</summary>
        public void Finish(List<double> losses, int epochs, int batches, int testRight)
        {
            foreach (List<double> curve in (List<double>[])[TrainLoss, TrainAccuracy, ValidationLoss,
                ValidationAccuracy])
            {
                while (curve.Count < epochs) curve.Add(double.NaN);
            }

            Losses = [.. losses, .. Enumerable.Repeat(double.NaN, (epochs * batches) - losses.Count)];
            TestRight = testRight;
        }
    }

    /// <summary>A variant on one kind of split, over the seeds.</summary>
    private sealed class Kind(string variant, bool isGrouped)
    {
        public string Variant => variant;

        public bool IsGrouped => isGrouped;

        public string Name => isGrouped ? variant : variant + RandomSplit;

        public List<Outcome> Runs { get; } = [];

        public double Median
        {
            get
            {
                double[] sorted = [.. Runs.Select(static run => run.ValidationAccuracy[^1]).Order()];
                return (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
            }
        }

        public double Least => Runs.Min(static run => run.ValidationAccuracy[^1]);

        public double Pooled =>
            (double)Runs.Sum(static run => run.ValidationRight) / Runs.Sum(static run => run.ValidationCount);

        public double PooledTest =>
            (double)Runs.Sum(static run => run.TestRight) / Runs.Sum(static run => run.TestCount);

        public double Leaked =>
            (double)Runs.Sum(static run => run.Leaked) / Runs.Sum(static run => run.ValidationCount);

        public double FinalTrainLoss => Runs.Average(static run => run.TrainLoss[^1]);

        public double FinalTrainAccuracy => Runs.Average(static run => run.TrainAccuracy[^1]);

        public double Swing =>
            Runs.Average(static run =>
                run.Losses.Zip(run.Losses.Skip(1), static (before, after) => Math.Abs(after - before)).Average());

        public double[] Mean(Func<Outcome, IReadOnlyList<double>> curve) =>
            [.. Enumerable.Range(0, curve(Runs[0]).Count).Select(i => Runs.Average(run => curve(run)[i]))];

        public void AddTo(ExperimentResult result)
        {
            result.Figures[$"{Name}.medianValidationAccuracy"] = Median;
            result.Figures[$"{Name}.leastValidationAccuracy"] = Least;
            result.Figures[$"{Name}.pooledValidationAccuracy"] = Pooled;
            result.Figures[$"{Name}.pooledTestAccuracy"] = PooledTest;
            result.Figures[$"{Name}.finalTrainLoss"] = FinalTrainLoss;
            result.Figures[$"{Name}.finalTrainAccuracy"] = FinalTrainAccuracy;
            result.Figures[$"{Name}.finalValidationLoss"] = Runs.Average(static run => run.ValidationLoss[^1]);
            result.Figures[$"{Name}.firstEpochTrainLoss"] = Runs.Average(static run => run.TrainLoss[0]);
            result.Figures[$"{Name}.lossChangePerStep"] = Swing;
            result.Figures[$"{Name}.leakedShare"] = Leaked;
            result.AddSeries($"{Name}/iteration-loss", Mean(static run => run.Losses), first: 1);
            result.AddSeries($"{Name}/train-loss", Mean(static run => run.TrainLoss), first: 1);
            result.AddSeries($"{Name}/train-accuracy", Mean(static run => run.TrainAccuracy), first: 1);
            result.AddSeries($"{Name}/validation-loss", Mean(static run => run.ValidationLoss), first: 1);
            result.AddSeries($"{Name}/validation-accuracy", Mean(static run => run.ValidationAccuracy), first: 1);
        }
    }
}
