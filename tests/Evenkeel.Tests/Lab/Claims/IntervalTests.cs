using Evenkeel.Lab.Claims;
using Evenkeel.Random;
using Xunit;

namespace Evenkeel.Tests.Lab.Claims;

public sealed class IntervalTests
{
    /// <summary>Ten digits are printed: an error of 5e-10 in t moves the probability by a tenth of that.</summary>
    private const double Printed = 1e-10;

    /// <summary>What the expansion promises.</summary>
    private const double Expansion = 2e-6;

    /// <summary>
    /// What a million degrees of freedom are from infinitely many: about (t³ + t)/4 of one over their number.
    /// </summary>
    private const double Limit = 1e-5;

    /// <summary>Of a number that is written down with six decimals.</summary>
    private const double SixDecimals = 0.5e-6;

    /// <summary>
    /// Of a half width in logarithms that is written down with nine decimals, times a ratio of about 20.
    /// </summary>
    private const double NineDecimals = 1e-8;

    private const int Repetitions = 20_000;

    [Fact]
    public void The_table_of_quantiles_inverts_Students_distribution()
    {
        for (int degrees = 1; degrees <= 30; degrees++)
            Assert.Equal(0.95, Central(Interval.Quantile(degrees), degrees), Printed);
    }

    [Theory]
    [InlineData(31)]
    [InlineData(32)]
    [InlineData(40)]
    [InlineData(61)]
    [InlineData(120)]
    [InlineData(1000)]
    public void Above_the_table_the_expansion_is_right_to_2e_6(int degrees)
    {
        (double low, double high) = (1.9, 2.1);
        while (high - low > 1e-12)
        {
            double middle = (low + high) / 2;
            if (Central(middle, degrees) < 0.95) low = middle;
            else high = middle;
        }

        Assert.Equal(low, Interval.Quantile(degrees), Expansion);
    }

    [Fact]
    public void Quantiles_fall_towards_the_normal_one()
    {
        for (int degrees = 2; degrees <= 200; degrees++)
            Assert.InRange(Interval.Quantile(degrees), 1.95996, Interval.Quantile(degrees - 1));
        Assert.Equal(1.959963985, Interval.Quantile(1_000_000), Limit);
    }

    [Theory]
    [InlineData("normal", 3)]
    [InlineData("normal", 5)]
    [InlineData("normal", 10)]
    [InlineData("uniform", 3)]
    [InlineData("uniform", 5)]
    [InlineData("uniform", 10)]
    [InlineData("Laplace", 3)]
    [InlineData("Laplace", 5)]
    [InlineData("Laplace", 10)]
    [InlineData("logistic", 3)]
    [InlineData("logistic", 5)]
    [InlineData("logistic", 10)]
    public void The_interval_covers_the_mean_in_95_of_100_repetitions(string distribution, int n)
    {
        var random = new Philox(1, distribution).Split((ulong)n);
        double[] values = new double[n];
        int covered = 0;
        for (int i = 0; i < Repetitions; i++)
        {
            for (int k = 0; k < n; k++) values[k] = 3 + Draw(random, distribution);
            Interval interval = Interval.OfMean(values);
            if (interval.Low <= 3 && 3 <= interval.High) covered++;
        }

        double share = (double)covered / Repetitions;
        TestContext.Current.TestOutputHelper?.WriteLine($"{distribution}, n = {n}: {share:P2}");
        // Three uniform values are the one case outside: 92.3 % by a simulation of a million.
        Assert.InRange(share, (distribution, n) == ("uniform", 3) ? 0.917 : 0.93, 0.97);
    }

    [Theory]
    [InlineData(3)]
    [InlineData(5)]
    [InlineData(10)]
    public void The_interval_of_ratios_covers_their_geometric_mean(int n)
    {
        var random = new Philox(1, "lognormal").Split((ulong)n);
        double[] values = new double[n];
        int covered = 0;
        for (int i = 0; i < Repetitions; i++)
        {
            for (int k = 0; k < n; k++) values[k] = 2 * Math.Exp(0.8 * random.NextNormal());
            Interval interval = Interval.OfRatio(values);
            if (interval.Low <= 2 && 2 <= interval.High) covered++;
        }

        // Their logarithms are normal, so this is 95 % up to chance: 3.5 standard deviations of the share are 0.54 %.
        Assert.InRange((double)covered / Repetitions, 0.9446, 0.9554);
    }

    [Fact]
    public void A_worked_example()
    {
        // 1, 2, 4: mean 7/3, s² = 7/3, t = 4.302653: half width 4.302653·√(7/9) = 3.794583
        Interval interval = Interval.OfMean([1, 2, 4]);
        Assert.Equal(7.0 / 3, interval.Mean, Tolerances.Float64Ulps);
        Assert.Equal(3.794583, interval.High - interval.Mean, SixDecimals);
        Assert.Equal(3.794583, interval.Mean - interval.Low, SixDecimals);

        // 1, 2, 4 as ratios: logarithms 0, L, 2L with L = ln 2: mean L, half width 4.302653·L/√3.
        Interval ratio = Interval.OfRatio([1, 2, 4]);
        Assert.Equal(2, ratio.Mean, Tolerances.Float64Steps);
        Assert.Equal(2 * Math.Pow(2, 4.302652730 / Math.Sqrt(3)), ratio.High, NineDecimals);
        Assert.Equal(2 / Math.Pow(2, 4.302652730 / Math.Sqrt(3)), ratio.Low, NineDecimals);
    }

    [Theory]
    [InlineData(0.1)]
    [InlineData(1.0 / 3)]
    [InlineData(-7)]
    [InlineData(0)]
    [InlineData(2.5e-40)]
    [InlineData(1e300)]
    public void Equal_values_are_an_interval_without_width_at_that_value_to_the_bit(double value)
    {
        for (int n = 2; n <= 10; n++)
        {
            double[] values = [.. Enumerable.Repeat(value, n)];
            Assert.Equal(new Interval(value, value, value), Interval.OfMean(values));
            if (value > 0) Assert.Equal(new Interval(value, value, value), Interval.OfRatio(values));
        }
    }

    [Fact]
    public void One_value_has_a_mean_and_no_interval()
    {
        Assert.Equal(new Interval(0.3, double.NaN, double.NaN), Interval.OfMean([0.3]));
        Assert.Equal(new Interval(0.3, double.NaN, double.NaN), Interval.OfRatio([0.3]));
    }

    [Fact]
    public void What_is_not_finite_has_no_interval()
    {
        foreach (double[] values in (double[][])[[], [1, double.NaN, 2],
            [double.NaN, 1, 2], [1, double.PositiveInfinity], [double.PositiveInfinity, double.PositiveInfinity]])
        {
            foreach (Interval interval in (Interval[])[Interval.OfMean(values), Interval.OfRatio(values)])
            {
                Assert.False(double.IsFinite(interval.Mean));
                Assert.True(double.IsNaN(interval.Low) && double.IsNaN(interval.High));
            }
        }
    }

    [Fact]
    public void What_is_not_positive_is_no_ratio()
    {
        Assert.True(double.IsNaN(Interval.OfRatio([0, 1]).Mean));
        Assert.True(double.IsNaN(Interval.OfRatio([-1, 1]).Mean));
    }

    private static double Draw(Philox random, string distribution)
    {
        double u = random.NextDouble() - 0.5;
        return distribution switch
        {
            "normal" => random.NextNormal(),
            "uniform" => u,
            "Laplace" => -Math.Sign(u) * Math.Log(1 - (2 * Math.Abs(u))),
            _ => Math.Log((0.5 + u + 1e-300) / (0.5 - u)),
        };
    }

    /// <summary>
    /// P(|T| &lt;= t) for whole degrees of freedom, as a finite sum in the angle with tan = t/√ν. Source: Abramowitz
    /// and Stegun, 26.7.3 and 26.7.4.
    /// </summary>
    private static double Central(double t, int degrees)
    {
        double angle = Math.Atan(t / Math.Sqrt(degrees)), sine = Math.Sin(angle), cosine = Math.Cos(angle);
        bool isOdd = degrees % 2 == 1;
        double term = isOdd ? cosine : 1, sum = degrees == 1 ? 0 : term;
        for (int k = isOdd ? 3 : 2; k < degrees; k += 2)
        {
            term *= cosine * cosine * (k - 1) / k;
            sum += term;
        }

        return isOdd ? 2 / Math.PI * (angle + (sine * sum)) : sine * sum;
    }
}
