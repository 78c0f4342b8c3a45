using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Evenkeel;

public sealed partial class Tensor
{
    /// <summary>a - b, element by element, with broadcasting.</summary>
    public static Tensor operator -(Tensor a, Tensor b) => SubtractOp.Apply(a, b);

    /// <summary>x - value; the value is rounded to the element type.</summary>
    public static Tensor operator -(Tensor x, double value) => AddScalarOp.Apply(x, -value);

    /// <summary>value - x; the value is rounded to the element type.</summary>
    public static Tensor operator -(double value, Tensor x) => SubtractFromScalarOp.Apply(x, value);
}

/// <summary>y = a - b; da = dy, db = -dy.</summary>
internal sealed class SubtractOp : BinaryElementwise<SubtractOp.Formula>
{
    /// <inheritdoc/>
    public override string Name => "Subtract";

    public static Tensor Apply(Tensor a, Tensor b) => Apply<SubtractOp>("Subtract", a, b);

    internal readonly struct Formula : IBinaryFormula
    {
        public static bool ReadsOperands => false;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<T> Value<T>(Vector512<T> a, Vector512<T> b)
            where T : unmanaged, IFloatingPointIeee754<T> =>
            a - b;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<T> GradientA<T>(Vector512<T> dy, Vector512<T> a, Vector512<T> b)
            where T : unmanaged, IFloatingPointIeee754<T> =>
            dy;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<T> GradientB<T>(Vector512<T> dy, Vector512<T> a, Vector512<T> b)
            where T : unmanaged, IFloatingPointIeee754<T> =>
            -dy;
    }
}

/// <summary>y = p - x; dx = -dy.</summary>
internal sealed class SubtractFromScalarOp : UnaryElementwise<SubtractFromScalarOp.Formula>
{
    /// <inheritdoc/>
    public override string Name => "Subtract";

    /// <inheritdoc/>
    public override string Kind => "SubtractFromScalar";

    public static Tensor Apply(Tensor x, double p) => Apply<SubtractFromScalarOp>("Subtract", x, p);

    /// <inheritdoc/>
    protected override void Describe(OpSettings settings) => settings.Set("value", P);

    internal readonly struct Formula : IUnaryFormula
    {
        public static bool ReadsX => false;

        public static bool ReadsY => false;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<T> Value<T>(Vector512<T> x, Vector512<T> p, Vector512<T> q)
            where T : unmanaged, IFloatingPointIeee754<T> =>
            p - x;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<T> Gradient<T>(
            Vector512<T> dy, Vector512<T> x, Vector512<T> y, Vector512<T> p, Vector512<T> q)
            where T : unmanaged, IFloatingPointIeee754<T> =>
            -dy;
    }
}
