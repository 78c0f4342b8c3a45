using System.Text;

namespace Evenkeel.Data;

/// <summary>
/// A table of text cells from a CSV file: fields between separators, in double quotes where they hold separators, line breaks or (doubled) quotes. Spaces around a
/// field without quotes are dropped, empty lines passed over. Source: RFC 4180.
/// </summary>
public sealed class CsvTable
{
    private const long MaxFileBytes = 1L << 30;

    /// <summary>Letters of another encoding must not all become the same sign: two classes would become one.</summary>
    private static readonly UTF8Encoding s_strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private readonly List<string[]> _rows;
    private readonly List<int> _lines;

    private CsvTable(string source, char separator, string[]? columns, List<string[]> rows, List<int> lines)
    {
        (Source, Separator, HasHeader, _rows, _lines) = (source, separator, columns is not null, rows, lines);
        Columns = columns ?? [.. Enumerable.Range(1, rows[0].Length).Select(static i => $"column {i}")];
    }

    /// <summary>The file.</summary>
    public string Source { get; }

    /// <summary>What separates the fields.</summary>
    public char Separator { get; }

    /// <summary>Whether the first line names the columns.</summary>
    public bool HasHeader { get; }

    /// <summary>The names of the columns: the header's, else "column 1", "column 2", ...</summary>
    public IReadOnlyList<string> Columns { get; }

    /// <summary>Number of rows, the header not counted.</summary>
    public int RowCount => _rows.Count;

    /// <summary>The cell of a row and a column, both from 0.</summary>
    public string this[int row, int column] => _rows[row][column];

    /// <summary>Where a cell is, for errors: <c>row 3 (line 4), column 2 "width" of "iris.csv"</c>. Rows are counted from 1 without the header.</summary>
    public string PlaceOf(int row, int column) =>
        $"row {row + 1} (line {_lines[row]}), column {column + 1}{(HasHeader ? $" \"{Columns[column]}\"" : "")} of \"{Source}\"";

    /// <summary>Reads a file.</summary>
    /// <param name="path">The file, UTF-8.</param>
    /// <param name="separator">What separates fields; null for the one of <c>, ; tab |</c> that the first line holds most of, the comma where it holds none.</param>
    /// <param name="header">Whether the first line names the columns; null for: it does if none of its fields is a number.</param>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="InvalidDataException">It is empty, has no row, a row of another number of fields (named), quotes that do not end, or is no UTF-8.</exception>
    public static CsvTable Read(string path, char? separator = null, bool? header = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        if (!File.Exists(path)) throw new FileNotFoundException($"CsvTable: expected a file at \"{path}\", found none.", path);
        if (new FileInfo(path).Length > MaxFileBytes) throw new InvalidDataException($"CsvTable: expected a file of at most {MaxFileBytes} bytes, \"{path}\" is larger.");
        try
        {
            return Parse(File.ReadAllText(path, s_strict), path, separator, header);
        }
        catch (DecoderFallbackException failure)
        {
            throw new InvalidDataException($"CsvTable: expected UTF-8, \"{path}\" holds bytes that are not ({failure.Message.TrimEnd('.')}). Save it as UTF-8.", failure);
        }
    }

    /// <summary>Reads a text; see <see cref="Read"/>.</summary>
    /// <param name="text">The content of a file.</param>
    /// <param name="name">What errors call it.</param>
    /// <param name="separator">What separates fields, or null.</param>
    /// <param name="header">Whether the first line names the columns, or null.</param>
    /// <exception cref="InvalidDataException">As <see cref="Read"/>.</exception>
    public static CsvTable Parse(string text, string name, char? separator = null, bool? header = null)
    {
        ArgumentNullException.ThrowIfNull(text);
        ArgumentNullException.ThrowIfNull(name);
        if (separator is '"' or '\n' or '\r') throw new ArgumentException("CsvTable: a quote or a line break cannot separate fields.", nameof(separator));
        char between = separator ?? SeparatorOf(text);
        var rows = new List<string[]>();
        var lines = new List<int>();
        var parser = new Parser(text, between, name);
        while (parser.Next() is { } row)
        {
            if (rows.Count > 0 && row.Length != rows[0].Length)
                throw new InvalidDataException($"CsvTable: expected {rows[0].Length} fields as in the first line, got {row.Length} in line {parser.RowLine} of \"{name}\".");
            rows.Add(row);
            lines.Add(parser.RowLine);
        }

        if (rows.Count == 0) throw new InvalidDataException($"CsvTable: expected at least one row, \"{name}\" is empty.");
        bool headed = header ?? !rows[0].Any(static field => CsvDataset.IsNumber(field));
        if (!headed) return new CsvTable(name, between, null, rows, lines);
        string[] columns = rows[0];
        rows.RemoveAt(0);
        lines.RemoveAt(0);
        if (rows.Count == 0) throw new InvalidDataException($"CsvTable: expected at least one row below the header, \"{name}\" has none.");
        return new CsvTable(name, between, columns, rows, lines);
    }

    /// <summary>The column of that name, or -1.</summary>
    public int ColumnOf(string name)
    {
        for (int i = 0; i < Columns.Count; i++)
        {
            if (Columns[i] == name) return i;
        }

        return -1;
    }

    private static char SeparatorOf(string text)
    {
        int end = text.AsSpan().TrimStart("\r\n").IndexOfAny('\r', '\n');
        ReadOnlySpan<char> line = text.AsSpan().TrimStart("\r\n");
        if (end >= 0) line = line[..end];
        char best = ',';
        int most = 0;
        foreach (char candidate in ",;\t|")
        {
            int count = line.Count(candidate);
            if (count > most) (best, most) = (candidate, count);
        }

        return best;
    }

    /// <summary>Splits a text into rows, the next one at each call.</summary>
    private sealed class Parser(string text, char separator, string name)
    {
        private readonly List<string> _fields = [];
        private readonly StringBuilder _quoted = new();
        private int _at;
        private int _line = 1;

        /// <summary>The line where the last row begins.</summary>
        public int RowLine { get; private set; }

        public string[]? Next()
        {
            while (_at < text.Length)
            {
                if (LineBreak()) continue;
                RowLine = _line;
                _fields.Clear();
                do _fields.Add(Field()); while (Take(separator));
                if (_at < text.Length && !LineBreak()) throw new InvalidDataException($"CsvTable: expected a separator or the end of the line after the closing quote in line {_line} of \"{name}\".");
                if (_fields is not [""]) return [.. _fields];
            }

            return null;
        }

        private string Field()
        {
            int begin = _at;
            while (_at < text.Length && text[_at] == ' ') _at++;
            if (_at < text.Length && text[_at] == '"') return Quoted();
            while (_at < text.Length && text[_at] != separator && text[_at] is not ('\n' or '\r')) _at++;
            return text.AsSpan(begin, _at - begin).Trim(' ').ToString();
        }

        private string Quoted()
        {
            int begun = _line;
            _quoted.Clear();
            for (_at++; ; _at++)
            {
                if (_at >= text.Length) throw new InvalidDataException($"CsvTable: the quote that begins in line {begun} of \"{name}\" does not end.");
                char letter = text[_at];
                if (letter == '"')
                {
                    if (_at + 1 >= text.Length || text[_at + 1] != '"') break;
                    _at++;
                }
                else if (letter == '\n') _line++;

                _quoted.Append(letter);
            }

            _at++;
            while (_at < text.Length && text[_at] == ' ' && separator != ' ') _at++;
            return _quoted.ToString();
        }

        private bool Take(char letter)
        {
            if (_at >= text.Length || text[_at] != letter) return false;
            _at++;
            return true;
        }

        private bool LineBreak()
        {
            bool carriage = Take('\r');
            if (!Take('\n') && !carriage) return false;
            _line++;
            return true;
        }
    }
}
