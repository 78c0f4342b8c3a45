using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Evenkeel.Kernels;

namespace Evenkeel;

public sealed partial class Tensor
{
    /// <summary>
    /// x if x &gt; 0, else alpha·(eˣ - 1), element by element (Clevert et al. 2015). The derivative at 0 is alpha, as
    /// in PyTorch, and at NaN 1.
    /// </summary>
    /// <param name="alpha">The negative limit is -alpha. Default: 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">alpha is not finite.</exception>
    public Tensor ELU(double alpha = 1) => ELUOp.Apply(this, alpha);
}

/// <summary>y = x if x &gt; 0, else p·(e^(q·x) - 1); dx = dy·p·q·e^(q·x) if x ≤ 0, else dy. ELU has q = 1.</summary>
internal sealed class ELUOp : UnaryElementwise<ELUOp.Formula>
{
    /// <inheritdoc/>
    public override string Name => "ELU";

    public static Tensor Apply(Tensor x, double alpha)
    {
        CheckAlpha(alpha);
        return Apply<ELUOp>("ELU", x, alpha, 1);
    }

    /// <summary>Checks the limit. The layer's constructor calls it too.</summary>
    public static void CheckAlpha(double alpha)
    {
        if (double.IsFinite(alpha)) return;
        throw new ArgumentOutOfRangeException(
            nameof(alpha), $"ELU: expected a finite alpha, got {alpha}. The negative limit of y is -alpha.");
    }

    /// <inheritdoc/>
    protected override void Describe(OpSettings settings) => settings.Set("alpha", P);

    internal readonly struct Formula : IUnaryFormula
    {
        public static bool ReadsX => true;

        public static bool ReadsY => false;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<T> Value<T>(Vector512<T> x, Vector512<T> p, Vector512<T> q)
            where T : unmanaged, IFloatingPointIeee754<T> =>
            Vector512.ConditionalSelect(Vector512.GreaterThan(x, default), x, p * VectorMath.Expm1(q * x));

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<T> Gradient<T>(
            Vector512<T> dy, Vector512<T> x, Vector512<T> y, Vector512<T> p, Vector512<T> q)
            where T : unmanaged, IFloatingPointIeee754<T> =>
            Vector512.ConditionalSelect(
                Vector512.LessThanOrEqual(x, default), dy * (p * q * VectorMath.Exp(q * x)), dy);
    }
}
