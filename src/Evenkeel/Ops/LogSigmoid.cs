using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Evenkeel.Kernels;

namespace Evenkeel;

public sealed partial class Tensor
{
    /// <summary>ln(1/(1 + e⁻ˣ)), element by element, without overflow and with small relative error.</summary>
    public Tensor LogSigmoid() => LogSigmoidOp.Apply(this);
}

/// <summary>y = ln σ(x) = min(x, 0) - ln(1 + e^-|x|); dx = dy·(1 - σ(x)) = dy·σ(-x).</summary>
internal sealed class LogSigmoidOp : UnaryElementwise<LogSigmoidOp.Formula>
{
    /// <inheritdoc/>
    public override string Name => "LogSigmoid";

    public static Tensor Apply(Tensor x) => Apply<LogSigmoidOp>("LogSigmoid", x);

    internal readonly struct Formula : IUnaryFormula
    {
        public static bool ReadsX => true;

        public static bool ReadsY => false;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<T> Value<T>(Vector512<T> x, Vector512<T> p, Vector512<T> q)
            where T : unmanaged, IFloatingPointIeee754<T> =>
            VectorMath.Min(x, Vector512<T>.Zero) - LossMath.LogOnePlusExp(x);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<T> Gradient<T>(
            Vector512<T> dy, Vector512<T> x, Vector512<T> y, Vector512<T> p, Vector512<T> q)
            where T : unmanaged, IFloatingPointIeee754<T> =>
            dy * VectorMath.Sigmoid(-x);
    }
}
