using System.Globalization;
using Evenkeel.Lab.Experiments.Theory;
using Evenkeel.Random;
using Evenkeel.Training;

namespace Evenkeel.Lab.Experiments.Notebook;

/// <summary>
/// How fast the mean and the variance of a batch come near those of all images, on the inputs of a real net's first
/// norm.
/// </summary>
internal sealed class BatchStatistics : Experiment
{
    private const int Units = 100;

    /// <summary>5, 10 and 50 are the notebook's.</summary>
    private static readonly int[] s_sizes = [5, 10, 20, 50, 100, 200, 500];

    private static readonly (string Variant, string Label)[] s_variants =
        [("mean", "batch mean"), ("variance", "batch variance"),
            ("mean-shuffled", "batch mean, drawn without replacement"),
            ("variance-shuffled", "batch variance, drawn without replacement")];

    public override string Name => "batch-statistics";

    public override string Title => "How fast batch statistics converge";

    public override string Lesson => "N13";

    public override string Description =>
        "A linear layer of 100 on the small images. Batches of 5 to 500 of them, with and without replacement: how " +
        "far the batch's mean and unbiased variance of a unit are from those of all images, root mean square over " +
        "batches and units, and the slope of its logarithm against that of the batch size.";

    public override IReadOnlyList<string> Variants => [.. s_variants.Select(static variant => variant.Variant)];

    public override LabSet? Images => LabSet.Cifar10;

    public override (double Lesson, double Quick) Cost => (2, 0.7);

    public override ExperimentResult Run(ExperimentContext context)
    {
        StandardizedImages images = StandardizedImages.Of(context.Data.Small(context).Train);
        int batches = context.Quick ? 100 : 400;
        var random = new NumPyRandomState((uint)context.Seed);
        int pixels = images.SampleShape.Count;
        (Tensor x, _) = images.First(images.Count, context.DType);
        Tensor z = x.MatMul(random.Randn([pixels, Units], context.DType, scale: Math.Sqrt(2.0 / pixels)));
        double[] values = z.To(DType.Float64).ToArray<double>();
        (double[] means, double[] stds) = NotebookMath.MeanStd(z, axis: 0);
        var result = new ExperimentResult();
        double[][] errors = [.. s_variants.Select(static _ => new double[s_sizes.Length])];
        int[] shuffled = [.. Enumerable.Range(0, images.Count)];
        for (int s = 0; s < s_sizes.Length; s++)
        {
            int size = s_sizes[s];
            int[] chosen = new int[size];
            for (int batch = 0; batch < batches; batch++)
            {
                if (batch % 20 == 0) context.Report((s + ((double)batch / batches)) / s_sizes.Length,
                    $"batches of {size}");
                random.Choice(images.Count, chosen);
                Add(chosen, errors[0], errors[1]);
                // The first places of a shuffle, each swapped with one behind it.
                for (int i = 0; i < size; i++)
                {
                    int other = i + (int)random.RandInt(images.Count - i);
                    (shuffled[i], shuffled[other]) = (shuffled[other], shuffled[i]);
                }

                Add(shuffled.AsSpan(0, size), errors[2], errors[3]);
            }

            void Add(ReadOnlySpan<int> rows, double[] meanErrors, double[] varianceErrors)
            {
                for (int unit = 0; unit < Units; unit++)
                {
                    double sum = 0, squares = 0;
                    foreach (int row in rows) sum += values[(row * Units) + unit] - means[unit];
                    double mean = sum / rows.Length;
                    foreach (int row in rows)
                    {
                        double deviation = values[(row * Units) + unit] - means[unit] - mean;
                        squares += deviation * deviation;
                    }

                    double inStds = mean / stds[unit],
                        ratio = (squares / (rows.Length - 1) / (stds[unit] * stds[unit])) - 1;
                    meanErrors[s] += inStds * inStds / (batches * Units);
                    varianceErrors[s] += ratio * ratio / (batches * Units);
                }
            }
        }

        double[] sizes = [.. s_sizes.Select(static size => (double)size)];
        for (int v = 0; v < s_variants.Length; v++)
        {
            double[] roots = [.. errors[v].Select(Math.Sqrt)];
            string variant = s_variants[v].Variant;
            result.Series.Add(new Series($"{variant}/error", sizes, roots));
            result.Figures[$"{variant}.slope"] = Slope(sizes, roots);
            for (int s = 0; s < s_sizes.Length; s++) result.Figures[$"{variant}.errorAt{s_sizes[s]}"] = roots[s];
        }

        result.Tables.Add(new ResultTable("Distance from all images' statistics: " +
            "of a mean in standard deviations, of a variance as a share",
            ["batch", "mean", "variance", "mean, no replacement", "variance, no replacement", "1/√m"],
            [.. s_sizes.Select((size, s) =>
                (IReadOnlyList<object?>)[size, .. errors.Select(list => (object?)Math.Sqrt(list[s])),
                    1 / Math.Sqrt(size)])], [null, .. Enumerable.Repeat("F4", 5)]));
        double meanSlope = result.Figures["mean.slope"], varianceSlope = result.Figures["variance.slope"];
        result.Checks.Add(Check.Judge("N13.root", "Batch statistics converge as 1/√m",
            "slope of log distance against log m between -0.55 and -0.45, for the mean and the variance",
            string.Create(CultureInfo.InvariantCulture, $"{meanSlope:F3} and {varianceSlope:F3}"),
                meanSlope is >= -0.55 and <= -0.45 && varianceSlope is >= -0.55 and <= -0.45));
        result.Notes.Add("Batches drawn without replacement come nearer, by √((N - m)/(N - 1)): a batch of all N " +
            $"images has the statistics of all. See {Page}.");
        using var hash = new WeightsHash();
        hash.Add("outputs", z);
        foreach ((string variant, _) in s_variants) hash.Add(variant,
            Tensor.From([.. result.Series.Single(series => series.Name == $"{variant}/error").Y]));
        result.WeightsHash = hash.Finish();
        return result;
    }

    public override string Headline(IReadOnlyDictionary<string, double> figures) =>
        string.Create(CultureInfo.InvariantCulture, $"as m^{figures["mean.slope"]:F2} (mean) and " +
            $"m^{figures["variance.slope"]:F2} (variance)");

    public override IReadOnlyList<Chart> Charts(ExperimentResult result) =>
    [
        new Chart("convergence", "Statistics of a batch against those of all images",
            new Axis("batch size m", IsLog: true), new Axis(
            "distance, in standard deviations (mean) or as a share (variance)", IsLog: true),
        [
            .. s_variants.Select(variant => Curve.Of(result, $"{variant.Variant}/error", variant.Label, Marker.Circle)),
            new Curve("1/√m", [.. s_sizes.Select(static size => (double)size)],
                [.. s_sizes.Select(static size => 1 / Math.Sqrt(size))]),
        ], "The notebook's batch sizes are 5, 10 and 50."),
    ];

    /// <summary>Slope of the best straight line through the logarithms.</summary>
    private static double Slope(double[] x, double[] y) =>
        TheoryMath.Line([.. x.Select(TheoryMath.Log)], [.. y.Select(TheoryMath.Log)]).Slope;
}
