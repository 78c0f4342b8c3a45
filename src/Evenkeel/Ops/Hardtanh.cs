using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Evenkeel;

public sealed partial class Tensor
{
    /// <summary>
    /// x limited to [min, max], element by element. The derivative is 1 inside, and 0 at the limits and outside. NaN
    /// stays NaN, and the derivative there is 1. <see cref="Clamp"/> has derivative 1 at the limits.
    /// </summary>
    /// <param name="min">The lower limit. Default: -1.</param>
    /// <param name="max">The upper limit, at least <paramref name="min"/>. Default: 1.</param>
    /// <exception cref="ArgumentException">min is above max, or one of them is NaN.</exception>
    public Tensor Hardtanh(double min = -1, double max = 1) => HardtanhOp.Apply(this, min, max);
}

/// <summary>y = min(max(x, p), q); dx = 0 if x ≤ p or x ≥ q, else dy (also if x is NaN).</summary>
internal sealed class HardtanhOp : UnaryElementwise<HardtanhOp.Formula>
{
    /// <inheritdoc/>
    public override string Name => "Hardtanh";

    public static Tensor Apply(Tensor x, double min, double max)
    {
        CheckLimits("Hardtanh", min, max);
        return Apply<HardtanhOp>("Hardtanh", x, min, max);
    }

    /// <summary>Checks the limits. The layer's constructor calls it too.</summary>
    public static void CheckLimits(string name, double min, double max)
    {
        if (min <= max) return;
        throw new ArgumentException(
            $"{name}: expected min <= max, got {min} and {max}. Give the lower limit first.", nameof(min));
    }

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
            where T : unmanaged, IFloatingPointIeee754<T> => ClampOp.Formula.Value(x, p, q);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<T> Gradient<T>(
            Vector512<T> dy, Vector512<T> x, Vector512<T> y, Vector512<T> p, Vector512<T> q)
            where T : unmanaged, IFloatingPointIeee754<T> =>
            Vector512.AndNot(dy, Vector512.LessThanOrEqual(x, p) | Vector512.GreaterThanOrEqual(x, q));
    }
}
