using Evenkeel.Diagnostics;
using Evenkeel.Nn;
using Evenkeel.Random;
using Xunit;

namespace Evenkeel.Tests.Diagnostics;

public sealed class TensorStatisticsTests
{
    [Fact]
    public void Of_a_few_values()
    {
        TensorStatistics seen = TensorStatistics.Of(Tensor.From([0f, 1f, 2f, 0f, -3f], [5]), bins: 5);
        Assert.Equal(5, seen.Count);
        Assert.Equal(0, seen.Mean);
        Assert.Equal(Math.Sqrt(14.0 / 4), seen.Std, 15);
        Assert.Equal((-3, 2, 3), (seen.Min, seen.Max, seen.Peak));
        Assert.Equal(0.4, seen.ZeroShare);
        Assert.Null(seen.SaturatedShare);
        Assert.Equal(0, seen.NonFinite);
        Assert.Equal((-3, 2), (seen.Histogram!.Low, seen.Histogram.High));
        Assert.Equal([1, 0, 0, 2, 2], seen.Histogram.Counts);
    }

    [Fact]
    public void Non_finite_values_are_counted_and_do_not_hide_the_rest()
    {
        TensorStatistics seen = TensorStatistics.Of(
            Tensor.From([double.NaN, 1, double.PositiveInfinity, double.NegativeInfinity, 2]), bins: 2);
        Assert.Equal((1, 2, 3), (seen.NaNs, seen.Infinities, seen.NonFinite));
        Assert.True(double.IsNaN(seen.Mean) && double.IsNaN(seen.Std));
        Assert.Equal(double.PositiveInfinity, seen.Max);
        Assert.Equal([1, 1], seen.Histogram!.Counts);
        TensorStatistics none = TensorStatistics.Of(Tensor.From([double.NaN]), bins: 2);
        Assert.True(double.IsNaN(none.Min) && double.IsNaN(none.Peak));
        Assert.Null(none.Histogram);
    }

    [Fact]
    public void Saturation_is_a_flat_slope()
    {
        // Slopes as shares of the largest: 1, 0.0396, 0.0396; of tanh 1, 0.0199.
        Assert.Equal(2.0 / 3, TensorStatistics.Of(Tensor.From([0.5, 0.99, 0.01]), new Sigmoid()).SaturatedShare);
        Assert.Equal(0.5, TensorStatistics.Of(Tensor.From([0.0, -0.99]), new Tanh()).SaturatedShare);
        Assert.Null(TensorStatistics.Of(Tensor.From([0.0, -0.99]), new ReLU()).SaturatedShare);
    }

    [Fact]
    public void Subnormals_are_kept()
    {
        float tiny = BitConverter.Int32BitsToSingle(3);
        double std = TensorStatistics.Of(Tensor.From([tiny, -tiny], [2])).Std;
        Assert.Equal(2 * (double)tiny / Math.Sqrt(2), std, Tolerances.Float64Ulps * tiny);
    }

    [Fact]
    public void Bad_arguments_are_refused()
    {
        Assert.Throws<ArgumentException>(() => TensorStatistics.Of(Tensor.Zeros([2], DType.Int64)));
        Assert.Throws<ArgumentOutOfRangeException>(() => TensorStatistics.Of(Tensor.Zeros([2]), bins: -1));
        Assert.Throws<ArgumentOutOfRangeException>(() => new ActivationProbe(new ReLU(), bins: -1));
    }

    [Fact]
    public void A_constant_has_one_full_interval()
    {
        Assert.Equal([4, 0, 0], TensorStatistics.Of(Tensor.Ones([4]), bins: 3).Histogram!.Counts);
        Assert.Equal(
            1000, TensorStatistics.Of(Tensor.RandomNormal([1000], new Philox(1)), bins: 7).Histogram!.Counts.Sum());
    }
}
