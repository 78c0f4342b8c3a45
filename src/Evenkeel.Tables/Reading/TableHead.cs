using System.Text;

namespace Evenkeel.Tables;

/// <summary>
/// What the first lines of a text say about how it is read: its separator, its header, its decimal sign, and the names
/// of its columns.
/// </summary>
internal sealed class TableHead
{
    /// <summary>Number of bytes that are looked at.</summary>
    private const int Size = 1 << 18;

    private TableHead(TableText text, CellFormat format, string[] names, bool hasHeader, int skip, List<string[]> rows)
    {
        (Text, Format, Names, HasHeader, Skip, Rows) = (text, format, names, hasHeader, skip, rows);
    }

    public TableText Text { get; }

    public CellFormat Format { get; }

    /// <summary>The names of the columns. One without a name is called by its number, from 1: "column 3".</summary>
    public string[] Names { get; }

    public bool HasHeader { get; }

    /// <summary>
    /// Number of rows at the beginning that are no data: the one that names the separator, the header.
    /// </summary>
    public int Skip { get; }

    /// <summary>The first rows of data.</summary>
    public List<string[]> Rows { get; }

    /// <summary>Looks at the first lines of a training file.</summary>
    /// <param name="text">The file.</param>
    /// <param name="options">What is known.</param>
    /// <param name="named">Columns that the options name.</param>
    /// <param name="notes">Gets a sentence for each thing that is found.</param>
    public static TableHead Of(TableText text, TableOptions options, IEnumerable<string> named, List<string> notes)
    {
        if (options.Separator is { } given) CheckSeparator(given);
        string start = StartOf(text);
        char? declared = Declared(start);
        char separator = options.Separator ?? declared ?? TableGuess.Separator(start.AsMemory(), text.Name, notes);
        List<string[]> rows = RowsOf(text, start, separator, declared is not null);
        bool decimalComma = options.DecimalComma ?? TableGuess.DecimalComma(rows, notes);
        var format = new CellFormat(separator, options.MissingValues, decimalComma);
        bool hasHeader = options.Header ?? TableGuess.Header(rows, format, named, notes);
        return Of(text, format, rows, hasHeader, declared is not null);
    }

    /// <summary>Looks at the first lines of a later file.</summary>
    /// <param name="text">The file.</param>
    /// <param name="format">How the training file is read.</param>
    /// <param name="named">The columns that the file must have.</param>
    public static TableHead Of(TableText text, TableFormat format, IEnumerable<string> named)
    {
        string start = StartOf(text);
        char? declared = Declared(start);
        char separator = declared ?? format.Separator;
        List<string[]>? rows = TryRows(text, start, separator, declared is not null);
        if (declared is null && (rows is null || (format.HasHeader && !named.All(rows[0].Contains))))
        {
            // Another program may have written the file with another separator.
            char other = TableGuess.Separator(start.AsMemory(), text.Name, []);
            List<string[]>? again = TryRows(text, start, other, isDeclared: false);
            if (rows is null || (again is not null && named.Any(again[0].Contains) && !named.Any(rows[0].Contains)))
                (separator, rows) = (other, again);
        }

        rows ??= RowsOf(text, start, separator, declared is not null);
        var cells = new CellFormat(separator, format.MissingValues, format.DecimalComma);
        return Of(text, cells, rows, format.HasHeader, declared is not null);
    }

    private static TableHead Of(
        TableText text, CellFormat format, List<string[]> rows, bool hasHeader, bool isDeclared)
    {
        string[] first = rows[0];
        string[] names = [.. first.Select((name, i) => hasHeader && name.Length > 0 ? name : $"column {i + 1}")];
        if (hasHeader) rows.RemoveAt(0);
        if (rows.Count == 0)
        {
            throw new InvalidDataException($"{TableText.Reader}: expected at least one row below the header, "
                + $"\"{text.Name}\" has none. If its line is data, say --header no.");
        }

        return new TableHead(text, format, names, hasHeader, (isDeclared ? 1 : 0) + (hasHeader ? 1 : 0), rows);
    }

    private static void CheckSeparator(char separator)
    {
        try
        {
            _ = new nietras.SeparatedValues.Sep(separator);
        }
        catch (ArgumentException error)
        {
            throw new ArgumentException($"TableOptions: expected a separator such as ',', ';', '|' or the tab, got "
                + $"'{separator}', which cannot separate fields.", nameof(separator), error);
        }
    }

    private static List<string[]>? TryRows(TableText text, string start, char separator, bool isDeclared)
    {
        try
        {
            return RowsOf(text, start, separator, isDeclared);
        }
        catch (InvalidDataException)
        {
            return null;
        }
    }

    private static List<string[]> RowsOf(TableText text, string start, char separator, bool isDeclared)
    {
        var rows = new List<string[]>();
        var cells = new CellFormat(separator, null, decimalComma: false);
        using var reader = new RowReader(start.AsMemory(), cells, text.Name, 1);
        if (isDeclared) reader.Next();
        while (rows.Count == 0 ? reader.Next() : reader.Next(rows[0].Length)) rows.Add(reader.Cells());
        return rows.Count > 0 ? rows : throw new InvalidDataException(
            $"{TableText.Reader}: expected at least one row, \"{text.Name}\" is empty.");
    }

    private static string StartOf(TableText text)
    {
        using var blocks = new BlockReader(text, Size);
        if (blocks.Next() is not { } block)
            throw new InvalidDataException($"{TableText.Reader}: expected at least one row, \"{text.Name}\" is empty.");
        try
        {
            TextBlock.Check(block, text);
            return Encoding.UTF8.GetString(block.Text);
        }
        finally
        {
            block.Return();
        }
    }

    /// <summary>The separator that a first line <c>sep=;</c> names, as spreadsheets write it.</summary>
    private static char? Declared(string text)
    {
        if (text.Length < 5 || !text.StartsWith("sep=", StringComparison.OrdinalIgnoreCase)) return null;
        if (text[4] is '"' or '\n' or '\r') return null;
        int end = text.AsSpan().IndexOfAny('\n', '\r');
        return end >= 0 && !text.AsSpan(5, end - 5).IsWhiteSpace() ? null : text[4];
    }
}
