using Evenkeel.Nn;
using Evenkeel.Random;
using Evenkeel.Tests.Reference;
using Xunit;

namespace Evenkeel.Tests;

/// <summary>The activations against their formulas in double, and their derivatives.</summary>
public sealed class ActivationTests
{
    private const double Scale = 1.0507009873554805, SELUAlpha = 1.6732632423543772;

    private static readonly Dictionary<string, (Func<Tensor, Tensor> Op, Func<double, double> Formula)> s_cases = new()
    {
        ["relu6"] = (x => x.ReLU6(), x => Math.Clamp(x, 0, 6)),
        ["hardtanh"] = (x => x.Hardtanh(), x => Math.Clamp(x, -1, 1)),
        ["hardtanh limits"] = (x => x.Hardtanh(-0.25, 2.5), x => Math.Clamp(x, -0.25, 2.5)),
        ["hardswish"] = (x => x.Hardswish(), x => x * Math.Clamp(x + 3, 0, 6) / 6),
        ["hardsigmoid"] = (x => x.Hardsigmoid(), x => Math.Clamp(x + 3, 0, 6) / 6),
        ["silu"] = (x => x.SiLU(), x => x / (1 + Math.Exp(-x))),
        ["elu"] = (x => x.ELU(), x => x > 0 ? x : Expm1(x)),
        ["elu alpha"] = (x => x.ELU(1.75), x => x > 0 ? x : 1.75 * Expm1(x)),
        ["selu"] = (x => x.SELU(), x => Scale * (x > 0 ? x : SELUAlpha * Expm1(x))),
        ["celu"] = (x => x.CELU(), x => x > 0 ? x : Expm1(x)),
        ["celu alpha"] = (x => x.CELU(0.625), x => x > 0 ? x : 0.625 * Expm1(x / 0.625)),
        ["softplus"] = (x => x.Softplus(), x => x > 20 ? x : LogOnePlus(Math.Exp(x))),
        ["softplus settings"] =
            (x => x.Softplus(2.5, 1.5), x => 2.5 * x > 1.5 ? x : LogOnePlus(Math.Exp(2.5 * x)) / 2.5),
        ["softsign"] = (x => x.Softsign(), x => x / (1 + Math.Abs(x))),
        ["mish"] = (x => x.Mish(), x => x * Math.Tanh(x > 40 ? x : LogOnePlus(Math.Exp(x)))),
        ["logsigmoid"] = (x => x.LogSigmoid(), x => Math.Min(x, 0) - LogOnePlus(Math.Exp(-Math.Abs(x)))),
        ["prelu"] = (x => x.PReLU(Tensor.Full([1], 0.375, x.DType)), x => x > 0 ? x : 0.375 * x),
    };

    public static TheoryData<string> Names => [.. s_cases.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public void Value_is_the_formula(string name)
    {
        (Func<Tensor, Tensor> op, Func<double, double> formula) = s_cases[name];
        foreach (DType dtype in new[] { DType.Float32, DType.Float64 })
        {
            foreach (double scale in new[] { 1e-3, 1, 4, 30 })
            {
                Tensor x = Tensor.RandomNormal([257], new Philox(5), dtype) * scale;
                double[] expected = [.. NaiveOps.Doubles(x).Select(formula)], actual = NaiveOps.Doubles(op(x));
                double bound = dtype == DType.Float32 ? Close.Float32 : Tolerances.Float64Roundoff;
                // Relative to the value itself: small values keep their digits.
                for (int i = 0; i < expected.Length; i++)
                {
                    double smallest = dtype == DType.Float32 ? 1.2e-38 : 2.3e-308;
                    Close.Within(bound * Math.Max(Math.Abs(expected[i]), smallest), $"{name}, {dtype}, scale {scale}",
                        expected[i], actual[i]);
                }
            }
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Gradient_is_the_derivative(string name)
    {
        GradientCheckResult result =
            GradientCheck.Run(s_cases[name].Op, Tensor.RandomNormal([5, 7], new Philox(5), DType.Float64) * 2);
        Assert.True(result.Passed, result.ToString());
    }

    [Fact]
    public void NaN_and_the_infinities_are_PyTorchs()
    {
        double nan = double.NaN, inf = double.PositiveInfinity;
        (string Name, double[] Values, double[] Slopes)[] expected =
        [
            // At NaN, infinity and minus infinity: PyTorch 2.10. At NaN the slopes are those of its remainders; its
            // vector loops have others.
            ("relu6", [nan, 6, 0], [1, 0, 0]), ("hardtanh", [nan, 1, -1], [1, 0, 0]),
            ("hardswish", [nan, inf, nan], [nan, 1, 0]), ("hardsigmoid", [nan, 1, 0], [0, 0, 0]),
            ("elu", [nan, inf, -1], [1, 1, 0]), ("celu", [nan, inf, -1], [1, 1, 0]),
            ("selu", [nan, inf, -Scale * SELUAlpha], [Scale, Scale, 0]),
            ("softplus", [nan, inf, 0], [nan, 1, 0]), ("logsigmoid", [nan, 0, -inf], [nan, 0, 1]),
            ("prelu", [nan, inf, -inf], [0.375, 1, 0.375]),
        ];
        foreach (DType dtype in new[] { DType.Float32, DType.Float64 })
        {
            foreach ((string name, double[] values, double[] slopes) in expected)
            {
                var tape = new Tape();
                Tensor x = tape.Input(Tensor.From(nan, inf, -inf).To(dtype), requiresGradient: true);
                Tensor y = s_cases[name].Op(x);
                Close.To(values, y);
                y.Backward(Tensor.Ones([3], dtype));
                Close.To(slopes, x.Gradient!);
            }
        }
    }

    [Fact]
    public void Slopes_at_the_corners_are_PyTorchs()
    {
        Assert.Equal([0, 0, 1.0], Slopes(x => x.ReLU6(), 0, 6, 3));
        Assert.Equal([0, 0, 1.0], Slopes(x => x.Hardtanh(), -1, 1, 0));
        Assert.Equal([1, 1, 1.0], Slopes(x => x.Clamp(-1, 1), -1, 1, 0));
        Assert.Equal([0, 1, 0.5], Slopes(x => x.Hardswish(), -3, 3, 0));
        Assert.Equal([0, 0, 1.0 / 6], Slopes(x => x.Hardsigmoid(), -3, 3, 0));
        Assert.Equal([1.75], Slopes(x => x.ELU(1.75), 0));
        Assert.Equal([1.0], Slopes(x => x.CELU(1.75), 0));
        Assert.Equal([0.375], Slopes(x => x.PReLU(Tensor.From(0.375)), 0));
    }

    [Theory]
    [InlineData(DType.Float32)]
    [InlineData(DType.Float64)]
    public void PReLU_has_a_slope_for_each_channel(DType dtype)
    {
        foreach (Shape shape in new Shape[] { [6, 4], [3, 4, 5], [2, 4, 5, 7], [2, 4, 1, 3, 2], [0, 4, 3] })
        {
            Tensor slopes = Tensor.From(0.25, -0.5, 0, 2).To(dtype), x = Tensor.RandomNormal(
                shape, new Philox(2), dtype);
            var tape = new Tape();
            Tensor tapedX = tape.Input(x, requiresGradient: true),
                tapedSlopes = tape.Input(slopes, requiresGradient: true);
            Tensor y = tapedX.PReLU(tapedSlopes), dy = Tensor.RandomNormal(shape, new Philox(3), dtype);
            y.Backward(dy);
            double[] values = NaiveOps.Doubles(x), w = NaiveOps.Doubles(slopes), cotangents = NaiveOps.Doubles(dy);
            double[] expected = new double[values.Length], dx = new double[values.Length], dw = new double[4];
            int inner = shape.Rank == 2 ? 1 : Math.Max(1, shape.Count / Math.Max(1, shape[0] * 4));
            for (int i = 0; i < values.Length; i++)
            {
                int c = i / inner % 4;
                bool positive = values[i] > 0;
                expected[i] = positive ? values[i] : w[c] * values[i];
                dx[i] = cotangents[i] * (positive ? 1 : w[c]);
                if (!positive) dw[c] += cotangents[i] * values[i];
            }

            Close.To(expected, y);
            Close.To(dx, tapedX.Gradient!);
            Close.To(dw, tapedSlopes.Gradient!);
        }
    }

    [Fact]
    public void PReLU_of_a_vector_or_a_number_has_one_slope()
    {
        Assert.Equal([-1.0, 3], Tensor.From(-2.0, 3).PReLU(Tensor.From(0.5)).ToArray<double>());
        Assert.Equal(-1, Tensor.Scalar(-2, DType.Float64).PReLU(Tensor.From(0.5)).Item());
        GradientCheckResult result = GradientCheck.Run((x, w) => x.PReLU(w),
            Tensor.RandomNormal([40, 3, 5], new Philox(1), DType.Float64), Tensor.From(0.5));
        Assert.True(result.Passed, result.ToString());
    }

    [Theory]
    [InlineData(DType.Float32)]
    [InlineData(DType.Float64)]
    public void GLU_gates_the_first_half_with_the_second(DType dtype)
    {
        foreach ((Shape shape, int axis) in new (Shape, int)[]
            {
                ([6], 0), ([3, 8], -1), ([4, 3], 0), ([2, 6, 5, 7], 1), ([3, 2, 33_000], 1), ([2000, 34], 1),
                ([0, 4], 1), ([3, 0], 1),
            })
        {
            Tensor x = Tensor.RandomNormal(shape, new Philox(2), dtype);
            int along = axis < 0 ? axis + shape.Rank : axis, half = shape[along] / 2;
            Tensor a = x.Slice(along, 0, half), b = x.Slice(along, half, half);
            var tape = new Tape();
            Tensor taped = tape.Input(x, requiresGradient: true), y = taped.GLU(axis);
            Close.To(NaiveOps.Doubles(a * b.Sigmoid()), y);
            Tensor dy = Tensor.RandomNormal(y.Shape, new Philox(3), dtype);
            y.Backward(dy);
            Tensor s = b.Sigmoid();
            Close.To(NaiveOps.Doubles(Tensor.Concat([dy * s, dy * a * s * (1 - s)], along)), taped.Gradient!);
        }

        GradientCheckResult result =
            GradientCheck.Run(x => x.GLU(1), Tensor.RandomNormal([2, 6, 3], new Philox(1), DType.Float64));
        Assert.True(result.Passed, result.ToString());
    }

    [Fact]
    public void Layers_are_their_ops_and_print_like_PyTorch()
    {
        Tensor x = Tensor.RandomNormal([3, 4, 5], new Philox(1)) * 3;
        (Module Layer, Tensor Y, string Text)[] layers =
        [
            (new ReLU6(), x.ReLU6(), "ReLU6()"),
            (new Hardtanh(), x.Hardtanh(), "Hardtanh(min_val=-1.0, max_val=1.0)"),
            (new Hardtanh(-0.5, 2), x.Hardtanh(-0.5, 2), "Hardtanh(min_val=-0.5, max_val=2.0)"),
            (new Hardswish(), x.Hardswish(), "Hardswish()"),
            (new Hardsigmoid(), x.Hardsigmoid(), "Hardsigmoid()"),
            (new SiLU(), x.SiLU(), "SiLU()"),
            (new ELU(), x.ELU(), "ELU(alpha=1.0)"),
            (new ELU(0.5), x.ELU(0.5), "ELU(alpha=0.5)"),
            (new SELU(), x.SELU(), "SELU()"),
            (new CELU(2), x.CELU(2), "CELU(alpha=2.0)"),
            (new PReLU(), x.PReLU(Tensor.From(0.25f)), "PReLU(num_parameters=1)"),
            (new PReLU(4, 0.5), x.PReLU(Tensor.Full([4], 0.5)), "PReLU(num_parameters=4)"),
            (new Softplus(), x.Softplus(), "Softplus(beta=1.0, threshold=20.0)"),
            (new Softplus(2, 3), x.Softplus(2, 3), "Softplus(beta=2.0, threshold=3.0)"),
            (new Softsign(), x.Softsign(), "Softsign()"),
            (new Mish(), x.Mish(), "Mish()"),
            (new GELU(), x.GELU(), "GELU(approximate='none')"),
            (new GELU(approximate: true), x.GELU(approximate: true), "GELU(approximate='tanh')"),
            (new GLU(1), x.GLU(1), "GLU(dim=1)"),
            (new LogSigmoid(), x.LogSigmoid(), "LogSigmoid()"),
        ];
        foreach ((Module layer, Tensor y, string text) in layers)
        {
            Assert.Equal(y.ToArray<float>(), layer.Forward(x).ToArray<float>());
            Assert.Equal(text, layer.ToString());
        }

        Assert.Equal("GLU(dim=-1)", new GLU().ToString());
    }

    [Fact]
    public void The_slope_of_PReLU_is_learned_but_no_weight()
    {
        var layer = new PReLU(2, 0.125);
        Assert.Equal(["weight"], layer.StateDict().Select(static entry => entry.Key));
        Assert.Equal(ParameterRole.Other, layer.Weight.Role);
        var tape = new Tape();
        layer.Forward(tape.Input(Tensor.From([-1f, -2f, 3f, -4f], [2, 2]))).Backward(Tensor.Ones([2, 2]));
        Assert.Equal([-1f, -6f], layer.Weight.Gradient!.ToArray<float>());
        layer.Weight.Fill(7);
        layer.Initialize(Init.KaimingNormal, seed: 1);
        Assert.Equal([0.125f, 0.125f], layer.Weight.ToArray<float>());
    }

    [Fact]
    public void Errors_say_what_to_do()
    {
        Tensor x = Tensor.Zeros([2, 3, 5]);
        Expect("PReLU: expected a weight of shape (1) or (3) for an input of shape (2, 3, 5), got (4). "
            + "Its channels are dimension 1.", () => x.PReLU(Tensor.Zeros([4])));
        Expect("PReLU: expected a weight of shape (1) for an input of shape (5), got (5).",
            () => Tensor.Zeros([5]).PReLU(Tensor.Zeros([5])));
        Expect("PReLU: expected operands of one element type, got Float32 and Float64.",
            () => x.PReLU(Tensor.Zeros([1], DType.Float64)));
        Expect("GLU: expected a dimension 2 of even size, got shape (2, 3, 5). Its halves are values and gates.",
            () => x.GLU());
        Expect("GLU: expected an axis from -3 to 2 for shape (2, 3, 5), got 3.", () => x.GLU(3));
        Expect("Hardtanh: expected min <= max, got 2 and 1. Give the lower limit first.", () => x.Hardtanh(2, 1));
        Expect("Hardtanh: expected min <= max, got NaN and 1.", () => new Hardtanh(double.NaN));
        Expect("ELU: expected a finite alpha, got NaN. The negative limit of y is -alpha.", () => x.ELU(double.NaN));
        Expect("ELU: expected a finite alpha", () => new ELU(double.PositiveInfinity));
        Expect("CELU: expected a finite alpha other than 0, got 0. It divides x.", () => x.CELU(0));
        Expect("CELU: expected a finite alpha other than 0", () => new CELU(0));
        Expect("Softplus: expected a finite beta other than 0, got 0. It divides the logarithm.", () => x.Softplus(0));
        Expect("Softplus: expected a number as the threshold, got NaN. Infinity is none: the curve goes on.",
            () => new Softplus(threshold: double.NaN));
        Expect("PReLU: expected 1 slope, or one for each channel, got 0.", () => new PReLU(0));
        Expect("PReLU: expected a finite start value of the slope, got NaN.", () => new PReLU(1, double.NaN));
        Expect("SiLU: expected floating-point values, got Int64", () => Tensor.Labels(1).SiLU());

        static void Expect(string message, Func<object> action) => Assert.StartsWith(
            message, Assert.ThrowsAny<ArgumentException>(action).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_step_allocates_nothing_but_handles()
    {
        var layers = new Sequential(
            new ReLU6(), new Hardtanh(), new Hardswish(), new Hardsigmoid(), new SiLU(), new ELU(), new SELU(),
            new CELU(), new PReLU(8), new Softplus(), new Softsign(), new Mish(), new GELU(true), new LogSigmoid(),
            new GLU(1));
        Tensor x = Tensor.RandomNormal([4, 8, 33], new Philox(1)), dy = Tensor.RandomNormal([4, 4, 33], new Philox(2));
        var tape = new Tape();
        for (int i = 0; i < 3; i++) Step();
        long capacity = tape.CapacityInBytes;
        Assert.InRange(Allocations.Of(Step), 0, 8 << 10);
        Assert.Equal(capacity, tape.CapacityInBytes);

        void Step()
        {
            tape.Reset();
            layers.Forward(tape.Input(x, requiresGradient: true)).Backward(dy);
            layers.ZeroGrad();
        }
    }

    private static double[] Slopes(Func<Tensor, Tensor> op, params double[] at)
    {
        Tensor x = new Tape().Input(Tensor.From(at), requiresGradient: true);
        op(x).Backward(Tensor.Ones(x.Shape, DType.Float64));
        return x.Gradient!.ToArray<double>();
    }

    /// <summary>eˣ - 1 by its series where the difference would lose digits.</summary>
    private static double Expm1(double x)
    {
        if (Math.Abs(x) > 0.25) return Math.Exp(x) - 1;
        double term = x, sum = x;
        for (int n = 2; n < 20; n++) sum += term *= x / n;
        return sum;
    }

    /// <summary>ln(1 + u) for u of 0 or more, by the area function where the sum would lose digits.</summary>
    private static double LogOnePlus(double u)
    {
        if (u > 0.25) return Math.Log(1 + u);
        double s = u / (2 + u), term = s, sum = s;
        for (int n = 3; n < 40; n += 2) sum += (term *= s * s) / n;
        return 2 * sum;
    }
}
