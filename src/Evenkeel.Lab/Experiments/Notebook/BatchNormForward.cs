using Evenkeel.Random;
using Evenkeel.Training;

namespace Evenkeel.Lab.Experiments.Notebook;

/// <summary>
/// In[3]: batch norm in training mode gives every feature the mean beta and the standard deviation gamma.
/// </summary>
internal sealed class BatchNormForward : Experiment
{
    public override string Name => "batchnorm-forward";

    public override string Title => "Means and stds before and after batch norm";

    public override string Lesson => "N4";

    public override string Description =>
        "Activations of a two-layer net, 200 samples of 3 features, before batch norm, after it with gamma 1 and " +
        "beta 0, and after it with gamma 1 2 3 and beta 11 12 13.";

    public override DType LessonDType => DType.Float64;

    public override ExperimentResult Run(ExperimentContext context)
    {
        var random = new NumPyRandomState((uint)context.Seed);
        Tensor x = random.Randn([200, 50], context.DType), w1 = random.Randn([50, 60], context.DType),
            w2 = random.Randn([60, 3], context.DType);
        var tape = new Tape(Mode.Train, recordGradients: false);
        Tensor a = NotebookMath.TwoLayers(x, w1, w2);
        Tensor plain = Normalize([1, 1, 1], [0, 0, 0]);
        Tensor affine = Normalize([1, 2, 3], [11, 12, 13]);

        var result = new ExperimentResult();
        var before = NotebookMath.MeanStd(a, axis: 0);
        var after = NotebookMath.MeanStd(plain, axis: 0);
        var shifted = NotebookMath.MeanStd(affine, axis: 0);
        result.Tables.Add(MeanStdTable.Of("Mean and standard deviation of each feature", "feature",
            ("before", before), ("gamma 1, beta 0", after), ("gamma 1 2 3, beta 11 12 13", shifted)));

        var digits = new PrintedDigits();
        digits.Add(before.Means, "-2.3814598", "-13.18038246", "1.91780462");
        digits.Add(before.Stds, "27.18502186", "34.21455511", "37.68611762");
        digits.Add(after.Stds, "0.99999999", "1", "1");
        digits.Add(shifted.Means, "11", "12", "13");
        digits.Add(shifted.Stds, "0.99999999", "1.99999999", "2.99999999");
        digits.Report(result, context, "N4.digits");
        double largest = after.Means.Max(Math.Abs), bound = context.DType == DType.Float64 ? 1e-14 : 1e-6;
        result.Figures["after.largestMean"] = largest;
        result.Checks.Add(Check.Judge("N4.zero-mean", "Means are zero but for rounding",
            $"largest |mean| <= {NotebookMath.Short(bound)}", NotebookMath.Short(largest), largest <= bound));
        result.Notes.Add(NotebookExperiment.OtherSeedNote);
        using var hash = new WeightsHash();
        hash.Add("plain", plain);
        hash.Add("affine", affine);
        result.WeightsHash = hash.Finish();
        return result;

        Tensor Normalize(double[] gamma, double[] beta) =>
            tape.Input(a).BatchNorm(Tensor.From(gamma).To(context.DType), Tensor.From(beta).To(context.DType),
                running: null).Clone();
    }

    public override IReadOnlyList<Chart> Charts(ExperimentResult result) => Chart.ByQuantity(result);

    public override string Headline(IReadOnlyDictionary<string, double> figures) => PrintedDigits.Headline(figures);
}

/// <summary>Means and standard deviations as <c>print_mean_std</c> shows them, one row per quantity.</summary>
internal static class MeanStdTable
{
    public static ResultTable Of(string name, string unit,
        params ReadOnlySpan<(string Stage, (double[] Means, double[] Stds) Values)> stages)
    {
        int count = stages[0].Values.Means.Length;
        var rows = new List<IReadOnlyList<object?>>();
        foreach ((string stage, (double[] means, double[] stds)) in stages)
        {
            rows.Add([stage, "mean", .. means.Select(value => (object?)value)]);
            rows.Add(["", "std", .. stds.Select(value => (object?)value)]);
        }

        string?[] formats = [null, null, .. Enumerable.Repeat<string?>("0.00000000;-0.00000000;0", count)];
        return new ResultTable(name, ["", "", .. Enumerable.Range(1, count).Select(i => $"{unit} {i}")], rows, formats);
    }
}
