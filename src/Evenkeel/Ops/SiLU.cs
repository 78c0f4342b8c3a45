using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Evenkeel.Kernels;

namespace Evenkeel;

public sealed partial class Tensor
{
    /// <summary>
    /// x·σ(x), σ(x) = 1/(1 + e⁻ˣ), element by element; also called swish (Elfwing et al. 2017).
    /// </summary>
    public Tensor SiLU() => SiLUOp.Apply(this);
}

/// <summary>y = x·s, s = σ(x); ds/dx = s·(1 - s), so dx = dy·s·(1 + x·(1 - s)).</summary>
internal sealed class SiLUOp : UnaryElementwise<SiLUOp.Formula>
{
    /// <inheritdoc/>
    public override string Name => "SiLU";

    public static Tensor Apply(Tensor x) => Apply<SiLUOp>("SiLU", x);

    internal readonly struct Formula : IUnaryFormula
    {
        public static bool ReadsX => true;

        public static bool ReadsY => false;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<T> Value<T>(Vector512<T> x, Vector512<T> p, Vector512<T> q)
            where T : unmanaged, IFloatingPointIeee754<T> =>
            x * VectorMath.Sigmoid(x);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<T> Gradient<T>(
            Vector512<T> dy, Vector512<T> x, Vector512<T> y, Vector512<T> p, Vector512<T> q)
            where T : unmanaged, IFloatingPointIeee754<T>
        {
            Vector512<T> one = Vector512.Create(T.One), s = VectorMath.Sigmoid(x);
            return dy * (s * (one + (x * (one - s))));
        }
    }
}
