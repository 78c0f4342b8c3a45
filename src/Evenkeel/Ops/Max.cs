using Evenkeel.Kernels;

namespace Evenkeel;

public sealed partial class Tensor
{
    /// <summary>
    /// The largest values along one dimension; NaN if one of the values is NaN. The gradient goes to the first of equal
    /// values.
    /// </summary>
    /// <param name="axis">The dimension to reduce; negative ones count from the end.</param>
    /// <param name="keepDims">True keeps the reduced dimension as one of size 1.</param>
    /// <exception cref="ArgumentException">The axis does not exist, or has no elements.</exception>
    public Tensor Max(int axis, bool keepDims = false) => MaxOp.Apply(this, axis, keepDims);

    /// <summary>
    /// The largest of all values, a scalar; NaN if one of them is NaN. The gradient goes to the first of equal values.
    /// </summary>
    /// <exception cref="ArgumentException">The tensor has no elements.</exception>
    public Tensor Max() => Reshape(new Shape(Count)).Max(0);
}

/// <summary>
/// y[o,i] = x[o,l*,i], where l* is the position of the largest value along the axis. Only that x is used, so dx[o,l*,i]
/// = dy[o,i] and 0 elsewhere.
/// </summary>
internal sealed unsafe class MaxOp : Op
{
    private Tensor _x = null!;
    private Tensor _index = null!;
    private int _axis, _outer, _length, _inner;

    /// <inheritdoc/>
    public override string Name => "Max";

    public static Tensor Apply(Tensor x, int axis, bool keepDims)
    {
        Tape? tape = Join("Max", ref x);
        axis = Broadcasting.Axis("Max", x.Shape, axis);
        if (x.Shape[axis] == 0)
        {
            throw new ArgumentException($"Max: expected at least one element along axis {axis}, got shape {x.Shape}. "
                + $"The maximum of nothing is undefined.", nameof(axis));
        }

        Shape shape = Broadcasting.Reduced(x.Shape, 1u << axis, keepDims);
        MaxOp op = Rent<MaxOp>(tape);
        (op._x, op._axis) = (x, axis);
        (op._outer, op._length, op._inner) = Broadcasting.Around(x.Shape, axis);
        op._index = op.NewTensor(shape, DType.Int64);
        op.Bind(shape, x.DType, x);
        return op.Execute();
    }

    /// <inheritdoc/>
    public override void Recycle()
    {
        base.Recycle();
        _x = _index = null!;
    }

    /// <inheritdoc/>
    protected override void Describe(OpSettings settings) => settings.Set("axis", _axis);

    /// <inheritdoc/>
    protected override void Forward<T>()
    {
        T* x = _x.Pointer<T>(), y = Output.Pointer<T>();
        long* index = _index.Pointer<long>();
        ArgMax.Run(x, index, _outer, _length, _inner);
        for (int o = 0; o < _outer; o++)
        {
            for (int i = 0; i < _inner; i++) y[(o * _inner) + i] = x[SourceIndex(o, i, index)];
        }
    }

    /// <inheritdoc/>
    protected override void Backward<T>()
    {
        if (Open(_x) is not { } opened) return;
        opened.AsSpan<T>().Clear();
        T* dy = Dy.Pointer<T>(), dx = opened.Pointer<T>();
        long* index = _index.Pointer<long>();
        for (int o = 0; o < _outer; o++)
        {
            for (int i = 0; i < _inner; i++) dx[SourceIndex(o, i, index)] = dy[(o * _inner) + i];
        }

        Close<T>(_x, opened);
    }

    private long SourceIndex(int o, int i, long* index) =>
        ((((long)o * _length) + index[(o * _inner) + i]) * _inner) + i;
}
