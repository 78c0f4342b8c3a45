using System.Globalization;
using Evenkeel.Diagnostics;
using Evenkeel.Lab.Experiments.Theory;
using Evenkeel.Nn;
using Evenkeel.Random;
using Evenkeel.Training;

namespace Evenkeel.Lab.Experiments.Initialization;

/// <summary>
/// bn_and_initialize.py: the scale of activations through 100 untrained layers, by start values, with and without batch
/// norm.
/// </summary>
internal sealed class InitDepth : Experiment
{
    /// <summary>Seed of the lesson's script.</summary>
    public const long ScriptSeed = 1;

    private const int Layers = 100;

    /// <summary>
    /// From here on a difference in the last bit of a row with batch norm shows in the sixth digit of its std.
    /// </summary>
    private const int Comparable = 20;

    /// <summary>The std of ReLU(N(0, 1)), √(1/2 - 1/(2π)).</summary>
    private static readonly double s_reluStd = Math.Sqrt(0.5 - (0.5 / Math.PI));

    private static readonly (string Name, Init? Init, bool BatchNorm)[] s_variants =
    [
        ("default", null, false), ("normal", Init.Normal(), false), ("kaiming", Init.KaimingNormal, false),
        ("kaiming+batchnorm", Init.KaimingNormal, true), ("default+batchnorm", null, true),
        ("normal+batchnorm", Init.Normal(), true),
    ];

    /// <summary>
    /// How small start values may be with batch norm. A layer takes var(z) = n·s²·E[x²] with s the deviation of its
    /// weights, E[x²] = v/(2(v + eps)) after a norm that met v: a scale stays only where n·s²/2 > eps,
    /// so from √(2·eps/n) = 2.8e-4 up.
    /// </summary>
    private static readonly (string Name, double Std)[] s_small =
        [("normal1e-2+batchnorm", 1e-2), ("normal1e-4+batchnorm", 1e-4)];

    /// <summary>
    /// The first three layers (and the last, where rounding allows) of the script under PyTorch 1.13.1, seed 1.
    /// </summary>
    private static readonly (string Variant, int Layer, double Std)[] s_torch =
    [
        ("default", 0, 0.334240), ("default", 1, 0.137874), ("default", 2, 0.0578305), ("default", 99, 2.48773e-40),
        ("normal", 0, 9.35225), ("normal", 1, 112.471), ("normal", 2, 1322.81),
        ("kaiming", 0, 0.826630), ("kaiming", 1, 0.878682), ("kaiming", 2, 0.913442), ("kaiming", 99, 0.666848),
        ("kaiming+batchnorm", 0, 0.587260), ("kaiming+batchnorm", 1, 0.579326), ("kaiming+batchnorm", 2, 0.575701),
        ("default+batchnorm", 0, 0.575124), ("default+batchnorm", 1, 0.580331), ("default+batchnorm", 2, 0.582502),
        ("normal+batchnorm", 0, 0.58726), ("normal+batchnorm", 1, 0.57933), ("normal+batchnorm", 2, 0.57571),
    ];

    public override string Name => "init-depth";

    public override string Title => "Start values through 100 layers";

    public override string Lesson => "A9";

    public override string Description =>
        "100 untrained layers of 256, Linear, batch norm or not, ReLU: the std of every layer's output for PyTorch's " +
        "default, N(0, 1) and Kaiming's start values. " +
        "Without batch norm only Kaiming's keep the scale; with it all do.";

    public override IReadOnlyList<string> Variants => [.. s_variants.Select(static variant => variant.Name)];

    public override string Page => $"docs/lessons/a-initialization-and-banknotes.md#{Name}";

    public override long LessonSeed => ScriptSeed;

    public override DType? OnlyDType => DType.Float32;

    public override (double Lesson, double Quick) Cost => (8, 5);

    public override ExperimentResult Run(ExperimentContext context) => Run(context, isWhole: true);

    /// <summary>Without what rounding does and what 20 layers foretell: no claim reads it.</summary>
    protected override Func<ExperimentContext, ExperimentResult>? ForClaims => context => Run(context, isWhole: false);

    private ExperimentResult Run(ExperimentContext context, bool isWhole)
    {
        var result = new ExperimentResult();
        using var hash = new WeightsHash();
        var stds = new Dictionary<string, double[]>(StringComparer.Ordinal);
        var plain = new Dictionary<string, DeepStack>(StringComparer.Ordinal);
        for (int v = 0; v < s_variants.Length; v++)
        {
            (string name, Init? init, bool batchNorm) = s_variants[v];
            context.Report(v / 8.0, name);
            // The script draws anew for every variant, from the same seed: with batch norm the weights are those
            // without.
            DeepStack stack = batchNorm ? plain[name.Split('+')[0]].WithBatchNorm()
                : plain[name] = new DeepStack(new TorchGenerator((ulong)context.Seed), Layers, init, batchNorm: false);
            TensorStatistics[] seen = stack.Run();
            hash.Add(name, stack.Model);
            hash.Add($"{name}.std",
                Tensor.From(seen.Select(static layer => layer.Std).Where(double.IsFinite).ToArray()));
            stds[name] = [.. seen.Select(static layer => layer.Std)];
            result.AddSeries($"{name}/std", stds[name]);
            Describe(result, name, batchNorm, seen);
            if (!isWhole) continue;
            if (batchNorm) AddRounding(result, name, stack);
            else if (init is null || name == "normal") AddForecast(result, name, stack, seen);
        }

        AddTheory(result);
        AddTables(result, stds);
        AddSmallest(context, plain["normal"], result);
        if (isWhole) Judge(context, result, stds);
        result.WeightsHash = hash.Finish();
        result.Notes.Add("The lesson says variance where its script prints x.std(), the standard deviation.");
        result.Notes.Add(string.Create(CultureInfo.InvariantCulture,
            $"N(0, 1) from layer {result.Figures["normal.firstPrintedInfinity"]:F0} to the first NaN: the values are " +
            $"finite, and so is their std, computed in double here. " +
            $"PyTorch prints inf there, because its sum for the mean is made in float32."));
        result.Notes.Add("Layers are counted from 0, as the script prints them.");
        return result;
    }

    public override string Headline(IReadOnlyDictionary<string, double> figures) =>
        string.Create(CultureInfo.InvariantCulture,
        $"{figures["default.lastStd"]:0.0e+00}; NaN at layer {figures["normal.firstNaN"]:F0}; with BN " +
        $"{figures["batchnorm.smallestStd"]:0.00}-{figures["batchnorm.largestStd"]:0.00}");

    public override IReadOnlyList<Chart> Charts(ExperimentResult result)
    {
        var layer = new Axis("layer", Min: 0, Max: Layers - 1);
        var std = new Axis("standard deviation of the layer's output", IsLog: true);
        Curve Seen(string variant, string label) => Curve.Of(result, $"{variant}/std", label);
        Curve[] Printed(params string[] variants) =>
        [
            .. variants.Select(variant =>
                new Curve($"{Label(variant)}, PyTorch",
                    [.. s_torch.Where(known => known.Variant == variant).Select(static known => (double)known.Layer)],
                [.. s_torch.Where(known => known.Variant == variant).Select(static known => known.Std)], Marker.Circle,
                HasLine: false, IsLesson: true)),
        ];
        return
        [
            new Chart("start-values", "Start values through 100 layers", layer, std,
            [
                .. s_variants.Where(static variant => !variant.BatchNorm || variant.Init is null)
                    .Select(variant => Seen(variant.Name, Label(variant.Name))),
                .. Printed("default", "normal", "kaiming", "default+batchnorm"),
            ], "The lesson prints these as lists of numbers. N(0, 1) ends where its values are no longer numbers."),
            new Chart("with-batch-norm", "With batch norm", layer, new Axis(std.Label, Min: 0.5, Max: 0.65),
            [
                .. s_variants.Where(static variant => variant.BatchNorm)
                    .Select(variant => Seen(variant.Name, Label(variant.Name))),
                Curve.Of(result, "batchnorm/theory", "ReLU of N(0, 1)"),
                .. Printed([.. s_variants.Where(static variant => variant.BatchNorm)
                    .Select(static variant => variant.Name)]),
            ]),
            new Chart("small-start-values", "With batch norm and small start values", layer, std,
                [.. s_small.Select(small =>
                    Seen(small.Name, string.Create(CultureInfo.InvariantCulture, $"N(0, s²), s = {small.Std}"))),
                        Curve.Of(result, "batchnorm/theory", "ReLU of N(0, 1)")]),
            new Chart("rounding", "What rounding becomes with batch norm", layer, new Axis(
                "difference of float32 and float64, in standard deviations", IsLog: true),
                [.. s_variants.Where(static variant => variant.BatchNorm)
                    .Select(variant => Curve.Of(result, $"{variant.Name}/rounding-error", Label(variant.Name)))]),
        ];
    }

    private static string Label(string variant) => variant switch
    {
        "default" => "PyTorch's default",
        "normal" => "N(0, 1)",
        "kaiming" => "Kaiming",
        "kaiming+batchnorm" => "Kaiming, batch norm",
        "default+batchnorm" => "default, batch norm",
        _ => "N(0, 1), batch norm",
    };

    private static void Describe(ExperimentResult result, string name, bool batchNorm, TensorStatistics[] seen)
    {
        double[] finite = [.. seen.Select(static layer => layer.Std).TakeWhile(static std => !double.IsNaN(std))];
        Dictionary<string, double> figures = result.Figures;
        figures[$"{name}.firstStd"] = finite[0];
        figures[$"{name}.lastStd"] = seen[^1].Std;
        figures[$"{name}.smallestStd"] = finite.Min();
        figures[$"{name}.largestStd"] = finite.Max();
        figures[$"{name}.factor"] = Factor(finite);
        figures[$"{name}.firstNaN"] = finite.Length == seen.Length ? double.NaN : finite.Length;
        // PyTorch makes the sum for the mean in float32; where that is infinite, so is the std it prints.
        int infinite = Array.FindIndex(seen, static layer => Math.Abs(layer.Mean) * layer.Count > float.MaxValue);
        if (name == "normal") figures["normal.firstPrintedInfinity"] = infinite < 0 ? double.NaN : infinite;
        if (!batchNorm) return;
        figures["batchnorm.smallestStd"] =
            Math.Min(figures.GetValueOrDefault("batchnorm.smallestStd", double.PositiveInfinity), finite.Min());
        figures["batchnorm.largestStd"] = Math.Max(figures.GetValueOrDefault("batchnorm.largestStd"), finite.Max());
    }

    /// <summary>
    /// How a difference in the last bit grows: the reason why rows with batch norm cannot be compared digit by digit to
    /// the end.
    /// </summary>
    private static void AddRounding(ExperimentResult result, string name, DeepStack stack)
    {
        double[] errors = stack.RoundingErrors();
        result.AddSeries($"{name}/rounding-error", errors);
        // The growth before the error has the size of the values themselves.
        int end = Array.FindIndex(errors, static error => error > 1e-2);
        result.Figures[$"{name}.amplification"] = Factor(errors.AsSpan(5, (end < 0 ? errors.Length : end) - 5));
        result.Figures[$"{name}.roundingErrorAt20"] = errors[Comparable];
    }

    /// <summary>
    /// What <see cref="Inspection.Inspect"/> foretells from the first 20 layers, beside what happens.
    /// </summary>
    private static void AddForecast(ExperimentResult result, string name, DeepStack stack, TensorStatistics[] seen)
    {
        RangeEnd? forecast = stack.Prefix(20).Inspect(stack.Inputs).ActivationEnd;
        result.Figures[$"{name}.forecastLayer"] = forecast?.Layer ?? double.NaN;
        RangeEnd? end = stack.Model.Inspect(stack.Inputs).ActivationEnd;
        result.Figures[$"{name}.rangeEndLayer"] = end?.Layer ?? double.NaN;
        result.Figures[$"{name}.lastPeak"] = seen[^1].Peak;
    }

    private static void AddTheory(ExperimentResult result)
    {
        (string Name, double Factor)[] lines =
            [("default", Math.Sqrt(1.0 / 6)), ("normal", Math.Sqrt(DeepStack.Width / 2.0)), ("kaiming", 1)];
        foreach ((string name, double factor) in lines)
        {
            // The root mean square grows by the factor per layer; half a normal distribution has the std √(1 - 1/π) of
            // its root mean square.
            double[] theory = new double[Layers];
            double rms = 1;
            for (int i = 0; i < Layers; i++) theory[i] = (rms *= factor) * Math.Sqrt(1 - (1 / Math.PI));
            result.AddSeries($"{name}/theory", theory);
            result.Figures[$"{name}.theoryFactor"] = factor;
        }

        result.AddSeries("batchnorm/theory", [.. Enumerable.Repeat(s_reluStd, Layers)]);
        result.Figures["batchnorm.theoryStd"] = s_reluStd;
    }

    private static void AddTables(ExperimentResult result, Dictionary<string, double[]> stds)
    {
        int[] shown = [0, 1, 2, 5, 10, 20, 30, 32, 33, 34, 35, 50, 75, 90, 99];
        result.Tables.Add(new ResultTable("Standard deviation of a layer's output",
            ["layer", .. s_variants.Select(static variant => variant.Name)],
            [.. shown.Select(layer =>
                (IReadOnlyList<object?>)[(double)layer,
                    .. s_variants.Select(variant => (object?)stds[variant.Name][layer])])],
            ["F0", .. Enumerable.Repeat<string?>("G6", s_variants.Length)]));
        result.Tables.Add(new ResultTable("Factor a layer, measured and expected",
            ["variant", "measured", "expected", "why"],
        [
            ["default", result.Figures["default.factor"], Math.Sqrt(1.0 / 6), "n·1/(3n), halved by ReLU: √(1/6)"],
            ["normal", result.Figures["normal.factor"], Math.Sqrt(DeepStack.Width / 2.0),
                "n·1, halved by ReLU: √(256/2)"],
            ["kaiming", result.Figures["kaiming.factor"], 1.0, "n·2/n, halved by ReLU: 1"],
        ], [null, "F4", "F4", null]));
    }

    /// <summary>Batch norm behind ever smaller start values: eps ends what it can do.</summary>
    private static void AddSmallest(ExperimentContext context, DeepStack normal, ExperimentResult result)
    {
        var rows = new List<IReadOnlyList<object?>>();
        for (int s = 0; s < s_small.Length; s++)
        {
            (string name, double std) = s_small[s];
            context.Report((s_variants.Length + s) / 8.0, name);
            TensorStatistics[] seen = normal.WithBatchNorm(std).Run();
            double[] stds = [.. seen.Select(static layer => layer.Std)];
            result.AddSeries($"{name}/std", stds);
            result.Figures[$"{name}.firstStd"] = stds[0];
            result.Figures[$"{name}.lastStd"] = stds[^1];
            result.Figures[$"{name}.smallestStd"] = stds.Min();
            result.Figures[$"{name}.largestStd"] = stds.Max();
            rows.Add([std, stds[0], stds[1], stds[2], stds[^1]]);
        }

        result.Tables.Add(new ResultTable("With batch norm and small start values N(0, s²): std of a layer's output",
            ["s", "layer 0", "1", "2", "99"], rows, ["0e+00", "G4", "G4", "G4", "G4"]));
        double held = result.Figures["normal1e-2+batchnorm.lastStd"],
            lost = result.Figures["normal1e-4+batchnorm.lastStd"];
        result.Checks.Add(Check.Judge("A10.eps", "eps sets a floor to the start values",
            "after 100 layers the std is within 10 % of the theory for s = 1e-2 and below a thousandth of it for s = " +
            "1e-4, on either side of √(2·eps/n) = 2.8e-4",
            string.Create(CultureInfo.InvariantCulture, $"{held:F3} and {lost:0.0e+00}"), Near(held, s_reluStd, 0.1)
                && lost < 1e-3 * s_reluStd));
    }

    private static void Judge(ExperimentContext context, ExperimentResult result, Dictionary<string, double[]> stds)
    {
        Dictionary<string, double> figures = result.Figures;
        double worst = s_torch.Max(known => Math.Abs((stds[known.Variant][known.Layer] / known.Std) - 1));
        const string statement = "The same numbers as PyTorch";
        const string rule =
            "20 known stds of PyTorch 1.13.1 to a relative 1e-5 (the digits they are known to); decided for seed 1";
        result.Checks.Add(context.Seed == ScriptSeed
            ? Check.Judge("A11.torch", statement, rule, string.Create(CultureInfo.InvariantCulture,
                $"largest difference {worst:0.0e+00}"), worst <= 1e-5)
            : new Check("A11.torch", statement, rule, "the known numbers are of seed 1", Verdict.Undecided));
        result.Checks.Add(Judged("A10.vanishes", "The default vanishes", "falls by √(1/6) = 0.408 a layer, to 3 %",
            figures["default.factor"], Math.Sqrt(1.0 / 6), 0.03));
        bool explodes = !double.IsNaN(figures["normal.firstNaN"]);
        result.Checks.Add(Check.Judge("A10.explodes", "N(0, 1) explodes: NaN at layer 35",
            "the first NaN is at layer 35", explodes ? string.Create(CultureInfo.InvariantCulture,
            $"layer {figures["normal.firstNaN"]:F0}") : "no NaN", figures["normal.firstNaN"] == 35));
        result.Checks.Add(Judged("A10.growth", "N(0, 1) grows by √(n/2) a layer",
            "grows by √128 = 11.3 a layer, to 3 %", figures["normal.factor"], Math.Sqrt(DeepStack.Width / 2.0), 0.03));
        result.Checks.Add(Check.Judge("A10.kaiming", "Kaiming's keep the scale",
            "all stds between 0.2 and 3 (it drifts with the seed)", Range("kaiming"),
            figures["kaiming.smallestStd"] > 0.2 && figures["kaiming.largestStd"] < 3));
        result.Checks.Add(Check.Judge("A10.batchnorm", "With batch norm no start values are needed",
            "all stds of all three between 0.56 and 0.60; theory 0.584", Range("batchnorm"),
            figures["batchnorm.smallestStd"] >= 0.56 && figures["batchnorm.largestStd"] <= 0.60));
        double[] amplification = [.. s_variants.Where(static variant => variant.BatchNorm).Select(variant => figures[
            $"{variant.Name}.amplification"])];
        result.Checks.Add(Check.Judge("A11.rounding", "With batch norm, rounding grows with depth",
            "the difference between float32 and float64 grows 1.1 to 1.4 times per layer",
            string.Join(", ",
                amplification.Select(static factor => factor.ToString("F2", CultureInfo.InvariantCulture))),
                amplification.All(static factor => factor is > 1.1 and < 1.4)));
        double near = Math.Abs(figures["normal.forecastLayer"] - figures["normal.rangeEndLayer"]);
        result.Checks.Add(Check.Judge("A10.forecast", "20 layers tell where 100 overflow",
            "Inspect's forecast from the first 20 layers is at most one layer off",
            string.Create(CultureInfo.InvariantCulture, $"layer {figures["normal.forecastLayer"]:F0}, happens at " +
                $"{figures["normal.rangeEndLayer"]:F0}"), near <= 1));
        string Range(string name) => string.Create(CultureInfo.InvariantCulture,
            $"{figures[$"{name}.smallestStd"]:F3} to {figures[$"{name}.largestStd"]:F3}");
    }

    private static Check Judged(string id, string statement, string rule, double measured, double expected,
        double tolerance) =>
        Check.Judge(id, statement, rule, measured.ToString("F3", CultureInfo.InvariantCulture),
            Near(measured, expected, tolerance));

    private static bool Near(double measured, double expected, double tolerance) =>
        Math.Abs((measured / expected) - 1) <= tolerance;

    /// <summary>The geometric mean of the growth from one value to the next.</summary>
    private static double Factor(ReadOnlySpan<double> values) =>
        TheoryMath.Exp(TheoryMath.Log(values[^1] / values[0]) / (values.Length - 1));
}
