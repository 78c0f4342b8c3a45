using System.Globalization;
using Evenkeel.Nn;
using Evenkeel.Random;
using Evenkeel.Training;

namespace Evenkeel.Lab.Experiments.Notebook;

/// <summary>In[4]: at test time the running statistics of 50 batches normalize nearly, but not exactly.</summary>
internal sealed class BatchNormTestTime : Experiment
{
    private const int WarmUp = 50;
    private const double Eps = 1e-5;

    public override string Name => "batchnorm-test-time";

    public override string Title => "Test time: running statistics after 50 batches";

    public override string Lesson => "N5";

    public override string Description =>
        "50 training passes warm up the running averages (they keep 0.9 of the old value and begin at 0); then one test pass. Means and stds are near 0 and 1, but noisier.";

    public override DType LessonDType => DType.Float64;

    public override ExperimentResult Run(ExperimentContext context)
    {
        var random = new NumPyRandomState((uint)context.Seed);
        Tensor w1 = random.Randn([50, 60], context.DType), w2 = random.Randn([60, 3], context.DType);
        var norm = new BatchNorm1d(3, RunningAverage.Cs231n);
        norm.To(context.DType);
        var train = new Tape(Mode.Train, recordGradients: false);
        for (int t = 0; t < WarmUp; t++)
        {
            train.Reset();
            norm.Forward(train.Input(NextBatch()));
        }

        Tensor a = NextBatch();
        Tensor output = norm.Forward(new Tape(Mode.Eval).Input(a));
        var test = NotebookMath.MeanStd(output, axis: 0);
        // The lesson's implementation tracks var + eps, and adds eps again at test time; 50 updates have taken in all but 0.9^50 of it.
        double tracked = 0;
        for (int t = 0; t < WarmUp; t++) tracked = (0.9 * tracked) + (0.1 * Eps);
        var lesson = NotebookMath.MeanStd(new Tape(Mode.Eval).Input(a).BatchNorm(norm.Weight!, norm.Bias!, norm.Running, Eps + tracked), axis: 0);
        var result = new ExperimentResult();
        result.Tables.Add(MeanStdTable.Of("After the test pass", "feature", ("test time", test), ("eps tracked as well", lesson)));
        var digits = new PrintedDigits();
        digits.Add(lesson.Means, "-0.03927354", "-0.04349152", "-0.10452688");
        digits.Add(lesson.Stds, "1.01531427", "1.01238373", "0.97819987");
        digits.Report(result, context, "N5.digits");
        double mean = test.Means.Max(Math.Abs), std = test.Stds.Max(value => Math.Abs(value - 1));
        result.Figures["test.largestMean"] = mean;
        result.Figures["test.largestStdError"] = std;
        result.Checks.Add(Check.Judge("N5.near", "Means are near 0 and stds near 1, noisier than in training", "1e-6 < largest |mean| <= 0.3 and largest |std - 1| <= 0.3",
            string.Create(CultureInfo.InvariantCulture, $"within {mean:F3} and {std:F3}"), mean is > 1e-6 and <= 0.3 && std <= 0.3));
        result.Notes.Add(NotebookExperiment.OtherSeedNote);
        result.Notes.Add($"The printed stds are those of running variances that include eps, which is then added twice; it shows in the last digit. See {NotebookExperiment.Page}#n5.");
        using var hash = new WeightsHash();
        hash.Add("output", output);
        foreach ((string key, StateBuffer buffer) in norm.NamedBuffers()) hash.Add(key, buffer.Value);
        result.WeightsHash = hash.Finish();
        return result;

        Tensor NextBatch() => NotebookMath.TwoLayers(random.Randn([200, 50], context.DType), w1, w2);
    }

    public override string Headline(IReadOnlyDictionary<string, double> figures) => PrintedDigits.Headline(figures);
}
