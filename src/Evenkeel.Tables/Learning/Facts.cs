namespace Evenkeel.Tables;

/// <summary>A cell that does not fit, for errors.</summary>
/// <param name="Line">Its line, from 1.</param>
/// <param name="Text">What stands in it.</param>
internal sealed record OddCell(long Line, string Text);

/// <summary>
/// What the cells of one column are like, in part of a table. Parts are merged in the order of the table; what comes of
/// it does not depend on where the table was cut.
/// </summary>
internal abstract class Facts
{
    /// <summary>How many cells have no value.</summary>
    public long Missing { get; private set; }

    /// <summary>The line of the first cell without a value; 0 if there is none.</summary>
    public long FirstMissing { get; private set; }

    /// <summary>How many cells have a value that fits.</summary>
    public long Count { get; protected set; }

    /// <summary>How many cells have a value that does not fit.</summary>
    public long Odd { get; private set; }

    /// <summary>The first cell that does not fit.</summary>
    public OddCell? FirstOdd { get; private set; }

    /// <summary>Looks at the cell of a row.</summary>
    public abstract void Add(RowReader rows, int column);

    /// <summary>Adds what was found in the next part of the table.</summary>
    public virtual void Merge(Facts later)
    {
        Missing += later.Missing;
        if (FirstMissing == 0) FirstMissing = later.FirstMissing;
        Count += later.Count;
        Odd += later.Odd;
        FirstOdd ??= later.FirstOdd;
    }

    protected void AddMissing(long line)
    {
        Missing++;
        if (FirstMissing == 0) FirstMissing = line;
    }

    protected void AddOdd(long line, ReadOnlySpan<char> cell)
    {
        Odd++;
        FirstOdd ??= new OddCell(line, cell.ToString());
    }
}
