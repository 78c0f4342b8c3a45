using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Evenkeel;

public sealed partial class Tensor
{
    /// <summary>x², element by element.</summary>
    public Tensor Square() => SquareOp.Apply(this);
}

/// <summary>y = x²; dx = 2·x·dy.</summary>
internal sealed class SquareOp : UnaryElementwise<SquareOp.Formula>
{
    /// <inheritdoc/>
    public override string Name => "Square";

    public static Tensor Apply(Tensor x) => Apply<SquareOp>("Square", x);

    internal readonly struct Formula : IUnaryFormula
    {
        public static bool ReadsX => true;

        public static bool ReadsY => false;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<T> Value<T>(Vector512<T> x, Vector512<T> p, Vector512<T> q)
            where T : unmanaged, IFloatingPointIeee754<T> =>
            x * x;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<T> Gradient<T>(
            Vector512<T> dy, Vector512<T> x, Vector512<T> y, Vector512<T> p, Vector512<T> q)
            where T : unmanaged, IFloatingPointIeee754<T> =>
            (x + x) * dy;
    }
}
