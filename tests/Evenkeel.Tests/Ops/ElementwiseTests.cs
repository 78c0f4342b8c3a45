using Evenkeel.Random;
using Evenkeel.Tests.Reference;
using Xunit;

namespace Evenkeel.Tests;

public sealed class ElementwiseTests
{
    public static TheoryData<string> Unary =>
    [
        "neg", "abs", "square", "sqrt", "exp", "log", "pow", "pow2", "powneg", "clamp", "relu", "leaky", "gelu",
        "gelutanh", "sigmoid", "tanh", "adds", "subs", "rsub", "muls", "divs", "rdiv",
    ];

    public static TheoryData<string> Binary => ["add", "sub", "mul", "div", "max", "min", "pow"];

    public static TheoryData<string, string> Shapes => new()
    {
        { "5,7", "5,7" }, { "5,7", "7" }, { "5,7", "5,1" }, { "7", "5,7" }, { "5,1", "5,7" }, { "5,1", "1,7" },
        { "1,7", "5,1" }, { "", "3,4" }, { "3,4", "" }, { "2,3,4,5", "1,3,1,1" }, { "2,3,4,5", "3,1,5" },
        { "2,1,4", "3,1" }, { "40,33", "33" }, { "40,33", "40,1" }, { "1,1", "1" }, { "0,3", "3" }, { "2,70", "1,1" },
    };

    [Theory]
    [MemberData(nameof(Unary))]
    public void Value_is_the_formula(string name)
    {
        (Func<Tensor, Tensor> op, Func<double, double> formula) = UnaryOp(name);
        foreach (DType dtype in new[] { DType.Float32, DType.Float64 })
        {
            Tensor x = Inputs(name, [257], dtype);
            Close.To(
                NaiveOps.Doubles(x).Select(formula).ToArray(), op(x),
                dtype == DType.Float32 ? Close.Float32 : Tolerances.Float64Roundoff);
        }
    }

    [Theory]
    [MemberData(nameof(Unary))]
    public void Gradient_is_the_derivative(string name)
    {
        (Func<Tensor, Tensor> op, _) = UnaryOp(name);
        GradientCheckResult result = GradientCheck.Run(op, Inputs(name, [5, 7], DType.Float64));
        Assert.True(result.Passed, result.ToString());
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Broadcasts_like_NumPy(string shapeA, string shapeB)
    {
        foreach (string name in Binary)
        {
            (Func<Tensor, Tensor, Tensor> op, Func<double, double, double> formula) = BinaryOp(name);
            foreach (DType dtype in new[] { DType.Float32, DType.Float64 })
            {
                Tensor a = Positive(Parse(shapeA), dtype, 1), b = Positive(Parse(shapeB), dtype, 2);
                (double[] expected, int[] shape) = NaiveOps.Broadcast(a, b, formula);
                Tensor y = op(a, b);
                Assert.Equal(new Shape(shape), y.Shape);
                Close.To(expected, y, dtype == DType.Float32 ? Close.Float32 : Tolerances.Float64Roundoff);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Gradients_of_repeated_operands_are_sums(string shapeA, string shapeB)
    {
        if (Parse(shapeA).Count == 0) return;
        if (Parse(shapeA).Count > 300)
        {
            (shapeA, shapeB) = (shapeA.Replace("40", "3", StringComparison.Ordinal),
                shapeB.Replace("40", "3", StringComparison.Ordinal));
        }

        foreach (string name in Binary)
        {
            (Func<Tensor, Tensor, Tensor> op, _) = BinaryOp(name);
            GradientCheckResult result = GradientCheck.Run(
                op, Positive(Parse(shapeA), DType.Float64, 1), Positive(Parse(shapeB), DType.Float64, 2));
            Assert.True(result.Passed, $"{name}: {result}");
        }
    }

    [Fact]
    public void One_tensor_as_both_operands_gets_both_contributions()
    {
        Tensor x = Positive([4, 5], DType.Float64, 3);
        foreach (string name in new[] { "add", "sub", "mul", "div", "pow" })
        {
            (Func<Tensor, Tensor, Tensor> op, _) = BinaryOp(name);
            // The contributions to x - x and x / x cancel: beside + x they are compared with 1, and not 0 with 0.
            GradientCheckResult result = GradientCheck.Run(v => op(v, v) + v, x);
            Assert.True(result.Passed, $"{name}: {result}");
            Assert.Equal(20, result.AboveFloor);
        }
    }

    [Fact]
    public void Gradients_of_several_consumers_add_up()
    {
        GradientCheckResult result = GradientCheck.Run(
            v => ((v * v) + v.Exp()) / (v + 3.0) - (v.Sum([0], keepDims: true) * v.Tanh()),
            Positive([4, 5], DType.Float64, 3));
        Assert.True(result.Passed, result.ToString());
    }

    [Fact]
    public void Ties_share_the_gradient()
    {
        var tape = new Tape();
        Tensor a = tape.Input(Tensor.From(1.0, 2.0, 3.0), requiresGradient: true),
            b = tape.Input(Tensor.From(2.0, 2.0, 2.0), requiresGradient: true);
        a.Maximum(b).Backward(Tensor.From(10.0, 20.0, 30.0));
        Assert.Equal([0.0, 10, 30], a.Gradient!.ToArray<double>());
        Assert.Equal([10.0, 10, 0], b.Gradient!.ToArray<double>());
    }

    [Fact]
    public void Special_values()
    {
        Tensor x = Tensor.From(float.NaN, float.PositiveInfinity, float.NegativeInfinity, -0f, 0f);
        Assert.Equal([float.NaN, float.PositiveInfinity, 0f, 0f, 0f], x.ReLU().ToArray<float>());
        Assert.Equal([float.NaN, 1f, -1f, 0f, 0f], x.Clamp(-1, 1).ToArray<float>());
        Assert.True(float.IsNaN(x.Maximum(Tensor.Scalar(0)).ToArray<float>()[0]));
        Assert.True(float.IsNaN(Tensor.Scalar(0).Minimum(x).ToArray<float>()[0]));
        Assert.Equal([1f, float.PositiveInfinity], Tensor.From(0f, 0f).Pow(Tensor.From(0f, -1f)).ToArray<float>());
    }

    [Fact]
    public void Errors_say_what_does_not_fit()
    {
        Tensor a = Tensor.Zeros([5, 3]);
        Assert.StartsWith(
            "Multiply: expected shapes that broadcast (dimensions, counted from the end, equal or 1), got "
            + "(5, 3) and (4, 3). Reshape one of them, or keep reduced dimensions with keepDims: true.",
            Assert.Throws<ArgumentException>("b", () => a * Tensor.Zeros([4, 3])).Message, StringComparison.Ordinal);
        Assert.StartsWith(
            "Add: expected operands of one element type, got Float32 and Float64.",
            Assert.Throws<ArgumentException>(() => a + Tensor.Zeros([5, 3], DType.Float64)).Message,
            StringComparison.Ordinal);
        Assert.StartsWith("ReLU: expected floating-point values, got Int64",
            Assert.Throws<ArgumentException>(() => Tensor.Labels(1, 2).ReLU()).Message, StringComparison.Ordinal);
        Assert.StartsWith("Clamp: expected min <= max, got 2 and 1.",
            Assert.Throws<ArgumentException>(() => a.Clamp(2, 1)).Message, StringComparison.Ordinal);
    }

    private static Shape Parse(string text) =>
        text.Length == 0 ? [] : new Shape(text.Split(',').Select(int.Parse).ToArray());

    private static Tensor Positive(Shape shape, DType dtype, ulong seed) =>
        Tensor.RandomUniform(shape, new Philox(seed), dtype) + 0.5;

    /// <summary>Values away from the formula's kinks and outside the reach of its poles.</summary>
    private static Tensor Inputs(string name, Shape shape, DType dtype) => name switch
    {
        "sqrt" or "log" or "pow" or "powneg" or "rdiv" => Positive(shape, dtype, 5),
        _ => Tensor.RandomNormal(shape, new Philox(5), dtype),
    };

    private static (Func<Tensor, Tensor> Op, Func<double, double> Formula) UnaryOp(string name) => name switch
    {
        "neg" => (x => -x, x => -x),
        "abs" => (x => x.Abs(), Math.Abs),
        "square" => (x => x.Square(), x => x * x),
        "sqrt" => (x => x.Sqrt(), Math.Sqrt),
        "exp" => (x => x.Exp(), Math.Exp),
        "log" => (x => x.Log(), Math.Log),
        "pow" => (x => x.Pow(2.5), x => Math.Pow(x, 2.5)),
        "pow2" => (x => x.Pow(3), x => x * x * x),
        "powneg" => (x => x.Pow(-0.5), x => 1 / Math.Sqrt(x)),
        "clamp" => (x => x.Clamp(-0.5, 0.75), x => Math.Clamp(x, -0.5, 0.75)),
        "relu" => (x => x.ReLU(), x => Math.Max(x, 0)),
        "leaky" => (x => x.LeakyReLU(0.2), x => x > 0 ? x : x * 0.2),
        "gelu" => (x => x.GELU(), x => x * 0.5 * (1 + VectorErf(x / Math.Sqrt(2)))),
        "gelutanh" => (x => x.GELU(approximate: true),
            x => 0.5 * x * (1 + Math.Tanh(Math.Sqrt(2 / Math.PI) * (x + (0.044715 * x * x * x))))),
        "sigmoid" => (x => x.Sigmoid(), x => 1 / (1 + Math.Exp(-x))),
        "tanh" => (x => x.Tanh(), Math.Tanh),
        "adds" => (x => x + 1.5 + (0.25 + x), x => x + 1.5 + x + 0.25),
        "subs" => (x => x - 1.5, x => x - 1.5),
        "rsub" => (x => 1.5 - x, x => 1.5 - x),
        "muls" => (x => (x * 3) + (2 * x), x => 5 * x),
        "divs" => (x => x / 3, x => x / 3),
        "rdiv" => (x => 3 / x, x => 3 / x),
        _ => throw new ArgumentOutOfRangeException(nameof(name), name, null),
    };

    private static (Func<Tensor, Tensor, Tensor> Op, Func<double, double, double> Formula) BinaryOp(string name) =>
        name switch
        {
            "add" => ((a, b) => a + b, (a, b) => a + b),
            "sub" => ((a, b) => a - b, (a, b) => a - b),
            "mul" => ((a, b) => a * b, (a, b) => a * b),
            "div" => ((a, b) => a / b, (a, b) => a / b),
            "max" => ((a, b) => a.Maximum(b), Math.Max),
            "min" => ((a, b) => a.Minimum(b), Math.Min),
            "pow" => ((a, b) => a.Pow(b), Math.Pow),
            _ => throw new ArgumentOutOfRangeException(nameof(name), name, null),
        };

    /// <summary>
    /// erf by its Maclaurin series, which converges for all x and is accurate enough for |x| below 4.
    /// </summary>
    private static double VectorErf(double x)
    {
        double term = x, sum = x;
        for (int n = 1; n < 120; n++)
        {
            term *= -x * x / n;
            sum += term / ((2 * n) + 1);
        }

        return 2 / Math.Sqrt(Math.PI) * sum;
    }
}
