using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Evenkeel.Kernels;

namespace Evenkeel;

public sealed partial class Tensor
{
    /// <summary>
    /// The Huber loss: the mean over all elements of d²/2 if |d| ≤ δ, else δ·(|d| - δ/2), with d = x - target: a
    /// scalar. Large errors count in proportion, not squared (Huber 1964). Semantics of PyTorch's <c>huber_loss</c>.
    /// </summary>
    /// <param name="target">Same shape and type as this tensor. It gets a gradient if it requires one.</param>
    /// <param name="delta">δ, a finite number above 0, in the unit of the targets. Default: 1.</param>
    /// <exception cref="ArgumentException">The shapes or element types differ, or there are no elements.</exception>
    /// <exception cref="ArgumentOutOfRangeException">δ is not a finite number above 0.</exception>
    public Tensor Huber(Tensor target, double delta = 1) => HuberOp.Apply(this, target, delta);
}

/// <summary>
/// f = d²/2 if |d| ≤ δ, else δ·(|d| - δ/2), with d = x - t; ∂f/∂x = d limited to -δ .. δ, ∂f/∂t = -∂f/∂x.
/// </summary>
internal sealed class HuberOp : ElementwiseLoss<HuberOp.Formula>
{
    /// <inheritdoc/>
    public override string Name => "Huber";

    public static Tensor Apply(Tensor x, Tensor target, double delta)
    {
        CheckDelta("Huber", delta);
        return Apply<HuberOp>("Huber", x, target, delta);
    }

    /// <summary>Throws if δ is not a finite number above 0.</summary>
    public static void CheckDelta(string name, double delta)
    {
        if (!(delta > 0) || !double.IsFinite(delta))
        {
            throw new ArgumentOutOfRangeException(nameof(delta), $"{name}: expected a finite delta above 0, the error "
                + $"from which on the loss grows in proportion, got {delta}. Use MSELoss for squares alone.");
        }
    }

    internal readonly struct Formula : ILossFormula
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        static Vector512<T> ILossFormula.Value<T>(Vector512<T> x, Vector512<T> t, Vector512<T> k)
        {
            Vector512<T> half = Vector512.Create(T.CreateTruncating(0.5)), d = Vector512.Abs(x - t);
            return Vector512.ConditionalSelect(Vector512.LessThanOrEqual(d, k), half * d * d, k * (d - half * k));
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        static Vector512<T> ILossFormula.Slope<T>(Vector512<T> x, Vector512<T> t, Vector512<T> k) =>
            VectorMath.Max(VectorMath.Min(x - t, k), -k);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        static Vector512<T> ILossFormula.TargetSlope<T>(Vector512<T> x, Vector512<T> t, Vector512<T> k) =>
            VectorMath.Max(VectorMath.Min(t - x, k), -k);
    }
}
