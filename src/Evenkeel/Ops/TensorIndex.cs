namespace Evenkeel;

/// <summary>
/// One index of <c>x[...]</c>. A position (<c>2</c>, <c>^1</c>, or <c>-1</c> for the last) removes its dimension. A
/// range (<c>..5</c>, <c>1..^1</c>) keeps it.
/// </summary>
public readonly struct TensorIndex
{
    private readonly Range _range;

    private TensorIndex(Range range, bool isPosition) => (_range, IsPosition) = (range, isPosition);

    /// <summary>True for a single position, false for a range.</summary>
    internal bool IsPosition { get; }

    /// <summary>A position; negative ones count from the end.</summary>
    /// <param name="position">From -n to n - 1 for a dimension of size n.</param>
    public static implicit operator TensorIndex(int position) =>
        position < 0 ? new Index(-position, fromEnd: true) : new Index(position);

    /// <summary>A position, from the start or from the end.</summary>
    /// <param name="position">For example <c>^1</c>, the last.</param>
    public static implicit operator TensorIndex(Index position) => new(position..position, isPosition: true);

    /// <summary>A range; its end is excluded.</summary>
    /// <param name="range">For example <c>..5</c>, the first five.</param>
    public static implicit operator TensorIndex(Range range) => new(range, isPosition: false);

    /// <summary>
    /// Start and length in a dimension of the given size. The length is -1 if the index is outside the dimension.
    /// </summary>
    internal (int Start, int Length) In(int size)
    {
        int start = _range.Start.GetOffset(size), end = IsPosition ? start + 1 : _range.End.GetOffset(size);
        return start < 0 || end > size || start > end ? (start, -1) : (start, end - start);
    }

    /// <summary>The text as written in code.</summary>
    public override string ToString() => IsPosition ? _range.Start.ToString() : _range.ToString();
}
