namespace Evenkeel;

public sealed partial class Tensor
{
    /// <summary>
    /// Tensors one after the other along one dimension; all other dimensions must agree. The result is a copy.
    /// </summary>
    /// <param name="tensors">One tensor or more.</param>
    /// <param name="axis">The dimension; negative ones count from the end. Default: 0.</param>
    /// <exception cref="ArgumentException">
    /// There is no tensor, or shapes or element types do not fit.
    /// </exception>
    public static Tensor Concat(ReadOnlySpan<Tensor> tensors, int axis = 0) => ConcatOp.Apply(tensors, axis);
}

/// <summary>y holds the operands one after the other along the axis. The gradient of each is its piece of dy.</summary>
internal sealed unsafe class ConcatOp : Op
{
    private Tensor[] _operands = [];
    private int _axis, _outer, _inner;

    /// <inheritdoc/>
    public override string Name => "Concat";

    public static Tensor Apply(ReadOnlySpan<Tensor> tensors, int axis)
    {
        if (tensors.IsEmpty)
            throw new ArgumentException("Concat: expected at least one tensor, got none.", nameof(tensors));
        var operands = new Tensor[tensors.Length];
        tensors.CopyTo(operands);
        if (Array.TrueForAll(operands, static operand => operand is { DType: DType.Int64 }))
        {
            for (int i = 0; i < operands.Length; i++) operands[i] = operands[i].Reinterpret(DType.Float64);
            return Apply(operands, axis).Reinterpret(DType.Int64);
        }

        Tape? tape = JoinAll("Concat", operands);
        Shape first = operands[0].Shape;
        axis = Broadcasting.Axis("Concat", first, axis);
        long length = 0;
        foreach (Tensor operand in operands)
        {
            Shape shape = operand.Shape;
            if (shape.Rank != first.Rank || shape.With(axis, 0) != first.With(axis, 0))
            {
                throw new ArgumentException(
                    $"Concat: expected shapes that agree in all dimensions but axis {axis}, got {first} and {shape}.",
                    nameof(tensors));
            }

            length += shape[axis];
        }

        if (length > int.MaxValue)
        {
            throw new ArgumentException(
                $"Concat: expected at most {int.MaxValue} entries along axis {axis}, "
                + $"got {length}. Concatenate fewer tensors.",
                nameof(tensors));
        }

        Shape result = first.With(axis, (int)length);
        ConcatOp op = Rent<ConcatOp>(tape);
        (op._operands, op._axis) = (operands, axis);
        (op._outer, _, op._inner) = Broadcasting.Around(first, axis);
        op.BindAll(result, operands[0].DType, operands);
        return op.Execute();
    }

    /// <inheritdoc/>
    public override void Recycle()
    {
        base.Recycle();
        _operands = [];
    }

    /// <inheritdoc/>
    protected override void Describe(OpSettings settings) => settings.Set("axis", _axis);

    /// <inheritdoc/>
    protected override void Forward<T>()
    {
        Span<T> y = Output.AsSpan<T>();
        int row = Output.Shape[_axis] * _inner, at = 0;
        foreach (Tensor operand in _operands)
        {
            Span<T> x = operand.AsSpan<T>();
            int run = operand.Shape[_axis] * _inner;
            for (int o = 0; o < _outer; o++) x.Slice(o * run, run).CopyTo(y[((o * row) + at)..]);
            at += run;
        }
    }

    /// <inheritdoc/>
    protected override void Backward<T>()
    {
        int row = Output.Shape[_axis] * _inner, at = 0;
        foreach (Tensor operand in _operands)
        {
            int run = operand.Shape[_axis] * _inner;
            if (Open(operand) is { } opened)
            {
                Span<T> dx = opened.AsSpan<T>(), dy = Dy.AsSpan<T>();
                for (int o = 0; o < _outer; o++) dy.Slice((o * row) + at, run).CopyTo(dx[(o * run)..]);
                Close<T>(operand, opened);
            }

            at += run;
        }
    }
}
