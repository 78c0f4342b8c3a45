using System.Globalization;
using Evenkeel.Lab.Experiments.Notebook;
using Evenkeel.Optim;
using Evenkeel.Random;
using Evenkeel.Training;

namespace Evenkeel.Lab.Experiments.Theory;

/// <summary>
/// gamma and beta can undo the normalization: exactly with gamma² = var + eps, not quite with the lesson's gamma² =
/// var.
/// </summary>
internal sealed class IdentityRecovery : TheoryExperiment
{
    private const double Eps = 1e-5;
    private const int Samples = 32;
    private const int Features = 8;

    private static readonly double[] s_scales = [1e-3, 1e-2, 1e-1, 1, 10, 100];
    private static readonly double[] s_widths = [0.25, 0.5, 1, 2, 4, 8];

    public override string Name => "identity-recovery";

    public override string Title => "gamma and beta undo the normalization";

    public override string Lesson => "K6";

    public override string Description =>
        "BN(x) with beta = mean and gamma = sqrt(var + eps), then with the lesson's gamma = sqrt(var), for inputs of " +
        "six scales; gamma and beta learned from 1 and 0; " +
        "and how straight sigmoid and tanh are where normalized inputs lie.";

    public override IReadOnlyList<string> Variants => ["exact", "lesson", "learned"];

    public override ExperimentResult Run(ExperimentContext context)
    {
        var random = new NumPyRandomState((uint)context.Seed);
        Tensor unit = random.Randn([Samples, Features], DType.Float64);
        var result = new ExperimentResult();
        using var hash = new WeightsHash();
        var tape = new Tape(Mode.Train, recordGradients: false);
        double[] exact = new double[s_scales.Length], lesson = new double[s_scales.Length],
            theory = new double[s_scales.Length];
        for (int s = 0; s < s_scales.Length; s++)
        {
            context.Report(0.5 * s / s_scales.Length,
                string.Create(CultureInfo.InvariantCulture, $"scale {s_scales[s]}"));
            Tensor x = (unit * s_scales[s]).To(context.DType);
            (double[] means, double[] stds) = NotebookMath.MeanStd(x, axis: 0);
            Tensor Restore(Func<double, double> gamma) => tape.Input(x).BatchNorm(
                Tensor.From<double>([.. stds.Select(std => gamma(std * std))]).To(context.DType), Tensor.From(means)
                    .To(context.DType), running: null, Eps).Clone();
            Tensor withEps = Restore(static variance => Math.Sqrt(variance + Eps)), without = Restore(Math.Sqrt);
            hash.Add($"exact-{s}", withEps);
            hash.Add($"lesson-{s}", without);
            exact[s] = TheoryMath.LargestDifference(withEps, x) / s_scales[s];
            lesson[s] = TheoryMath.LargestDifference(without, x) / s_scales[s];
            theory[s] = Predicted(x, means, stds) / s_scales[s];
        }

        result.Series.Add(new Series("exact/largest-change", s_scales, exact));
        result.Series.Add(new Series("lesson/largest-change", s_scales, lesson));
        result.Series.Add(new Series("theory/largest-change", s_scales, theory));
        result.Tables.Add(new ResultTable("Largest |BN(x) - x|, as a share of the scale of x",
            ["scale of x", "gamma² = var + eps", "gamma² = var", "theory"],
            [.. s_scales.Select((scale, s) => (IReadOnlyList<object?>)[scale, exact[s], lesson[s], theory[s]])],
            ["G3", "0.0e+00", "0.0e+00", "0.0e+00"]));
        int one = Array.IndexOf(s_scales, 1);
        result.Figures["exact.largestChange"] = exact[one];
        result.Figures["lesson.largestChange"] = lesson[one];
        result.Figures["theory.largestChange"] = theory[one];
        result.Figures["lesson.largestChangeSmall"] = lesson[0];
        result.Checks.Add(Check.Judge("K6.identity", "With gamma² = var + eps and beta = mean batch norm is the " +
            "identity", "largest change at scale 1 <= 1e-6",
            NotebookMath.Short(exact[one]), exact[one] <= 1e-6));
        result.Checks.Add(Check.Judge("K6.lesson-gamma", "The lesson's gamma² = var gives the " +
            "identity", "largest change at scale 1 <= 1e-6",
            $"{NotebookMath.Short(lesson[one])} at scale 1, {NotebookMath.Short(lesson[0])} of the scale at " +
            $"{NotebookMath.Short(s_scales[0])}", lesson[one] <= 1e-6));
        Learn(context, unit, result, hash);
        StraightPart(context, random, result);
        result.Notes.Add("The lesson leaves eps out: with gamma² = var the output is mean + " +
            $"(x - mean)·sqrt(var/(var + eps)). See {Page}.");
        result.WeightsHash = hash.Finish();
        return result;
    }

    public override IReadOnlyList<Chart> Charts(ExperimentResult result)
    {
        var off = new Axis("largest |BN(x) - x|, as a share of the scale of x", IsLog: true);
        return
        [
            new Chart("identity", "gamma and beta undo the normalization", new Axis("scale of x", IsLog: true), off,
            [
                Curve.Of(result, "exact/largest-change", "gamma² = var + eps", Marker.Circle),
                    Curve.Of(result, "lesson/largest-change",
                    "gamma² = var, as the lesson has it", Marker.Square),
                Curve.Of(result, "theory/largest-change", "what eps explains"),
            ], "The lesson says the second is the identity."),
            new Chart("learned", "gamma and beta learned from 1 and 0", new Axis("step"),
                new Axis("largest |BN(x) - x|", IsLog: true),
                [Curve.Of(result, "learned/largest-change", "gradient descent")]),
            new Chart("straight-part", "How straight are sigmoid and tanh where inputs lie?",
                new Axis("standard deviation of the inputs", IsLog: true),
                new Axis("share of the variance a straight line explains"),
                [Curve.Of(result, "sigmoid/straightness", "sigmoid", Marker.Circle),
                    Curve.Of(result, "tanh/straightness", "tanh", Marker.Square),
                    Curve.Of(result, "normal/inside-one", "share of inputs within ±1", Marker.Triangle)],
                "Normalized inputs have a standard deviation of 1."),
        ];
    }

    public override string Headline(IReadOnlyDictionary<string, double> figures) =>
        $"off by {NotebookMath.Short(figures["exact.largestChange"])}; " +
        $"{NotebookMath.Short(figures["lesson.largestChange"])} as the lesson has it";

    /// <summary>What the lesson's gamma leaves out: max |x - mean|·(1 - sqrt(v/(v + eps))).</summary>
    private static double Predicted(Tensor x, double[] means, double[] stds)
    {
        double[] values = x.To(DType.Float64).ToArray<double>();
        double largest = 0;
        for (int i = 0; i < values.Length; i++)
        {
            int feature = i % Features;
            double variance = stds[feature] * stds[feature];
            largest = Math.Max(largest,
                Math.Abs(values[i] - means[feature]) * (1 - Math.Sqrt(variance / (variance + Eps))));
        }

        return largest;
    }

    /// <summary>
    /// Gradient descent on the mean squared difference between BN(x) and x: does it find the identity by itself?
    /// </summary>
    private static void Learn(ExperimentContext context, Tensor unit, ExperimentResult result, WeightsHash hash)
    {
        const int steps = 60;
        double[] shift = new double[Samples * Features];
        // Features of means -4 to 3 and scales 0.5 to 4: far from gamma 1 and beta 0.
        double[] values = unit.ToArray<double>();
        for (int i = 0; i < shift.Length; i++)
        {
            int feature = i % Features;
            shift[i] = (values[i] * (feature + 1) / 2) + feature - 4;
        }

        Tensor x = Tensor.From(shift, [Samples, Features]).To(context.DType);
        (double[] means, double[] stds) = NotebookMath.MeanStd(x, axis: 0);
        var gamma = new Parameter(Tensor.Ones([Features], context.DType), "gamma");
        var beta = new Parameter(Tensor.Zeros([Features], context.DType), "beta");
        // The mean runs over the features too, so a curvature is 2/features; this step halves what is left each time.
        var optimizer = new SGD([gamma, beta], learningRate: Features / 4.0);
        var tape = new Tape();
        double[] errors = new double[steps + 1];
        for (int step = 0; step <= steps; step++)
        {
            if (step % 20 == 0) context.Report(0.5 + (0.3 * step / steps), $"learning the identity, step {step}");
            tape.Reset();
            Tensor y = tape.Input(x).BatchNorm(tape.Watch(gamma), tape.Watch(beta), running: null, Eps);
            errors[step] = TheoryMath.LargestDifference(y.Clone(), x);
            y.MeanSquaredError(tape.Input(x)).Backward();
            if (step == steps) break;
            optimizer.Step();
            optimizer.ZeroGrad();
        }

        double[] learned = gamma.Value.To(DType.Float64).ToArray<double>();
        double off = 0;
        for (int f = 0; f < Features; f++)
            off = Math.Max(off, Math.Abs((learned[f] / Math.Sqrt((stds[f] * stds[f]) + Eps)) - 1));
        result.AddSeries("learned/largest-change", errors);
        result.Figures["learned.largestChange"] = errors[^1];
        result.Figures["learned.gammaError"] = off;
        result.Checks.Add(Check.Judge("K6.learned", "gamma and beta are learnable: descent finds the identity",
            $"after {steps} steps every gamma within 1e-5 of sqrt(var + eps), relative",
            string.Create(CultureInfo.InvariantCulture, $"largest relative difference {NotebookMath.Short(off)}; " +
                $"|BN(x) - x| from {errors[0]:F1} to {NotebookMath.Short(errors[^1])}"), off <= 1e-5));
        hash.Add("gamma", gamma.Value);
        hash.Add("beta", beta.Value);
    }

    /// <summary>
    /// The lesson's reason for gamma and beta: normalized inputs lie where sigmoid and tanh are nearly straight.
    /// </summary>
    private static void StraightPart(ExperimentContext context, NumPyRandomState random, ExperimentResult result)
    {
        Tensor z = random.Randn([context.Quick ? 2000 : 20000], DType.Float64);
        double[] insides = new double[s_widths.Length], sigmoid = new double[s_widths.Length],
            tanh = new double[s_widths.Length];
        var rows = new List<IReadOnlyList<object?>>();
        for (int w = 0; w < s_widths.Length; w++)
        {
            context.Report(0.8 + (0.2 * w / s_widths.Length), "sigmoid and tanh");
            Tensor wide = z * s_widths[w];
            double[] x = wide.ToArray<double>();
            sigmoid[w] = TheoryMath.SquaredCorrelation(x, wide.Sigmoid().ToArray<double>());
            tanh[w] = TheoryMath.SquaredCorrelation(x, wide.Tanh().ToArray<double>());
            int inside = 0;
            foreach (double value in x) inside += Math.Abs(value) < 1 ? 1 : 0;
            insides[w] = (double)inside / x.Length;
            rows.Add([s_widths[w], insides[w], sigmoid[w], tanh[w]]);
        }

        result.Series.Add(new Series("normal/inside-one", s_widths, insides));
        result.Series.Add(new Series("sigmoid/straightness", s_widths, sigmoid));
        result.Series.Add(new Series("tanh/straightness", s_widths, tanh));
        result.Tables.Add(new ResultTable("Share of the variance that the best straight line explains",
            ["std of z", "|z| < 1", "sigmoid(z)", "tanh(z)"], rows, ["G3", "F3", "F4", "F4"]));
        int one = Array.IndexOf(s_widths, 1);
        result.Figures["normal.insideOne"] = insides[one];
        result.Figures["sigmoid.straightness"] = sigmoid[one];
        result.Figures["tanh.straightness"] = tanh[one];
        foreach ((string name, double value) in (ReadOnlySpan<(string, double)>)[("sigmoid", sigmoid[one]),
            ("tanh", tanh[one])])
        {
            result.Checks.Add(Check.Judge($"K6.straight-{name}", "Normalized inputs lie on the straight part of " +
                $"{name}",
                "a straight line explains 0.99 or more of the variance at std 1",
                value.ToString("F4", CultureInfo.InvariantCulture), value >= 0.99));
        }
    }
}
