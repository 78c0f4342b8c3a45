using nietras.SeparatedValues;

namespace Evenkeel.Tables;

/// <summary>
/// The rows of a block, one after the other. Empty lines are skipped. Spaces around a field are dropped, quotes around
/// it too, and what is inside them stays. Fields are found by Sep. Source: RFC 4180.
/// </summary>
internal sealed class RowReader : IDisposable
{
    private readonly SepReader _reader;
    private readonly CellFormat _format;
    private readonly string _name;
    private readonly long _firstLine;
    private long _nextLine;

    /// <summary>Begins to read a block.</summary>
    /// <param name="text">Whole rows.</param>
    /// <param name="format">How cells are read.</param>
    /// <param name="name">What errors call the text.</param>
    /// <param name="firstLine">The line in which the block begins, from 1.</param>
    public RowReader(ReadOnlyMemory<char> text, CellFormat format, string name, long firstLine)
    {
        (_format, _name, _firstLine, _nextLine) = (format, name, firstLine, firstLine);
        _reader = new Sep(format.Separator).Reader(options => options with
        {
            HasHeader = false,
            DisableColCountCheck = true,
            CultureInfo = format.Culture,
        }).From(new CharReader(text));
    }

    /// <summary>Number of fields of the row.</summary>
    public int Count => _reader.Current.ColCount;

    /// <summary>How cells are read.</summary>
    public CellFormat Format => _format;

    /// <summary>Whether a letter was lost before the text was written: U+FFFD stands for it.</summary>
    public bool HasLostLetter { get; init; }

    /// <summary>Whether the text begins here.</summary>
    public bool IsFirst => _firstLine == 1;

    /// <summary>The line where the row begins, from 1.</summary>
    public long Line { get; private set; }

    /// <summary>Goes to the next row that is not empty.</summary>
    public bool Next()
    {
        while (_reader.MoveNext())
        {
            SepReader.Row row = _reader.Current;
            // Of the first row of a text without a header, Sep gives the end as the beginning.
            Line = _nextLine;
            _nextLine = _firstLine + row.LineNumberToExcl - 1;
            if (row.ColCount > 1 || (row.ColCount == 1 && row[0].Span.ContainsAnyExcept(' '))) return true;
        }

        return false;
    }

    /// <summary>Goes to the next row and checks its number of fields.</summary>
    /// <param name="count">The number of fields of the first line.</param>
    /// <exception cref="InvalidDataException">The row has another number of fields.</exception>
    public bool Next(int count)
    {
        if (!Next()) return false;
        if (Count == count) return true;
        throw new InvalidDataException(
            $"{TableText.Reader}: expected {count} fields as in the first line, got {Count} in line {Line} of "
            + $"\"{_name}\", with {TableGuess.Show(_format.Separator)} as separator. Correct the line, or set "
            + "--separator.");
    }

    /// <summary>A field without the spaces and quotes around it. Valid until the next call.</summary>
    /// <exception cref="InvalidDataException">A quote is followed by more text.</exception>
    public ReadOnlySpan<char> Cell(int column)
    {
        ReadOnlySpan<char> cell = _reader.Current[column].Span.Trim(' ');
        return cell.Contains('"') ? Unquoted(cell, column) : cell;
    }

    /// <summary>
    /// Whether a field is a finite number that does not mean "no value". If so, its value: of most numbers, the fast
    /// path.
    /// </summary>
    public bool TryNumber(int column, out double value)
    {
        if (!_format.HasMissingNumber && _reader.Current[column].TryParse(out value) && double.IsFinite(value))
            return true;
        ReadOnlySpan<char> cell = Cell(column);
        return _format.TryNumber(cell, out value) && !(_format.HasMissingNumber && _format.IsMissing(cell));
    }

    /// <summary>All fields as texts.</summary>
    public string[] Cells()
    {
        string[] cells = new string[Count];
        for (int i = 0; i < cells.Length; i++) cells[i] = Cell(i).ToString();
        return cells;
    }

    public void Dispose() => _reader.Dispose();

    private string Unquoted(ReadOnlySpan<char> cell, int column)
    {
        char separator = _format.Separator;
        if (cell[0] != '"')
        {
            // A separator or a line break between such quotes may be meant as one.
            if (cell.IndexOfAny(separator, '\n', '\r') < 0) return cell.ToString();
            throw new InvalidDataException(
                $"{TableText.Reader}: expected no quote inside a field without quotes around it, got one in line {Line}"
                + $", column {column + 1} of \"{_name}\". Put the field in quotes and double each quote that is part "
                + "of its text.");
        }

        string inner = cell[1..].ToString().Replace("\"\"", "\0", StringComparison.Ordinal);
        int end = inner.IndexOf('"', StringComparison.Ordinal);
        if (end == inner.Length - 1) return inner[..end].Replace('\0', '"');
        string rest = end < 0 ? "" : inner[(end + 1)..].Trim(' ');
        throw new InvalidDataException(
            $"{TableText.Reader}: expected {TableGuess.Show(separator)} or the end of the line after the closing "
            + $"quote in line {Line} of \"{_name}\", got '{(rest.Length == 0 ? '"' : rest[0])}'. Double a quote that "
            + "is part of a text, or set --separator.");
    }
}
