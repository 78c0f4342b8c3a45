using Evenkeel.Random;
using Xunit;

namespace Evenkeel.Tests;

public sealed class GradientCheckTests
{
    /// <summary>
    /// The relative error of central differences of a smooth function: rounding over the step, and its square.
    /// </summary>
    private const double Differences = 1e-6;

    /// <summary>Central differences of a square, which are exact but for rounding, over a step of about 1e-5.</summary>
    private const double SquareDifferences = 1e-9;

    [Fact]
    public void A_check_can_be_cancelled_between_two_derivatives()
    {
        using var cancel = new CancellationTokenSource();
        int calls = 0;
        Tensor x = Tensor.From(1.0, 2, 3);
        var weight = new Parameter(x.Clone());
        Assert.Throws<OperationCanceledException>(() => GradientCheck.Parameters(
            tape =>
            {
                if (++calls == 3) cancel.Cancel();
                return tape.Watch(weight).Square();
            },
            [weight],
            cancellationToken: cancel.Token));
        Assert.Equal(3, calls);
        Assert.Equal(x.ToArray<double>(), weight.ToArray<double>());
        Assert.Null(weight.Gradient);
        Assert.Throws<OperationCanceledException>(
            () => GradientCheck.NumericalGradient(v => v.Square().Sum().Item(), x, cancellationToken: cancel.Token));
    }

    [Fact]
    public void Finds_a_wrong_gradient_and_names_its_entry()
    {
        // The detached factor hides half of the derivative of x², but only where it is not multiplied by zero.
        Tensor mask = Tensor.From(0.0, 0, 1, 0);
        GradientCheckResult result = GradientCheck.Run(
            v => (v * v.Clone() * mask) + (v * 2), Tensor.From(1.0, 2, 3, 4));
        Assert.False(result.Passed);
        Assert.Equal("input 0", result.WorstName);
        Assert.Equal(2, result.WorstIndex);
        Assert.Equal(4, result.Entries);
        Assert.InRange(result.MaxRelativeError, 0.2, 0.3);
        Assert.StartsWith("FAILED: max relative error", result.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_true_zero_gradient_is_no_error()
    {
        Tensor x = Tensor.RandomNormal([8, 3], new Philox(1), DType.Float64) + 12;
        GradientCheckResult result = GradientCheck.Run(
            (v, bias) => (v + bias) - (v + bias).Mean([0], keepDims: true), x, Tensor.Zeros([3], DType.Float64));
        Assert.True(result.Passed, result.ToString());
    }

    [Fact]
    public void Covers_a_whole_network_and_restores_it()
    {
        Parameter w1 = new(Tensor.RandomNormal([6, 5], new Philox(1), DType.Float64), "w1"),
            b1 = new(Tensor.Zeros([6], DType.Float64), "b1"),
            w2 = new(Tensor.RandomNormal([3, 6], new Philox(2), DType.Float64), "w2");
        Tensor x = Tensor.RandomNormal([4, 5], new Philox(3), DType.Float64), labels = Tensor.Labels(0, 1, 2, 1);
        double[] before = w1.Value.ToArray<double>();
        GradientCheckResult result = GradientCheck.Parameters(
            tape => tape.Input(x).Linear(w1, b1).Tanh().Linear(w2).CrossEntropy(labels), [w1, b1, w2]);
        Assert.True(result.Passed, result.ToString());
        Assert.Equal(30 + 6 + 18, result.Entries);
        Assert.Equal(before, w1.Value.ToArray<double>());
        Assert.Null(w1.Gradient);
        w1.To(DType.Float32);
        Assert.StartsWith(
            "GradientCheck: expected parameters of type Float64, got w1 (6, 5) Float32.",
            Assert.Throws<ArgumentException>(
                () => GradientCheck.Parameters(tape => tape.Watch(w1).Sum(), [w1])).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void The_identity_passes_for_a_handle_and_for_an_alias()
    {
        Tensor x = Tensor.From(1.0, -2, 3, 4);
        foreach (Func<Tensor, Tensor> f in new Func<Tensor, Tensor>[] { v => v, v => v.Reshape(2, 2) })
        {
            GradientCheckResult result = GradientCheck.Run(f, x);
            Assert.True(result.Passed, result.ToString());
            Assert.NotEqual(0, result.Analytic);
        }
    }

    [Fact]
    public void The_notebooks_helpers()
    {
        Tensor x = Tensor.From(1.0, -2, 3);
        Tensor analytic = x * 2;
        Assert.InRange(
            GradientCheck.RelativeError(analytic, GradientCheck.NumericalGradient(v => v.Square().Sum().Item(), x)), 0,
            SquareDifferences);
        Tensor cotangent = Tensor.From(1.0, 10, 100);
        Assert.InRange(
            GradientCheck.RelativeError(
                analytic * cotangent, GradientCheck.NumericalGradient(v => v.Square(), x, cotangent)),
            0, SquareDifferences);
        Assert.Equal(
            2e-9 / 1e-8, GradientCheck.RelativeError(Tensor.From(2e-9), Tensor.From(0.0)), Tolerances.Float64Roundoff);
        Assert.Equal([1.0, -2, 3], x.ToArray<double>());
    }

    [Fact]
    public void A_check_of_nothing_fails_and_says_why()
    {
        Parameter w = new(Tensor.From(1.0, 2), "w");
        Says("FAILED: there is no parameter to differentiate by",
            GradientCheck.Parameters(tape => tape.Watch(w).Sum(), []));
        Says("FAILED: all 1 parameters are frozen or empty",
            GradientCheck.Parameters(tape => tape.Watch(w).Sum(), [new Parameter(Tensor.Zeros([0], DType.Float64))]));
        w.RequiresGradient = false;
        Says(
            "FAILED: all 1 parameters are frozen or empty", GradientCheck.Parameters(tape => tape.Watch(w).Sum(), [w]));
        // A function that does not move where it is looked at.
        Says("FAILED: all 4 derivatives are at most",
            GradientCheck.Run(v => v.ReLU() + 1, Tensor.From(-1.0, -2, -3, -4)));
        Says(
            "FAILED: all 4 derivatives are at most 0", GradientCheck.Run(v => v.ReLU(), Tensor.From(-1.0, -2, -3, -4)));
        Assert.Contains(
            "expected values to compare, got none",
            Assert.Throws<ArgumentException>(
                () => GradientCheck.RelativeError(Tensor.Zeros([0, 3]), Tensor.Zeros([0, 3]))).Message,
            StringComparison.Ordinal);

        static void Says(string text, GradientCheckResult result)
        {
            Assert.False(result.Passed);
            Assert.NotNull(result.Reason);
            Assert.StartsWith(text, result.ToString(), StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData(1e-10)]
    [InlineData(1e-200)]
    [InlineData(1)]
    [InlineData(1e10)]
    public void The_floor_scales_with_the_function(double gamma)
    {
        Tensor x = Tensor.RandomNormal([8, 3], new Philox(1), DType.Float64),
            scale = Tensor.Full([3], gamma, DType.Float64);
        GradientCheckResult right = GradientCheck.Run(
            (Tensor v) => v.BatchNorm(scale, Tensor.Zeros([3], DType.Float64), running: null), x);
        Assert.True(right.Passed, right.ToString());
        Assert.Equal(24, right.AboveFloor);
        // dx of the wrong sign: y is batch norm's, its gradient that of minus batch norm.
        GradientCheckResult wrong = GradientCheck.Run((Tensor v) =>
        {
            Tensor y = v.BatchNorm(scale, Tensor.Zeros([3], DType.Float64), running: null);
            return (y.Detach() * 2) - y;
        }, x);
        Assert.False(wrong.Passed);
        Assert.Equal(1, wrong.MaxRelativeError, Differences);
        Assert.Null(wrong.Reason);
    }

    [Fact]
    public void A_parameter_too_small_beside_the_others_to_be_checked_is_named()
    {
        Tensor x = Tensor.RandomNormal([8, 3], new Philox(1), DType.Float64),
            gamma = Tensor.Full([3], 1e-10, DType.Float64), beta = Tensor.Ones([3], DType.Float64);
        GradientCheckResult result = GradientCheck.Run(
            (Tensor[] v) => v[0].BatchNorm(v[1], v[2], running: null), [x, gamma, beta]);
        Assert.False(result.Passed);
        Assert.StartsWith(
            "FAILED: the derivatives by input 0 are at most ", result.ToString(), StringComparison.Ordinal);
        // A derivative that is truly 0 is no such case: a bias before batch norm.
        GradientCheckResult bias = GradientCheck.Run(
            (v, b) => (v + b).BatchNorm(Tensor.Ones([3], DType.Float64), beta, running: null), x,
            Tensor.Zeros([3], DType.Float64));
        Assert.True(bias.Passed, bias.ToString());
        Assert.Equal(24, bias.AboveFloor);
        Assert.Equal(27, bias.Entries);
    }
}
