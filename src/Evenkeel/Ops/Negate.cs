using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Evenkeel;

public sealed partial class Tensor
{
    /// <summary>-x.</summary>
    public static Tensor operator -(Tensor x) => NegateOp.Apply(x);
}

/// <summary>y = -x; dx = -dy.</summary>
internal sealed class NegateOp : UnaryElementwise<NegateOp.Formula>
{
    /// <inheritdoc/>
    public override string Name => "Negate";

    public static Tensor Apply(Tensor x) => Apply<NegateOp>("Negate", x);

    internal readonly struct Formula : IUnaryFormula
    {
        public static bool ReadsX => false;

        public static bool ReadsY => false;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<T> Value<T>(Vector512<T> x, Vector512<T> p, Vector512<T> q)
            where T : unmanaged, IFloatingPointIeee754<T> =>
            -x;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<T> Gradient<T>(
            Vector512<T> dy, Vector512<T> x, Vector512<T> y, Vector512<T> p, Vector512<T> q)
            where T : unmanaged, IFloatingPointIeee754<T> =>
            -dy;
    }
}
