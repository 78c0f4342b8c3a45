using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Evenkeel.Kernels;

namespace Evenkeel;

public sealed partial class Tensor
{
    /// <summary>
    /// The hinge loss of two classes: the mean over all elements of max(0, 1 - t·x): a scalar. x is a score, which says
    /// by its sign which class it is (Cortes and Vapnik 1995). Keras and scikit-learn call it <c>hinge</c>.
    /// </summary>
    /// <param name="target">
    /// t, -1 or 1: same shape and type as this tensor. It gets a gradient if it requires one.
    /// </param>
    /// <exception cref="ArgumentException">The shapes or element types differ, or there are no elements.</exception>
    public Tensor Hinge(Tensor target) => HingeOp.Apply(this, target);
}

/// <summary>f = max(0, 1 - t·x); ∂f/∂x = -t and ∂f/∂t = -x where 1 - t·x &gt; 0, else 0.</summary>
internal sealed class HingeOp : ElementwiseLoss<HingeOp.Formula>
{
    /// <inheritdoc/>
    public override string Name => "Hinge";

    public static Tensor Apply(Tensor x, Tensor target) => Apply<HingeOp>("Hinge", x, target, constant: 0);

    internal readonly struct Formula : ILossFormula
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        static Vector512<T> ILossFormula.Value<T>(Vector512<T> x, Vector512<T> t, Vector512<T> k) =>
            VectorMath.Max(Vector512<T>.One - t * x, Vector512<T>.Zero);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        static Vector512<T> ILossFormula.Slope<T>(Vector512<T> x, Vector512<T> t, Vector512<T> k) =>
            Vector512.AndNot(-t, Vector512.LessThanOrEqual(Vector512<T>.One - t * x, Vector512<T>.Zero));

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        static Vector512<T> ILossFormula.TargetSlope<T>(Vector512<T> x, Vector512<T> t, Vector512<T> k) =>
            Vector512.AndNot(-x, Vector512.LessThanOrEqual(Vector512<T>.One - t * x, Vector512<T>.Zero));
    }
}
