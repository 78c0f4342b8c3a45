using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Evenkeel;

public sealed partial class Tensor
{
    /// <summary>
    /// x limited to [min, max], element by element. The derivative is 1 inside and at the limits, and 0 outside. NaN
    /// stays NaN, and the derivative there is 0, as in PyTorch.
    /// </summary>
    /// <param name="min">The lower limit. Negative infinity is none.</param>
    /// <param name="max">The upper limit. Infinity is none.</param>
    /// <exception cref="ArgumentException">min is above max, or one of them is NaN.</exception>
    public Tensor Clamp(double min, double max) => ClampOp.Apply(this, min, max);
}

/// <summary>y = min(max(x, p), q); dx = dy if p ≤ x ≤ q, else 0.</summary>
internal sealed class ClampOp : UnaryElementwise<ClampOp.Formula>
{
    /// <inheritdoc/>
    public override string Name => "Clamp";

    public static Tensor Apply(Tensor x, double min, double max) => min <= max
        ? Apply<ClampOp>("Clamp", x, min, max)
        : throw new ArgumentException($"Clamp: expected min <= max, got {min} and {max}.", nameof(min));

    /// <inheritdoc/>
    protected override void Describe(OpSettings settings)
    {
        settings.Set("min", P);
        settings.Set("max", Q);
    }

    internal readonly struct Formula : IUnaryFormula
    {
        public static bool ReadsX => true;

        public static bool ReadsY => false;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<T> Value<T>(Vector512<T> x, Vector512<T> p, Vector512<T> q)
            where T : unmanaged, IFloatingPointIeee754<T> =>
            Vector512.ConditionalSelect(
                Vector512.LessThan(x, p), p, Vector512.ConditionalSelect(Vector512.GreaterThan(x, q), q, x));

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<T> Gradient<T>(
            Vector512<T> dy, Vector512<T> x, Vector512<T> y, Vector512<T> p, Vector512<T> q)
            where T : unmanaged, IFloatingPointIeee754<T> =>
            dy & Vector512.GreaterThanOrEqual(x, p) & Vector512.LessThanOrEqual(x, q);
    }
}
