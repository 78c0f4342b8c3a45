using System.Globalization;
using Evenkeel.Nn;
using TorchSharp;
using F = TorchSharp.torch.nn.functional;
using Torch = TorchSharp.torch.Tensor;

namespace Evenkeel.Interop.Tests.Fuzz;

/// <summary>All activations, on numbers of every size, with zeros of both signs, corners, infinities and NaN.</summary>
/// <remarks>
/// A value and a derivative are a few operations and an elementary function or two. The sums below are the absolute
/// values of all terms that PyTorch's formula, or ours, adds up; a rounded argument z of a function f counts as
/// |z·f'(z)|.
/// </remarks>
internal static class ActivationFuzz
{
    /// <summary>
    /// Roundings on the way of one term: two elementary functions, each right to two units in the last place (four
    /// roundoffs), and eight operations.
    /// </summary>
    private const double Roundings = 16;

    private static readonly string[] s_names =
    [
        "ReLU", "ReLU6", "LeakyReLU", "PReLU", "Hardtanh", "Hardsigmoid", "Hardswish", "Sigmoid", "Tanh", "SiLU", "ELU",
        "SELU", "CELU", "Softplus", "Softsign", "Mish", "GELU", "GELU tanh", "GLU", "LogSigmoid", "Softmax",
        "LogSoftmax",
    ];

    public static FuzzCase Draw(Draw draw)
    {
        string name = draw.Pick<string>(s_names);
        int rank = draw.Int(1, 4);
        int[] shape = new int[rank];
        foreach (ref int size in shape.AsSpan()) size = draw.Size(rank == 1 ? 150 : rank == 2 ? 20 : 7);
        bool isSpecial = draw.Chance(0.3);
        // a·σ(b) with infinite a: PyTorch has NaN where σ underflows.
        double[] values = Values(draw, Sizes.Count(shape), isSpecial, hasInfinite: name != "GLU");
        return name switch
        {
            "GLU" => Gated(draw, shape, values),
            "Softmax" or "LogSoftmax" => Rows(draw, name == "LogSoftmax", shape, values),
            "PReLU" => Slopes(draw, shape, values),
            _ => Elementwise(draw, name, shape, values),
        };
    }

    private static FuzzCase Elementwise(Draw draw, string name, int[] shape, double[] values)
    {
        double p = draw.Chance(0.3) ? draw.Pick(0.5, 1.0, 2.0, -1.0) : draw.Number(-2, 3),
            q = draw.Number(-3, 30);
        if (p == 0) p = 1;
        double low = Math.Min(p, q), high = Math.Max(p, q);
        Sides sides = name switch
        {
            "ReLU" => new(static () => new ReLU(), static x => F.relu(x), Straight),
            "ReLU6" => new(static () => new ReLU6(), static x => F.relu6(x), Straight),
            "LeakyReLU" => new(() => new LeakyReLU(p), x => F.leaky_relu(x, p), x => (Math.Abs(p * x), Math.Abs(p))),
            // TorchSharp's hardtanh changes its input; clamp has the derivative 1 at the limits, where hardtanh has 0.
            "Hardtanh" => new(() => new Hardtanh(low, high),
                x => torch.where((x.detach() <= low).logical_or(x.detach() >= high), x.detach().clamp(low, high), x),
                Straight),
            // PyTorch's derivative is 1/6 in single precision, also in Float64.
            "Hardsigmoid" => new(static () => new Hardsigmoid(), static x =>
                torch.where((x.detach() > -3).logical_and(x.detach() < 3), x + 3, (x.detach() + 3).clamp(0, 6)) / 6,
                static x => ((Math.Abs(x) + 3) / 6, 1 / 6.0)),
            "Hardswish" => new(static () => new Hardswish(), static x => F.hardswish(x),
                static x => (Math.Abs(x) * (Math.Abs(x) + 3) / 6, 1 + (Math.Abs(x) / 3))),
            "Sigmoid" => new(static () => new Sigmoid(), static x => F.sigmoid(x),
                static x => (Sigma(x), Sigma(x) * (1 + Sigma(x)))),
            "Tanh" => new(static () => new Tanh(), static x => F.tanh(x),
                static x => (Math.Abs(Math.Tanh(x)), 1 + (Math.Tanh(x) * Math.Tanh(x)))),
            "SiLU" => new(static () => new SiLU(), static x => F.silu(x),
                static x => (Math.Abs(x) * Sigma(x), Sigma(x) * (1 + (Math.Abs(x) * (1 + Sigma(x)))))),
            "ELU" => new(() => new ELU(p), x => F.elu(x, p), x => Exponential(x, Math.Abs(p), 1)),
            "SELU" => new(static () => new SELU(), static x => F.selu(x), static x => Exponential(x, 1.76, 1)),
            "CELU" => new(() => new CELU(p), x => F.celu(x, p), x => Exponential(x, Math.Abs(p), p)),
            "Softplus" => new(() => new Softplus(p, q), x => F.softplus(x, p, q), x => Softplus(x, p)),
            "Softsign" => new(static () => new Softsign(), static x => F.softsign(x), static x =>
                (Math.Abs(x) / (1 + Math.Abs(x)), (1 + (Math.Abs(x) / (1 + Math.Abs(x)))) / (1 + Math.Abs(x)))),
            "Mish" => new(static () => new Mish(), static x => F.mish(x), Mish),
            "GELU" => new(static () => new GELU(), static x => F.gelu(x), GELU),
            "GELU tanh" => new(static () => new GELU(approximate: true),
                static x => F.gelu(x, TorchSharp.Modules.GELU.Approximate.tanh), GELUTanh),
            _ => new(static () => new LogSigmoid(), static x => F.logsigmoid(x), LogSigma),
        };
        string settings = name switch
        {
            "LeakyReLU" or "ELU" or "CELU" => string.Create(CultureInfo.InvariantCulture, $" {p:r}"),
            "Softplus" => string.Create(CultureInfo.InvariantCulture, $" {p:r}, threshold {q:r}"),
            "Hardtanh" => string.Create(CultureInfo.InvariantCulture, $" {low:r} to {high:r}"),
            _ => "",
        };
        string text = $"{name}{settings} input {Sizes.Text(shape)}";
        return new FuzzCase(text, shape, sides.Layer, (x, _) => sides.PyTorch(x))
        {
            Input = values,
            Bound = n => Of(n, sides.Formula),
            Skips = (x, isDerivative) => Skips(name, x, isDerivative),
        };
    }

    /// <summary>
    /// Where PyTorch's own results differ from one place of an array to another, or are not the limit.
    /// </summary>
    private static string? Skips(string name, double x, bool isDerivative) => (name, isDerivative) switch
    {
        ("ELU" or "SELU" or "CELU" or "ReLU6" or "Hardswish", true) when double.IsNaN(x) =>
            "derivatives at NaN: PyTorch's vector loops have others than their remainders",
        ("Softsign", true) when double.IsInfinity(x) =>
            "derivatives at infinity: PyTorch has NaN, the library the limit",
        ("GELU", false) when double.IsPositiveInfinity(x) =>
            "GELU at infinity: PyTorch has NaN in Float32, the library infinity",
        _ => null,
    };

    private static FuzzCase Slopes(Draw draw, int[] shape, double[] values)
    {
        int channels = shape.Length > 1 ? shape[1] : 1, count = draw.Chance(0.5) ? 1 : channels;
        if (draw.Chance(0.05)) count++;
        int inner = Sizes.Count(shape.AsSpan(Math.Min(2, shape.Length)));
        return new FuzzCase($"PReLU {count} input {Sizes.Text(shape)}", shape, () => new PReLU(count),
            static (x, w) => F.prelu(x, w[0]))
        {
            Input = values,
            Weights = [Weight.Of(draw, "weight", count)],
            Bound = n =>
            {
                double[] y = new double[n.X.Length], dx = new double[n.X.Length], dw = new double[count];
                for (int i = 0; i < n.X.Length; i++)
                {
                    int c = count == 1 ? 0 : i / inner % channels;
                    double slope = n.X[i] > 0 ? 1 : Math.Abs(n.Weights[0][c]);
                    (y[i], dx[i]) = (slope * Math.Abs(n.X[i]), slope * Math.Abs(n.Dy[i]));
                    if (!(n.X[i] > 0)) dw[c] += Math.Abs(n.X[i] * n.Dy[i]);
                }

                return [new(y, 2), new(dx, 2), new(dw, n.X.Length + 2)];
            },
        };
    }

    private static FuzzCase Gated(Draw draw, int[] shape, double[] values)
    {
        int dim = draw.Int(-shape.Length, shape.Length - 1), axis = dim < 0 ? dim + shape.Length : dim;
        if (draw.Chance(0.9) && shape[axis] % 2 == 1)
        {
            shape[axis]++;
            values = Values(draw, Sizes.Count(shape), isSpecial: false, hasInfinite: false);
        }

        int half = Sizes.Count(shape.AsSpan(axis)) / 2;
        return new FuzzCase($"GLU dim {dim} input {Sizes.Text(shape)}", shape, () => new GLU(dim),
            (x, _) => F.glu(x, dim))
        {
            Input = values,
            Bound = n =>
            {
                double[] y = new double[n.Dy.Length], dx = new double[n.X.Length];
                double largest = Roundings * (1 + n.X.Where(double.IsFinite).Sum(Math.Abs)) * (1 + n.Dy.Sum(Math.Abs));
                for (int i = 0; i < y.Length; i++)
                {
                    int at = (i / half * 2 * half) + (i % half);
                    double a = Math.Abs(n.X[at]), sigma = Sigma(n.X[at + half]), dy = Math.Abs(n.Dy[i]);
                    (y[i], dx[at], dx[at + half]) = (a * sigma, dy * sigma, dy * a * sigma * (1 + sigma));
                }

                return
                [
                    new(y, Roundings) { Floors = [.. y.Select(_ => largest)] },
                    new(dx, Roundings) { Floors = [.. dx.Select(_ => largest)] },
                ];
            },
        };
    }

    /// <summary>
    /// yᵢ = e^(xᵢ - m)/Σ: the rounded argument counts |xᵢ - m|, of which R is the largest. dxᵢ = yᵢ·(dyᵢ - Σ y·dy).
    /// </summary>
    private static FuzzCase Rows(Draw draw, bool isLog, int[] shape, double[] values)
    {
        int dim = draw.Int(-shape.Length, shape.Length - 1), axis = dim < 0 ? dim + shape.Length : dim;
        int length = shape[axis], inner = Sizes.Count(shape.AsSpan(axis + 1));
        string name = isLog ? "LogSoftmax" : "Softmax";
        return new FuzzCase($"{name} dim {dim} input {Sizes.Text(shape)}", shape,
            () => isLog ? new LogSoftmax(dim) : new Softmax(dim),
            (x, _) => isLog ? F.log_softmax(x, dim) : F.softmax(x, dim))
        {
            Input = values,
            Bound = n =>
            {
                double[] y = new double[n.X.Length], dx = new double[n.X.Length];
                for (int row = 0; length > 0 && row < n.X.Length / length; row++)
                {
                    int first = (row / inner * length * inner) + (row % inner);
                    double most = double.NegativeInfinity, range = 0, all = 0;
                    for (int i = 0; i < length; i++) most = Math.Max(most, n.X[first + (i * inner)]);
                    for (int i = 0; i < length; i++)
                    {
                        int at = first + (i * inner);
                        double distance = most - n.X[at];
                        if (double.IsFinite(distance)) range = Math.Max(range, distance);
                        all += Math.Abs(n.Dy[at]) * (isLog ? 1 : n.Y[at]);
                    }

                    for (int i = 0; i < length; i++)
                    {
                        int at = first + (i * inner);
                        double p = isLog ? Math.Exp(n.Y[at]) : n.Y[at], dy = Math.Abs(n.Dy[at]);
                        (y[at], dx[at]) = isLog
                            ? (Math.Abs(n.X[at]) + Math.Abs(most) + range + Math.Abs(n.Y[at]) + 1,
                                dy + (p * all * (1 + range + Math.Abs(most) + Math.Abs(n.X[at]))))
                            : (p * (1 + (2 * range)), p * (dy + all) * (1 + (2 * range)));
                    }
                }

                return [new(y, Roundings + length), new(dx, Roundings + length)];
            },
        };
    }

    /// <summary>
    /// Numbers of some size; in special arrays half are corners, zeros of both signs and numbers of every size, and
    /// some are not finite.
    /// </summary>
    private static double[] Values(Draw draw, int count, bool isSpecial, bool hasInfinite)
    {
        double[] values = draw.Numbers(count);
        double scale = draw.Pick(1.0, 1, 4, 30);
        hasInfinite &= draw.Chance(0.5);
        foreach (ref double value in values.AsSpan())
        {
            value = (float)(value * scale);
            if (!isSpecial || draw.Chance(0.5)) continue;
            value = hasInfinite && draw.Chance(0.25)
                ? draw.Pick(double.NaN, double.PositiveInfinity, double.NegativeInfinity)
                : draw.Pick(0.0, -0.0, 3, -3, 6, -6, 1, -1, 20, (float)(draw.Number(-1, 1) * 1e-20),
                    (float)draw.Number(-100, 100), draw.Number(-800, 800), draw.Number(-1e4, 1e4));
        }

        return values;
    }

    /// <summary>The sums of the value and of the derivative at one place.</summary>
    private delegate (double Value, double Derivative) Formula(double x);

    /// <summary>An activation of both sides.</summary>
    private sealed record Sides(Func<Module> Layer, Func<Torch, Torch> PyTorch, Formula Formula);

    private static Terms[] Of(Numbers n, Formula formula)
    {
        double[] y = new double[n.X.Length], dx = new double[n.X.Length];
        for (int i = 0; i < n.X.Length; i++)
        {
            (double value, double derivative) = formula(n.X[i]);
            (y[i], dx[i]) = (value, derivative * Math.Abs(n.Dy[i]));
        }

        double[] floors = [.. n.X.Select((x, i) => Roundings * (1 + Math.Abs(x)) * (1 + Math.Abs(n.Dy[i])))];
        return [new(y, Roundings) { Floors = floors }, new(dx, Roundings) { Floors = floors }];
    }

    private static (double Value, double Derivative) Straight(double x) => (Math.Abs(x), 1);

    private static double Sigma(double x) => 1 / (1 + Math.Exp(-x));

    /// <summary>alpha·(e^(x/divisor) - 1) for x ≤ 0.</summary>
    private static (double Value, double Derivative) Exponential(double x, double alpha, double divisor)
    {
        double z = x / divisor, e = Math.Exp(z);
        return x > 0
            ? (2 * Math.Abs(x), 2)
            : (alpha * (Math.Abs(e - 1) + (Math.Abs(z) * (1 + e))),
                Math.Abs(alpha / divisor) * e * (1 + Math.Abs(z)) * 2);
    }

    private static (double Value, double Derivative) Softplus(double x, double beta)
    {
        double z = beta * x, sigma = Sigma(z), value = z > 0 ? Math.Log(1 + Math.Exp(-z)) + z : Math.Exp(z);
        return ((value / Math.Abs(beta)) + (Math.Abs(x) * sigma), sigma * (1 + Math.Abs(z)));
    }

    private static (double Value, double Derivative) Mish(double x)
    {
        double t = Math.Tanh(x > 30 ? x : x < -30 ? Math.Exp(x) : Math.Log(1 + Math.Exp(x))), sigma = Sigma(x);
        return (Math.Abs(x) * t, t + (Math.Abs(x) * sigma * (1 + (t * t))));
    }

    private static (double Value, double Derivative) GELU(double x)
    {
        double density = Math.Exp(-x * x / 2) / Math.Sqrt(2 * Math.PI);
        return (Math.Abs(x), 1 + (Math.Abs(x) * density * (1 + (x * x))));
    }

    private static (double Value, double Derivative) GELUTanh(double x)
    {
        const double C = 0.044715;
        double k = Math.Sqrt(2 / Math.PI), inner = k * Math.Abs(x) * (1 + (C * x * x)), t = Math.Tanh(inner);
        // What 1 - t² leaves, and the roundings of t itself, which are those of its argument.
        double bend = 1 - (t * t);
        return (Math.Abs(x) * (1 + (inner * bend)),
            1 + (inner * bend) + (Math.Abs(x) * k * (1 + (3 * C * x * x)) * ((1 + (t * t)) + (2 * inner * bend))));
    }

    private static (double Value, double Derivative) LogSigma(double x)
    {
        double z = Math.Exp(-Math.Abs(x));
        return (Math.Abs(Math.Min(0, x)) + z, (x < 0 ? 1 : 0) + (2 * z / (1 + z)));
    }
}
