using System.Numerics;
using Evenkeel.Nn;

namespace Evenkeel.Diagnostics;

/// <summary>
/// Equal intervals between the smallest and the largest finite value, and how many values fall into each.
/// </summary>
/// <param name="Low">The smallest finite value: the lower end of the first interval.</param>
/// <param name="High">The largest finite value: the upper end of the last interval.</param>
/// <param name="Counts">Number of finite values in each interval.</param>
public sealed record Histogram(double Low, double High, IReadOnlyList<long> Counts)
{
    /// <inheritdoc/>
    public override string ToString() => InvariantText.Of(nameof(Histogram), PrintMembers);
}

/// <summary>What the values of a tensor look like. Sums are taken in double, in the order of the elements.</summary>
/// <param name="Count">Number of values.</param>
/// <param name="Mean">Σx/n over all values, as <c>x.mean()</c>; NaN if a value is NaN.</param>
/// <param name="Std">
/// √(Σ(x - mean)²/(n - 1)) over all values, as <c>x.std()</c>; NaN if there are fewer than two values, or if a value is
/// not finite.
/// </param>
/// <param name="Min">The smallest value that is not NaN; NaN if there is none.</param>
/// <param name="Max">The largest value that is not NaN; NaN if there is none.</param>
/// <param name="ZeroShare">Share of values that are exactly 0, for example those that a ReLU cut off.</param>
/// <param name="SaturatedShare">
/// Share of values at which the function that made them is flat: its slope is below 5 % of its largest slope. For a
/// sigmoid's output y that is 4·y·(1 - y) &lt; 0.05 (beyond 0.0127 and 0.9873), for tanh's 1 - y² &lt; 0.05 (beyond
/// ±0.9747). Null for other functions.
/// </param>
/// <param name="NaNs">Number of NaNs.</param>
/// <param name="Infinities">Number of infinities of both signs.</param>
/// <param name="Histogram">The distribution; null if no intervals were asked for, or if no value is finite.</param>
public sealed record TensorStatistics(
    long Count, double Mean, double Std, double Min, double Max, double ZeroShare, double? SaturatedShare, long NaNs,
    long Infinities, Histogram? Histogram)
{
    /// <summary>A function counts as saturated if its slope is below this share of its largest slope.</summary>
    public const double FlatSlope = 0.05;

    /// <summary>Number of values that are NaN or infinite.</summary>
    public long NonFinite => NaNs + Infinities;

    /// <summary>The largest magnitude; NaN if all values are NaN.</summary>
    public double Peak => Math.Max(Math.Abs(Min), Math.Abs(Max));

    /// <inheritdoc/>
    public override string ToString() => InvariantText.Of(nameof(TensorStatistics), PrintMembers);

    /// <summary>Looks at all values of a tensor.</summary>
    /// <param name="tensor">Floating-point values.</param>
    /// <param name="madeBy">
    /// The module whose output they are. It decides the rule of <see cref="SaturatedShare"/>.
    /// </param>
    /// <param name="bins">Number of intervals of the histogram. 0 makes none.</param>
    /// <exception cref="ArgumentException">The tensor holds integers.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="bins"/> is negative.</exception>
    public static TensorStatistics Of(Tensor tensor, Module? madeBy = null, int bins = 0)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        ArgumentOutOfRangeException.ThrowIfNegative(bins);
        return tensor.DType switch
        {
            DType.Float32 => Of<float>(tensor.AsSpan<float>(), madeBy, bins),
            DType.Float64 => Of<double>(tensor.AsSpan<double>(), madeBy, bins),
            _ => throw new ArgumentException(
                $"TensorStatistics: expected floating-point values, got {tensor.DType} of shape {tensor.Shape}.",
                nameof(tensor)),
        };
    }

    private static TensorStatistics Of<T>(ReadOnlySpan<T> values, Module? madeBy, int bins)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        double sum = 0, low = double.PositiveInfinity, high = double.NegativeInfinity, finiteLow = low,
            finiteHigh = high;
        long zeros = 0, nans = 0, infinities = 0;
        foreach (T value in values)
        {
            double x = double.CreateTruncating(value);
            sum += x;
            if (x == 0) zeros++;
            if (double.IsNaN(x))
            {
                nans++;
                continue;
            }

            low = Math.Min(low, x);
            high = Math.Max(high, x);
            if (double.IsInfinity(x))
            {
                infinities++;
                continue;
            }

            finiteLow = Math.Min(finiteLow, x);
            finiteHigh = Math.Max(finiteHigh, x);
        }

        long count = values.Length;
        // Computed in units of a power of two, because the squares of doubles may leave their range. The result is the
        // same.
        int exponent = Kernels.ValueRange.Exponent(Math.Max(-finiteLow, finiteHigh));
        double mean = sum / count, squares = 0;
        if (!double.IsFinite(mean) && nans + infinities == 0)
        {
            sum = 0;
            foreach (T value in values) sum += Math.ScaleB(double.CreateTruncating(value), -exponent);
            mean = Math.ScaleB(sum / count, exponent);
        }

        double center = Math.ScaleB(mean, -exponent);
        foreach (T value in values)
        {
            double d = Math.ScaleB(double.CreateTruncating(value), -exponent) - center;
            squares += d * d;
        }

        bool none = low > high;
        return new TensorStatistics(
            count, mean, count > 1 ? Math.ScaleB(Math.Sqrt(squares / (count - 1)), exponent) : double.NaN,
            none ? double.NaN : low, none ? double.NaN : high,
            count == 0 ? 0 : (double)zeros / count, Saturated(values, madeBy), nans, infinities,
            bins == 0 || finiteLow > finiteHigh ? null : Distribute(values, finiteLow, finiteHigh, bins));
    }

    private static double? Saturated<T>(ReadOnlySpan<T> values, Module? madeBy)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        bool sigmoid = madeBy is Sigmoid;
        if (!sigmoid && madeBy is not Tanh) return null;
        long flat = 0;
        foreach (T value in values)
        {
            double y = double.CreateTruncating(value);
            if ((sigmoid ? 4 * y * (1 - y) : 1 - y * y) < FlatSlope) flat++;
        }

        return values.Length == 0 ? 0 : (double)flat / values.Length;
    }

    private static Histogram Distribute<T>(ReadOnlySpan<T> values, double low, double high, int bins)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        var counts = new long[bins];
        double scale = high > low ? bins / (high - low) : 0;
        foreach (T value in values)
        {
            double x = double.CreateTruncating(value);
            if (double.IsFinite(x)) counts[Math.Min(bins - 1, (int)((x - low) * scale))]++;
        }

        return new Histogram(low, high, counts);
    }
}
