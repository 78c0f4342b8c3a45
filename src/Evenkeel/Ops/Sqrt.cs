using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Evenkeel;

public sealed partial class Tensor
{
    /// <summary>√x, element by element. It is NaN for negative numbers. The derivative at 0 is infinite.</summary>
    public Tensor Sqrt() => SqrtOp.Apply(this);
}

/// <summary>y = √x; dx = dy/(2·y).</summary>
internal sealed class SqrtOp : UnaryElementwise<SqrtOp.Formula>
{
    /// <inheritdoc/>
    public override string Name => "Sqrt";

    public static Tensor Apply(Tensor x) => Apply<SqrtOp>("Sqrt", x);

    internal readonly struct Formula : IUnaryFormula
    {
        public static bool ReadsX => false;

        public static bool ReadsY => true;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<T> Value<T>(Vector512<T> x, Vector512<T> p, Vector512<T> q)
            where T : unmanaged, IFloatingPointIeee754<T> =>
            Vector512.Sqrt(x);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<T> Gradient<T>(
            Vector512<T> dy, Vector512<T> x, Vector512<T> y, Vector512<T> p, Vector512<T> q)
            where T : unmanaged, IFloatingPointIeee754<T> =>
            dy / (y + y);
    }
}
