using System.Globalization;
using Evenkeel.Lab.Experiments.Notebook;
using Evenkeel.Optim;
using Evenkeel.Random;
using Evenkeel.Training;

namespace Evenkeel.Lab.Experiments.Theory;

/// <summary>
/// A linear model of 39 features before and after scaling them to mean 0 and variance 1: the shape of its loss, and the
/// learning rates it allows.
/// </summary>
internal sealed class FeatureScaling : TheoryExperiment
{
    private const int Features = 39;
    private const int Contours = 5;
    private const double Correlation = 0.9;
    private const string Raw = "raw";
    private const string Scaled = "scaled";

    /// <summary>Where the curves are sampled: 1, 2, 5 times powers of ten.</summary>
    private static readonly int[] s_checks = [0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000];

    /// <summary>
    /// Samples with a column of ones behind them (the bias is the last weight), and what is to be predicted.
    /// </summary>
    private sealed record Problem(Tensor X, Tensor Y, double[] Eigenvalues)
    {
        public double Condition => Eigenvalues[^1] / Eigenvalues[0];

        /// <summary>Gradient descent on a parabola of curvature c stays bounded up to 2/c.</summary>
        public double LargestRate => 2 / Eigenvalues[^1];
    }

    public override string Name => "feature-scaling";

    public override string Title => "Scaled features round the loss surface";

    public override string Lesson => "K1";

    public override string Description =>
        "Linear regression on 39 features of standard deviations 0.1 to 100, and on the same features minus mean, " +
        "over standard deviation. Condition number of the Hessian, gradient descent just below and just above " +
        "2/(largest eigenvalue), and the steps it takes.";

    public override IReadOnlyList<string> Variants => [Raw, Scaled];

    public override DType? OnlyDType => DType.Float64;

    public override (double Lesson, double Quick) Cost => (4, 1);

    public override ExperimentResult Run(ExperimentContext context) => Run(context, isWhole: true);

    /// <summary>
    /// The curvatures without the descents: claims read no more, and they are seven eighths of the time.
    /// </summary>
    protected override Func<ExperimentContext, ExperimentResult>? ForClaims => context => Run(context, isWhole: false);

    private ExperimentResult Run(ExperimentContext context, bool isWhole)
    {
        int samples = context.Quick ? 300 : 1000, steps = context.Quick ? 1000 : 10000;
        var random = new NumPyRandomState((uint)context.Seed);
        double[] x = Draw(random, samples, out double[] y);
        double[] scaled = Standardize(x, samples, out double largestMean, out double largestVariance);
        var result = new ExperimentResult();
        using var hash = new WeightsHash();
        var rows = new List<IReadOnlyList<object?>>();
        // The optimum is the same function in both cases; it is found where the equations are well behaved.
        double optimum = LeastSquares(scaled, y, samples);
        var problems = new Dictionary<string, Problem>(StringComparer.Ordinal)
        {
            [Raw] = Pose(x, y, samples),
            [Scaled] = Pose(scaled, y, samples),
        };
        int part = 0;
        foreach ((string variant, Problem problem) in problems)
        {
            result.Figures[$"{variant}.condition"] = problem.Condition;
            result.Figures[$"{variant}.largestRate"] = problem.LargestRate;
            hash.Add($"{variant}.eigenvalues", Tensor.From(problem.Eigenvalues));
            if (!isWhole) continue;
            double progress = part++ / 2.0;
            double start = LossAt(problem, context, 0, 0, null, progress, out _);
            double below = LossAt(problem, context, 0.99, Math.Min(steps, 1000), null, progress + 0.05, out _);
            double above = LossAt(problem, context, 1.01, Math.Min(steps, 1000), null, progress + 0.1, out _);
            var curve = new List<double>();
            LossAt(problem, context, 0.5, steps, curve, progress + 0.15, out Tensor weights);
            hash.Add(variant, weights);
            double[] excess = [.. curve.Select(loss => (loss - optimum) / (start - optimum))];
            int needed = Array.FindIndex(excess, value => value <= 0.01);
            int[] checks = [.. s_checks.Where(check => check <= steps)];
            result.Series.Add(new Series($"{variant}/excess-loss", [.. checks.Select(check => (double)check)],
                [.. checks.Select(check => excess[check])]));
            result.AddSeries($"{variant}/eigenvalues", problem.Eigenvalues, first: 1);
            result.Figures[$"{variant}.below"] = below / start;
            result.Figures[$"{variant}.above"] = above / start;
            result.Figures[$"{variant}.steps"] = needed < 0 ? double.PositiveInfinity : needed;
            result.Figures[$"{variant}.excessLoss"] = excess[^1];
            rows.Add([variant, problem.Eigenvalues[0], problem.Eigenvalues[^1], problem.Condition, problem.LargestRate,
                below / start, above / start, needed < 0 ? $"> {steps}"
                : needed.ToString(CultureInfo.InvariantCulture)]);
            context.Report(progress + 0.5, $"{variant} done", milestone: true);
        }

        result.Figures["scaled.rateGain"] = problems[Scaled].LargestRate / problems[Raw].LargestRate;
        Correlated(scaled, random.Randn(samples), samples, result);
        Surface(context, result);
        result.WeightsHash = hash.Finish();
        if (!isWhole) return result;
        result.Tables.Add(new ResultTable("Hessian, and loss over its start after 1000 steps at 0.99 and 1.01 of " +
            "2/(largest eigenvalue)",
            ["features", "smallest", "largest", "condition", "rate", "0.99", "1.01", "steps"], rows,
            [null, "G3", "G3", "G3", "G3", "0e+00", "0e+00", null]));
        Judge(result, problems, largestMean, largestVariance, steps);
        result.Notes.Add("'steps' is how many steps at 1/(largest eigenvalue) leave 1 % of the loss above the " +
            "optimum. Scale test data by the training set's means and deviations, " +
            $"and leave constant features out (0/0). See {Page}.");
        return result;
    }

    public override string Headline(IReadOnlyDictionary<string, double> figures) =>
        string.Create(CultureInfo.InvariantCulture, $"condition {NotebookMath.Short(figures["raw.condition"])} to " +
            $"{figures["scaled.condition"]:F1}, lr x " +
            $"{NotebookMath.Short(figures["scaled.largestRate"] / figures["raw.largestRate"])}");

    public override IReadOnlyList<Chart> Charts(ExperimentResult result)
    {
        Chart Surface(string variant, string title) => new($"surface-{variant}", title, new Axis("w1"), new Axis("w2"),
        [
            .. Enumerable.Range(1, Contours).Select(c => Curve.Of(result, $"{variant}/contour-{c}",
                $"{100 * c * c / (Contours * Contours)} % of the start's loss")),
            Curve.Of(result, $"{variant}/path", "gradient descent from (0, 0)", Marker.Circle),
        ], "The lesson's picture: contours of the loss over two weights, " +
            "and twenty steps at 1.9/(largest eigenvalue). " + (variant == Raw
                ? "The second feature is a hundred times the first: " +
                    "mind the axes, w1 spans a hundred times what w2 does."
                : "Both axes span the same."));
        Curve AfterStart(string variant, string label)
        {
            Curve all = Curve.Of(result, $"{variant}/excess-loss", label, Marker.Circle);
            return all with { X = [.. all.X.Skip(1)], Y = [.. all.Y.Skip(1)] };
        }

        return
        [
            Surface(Raw, "Error surface before scaling"),
            Surface(Scaled, "Error surface after scaling"),
            new Chart("excess-loss", "39 features: what is left of the loss above the optimum",
                new Axis("steps at 1/(largest eigenvalue)", IsLog: true),
                new Axis("share of the loss above the optimum", IsLog: true, Min: 1e-6),
                [AfterStart(Raw, "before scaling"), AfterStart(Scaled, "after scaling")]),
            new Chart("curvatures", "39 features: curvatures of the loss",
                new Axis("eigenvalue of the Hessian, by size"), new Axis("curvature", IsLog: true),
                [Curve.Of(result, $"{Raw}/eigenvalues", "before scaling"),
                    Curve.Of(result, $"{Scaled}/eigenvalues", "after scaling"),
                    Curve.Of(result, "correlated/eigenvalues", "after scaling, features of correlation 0.9")]),
        ];
    }

    private static void Judge(ExperimentResult result, Dictionary<string, Problem> problems, double largestMean,
        double largestVariance, int steps)
    {
        Dictionary<string, double> figures = result.Figures;
        result.Checks.Add(Check.Judge("K1.zero-one", "39 means and deviations give 39 features of mean 0 and " +
            "variance 1", "largest |mean| <= 1e-12 and |variance - 1| <= 1e-12",
            $"{NotebookMath.Short(largestMean)} and {NotebookMath.Short(largestVariance)}", largestMean <= 1e-12
                && largestVariance <= 1e-12));
        result.Checks.Add(Check.Judge("K1.rounder", "Scaling makes the ellipses of the loss near circular",
            "condition number of the Hessian at most 10 after scaling, and a hundredth of that before or less",
            string.Create(CultureInfo.InvariantCulture, $"{NotebookMath.Short(problems[Raw].Condition)} before, " +
                $"{problems[Scaled].Condition:F2} after"),
            problems[Scaled].Condition <= 10 && problems[Scaled].Condition <= 0.01 * problems[Raw].Condition));
        bool bound = problems.Keys.All(variant => figures[$"{variant}.below"] < 1 && figures[$"{variant}.above"] > 1);
        result.Checks.Add(Check.Judge("K1.largest-rate", "The largest stable learning rate is 2/(largest eigenvalue)",
            "after 1000 steps the loss is below its start at 0.99 of it and above at 1.01, with both kinds of features",
            $"raw {NotebookMath.Short(figures["raw.below"])} and {NotebookMath.Short(figures["raw.above"])}, scaled " +
            $"{NotebookMath.Short(figures["scaled.below"])} and {NotebookMath.Short(figures["scaled.above"])} of the " +
            "start", bound));
        double gain = figures["scaled.rateGain"];
        result.Checks.Add(Check.Judge("K1.larger-rate", "Scaled features allow a larger learning rate",
            "largest stable rate after scaling at least 10 times that before",
            string.Create(CultureInfo.InvariantCulture, $"{gain:F0} times"), gain >= 10));
        string Steps(string variant) => double.IsInfinity(figures[$"{variant}.steps"])
            ? string.Create(CultureInfo.InvariantCulture, $"more than {steps} (then " +
                $"{figures[$"{variant}.excessLoss"] * 100:F0} % are left)")
            : string.Create(CultureInfo.InvariantCulture, $"{figures[$"{variant}.steps"]:F0}");
        result.Checks.Add(Check.Judge("K1.one-rate", "After scaling one learning rate fits every direction",
            "at most 100 steps at 1/(largest eigenvalue) leave 1 % of the loss above the optimum; " +
            "ten times as many do not without",
            $"{Steps(Scaled)} steps after scaling, {Steps(Raw)} before", figures["scaled.steps"] <= 100
                && figures["raw.steps"] > 1000));
    }

    /// <summary>
    /// 39 independent features: deviations 0.1·1.2^i (0.1 to 102), means of that order; each counts as much for y as
    /// any other.
    /// </summary>
    private static double[] Draw(NumPyRandomState random, int samples, out double[] y)
    {
        double[] means = new double[Features], stds = new double[Features], weights = random.Randn(Features),
            centres = random.Randn(Features);
        double scale = 0.1;
        for (int f = 0; f < Features; f++, scale *= 1.2)
        {
            stds[f] = scale;
            means[f] = 2 * scale * centres[f];
        }

        double[] x = random.Randn(samples * Features), noise = random.Randn(samples);
        y = new double[samples];
        for (int r = 0; r < samples; r++)
        {
            double value = 1 + (0.1 * noise[r]);
            for (int f = 0; f < Features; f++)
            {
                value += weights[f] * x[(r * Features) + f];
                x[(r * Features) + f] = means[f] + (stds[f] * x[(r * Features) + f]);
            }

            y[r] = value;
        }

        return x;
    }

    /// <summary>
    /// The classic scaling, (x - m)/sigma a feature; says how far the result is from mean 0 and variance 1.
    /// </summary>
    private static double[] Standardize(double[] x, int samples, out double largestMean, out double largestVariance)
    {
        (double[] means, double[] stds) = NotebookMath.MeanStd(Tensor.From(x, [samples, Features]), axis: 0);
        double[] scaled = new double[x.Length];
        for (int i = 0; i < x.Length; i++) scaled[i] = (x[i] - means[i % Features]) / stds[i % Features];
        (means, stds) = NotebookMath.MeanStd(Tensor.From(scaled, [samples, Features]), axis: 0);
        largestMean = means.Max(Math.Abs);
        largestVariance = stds.Max(std => Math.Abs((std * std) - 1));
        return scaled;
    }

    private static Problem Pose(double[] x, double[] y, int samples)
    {
        double[] withOnes = WithOnes(x, samples);
        return new Problem(Tensor.From(withOnes, [samples, Features + 1]), Tensor.From(y, [samples, 1]),
            SymmetricMatrix.Eigenvalues(Hessian(withOnes, samples, Features + 1), Features + 1));
    }

    private static double[] WithOnes(double[] x, int samples)
    {
        double[] wide = new double[samples * (Features + 1)];
        for (int r = 0; r < samples; r++)
        {
            x.AsSpan(r * Features, Features).CopyTo(wide.AsSpan(r * (Features + 1)));
            wide[(r * (Features + 1)) + Features] = 1;
        }

        return wide;
    }

    /// <summary>
    /// Second derivatives of the mean squared error of a linear model: (2/R)·XᵀX. They do not depend on the weights.
    /// </summary>
    private static double[] Hessian(double[] x, int samples, int columns)
    {
        double[] h = new double[columns * columns];
        for (int i = 0; i < columns; i++)
        {
            for (int j = 0; j <= i; j++)
            {
                double sum = 0;
                for (int r = 0; r < samples; r++) sum += x[(r * columns) + i] * x[(r * columns) + j];
                h[(i * columns) + j] = h[(j * columns) + i] = 2 * sum / samples;
            }
        }

        return h;
    }

    /// <summary>The smallest loss a linear model can reach.</summary>
    private static double LeastSquares(double[] scaled, double[] y, int samples)
    {
        double[] x = WithOnes(scaled, samples), right = new double[Features + 1];
        const int columns = Features + 1;
        for (int j = 0; j < columns; j++)
        {
            for (int r = 0; r < samples; r++) right[j] += 2 * x[(r * columns) + j] * y[r] / samples;
        }

        double[] w = SymmetricMatrix.Solve(Hessian(x, samples, columns), right);
        double loss = 0;
        for (int r = 0; r < samples; r++)
        {
            double error = -y[r];
            for (int j = 0; j < columns; j++) error += w[j] * x[(r * columns) + j];
            loss += error * error;
        }

        return loss / samples;
    }

    /// <summary>
    /// Gradient descent from 0 at a share of the largest stable rate; the loss before the first step and after each
    /// goes into <paramref name="curve"/>.
    /// </summary>
    private static double LossAt(Problem problem, ExperimentContext context, double share, int steps,
        List<double>? curve, double progress, out Tensor weights)
    {
        var weight = new Parameter(Tensor.Zeros([1, Features + 1], DType.Float64), "weight");
        var optimizer = new SGD([weight], Math.Max(share, 0.5) * problem.LargestRate);
        var tape = new Tape();
        for (int step = 0; ; step++)
        {
            if (step % 100 == 0) context.Report(progress
                + (0.35 * step / Math.Max(steps, 1) * (curve is null ? 0.1 : 1)),
                string.Create(CultureInfo.InvariantCulture,
                $"step {step} of {steps} at {share} of the largest rate"));
            tape.Reset();
            Tensor loss = tape.Input(problem.X).Linear(tape.Watch(weight)).MeanSquaredError(tape.Input(problem.Y));
            double value = loss.Item();
            curve?.Add(value);
            if (step == steps)
            {
                weights = weight.Value;
                return value;
            }

            loss.Backward();
            optimizer.Step();
            optimizer.ZeroGrad();
        }
    }

    /// <summary>
    /// What scaling leaves: features of mean 0 and variance 1 that share a common part have an ellipse that is longer
    /// by what they share.
    /// </summary>
    private static void Correlated(double[] scaled, double[] common, int samples, ExperimentResult result)
    {
        double own = Math.Sqrt(1 - Correlation), shared = Math.Sqrt(Correlation);
        double[] x = new double[scaled.Length];
        for (int i = 0; i < x.Length; i++) x[i] = (own * scaled[i]) + (shared * common[i / Features]);
        x = Standardize(x, samples, out _, out _);
        double[] eigenvalues =
            SymmetricMatrix.Eigenvalues(Hessian(WithOnes(x, samples), samples, Features + 1), Features + 1);
        double condition = eigenvalues[^1] / eigenvalues[0],
            expected = (1 + ((Features - 1) * Correlation)) / (1 - Correlation);
        result.Figures["correlated.condition"] = condition;
        result.AddSeries("correlated/eigenvalues", eigenvalues, first: 1);
        result.Checks.Add(Check.Judge("K1.correlated", "Scaling does not take correlation out",
            $"39 scaled features of correlation {Correlation.ToString(CultureInfo.InvariantCulture)}: condition " +
            "number above 100; independent of the sample it is (1 + 38r)/(1 - r)",
            string.Create(CultureInfo.InvariantCulture, $"{condition:F0}, of the distribution " +
                $"{expected:F0}"), condition > 100));
    }

    /// <summary>
    /// The lesson's picture: two features, one a hundred times the other; contours of the loss over the two weights,
    /// and the way descent takes.
    /// </summary>
    private static void Surface(ExperimentContext context, ExperimentResult result)
    {
        const int samples = 200, points = 64;
        double[] draws = new NumPyRandomState((uint)context.Seed).Randn(2 * samples);
        double[] wanted = [1, 1];
        var rows = new List<IReadOnlyList<object?>>();
        foreach (string variant in (ReadOnlySpan<string>)[Raw, Scaled])
        {
            double[] x = [.. draws];
            for (int r = 0; r < samples; r++) x[(2 * r) + 1] *= variant == Raw ? 100 : 1;
            if (variant == Scaled)
            {
                (double[] means, double[] stds) = NotebookMath.MeanStd(Tensor.From(x, [samples, 2]), axis: 0);
                for (int i = 0; i < x.Length; i++) x[i] = (x[i] - means[i % 2]) / stds[i % 2];
            }

            double[] h = Hessian(x, samples, 2), eigenvalues = SymmetricMatrix.Eigenvalues(h, 2);
            // h = L·Lᵀ; w = wanted + sqrt(2c)·L⁻ᵀ·(cos, sin) has the loss c above the optimum.
            double l11 = Math.Sqrt(h[0]), l21 = h[2] / l11, l22 = Math.Sqrt(h[3] - (l21 * l21));
            double largest =
                0.5 * ((wanted[0] * wanted[0] * h[0]) + (2 * wanted[0] * wanted[1] * h[1])
                    + (wanted[1] * wanted[1] * h[3]));
            for (int c = 1; c <= Contours; c++)
            {
                double[] w1 = new double[points + 1], w2 = new double[points + 1];
                double radius = Math.Sqrt(2 * largest * c * c / (Contours * Contours)), cos = 1, sin = 0;
                for (int p = 0; p <= points; p++)
                {
                    double b = sin / l22;
                    w2[p] = wanted[1] + (radius * b);
                    w1[p] = wanted[0] + (radius * (cos - (l21 * b)) / l11);
                    (cos, sin) = Turn(cos, sin);
                }

                result.Series.Add(new Series($"{variant}/contour-{c}", w1, w2));
            }

            double[] path1 = new double[21], path2 = new double[21];
            double rate = 1.9 / eigenvalues[^1], a = 0, d = 0;
            for (int step = 0; step < path1.Length; step++)
            {
                (path1[step], path2[step]) = (a, d);
                double e = a - wanted[0], f = d - wanted[1];
                a -= rate * ((h[0] * e) + (h[1] * f));
                d -= rate * ((h[2] * e) + (h[3] * f));
            }

            result.Series.Add(new Series($"{variant}/path", path1, path2));
            result.Figures[$"{variant}.twoFeatureCondition"] = eigenvalues[^1] / eigenvalues[0];
            double longest = Math.Sqrt(eigenvalues[^1] / eigenvalues[0]);
            rows.Add([variant, eigenvalues[^1] / eigenvalues[0], longest, path1[^1], path2[^1]]);
        }

        result.Tables.Add(new ResultTable("Two features, the second 100 times the first; descent for 20 steps at " +
            "1.9/(largest eigenvalue) towards (1, 1)",
            ["features", "condition", "long over short axis", "w1", "w2"], rows, [null, "G5", "F2", "F4", "F4"]));
    }

    // A 64th of a turn by halving a quarter four times, cos(t/2) = sqrt((1 + cos t)/2): square roots give the same bits
    // on every system.
    private static readonly (double Cos, double Sin) s_turn = HalfAngles();

    private static (double Cos, double Sin) HalfAngles()
    {
        double cos = 0;
        for (int i = 0; i < 4; i++) cos = Math.Sqrt((1 + cos) / 2);
        return (cos, Math.Sqrt(1 - (cos * cos)));
    }

    private static (double Cos, double Sin) Turn(double cos, double sin) =>
        ((cos * s_turn.Cos) - (sin * s_turn.Sin), (sin * s_turn.Cos) + (cos * s_turn.Sin));
}
