using System.Collections;
using System.Runtime.CompilerServices;

namespace Evenkeel;

/// <summary>
/// The sizes of a tensor's dimensions, outermost first, for up to six dimensions. It is a value and needs no
/// allocation. Write it as a collection expression: <c>[32, 3, 28, 28]</c>.
/// </summary>
[CollectionBuilder(typeof(Shape), nameof(Create))]
public readonly struct Shape : IEquatable<Shape>, IEnumerable<int>
{
    /// <summary>The largest number of dimensions.</summary>
    public const int MaxRank = 6;

    [InlineArray(MaxRank)]
    private struct Sizes
    {
        private int _first;
    }

    private readonly Sizes _sizes;

    // The count less one, so the default value is the shape of a scalar, [].
    private readonly int _countLessOne;

    /// <summary>
    /// Creates a shape from its dimensions, outermost first. A shape without dimensions is that of a scalar.
    /// </summary>
    /// <exception cref="ArgumentException">
    /// There are more than six dimensions or more than 2³¹-1 elements, or a dimension is negative.
    /// </exception>
    public Shape(params ReadOnlySpan<int> dimensions)
    {
        if (dimensions.Length > MaxRank)
        {
            throw new ArgumentException(
                $"Shape: expected at most {MaxRank} dimensions, "
                + $"got {dimensions.Length}. Merge some of them with Reshape.",
                nameof(dimensions));
        }

        long count = 1;
        Rank = dimensions.Length;
        for (int i = 0; i < dimensions.Length; i++)
        {
            if (dimensions[i] < 0)
            {
                throw new ArgumentException(
                    $"Shape: expected dimensions of 0 or more, got {dimensions[i]} at position {i}.",
                    nameof(dimensions));
            }

            _sizes[i] = dimensions[i];
            count *= dimensions[i];
            if (count > int.MaxValue)
            {
                throw new ArgumentException(
                    $"Shape: expected at most {int.MaxValue} elements, "
                    + $"got ({string.Join(", ", dimensions.ToArray())}). Split the batch.",
                    nameof(dimensions));
            }
        }

        _countLessOne = (int)count - 1;
    }

    /// <summary>
    /// Whether sizes from a file (all 0 or more) can be a shape, under the same conditions as in the constructor.
    /// </summary>
    internal static bool Holds(ReadOnlySpan<long> dimensions)
    {
        if (dimensions.Length > MaxRank) return false;
        long count = 1;
        foreach (long size in dimensions)
        {
            if (size > int.MaxValue || (count *= size) > int.MaxValue) return false;
        }

        return true;
    }

    /// <summary>Creates a shape; the target of collection expressions.</summary>
    public static Shape Create(ReadOnlySpan<int> dimensions) => new(dimensions);

    /// <summary>Number of dimensions; 0 for a scalar.</summary>
    public int Rank { get; }

    /// <summary>
    /// Number of dimensions, as <see cref="Rank"/>: what a spread takes, <c>[batch, .. sample]</c>. (Without it the
    /// compiler would take <see cref="Count"/>, the number of elements.)
    /// </summary>
    public int Length => Rank;

    /// <summary>Number of elements: the product of the dimensions, 1 for a scalar.</summary>
    public int Count => _countLessOne + 1;

    /// <summary>The size of a dimension. Negative indices count from the end; -1 is the innermost.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There is no such dimension.</exception>
    public int this[int axis]
    {
        get
        {
            int i = axis < 0 ? axis + Rank : axis;
            if ((uint)i >= (uint)Rank)
            {
                throw new ArgumentOutOfRangeException(
                    nameof(axis), $"Shape: expected an axis from {-Rank} to {Rank - 1} for shape {this}, got {axis}.");
            }

            return _sizes[i];
        }
    }

    /// <summary>
    /// The size of a dimension; <c>^1</c> is the innermost. (Without this indexer the compiler would count from
    /// <see cref="Count"/>, the number of elements.)
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">There is no such dimension.</exception>
    public int this[Index axis] => this[axis.IsFromEnd ? -axis.Value : axis.Value];

    /// <summary>The dimensions as a new array.</summary>
    public int[] ToArray()
    {
        int[] dimensions = new int[Rank];
        for (int i = 0; i < Rank; i++) dimensions[i] = _sizes[i];
        return dimensions;
    }

    /// <summary>Copies the dimensions into the start of <paramref name="destination"/>.</summary>
    public void CopyTo(Span<int> destination)
    {
        for (int i = 0; i < Rank; i++) destination[i] = _sizes[i];
    }

    /// <summary>The same shape with one dimension replaced.</summary>
    /// <param name="axis">The dimension; -1 is the last.</param>
    /// <param name="size">Its new size, 0 or more.</param>
    public Shape With(int axis, int size)
    {
        Span<int> sizes = stackalloc int[Rank];
        CopyTo(sizes);
        sizes[axis < 0 ? axis + Rank : axis] = size;
        return new Shape(sizes);
    }

    /// <inheritdoc/>
    public bool Equals(Shape other)
    {
        if (Rank != other.Rank) return false;
        for (int i = 0; i < Rank; i++)
        {
            if (_sizes[i] != other._sizes[i]) return false;
        }

        return true;
    }

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is Shape other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode()
    {
        var hash = new HashCode();
        for (int i = 0; i < Rank; i++) hash.Add(_sizes[i]);
        return hash.ToHashCode();
    }

    /// <summary>True if both shapes have the same dimensions.</summary>
    public static bool operator ==(Shape left, Shape right) => left.Equals(right);

    /// <summary>True if the shapes differ.</summary>
    public static bool operator !=(Shape left, Shape right) => !left.Equals(right);

    /// <summary>
    /// The dimensions in parentheses, as PyTorch and NumPy users write them:
    /// <c>(32, 3, 28, 28)</c>, <c>(5)</c>, <c>()</c>.
    /// </summary>
    public override string ToString() => $"({string.Join(", ", ToArray())})";

    /// <inheritdoc/>
    public IEnumerator<int> GetEnumerator() => ((IEnumerable<int>)ToArray()).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
