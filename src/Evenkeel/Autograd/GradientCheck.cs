using System.Globalization;
using Evenkeel.Random;

namespace Evenkeel;

/// <summary>The settings of a <see cref="GradientCheck"/>.</summary>
public sealed record GradientCheckOptions
{
    /// <summary>
    /// h of the central difference (f(x + h) - f(x - h))/(2h). Its error is of order h² + 1e-16/h, which is smallest
    /// near 1e-5. Default: 1e-5.
    /// </summary>
    public double Step { get; init; } = 1e-5;

    /// <summary>The largest relative error that passes. Default: 1e-6.</summary>
    public double Tolerance { get; init; } = 1e-6;

    /// <summary>
    /// A derivative counts as 0 up to this share of the function's size. Rounding of the function makes a central
    /// difference wrong by about 1e-16·size/h, so a derivative that is truly 0 would look wrong. The size is
    /// √Σ(cotangent·f)², the largest over all points that are computed. Default: 1e-9.
    /// </summary>
    public double Floor { get; init; } = 1e-9;

    /// <summary>Seed of the random cotangent and of random ops in the function (dropout). Default: 1.</summary>
    public ulong Seed { get; init; } = 1;

    /// <summary>The mode of the passes. Default: Train.</summary>
    public Mode Mode { get; init; } = Mode.Train;

    /// <inheritdoc/>
    public override string ToString() => InvariantText.Of(nameof(GradientCheckOptions), PrintMembers);
}

/// <summary>The result of a <see cref="GradientCheck"/>.</summary>
/// <param name="MaxRelativeError">
/// The largest |analytic - numeric|/(|analytic| + |numeric|), over the entries that differ by more than the floor.
/// </param>
/// <param name="Passed">
/// True if the largest error is within the tolerance and the check could compare something; false for NaN.
/// </param>
/// <param name="WorstName">The input ("input 0") or parameter with the worst entry.</param>
/// <param name="WorstIndex">The index of the worst entry, counted in row-major order.</param>
/// <param name="Analytic">The gradient of the worst entry from the backward pass.</param>
/// <param name="Numeric">The central difference of the worst entry.</param>
/// <param name="Entries">Number of derivatives that were checked.</param>
/// <param name="AboveFloor">
/// Number of derivatives larger than the floor. Of the others only one thing is known: both sides are below the floor.
/// </param>
/// <param name="Floor">The floor: <see cref="GradientCheckOptions.Floor"/> times the function's size.</param>
/// <param name="Reason">
/// Why the check fails although no derivative was found wrong: it has compared nothing. Otherwise null.
/// </param>
public sealed record GradientCheckResult(
    double MaxRelativeError, bool Passed, string WorstName, int WorstIndex, double Analytic, double Numeric,
    int Entries, int AboveFloor, double Floor, string? Reason = null)
{
    /// <summary>One line: verdict, error, and the worst entry, or why nothing could be compared.</summary>
    public override string ToString() => Reason is not null
        ? $"FAILED: {Reason}"
        : string.Create(CultureInfo.InvariantCulture, $"{(Passed ? "passed" : "FAILED")}: max relative "
            + $"error {MaxRelativeError:g3} over {Entries} derivatives, {AboveFloor} of them above {Floor:g3}, "
            + $"at {WorstName}[{WorstIndex}]: analytic {Analytic:r}, numeric {Numeric:r}");
}

/// <summary>
/// Compares the gradients of a backward pass with central differences, in float64. The cotangent is random, because a
/// plain sum would hide errors (the gradient of Σ batchnorm(x) is zero).
/// </summary>
/// <remarks>
/// A check that has compared nothing fails and says why. Either there is no parameter, or all are frozen or empty, or
/// the derivatives are so small beside the function that central differences cannot tell them from rounding. A
/// parameter whose derivatives are truly 0 (a bias before batch norm) passes if the derivatives of other parameters are
/// not.
/// </remarks>
public static class GradientCheck
{
    /// <summary>
    /// Rounding in the backward pass gives a derivative that is 0 at most this share of the function's size: up to some
    /// thousand terms of 1e-16 each.
    /// </summary>
    private const double RoundingOfZero = 1e-12;

    /// <summary>Checks d(Σ cotangent·f(x))/dx.</summary>
    /// <param name="f">A function of a taped tensor; it is called 2·x.Count + 1 times.</param>
    /// <param name="x">The point at which gradients are checked. The check uses a copy in float64.</param>
    /// <param name="options">Step, tolerance, floor, seed and mode; null takes the defaults.</param>
    /// <param name="cancellationToken">Ends the check between two derivatives.</param>
    public static GradientCheckResult Run(
        Func<Tensor, Tensor> f, Tensor x, GradientCheckOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(f);
        return Run(inputs => f(inputs[0]), [x], options, cancellationToken);
    }

    /// <summary>Checks the gradients with respect to two inputs.</summary>
    /// <param name="f">A function of two taped tensors; it is called 2·(a.Count + b.Count) + 1 times.</param>
    /// <param name="a">The first input where gradients are checked. The check uses a copy in float64.</param>
    /// <param name="b">The second input, likewise.</param>
    /// <param name="options">Step, tolerance, floor, seed and mode; null takes the defaults.</param>
    /// <param name="cancellationToken">Ends the check between two derivatives.</param>
    public static GradientCheckResult Run(
        Func<Tensor, Tensor, Tensor> f, Tensor a, Tensor b, GradientCheckOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(f);
        return Run(inputs => f(inputs[0], inputs[1]), [a, b], options, cancellationToken);
    }

    /// <summary>Checks the gradients with respect to several inputs.</summary>
    /// <param name="f">A function of taped tensors, called twice per element of the inputs and once more.</param>
    /// <param name="inputs">The inputs where gradients are checked. The check uses copies in float64.</param>
    /// <param name="options">Step, tolerance, floor, seed and mode; null takes the defaults.</param>
    /// <param name="cancellationToken">Ends the check between two derivatives.</param>
    public static GradientCheckResult Run(
        Func<Tensor[], Tensor> f, Tensor[] inputs, GradientCheckOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(f);
        ArgumentNullException.ThrowIfNull(inputs);
        var parameters = new Parameter[inputs.Length];
        for (int i = 0; i < inputs.Length; i++)
            parameters[i] = new Parameter(inputs[i].To(DType.Float64), $"input {i}");
        return Parameters(
            tape =>
            {
                var taped = new Tensor[parameters.Length];
                for (int i = 0; i < taped.Length; i++) taped[i] = tape.Watch(parameters[i]);
                return f(taped);
            },
            parameters,
            options,
            cancellationToken);
    }

    /// <summary>
    /// Checks the gradients of a whole network with respect to its parameters. Afterwards the values and the running
    /// statistics are as before, and the gradients of the parameters are empty.
    /// </summary>
    /// <param name="loss">
    /// Runs the network on the given tape: <c>tape => criterion.Forward(model.Forward(tape.Input(x)), labels)</c>. A
    /// result that is not a scalar gets a random cotangent.
    /// </param>
    /// <param name="parameters">
    /// The parameters, all of type Float64. Call <c>model.To(DType.Float64)</c> before.
    /// </param>
    /// <param name="options">Step, tolerance, floor, seed and mode; null takes the defaults.</param>
    /// <param name="cancellationToken">Ends the check between two derivatives.</param>
    /// <exception cref="ArgumentException">A parameter is not of type Float64.</exception>
    public static GradientCheckResult Parameters(
        Func<Tape, Tensor> loss, IEnumerable<Parameter> parameters, GradientCheckOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(loss);
        ArgumentNullException.ThrowIfNull(parameters);
        options ??= new GradientCheckOptions();
        Parameter[] all = [.. parameters];
        foreach (Parameter parameter in all)
        {
            if (parameter.DType != DType.Float64)
            {
                throw new ArgumentException(
                    $"GradientCheck: expected parameters of type Float64, got {parameter}. "
                    + $"Call model.To(DType.Float64) first.",
                    nameof(parameters));
            }

            parameter.ZeroGrad();
        }

        if (Array.TrueForAll(all, static parameter => !parameter.RequiresGradient || parameter.Value.Count == 0))
        {
            return new GradientCheckResult(0, false, "", 0, 0, 0, 0, 0, 0,
                all.Length == 0
                    ? "there is no parameter to differentiate by, so nothing was compared. Pass model.Parameters()."
                    : $"all {all.Length} parameters are frozen or empty, so nothing was compared. "
                        + "Set RequiresGradient of the parameters to check.");
        }

        var tape = new Tape(options.Mode, recordGradients: true) { Seed = options.Seed, RandomStep = 0 };
        Tensor result = loss(tape);
        Tensor cotangent = result.Count == 1
            ? Tensor.Ones(result.Shape, DType.Float64)
            : Tensor.RandomNormal(result.Shape, new Philox(options.Seed, "cotangent"), DType.Float64);
        result.Backward(cotangent);
        tape.Reject();
        var analytic = new Tensor?[all.Length];
        for (int i = 0; i < all.Length; i++)
        {
            analytic[i] = all[i].Gradient?.Clone();
            all[i].ZeroGrad();
        }

        var numericTape = new Tape(options.Mode, recordGradients: false) { Seed = options.Seed, RandomStep = 0 };
        Tensor Value()
        {
            numericTape.Reset();
            Tensor value = loss(numericTape);
            numericTape.Reject();
            return value;
        }

        double size = 0;
        var numeric = new Tensor?[all.Length];
        for (int i = 0; i < all.Length; i++)
        {
            if (all[i].RequiresGradient)
            {
                numeric[i] = NumericalGradient(
                    Value, all[i].Value, cotangent, options.Step, ref size, cancellationToken);
            }
        }

        return Judge(all, analytic, numeric, size, options);
    }

    private static GradientCheckResult Judge(
        Parameter[] all, Tensor?[] analytic, Tensor?[] numeric, double size, GradientCheckOptions options)
    {
        double floor = options.Floor * size;
        GradientCheckResult? worst = null;
        int entries = 0, above = 0;
        string? hidden = null;
        for (int i = 0; i < all.Length; i++)
        {
            if (numeric[i] is not { } differences) continue;
            int ownAbove = 0;
            double largest = 0;
            for (int k = 0; k < differences.Count; k++)
            {
                double a = analytic[i]?.AsSpan<double>()[k] ?? 0, n = differences.AsSpan<double>()[k];
                double difference = Math.Abs(a - n);
                double error = difference <= floor ? 0 : difference / (Math.Abs(a) + Math.Abs(n));
                largest = Math.Max(largest, Math.Abs(a));
                if (!(Math.Max(Math.Abs(a), Math.Abs(n)) <= floor)) ownAbove++;
                if (worst is null || error > worst.MaxRelativeError
                    || (double.IsNaN(error) && !double.IsNaN(worst.MaxRelativeError)))
                {
                    worst = new GradientCheckResult(
                        error, error <= options.Tolerance, NameOf(all[i], i), k, a, n, 0, 0, floor);
                }
            }

            entries += differences.Count;
            above += ownAbove;
            if (ownAbove == 0 && largest > RoundingOfZero * size)
            {
                hidden ??= string.Create(CultureInfo.InvariantCulture, $"the derivatives by {NameOf(all[i], i)} are "
                    + $"at most {largest:g3}, which central differences cannot tell from the rounding of a function of "
                    + $"size {size:g3} (the floor is {floor:g3}). Check a function that depends on it more, or use "
                    + $"a larger {nameof(GradientCheckOptions.Step)} and "
                    + $"a smaller {nameof(GradientCheckOptions.Floor)}.");
            }
        }

        string? reason = !worst!.Passed ? null
            : above == 0 ? string.Create(CultureInfo.InvariantCulture, $"all {entries} derivatives are at "
                + $"most {floor:g3}, which central differences cannot tell from 0 for a function of size {size:g3}, ")
                + "so nothing was compared. Check at another point, or a function that depends on the parameters more."
            : hidden;
        return worst with
        {
            Entries = entries,
            AboveFloor = above,
            Reason = reason,
            Passed = worst.Passed && reason is null,
        };
    }

    /// <summary>
    /// The notebook's <c>eval_numerical_gradient_array</c>: df[k] = Σ cotangent·(f(x + h·e_k) - f(x - h·e_k))/(2h).
    /// Each entry of x is changed in place and then restored.
    /// </summary>
    /// <param name="f">A function of x. It reads the values of x at each call.</param>
    /// <param name="x">The float64 tensor to differentiate by.</param>
    /// <param name="cotangent">dL/df, with the shape of f.</param>
    /// <param name="step">h.</param>
    /// <param name="cancellationToken">Ends the work between two derivatives.</param>
    public static Tensor NumericalGradient(
        Func<Tensor, Tensor> f, Tensor x, Tensor cotangent, double step = 1e-5,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(f);
        double size = 0;
        return NumericalGradient(() => f(x), x, cotangent, step, ref size, cancellationToken);
    }

    /// <summary>
    /// The notebook's <c>eval_numerical_gradient</c>: df[k] = (f(x + h·e_k) - f(x - h·e_k))/(2h) of a function with one
    /// value. Each entry of x is changed in place and then restored.
    /// </summary>
    /// <param name="f">A function of x. It reads the values of x at each call.</param>
    /// <param name="x">The float64 tensor to differentiate by.</param>
    /// <param name="step">h.</param>
    /// <param name="cancellationToken">Ends the work between two derivatives.</param>
    public static Tensor NumericalGradient(
        Func<Tensor, double> f, Tensor x, double step = 1e-5, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(f);
        ArgumentNullException.ThrowIfNull(x);
        Span<double> values = Values(x);
        Tensor gradient = Tensor.Zeros(x.Shape, DType.Float64);
        Span<double> derivatives = gradient.AsSpan<double>();
        for (int k = 0; k < values.Length; k++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            double old = values[k];
            values[k] = old + step;
            double plus = f(x);
            values[k] = old - step;
            double minus = f(x);
            values[k] = old;
            derivatives[k] = (plus - minus) / (2 * step);
        }

        return gradient;
    }

    /// <summary>The notebook's <c>rel_error</c>: the largest |x - y|/max(1e-8, |x| + |y|).</summary>
    /// <param name="x">One tensor.</param>
    /// <param name="y">The other, of the same shape.</param>
    /// <exception cref="ArgumentException">The shapes differ, or there are no values.</exception>
    public static double RelativeError(Tensor x, Tensor y)
    {
        ArgumentNullException.ThrowIfNull(x);
        ArgumentNullException.ThrowIfNull(y);
        if (x.Shape != y.Shape)
        {
            throw new ArgumentException(
                $"GradientCheck.RelativeError: expected tensors of one shape, got {x.Shape} and {y.Shape}.", nameof(y));
        }

        if (x.Count == 0)
        {
            throw new ArgumentException(
                $"GradientCheck.RelativeError: expected values to compare, got none (shape {x.Shape}).", nameof(x));
        }

        ReadOnlySpan<double> a = x.To(DType.Float64).AsSpan<double>(), b = y.To(DType.Float64).AsSpan<double>();
        double worst = 0;
        for (int i = 0; i < a.Length; i++)
        {
            double error = Math.Abs(a[i] - b[i]) / Math.Max(1e-8, Math.Abs(a[i]) + Math.Abs(b[i]));
            if (error > worst || double.IsNaN(error)) worst = error;
            if (double.IsNaN(error)) break;
        }

        return worst;
    }

    /// <summary>
    /// The central differences. <paramref name="size"/> grows to the largest √Σ(cotangent·f)² of all points.
    /// </summary>
    private static Tensor NumericalGradient(
        Func<Tensor> f, Tensor x, Tensor cotangent, double step, ref double size, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(x);
        ArgumentNullException.ThrowIfNull(cotangent);
        double[] weights = cotangent.To(DType.Float64).ToArray<double>();
        Tensor gradient = Tensor.Zeros(x.Shape, DType.Float64);
        Span<double> values = Values(x), derivatives = gradient.AsSpan<double>();
        for (int k = 0; k < values.Length; k++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            double old = values[k];
            values[k] = old + step;
            double[] plus = Values(f()).ToArray();
            values[k] = old - step;
            double[] minus = Values(f()).ToArray(); // A copy: f may return x itself.
            values[k] = old;
            if (plus.Length != weights.Length)
            {
                throw new ArgumentException(
                    $"GradientCheck: expected a cotangent of {plus.Length} elements like the function's "
                    + $"value, got {weights.Length}.",
                    nameof(cotangent));
            }

            double sum = 0, plusSquares = 0, minusSquares = 0;
            for (int i = 0; i < plus.Length; i++)
            {
                sum += weights[i] * (plus[i] - minus[i]);
                plusSquares += weights[i] * plus[i] * (weights[i] * plus[i]);
                minusSquares += weights[i] * minus[i] * (weights[i] * minus[i]);
            }

            derivatives[k] = sum / (2 * step);
            size = Math.Max(size, Math.Sqrt(Math.Max(plusSquares, minusSquares)));
        }

        return gradient;
    }

    private static Span<double> Values(Tensor x) => x.DType == DType.Float64
        ? x.AsSpan<double>()
        : throw new ArgumentException(
            $"GradientCheck: expected values of type Float64, got {x.DType} of shape {x.Shape}. "
            + $"Float32 is too coarse for differences; convert with To(DType.Float64).",
            nameof(x));

    private static string NameOf(Parameter parameter, int index) =>
        parameter.Name.Length > 0 ? parameter.Name : $"parameter {index}";
}
