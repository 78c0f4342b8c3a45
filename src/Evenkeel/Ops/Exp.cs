using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Evenkeel.Kernels;

namespace Evenkeel;

public sealed partial class Tensor
{
    /// <summary>eˣ, element by element.</summary>
    public Tensor Exp() => ExpOp.Apply(this);
}

/// <summary>y = eˣ; dx = y·dy.</summary>
internal sealed class ExpOp : UnaryElementwise<ExpOp.Formula>
{
    /// <inheritdoc/>
    public override string Name => "Exp";

    public static Tensor Apply(Tensor x) => Apply<ExpOp>("Exp", x);

    internal readonly struct Formula : IUnaryFormula
    {
        public static bool ReadsX => false;

        public static bool ReadsY => true;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<T> Value<T>(Vector512<T> x, Vector512<T> p, Vector512<T> q)
            where T : unmanaged, IFloatingPointIeee754<T> =>
            VectorMath.Exp(x);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<T> Gradient<T>(
            Vector512<T> dy, Vector512<T> x, Vector512<T> y, Vector512<T> p, Vector512<T> q)
            where T : unmanaged, IFloatingPointIeee754<T> =>
            dy * y;
    }
}
