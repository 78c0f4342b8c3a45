namespace Evenkeel.Data;

/// <summary>
/// A table of text cells from a CSV file. A field that holds separators, line breaks or (doubled) quotes stands in
/// double quotes. Spaces around a field without quotes are dropped. Empty lines are skipped. A first line <c>sep=;</c>,
/// as spreadsheets write it, names the separator. Source: RFC 4180.
/// </summary>
public sealed class CsvTable
{
    private readonly CsvCells _cells;
    private readonly List<string[]> _rows;
    private readonly List<int> _lines;

    private CsvTable(
        string source, char separator, string[]? header, CsvCells cells, List<string[]> rows, List<int> lines,
        List<string> guesses)
    {
        (Source, Separator, HasHeader, Guesses) = (source, separator, header is not null, guesses.AsReadOnly());
        (_cells, _rows, _lines) = (cells, rows, lines);
        Columns = [.. Enumerable.Range(0, rows[0].Length)
            .Select(i => header?[i] is { Length: > 0 } name ? name : $"column {i + 1}")];
    }

    /// <summary>The file.</summary>
    public string Source { get; }

    /// <summary>What separates the fields.</summary>
    public char Separator { get; }

    /// <summary>Whether the first line names the columns.</summary>
    public bool HasHeader { get; }

    /// <summary>Whether numbers have a decimal comma in place of a point.</summary>
    public bool DecimalComma => _cells.DecimalComma;

    /// <summary>
    /// The names of the columns in the header. A column without a name is called by its number: "column 1", "column 2".
    /// </summary>
    public IReadOnlyList<string> Columns { get; }

    /// <summary>Number of rows, without the header.</summary>
    public int RowCount => _rows.Count;

    /// <summary>
    /// What was found by looking at the file. Each is one sentence that names the option that overrides it.
    /// </summary>
    public IReadOnlyList<string> Guesses { get; }

    /// <summary>The cell of a row and a column, both from 0.</summary>
    public string this[int row, int column] => _rows[row][column];

    /// <summary>Whether a cell is empty or one of the values that mean "no value".</summary>
    /// <param name="row">The row, from 0, without the header.</param>
    /// <param name="column">The column, from 0.</param>
    public bool IsMissing(int row, int column) => _cells.IsMissing(_rows[row][column]);

    /// <summary>Whether a cell is a finite number; if so, its value.</summary>
    /// <param name="row">The row, from 0, without the header.</param>
    /// <param name="column">The column, from 0.</param>
    /// <param name="value">The number, or 0 if it is none.</param>
    public bool TryNumber(int row, int column, out double value) => _cells.TryNumber(_rows[row][column], out value);

    /// <summary>
    /// Where a cell is, for errors: <c>row 3 (line 4), column 2 "width" of "iris.csv"</c>. Rows are counted from 1
    /// without the header.
    /// </summary>
    /// <param name="row">The row, from 0, without the header.</param>
    /// <param name="column">The column, from 0.</param>
    public string PlaceOf(int row, int column) =>
        $"row {row + 1} (line {_lines[row]}), column "
        + $"{column + 1}{(HasHeader ? $" \"{Columns[column]}\"" : "")} of \"{Source}\"";

    /// <summary>Reads a file.</summary>
    /// <param name="path">The file: UTF-8, or UTF-16 with a byte-order mark.</param>
    /// <param name="options">How to read the file. Null finds everything by looking at it.</param>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="InvalidDataException">
    /// It is empty, has no row, has a row with another number of fields (the line is named), has quotes that do not
    /// end, or has another encoding (line and byte are named).
    /// </exception>
    public static CsvTable Read(string path, CsvOptions? options = null)
    {
        if (Path.Exists(path) && FileFormat.Of(path) is { IsText: false } other)
            throw FileFormat.Wrong(nameof(CsvTable), path, "a table in text (CSV)", other);
        return Parse(TextFile.Read(path, nameof(CsvTable)), path, options);
    }

    /// <summary>Reads a text; see <see cref="Read"/>.</summary>
    /// <param name="text">The content of a file.</param>
    /// <param name="name">What errors call it.</param>
    /// <param name="options">How to read the text. Null finds everything by looking at it.</param>
    /// <exception cref="ArgumentException">The separator is a quote or a line break.</exception>
    /// <exception cref="InvalidDataException">As <see cref="Read"/>.</exception>
    public static CsvTable Parse(string text, string name, CsvOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(text);
        ArgumentNullException.ThrowIfNull(name);
        options ??= new CsvOptions();
        if (options.Separator is '"' or '\n' or '\r')
            throw new ArgumentException("CsvTable: a quote or a line break cannot separate fields.", nameof(options));
        var guesses = new List<string>();
        int begin = text.StartsWith('\uFEFF') ? 1 : 0;
        char? declared = Declared(text, ref begin);
        char separator = options.Separator ?? declared ?? CsvGuess.Separator(text, begin, name, guesses);
        var rows = new List<string[]>();
        var lines = new List<int>();
        var parser = new CsvParser(text, begin, separator, name);
        while (parser.Next() is { } row)
        {
            if (rows.Count > 0 && row.Length != rows[0].Length)
            {
                throw new InvalidDataException(
                    $"CsvTable: expected {rows[0].Length} fields as in the first line, got {row.Length} in line " +
                    $"{parser.RowLine} of \"{name}\", with {CsvGuess.Show(separator)} as separator. " +
                    "Correct the line, or set Separator.");
            }

            rows.Add(row);
            lines.Add(parser.RowLine);
        }

        if (rows.Count == 0)
            throw new InvalidDataException($"CsvTable: expected at least one row, \"{name}\" is empty.");
        var cells = new CsvCells(options.MissingValues, options.DecimalComma ?? CsvGuess.DecimalComma(rows, guesses));
        string[]? header = null;
        if (options.Header ?? CsvGuess.Header(rows, cells, options.Named, guesses))
        {
            header = rows[0];
            rows.RemoveAt(0);
            lines.RemoveAt(0);
        }

        if (rows.Count == 0)
        {
            throw new InvalidDataException(
                $"CsvTable: expected at least one row below the header, \"{name}\" has none. If its line is data, " +
                "set Header to false.");
        }

        if (text.Contains('\uFFFD'))
        {
            guesses.Add(
                "Some text holds U+FFFD, the sign for a letter that was lost when the file was made: texts that " +
                "differed there are the same now. Make the file again in UTF-8.");
        }

        return new CsvTable(name, separator, header, cells, rows, lines, guesses);
    }

    /// <summary>
    /// The index of the column of that name, or -1. If several columns have the name, it is the first one.
    /// </summary>
    public int ColumnOf(string name)
    {
        for (int i = 0; i < Columns.Count; i++)
        {
            if (Columns[i] == name) return i;
        }

        return -1;
    }

    /// <summary>A number's text in the form of the invariant culture.</summary>
    internal string Invariant(string cell) => _cells.Invariant(cell);

    /// <summary>
    /// The separator that a first line <c>sep=;</c> names; <paramref name="begin"/> is then behind it.
    /// </summary>
    private static char? Declared(string text, ref int begin)
    {
        ReadOnlySpan<char> rest = text.AsSpan(begin);
        if (rest.Length < 5 || !rest.StartsWith("sep=", StringComparison.OrdinalIgnoreCase)) return null;
        if (rest[4] is '"' or '\n' or '\r') return null;
        int end = rest.IndexOfAny('\n', '\r');
        if (end >= 0 && !rest[5..end].IsWhiteSpace()) return null;
        if (end < 0) end = rest.Length;
        begin += end;
        // The parser counts the line break as the end of an empty line.
        return rest[4];
    }
}
