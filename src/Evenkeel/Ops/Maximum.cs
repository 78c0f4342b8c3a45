using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Evenkeel;

public sealed partial class Tensor
{
    /// <summary>The larger of two elements, with broadcasting; NaN where one of them is NaN. Equal elements share the gradient, half each.</summary>
    public Tensor Maximum(Tensor other) => MaximumOp.Apply(this, other);
}

/// <summary>y = a where a &gt; b, else b; da = dy where a &gt; b, dy/2 where a = b, else 0; db is the rest of dy.</summary>
internal sealed class MaximumOp : BinaryElementwise<MaximumOp.Formula>
{
    /// <inheritdoc/>
    public override string Name => "Maximum";

    public static Tensor Apply(Tensor a, Tensor b) => Apply<MaximumOp>("Maximum", a, b);

    internal readonly struct Formula : IBinaryFormula
    {
        public static bool ReadsOperands => true;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<T> Value<T>(Vector512<T> a, Vector512<T> b) where T : unmanaged, IFloatingPointIeee754<T> =>
            Vector512.ConditionalSelect(Vector512.GreaterThanOrEqual(a, b) | ~Vector512.Equals(a, a), a, b);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<T> GradientA<T>(Vector512<T> dy, Vector512<T> a, Vector512<T> b) where T : unmanaged, IFloatingPointIeee754<T> =>
            Vector512.ConditionalSelect(Vector512.Equals(a, b), dy * Vector512.Create(T.CreateTruncating(0.5)), dy & Vector512.GreaterThan(a, b));

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<T> GradientB<T>(Vector512<T> dy, Vector512<T> a, Vector512<T> b) where T : unmanaged, IFloatingPointIeee754<T> =>
            Vector512.ConditionalSelect(Vector512.Equals(a, b), dy * Vector512.Create(T.CreateTruncating(0.5)), dy & Vector512.LessThan(a, b));
    }
}
