using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Evenkeel.Kernels;

namespace Evenkeel;

public sealed partial class Tensor
{
    /// <summary>
    /// The Gaussian error linear unit x·Φ(x), element by element (Hendrycks and Gimpel 2016). Φ is the normal
    /// distribution function.
    /// </summary>
    /// <param name="approximate">
    /// False computes Φ itself: for <c>Float32</c> to four millionths of its value, and 0 from -6 down. True computes
    /// 0.5·x·(1 + tanh(√(2/π)·(x + 0.044715·x³))), PyTorch's <c>approximate='tanh'</c>.
    /// </param>
    public Tensor GELU(bool approximate = false) => approximate ? GELUTanhOp.Apply(this) : GELUOp.Apply(this);
}

/// <summary>y = x·Φ(x), Φ(x) = (1 + erf(x/√2))/2; dx = dy·(Φ(x) + x·φ(x)), φ(x) = exp(-x²/2)/√(2π).</summary>
internal sealed class GELUOp : UnaryElementwise<GELUOp.Formula>
{
    /// <inheritdoc/>
    public override string Name => "GELU";

    public static Tensor Apply(Tensor x) => Apply<GELUOp>("GELU", x);

    internal readonly struct Formula : IUnaryFormula
    {
        public static bool ReadsX => true;

        public static bool ReadsY => false;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<T> Value<T>(Vector512<T> x, Vector512<T> p, Vector512<T> q)
            where T : unmanaged, IFloatingPointIeee754<T> => x * VectorMath.NormalCdf(x);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<T> Gradient<T>(
            Vector512<T> dy, Vector512<T> x, Vector512<T> y, Vector512<T> p, Vector512<T> q)
            where T : unmanaged, IFloatingPointIeee754<T>
        {
            Vector512<T> pdf = VectorMath.Exp(Vector512.Create(T.CreateTruncating(-0.5)) * x * x)
                * Vector512.Create(T.CreateTruncating(0.39894228040143268));
            return dy * (VectorMath.NormalCdf(x) + (x * pdf));
        }
    }
}

/// <summary>
/// y = x·(1 + t)/2, t = tanh(u), u = k·(x + c·x³); dx = dy·((1 + t)/2 + x·(1 - t²)/2·k·(1 + 3·c·x²)).
/// </summary>
internal sealed class GELUTanhOp : UnaryElementwise<GELUTanhOp.Formula>
{
    /// <inheritdoc/>
    public override string Name => "GELU";

    /// <inheritdoc/>
    public override string Kind => "GELUTanh";

    public static Tensor Apply(Tensor x) => Apply<GELUTanhOp>("GELU", x);

    internal readonly struct Formula : IUnaryFormula
    {
        public static bool ReadsX => true;

        public static bool ReadsY => false;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<T> Value<T>(Vector512<T> x, Vector512<T> p, Vector512<T> q)
            where T : unmanaged, IFloatingPointIeee754<T>
        {
            Vector512<T> half = Vector512.Create(T.CreateTruncating(0.5));
            return x * (half + (half * VectorMath.Tanh(Inner(x))));
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<T> Gradient<T>(
            Vector512<T> dy, Vector512<T> x, Vector512<T> y, Vector512<T> p, Vector512<T> q)
            where T : unmanaged, IFloatingPointIeee754<T>
        {
            Vector512<T> half = Vector512.Create(T.CreateTruncating(0.5)), one = Vector512.Create(T.One);
            Vector512<T> t = VectorMath.Tanh(Inner(x));
            Vector512<T> slope = Vector512.Create(T.CreateTruncating(0.79788456080286536))
                * (one + (Vector512.Create(T.CreateTruncating(3 * 0.044715)) * x * x));
            return dy * ((half + (half * t)) + (half * x * (one - (t * t)) * slope));
        }

        /// <summary>u = k·(x + c·x³), k = √(2/π), c = 0.044715.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static Vector512<T> Inner<T>(Vector512<T> x) where T : unmanaged, IFloatingPointIeee754<T> =>
            Vector512.Create(T.CreateTruncating(0.79788456080286536))
            * (x + (Vector512.Create(T.CreateTruncating(0.044715)) * x * x * x));
    }
}
