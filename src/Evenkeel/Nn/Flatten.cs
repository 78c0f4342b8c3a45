namespace Evenkeel.Nn;

/// <summary>
/// Merges the dimensions from <see cref="StartDim"/> on into one: (N, C, H, W) becomes (N, C·H·W). No values are copied. Source: torch.nn.Flatten.
/// </summary>
public sealed class Flatten : Module
{
    /// <summary>Creates the layer.</summary>
    /// <param name="startDim">First of the dimensions to merge; 1 keeps the samples apart.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="startDim"/> is negative or beyond the largest rank.</exception>
    public Flatten(int startDim = 1)
    {
        if (startDim is < 0 or >= Shape.MaxRank)
            throw new ArgumentOutOfRangeException(nameof(startDim), $"Flatten: expected a first dimension from 0 to {Shape.MaxRank - 1}, got {startDim}.");
        StartDim = startDim;
    }

    /// <summary>First of the dimensions to merge.</summary>
    public int StartDim { get; }

    /// <inheritdoc/>
    protected override Tensor ForwardCore(Tensor x)
    {
        int rank = x.Shape.Rank;
        if (StartDim >= rank)
            throw new ArgumentException($"Flatten: expected more than {StartDim} dimensions, got shape {x.Shape}. Add the missing ones with Reshape.", nameof(x));
        if (StartDim == rank - 1) return x;
        Span<int> sizes = stackalloc int[StartDim + 1];
        int merged = 1;
        for (int axis = 0; axis < rank; axis++)
        {
            if (axis < StartDim) sizes[axis] = x.Shape[axis];
            else merged *= x.Shape[axis];
        }

        sizes[StartDim] = merged;
        return x.Reshape(new Shape(sizes));
    }

    /// <inheritdoc/>
    public override string ToString() => $"Flatten(start_dim={StartDim}, end_dim=-1)";
}
