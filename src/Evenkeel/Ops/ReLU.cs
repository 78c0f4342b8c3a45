using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Evenkeel;

public sealed partial class Tensor
{
    /// <summary>
    /// max(x, 0), element by element. The derivative at 0 is 0. NaN stays NaN, and the derivative
    /// there is 1, as in PyTorch.
    /// </summary>
    public Tensor ReLU() => ReLUOp.Apply(this);
}

/// <summary>y = max(x, 0); dx = 0 if x ≤ 0, else dy (also if x is NaN). The mask is recomputed from x.</summary>
internal sealed class ReLUOp : UnaryElementwise<ReLUOp.Formula>
{
    /// <inheritdoc/>
    public override string Name => "ReLU";

    public static Tensor Apply(Tensor x) => Apply<ReLUOp>("ReLU", x);

    internal readonly struct Formula : IUnaryFormula
    {
        public static bool ReadsX => true;

        public static bool ReadsY => false;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<T> Value<T>(Vector512<T> x, Vector512<T> p, Vector512<T> q)
            where T : unmanaged, IFloatingPointIeee754<T> =>
            Vector512.ConditionalSelect(Vector512.LessThanOrEqual(x, default), default, x);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<T> Gradient<T>(
            Vector512<T> dy, Vector512<T> x, Vector512<T> y, Vector512<T> p, Vector512<T> q)
            where T : unmanaged, IFloatingPointIeee754<T> =>
            Vector512.AndNot(dy, Vector512.LessThanOrEqual(x, default));
    }
}
