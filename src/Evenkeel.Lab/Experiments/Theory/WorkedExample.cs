using System.Globalization;
using Evenkeel.Lab.Experiments.Notebook;
using Evenkeel.Nn;
using Evenkeel.Training;

namespace Evenkeel.Lab.Experiments.Theory;

/// <summary>
/// The lesson's example by numbers: one neuron, eight samples, and the value that the lesson leaves out.
/// </summary>
internal sealed class WorkedExample : TheoryExperiment
{
    private const double Eps = 1e-8;
    private const double PrintedMean = 1.65;
    private const double PrintedVariance = 0.44;

    // The row is in a picture of the lesson; all but the last value also follow from the printed ones, 1.65 +
    // sqrt(0.44)·printed.
    private static readonly double[] s_z = [1.0, 1.5, 1.2, 0.9, 1.7, 3.1, 1.7, 2.1];
    private static readonly string[] s_printed = ["-0.98", "-0.23", "-0.68", "-1.13", "0.08", "2.19", "0.08"];

    public override string Name => "worked-example";

    public override string Title => "One neuron, eight samples, by numbers";

    public override string Lesson => "K5";

    public override string Description =>
        "A row of eight values with mean 1.65 and variance 0.44 is normalized by hand and by the layer. The lesson " +
        "prints seven results; the eighth is worked out.";

    public override IReadOnlyList<string> Variants => ["hand", "layer"];

    public override DType LessonDType => DType.Float64;

    public override ExperimentResult Run(ExperimentContext context)
    {
        context.Report(0, "normalizing");
        int m = s_z.Length;
        (double mean, double variance) = Moments(s_z);
        double sigma = Math.Sqrt(variance + Eps);
        double[] hand = [.. s_z.Select(z => (z - mean) / sigma)];

        // With momentum 1 the running statistics are this batch's own, so the layer shows what it tracks.
        var norm = new BatchNorm1d(1, eps: Eps, momentum: 1, affine: false);
        if (context.DType != DType.Float32) norm.To(context.DType);
        var tape = new Tape(Mode.Train, recordGradients: false);
        Tensor y = norm.Forward(tape.Input(Tensor.From(s_z, [m, 1]).To(context.DType))).Clone();
        double[] layer = y.To(DType.Float64).ToArray<double>();
        double tracked = norm.NamedBuffers()
            .Single(buffer => buffer.Name == "running_var").Buffer.Value.To(DType.Float64).Item();

        var result = new ExperimentResult();
        var rows = new List<IReadOnlyList<object?>>();
        int equal = 0;
        for (int i = 0; i < m; i++)
        {
            string? printed = i < s_printed.Length ? s_printed[i] : null;
            if (printed == Decimals(layer[i])) equal++;
            rows.Add([i + 1, s_z[i], s_z[i] - mean, (s_z[i] - mean) * (s_z[i] - mean), hand[i], layer[i], printed
                ?? "missing"]);
            result.Figures[$"layer.value{i + 1}"] = layer[i];
        }

        (double meanAfter, double varianceAfter) = Moments(layer);
        result.Figures["hand.mean"] = mean;
        result.Figures["hand.variance"] = variance;
        result.Figures["layer.mean"] = meanAfter;
        result.Figures["layer.variance"] = varianceAfter;
        result.Figures["layer.runningVariance"] = tracked;
        result.Figures["printed.equal"] = equal;
        result.Figures["printed.all"] = s_printed.Length;
        result.AddSeries("hand/input", s_z, first: 1);
        result.AddSeries("layer/normalized", layer, first: 1);
        result.Tables.Add(new ResultTable("Neuron 1, mean 1.65, variance 0.44, eps 1e-8",
            ["sample", "z", "z - mean", "squared", "by hand", "layer", "printed"], rows,
            [null, "F1", "F2", "F4", "F6", "F6", null]));

        double bound = context.DType == DType.Float64 ? 1e-14 : 1e-6;
        result.Checks.Add(Check.Judge("K5.statistics", "The row has mean 1.65 and variance " +
            "0.44", "both to 1e-12, by hand",
            string.Create(CultureInfo.InvariantCulture, $"{mean:G12} and {variance:G12}"),
                Math.Abs(mean - PrintedMean) <= 1e-12 && Math.Abs(variance - PrintedVariance) <= 1e-12));
        result.Checks.Add(Check.Judge("K5.printed", "The seven printed values",
            "the layer's values equal the printed ones to both decimals",
            $"{equal} of {s_printed.Length}", equal == s_printed.Length));

        // Eight values of mean 1.65 add up to 13.2; the seven that are printed leave this one.
        double missing = m * PrintedMean;
        for (int i = 0; i < s_printed.Length; i++) missing -= s_z[i];
        double normalized = (missing - mean) / sigma;
        result.Figures["hand.missing"] = normalized;
        result.Checks.Add(Check.Judge("K5.missing", "The eighth value, which the lesson leaves out, is 0.68",
            "what is left of 8·1.65, normalized, is 0.68 to both decimals, and so is the layer's last value",
            string.Create(CultureInfo.InvariantCulture, $"z = {missing:F2} is left, normalized {normalized:F4}; " +
                $"layer {layer[^1]:F4}"),
            Decimals(normalized) == "0.68" && Decimals(layer[^1]) == "0.68"));
        result.Checks.Add(Check.Judge("K4.zero-one", "The result has mean 0 and variance 1",
            $"|mean| <= {NotebookMath.Short(bound)} and variance within 1e-6 of 1 " +
            $"(eps makes it {variance / (variance + Eps):F9})",
            string.Create(CultureInfo.InvariantCulture, $"{NotebookMath.Short(meanAfter)} and {varianceAfter:F9}"),
                Math.Abs(meanAfter) <= bound && Math.Abs(varianceAfter - 1) <= 1e-6));

        double unbiased = Math.Sqrt((variance * m / (m - 1)) + Eps);
        int asUnbiased = s_printed.Where((printed, i) => Decimals((s_z[i] - mean) / unbiased) == printed).Count();
        result.Figures["unbiased.equal"] = asUnbiased;
        result.Checks.Add(Check.Judge("K4.biased", "Squares are divided by m, not by m - 1",
            "with 1/(m - 1) some printed value comes out different",
            $"{asUnbiased} of {s_printed.Length} printed values would agree", asUnbiased < s_printed.Length));
        result.Notes.Add("The lesson says eight samples and prints seven values; " +
            $"the last, of z = 2.1, is missing. See {Page}.");
        result.Notes.Add(string.Create(CultureInfo.InvariantCulture,
            $"The layer divides by m to normalize but tracks the unbiased variance, as PyTorch does: running_var " +
            $"{tracked:F6} = 0.44·8/7. The lesson does not say which it tracks."));
        using var hash = new WeightsHash();
        hash.Add("layer", y);
        result.WeightsHash = hash.Finish();
        return result;
    }

    public override IReadOnlyList<Chart> Charts(ExperimentResult result) => Chart.ByQuantity(result);

    public override string Headline(IReadOnlyDictionary<string, double> figures) =>
        string.Create(CultureInfo.InvariantCulture,
        $"{figures["printed.equal"]:F0} of {figures["printed.all"]:F0} printed; the missing one is " +
        $"{figures["hand.missing"]:F2}");

    private static string Decimals(double value) => value.ToString("F2", CultureInfo.InvariantCulture);

    private static (double Mean, double Variance) Moments(double[] values)
    {
        double sum = 0, squares = 0;
        foreach (double value in values) sum += value;
        double mean = sum / values.Length;
        foreach (double value in values) squares += (value - mean) * (value - mean);
        return (mean, squares / values.Length);
    }
}
