using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Evenkeel;

public sealed partial class Tensor
{
    /// <summary>|x|, element by element. The derivative is 0 at 0 and NaN at NaN (PyTorch: 0 at NaN).</summary>
    public Tensor Abs() => AbsOp.Apply(this);
}

/// <summary>y = |x|; dx = sign(x)·dy, 0 at 0.</summary>
internal sealed class AbsOp : UnaryElementwise<AbsOp.Formula>
{
    /// <inheritdoc/>
    public override string Name => "Abs";

    public static Tensor Apply(Tensor x) => Apply<AbsOp>("Abs", x);

    internal readonly struct Formula : IUnaryFormula
    {
        public static bool ReadsX => true;

        public static bool ReadsY => false;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<T> Value<T>(Vector512<T> x, Vector512<T> p, Vector512<T> q)
            where T : unmanaged, IFloatingPointIeee754<T> =>
            Vector512.Abs(x);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<T> Gradient<T>(
            Vector512<T> dy, Vector512<T> x, Vector512<T> y, Vector512<T> p, Vector512<T> q)
            where T : unmanaged, IFloatingPointIeee754<T> =>
            Vector512.ConditionalSelect(Vector512.GreaterThan(x, default),
                dy, Vector512.ConditionalSelect(Vector512.LessThan(x, default), -dy, x * default(Vector512<T>)));
    }
}
