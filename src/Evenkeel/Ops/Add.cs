using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Evenkeel;

public sealed partial class Tensor
{
    /// <summary>a + b, element by element, with broadcasting.</summary>
    public static Tensor operator +(Tensor a, Tensor b) => AddOp.Apply(a, b);

    /// <summary>x + value; the value is rounded to the element type.</summary>
    public static Tensor operator +(Tensor x, double value) => AddScalarOp.Apply(x, value);

    /// <summary>value + x; the value is rounded to the element type.</summary>
    public static Tensor operator +(double value, Tensor x) => AddScalarOp.Apply(x, value);
}

/// <summary>y = a + b; da = dy, db = dy (each summed over the repeated dimensions).</summary>
internal sealed class AddOp : BinaryElementwise<AddOp.Formula>
{
    /// <inheritdoc/>
    public override string Name => "Add";

    public static Tensor Apply(Tensor a, Tensor b) => Apply<AddOp>("Add", a, b);

    internal readonly struct Formula : IBinaryFormula
    {
        public static bool ReadsOperands => false;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<T> Value<T>(Vector512<T> a, Vector512<T> b)
            where T : unmanaged, IFloatingPointIeee754<T> =>
            a + b;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<T> GradientA<T>(Vector512<T> dy, Vector512<T> a, Vector512<T> b)
            where T : unmanaged, IFloatingPointIeee754<T> =>
            dy;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<T> GradientB<T>(Vector512<T> dy, Vector512<T> a, Vector512<T> b)
            where T : unmanaged, IFloatingPointIeee754<T> =>
            dy;
    }
}

/// <summary>y = x + p; dx = dy.</summary>
internal sealed class AddScalarOp : UnaryElementwise<AddScalarOp.Formula>
{
    /// <inheritdoc/>
    public override string Name => "Add";

    /// <inheritdoc/>
    public override string Kind => "AddScalar";

    public static Tensor Apply(Tensor x, double p) => Apply<AddScalarOp>("Add", x, p);

    /// <inheritdoc/>
    protected override void Describe(OpSettings settings) => settings.Set("value", P);

    internal readonly struct Formula : IUnaryFormula
    {
        public static bool ReadsX => false;

        public static bool ReadsY => false;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<T> Value<T>(Vector512<T> x, Vector512<T> p, Vector512<T> q)
            where T : unmanaged, IFloatingPointIeee754<T> =>
            x + p;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<T> Gradient<T>(
            Vector512<T> dy, Vector512<T> x, Vector512<T> y, Vector512<T> p, Vector512<T> q)
            where T : unmanaged, IFloatingPointIeee754<T> =>
            dy;
    }
}
