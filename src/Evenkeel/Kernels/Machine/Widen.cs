using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Evenkeel.Kernels;

/// <summary>Conversions between lanes of T and lanes of double.</summary>
internal static class Widen
{
    /// <summary>low += the lower half of v and high += the upper half. For double all of v goes into low.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Add<T>(Vector512<T> v, ref Vector512<double> low, ref Vector512<double> high) where T : unmanaged
    {
        if (typeof(T) == typeof(float))
        {
            low += Vector512.WidenLower(v.AsSingle());
            high += Vector512.WidenUpper(v.AsSingle());
        }
        else
        {
            low += v.AsDouble();
        }
    }

    /// <summary>Two packs of doubles rounded to one pack of T. For double it is the first pack.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<T> Narrow<T>(Vector512<double> low, Vector512<double> high) where T : unmanaged =>
        typeof(T) == typeof(float) ? Narrow(low, high).As<float, T>() : low.As<double, T>();

    /// <summary>Two packs of doubles rounded to one pack of floats.</summary>
    /// <remarks>With narrower registers <c>Vector512.Narrow</c> converts value by value.</remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Narrow(Vector512<double> low, Vector512<double> high) =>
        Vector512.IsHardwareAccelerated
            ? Vector512.Narrow(low, high)
            : Vector512.Create(Narrow(low), Narrow(high));

    /// <summary>The lower halves of two packs of numbers.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<uint> Narrow(Vector512<ulong> low, Vector512<ulong> high) =>
        Vector512.IsHardwareAccelerated
            ? Vector512.Narrow(low, high)
            : Vector512.Create(
                Vector256.Narrow(low.GetLower(), low.GetUpper()), Vector256.Narrow(high.GetLower(), high.GetUpper()));

    /// <summary>A pack of doubles rounded to floats.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Narrow(Vector512<double> v) => Vector256.Narrow(v.GetLower(), v.GetUpper());

    /// <summary>The nearest number of T.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static double Round<T>(double value) where T : unmanaged =>
        typeof(T) == typeof(float) ? (float)value : value;

    /// <summary>Values of T as doubles.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static unsafe void Copy<T>(T* values, double* result, int count) where T : unmanaged
    {
        Debug.Assert(count >= 0);
        int i = 0;
        for (; i <= count - Vector512<double>.Count; i += Vector512<double>.Count)
        {
            Vector512<double> wide = typeof(T) == typeof(float)
                ? Widened(Vector256.Load((float*)values + i))
                : Simd.Load((double*)values + i);
            Simd.Store(result + i, wide);
        }

        for (; i < count; i++) result[i] = typeof(T) == typeof(float) ? ((float*)values)[i] : ((double*)values)[i];
    }

    /// <summary>Doubles rounded to T.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static unsafe void CopyBack<T>(double* values, T* result, int count) where T : unmanaged
    {
        Debug.Assert(count >= 0);
        int i = 0;
        for (; i <= count - Eight.Count; i += Eight.Count) Eight.Load(values + i).StoreAs(result + i);
        for (; i < count; i++) One.Load(values + i).StoreAs(result + i);
    }

    /// <summary>Doubles rounded to numbers of T.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<double> Round<T>(Vector512<double> v) where T : unmanaged =>
        typeof(T) == typeof(float) ? Widened(Narrow(v)) : v;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<double> Widened(Vector256<float> v) =>
        Vector512.Create(Vector256.WidenLower(v), Vector256.WidenUpper(v));
}
