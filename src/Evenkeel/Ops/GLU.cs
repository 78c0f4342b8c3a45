using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Evenkeel.Kernels;

namespace Evenkeel;

public sealed partial class Tensor
{
    /// <summary>
    /// a·σ(b), σ(b) = 1/(1 + e⁻ᵇ), where a and b are the first and the second half of this tensor along one dimension
    /// (Dauphin et al. 2016). The result has that dimension half as large.
    /// </summary>
    /// <param name="axis">The dimension to halve; negative ones count from the end. Default: the last.</param>
    /// <exception cref="ArgumentException">The dimension has an odd size.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The axis does not exist.</exception>
    public Tensor GLU(int axis = -1) => GLUOp.Apply(this, axis);
}

/// <summary>y = a·s, s = σ(b), x = (a, b); da = dy·s, db = dy·a·s·(1 - s).</summary>
internal sealed unsafe class GLUOp : Op
{
    private Tensor _x = null!;
    private int _axis, _rows, _length;

    /// <inheritdoc/>
    public override string Name => "GLU";

    public static Tensor Apply(Tensor x, int axis)
    {
        Tape? tape = Join("GLU", ref x);
        axis = Broadcasting.Axis("GLU", x.Shape, axis);
        int size = x.Shape[axis];
        if (size % 2 != 0)
        {
            throw new ArgumentException(
                $"GLU: expected a dimension {axis} of even size, got shape {x.Shape}. Its halves are values and gates.",
                nameof(x));
        }

        GLUOp op = Rent<GLUOp>(tape);
        (op._rows, _, int inner) = Broadcasting.Around(x.Shape, axis);
        (op._x, op._axis, op._length) = (x, axis, size / 2 * inner);
        op.Bind(x.Shape.With(axis, size / 2), x.DType, x);
        return op.Execute();
    }

    /// <inheritdoc/>
    public override void Recycle()
    {
        base.Recycle();
        _x = null!;
    }

    /// <inheritdoc/>
    protected override void Describe(OpSettings settings) => settings.Set("axis", _axis);

    /// <inheritdoc/>
    protected override void Forward<T>()
    {
        T* a = _x.Pointer<T>(), b = a + _length;
        int step = 2 * _length;
        Map.Rows(_rows, _length, a, step, b, step, b, step, Output.Pointer<T>(), _length, default(Value<T>));
    }

    /// <inheritdoc/>
    protected override void Backward<T>()
    {
        if (Open(_x) is not { } dx) return;
        T* a = _x.Pointer<T>(), b = a + _length, dy = Dy.Pointer<T>(), da = dx.Pointer<T>(), db = da + _length;
        int step = 2 * _length;
        Map.Rows(_rows, _length, dy, _length, b, step, b, step, da, step, default(Value<T>));
        Map.Rows(_rows, _length, dy, _length, a, step, b, step, db, step, default(GateGradient<T>));
        Close<T>(_x, dx);
    }

    /// <summary>a·σ(b): y, and da of (dy, b).</summary>
    private readonly struct Value<T> : IFormula<T> where T : unmanaged, IFloatingPointIeee754<T>
    {
        public static bool ReadsB => true;

        public static bool ReadsC => false;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<T> Invoke(Vector512<T> a, Vector512<T> b, Vector512<T> c) => a * VectorMath.Sigmoid(b);
    }

    /// <summary>dy·a·s·(1 - s), s = σ(b), from (dy, a, b).</summary>
    private readonly struct GateGradient<T> : IFormula<T> where T : unmanaged, IFloatingPointIeee754<T>
    {
        public static bool ReadsB => true;

        public static bool ReadsC => true;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<T> Invoke(Vector512<T> a, Vector512<T> b, Vector512<T> c)
        {
            Vector512<T> s = VectorMath.Sigmoid(c);
            return a * b * (s * (Vector512.Create(T.One) - s));
        }
    }
}
