using Evenkeel.Data;
using Evenkeel.Losses;
using Evenkeel.Nn;
using Evenkeel.Optim;
using Evenkeel.Training;
using Xunit;

namespace Evenkeel.Tests.Data;

/// <summary>
/// The generators give the shapes, the geometry, the noise and the labels that their documentation promises.
/// </summary>
public sealed class SyntheticTests
{
    /// <summary>Two products of a few units and their sum in Float32.</summary>
    private const double OfProducts = 1e-5;

    private const int Many = 4000;

    /// <summary>
    /// A coordinate near 1 is stored in float32: half a unit in its last place, and the square root of two of them.
    /// </summary>
    private const double Stored = 2e-7;

    /// <summary>
    /// A standard deviation over 2000 values or more has a relative standard error of at most 1/√4000 = 1.6 %; this is
    /// five of them.
    /// </summary>
    private const double OfDeviation = 0.08;

    private static readonly Dictionary<string, Func<int, ulong, TensorDataset>> s_sets = new(StringComparer.Ordinal)
    {
        ["moons"] = static (samples, seed) => Synthetic.Moons(samples, seed: seed),
        ["circles"] = static (samples, seed) => Synthetic.Circles(samples, seed: seed),
        ["spirals"] = static (samples, seed) => Synthetic.Spirals(samples, seed: seed),
        ["blobs"] = static (samples, seed) => Synthetic.Blobs(samples, seed: seed),
    };

    public static TheoryData<string> Sets => [.. s_sets.Keys];

    [Theory]
    [MemberData(nameof(Sets))]
    public void One_seed_is_one_set_and_a_longer_set_begins_with_the_shorter(string name)
    {
        TensorDataset set = s_sets[name](60, 7), longer = s_sets[name](90, 7), other = s_sets[name](60, 8);
        float[] values = set.Inputs.ToArray<float>();
        Assert.Equal(values, s_sets[name](60, 7).Inputs.ToArray<float>());
        Assert.Equal(values, longer.Inputs.ToArray<float>()[..values.Length]);
        Assert.NotEqual(values, other.Inputs.ToArray<float>());
        Assert.Equal(new Shape(60, 2), set.Inputs.Shape);
        Assert.All(values, static value => Assert.True(float.IsFinite(value)));
    }

    [Theory]
    [MemberData(nameof(Sets))]
    public void Classes_take_turns(string name)
    {
        TensorDataset set = s_sets[name](31, 1);
        long[] labels = set.Targets.ToArray<long>();
        long classes = labels.Max() + 1;
        Assert.Equal(Enumerable.Range(0, 31).Select(i => i % classes), labels);
    }

    [Fact]
    public void Moons_without_noise_are_two_half_circles()
    {
        foreach ((double x, double y, long label) in Points(Synthetic.Moons(Many, noise: 0, seed: 3)))
        {
            (double u, double v) = label == 0 ? (x, y) : (1 - x, 0.5 - y);
            Assert.Equal(1, Math.Sqrt((u * u) + (v * v)), Stored);
            Assert.True(v >= -Stored);
        }
    }

    [Fact]
    public void Circles_without_noise_have_the_radii_one_and_factor()
    {
        foreach ((double x, double y, long label) in Points(Synthetic.Circles(Many, noise: 0, factor: 0.25, seed: 3)))
            Assert.Equal(label == 0 ? 1 : 0.25, Math.Sqrt((x * x) + (y * y)), Stored);
    }

    [Fact]
    public void Spirals_without_noise_turn_once_per_unit_of_radius()
    {
        foreach ((double x, double y, long label) in Points(Synthetic.Spirals(Many, arms: 5, noise: 0, seed: 3)))
        {
            double radius = Math.Sqrt((x * x) + (y * y));
            double turns = (Math.Atan2(y, x) / (2 * Math.PI)) - radius - (label / 5.0);
            Assert.InRange(radius, 0.1 - Stored, 1 + Stored);
            // At a radius of 0.1 a rounding turns ten times as far.
            Assert.Equal(0, turns - Math.Round(turns), 10 * Stored);
        }
    }

    [Fact]
    public void Noise_is_normal_with_the_standard_deviation_that_was_asked_for()
    {
        // Across a circle of radius 1 a small noise moves a point by its own deviation.
        double[] off = [.. Points(Synthetic.Circles(Many, noise: 0.02, seed: 5))
            .Where(static point => point.Label == 0)
            .Select(static point => Math.Sqrt((point.X * point.X) + (point.Y * point.Y)) - 1)];
        double deviation = Math.Sqrt(off.Average(static value => value * value));
        Assert.Equal(0.02, deviation, 0.02 * OfDeviation);
        // 68.3 % of a normal distribution lie within one deviation; 2000 values have a standard error of 1.04 %.
        Assert.InRange(off.Count(value => Math.Abs(value) < 0.02) / (double)off.Length, 0.683 - 0.052, 0.683 + 0.052);
    }

    [Fact]
    public void Blobs_are_clouds_of_the_given_spread_about_centres_in_the_box()
    {
        TensorDataset set = Synthetic.Blobs(Many, classes: 2, features: 3, spread: 0.5, seed: 4);
        float[] values = set.Inputs.ToArray<float>();
        for (int label = 0; label < 2; label++)
        {
            for (int feature = 0; feature < 3; feature++)
            {
                double[] column = [.. Enumerable.Range(0, Many).Where(i => i % 2 == label)
                    .Select(i => (double)values[(3 * i) + feature])];
                double mean = column.Average();
                double deviation = Math.Sqrt(column.Average(value => (value - mean) * (value - mean)));
                Assert.InRange(mean, -10.1, 10.1);
                Assert.Equal(0.5, deviation, 0.5 * OfDeviation);
            }
        }
    }

    [Fact]
    public void Regression_is_linear_but_for_the_noise()
    {
        (Tensor x, Tensor y, Tensor w) = Synthetic.Regression(Many, features: 4, noise: 0.25, seed: 6);
        Assert.Equal((new Shape(Many, 4), new Shape(Many, 1), new Shape(4, 1)), (x.Shape, y.Shape, w.Shape));
        double[] noise = [.. (y - x.MatMul(w)).ToArray<float>().Select(static value => (double)value)];
        Assert.Equal(0.25, Math.Sqrt(noise.Average(static value => value * value)), 0.25 * OfDeviation);
        (Tensor exactX, Tensor exactY, Tensor exactW) = Synthetic.Regression(10, features: 2, noise: 0, seed: 6);
        Assert.All(
            (exactY - exactX.MatMul(exactW)).ToArray<float>(), static value => Assert.Equal(0, value, OfProducts));
    }

    [Fact]
    public void Arguments_out_of_range_are_refused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => Synthetic.Moons(0));
        Assert.Throws<ArgumentOutOfRangeException>(() => Synthetic.Moons(10, noise: -1));
        Assert.Throws<ArgumentOutOfRangeException>(() => Synthetic.Moons(10, noise: double.NaN));
        Assert.Throws<ArgumentOutOfRangeException>(() => Synthetic.Circles(10, factor: 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => Synthetic.Spirals(10, arms: 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => Synthetic.Blobs(10, classes: 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => Synthetic.Blobs(10, features: 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => Synthetic.Regression(10, features: 0));
    }

    [Fact]
    public void A_trainer_learns_the_moons()
    {
        var model = new Sequential(new Linear(2, 16, bias: false), new BatchNorm1d(16), new ReLU(), new Linear(16, 2));
        model.Initialize(Init.KaimingNormal, seed: 1);
        var options = new TrainerOptions { Epochs = 20, BatchSize = 20, Seed = 1 };
        var optimizer = new Adam(model.Parameters(), learningRate: 1e-2);
        var trainer = new Trainer(model, optimizer, new CrossEntropyLoss(), options);
        History history = trainer.Fit(Synthetic.Moons(400, seed: 1), Synthetic.Moons(200, seed: 2));
        // A straight line reaches some 0.88.
        Assert.InRange(history.BestScore, 0.95, 1);
    }

    private static IEnumerable<(double X, double Y, long Label)> Points(TensorDataset set)
    {
        float[] values = set.Inputs.ToArray<float>();
        long[] labels = set.Targets.ToArray<long>();
        return labels.Select((label, i) => ((double)values[2 * i], (double)values[(2 * i) + 1], label));
    }
}
