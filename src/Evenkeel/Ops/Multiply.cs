using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Evenkeel;

public sealed partial class Tensor
{
    /// <summary>a·b, element by element, with broadcasting.</summary>
    public static Tensor operator *(Tensor a, Tensor b) => MultiplyOp.Apply(a, b);

    /// <summary>x·value; the value is rounded to the element type.</summary>
    public static Tensor operator *(Tensor x, double value) => MultiplyScalarOp.Apply(x, value);

    /// <summary>value·x; the value is rounded to the element type.</summary>
    public static Tensor operator *(double value, Tensor x) => MultiplyScalarOp.Apply(x, value);
}

/// <summary>
/// y = a·b; da = dy·b, db = dy·a. If a and b are the same tensor, both contributions add up: 2·dy·x.
/// </summary>
internal sealed class MultiplyOp : BinaryElementwise<MultiplyOp.Formula>
{
    /// <inheritdoc/>
    public override string Name => "Multiply";

    public static Tensor Apply(Tensor a, Tensor b) => Apply<MultiplyOp>("Multiply", a, b);

    internal readonly struct Formula : IBinaryFormula
    {
        public static bool ReadsOperands => true;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<T> Value<T>(Vector512<T> a, Vector512<T> b)
            where T : unmanaged, IFloatingPointIeee754<T> =>
            a * b;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<T> GradientA<T>(Vector512<T> dy, Vector512<T> a, Vector512<T> b)
            where T : unmanaged, IFloatingPointIeee754<T> =>
            dy * b;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<T> GradientB<T>(Vector512<T> dy, Vector512<T> a, Vector512<T> b)
            where T : unmanaged, IFloatingPointIeee754<T> =>
            dy * a;
    }
}

/// <summary>y = p·x; dx = p·dy.</summary>
internal sealed class MultiplyScalarOp : UnaryElementwise<MultiplyScalarOp.Formula>
{
    /// <inheritdoc/>
    public override string Name => "Multiply";

    /// <inheritdoc/>
    public override string Kind => "MultiplyScalar";

    public static Tensor Apply(Tensor x, double p) => Apply<MultiplyScalarOp>("Multiply", x, p);

    /// <inheritdoc/>
    protected override void Describe(OpSettings settings) => settings.Set("value", P);

    internal readonly struct Formula : IUnaryFormula
    {
        public static bool ReadsX => false;

        public static bool ReadsY => false;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<T> Value<T>(Vector512<T> x, Vector512<T> p, Vector512<T> q)
            where T : unmanaged, IFloatingPointIeee754<T> =>
            x * p;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<T> Gradient<T>(
            Vector512<T> dy, Vector512<T> x, Vector512<T> y, Vector512<T> p, Vector512<T> q)
            where T : unmanaged, IFloatingPointIeee754<T> =>
            dy * p;
    }
}
