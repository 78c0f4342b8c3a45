namespace Evenkeel;

/// <summary>
/// One index of <c>x[...]</c>: a position (<c>2</c>, <c>^1</c>, or <c>-1</c> for the last), which takes its dimension
/// away, or a range (<c>..5</c>, <c>1..^1</c>), which keeps it.
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

    /// <summary>A range, without its end.</summary>
    /// <param name="range">For example <c>..5</c>, the first five.</param>
    public static implicit operator TensorIndex(Range range) => new(range, isPosition: false);

    /// <summary>Start and length in a dimension of that size; a length of -1 if it leaves the dimension.</summary>
    internal (int Start, int Length) In(int size)
    {
        int start = _range.Start.GetOffset(size), end = IsPosition ? start + 1 : _range.End.GetOffset(size);
        return start < 0 || end > size || start > end ? (start, -1) : (start, end - start);
    }

    /// <summary>As it is written in code.</summary>
    public override string ToString() => IsPosition ? _range.Start.ToString() : _range.ToString();
}
