using System.Globalization;

namespace Evenkeel.Lab.Experiments.Notebook;

/// <summary>
/// The notebook's helpers: relative error, means and standard deviations, numerical gradients, printed digits.
/// </summary>
internal static class NotebookMath
{
    /// <summary>Step of the notebook's centred differences.</summary>
    private const double Step = 1e-5;

    /// <summary><c>rel_error</c>: max |x - y| / max(1e-8, |x| + |y|).</summary>
    public static double RelativeError(ReadOnlySpan<double> x, ReadOnlySpan<double> y)
    {
        if (x.Length == 0 || x.Length != y.Length)
            throw new ArgumentException("RelativeError: expected as many values on both sides, and at least one, got " +
                $"{x.Length} and {y.Length}.", nameof(y));
        double worst = 0;
        for (int i = 0; i < x.Length; i++)
        {
            double error = Math.Abs(x[i] - y[i]) / Math.Max(1e-8, Math.Abs(x[i]) + Math.Abs(y[i]));
            // NaN is the worst of errors, and must not lose a comparison.
            if (!(error <= worst)) worst = error;
        }

        return worst;
    }

    /// <summary>
    /// Mean and population standard deviation along an axis of a matrix, as <c>print_mean_std</c> shows them.
    /// </summary>
    public static (double[] Means, double[] Stds) MeanStd(Tensor matrix, int axis)
    {
        double[] values = matrix.To(DType.Float64).ToArray<double>();
        int rows = matrix.Shape[0], columns = matrix.Shape[1];
        int groups = axis == 0 ? columns : rows, length = axis == 0 ? rows : columns;
        double[] means = new double[groups], stds = new double[groups];
        for (int g = 0; g < groups; g++)
        {
            double sum = 0, squares = 0;
            for (int i = 0; i < length; i++) sum += At(g, i);
            means[g] = sum / length;
            for (int i = 0; i < length; i++) squares += (At(g, i) - means[g]) * (At(g, i) - means[g]);
            stds[g] = Math.Sqrt(squares / length);
        }

        return (means, stds);

        double At(int group, int i) => axis == 0 ? values[(i * columns) + group] : values[(group * columns) + i];
    }

    /// <summary>
    /// <c>eval_numerical_gradient_array</c>: d(Σ f·cotangent)/dx by centred differences; <paramref name="f"/> reads the
    /// tensor that is moved.
    /// </summary>
    public static double[] NumericalGradient(Func<Tensor> f, Tensor x, Tensor cotangent)
    {
        double[] weights = cotangent.ToArray<double>();
        double[] gradient = new double[x.Count];
        for (int i = 0; i < x.Count; i++)
        {
            double[] plus = Moved(i, Step), minus = Moved(i, -Step);
            double sum = 0;
            for (int k = 0; k < plus.Length; k++) sum += (plus[k] - minus[k]) * weights[k];
            gradient[i] = sum / (2 * Step);
        }

        return gradient;

        double[] Moved(int i, double by)
        {
            double old = x.AsSpan<double>()[i];
            x.AsSpan<double>()[i] = old + by;
            double[] value = f().ToArray<double>();
            x.AsSpan<double>()[i] = old;
            return value;
        }
    }

    /// <summary>The notebook's small net, relu(X·W1)·W2: a stand-in for the activations of a deep one.</summary>
    public static Tensor TwoLayers(Tensor x, Tensor w1, Tensor w2) => x.MatMul(w1).ReLU().MatMul(w2);

    /// <summary>Standard normal values in NumPy's order, in the element type of the run.</summary>
    public static Tensor Randn(this Random.NumPyRandomState random, Shape shape, DType dtype, double scale = 1,
        double shift = 0)
    {
        double[] values = random.Randn(shape.Count);
        for (int i = 0; i < values.Length; i++) values[i] = (scale * values[i]) + shift;
        Tensor exact = Tensor.From(values, shape);
        return dtype == DType.Float64 ? exact : exact.To(dtype);
    }

    /// <summary>A number as the lesson's tables need it: short, and readable at any size.</summary>
    public static string Short(double value) => value.ToString("0.0e+00", CultureInfo.InvariantCulture);

    /// <summary>A difference with its sign, and none where it rounds to 0.</summary>
    public static string Signed(double value, int digits)
    {
        double rounded = Math.Round(value, digits, MidpointRounding.AwayFromZero);
        return (rounded > 0 ? "+" : "") + (rounded == 0 ? 0 : rounded)
            .ToString($"F{digits}", CultureInfo.InvariantCulture);
    }
}

/// <summary>
/// Compares measured values with those the lesson prints, digit by digit; NumPy prints eight decimals.
/// </summary>
internal sealed class PrintedDigits
{
    private int _equal;
    private int _all;

    /// <summary>Adds values and what was printed for them.</summary>
    public void Add(ReadOnlySpan<double> measured, params ReadOnlySpan<string> printed)
    {
        for (int i = 0; i < measured.Length; i++)
        {
            _all++;
            string wanted = double.Parse(printed[i], CultureInfo.InvariantCulture)
                .ToString("F8", CultureInfo.InvariantCulture);
            if (measured[i].ToString("F8", CultureInfo.InvariantCulture) == wanted) _equal++;
        }
    }

    /// <summary>The numbers whose every digit is the printed one, and all of them, as figures and as a claim.</summary>
    public void Report(ExperimentResult result, ExperimentContext context, string id)
    {
        result.Figures["printed.equal"] = _equal;
        result.Figures["printed.all"] = _all;
        const string statement = "Every digit the lesson prints";
        const string rule = "values equal the printed ones to all eight decimals; decided for seed 231 in float64";
        bool decided = context.Seed == NotebookExperiment.PrintedSeed && context.DType == DType.Float64;
        result.Checks.Add(decided
            ? Check.Judge(id, statement, rule, $"{_equal} of {_all} numbers", _equal == _all)
            : new Check(id, statement, rule, "the printed numbers are of seed 231 in float64", Verdict.Undecided));
    }

    /// <summary>What the figures of <see cref="Report"/> say.</summary>
    public static string Headline(IReadOnlyDictionary<string, double> figures) =>
        string.Create(CultureInfo.InvariantCulture, $"{figures["printed.equal"]:F0} of {figures["printed.all"]:F0} " +
            $"printed numbers");
}

/// <summary>What the notebook's experiments share.</summary>
internal static class NotebookExperiment
{
    /// <summary>The seed behind the notebook's printed output.</summary>
    public const long PrintedSeed = 231;

    public const string Page = "docs/lessons/n-notebook.md";

    public const string OtherSeedNote =
        $"The lesson's code says seed 114514; its printed output is of seed 231, which is used here. See {Page}#seed.";
}
