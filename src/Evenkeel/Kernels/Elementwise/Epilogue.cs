using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Evenkeel.Kernels;

/// <summary>What happens to y before it is stored: a type, so that the loop is compiled with it.</summary>
internal interface IEpilogue
{
    /// <summary>The value that is stored.</summary>
    static abstract Vector512<T> Apply<T>(Vector512<T> y);

    /// <summary>dL/dy made of the gradient of the stored value; y is computed anew by the forward's own expression.</summary>
    static abstract Vector512<T> Backward<T>(Vector512<T> y, Vector512<T> dy);
}

/// <summary>Nothing happens to y.</summary>
internal readonly struct NoEpilogue : IEpilogue
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<T> Apply<T>(Vector512<T> y) => y;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<T> Backward<T>(Vector512<T> y, Vector512<T> dy) => dy;
}

/// <summary>A ReLU fused into the norm: the same bits as the two layers one after the other, also where y is NaN.</summary>
internal readonly struct ReLUEpilogue : IEpilogue
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<T> Apply<T>(Vector512<T> y) => Vector512.AndNot(y, Vector512.LessThanOrEqual(y, Vector512<T>.Zero));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<T> Backward<T>(Vector512<T> y, Vector512<T> dy) => Vector512.AndNot(dy, Vector512.LessThanOrEqual(y, Vector512<T>.Zero));
}
