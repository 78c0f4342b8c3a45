namespace Evenkeel;

public sealed partial class Tensor
{
    /// <summary>
    /// Picks values along one dimension, like PyTorch's <c>gather</c>: for axis 1 of a matrix y[i, j] = x[i, index[i,
    /// j]]. The result is a copy with the shape of the index.
    /// </summary>
    /// <param name="axis">The dimension along which values are picked; negative ones count from the end.</param>
    /// <param name="index">
    /// 64-bit integers from 0 to the size of that dimension less 1. The index has the rank of this tensor. In every
    /// other dimension it is at most as large as this tensor.
    /// </param>
    /// <exception cref="ArgumentException">The index holds no 64-bit integers, or its shape does not fit.</exception>
    /// <exception cref="ArgumentOutOfRangeException">
    /// The axis does not exist, or a position is outside the dimension.
    /// </exception>
    public Tensor Gather(int axis, Tensor index) => GatherOp.Apply(this, axis, index);
}

/// <summary>
/// y[k] = x[at(k)], where at(k) is k with its coordinate along the axis replaced by index[k]. An x may be picked
/// several times: dx[j] = Σ dy[k] over all k with at(k) = j. The sum runs in the order of k, so its bits do not depend
/// on threads.
/// </summary>
internal sealed class GatherOp : Op
{
    private Tensor _x = null!;
    private Tensor _index = null!;
    private int[] _at = [];
    private int _axis;

    /// <inheritdoc/>
    public override string Name => "Gather";

    public static Tensor Apply(Tensor x, int axis, Tensor index)
    {
        ArgumentNullException.ThrowIfNull(index);
        if (x.DType == DType.Int64) return Apply(x.Reinterpret(DType.Float64), axis, index).Reinterpret(DType.Int64);
        Tape? tape = Join("Gather", ref x);
        axis = Broadcasting.Axis("Gather", x.Shape, axis);
        if (index.DType != DType.Int64)
        {
            throw new ArgumentException(
                $"Gather: expected positions of type Int64, got {index.DType}. Convert them with To(DType.Int64).",
                nameof(index));
        }

        bool fits = index.Shape.Rank == x.Shape.Rank;
        for (int i = 0; fits && i < x.Shape.Rank; i++) fits = i == axis || index.Shape[i] <= x.Shape[i];
        if (!fits)
        {
            throw new ArgumentException(
                $"Gather: expected an index of rank {x.Shape.Rank}, "
                + $"no larger than {x.Shape} but along axis {axis}, got {index.Shape}.",
                nameof(index));
        }

        foreach (long position in index.AsSpan<long>())
        {
            if (position < 0 || position >= x.Shape[axis])
            {
                throw new ArgumentOutOfRangeException(nameof(index),
                    $"Gather: expected positions from 0 to {x.Shape[axis] - 1} along axis {axis} of shape "
                    + $"{x.Shape}, got {position}.");
            }
        }

        GatherOp op = Rent<GatherOp>(tape);
        (op._x, op._index, op._axis) = (x, index, axis);
        op.Locate(axis, index);
        op.Bind(index.Shape, x.DType, x);
        return op.Execute();
    }

    /// <inheritdoc/>
    public override void Recycle()
    {
        base.Recycle();
        _x = _index = null!;
    }

    /// <inheritdoc/>
    protected override void Describe(OpSettings settings)
    {
        settings.Set("axis", _axis);
        settings.Set("index", _index);
    }

    /// <inheritdoc/>
    protected override void Forward<T>()
    {
        Span<T> x = _x.AsSpan<T>(), y = Output.AsSpan<T>();
        for (int k = 0; k < y.Length; k++) y[k] = x[_at[k]];
    }

    /// <inheritdoc/>
    protected override void Backward<T>()
    {
        if (Open(_x) is not { } opened) return;
        Span<T> dx = opened.AsSpan<T>(), dy = Dy.AsSpan<T>();
        dx.Clear();
        for (int k = 0; k < dy.Length; k++) dx[_at[k]] += dy[k];
        Close<T>(_x, opened);
    }

    /// <summary>Stores the source of each value, because the caller may change the index later.</summary>
    private void Locate(int axis, Tensor index)
    {
        Shape shape = index.Shape;
        ReadOnlySpan<long> positions = index.AsSpan<long>();
        int count = positions.Length;
        if (_at.Length < count) _at = new int[count];
        Span<int> steps = stackalloc int[Shape.MaxRank], at = stackalloc int[Shape.MaxRank];
        int step = 1;
        for (int i = shape.Rank - 1; i >= 0; i--)
        {
            steps[i] = step;
            step *= _x.Shape[i];
        }

        for (int k = 0; k < count; k++)
        {
            int place = (int)positions[k] * steps[axis];
            for (int i = 0; i < shape.Rank; i++)
            {
                if (i != axis) place += at[i] * steps[i];
            }

            _at[k] = place;
            for (int i = shape.Rank - 1; i >= 0 && ++at[i] == shape[i]; i--) at[i] = 0;
        }
    }
}
