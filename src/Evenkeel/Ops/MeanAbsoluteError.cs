using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Evenkeel;

public sealed partial class Tensor
{
    /// <summary>
    /// The mean of |x - target| over all elements: a scalar. Where both are equal, the gradient is 0. Semantics of
    /// PyTorch's <c>l1_loss</c>.
    /// </summary>
    /// <param name="target">Same shape and type as this tensor. It gets a gradient if it requires one.</param>
    /// <exception cref="ArgumentException">The shapes or element types differ, or there are no elements.</exception>
    public Tensor MeanAbsoluteError(Tensor target) => MeanAbsoluteErrorOp.Apply(this, target);
}

/// <summary>f = |x - t|; ∂f/∂x = sign(x - t), ∂f/∂t = -sign(x - t).</summary>
internal sealed class MeanAbsoluteErrorOp : ElementwiseLoss<MeanAbsoluteErrorOp.Formula>
{
    /// <inheritdoc/>
    public override string Name => "MeanAbsoluteError";

    public static Tensor Apply(Tensor x, Tensor target) =>
        Apply<MeanAbsoluteErrorOp>("MeanAbsoluteError", x, target, constant: 0);

    internal readonly struct Formula : ILossFormula
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        static Vector512<T> ILossFormula.Value<T>(Vector512<T> x, Vector512<T> t, Vector512<T> k) =>
            Vector512.Abs(x - t);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        static Vector512<T> ILossFormula.Slope<T>(Vector512<T> x, Vector512<T> t, Vector512<T> k) =>
            LossMath.Sign(x - t);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        static Vector512<T> ILossFormula.TargetSlope<T>(Vector512<T> x, Vector512<T> t, Vector512<T> k) =>
            LossMath.Sign(t - x);
    }
}
