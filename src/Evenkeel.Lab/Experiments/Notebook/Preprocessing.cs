using System.Globalization;
using Evenkeel.Data;
using Evenkeel.Random;
using Evenkeel.Training;

namespace Evenkeel.Lab.Experiments.Notebook;

/// <summary>
/// Inline question 3, which of four steps of preprocessing are like batch norm and which like layer norm: found out by
/// changing inputs and looking which outputs change.
/// </summary>
internal sealed class Preprocessing : Experiment
{
    private const int Count = 20;
    private const double Threshold = 0.5;

    /// <summary>Changes below this share of the largest output are rounding.</summary>
    private const double Rounding = 1e-9;

    /// <summary>Which values share a sum, a mean or a variance.</summary>
    private enum Group
    {
        Value,
        Row,
        Image,

        /// <summary>The same place in all images.</summary>
        Place,
    }

    /// <summary>
    /// What a step does to a value, given its group's mean and variance and the number of its values.
    /// </summary>
    private delegate double Formula(double value, double mean, double variance, int count);

    private static readonly (string Variant, string Label, Group Group, Formula Formula, string Lesson)[] s_steps =
    [
        ("rgb-row", "(1) rows to sum 1", Group.Row, ToSumOne, "neither"),
        ("image", "(2) images to sum 1", Group.Image, ToSumOne, "layer norm"),
        ("mean-image", "(3) minus mean image", Group.Place, static (value, mean, _, _) => value - mean, "batch norm"),
        ("threshold", "(4) threshold", Group.Value, static (value, _, _, _) => value > Threshold ? 1 : 0, "neither"),
        ("batchnorm", "batch norm", Group.Place, Standardize, "batch norm"),
        ("layernorm", "layer norm", Group.Image, Standardize, "layer norm"),
    ];

    public override string Name => "preprocessing";

    public override string Title => "Which preprocessing is like which norm?";

    public override string Lesson => "N14";

    public override string Description =>
        "Four steps of preprocessing, batch norm and layer norm on 20 images. Does an image's output depend on the " +
        "other images? On the other rows of its own? Does it stay when each image, or each value over the set, is " +
        "scaled or shifted? Like batch norm is what depends on other images; " +
        "like layer norm what depends on all of its own image and on no other.";

    public override IReadOnlyList<string> Variants => [.. s_steps.Select(static step => step.Variant)];

    public override DType? OnlyDType => DType.Float64;

    public override LabSet? Images => LabSet.Cifar10;

    public override (double Lesson, double Quick) Cost => (0.3, 0.2);

    public override ExperimentResult Run(ExperimentContext context)
    {
        ImageSet set = context.Data.Small(context).Train.Images;
        var random = new NumPyRandomState((uint)context.Seed);
        int size = set.ImageSize;
        double[] x = Draw(set, random), other = Draw(set, random), row = [.. x], column = [.. x], others = [.. x];
        other.AsSpan(size).CopyTo(others.AsSpan(size));
        // The look is at the middle row of the first image: its other rows change, then its other columns.
        int middle = set.Height / 2;
        for (int i = 0; i < size; i++)
        {
            if (RowOf(i) != middle) row[i] = other[i];
            else if (i % set.Width != set.Width / 2) column[i] = other[i];
        }

        double[] imageFactors = random.Rand(Count), placeFactors = random.Rand(size);
        double[] Changed(Func<double, int, double> change) => [.. x.Select(change)];
        double[] scaledImages = Changed((value, i) => value * (0.25 + (0.75 * imageFactors[i / size]))),
            shiftedImages = Changed((value, i) => value + (0.5 * imageFactors[i / size]));
        double[] scaledPlaces = Changed((value, i) => value * (0.25 + (0.75 * placeFactors[i % size]))),
            shiftedPlaces = Changed((value, i) => value + (0.5 * placeFactors[i % size]));

        var result = new ExperimentResult();
        using var hash = new WeightsHash();
        var rows = new List<IReadOnlyList<object?>>();
        int right = 0;
        foreach ((string variant, string label, Group group, Formula formula, string lesson) in s_steps)
        {
            context.Report((double)rows.Count / s_steps.Length, variant);
            double[] Step(double[] values) => Apply(values, set, group, formula);
            double[] y = Step(x);
            hash.Add(variant, Tensor.From(y));
            double Change(double[] values, Func<int, bool> isSeen) => LargestChange(y, Step(values), isSeen);
            (string Figure, double Value)[] figures =
            [
                ("dependsOnOthers", Change(others, i => i < size)),
                ("dependsOnOtherRows", Change(row, i => i < size && RowOf(i) == middle)),
                ("dependsOnOwnRow",
                    Change(column, i => i < size && RowOf(i) == middle && i % set.Width == set.Width / 2)),
                ("changesWithSampleScale", Change(scaledImages, static _ => true)),
                ("changesWithSampleShift", Change(shiftedImages, static _ => true)),
                ("changesWithFeatureScale", Change(scaledPlaces, static _ => true)),
                ("changesWithFeatureShift", Change(shiftedPlaces, static _ => true)),
            ];
            foreach ((string figure, double value) in figures) result.Figures[$"{variant}.{figure}"] = value;
            bool isBatchLike = figures[0].Value > Rounding, isLayerLike = !isBatchLike && figures[1].Value > Rounding;
            result.Figures[$"{variant}.isBatchLike"] = isBatchLike ? 1 : 0;
            result.Figures[$"{variant}.isLayerLike"] = isLayerLike ? 1 : 0;
            string like = isBatchLike ? "batch norm" : isLayerLike ? "layer norm" : "neither";
            if (like == lesson) right++;
            rows.Add([label,
                .. figures.Select(static figure => (object?)(figure.Value > Rounding ? "yes" : "no")), like]);
        }

        result.Tables.Add(new ResultTable("Does the output depend on / change with ...?",
            ["step", "other images", "other rows", "own row", "image·c", "image+c", "place·c", "place+c", "like"],
            rows));
        result.Checks.Add(Check.Judge("N14.answers", "The notebook's answers: neither, layer norm, batch norm, neither",
            "depends on other images: batch norm; on all of its own image and no other: layer norm; " +
            "else neither; the two norms themselves too",
            string.Create(CultureInfo.InvariantCulture, $"{right} of {s_steps.Length} as the notebook " +
                $"says"), right == s_steps.Length));
        result.Notes.Add("None of the four is quite a norm: minus the mean image leaves every scale, and an image of " +
            $"sum 1 still moves when it is shifted. See {Page}.");
        result.WeightsHash = hash.Finish();
        return result;

        int RowOf(int i) => i / set.Width % set.Height;
    }

    public override string Headline(IReadOnlyDictionary<string, double> figures)
    {
        string Like(string variant) => figures[$"{variant}.isBatchLike"] == 1 ? "BN"
            : figures[$"{variant}.isLayerLike"] == 1 ? "LN" : "neither";
        return $"1 {Like("rgb-row")}, 2 {Like("image")}, 3 {Like("mean-image")}, 4 {Like("threshold")}";
    }

    public override IReadOnlyList<Chart> Charts(ExperimentResult result)
    {
        (string Figure, string Label)[] looks =
        [
            ("dependsOnOthers", "other images"), ("dependsOnOtherRows", "other rows"), ("dependsOnOwnRow", "own row"),
            ("changesWithSampleScale", "image·c"),
            ("changesWithSampleShift", "image+c"), ("changesWithFeatureScale", "place·c"),
            ("changesWithFeatureShift", "place+c"),
        ];
        double[] places = [.. Enumerable.Range(0, looks.Length).Select(static i => (double)i)];
        return
        [
            new Chart("changes", "What changes the output of a step",
                new Axis("", Categories: [.. looks.Select(static look => look.Label)]), new Axis(
                "largest change, as a share of the largest output"),
                [.. s_steps.Select(step =>
                    new Curve(step.Label, places,
                        [.. looks.Select(look => result.Figures[$"{step.Variant}.{look.Figure}"])], HasLine: false))],
                "Like batch norm: other images matter. Like layer norm: the whole image matters, and no other. c is " +
                "another number for each image, or for each place over all images.", ChartKind.Bar),
        ];
    }

    private static double ToSumOne(double value, double mean, double variance, int count) => mean == 0 ? 0
        : value / (mean * count);

    /// <summary>
    /// A norm without eps, so that it is invariant to scale: a place or an image of one value throughout gives 0.
    /// </summary>
    private static double Standardize(double value, double mean, double variance, int count) => variance < 1e-20 ? 0
        : (value - mean) / Math.Sqrt(variance);

    /// <summary>Some images by chance, values 0 to 1.</summary>
    private static double[] Draw(ImageSet set, NumPyRandomState random)
    {
        double[] values = new double[Count * set.ImageSize];
        for (int n = 0; n < Count; n++)
        {
            ReadOnlySpan<byte> image = set.Image((int)random.RandInt(set.Count));
            for (int i = 0; i < image.Length; i++) values[(n * image.Length) + i] = image[i] / 255.0;
        }

        return values;
    }

    private static double[] Apply(double[] x, ImageSet set, Group group, Formula formula)
    {
        int size = set.ImageSize;
        int GroupOf(int i) => group switch
        {
            Group.Value => i,
            Group.Row => (i / size * set.Height) + (i / set.Width % set.Height),
            Group.Image => i / size,
            _ => i % size,
        };
        double[] means = new double[x.Length], variances = new double[x.Length];
        int[] counts = new int[x.Length];
        for (int i = 0; i < x.Length; i++)
        {
            means[GroupOf(i)] += x[i];
            counts[GroupOf(i)]++;
        }

        for (int g = 0; g < x.Length; g++) means[g] /= Math.Max(counts[g], 1);
        for (int i = 0; i < x.Length; i++) variances[GroupOf(i)] += (x[i] - means[GroupOf(i)]) * (x[i]
            - means[GroupOf(i)]) / counts[GroupOf(i)];
        return [.. x.Select((value, i) =>
            formula(value, means[GroupOf(i)], variances[GroupOf(i)], counts[GroupOf(i)]))];
    }

    /// <summary>The largest change over some places, as a share of the largest output.</summary>
    private static double LargestChange(double[] before, double[] after, Func<int, bool> isSeen)
    {
        double change = 0, largest = 0;
        for (int i = 0; i < before.Length; i++)
        {
            largest = Math.Max(largest, Math.Abs(before[i]));
            if (isSeen(i)) change = Math.Max(change, Math.Abs(after[i] - before[i]));
        }

        return largest == 0 ? change : change / largest;
    }
}
