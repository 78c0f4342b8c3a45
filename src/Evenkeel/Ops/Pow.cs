using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Evenkeel.Kernels;

namespace Evenkeel;

public sealed partial class Tensor
{
    /// <summary>
    /// x to a constant power, element by element. It is NaN if x is negative and the power is not a whole number.
    /// </summary>
    public Tensor Pow(double exponent) => exponent switch
    {
        2 => SquareOp.Apply(this),
        0.5 => SqrtOp.Apply(this),
        1 => MultiplyScalarOp.Apply(this, 1),
        -1 => DivideScalarOp.Apply(this, 1),
        _ => PowScalarOp.Apply(this, exponent),
    };

    /// <summary>x to the power of another tensor, element by element, with broadcasting.</summary>
    public Tensor Pow(Tensor exponent) => PowOp.Apply(this, exponent);
}

/// <summary>y = xᵖ; dx = dy·p·xᵖ⁻¹ (q = p - 1), 0 if p = 0.</summary>
internal sealed class PowScalarOp : UnaryElementwise<PowScalarOp.Formula>
{
    /// <inheritdoc/>
    public override string Name => "Pow";

    /// <inheritdoc/>
    public override string Kind => "PowScalar";

    public static Tensor Apply(Tensor x, double exponent) => Apply<PowScalarOp>("Pow", x, exponent, exponent - 1);

    /// <inheritdoc/>
    protected override void Describe(OpSettings settings) => settings.Set("value", P);

    internal readonly struct Formula : IUnaryFormula
    {
        public static bool ReadsX => true;

        public static bool ReadsY => false;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<T> Value<T>(Vector512<T> x, Vector512<T> p, Vector512<T> q)
            where T : unmanaged, IFloatingPointIeee754<T> =>
            VectorMath.Pow(x, p);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<T> Gradient<T>(
            Vector512<T> dy, Vector512<T> x, Vector512<T> y, Vector512<T> p, Vector512<T> q)
            where T : unmanaged, IFloatingPointIeee754<T> =>
            Vector512.ConditionalSelect(Vector512.Equals(p, default), default, dy * (p * VectorMath.Pow(x, q)));
    }
}

/// <summary>
/// y = aᵇ; da = dy·b·aᵇ⁻¹ (0 if b = 0), db = dy·y·ln a (0 if a = 0 and b ≥ 0, because y stays 0 around b).
/// </summary>
internal sealed class PowOp : BinaryElementwise<PowOp.Formula>
{
    /// <inheritdoc/>
    public override string Name => "Pow";

    public static Tensor Apply(Tensor a, Tensor b) => Apply<PowOp>("Pow", a, b);

    internal readonly struct Formula : IBinaryFormula
    {
        public static bool ReadsOperands => true;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<T> Value<T>(Vector512<T> a, Vector512<T> b)
            where T : unmanaged, IFloatingPointIeee754<T> =>
            VectorMath.Pow(a, b);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<T> GradientA<T>(Vector512<T> dy, Vector512<T> a, Vector512<T> b)
            where T : unmanaged, IFloatingPointIeee754<T> =>
            Vector512.ConditionalSelect(
                Vector512.Equals(b, default), default, dy * (b * VectorMath.Pow(a, b - Vector512.Create(T.One))));

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<T> GradientB<T>(Vector512<T> dy, Vector512<T> a, Vector512<T> b)
            where T : unmanaged, IFloatingPointIeee754<T> =>
            Vector512.ConditionalSelect(Vector512.Equals(a, default) & Vector512.GreaterThanOrEqual(b, default),
                default, dy * (VectorMath.Pow(a, b) * VectorMath.Log(a)));
    }
}
