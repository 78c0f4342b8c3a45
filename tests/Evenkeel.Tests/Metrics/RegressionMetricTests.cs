using Evenkeel.Random;
using Evenkeel.Training;
using Xunit;

namespace Evenkeel.Tests.Metrics;

public sealed class RegressionMetricTests
{
    private static double Of(Metric metric, Tensor prediction, Tensor target)
    {
        metric.Update(prediction, target);
        return metric.Compute();
    }

    // scikit-learn's example: errors -0.5, 0.5, 0, 1.
    [Fact]
    public void Errors_of_scikit_learns_example()
    {
        Tensor target = Tensor.From(3f, -0.5f, 2, 7), prediction = Tensor.From(2.5f, 0, 2, 8);
        Assert.Equal(Math.Sqrt(1.5 / 4), Of(new RootMeanSquaredError(), prediction, target));
        Assert.Equal(2 / 4.0, Of(new MeanAbsoluteError(), prediction, target));

        // The mean is 2.875; the deviations are 0.125, -3.375, -0.875 and 4.125.
        double spread = 0.125 * 0.125 + 3.375 * 3.375 + 0.875 * 0.875 + 4.125 * 4.125;
        Assert.Equal(1 - 1.5 / spread, Of(new RSquared(), prediction, target), Tolerances.Float64Ulps);
        Assert.Equal(0.948, Of(new RSquared(), prediction, target), 0.001);
        Metric[] all = [new RootMeanSquaredError(), new MeanAbsoluteError(), new RSquared()];
        Assert.Equal(["rmse", "mae", "r2"], all.Select(static metric => metric.Name));
        Assert.False(new RootMeanSquaredError().HigherIsBetter);
        Assert.False(new MeanAbsoluteError().HigherIsBetter);
        Assert.True(new RSquared().HigherIsBetter);
    }

    // scikit-learn's example of several outputs, with uniform_average. Columns: 0.5, -1, 7 and 1, 1, -6.
    [Fact]
    public void R2_of_several_outputs_is_the_mean_of_theirs()
    {
        Tensor target = Tensor.From([0.5, 1, -1, 1, 7, -6], [3, 2]);
        Tensor prediction = Tensor.From([0.0, 2, -1, 2, 8, -5], [3, 2]);
        double mean = 6.5 / 3, first = Math.Pow(0.5 - mean, 2) + Math.Pow(-1 - mean, 2) + Math.Pow(7 - mean, 2);
        mean = -4 / 3.0;
        double second = 2 * Math.Pow(1 - mean, 2) + Math.Pow(-6 - mean, 2);
        Assert.Equal(
            (1 - 1.25 / first + 1 - 3 / second) / 2, Of(new RSquared(), prediction, target), Tolerances.Float64Ulps);
    }

    [Fact]
    public void R2_of_equal_targets_is_that_of_scikit_learn()
    {
        Tensor target = Tensor.From(-2.0, -2, -2);
        Assert.Equal(1, Of(new RSquared(), target, target));
        Assert.Equal(0, Of(new RSquared(), Tensor.From(-2, -2, -2 + 1e-8), target));
        Assert.True(double.IsNaN(Of(new RSquared(), Tensor.From(1.0), Tensor.From(2.0))));
        Assert.True(double.IsNaN(new RSquared().Compute()));
        Assert.True(double.IsNaN(new RootMeanSquaredError().Compute()));
        Assert.True(double.IsNaN(new MeanAbsoluteError().Compute()));
    }

    // The targets' spread is 1 at a mean of 1e9: sums of squares would keep none of its digits.
    [Fact]
    public void R2_keeps_its_digits_if_the_mean_of_the_targets_is_large()
    {
        double[] noise = new double[1000], small = new double[1000];
        var random = new Philox(2);
        for (int i = 0; i < 1000; i++)
            (small[i], noise[i]) = (random.NextInt(1024) / 1024.0, random.NextInt(64) / 1024.0);
        double near = Batches(0), far = Batches(1e9);
        Assert.InRange(near, 0.9, 0.999);
        Assert.Equal(near, far, Tolerances.Float64Roundoff);

        double Batches(double mean)
        {
            var metric = new RSquared();
            for (int at = 0; at < 1000; at += 300)
            {
                int count = Math.Min(300, 1000 - at);
                double[] target = [.. small.Skip(at).Take(count).Select(t => mean + t)];
                double[] prediction = [.. target.Select((t, i) => t + noise[at + i])];
                metric.Update(Tensor.From(prediction, [count, 1]), Tensor.From(target, [count, 1]));
            }

            return metric.Compute();
        }
    }

    [Fact]
    public void Batches_add_up_and_reset_forgets_them()
    {
        Tensor target = Tensor.RandomNormal([101, 3], new Philox(1)), prediction = target + 0.1 * target.Square();
        foreach (Metric metric in new Metric[] { new RootMeanSquaredError(), new MeanAbsoluteError(), new RSquared() })
        {
            double whole = Of(metric, prediction, target);
            metric.Reset();
            Assert.True(double.IsNaN(metric.Compute()));
            for (int at = 0; at < 101; at += 30)
                metric.Update(prediction[at..Math.Min(101, at + 30)], target[at..Math.Min(101, at + 30)]);
            Assert.Equal(whole, metric.Compute(), Tolerances.Float64Steps);
            Assert.Equal(0, Allocations.Of(() => metric.Update(prediction, target)));
        }
    }

    [Fact]
    public void A_prediction_of_NaN_is_seen()
    {
        Tensor target = Tensor.From(1f, 2), prediction = Tensor.From(1, float.NaN);
        Assert.True(double.IsNaN(Of(new RootMeanSquaredError(), prediction, target)));
        Assert.True(double.IsNaN(Of(new MeanAbsoluteError(), prediction, target)));
        Assert.True(double.IsNaN(Of(new RSquared(), prediction, target)));
        Assert.True(double.IsNaN(Of(new RSquared(), prediction, Tensor.From(1f, 1))));
    }

    [Fact]
    public void Errors_name_the_metric_and_the_sample()
    {
        Says("RootMeanSquaredError: expected predictions and targets that are numbers of one shape, got Float32 of "
            + "shape (3, 1) and Float32 of shape (3). Reshape the targets, or take Accuracy for class labels.",
            () => new RootMeanSquaredError().Update(Tensor.Zeros([3, 1]), Tensor.Zeros([3])));
        Says("MeanAbsoluteError: expected predictions and targets that are numbers of one shape, got Float32 of shape "
            + "(3) and Int64 of shape (3).",
            () => new MeanAbsoluteError().Update(Tensor.Zeros([3]), Tensor.Labels(0, 1, 2)));
        Says("RSquared: expected finite targets, got Infinity for sample (1, 0) of the batch. Remove the sample",
            () => new RSquared().Update(Tensor.Zeros([2, 1]), Tensor.From([0, double.PositiveInfinity], [2, 1])));
        var seen = new RSquared();
        seen.Update(Tensor.Zeros([2, 1]), Tensor.Zeros([2, 1]));
        Says("RSquared: expected 1 outputs per sample as in the batches before, got shape (2, 2).",
            () => seen.Update(Tensor.Zeros([2, 2]), Tensor.Zeros([2, 2])));

        static void Says(string start, Action action) => Assert.StartsWith(
            start, Assert.Throws<ArgumentException>(action).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_metric_of_ones_own_is_the_mean_over_the_samples()
    {
        Metric metric = Metric.Of("largest error", (p, t) => (p - t).Abs().Max().Item(), higherIsBetter: false);
        Assert.Equal("largest error", metric.Name);
        Assert.Equal("largest error", metric.ToString());
        Assert.False(metric.HigherIsBetter);
        Assert.True(double.IsNaN(metric.Compute()));
        metric.Update(Tensor.From(1.0, 2, 4), Tensor.From(1.0, 1, 1));
        metric.Update(Tensor.From(1.0), Tensor.From(2.0));
        metric.Update(Tensor.Zeros([0]), Tensor.Zeros([0]));
        Assert.Equal((3 * 3 + 1) / 4.0, metric.Compute());
        metric.Reset();
        metric.Update(Tensor.From(double.NaN), Tensor.From(2.0));
        Assert.True(double.IsNaN(metric.Compute()));
        Assert.Throws<ArgumentException>(() => Metric.Of("", (_, _) => 0));
        Assert.Throws<ArgumentNullException>(() => Metric.Of("own", null!));
    }
}
