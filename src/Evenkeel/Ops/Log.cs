using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Evenkeel.Kernels;

namespace Evenkeel;

public sealed partial class Tensor
{
    /// <summary>The natural logarithm, element by element: -∞ at 0, NaN for negative numbers.</summary>
    public Tensor Log() => LogOp.Apply(this);
}

/// <summary>y = ln x; dx = dy/x.</summary>
internal sealed class LogOp : UnaryElementwise<LogOp.Formula>
{
    /// <inheritdoc/>
    public override string Name => "Log";

    public static Tensor Apply(Tensor x) => Apply<LogOp>("Log", x);

    internal readonly struct Formula : IUnaryFormula
    {
        public static bool ReadsX => true;

        public static bool ReadsY => false;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<T> Value<T>(Vector512<T> x, Vector512<T> p, Vector512<T> q)
            where T : unmanaged, IFloatingPointIeee754<T> =>
            VectorMath.Log(x);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<T> Gradient<T>(
            Vector512<T> dy, Vector512<T> x, Vector512<T> y, Vector512<T> p, Vector512<T> q)
            where T : unmanaged, IFloatingPointIeee754<T> =>
            dy / x;
    }
}
