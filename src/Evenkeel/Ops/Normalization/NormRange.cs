using System.Runtime.CompilerServices;
using Evenkeel.Kernels;

namespace Evenkeel;

/// <summary>
/// The ends of the range. Squares, rstd and the slopes of the backward pass leave the range of T long before x, y and
/// dx do. Each place where that can happen is tested once per group, and such a group is done again by
/// <see cref="ScaledNorm{T, TEpilogue}"/>.
/// </summary>
/// <remarks>
/// See docs/derivations/range.md. The tests here decide; those of <see cref="NormTheorem"/> are closer and
/// run eight groups at a time.
/// </remarks>
internal static class NormRange
{
    /// <summary>
    /// True if squares of T do not hold the variance: they overflowed (|x| beyond 1e19 in float, 1e154 in double; or
    /// the data are not finite), or they underflowed and eps does not cover it.
    /// </summary>
    public static bool IsOutOfRange<T>(double variance, double eps) where T : unmanaged =>
        !double.IsFinite(variance) || variance < LeastVariance<T>(eps);

    /// <summary>The smallest variance that squares of T hold; 0 if eps covers what they lose.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static double LeastVariance<T>(double eps) where T : unmanaged => typeof(T) == typeof(float)
        ? eps < SmallestFloatEps ? SmallestFloatVariance : 0
        : eps < SmallestDoubleEps ? SmallestDoubleVariance : 0;

    // Squares below 1e-38 (float) or 1e-308 (double) lose digits to subnormals, first the small ones among them.
    private const double SmallestFloatVariance = 1e-30;
    private const double SmallestFloatEps = 1e-24;
    private const double SmallestDoubleVariance = 1e-290;
    private const double SmallestDoubleEps = 1e-284;

    /// <summary>
    /// True if T does not hold the scale gamma·rstd: it overflows, or it underflows where the deviations
    /// would have made up for it.
    /// </summary>
    public static bool LosesScale<T>(double gamma, double rstd) where T : unmanaged
    {
        double scale = Math.Abs(gamma * rstd);
        return scale > ValueRange.Largest<T>()
            || (scale < ValueRange.SmallestNormal<T>() && gamma != 0 && rstd is > 0 and < 1);
    }

    /// <summary>
    /// True if dgamma of m values may not come out of Σdy·(x-pivot) summed in T: the sum overflowed (or dy is not
    /// finite), or it is so small that its terms may have underflowed, which rstd would have made up for. Where it is
    /// finite, <see cref="Underflows{T}"/> decides.
    /// </summary>
    public static bool LosesSums<T>(double dgamma, double rstd, double variance, double m) where T : unmanaged =>
        double.IsFinite(rstd) && (!double.IsFinite(dgamma)
            || (Math.Abs(dgamma) < rstd * m * ValueRange.SmallestNormal<T>() && rstd > 1 && variance > 0));

    /// <summary>True if terms dy·(x-pivot) underflowed, and did not just cancel or come of zeros.</summary>
    /// <param name="magnitude">Σ|dy|; see <see cref="Magnitude{T, TEpilogue}"/>.</param>
    /// <param name="rstd">1/sqrt(var+eps).</param>
    /// <param name="m">The number of terms.</param>
    public static bool Underflows<T>(double magnitude, double rstd, double m) where T : unmanaged =>
        magnitude > 0 && magnitude < rstd * m * ValueRange.SmallestNormal<T>();

    /// <summary>
    /// True if T does not hold b or c of dx = a·dy + b·(x-pivot) + c, or b underflows where the deviations
    /// would have made up for it.
    /// </summary>
    /// <param name="b">The slope b.</param>
    /// <param name="c">The constant c.</param>
    /// <param name="rstd">1/sqrt(var+eps).</param>
    /// <param name="path">Any number that is 0 only if b is: the path of dx through the variance.</param>
    public static bool LosesSlopes<T>(double b, double c, double rstd, double path) where T : unmanaged =>
        double.IsFinite(rstd) && (!(Math.Abs(b) <= ValueRange.Largest<T>() && Math.Abs(c) <= ValueRange.Largest<T>()) ||
            (Math.Abs(b) < ValueRange.SmallestNormal<T>() && path != 0 && rstd is > 0 and < 1));
}
