namespace Evenkeel;

public sealed partial class Tensor
{
    /// <summary>
    /// Cuts a dimension into pieces of one size. The last piece takes the rest: 10 by 4 gives 4, 4 and 2. Each piece is
    /// a copy, made by <see cref="Slice"/>.
    /// </summary>
    /// <param name="size">Entries per piece, 1 or more.</param>
    /// <param name="axis">The dimension to cut; negative ones count from the end. Default: 0.</param>
    /// <exception cref="ArgumentOutOfRangeException">The axis does not exist, or the size is below 1.</exception>
    public Tensor[] Split(int size, int axis = 0)
    {
        axis = Broadcasting.Axis("Split", Shape, axis);
        if (size < 1)
        {
            throw new ArgumentOutOfRangeException(
                nameof(size), $"Split: expected pieces of 1 or more entries, got {size}.");
        }

        int length = Shape[axis];

        // An empty dimension gives one empty piece, as in PyTorch.
        var pieces = new Tensor[Math.Max(1, (length + size - 1) / size)];
        for (int i = 0; i < pieces.Length; i++) pieces[i] = Slice(axis, i * size, Math.Min(size, length - (i * size)));
        return pieces;
    }

    /// <summary>
    /// Cuts a dimension into pieces of the given sizes. Each piece is a copy, made by <see cref="Slice"/>.
    /// </summary>
    /// <param name="sizes">The number of entries of each piece. Their sum is the size of the dimension.</param>
    /// <param name="axis">The dimension to cut; negative ones count from the end. Default: 0.</param>
    /// <exception cref="ArgumentException">
    /// A size is negative, or the sum of the sizes is not the size of the dimension.
    /// </exception>
    /// <exception cref="ArgumentOutOfRangeException">The axis does not exist.</exception>
    public Tensor[] Split(ReadOnlySpan<int> sizes, int axis = 0)
    {
        axis = Broadcasting.Axis("Split", Shape, axis);
        long sum = 0;
        bool isNegative = false;
        foreach (int size in sizes)
        {
            sum += size;
            isNegative |= size < 0;
        }

        if (isNegative || sum != Shape[axis])
        {
            throw new ArgumentException(
                $"Split: expected sizes of 0 or more with the sum {Shape[axis]} along axis {axis} of shape {Shape}, "
                + $"got ({InvariantText.List(sizes)}).",
                nameof(sizes));
        }

        var pieces = new Tensor[sizes.Length];
        int start = 0;
        for (int i = 0; i < pieces.Length; i++)
        {
            pieces[i] = Slice(axis, start, sizes[i]);
            start += sizes[i];
        }

        return pieces;
    }
}
