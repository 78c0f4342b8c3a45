using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Evenkeel;

public sealed partial class Tensor
{
    /// <summary>
    /// The smooth L1 loss: the mean over all elements of d²/(2·β) if |d| &lt; β, else |d| - β/2, with d = x - target: a
    /// scalar. It is <see cref="Huber"/> divided by β; with β = 0 it is <see cref="MeanAbsoluteError"/>. Semantics of
    /// PyTorch's <c>smooth_l1_loss</c> (Girshick 2015).
    /// </summary>
    /// <param name="target">Same shape and type as this tensor. It gets a gradient if it requires one.</param>
    /// <param name="beta">β, a finite number from 0 on, in the unit of the targets. Default: 1.</param>
    /// <exception cref="ArgumentException">The shapes or element types differ, or there are no elements.</exception>
    /// <exception cref="ArgumentOutOfRangeException">β is negative or not finite.</exception>
    public Tensor SmoothL1(Tensor target, double beta = 1) => SmoothL1Op.Apply(this, target, beta);
}

/// <summary>
/// f = d²/(2β) if |d| &lt; β, else |d| - β/2, with d = x - t; ∂f/∂x = d/β if |d| &lt; β, else sign(d), ∂f/∂t = -∂f/∂x.
/// </summary>
internal sealed class SmoothL1Op : ElementwiseLoss<SmoothL1Op.Formula>
{
    /// <inheritdoc/>
    public override string Name => "SmoothL1";

    public static Tensor Apply(Tensor x, Tensor target, double beta)
    {
        CheckBeta("SmoothL1", beta);
        return Apply<SmoothL1Op>("SmoothL1", x, target, beta);
    }

    /// <summary>Throws if β is not a finite number from 0 on.</summary>
    public static void CheckBeta(string name, double beta)
    {
        if (!(beta >= 0) || !double.IsFinite(beta))
        {
            throw new ArgumentOutOfRangeException(nameof(beta), $"{name}: expected a finite beta from 0 on, the error "
                + $"below which the loss is a square, got {beta}. 0 is the absolute error.");
        }
    }

    internal readonly struct Formula : ILossFormula
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        static Vector512<T> ILossFormula.Value<T>(Vector512<T> x, Vector512<T> t, Vector512<T> k)
        {
            Vector512<T> half = Vector512.Create(T.CreateTruncating(0.5)), d = Vector512.Abs(x - t);
            return Vector512.ConditionalSelect(Vector512.LessThan(d, k), half * d * d / k, d - half * k);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        static Vector512<T> ILossFormula.Slope<T>(Vector512<T> x, Vector512<T> t, Vector512<T> k) => Slope(x - t, k);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        static Vector512<T> ILossFormula.TargetSlope<T>(Vector512<T> x, Vector512<T> t, Vector512<T> k) =>
            Slope(t - x, k);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static Vector512<T> Slope<T>(Vector512<T> d, Vector512<T> k)
            where T : unmanaged, System.Numerics.IFloatingPointIeee754<T> =>
            Vector512.ConditionalSelect(Vector512.LessThan(Vector512.Abs(d), k), d / k, LossMath.Sign(d));
    }
}
