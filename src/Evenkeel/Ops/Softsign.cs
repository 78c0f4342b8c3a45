using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Evenkeel;

public sealed partial class Tensor
{
    /// <summary>x/(1 + |x|), element by element.</summary>
    public Tensor Softsign() => SoftsignOp.Apply(this);
}

/// <summary>y = x/(1 + |x|); dx = dy/(1 + |x|)².</summary>
internal sealed class SoftsignOp : UnaryElementwise<SoftsignOp.Formula>
{
    /// <inheritdoc/>
    public override string Name => "Softsign";

    public static Tensor Apply(Tensor x) => Apply<SoftsignOp>("Softsign", x);

    internal readonly struct Formula : IUnaryFormula
    {
        public static bool ReadsX => true;

        public static bool ReadsY => false;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<T> Value<T>(Vector512<T> x, Vector512<T> p, Vector512<T> q)
            where T : unmanaged, IFloatingPointIeee754<T> =>
            x / (Vector512.Create(T.One) + Vector512.Abs(x));

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<T> Gradient<T>(
            Vector512<T> dy, Vector512<T> x, Vector512<T> y, Vector512<T> p, Vector512<T> q)
            where T : unmanaged, IFloatingPointIeee754<T>
        {
            Vector512<T> d = Vector512.Create(T.One) + Vector512.Abs(x);
            return dy / (d * d);
        }
    }
}
