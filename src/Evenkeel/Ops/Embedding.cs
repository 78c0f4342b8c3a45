using Evenkeel.Kernels;

namespace Evenkeel;

public sealed partial class Tensor
{
    /// <summary>
    /// Rows of a table: y[..., :] = weight[this[...], :]. This tensor holds the numbers of the rows and may have any
    /// shape; the result has one dimension more, of the size of a row.
    /// </summary>
    /// <param name="weight">The table, (rows, size of a row).</param>
    /// <param name="paddingIndex">
    /// A row that gets no gradient, like the one that fills short texts; negative ones count from the end. Null is
    /// none.
    /// </param>
    /// <exception cref="ArgumentException">
    /// This tensor holds no 64-bit integers, or the table is no matrix.
    /// </exception>
    /// <exception cref="ArgumentOutOfRangeException">A number is outside the table.</exception>
    public Tensor Embedding(Tensor weight, int? paddingIndex = null) => EmbeddingOp.Apply(this, weight, paddingIndex);
}

/// <summary>
/// y[k] = w[n_k]; dw[n] = Σ dy[k] over all k with n_k = n, in the order of k, so its bits do not depend on threads; 0
/// for the padding.
/// </summary>
internal sealed unsafe class EmbeddingOp : Op
{
    private Tensor _weight = null!;
    private Tensor _rows = null!;
    private int[] _numbers = [];
    private int _count, _padding;

    /// <inheritdoc/>
    public override string Name => "Embedding";

    public static Tensor Apply(Tensor numbers, Tensor weight, int? paddingIndex)
    {
        ArgumentNullException.ThrowIfNull(weight);
        if (numbers.DType != DType.Int64)
        {
            throw new ArgumentException(
                $"Embedding: expected numbers of rows as Int64, got {numbers.DType} of shape {numbers.Shape}. "
                + "Convert them with To(DType.Int64).", nameof(numbers));
        }

        Tape? tape = JoinBeside("Embedding", numbers, ref weight);
        if (weight.Shape.Rank != 2 || numbers.Shape.Rank >= Shape.MaxRank)
        {
            throw new ArgumentException(
                $"Embedding: expected a table (rows, size of a row) and numbers of at most {Shape.MaxRank - 1} "
                + $"dimensions, got {weight.Shape} and {numbers.Shape}.", nameof(weight));
        }

        int rows = weight.Shape[0], width = weight.Shape[1], count = numbers.Count;
        int padding = paddingIndex is { } index ? Padding("Embedding", index, rows) : -1;
        ReadOnlySpan<long> values = numbers.AsSpan<long>();
        foreach (long value in values)
        {
            if (value >= 0 && value < rows) continue;
            throw new ArgumentOutOfRangeException(nameof(numbers),
                $"Embedding: expected numbers from 0 to {rows - 1} for a table of shape {weight.Shape}, got {value}.");
        }

        EmbeddingOp op = Rent<EmbeddingOp>(tape);
        (op._weight, op._rows, op._count, op._padding) = (weight, numbers, count, padding);
        // A copy, because the caller may change the numbers later.
        if (op._numbers.Length < count) op._numbers = GC.AllocateUninitializedArray<int>(count, pinned: true);
        for (int k = 0; k < count; k++) op._numbers[k] = (int)values[k];
        Span<int> sizes = stackalloc int[Shape.MaxRank];
        numbers.Shape.CopyTo(sizes);
        sizes[numbers.Shape.Rank] = width;
        op.Bind(new Shape(sizes[..(numbers.Shape.Rank + 1)]), weight.DType, weight);
        return op.Execute();
    }

    /// <summary>The number of the padding counted from the front. The layer's constructor calls it too.</summary>
    public static int Padding(string name, int index, int rows) => index >= -rows && index < rows
        ? index < 0 ? index + rows : index
        : throw new ArgumentOutOfRangeException(
            nameof(index), $"{name}: expected a padding index from {-rows} to {rows - 1}, got {index}.");

    /// <inheritdoc/>
    public override void Recycle()
    {
        base.Recycle();
        _weight = _rows = null!;
    }

    /// <inheritdoc/>
    protected override void Describe(OpSettings settings) => settings.Set("rows", _rows);

    /// <inheritdoc/>
    protected override void Forward<T>()
    {
        if (Output.Count == 0) return;
        fixed (int* numbers = _numbers)
            RowTable.Pick(_weight.Pointer<T>(), numbers, Output.Pointer<T>(), _count, _weight.Shape[1]);
    }

    /// <inheritdoc/>
    protected override void Backward<T>()
    {
        if (Open(_weight) is not { } dw) return;
        if (dw.Count != 0)
        {
            fixed (int* numbers = _numbers)
            {
                RowTable.Add(
                    Dy.Pointer<T>(), numbers, dw.Pointer<T>(), _count, dw.Shape[0], dw.Shape[1], _padding);
            }
        }

        Close<T>(_weight, dw);
    }
}
