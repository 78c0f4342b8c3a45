using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Evenkeel.Kernels;

/// <summary>
/// A function of y that is applied before y is stored. It is a type, so the loop is compiled with it.
/// </summary>
internal interface IEpilogue
{
    /// <summary>The value that is stored.</summary>
    static abstract Vector512<T> Apply<T>(Vector512<T> y);

    /// <summary>
    /// dL/dy from the gradient of the stored value. y is computed again by the same expression as in the forward pass.
    /// </summary>
    static abstract Vector512<T> Backward<T>(Vector512<T> y, Vector512<T> dy);
}

/// <summary>Stores y unchanged.</summary>
internal readonly struct NoEpilogue : IEpilogue
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<T> Apply<T>(Vector512<T> y) => y;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<T> Backward<T>(Vector512<T> y, Vector512<T> dy) => dy;
}

/// <summary>
/// A ReLU fused into the norm. It gives the same bits as the two layers one after the other, also if y is NaN.
/// </summary>
internal readonly struct ReLUEpilogue : IEpilogue
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<T> Apply<T>(Vector512<T> y) =>
        Vector512.AndNot(y, Vector512.LessThanOrEqual(y, Vector512<T>.Zero));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<T> Backward<T>(Vector512<T> y, Vector512<T> dy) =>
        Vector512.AndNot(dy, Vector512.LessThanOrEqual(y, Vector512<T>.Zero));
}
