using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Evenkeel;

public sealed partial class Tensor
{
    /// <summary>
    /// The larger of two elements, with broadcasting. Equal elements share the gradient, half each. If one element is
    /// NaN, the result is NaN, and both operands get the whole gradient, as in PyTorch.
    /// </summary>
    public Tensor Maximum(Tensor other) => MaximumOp.Apply(this, other);
}

/// <summary>
/// y = a if a &gt; b, else b; da = 0 if a &lt; b, dy/2 if a = b, else dy; db = 0 if a &gt; b, dy/2 if a = b, else dy. A
/// NaN compares false, so da = db = dy there.
/// </summary>
internal sealed class MaximumOp : BinaryElementwise<MaximumOp.Formula>
{
    /// <inheritdoc/>
    public override string Name => "Maximum";

    public static Tensor Apply(Tensor a, Tensor b) => Apply<MaximumOp>("Maximum", a, b);

    internal readonly struct Formula : IBinaryFormula
    {
        public static bool ReadsOperands => true;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<T> Value<T>(Vector512<T> a, Vector512<T> b)
            where T : unmanaged, IFloatingPointIeee754<T> =>
            Vector512.ConditionalSelect(Vector512.GreaterThanOrEqual(a, b) | ~Vector512.Equals(a, a), a, b);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<T> GradientA<T>(Vector512<T> dy, Vector512<T> a, Vector512<T> b)
            where T : unmanaged, IFloatingPointIeee754<T> =>
            Vector512.ConditionalSelect(Vector512.Equals(a, b),
                dy * Vector512.Create(T.CreateTruncating(0.5)), Vector512.AndNot(dy, Vector512.LessThan(a, b)));

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<T> GradientB<T>(Vector512<T> dy, Vector512<T> a, Vector512<T> b)
            where T : unmanaged, IFloatingPointIeee754<T> =>
            Vector512.ConditionalSelect(Vector512.Equals(a, b),
                dy * Vector512.Create(T.CreateTruncating(0.5)), Vector512.AndNot(dy, Vector512.GreaterThan(a, b)));
    }
}
