using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Evenkeel.Kernels;

namespace Evenkeel;

public sealed partial class Tensor
{
    /// <summary>
    /// scale·x if x &gt; 0, else scale·alpha·(eˣ - 1), element by element, with scale = 1.0507009873554805 and alpha =
    /// 1.6732632423543772, which keep mean 0 and variance 1 (Klambauer et al. 2017). The derivative at 0 is
    /// scale·alpha, and at NaN scale, as in PyTorch.
    /// </summary>
    public Tensor SELU() => SELUOp.Apply(this);
}

/// <summary>
/// y = p·x if x &gt; 0, else q·(eˣ - 1), p = scale, q = scale·alpha; dx = dy·q·eˣ if x ≤ 0, else p·dy.
/// </summary>
internal sealed class SELUOp : UnaryElementwise<SELUOp.Formula>
{
    /// <inheritdoc/>
    public override string Name => "SELU";

    public static Tensor Apply(Tensor x)
    {
        const double Scale = 1.0507009873554804934193349852946, Alpha = 1.6732632423543772848170429916717;
        return Apply<SELUOp>("SELU", x, Scale, Scale * Alpha);
    }

    internal readonly struct Formula : IUnaryFormula
    {
        public static bool ReadsX => true;

        public static bool ReadsY => false;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<T> Value<T>(Vector512<T> x, Vector512<T> p, Vector512<T> q)
            where T : unmanaged, IFloatingPointIeee754<T> =>
            Vector512.ConditionalSelect(Vector512.GreaterThan(x, default), p * x, q * VectorMath.Expm1(x));

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<T> Gradient<T>(
            Vector512<T> dy, Vector512<T> x, Vector512<T> y, Vector512<T> p, Vector512<T> q)
            where T : unmanaged, IFloatingPointIeee754<T> =>
            dy * Vector512.ConditionalSelect(Vector512.LessThanOrEqual(x, default), q * VectorMath.Exp(x), p);
    }
}
