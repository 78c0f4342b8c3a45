using System.Numerics;
using Evenkeel.Kernels;

namespace Evenkeel;

/// <summary>
/// Statistics of one group: mean = Pivot + Low·2^Exponent, and the biased variance, Variance·4^Exponent.
/// </summary>
/// <param name="Pivot">A number of the element type near the mean.</param>
/// <param name="Low">What the mean is more.</param>
/// <param name="Variance">The biased variance.</param>
/// <param name="Exponent">
/// 0, but for a group whose squares leave the range of its type; then its values times 2^-Exponent are 1 or less.
/// </param>
internal readonly record struct Moments(double Pivot, double Low, double Variance, int Exponent = 0)
{
    /// <summary>The mean as one number.</summary>
    public double Mean => Exponent == 0 ? Pivot + Low : Pivot + Math.ScaleB(Low, Exponent);

    /// <summary>The same in units of one; the variance is infinite or 0 where double does not hold it.</summary>
    public Moments Unscaled =>
        Exponent == 0 ? this : new(Pivot, Math.ScaleB(Low, Exponent), Math.ScaleB(Variance, 2 * Exponent));

    /// <summary>1/sqrt(var + eps) in units of 2^-Exponent.</summary>
    public double Rstd(double eps) => NormTheorem.Rstd(Variance, Exponent == 0 ? eps : Math.ScaleB(eps, -2 * Exponent));

    /// <summary>
    /// The statistics of one group value by value, in double and in units of a power of two: for the rare group
    /// whose squares T does not hold.
    /// </summary>
    /// <param name="x">The first value.</param>
    /// <param name="runs">Runs of values.</param>
    /// <param name="stride">From a run to the next.</param>
    /// <param name="length">Values of a run.</param>
    /// <param name="m">How many of the values count.</param>
    /// <param name="eps">Added to the variance.</param>
    /// <param name="hasMean">False: nothing is subtracted, so the variance is the mean square.</param>
    /// <param name="mask">Which values count.</param>
    public static unsafe Moments Scaled<T, TMask>(
        T* x, int runs, nint stride, int length, double m, double eps, bool hasMean, TMask mask)
        where T : unmanaged, IFloatingPointIeee754<T>
        where TMask : struct, IPositionMask<T, TMask>
    {
        double smallest = double.PositiveInfinity, largest = double.NegativeInfinity;
        for (int run = 0; run < runs; run++)
        {
            T* values = x + run * stride;
            TMask counts = mask.Run(run);
            for (int i = 0; i < length; i++)
            {
                if (!counts.Counts(i)) continue;
                double value = double.CreateTruncating(values[i]);
                if (double.IsNaN(value)) return new Moments(double.NaN, double.NaN, double.NaN);
                (smallest, largest) = (Math.Min(smallest, value), Math.Max(largest, value));
            }
        }

        double peak = Math.Max(-smallest, largest);
        if (double.IsInfinity(peak))
            return hasMean ? new Moments(double.NaN, double.NaN, double.NaN) : new Moments(0, 0, peak);
        // A constant group is in range: x - pivot is 0.
        if (hasMean ? smallest == largest : peak == 0) return new Moments(hasMean ? smallest : 0, 0, 0);
        int exponent = Math.ILogB(peak) + 1;
        if (eps > 0) exponent = Math.Max(exponent, (Math.ILogB(eps) >> 1) + 1);
        int half = -exponent / 2;
        double unit = Math.ScaleB(1, half), unit2 = Math.ScaleB(1, -exponent - half);
        double pivot = hasMean ? Widen.Round<T>(Math.ScaleB(Sum(0, 0, squares: false) / m, exponent)) : 0;
        double scaled = pivot * unit * unit2, low = hasMean ? Sum(scaled, 0, squares: false) / m : 0;
        return new Moments(pivot, low, Sum(scaled, low, squares: true) / m, exponent);

        double Sum(double high, double low, bool squares)
        {
            double sum = 0;
            for (int run = 0; run < runs; run++)
            {
                T* values = x + run * stride;
                TMask counts = mask.Run(run);
                for (int i = 0; i < length; i++)
                {
                    if (!counts.Counts(i)) continue;
                    double d = double.CreateTruncating(values[i]) * unit * unit2 - high - low;
                    sum += squares ? d * d : d;
                }
            }

            return sum;
        }
    }
}
