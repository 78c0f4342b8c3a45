using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Evenkeel.Kernels;

namespace Evenkeel;

public sealed partial class Tensor
{
    /// <summary>1/(1 + e⁻ˣ), element by element.</summary>
    public Tensor Sigmoid() => SigmoidOp.Apply(this);
}

/// <summary>y = 1/(1 + e⁻ˣ); dy/dx = e⁻ˣ/(1 + e⁻ˣ)² = y·(1 - y), so dx = dy·y·(1 - y).</summary>
internal sealed class SigmoidOp : UnaryElementwise<SigmoidOp.Formula>
{
    /// <inheritdoc/>
    public override string Name => "Sigmoid";

    public static Tensor Apply(Tensor x) => Apply<SigmoidOp>("Sigmoid", x);

    internal readonly struct Formula : IUnaryFormula
    {
        public static bool ReadsX => false;

        public static bool ReadsY => true;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<T> Value<T>(Vector512<T> x, Vector512<T> p, Vector512<T> q)
            where T : unmanaged, IFloatingPointIeee754<T> =>
            VectorMath.Sigmoid(x);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<T> Gradient<T>(
            Vector512<T> dy, Vector512<T> x, Vector512<T> y, Vector512<T> p, Vector512<T> q)
            where T : unmanaged, IFloatingPointIeee754<T> =>
            dy * (y * (Vector512.Create(T.One) - y));
    }
}
