using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Evenkeel;

public sealed partial class Tensor
{
    /// <summary>a / b, element by element, with broadcasting.</summary>
    public static Tensor operator /(Tensor a, Tensor b) => DivideOp.Apply(a, b);

    /// <summary>x / value; the value is rounded to the element type.</summary>
    public static Tensor operator /(Tensor x, double value) => DivideByScalarOp.Apply(x, value);

    /// <summary>value / x; the value is rounded to the element type.</summary>
    public static Tensor operator /(double value, Tensor x) => DivideScalarOp.Apply(x, value);
}

/// <summary>y = a/b; da = dy/b, db = -dy·a/b² = -(dy/b)·(a/b).</summary>
internal sealed class DivideOp : BinaryElementwise<DivideOp.Formula>
{
    /// <inheritdoc/>
    public override string Name => "Divide";

    public static Tensor Apply(Tensor a, Tensor b) => Apply<DivideOp>("Divide", a, b);

    internal readonly struct Formula : IBinaryFormula
    {
        public static bool ReadsOperands => true;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<T> Value<T>(Vector512<T> a, Vector512<T> b)
            where T : unmanaged, IFloatingPointIeee754<T> =>
            a / b;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<T> GradientA<T>(Vector512<T> dy, Vector512<T> a, Vector512<T> b)
            where T : unmanaged, IFloatingPointIeee754<T> =>
            dy / b;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<T> GradientB<T>(Vector512<T> dy, Vector512<T> a, Vector512<T> b)
            where T : unmanaged, IFloatingPointIeee754<T> =>
            -(dy / b) * (a / b);
    }
}

/// <summary>y = x/p; dx = dy/p.</summary>
internal sealed class DivideByScalarOp : UnaryElementwise<DivideByScalarOp.Formula>
{
    /// <inheritdoc/>
    public override string Name => "Divide";

    /// <inheritdoc/>
    public override string Kind => "DivideByScalar";

    public static Tensor Apply(Tensor x, double p) => Apply<DivideByScalarOp>("Divide", x, p);

    /// <inheritdoc/>
    protected override void Describe(OpSettings settings) => settings.Set("value", P);

    internal readonly struct Formula : IUnaryFormula
    {
        public static bool ReadsX => false;

        public static bool ReadsY => false;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<T> Value<T>(Vector512<T> x, Vector512<T> p, Vector512<T> q)
            where T : unmanaged, IFloatingPointIeee754<T> =>
            x / p;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<T> Gradient<T>(
            Vector512<T> dy, Vector512<T> x, Vector512<T> y, Vector512<T> p, Vector512<T> q)
            where T : unmanaged, IFloatingPointIeee754<T> =>
            dy / p;
    }
}

/// <summary>y = p/x; dx = -dy·p/x² = -dy·y/x.</summary>
internal sealed class DivideScalarOp : UnaryElementwise<DivideScalarOp.Formula>
{
    /// <inheritdoc/>
    public override string Name => "Divide";

    /// <inheritdoc/>
    public override string Kind => "DivideScalar";

    public static Tensor Apply(Tensor x, double p) => Apply<DivideScalarOp>("Divide", x, p);

    /// <inheritdoc/>
    protected override void Describe(OpSettings settings) => settings.Set("value", P);

    internal readonly struct Formula : IUnaryFormula
    {
        public static bool ReadsX => true;

        public static bool ReadsY => true;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<T> Value<T>(Vector512<T> x, Vector512<T> p, Vector512<T> q)
            where T : unmanaged, IFloatingPointIeee754<T> =>
            p / x;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<T> Gradient<T>(
            Vector512<T> dy, Vector512<T> x, Vector512<T> y, Vector512<T> p, Vector512<T> q)
            where T : unmanaged, IFloatingPointIeee754<T> =>
            -dy * (y / x);
    }
}
