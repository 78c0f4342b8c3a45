using System.Globalization;
using Evenkeel.Nn;
using Evenkeel.Random;
using Evenkeel.Training;

namespace Evenkeel.Lab.Experiments.Notebook;

/// <summary>In[4]: at test time the running statistics of 50 batches normalize nearly, but not exactly.</summary>
internal sealed class BatchNormTestTime : Experiment
{
    private const int WarmUp = 50;
    private const int LongWarmUp = 500;
    private const double Eps = 1e-5;

    private static readonly string[] s_printedMeans = ["-0.03927354", "-0.04349152", "-0.10452688"],
        s_printedStds = ["1.01531427", "1.01238373", "0.97819987"];

    /// <summary>How much of the old value the running averages keep; the last weighs all batches alike.</summary>
    private static readonly (string Variant, string Label, RunningAverage Average)[] s_averages =
    [
        ("keep0.9", "keeps 0.9 (the lesson's)", Cs231n.Average),
        ("keep0.5", "keeps 0.5", LikeTheLesson(RunningAverage.Keep(0.5))),
        ("keep0.99", "keeps 0.99", LikeTheLesson(RunningAverage.Keep(0.99))),
        ("cumulative", "mean of all batches", LikeTheLesson(RunningAverage.Cumulative)),
    ];

    private static readonly int[] s_batches =
        [1, 2, 3, 5, 8, 10, 15, 20, 30, WarmUp, 80, 100, 150, 200, 300, LongWarmUp];

    public override string Name => "batchnorm-test-time";

    public override string Title => "Test time: running statistics after 50 batches";

    public override string Lesson => "N5";

    public override string Description =>
        "50 training passes warm up the running averages (they keep 0.9 of the old value and begin at 0); then one " +
        "test pass. Means and stds are near 0 and 1, but noisier. Then the same for averages that keep 0.5, 0.99 or " +
        "weigh all batches alike, after 1 to 500 batches.";

    public override IReadOnlyList<string> Variants => [.. s_averages.Select(static average => average.Variant)];

    public override DType LessonDType => DType.Float64;

    public override ExperimentResult Run(ExperimentContext context)
    {
        var random = new NumPyRandomState((uint)context.Seed);
        Tensor w1 = random.Randn([50, 60], context.DType), w2 = random.Randn([60, 3], context.DType);
        var norm = new BatchNorm1d(3, Cs231n.Average);
        norm.To(context.DType);
        var train = new Tape(Mode.Train, recordGradients: false);
        var batches = new List<Tensor>();
        for (int t = 0; t < WarmUp; t++)
        {
            batches.Add(NextBatch());
            train.Reset();
            norm.Forward(train.Input(batches[t]));
        }

        Tensor a = NextBatch();
        Tensor output = norm.Forward(new Tape(Mode.Eval).Input(a));
        var test = NotebookMath.MeanStd(output, axis: 0);
        // The lesson's implementation tracks var + eps, and adds eps again at test time; 50 updates have taken in all
        // but 0.9^50 of it.
        double tracked = 0;
        for (int t = 0; t < WarmUp; t++) tracked = (0.9 * tracked) + (0.1 * Eps);
        var lesson = NotebookMath.MeanStd(new Tape(Mode.Eval).Input(a)
            .BatchNorm(norm.Weight!, norm.Bias!, norm.Running, Eps + tracked), axis: 0);
        var result = new ExperimentResult();
        result.Tables.Add(MeanStdTable.Of("After the test pass", "feature", ("test time", test),
            ("eps tracked as well", lesson)));
        var digits = new PrintedDigits();
        digits.Add(lesson.Means, s_printedMeans);
        digits.Add(lesson.Stds, s_printedStds);
        digits.Report(result, context, "N5.digits");
        result.AddSeries("test/mean-and-std", [.. test.Means, .. test.Stds]);
        double mean = test.Means.Max(Math.Abs), std = test.Stds.Max(value => Math.Abs(value - 1));
        result.Figures["test.largestMean"] = mean;
        result.Figures["test.largestStdError"] = std;
        result.Checks.Add(Check.Judge("N5.near", "Means are near 0 and stds near 1, noisier than in training",
            "1e-6 < largest |mean| <= 0.3 and largest |std - 1| <= 0.3",
            string.Create(CultureInfo.InvariantCulture, $"within {mean:F3} and {std:F3}"), mean is > 1e-6 and <= 0.3
                && std <= 0.3));
        result.Notes.Add(NotebookExperiment.OtherSeedNote);
        result.Notes.Add("The printed stds are those of running variances that include eps, which is then added " +
            $"twice; it shows in the last digit. See {NotebookExperiment.Page}#n5.");
        using var hash = new WeightsHash();
        hash.Add("output", output);
        foreach ((string key, StateBuffer buffer) in norm.NamedBuffers()) hash.Add(key, buffer.Value);
        while (batches.Count < LongWarmUp) batches.Add(NextBatch());
        Sweep(context, batches, a, result);
        result.WeightsHash = hash.Finish();
        return result;

        Tensor NextBatch() => NotebookMath.TwoLayers(random.Randn([200, 50], context.DType), w1, w2);
    }

    public override IReadOnlyList<Chart> Charts(ExperimentResult result)
    {
        double[] printed =
            [.. s_printedMeans.Concat(s_printedStds)
                .Select(static text => double.Parse(text, CultureInfo.InvariantCulture))];
        return
        [
            new Chart("test-pass", "After the test pass",
                new Axis("", Categories: ["mean 1", "mean 2", "mean 3", "std 1", "std 2", "std 3"]),
                new Axis("mean or standard deviation"),
            [
                Curve.Of(result, "test/mean-and-std", "measured", Marker.Circle, hasLine: false),
                Curve.Lesson("printed", printed, marker: Marker.Diamond) with { HasLine = false },
            ], "In training they are 0 and 1 to the eighth digit."),
            new Chart("warm-up", "How far a test batch is from mean 0 and std 1",
                new Axis("training batches seen", IsLog: true),
                new Axis("largest |mean| or |std - 1| of the test batch", IsLog: true),
                [.. s_averages.Select(average =>
                    Curve.Of(result, $"{average.Variant}/error", average.Label, Marker.Circle))],
                        "The lesson's pass is the curve of 0.9 at 50 batches. " +
                        "What all curves end at is the test batch's own deviation."),
        ];
    }

    /// <summary>The notebook's start values and variance with another average.</summary>
    private static RunningAverage LikeTheLesson(RunningAverage average) =>
        average with { Estimator = VarianceEstimator.Biased, InitialVariance = 0 };

    /// <summary>Other averages over the same batches, looked at on the way.</summary>
    private static void Sweep(ExperimentContext context, List<Tensor> batches, Tensor test, ExperimentResult result)
    {
        var rows = s_batches.Select(static count => new List<object?> { count }).ToArray();
        var train = new Tape(Mode.Train, recordGradients: false);
        var look = new Tape(Mode.Eval);
        for (int v = 0; v < s_averages.Length; v++)
        {
            (string variant, _, RunningAverage average) = s_averages[v];
            context.Report((double)v / s_averages.Length, variant);
            var norm = new BatchNorm1d(3, average);
            norm.To(context.DType);
            double[] errors = new double[s_batches.Length];
            for (int t = 1, next = 0; t <= LongWarmUp; t++)
            {
                train.Reset();
                norm.Forward(train.Input(batches[t - 1]));
                if (t != s_batches[next]) continue;
                look.Reset();
                errors[next] = Error(norm.Forward(look.Input(test)));
                rows[next].Add(errors[next]);
                if (t is WarmUp or LongWarmUp) result.Figures[$"{variant}.errorAt{t}"] = errors[next];
                next++;
            }

            result.Series.Add(new Series($"{variant}/error",
                [.. s_batches.Select(static count => (double)count)], errors));
            if (v > 0) continue;
            train.Reset();
            result.Figures["train.error"] = Error(norm.Forward(train.Input(test)));
        }

        result.Tables.Add(new ResultTable("Largest |mean| or |std - 1| of the test batch, by what the averages keep",
            ["batches", .. s_averages.Select(static average => average.Label)], rows,
            [null, .. Enumerable.Repeat("F3", s_averages.Length)]));
    }

    /// <summary>How far the features are from mean 0 and standard deviation 1: the largest of all.</summary>
    private static double Error(Tensor output)
    {
        (double[] means, double[] stds) = NotebookMath.MeanStd(output.Clone(), axis: 0);
        return Math.Max(means.Max(Math.Abs), stds.Max(static std => Math.Abs(std - 1)));
    }

    public override string Headline(IReadOnlyDictionary<string, double> figures) => PrintedDigits.Headline(figures);
}
