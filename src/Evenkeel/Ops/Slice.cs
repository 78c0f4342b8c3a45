using System.Runtime.CompilerServices;

namespace Evenkeel;

public sealed partial class Tensor
{
    /// <summary>
    /// A part of this tensor, indexed as in NumPy and PyTorch: <c>x[..5]</c>, <c>x[.., 1..3]</c>, <c>x[^1]</c>. A
    /// position removes its dimension, a range keeps it. A dimension without an index is taken whole.
    /// </summary>
    /// <param name="indices">
    /// Positions and ranges, one per dimension, from the outermost on. Each is an int, an Index or a Range.
    /// </param>
    /// <remarks>
    /// The result is a copy. Tensors are contiguous, so there are no strided views: writing into the result does not
    /// change this tensor. A range outside its dimension is an error, as for an array; PyTorch would cut it.
    /// </remarks>
    /// <exception cref="ArgumentException">There are more indices than dimensions.</exception>
    /// <exception cref="ArgumentOutOfRangeException">An index is outside its dimension.</exception>
    [IndexerName("Part")]
    public Tensor this[params ReadOnlySpan<TensorIndex> indices] => SliceOp.Apply(this, indices);

    /// <summary>
    /// A copy of <paramref name="length"/> entries along one dimension, from <paramref name="start"/> on.
    /// </summary>
    /// <param name="axis">The dimension; negative ones count from the end.</param>
    /// <param name="start">The first entry.</param>
    /// <param name="length">Number of entries.</param>
    /// <exception cref="ArgumentOutOfRangeException">
    /// The axis does not exist, or the range is outside the dimension.
    /// </exception>
    public Tensor Slice(int axis, int start, int length) => SliceOp.Apply(this, axis, start, length);
}

/// <summary>y[o,l,i] = x[o,start+l,i]; dx[o,start+l,i] = dy[o,l,i] and 0 elsewhere.</summary>
internal sealed unsafe class SliceOp : Op
{
    private Tensor _x = null!;
    private int _axis, _outer, _full, _inner, _start, _length;

    /// <inheritdoc/>
    public override string Name => "Slice";

    public static Tensor Apply(Tensor x, ReadOnlySpan<TensorIndex> indices)
    {
        Shape shape = x.Shape;
        if (indices.Length == 0 || indices.Length > shape.Rank)
        {
            throw new ArgumentException(
                $"Tensor[...]: expected 1 to {shape.Rank} indices for shape {shape}, got {indices.Length}.",
                nameof(indices));
        }

        Span<int> sizes = stackalloc int[Shape.MaxRank];
        int rank = 0;
        for (int axis = 0; axis < shape.Rank; axis++)
        {
            TensorIndex index = axis < indices.Length ? indices[axis] : Range.All;
            int length = index.In(shape[axis]).Length;
            if (length < 0)
            {
                throw new ArgumentOutOfRangeException(nameof(indices), $"Tensor[...]: expected an index inside 0 .. "
                    + $"{shape[axis]} along axis {axis} of shape {shape}, got {index}.");
            }

            if (!index.IsPosition) sizes[rank++] = length;
        }

        Tensor part = x;
        for (int axis = 0; axis < indices.Length; axis++)
        {
            (int start, int length) = indices[axis].In(shape[axis]);
            if (length != shape[axis]) part = Apply(part, axis, start, length);
        }

        // A slice that takes everything is a copy too.
        if (ReferenceEquals(part, x)) part = Apply(x, 0, 0, shape[0]);
        return rank == shape.Rank ? part : part.Reshape(new Shape(sizes[..rank]));
    }

    public static Tensor Apply(Tensor x, int axis, int start, int length)
    {
        if (x.DType == DType.Int64)
            return Apply(x.Reinterpret(DType.Float64), axis, start, length).Reinterpret(DType.Int64);
        Tape? tape = Join("Slice", ref x);
        axis = Broadcasting.Axis("Slice", x.Shape, axis);
        if (start < 0 || length < 0 || start > x.Shape[axis] - length)
        {
            throw new ArgumentOutOfRangeException(nameof(start), $"Slice: expected a range inside 0 .. {x.Shape[axis]} "
                + $"along axis {axis} of shape {x.Shape}, got start {start} and length {length}.");
        }

        SliceOp op = Rent<SliceOp>(tape);
        (op._x, op._axis, op._start, op._length) = (x, axis, start, length);
        (op._outer, op._full, op._inner) = Broadcasting.Around(x.Shape, axis);
        op.Bind(x.Shape.With(axis, length), x.DType, x);
        return op.Execute();
    }

    /// <inheritdoc/>
    public override void Recycle()
    {
        base.Recycle();
        _x = null!;
    }

    /// <inheritdoc/>
    protected override void Describe(OpSettings settings)
    {
        settings.Set("axis", _axis);
        settings.Set("start", _start);
        settings.Set("length", _length);
    }

    /// <inheritdoc/>
    protected override void Forward<T>()
    {
        Span<T> x = _x.AsSpan<T>(), y = Output.AsSpan<T>();
        int run = _length * _inner;
        for (int o = 0; o < _outer; o++) x.Slice(((o * _full) + _start) * _inner, run).CopyTo(y[(o * run)..]);
    }

    /// <inheritdoc/>
    protected override void Backward<T>()
    {
        if (Open(_x) is not { } opened) return;
        Span<T> dx = opened.AsSpan<T>(), dy = Dy.AsSpan<T>();
        dx.Clear();
        int run = _length * _inner;
        for (int o = 0; o < _outer; o++) dy.Slice(o * run, run).CopyTo(dx[(((o * _full) + _start) * _inner)..]);
        Close<T>(_x, opened);
    }
}
