namespace Evenkeel.Nn;

/// <summary>
/// Merges the dimensions from <see cref="StartDim"/> to <see cref="EndDim"/> into one: (N, C, H, W) becomes (N, C·H·W).
/// No values are copied. Source: torch.nn.Flatten.
/// </summary>
public sealed class Flatten : Module
{
    /// <summary>Creates the layer.</summary>
    /// <param name="startDim">
    /// First of the dimensions to merge; 1 keeps the samples apart. Negative ones count from the end.
    /// </param>
    /// <param name="endDim">Last of the dimensions to merge; negative ones count from the end.</param>
    /// <exception cref="ArgumentOutOfRangeException">A dimension is beyond the largest rank.</exception>
    public Flatten(int startDim = 1, int endDim = -1)
    {
        StartDim = Checked(startDim, nameof(startDim));
        EndDim = Checked(endDim, nameof(endDim));
    }

    /// <summary>First of the dimensions to merge.</summary>
    public int StartDim { get; }

    /// <summary>Last of the dimensions to merge.</summary>
    public int EndDim { get; }

    /// <inheritdoc/>
    protected override Tensor ForwardCore(Tensor x)
    {
        int rank = x.Shape.Rank, start = StartDim < 0 ? StartDim + rank : StartDim,
            end = EndDim < 0 ? EndDim + rank : EndDim;
        if (start < 0 || end >= rank || start > end)
        {
            throw new ArgumentException(
                $"Flatten: expected dimensions {StartDim} to {EndDim} in this order, got shape {x.Shape}. "
                + $"Add the missing ones with Reshape.",
                nameof(x));
        }

        if (start == end) return x;
        Span<int> sizes = stackalloc int[rank - (end - start)];
        int merged = 1;
        for (int axis = 0; axis < rank; axis++)
        {
            if (axis < start) sizes[axis] = x.Shape[axis];
            else if (axis <= end) merged *= x.Shape[axis];
            else sizes[axis - (end - start)] = x.Shape[axis];
        }

        sizes[start] = merged;
        return x.Reshape(new Shape(sizes));
    }

    /// <inheritdoc/>
    public override string ToString() => $"Flatten(start_dim={StartDim}, end_dim={EndDim})";

    private static int Checked(int dim, string name) => dim is >= -Shape.MaxRank and < Shape.MaxRank
        ? dim
        : throw new ArgumentOutOfRangeException(
            name, $"Flatten: expected dimensions from {-Shape.MaxRank} to {Shape.MaxRank - 1}, got {dim}.");
}
