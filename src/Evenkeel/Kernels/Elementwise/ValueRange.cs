using System.Diagnostics;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Evenkeel.Kernels;

/// <summary>
/// Helpers for elementwise formulas at the ends of a type's range: checks whether a result reached an end, and the same
/// formulas in double.
/// </summary>
internal static unsafe class ValueRange
{
    /// <summary>The largest number of T.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static double Largest<T>() where T : unmanaged =>
        typeof(T) == typeof(float) ? float.MaxValue : double.MaxValue;

    /// <summary>The smallest number of T that keeps all digits: 2^-126 or 2^-1022.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static double SmallestNormal<T>() where T : unmanaged =>
        typeof(T) == typeof(float) ? 1.1754943508222875e-38 : 2.2250738585072014e-308;

    /// <summary>
    /// The first place, from <paramref name="start"/> on, with an infinity or NaN; -1 if there is none.
    /// </summary>
    public static int FirstNotFinite<T>(T* values, int count, int start)
        where T : unmanaged, IFloatingPointIeee754<T> =>
        FirstOutside(values, count, start, -T.CreateTruncating(Largest<T>()), T.CreateTruncating(Largest<T>()));

    /// <summary>
    /// The first place, from <paramref name="start"/> on, with a value outside low .. high, or with NaN; -1 if there is
    /// none.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static int FirstOutside<T>(T* values, int count, int start, T low, T high)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        Debug.Assert(start >= 0 && start <= count);
        Debug.Assert(low <= high);
        int i = start, width = Vector512<T>.Count;
        Vector512<T> lows = Simd.Broadcast(low), highs = Simd.Broadcast(high);
        for (; i <= count - width; i += width)
        {
            Vector512<T> pack = Simd.Load(values + i);
            Vector512<T> inside = Vector512.GreaterThanOrEqual(pack, lows) & Vector512.LessThanOrEqual(pack, highs);
            if (!Vector512.EqualsAll(inside.AsByte(), Vector512<byte>.AllBitsSet)) break;
        }

        while (i < count && values[i] >= low && values[i] <= high) i++;
        return i < count ? i : -1;
    }

    /// <summary>True if the magnitudes of all values lie from least to most.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Within<T>(T* values, int count, T least, T most) where T : unmanaged, IFloatingPointIeee754<T>
    {
        int width = Vector512<T>.Count, i = 0;
        Vector512<T> leasts = Simd.Broadcast(least), mosts = Simd.Broadcast(most);
        for (; i <= count - width; i += width)
        {
            Vector512<T> magnitude = Vector512.Abs(Simd.Load(values + i));
            if (!Vector512.GreaterThanOrEqualAll(magnitude, leasts) || !Vector512.LessThanOrEqualAll(magnitude, mosts))
                return false;
        }

        bool all = true;
        for (; i < count; i++) all &= T.Abs(values[i]) >= least && T.Abs(values[i]) <= most;
        return all;
    }

    /// <summary>
    /// An exponent e: the factor 2^-e scales values up to <paramref name="peak"/> to 1 or less. It is 0 if the peak is
    /// 0 or not finite.
    /// </summary>
    public static int Exponent(double peak) => peak > 0 && double.IsFinite(peak) ? Math.ILogB(peak) + 1 : 0;

    /// <summary>x².</summary>
    public static double Square(double x) => x * x;

    /// <summary>
    /// True if T cannot hold (x - center)·slope on the way: T does not hold the slope with all its digits, or
    /// x - center may overflow.
    /// </summary>
    public static bool LosesProduct<T>(double slope, double center) where T : unmanaged, IFloatingPointIeee754<T>
    {
        double near = Largest<T>() * 1e-9;
        double magnitude = Math.Abs(slope);
        return (magnitude < SmallestNormal<T>() && slope != 0) || magnitude > Largest<T>() || Math.Abs(center) > near;
    }

    /// <summary>
    /// (x - center - low)·slope in double, rounded once. The halves of x and center are subtracted if their difference
    /// overflows.
    /// </summary>
    public static T Product<T>(double x, double center, double low, double slope)
        where T : unmanaged, IFloatingPointIeee754<T> =>
        T.CreateTruncating((x / 2 - center / 2 - low / 2) * slope * 2);
}
