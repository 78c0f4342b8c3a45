using System.Numerics;

namespace Evenkeel;

/// <summary>
/// r and d of batch renormalization: y = gamma·(xhat·r + d) + beta is batch norm with gamma' = gamma·r
/// and beta' = beta + gamma·d.
/// </summary>
/// <remarks>
/// r = clip(std/std_running, 1/rmax, rmax) and d = clip((mean - mean_running)/std_running, -dmax, dmax), with the
/// running statistics before the batch.
/// </remarks>
internal sealed unsafe class RenormCorrection(RunningStatistics running, RenormLimits limits, double eps)
{
    private readonly double _rMax = limits.RMax(running.NumBatchesTracked.Value.AsSpan<long>()[0]);
    private readonly double _dMax = limits.DMax(running.NumBatchesTracked.Value.AsSpan<long>()[0]);

    /// <summary>Finds r and d of some channels.</summary>
    /// <param name="table">Their statistics, from channel <paramref name="first"/> on; receives r and d.</param>
    /// <param name="first">The first channel.</param>
    /// <param name="channels">Their number.</param>
    public void Find<T>(NormTable table, int first, int channels) where T : unmanaged, IFloatingPointIeee754<T>
    {
        ReadOnlySpan<T> means = running.Mean.Value.AsSpan<T>().Slice(first, channels),
            variances = running.Variance.Value.AsSpan<T>().Slice(first, channels);
        for (int c = 0; c < channels; c++)
        {
            double rstd = NormTheorem.Rstd(double.CreateTruncating(variances[c]), eps);
            Moments moments = table.Moments(c);
            double std = moments.Exponent == 0
                ? Math.Sqrt(moments.Variance + eps)
                : Math.ScaleB(Math.Sqrt(moments.Variance + Math.ScaleB(eps, -2 * moments.Exponent)), moments.Exponent);
            table.R[c] = Math.Clamp(Times(std, rstd), 1 / _rMax, _rMax);
            table.D[c] = Math.Clamp(
                Times(moments.Pivot - double.CreateTruncating(means[c]) + moments.Unscaled.Low, rstd), -_dMax, _dMax);
        }

        // Rstd is 0 where the running variance and eps are: there anything but 0 is beyond the limits.
        static double Times(double value, double rstd) =>
            rstd == 0 && value != 0 ? value * double.PositiveInfinity : value * rstd;
    }

    /// <summary>gamma' and beta' in the place of gamma and beta.</summary>
    public static void Apply(NormTable table, int channels)
    {
        for (int c = 0; c < channels; c++)
        {
            table.Beta[c] += table.Gamma[c] * table.D[c];
            table.Gamma[c] *= table.R[c];
        }
    }
}
