namespace Evenkeel;

public sealed partial class Tensor
{
    /// <summary>A copy of <paramref name="length"/> entries along one dimension, from <paramref name="start"/> on.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The axis does not exist, or the range leaves the dimension.</exception>
    public Tensor Slice(int axis, int start, int length) => SliceOp.Apply(this, axis, start, length);
}

/// <summary>y[o,l,i] = x[o,start+l,i]; dx[o,start+l,i] = dy[o,l,i] and 0 elsewhere.</summary>
internal sealed unsafe class SliceOp : Op
{
    private Tensor _x = null!;
    private int _outer, _full, _inner, _start, _length;

    /// <inheritdoc/>
    public override string Name => "Slice";

    public static Tensor Apply(Tensor x, int axis, int start, int length)
    {
        if (x.DType == DType.Int64) return Apply(x.Reinterpret(DType.Float64), axis, start, length).Reinterpret(DType.Int64);
        Tape? tape = Join("Slice", ref x);
        axis = Broadcasting.Axis("Slice", x.Shape, axis);
        if (start < 0 || length < 0 || start > x.Shape[axis] - length)
            throw new ArgumentOutOfRangeException(nameof(start), $"Slice: expected a range inside 0 .. {x.Shape[axis]} along axis {axis} of shape {x.Shape}, got start {start} and length {length}.");
        SliceOp op = Rent<SliceOp>(tape);
        (op._x, op._start, op._length) = (x, start, length);
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
