using Evenkeel.Optim;
using Evenkeel.Tests.Reference;
using Xunit;

namespace Evenkeel.Tests;

/// <summary>
/// Statistics and losses whose squares leave the range of the type although the results do not; and
/// NaN in the backward pass.
/// </summary>
public sealed class RangeTests
{
    /// <summary>Relative: 1e-40 has 2^16 units of 2^-149 and is off by up to half of one.</summary>
    private const double Subnormal32 = 1e-4;

    /// <summary>Relative: 1e-310 has 2^44 units of 2^-1074, and the sum of squares a few roundings of such.</summary>
    private const double Subnormal64 = 1e-12;

    /// <summary>Half a unit in the last place, some times over; relative.</summary>
    private const double Float32Tolerance = 1e-6, Float64Tolerance = 1e-12;

    [Fact]
    public void Norms_of_1e22_have_the_slopes_of_the_formula()
    {
        // x = 1e22·(1, -1, 3, 0.5): mean 0.875e22, std 1.43069e22; dx = rstd·(dy - mean(dy) - xhat·mean(dy·xhat)).
        double[] x = [1e22, -1e22, 3e22, 0.5e22], right = Slopes([1, -1, 3, 0.5], [1, 0, 0, 0], 1e-22);
        Near("by hand", [5.229e-23, -1.547e-23, -1.974e-23, -1.707e-23], right, 1e-4);
        (string Name, int[] Shape, Func<Tensor, Tensor> Norm)[] norms =
        [
            ("batch", [4, 1], t => t.BatchNorm(null, null, null)),
            ("batch planes", [1, 1, 4], t => t.BatchNorm(null, null, null)),
            ("layer", [1, 4], t => t.LayerNorm([4], null, null)),
            ("group", [1, 1, 4], t => t.GroupNorm(1, null, null)),
            ("group rows", [1, 2, 2], t => t.GroupNorm(1, null, null)),
            ("instance", [1, 1, 4], t => t.InstanceNorm(null, null)),
        ];
        foreach ((string name, int[] shape, Func<Tensor, Tensor> norm) in norms)
        {
            Near(name, right, Gradient(x, shape, DType.Float32, norm, [1, 0, 0, 0]), Float32Tolerance);
            Near(name, right, Gradient(x, shape, DType.Float64, norm, [1, 0, 0, 0]), Float64Tolerance);
        }
    }

    [Theory]
    [InlineData(3.4e38, DType.Float32)]
    [InlineData(1.7e308, DType.Float64)]
    public void Norms_of_the_largest_numbers_are_one_and_minus_one(double largest, DType dtype)
    {
        foreach (int[] shape in new int[][] { [2, 1], [1, 1, 2], [2, 1, 1] })
        {
            Tensor x = new Tape(Mode.Train).Input(Tensor.From([largest, -largest], new Shape(shape)).To(dtype));
            Near("batch", [1, -1], Doubles(x.BatchNorm(null, null, null)), Float32Tolerance);
            Near("layer", [1, -1], Doubles(x.Reshape([1, 2]).LayerNorm([2], null, null)), Float32Tolerance);
            Near("rms", [1, -1], Doubles(x.Reshape([1, 2]).RMSNorm([2], null)), Float32Tolerance);
        }
    }

    [Fact]
    public void A_batch_whose_variance_the_type_does_not_hold_is_not_followed()
    {
        foreach ((double size, DType dtype) in new[] { (1e20, DType.Float32), (1e200, DType.Float64) })
        {
            var running = new RunningStatistics(1, RunningAverage.Torch());
            running.Mean.To(dtype);
            running.Variance.To(dtype);
            Tensor x = new Tape(Mode.Train).Input(Tensor.From([size, -size], [2, 1]).To(dtype));
            Near("y", [1, -1], Doubles(x.BatchNorm(null, null, running)), Float32Tolerance);
            Assert.Equal(1, running.SkippedBatches);
            Assert.Equal(1, running.Variance.Value.To(DType.Float64).ToArray<double>()[0]);
        }
    }

    [Fact]
    public void Variance_is_infinite_only_where_the_type_does_not_hold_it()
    {
        double[] x = [3e18, -3e18, 2.5e19, 0, 0, 0, 0, 0];
        Near("float32", [Variance(x, 1)], Doubles(Tensor.From(x, [8]).To(DType.Float32).Variance()), Float32Tolerance);
        Assert.Equal(8.07e37, Variance(x, 1), 1e35);

        // One outlier of 3e38 among so many that the variance is in range.
        double[] many = new double[70000];
        many[12345] = 3e18;
        many[0] = 3e20;
        Near("outlier", [Variance(many, 0)],
            Doubles(Tensor.From(many, [70000]).To(DType.Float32).Variance(correction: 0)), Float32Tolerance);
        Assert.Equal([double.PositiveInfinity], Doubles(Tensor.From([3e38, 0, 0], [3]).To(DType.Float32).Variance()));
        Assert.Equal(
            [double.PositiveInfinity], Doubles(Tensor.From([3e38, -3e38, 3e38], [3]).To(DType.Float32).Variance()));
        Assert.Equal([double.PositiveInfinity], Doubles(Tensor.From([1e200, -1e200], [2]).Variance()));
        Near(
            "float64", [Variance([1.2, -1, 0.1], 0) * 1e307],
            Doubles(Tensor.From([1.2e154, -1e154, 1e153], [3]).Variance(correction: 0)).Select(v => v / 10).ToArray(),
            Float64Tolerance);

        // Rows and columns, of which one leaves the range.
        double[] rows = [1, 2, 6, 3e18, -3e18, 2.5e19];
        Near("rows", [Variance([1, 2, 6], 1), Variance([3e18, -3e18, 2.5e19], 1)],
            Doubles(Tensor.From(rows, [2, 3]).To(DType.Float32).Variance([1])), Float32Tolerance);
        Near(
            "columns", [Variance([1, 2, 6], 1), Variance([3e18, -3e18, 2.5e19], 1)],
            Doubles(Tensor.From([1, 3e18, 2, -3e18, 6, 2.5e19], [3, 2]).To(DType.Float32).Variance([0])),
            Float32Tolerance);
    }

    [Fact]
    public void The_slope_of_the_variance_is_right_at_the_ends_too()
    {
        // x - mean overflows; then the slope 2·dy/(m - 1) is a subnormal number of few digits.
        double[] far = [3e38, -3e38, -3e38, -3e38];
        Near("float32", [1.125e38, -0.375e38, -0.375e38, -0.375e38],
            Gradient(far, [4], DType.Float32, t => t.Variance(correction: 0), [0.5]), Float32Tolerance);
        far = [1.6e308, -1.6e308, -1.6e308, -1.6e308];
        Near("float64", [0.6e308, -0.2e308, -0.2e308, -0.2e308],
            Gradient(far, [4], DType.Float64, t => t.Variance(correction: 0), [0.5]), Float64Tolerance);
        double[] x = [1e30, -1e30, 0];
        Near("small", [.. x.Select(value => value * (float)1e-42)],
            Gradient(x, [3], DType.Float32, t => t.Variance(), [1e-42]), Float32Tolerance);
    }

    [Fact]
    public void The_mean_squared_error_is_infinite_only_where_the_type_does_not_hold_it()
    {
        double[] x = [2.5e19, 0, 0, 0], zero = new double[4];
        Near("float32", [6.25e38 / 4], Doubles(Loss(x, zero, DType.Float32)), Float32Tolerance);
        Near(
            "float64", [1.5e154 * 0.375e154], Doubles(Loss([1.5e154, 0, 0, 0], zero, DType.Float64)), Float64Tolerance);
        Assert.Equal([double.PositiveInfinity], Doubles(Loss([3e38, 0, 0, 0], zero, DType.Float32)));
        double[] gradient = Gradient([3e38, 0],
            [2], DType.Float32, t => t.MeanSquaredError(Tensor.From([-3e38, 0], [2]).To(DType.Float32)), [0.25]);
        Near("gradient", [1.5e38, 0], gradient, Float32Tolerance);
        gradient = Gradient([1e30, -1e30],
            [2], DType.Float32, t => t.MeanSquaredError(Tensor.From([0.0, 0], [2]).To(DType.Float32)), [(float)1e-40]);
        Near("small", [1e-10, -1e-10], gradient, 1e-4);

        static Tensor Loss(double[] x, double[] target, DType dtype) =>
            Tensor.From(x, [4]).To(dtype).MeanSquaredError(Tensor.From(target, [4]).To(dtype));
    }

    [Theory]
    [InlineData(0.75)]
    [InlineData(0.6)]
    public void Local_response_norm_is_right_to_the_ends(double beta)
    {
        // Away from k the formula is homogeneous: y(s·x) = s^(1 - 2·beta)·y(x), and dx has the factor s^(-2·beta).
        const double Alpha = 0.3;
        double[] x = [1, -2, 0.5, 3, 0.25, -1], dy = [0.5, 1, -1, 0.25, 2, 1];
        foreach (int[] shape in new int[][] { [1, 3, 2], [1, 6, 1] })
        {
            (double[] y, double[] dx) = Run(x, shape, DType.Float64, 1);
            foreach ((double scale, DType dtype, double tolerance) in
                new[] { (1e25, DType.Float32, 3e-6), (1e18, DType.Float32, 3e-6),
                    (1e-20, DType.Float32, 3e-6), (1e200, DType.Float64, 1e-11), (1e-180, DType.Float64, 1e-11), })
            {
                (double[] ys, double[] dxs) = Run(x, shape, dtype, scale);
                Near($"y {scale}", [.. y.Select(value => value * Math.Pow(scale, 1 - 2 * beta))], ys, tolerance);
                Near($"dx {scale}", [.. dx.Select(value => value * Math.Pow(scale, -2 * beta))], dxs, tolerance);
            }
        }

        (double[] Y, double[] Dx) Run(double[] x, int[] shape, DType dtype, double scale)
        {
            var tape = new Tape(Mode.Train);
            Tensor input = tape.Input(
                Tensor.From([.. x.Select(value => value * scale)], new Shape(shape)).To(dtype), requiresGradient: true);
            Tensor y = input.LocalResponseNorm(3, Alpha, beta, k: 0);
            y.Backward(Tensor.From(dy, new Shape(shape)).To(dtype));
            return (Doubles(y), Doubles(input.Gradient!));
        }
    }

    [Fact]
    public void The_norm_of_gradients_is_right_to_the_ends()
    {
        foreach ((double size, DType dtype) in new[] { (1e-40, DType.Float32),
            (3e38, DType.Float32), (1e-200, DType.Float64), (1e200, DType.Float64), (1e-310, DType.Float64), })
        {
            var parameter = new Parameter(Tensor.Zeros([2]).To(dtype), "w");
            var tape = new Tape(Mode.Train);
            tape.Watch(parameter).Backward(Tensor.From([0.75 * size, size], [2]).To(dtype));
            double norm = GradientClipping.Norm([parameter], double.PositiveInfinity);
            Near("norm", [1.25 * size], [norm],
                dtype == DType.Float32 ? Subnormal32 : size < 1e-300 ? Subnormal64 : Float64Tolerance);
            if (size < 1) continue;
            GradientClipping.Norm([parameter], 1e-5);
            Near("clipped", [0.6e-5, 0.8e-5], Doubles(parameter.Gradient!), Float32Tolerance);
        }
    }

    public static TheoryData<string> Rectifiers => ["relu", "maximum", "minimum"];

    [Theory]
    [MemberData(nameof(Rectifiers))]
    public void NaN_goes_through_the_backward_pass_as_in_PyTorch(string name)
    {
        foreach (DType dtype in new[] { DType.Float32, DType.Float64 })
        {
            double[] x = [double.NaN, 1, -1, 2], dy = [3, 5, 7, 11];
            Tensor one = Tensor.From([1.0, double.NaN, 1, 1], [4]).To(dtype);
            double[] dx = name switch
            {
                "relu" => Gradient(x, [4], dtype, t => t.ReLU(), dy),
                "maximum" => Gradient(x, [4], dtype, t => t.Maximum(one), dy),
                _ => Gradient(x, [4], dtype, t => t.Minimum(one), dy),
            };
            double[] right = name == "minimum" ? [3, 5, 7, 0] : [3, 5, 0, 11];
            Assert.Equal(right, dx);

            // The other operand gets its whole gradient too.
            if (name is not ("maximum" or "minimum")) continue;
            double[] other = Gradient(
                [1, double.NaN, 1, 1], [4], dtype,
                t => name == "maximum"
                    ? Tensor.From(x, [4]).To(dtype).Maximum(t)
                    : Tensor.From(x, [4]).To(dtype).Minimum(t),
                dy);
            Assert.Equal(name == "maximum" ? [3, 5, 7, 0] : [3, 5, 0, 11], other);
        }
    }

    [Fact]
    public void A_fused_ReLU_lets_the_gradient_of_NaN_through_to_beta()
    {
        // One NaN channel: y is NaN everywhere in it, so dbeta is Σdy, as for the two layers one after the other.
        Tensor x = Tensor.From([double.NaN, 1, -1, 2], [4, 1]).To(DType.Float32);
        foreach (bool fused in new[] { false, true })
        {
            var tape = new Tape(Mode.Train);
            Tensor beta = tape.Input(Tensor.Zeros([1]), requiresGradient: true);
            Tensor y = tape.Input(x).BatchNorm(null, beta, null, fuseReLU: fused);
            (fused ? y : y.ReLU()).Backward(Tensor.Full([4, 1], 2));
            Assert.Equal([8f], beta.Gradient!.ToArray<float>());
        }
    }

    [Fact]
    public void Other_ops_treat_NaN_as_they_say()
    {
        double[] x = [double.NaN, 2], dy = [3, 3];
        Assert.Equal([0, 0], Gradient(x, [2], DType.Float32, t => t.Clamp(-1, 1), dy));
        Assert.Equal([double.NaN, 3], Gradient(x, [2], DType.Float32, t => t.Abs(), dy));
        Assert.Equal([1.5, 3], Gradient(x, [2], DType.Float32, t => t.LeakyReLU(0.5), dy));
        Assert.Equal([3, 0], Gradient(x, [2], DType.Float32, t => t.Max(0), [3]));
        Assert.Equal([3, 0], Gradient(x, [1, 1, 2], DType.Float32, t => t.MaxPool1d(2), [3]));
    }

    /// <summary>dx of a group normalized by its own statistics, eps left out, times a factor.</summary>
    private static double[] Slopes(double[] x, double[] dy, double factor)
    {
        double mean = x.Average(), rstd = 1 / Math.Sqrt(Variance(x, 0)), meanDy = dy.Average();
        double product = x.Select((value, i) => dy[i] * (value - mean) * rstd).Average();
        return [.. x.Select((value, i) => factor * rstd * (dy[i] - meanDy - (value - mean) * rstd * product))];
    }

    private static double Variance(double[] x, int correction)
    {
        double mean = x.Average();
        return x.Sum(value => (value - mean) * (value - mean)) / (x.Length - correction);
    }

    private static double[] Gradient(double[] x, int[] shape, DType dtype, Func<Tensor, Tensor> op, double[] dy)
    {
        Tensor input = new Tape(Mode.Train).Input(Tensor.From(x, new Shape(shape)).To(dtype), requiresGradient: true);
        Tensor y = op(input);
        y.Backward(Tensor.From(dy, y.Shape).To(dtype));
        return Doubles(input.Gradient!);
    }

    private static double[] Doubles(Tensor tensor) => tensor.To(DType.Float64).ToArray<double>();

    private static void Near(string what, double[] expected, double[] actual, double tolerance)
    {
        Assert.Equal(expected.Length, actual.Length);
        double scale = expected.Max(Math.Abs);
        for (int i = 0; i < expected.Length; i++)
        {
            if (!(Math.Abs(expected[i] - actual[i]) <= tolerance * scale))
                Assert.Fail($"{what}[{i}]: expected {expected[i]:R}, got {actual[i]:R}");
        }
    }
}
