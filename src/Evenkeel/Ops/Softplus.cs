using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Evenkeel.Kernels;

namespace Evenkeel;

public sealed partial class Tensor
{
    /// <summary>
    /// ln(1 + e^(beta·x))/beta, element by element: a smooth ReLU. Where beta·x is above the threshold it is x, and the
    /// derivative is 1, as in PyTorch.
    /// </summary>
    /// <param name="beta">How sharp the bend is; not 0. Default: 1.</param>
    /// <param name="threshold">From here on the function is a straight line. Default: 20.</param>
    /// <exception cref="ArgumentOutOfRangeException">beta is 0 or not finite, or the threshold is NaN.</exception>
    public Tensor Softplus(double beta = 1, double threshold = 20) => SoftplusOp.Apply(this, beta, threshold);
}

/// <summary>
/// With z = p·x: y = x if z &gt; q, else (max(z, 0) + ln(1 + e^-|z|))/p, in which nothing overflows; dx = dy if z &gt;
/// q, else dy·σ(z).
/// </summary>
internal sealed class SoftplusOp : UnaryElementwise<SoftplusOp.Formula>
{
    /// <inheritdoc/>
    public override string Name => "Softplus";

    public static Tensor Apply(Tensor x, double beta, double threshold)
    {
        Check(beta, threshold);
        return Apply<SoftplusOp>("Softplus", x, beta, threshold);
    }

    /// <summary>Checks the settings. The layer's constructor calls it too.</summary>
    public static void Check(double beta, double threshold)
    {
        if (!double.IsFinite(beta) || beta == 0)
        {
            throw new ArgumentOutOfRangeException(
                nameof(beta), $"Softplus: expected a finite beta other than 0, got {beta}. It divides the logarithm.");
        }

        if (double.IsNaN(threshold))
        {
            throw new ArgumentOutOfRangeException(nameof(threshold),
                "Softplus: expected a number as the threshold, got NaN. Infinity is none: the curve goes on.");
        }
    }

    /// <inheritdoc/>
    protected override void Describe(OpSettings settings)
    {
        settings.Set("beta", P);
        settings.Set("threshold", Q);
    }

    internal readonly struct Formula : IUnaryFormula
    {
        public static bool ReadsX => true;

        public static bool ReadsY => false;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<T> Value<T>(Vector512<T> x, Vector512<T> p, Vector512<T> q)
            where T : unmanaged, IFloatingPointIeee754<T>
        {
            Vector512<T> z = p * x;
            return Vector512.ConditionalSelect(Vector512.GreaterThan(z, q), x,
                (VectorMath.Max(z, Vector512<T>.Zero) + LossMath.LogOnePlusExp(z)) / p);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<T> Gradient<T>(
            Vector512<T> dy, Vector512<T> x, Vector512<T> y, Vector512<T> p, Vector512<T> q)
            where T : unmanaged, IFloatingPointIeee754<T>
        {
            Vector512<T> z = p * x;
            return Vector512.ConditionalSelect(Vector512.GreaterThan(z, q), dy, dy * VectorMath.Sigmoid(z));
        }
    }
}
