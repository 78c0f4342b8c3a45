using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Evenkeel;

public sealed partial class Tensor
{
    /// <summary>
    /// x if x &gt; 0, else slope·x, element by element. NaN stays NaN, and the derivative there is
    /// the slope, as in PyTorch.
    /// </summary>
    /// <param name="slope">The factor of negative values. Default: 0.01.</param>
    public Tensor LeakyReLU(double slope = 0.01) => LeakyReLUOp.Apply(this, slope);
}

/// <summary>y = x if x &gt; 0, else p·x; dx = dy if x &gt; 0, else p·dy.</summary>
internal sealed class LeakyReLUOp : UnaryElementwise<LeakyReLUOp.Formula>
{
    /// <inheritdoc/>
    public override string Name => "LeakyReLU";

    public static Tensor Apply(Tensor x, double slope) => Apply<LeakyReLUOp>("LeakyReLU", x, slope);

    /// <inheritdoc/>
    protected override void Describe(OpSettings settings) => settings.Set("slope", P);

    internal readonly struct Formula : IUnaryFormula
    {
        public static bool ReadsX => true;

        public static bool ReadsY => false;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<T> Value<T>(Vector512<T> x, Vector512<T> p, Vector512<T> q)
            where T : unmanaged, IFloatingPointIeee754<T> =>
            Vector512.ConditionalSelect(Vector512.GreaterThan(x, default), x, p * x);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<T> Gradient<T>(
            Vector512<T> dy, Vector512<T> x, Vector512<T> y, Vector512<T> p, Vector512<T> q)
            where T : unmanaged, IFloatingPointIeee754<T> =>
            Vector512.ConditionalSelect(Vector512.GreaterThan(x, default), dy, p * dy);
    }
}
