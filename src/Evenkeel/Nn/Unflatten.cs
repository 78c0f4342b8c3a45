namespace Evenkeel.Nn;

/// <summary>
/// Splits one dimension into several: with dim 1 and sizes (C, H, W), (N, C·H·W) becomes (N, C, H, W). No values are
/// copied. Source: torch.nn.Unflatten.
/// </summary>
public sealed class Unflatten : Module
{
    private readonly int[] _sizes;

    /// <summary>Creates the layer.</summary>
    /// <param name="dim">The dimension to split; negative ones count from the end.</param>
    /// <param name="unflattenedSize">
    /// The sizes of the new dimensions. One of them may be -1 and takes what is left.
    /// </param>
    /// <exception cref="ArgumentException">No sizes, one below 1 that is not -1, or several of -1.</exception>
    public Unflatten(int dim, params ReadOnlySpan<int> unflattenedSize)
    {
        if (unflattenedSize.Length is 0 or > Shape.MaxRank)
        {
            throw new ArgumentException(
                $"Unflatten: expected 1 to {Shape.MaxRank} sizes, got {unflattenedSize.Length}.",
                nameof(unflattenedSize));
        }

        bool open = false;
        foreach (int size in unflattenedSize)
        {
            if (size < 1 && (size != -1 || open))
            {
                throw new ArgumentException(
                    $"Unflatten: expected sizes of 1 or more, at most one of them -1 for what is left, "
                    + $"got ({InvariantText.List(unflattenedSize)}).",
                    nameof(unflattenedSize));
            }

            open |= size == -1;
        }

        Dim = dim;
        _sizes = unflattenedSize.ToArray();
    }

    /// <summary>The dimension to split.</summary>
    public int Dim { get; }

    /// <summary>The sizes of the new dimensions.</summary>
    public IReadOnlyList<int> UnflattenedSize => _sizes;

    /// <inheritdoc/>
    protected override Tensor ForwardCore(Tensor x)
    {
        int rank = x.Shape.Rank, dim = Dim < 0 ? Dim + rank : Dim, open = -1;
        if ((uint)dim >= (uint)rank || rank - 1 + _sizes.Length > Shape.MaxRank)
        {
            throw new ArgumentException(
                $"Unflatten: expected dimension {Dim} and at most {Shape.MaxRank} dimensions in the result, "
                + $"got shape {x.Shape} and {_sizes.Length} sizes.",
                nameof(x));
        }

        Span<int> sizes = stackalloc int[rank - 1 + _sizes.Length];

        // The product stops beyond the largest dimension, because any larger size is wrong as well.
        long product = 1;
        for (int i = 0; i < dim; i++) sizes[i] = x.Shape[i];
        for (int i = 0; i < _sizes.Length; i++)
        {
            sizes[dim + i] = _sizes[i];
            if (_sizes[i] < 0) open = dim + i;
            else product = Math.Min(product * _sizes[i], 1L << 31);
        }

        for (int i = dim + 1; i < rank; i++) sizes[i - 1 + _sizes.Length] = x.Shape[i];
        if (open >= 0 ? x.Shape[dim] % product != 0 : x.Shape[dim] != product)
        {
            throw new ArgumentException(
                $"Unflatten: expected sizes whose product is {x.Shape[dim]}, dimension {Dim} of shape {x.Shape}, "
                + $"got ({InvariantText.List<int>(_sizes)}).",
                nameof(x));
        }

        if (open >= 0) sizes[open] = (int)(x.Shape[dim] / product);
        return x.Reshape(new Shape(sizes));
    }

    /// <inheritdoc/>
    public override string ToString() =>
        $"Unflatten(dim={Dim}, unflattened_size=({InvariantText.List<int>(_sizes)}{(_sizes.Length == 1 ? "," : "")}))";
}
