using Evenkeel.Nn;
using Evenkeel.Random;
using Evenkeel.Tests.Reference;
using Xunit;

namespace Evenkeel.Tests.Ops.Normalization;

/// <summary>
/// RMS norm against its formula and its relatives, at ordinary and extreme sizes, and what is refused.
/// </summary>
public sealed class RMSNormTests
{
    /// <summary>What is promised for ordinary float32 inputs, times max(1, |y|).</summary>
    private const double FloatTolerance = 2e-6;

    /// <summary>Rounding of double arithmetic over some thousand terms.</summary>
    private const double DoubleTolerance = 1e-12;

    public static TheoryData<int, int> Shapes =>
        new() { { 1, 1 }, { 4, 2 }, { 5, 15 }, { 5, 16 }, { 3, 17 }, { 9, 64 }, { 50, 100 }, { 2, 257 }, { 600, 33 }, {
            3, 5000 }, };

    [Theory]
    [MemberData(nameof(Shapes))]
    public void It_matches_its_formula(int rows, int length)
    {
        double[] x = Normal(rows * length, 1), gamma = Normal(length, 2), dy = Normal(rows * length, 3);
        foreach (DType dtype in new[] { DType.Float32, DType.Float64 })
        {
            double tolerance = dtype == DType.Float32 ? FloatTolerance : DoubleTolerance;
            double eps = dtype == DType.Float32 ? 1.1920929e-07 : 2.220446049250313e-16;
            (double[] y, double[] dx, double[] dgamma, double scale) = Formula(x, gamma, dy, length, eps);
            var weight = new Parameter(Tensor.From(gamma, [length]).To(dtype));
            Tensor input = new Tape(Mode.Train).Input(Tensor.From(x, [rows, length]).To(dtype), requiresGradient: true);
            Tensor actual = input.RMSNorm([length], weight);
            actual.Backward(Tensor.From(dy, [rows, length]).To(dtype));
            NormCompare.Close("y", actual, y, tolerance, 1);
            NormCompare.Close("dx", input.Gradient!, dx, 4 * tolerance, scale);
            NormCompare.Close("dgamma", weight.Gradient!, dgamma, 4 * tolerance, dgamma.Max(Math.Abs));
        }
    }

    /// <summary>The numbers of docs/derivations/rms-norm.md, worked out by hand.</summary>
    [Fact]
    public void The_derivations_numbers_hold()
    {
        Tensor x = new Tape(Mode.Train).Input(Tensor.From([1.0, 3.0, 5.0, 1.0], [1, 4]), requiresGradient: true);
        var gamma = new Parameter(Tensor.From([3.0, 1.0, 1.0, 3.0], [4]));
        Tensor y = x.RMSNorm([4], gamma, eps: 0);
        y.Backward(Tensor.From([1.0, 1.0, 0.0, 2.0], [1, 4]));
        NormCompare.Close("y", y, [1, 1, 5.0 / 3, 1], Tolerances.Float64Steps, 1);
        NormCompare.Close("dx", x.Gradient!, [8.0 / 9, 0, -5.0 / 9, 17.0 / 9], Tolerances.Float64Steps, 1);
        NormCompare.Close("dgamma", gamma.Gradient!, [1.0 / 3, 1, 0, 2.0 / 3], Tolerances.Float64Steps, 1);
    }

    [Fact]
    public void Gradients_match_differences_in_double()
    {
        foreach (int[] shape in new int[][] { [4, 5], [3, 2, 4], [2, 17], [2, 3, 40] })
        {
            Tensor x = Random(shape, 4), gamma = Random(shape[1..], 5);
            Assert.True(GradientCheck.Run(v => v[0].RMSNorm(new Shape(shape[1..]), v[1]), [x, gamma]).Passed);
            Assert.True(GradientCheck.Run(v => v[0].RMSNorm(new Shape(shape[1..]), null, eps: 0.1), [x]).Passed);
        }
    }

    [Fact]
    public void Of_rows_with_mean_zero_it_is_layer_norm()
    {
        Tensor x = Random([7, 40], 6);
        Tensor centered = x - x.Mean([1], keepDims: true);
        NormCompare.Close("y", centered.RMSNorm([40], null, 1e-5),
            centered.LayerNorm([40], null, null).ToArray<double>(), DoubleTolerance, 1);
    }

    [Fact]
    public void It_does_not_change_when_a_row_is_scaled()
    {
        Tensor x = Random([7, 40], 7);
        NormCompare.Close(
            "y", (x * 3.5).RMSNorm([40], null, 0), x.RMSNorm([40], null, 0).ToArray<double>(), DoubleTolerance, 1);
    }

    [Theory]
    [InlineData(1e-40)]
    [InlineData(1e-24)]
    [InlineData(1e-16)]
    [InlineData(1e20)]
    [InlineData(1e37)]
    public void Squares_that_float_does_not_hold_are_taken_in_double(double scale)
    {
        foreach (int length in new[] { 7, 40, 300 })
        {
            double[] x = Array.ConvertAll(Normal(3 * length, 8), v => (double)(float)(scale * v));
            double[] y = Formula(x, Ones(length), x, length, 0).Y;

            // Subnormal numbers have few digits themselves, and so has 1/rms in their neighbourhood.
            if (scale >= 1e-37)
            {
                NormCompare.Close(
                    "y", Tensor.From(x, [3, length]).To(DType.Float32).RMSNorm([length], null, 0), y, 1e-4, 1);
            }

            double[] covered = Formula(x, Ones(length), x, length, 1e-5).Y;
            NormCompare.Close(
                "y", Tensor.From(x, [3, length]).To(DType.Float32).RMSNorm([length], null, 1e-5), covered, 1e-4, 1);
        }
    }

    [Fact]
    public void A_row_of_zeros_gives_zeros_and_no_gradient_without_eps()
    {
        Tensor x = new Tape(Mode.Train).Input(Tensor.Zeros([2, 20]), requiresGradient: true);
        Tensor y = x.RMSNorm([20], null, 0);
        y.Backward(Tensor.Ones([2, 20]));
        Assert.All(y.ToArray<float>(), value => Assert.Equal(0, value));
        Assert.All(x.Gradient!.ToArray<float>(), value => Assert.Equal(0, value));
    }

    [Fact]
    public void Fused_with_ReLU_it_gives_the_bits_of_the_pair()
    {
        foreach (int[] shape in new int[][] { [33, 70], [9, 5], [4, 3, 16] })
        {
            Shape last = [shape[^1]];
            Tensor x = Tensor.RandomNormal(new Shape(shape), new Philox(9)),
                dy = Tensor.RandomNormal(new Shape(shape), new Philox(10));
            (float[] Y, float[] Dx, float[] Dgamma) fused = Run(fuse: true), pair = Run(fuse: false);
            Assert.Equal(pair.Y, fused.Y);
            Assert.Equal(pair.Dx, fused.Dx);
            Assert.Equal(pair.Dgamma, fused.Dgamma);

            (float[], float[], float[]) Run(bool fuse)
            {
                var gamma = new Parameter(Tensor.RandomNormal(last, new Philox(11)));
                Tensor input = new Tape(Mode.Train).Input(x, requiresGradient: true);
                Tensor y = fuse
                    ? input.FusedRMSNorm(last, gamma, eps: null, fuseReLU: true)
                    : input.RMSNorm(last, gamma).ReLU();
                y.Backward(dy);
                return (y.ToArray<float>(), input.Gradient!.ToArray<float>(), gamma.Gradient!.ToArray<float>());
            }
        }
    }

    [Fact]
    public void The_layer_has_PyTorchs_key_and_text_and_is_fused()
    {
        Assert.Equal("RMSNorm((768,), eps=None, elementwise_affine=True)", new RMSNorm(768).ToString());
        Assert.Equal("RMSNorm((6, 3), eps=1e-06, elementwise_affine=False)",
            new RMSNorm([6, 3], 1e-6, elementwiseAffine: false).ToString());
        Assert.Equal(["weight"], new RMSNorm(4).StateDict().Keys);
        var tape = new Tape(Mode.Train);
        new Sequential(new RMSNorm(20), new ReLU()).Forward(tape.Input(Tensor.RandomNormal([3, 20], new Philox(1))));
        Assert.Equal(1, tape.OpCount);
    }

    [Fact]
    public void What_does_not_fit_is_refused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => new RMSNorm(0));
        Assert.Throws<ArgumentOutOfRangeException>(() => new RMSNorm(3, eps: -1));
        Assert.Throws<ArgumentException>(() => new RMSNorm([]));
        Assert.Contains(
            "RMSNorm: expected an input whose last dimensions are (6, 3), got shape (8, 6, 4)",
            GroupNormTests.Refused(() => new RMSNorm([6, 3]).Forward(Tensor.Zeros([8, 6, 4]))),
            StringComparison.Ordinal);
        Assert.Contains(
            "model.To(DType.Float64)",
            GroupNormTests.Refused(() => new RMSNorm(3).Forward(Tensor.Zeros([4, 3], DType.Float64))),
            StringComparison.Ordinal);
    }

    private static (double[] Y, double[] Dx, double[] Dgamma, double Scale) Formula(
        double[] x, double[] gamma, double[] dy, int length, double eps)
    {
        double[] y = new double[x.Length], dx = new double[x.Length], dgamma = new double[length];
        double scale = 0;
        for (int row = 0; row < x.Length; row += length)
        {
            double meanSquare = 0, meanGx = 0;
            for (int j = 0; j < length; j++) meanSquare += x[row + j] * x[row + j] / length;
            double r = 1 / Math.Sqrt(meanSquare + eps);
            for (int j = 0; j < length; j++)
            {
                double xhat = x[row + j] * r;
                y[row + j] = gamma[j] * xhat;
                dgamma[j] += dy[row + j] * xhat;
                meanGx += gamma[j] * dy[row + j] * xhat / length;
            }

            for (int j = 0; j < length; j++)
            {
                double g = gamma[j] * dy[row + j];
                scale = Math.Max(scale, Math.Abs(r * g));
                dx[row + j] = r * (g - x[row + j] * r * meanGx);
            }
        }

        return (y, dx, dgamma, scale);
    }

    private static double[] Ones(int count)
    {
        double[] ones = new double[count];
        Array.Fill(ones, 1);
        return ones;
    }

    private static double[] Normal(int count, ulong seed)
    {
        double[] values = new double[count];
        new Philox(seed).FillNormal(values);
        return Array.ConvertAll(values, v => (double)(float)(v + 0.5));
    }

    private static Tensor Random(int[] shape, ulong seed) =>
        Tensor.RandomNormal(new Shape(shape), new Philox(seed), DType.Float64);
}
