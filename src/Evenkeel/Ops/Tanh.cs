using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Evenkeel.Kernels;

namespace Evenkeel;

public sealed partial class Tensor
{
    /// <summary>The hyperbolic tangent, element by element.</summary>
    public Tensor Tanh() => TanhOp.Apply(this);
}

/// <summary>y = tanh x; dx = dy·(1 - y²).</summary>
internal sealed class TanhOp : UnaryElementwise<TanhOp.Formula>
{
    /// <inheritdoc/>
    public override string Name => "Tanh";

    public static Tensor Apply(Tensor x) => Apply<TanhOp>("Tanh", x);

    internal readonly struct Formula : IUnaryFormula
    {
        public static bool ReadsX => false;

        public static bool ReadsY => true;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<T> Value<T>(Vector512<T> x, Vector512<T> p, Vector512<T> q)
            where T : unmanaged, IFloatingPointIeee754<T> =>
            VectorMath.Tanh(x);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<T> Gradient<T>(
            Vector512<T> dy, Vector512<T> x, Vector512<T> y, Vector512<T> p, Vector512<T> q)
            where T : unmanaged, IFloatingPointIeee754<T> =>
            dy * (Vector512.Create(T.One) - (y * y));
    }
}
