using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Evenkeel.Kernels;

/// <summary>Lanes of T going into lanes of double.</summary>
internal static class Widen
{
    /// <summary>low, high += the lower and the upper half of v; for double all of v goes into low.</summary>
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

    /// <summary>Two packs of doubles rounded to one pack of T; for double the first pack.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<T> Narrow<T>(Vector512<double> low, Vector512<double> high) where T : unmanaged =>
        typeof(T) == typeof(float) ? Vector512.Narrow(low, high).As<float, T>() : low.As<double, T>();

    /// <summary>Doubles rounded to numbers of T.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<double> Round<T>(Vector512<double> v) where T : unmanaged =>
        typeof(T) == typeof(float) ? Vector512.WidenLower(Vector512.Narrow(v, v)) : v;
}
