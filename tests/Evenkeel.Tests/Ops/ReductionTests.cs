using Evenkeel.Random;
using Evenkeel.Tests.Reference;
using Xunit;

namespace Evenkeel.Tests;

public sealed class ReductionTests
{
    [Fact]
    public void A_mean_of_large_values_is_finite()
    {
        Assert.Equal(1e37f, Tensor.Full([4096], 1e37).Mean().Item(), 1e31);
        Assert.Equal(1e36f, Tensor.Full([4096], 1e18).MeanSquaredError(Tensor.Zeros([4096])).Item(), 1e30);
    }

    private static readonly (int[] Shape, int[] Axes)[] s_cases =
    [
        ([50, 10], [0]), ([50, 10], [1]), ([50, 10], []), ([300, 130], [0]), ([300, 130], [-1]), ([3, 4, 5], [1]),
        ([3, 4, 5], [0, 2]), ([3, 4, 5], [0, 1]), ([8, 16, 7, 7], [0, 2, 3]), ([4, 3, 70, 5], [0, 2]),
        ([2, 3, 2, 3, 2, 20], [0, 2, 4]), ([2, 3, 2, 3, 2, 20], [1, 3, 5]), ([1], [0]), ([1, 5], [0]), ([5, 1], [1]),
        ([200000], []), ([70000, 3], [0]), ([3, 70000], [1]), ([5, 2, 33000], [0, 2]), ([40000, 40], [0]),
        ([2, 20000, 17], [1]),
    ];

    [Fact]
    public void Sum_mean_and_variance()
    {
        foreach ((int[] shape, int[] axes) in s_cases)
        {
            foreach (DType dtype in new[] { DType.Float32, DType.Float64 })
            {
                Tensor x = Tensor.RandomNormal(new Shape(shape), new Philox(1), dtype);
                double[][] groups = NaiveOps.Groups(x, axes);
                double m = groups[0].Length;
                Close.To(groups.Select(g => g.Sum() / m).ToArray(), x.Sum(axes) / m, Tolerances.Float32Roundoff);
                Close.To(groups.Select(g => g.Sum() / m).ToArray(), x.Mean(axes, keepDims: true));
                Close.To(groups.Select(g => NaiveOps.Variance(g, 0)).ToArray(), x.Variance(axes, correction: 0));
                if (m > 1) Close.To(groups.Select(g => NaiveOps.Variance(g, 1)).ToArray(), x.Variance(axes));
            }
        }
    }

    [Fact]
    public void Sums_are_accurate_in_Float32()
    {
        Tensor x = Tensor.RandomUniform([1 << 20], new Philox(3));
        double exact = x.ToArray<float>().Sum(v => (double)v);
        Assert.Equal((float)exact, x.Sum().Item(), exact * Tolerances.Float32Rounding);
    }

    [Fact]
    public void Variance_keeps_its_digits_far_from_zero()
    {
        Tensor x = (Tensor.RandomNormal([64, 8], new Philox(1)) * 0.01) + 1e4;
        Close.To(
            NaiveOps.Groups(x, [0]).Select(g => NaiveOps.Variance(g, 1) * 1e4).ToArray(), x.Variance([0]) * 1e4,
            Tolerances.Float32Sums);
        Close.To(new double[3], Tensor.Full([5, 3], 0.1f).Variance([0]), 0);
        Assert.True(double.IsNaN(Tensor.Ones([1]).Variance().Item()));
    }

    [Fact]
    public void Gradients()
    {
        foreach ((int[] shape, int[] axes) in s_cases)
        {
            if (new Shape(shape).Count > 600) continue;
            Tensor x = Tensor.RandomNormal(new Shape(shape), new Philox(2), DType.Float64);
            Passes(GradientCheck.Run(v => v.Sum(axes), x));
            Passes(GradientCheck.Run(v => v.Mean(axes, keepDims: true), x));
            // One value has the variance 0 whatever it is: there is nothing to compare.
            if (NaiveOps.Groups(x, axes)[0].Length > 1)
            {
                Passes(GradientCheck.Run(v => v.Variance(axes), x));
                Passes(GradientCheck.Run(v => v.Variance(axes, keepDims: true, correction: 0), x));
            }

            Passes(GradientCheck.Run(v => v.Max(axes.Length > 0 ? axes[0] : -1), x));
        }
    }

    [Fact]
    public void Shapes_of_results()
    {
        Tensor x = Tensor.Zeros([3, 4, 5]);
        Assert.Equal(new Shape([]), x.Sum().Shape);
        Assert.Equal(new Shape([1, 1, 1]), x.Sum(keepDims: true).Shape);
        Assert.Equal(new Shape([3, 5]), x.Mean([1]).Shape);
        Assert.Equal(new Shape([1, 4, 1]), x.Variance([0, -1], keepDims: true).Shape);
        Assert.Equal(new Shape([3, 1, 5]), x.Max(1, keepDims: true).Shape);
        Assert.Equal(new Shape([3, 4]), x.ArgMax(-1).Shape);
        Assert.Equal([0f, 0f], Tensor.Zeros([0, 2]).Sum([0]).ToArray<float>());
        Assert.True(double.IsNaN(Tensor.Zeros([0, 2]).Mean().Item()));
    }

    [Fact]
    public void Maxima_go_to_the_first()
    {
        Tensor x = Tensor.From(new double[,] { { 1, 3, 3 }, { 5, 5, 2 } });
        Assert.Equal([1L, 0L], x.ArgMax(-1).ToArray<long>());
        Assert.Equal([1L, 1L, 0L], x.ArgMax(0).ToArray<long>());
        Assert.Equal([5.0, 5, 3], x.Max(0).ToArray<double>());
        Assert.Equal(5, x.Max().Item());
        var tape = new Tape();
        Tensor taped = tape.Input(x, requiresGradient: true);
        taped.Max(1).Backward(Tensor.From(10.0, 20.0));
        Assert.Equal([0.0, 10, 0, 20, 0, 0], taped.Gradient!.ToArray<double>());
        Assert.Equal([1L], Tensor.From(new float[,] { { 1, float.NaN, 3 } }).ArgMax(1).ToArray<long>());
    }

    /// <summary>No axis means all of them, as in PyTorch and NumPy, for every reduction of a tensor.</summary>
    [Fact]
    public void Without_an_axis_every_reduction_goes_over_everything()
    {
        Tensor x = Tensor.From(new double[,] { { 1, 3, 3 }, { 5, 8, 2 } });
        (Tensor Result, double Expected)[] reductions =
        [
            (x.Sum(), 22), (x.Mean(), 22.0 / 6), (x.Variance(correction: 0), 112.0 / 6 - 22.0 / 6 * (22.0 / 6)),
            (x.Max(), 8), (x.ArgMax(), 4),
        ];
        Assert.All(reductions, reduction =>
        {
            Assert.Equal(new Shape([]), reduction.Result.Shape);
            Assert.Equal(reduction.Expected, reduction.Result.Item(), Tolerances.Float64Roundoff);
        });
        Assert.Equal(DType.Int64, x.ArgMax().DType);
        Assert.Equal(1, Tensor.From(1.0, double.NaN, 3, double.NaN).ArgMax().Item());
        Assert.Throws<ArgumentException>(() => Tensor.Zeros([0, 3]).ArgMax());
        Assert.Throws<ArgumentException>(() => Tensor.Zeros([0, 3]).Max());
    }

    [Fact]
    public void Errors_name_the_axis()
    {
        Tensor x = Tensor.Zeros([3, 4]);
        Assert.StartsWith("Sum: expected an axis from -2 to 1 for shape (3, 4), got 2.",
            Assert.Throws<ArgumentOutOfRangeException>(() => x.Sum([2])).Message, StringComparison.Ordinal);
        Assert.StartsWith("Mean: expected each axis once, got axis -1 twice",
            Assert.Throws<ArgumentException>(() => x.Mean([1, -1])).Message, StringComparison.Ordinal);
        Assert.StartsWith("Variance: expected a correction of 0 (biased) or 1 (unbiased), got 2.",
            Assert.Throws<ArgumentException>(() => x.Variance(correction: 2)).Message, StringComparison.Ordinal);
        Assert.StartsWith("Max: expected at least one element along axis 0, got shape (0, 2).",
            Assert.Throws<ArgumentException>(() => Tensor.Zeros([0, 2]).Max(0)).Message, StringComparison.Ordinal);
    }

    private static void Passes(GradientCheckResult result) => Assert.True(result.Passed, result.ToString());
}
