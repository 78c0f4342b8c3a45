namespace Evenkeel.Tables;

/// <summary>
/// The line of each row. Rows mostly follow each other, so only those are kept where a run of following lines begins.
/// </summary>
internal sealed class LineNumbers
{
    private readonly List<int> _rows = [];
    private readonly List<long> _lines = [];

    public int Count { get; private set; }

    public long this[int row]
    {
        get
        {
            int at = _rows.BinarySearch(row);
            if (at < 0) at = ~at - 1;
            return _lines[at] + row - _rows[at];
        }
    }

    public void Add(long line)
    {
        if (Count == 0 || _lines[^1] + Count - _rows[^1] != line)
        {
            _rows.Add(Count);
            _lines.Add(line);
        }

        Count++;
    }
}
