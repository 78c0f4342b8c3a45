using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Evenkeel.Kernels;

namespace Evenkeel;

public sealed partial class Tensor
{
    /// <summary>x·tanh(ln(1 + eˣ)), element by element (Misra 2019).</summary>
    public Tensor Mish() => MishOp.Apply(this);
}

/// <summary>
/// y = x·t, t = tanh(ln(1 + eˣ)). With w = 1 + eˣ: t = (w² - 1)/(w² + 1). With u = e^-|x| ≤ 1 nothing overflows or
/// cancels: t = a/(a + b), where a = u·(u + 2), b = 2 if x &lt; 0, and a = 1 + 2u, b = 2u² if not.
/// dt/dx = (1 - t²)·σ(x), so dx = dy·(t + x·(1 - t²)·σ(x)).
/// </summary>
internal sealed class MishOp : UnaryElementwise<MishOp.Formula>
{
    /// <inheritdoc/>
    public override string Name => "Mish";

    public static Tensor Apply(Tensor x) => Apply<MishOp>("Mish", x);

    internal readonly struct Formula : IUnaryFormula
    {
        public static bool ReadsX => true;

        public static bool ReadsY => false;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<T> Value<T>(Vector512<T> x, Vector512<T> p, Vector512<T> q)
            where T : unmanaged, IFloatingPointIeee754<T> =>
            x * Factor(x, out _);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<T> Gradient<T>(
            Vector512<T> dy, Vector512<T> x, Vector512<T> y, Vector512<T> p, Vector512<T> q)
            where T : unmanaged, IFloatingPointIeee754<T>
        {
            Vector512<T> t = Factor(x, out Vector512<T> sigmoid);
            return dy * (t + (x * (Vector512.Create(T.One) - (t * t)) * sigmoid));
        }

        /// <summary>t, and σ(x) of the same exponential.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static Vector512<T> Factor<T>(Vector512<T> x, out Vector512<T> sigmoid)
            where T : unmanaged, IFloatingPointIeee754<T>
        {
            Vector512<T> one = Vector512.Create(T.One), two = one + one;
            Vector512<T> u = VectorMath.Exp(-Vector512.Abs(x)), isNegative = Vector512.LessThan(x, Vector512<T>.Zero);
            sigmoid = Vector512.ConditionalSelect(isNegative, u, one) / (one + u);
            Vector512<T> a = Vector512.ConditionalSelect(isNegative, u * (u + two), one + (two * u));
            return a / (a + Vector512.ConditionalSelect(isNegative, two, two * u * u));
        }
    }
}
