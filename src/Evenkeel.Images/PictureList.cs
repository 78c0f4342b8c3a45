using System.Globalization;
using Evenkeel.Data;

namespace Evenkeel.Images;

/// <summary>
/// A table of text that names picture files and their classes: a line per picture, with comma, semicolon or tab between
/// its cells. A cell that holds the separator stands in quotes. Empty lines are skipped.
/// </summary>
internal sealed class PictureList
{
    private const char Quote = '"';

    private static readonly string[] s_labelNames = ["label", "class", "category", "target"];

    private readonly string _path;
    private readonly List<string[]> _rows = [];
    private readonly List<int> _lines = [];
    private readonly string[] _names;

    private PictureList(string path)
    {
        _path = path;
        if (File.Exists(path) && FileFormat.Of(path) is { IsText: false } other)
        {
            throw FileFormat.Wrong(
                nameof(ImageFolderListing), path, "a folder with one sub-folder per class, or a list of files", other);
        }

        string[] lines = TextFile.Read(path, nameof(ImageFolderListing)).ReplaceLineEndings("\n").Split('\n');
        char separator = SeparatorOf(lines);
        for (int i = 0; i < lines.Length; i++)
        {
            if (string.IsNullOrWhiteSpace(lines[i])) continue;
            string[] cells = CellsOf(lines[i], separator, i + 1);
            if (_rows.Count > 0 && cells.Length != _rows[0].Length)
                throw Wrong($"{_rows[0].Length} cells as in the first line", $"{cells.Length} in line {i + 1}");
            _rows.Add(cells);
            _lines.Add(i + 1);
        }

        if (_rows.Count == 0) throw Wrong("a line for each picture", "none");
        // The first line names the columns if it names no picture.
        bool hasHeader = !_rows[0].Any(ImageFile.HasImageName);
        _names = hasHeader ? _rows[0] : [.. _rows[0].Select(static (_, column) => $"column {column + 1}")];
        if (!hasHeader) return;
        _rows.RemoveAt(0);
        _lines.RemoveAt(0);
        if (_rows.Count == 0) throw Wrong("a line for each picture", "only the names of the columns");
    }

    /// <summary>The paths and classes of a table, in its order.</summary>
    /// <param name="path">The table.</param>
    /// <param name="fileColumn">The name of the column of paths; null finds it.</param>
    /// <param name="labelColumn">The name of the column of classes; null finds it.</param>
    public static (string File, string Class)[] Read(string path, string? fileColumn, string? labelColumn)
    {
        var list = new PictureList(path);
        int file = fileColumn is null ? list.FileColumn() : list.Named(fileColumn);
        int label = labelColumn is null ? list.LabelColumn(file) : list.Named(labelColumn);
        return [.. Enumerable.Range(0, list._rows.Count).Select(row => (list.Cell(row, file), list.Cell(row, label)))];
    }

    /// <summary>The different classes: whole numbers in the order of their values, others in ordinal order.</summary>
    public static string[] ClassesOf(IEnumerable<string> labels)
    {
        string[] names = [.. labels.Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)];
        return names.All(static name => TryNumber(name, out _)) ? [.. names.OrderBy(ValueOf)] : names;
    }

    private static bool TryNumber(string name, out long value) =>
        long.TryParse(name, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out value);

    private static long ValueOf(string name) => TryNumber(name, out long value) ? value : 0;

    /// <summary>The one of comma, semicolon and tab that the first line has most of.</summary>
    private static char SeparatorOf(string[] lines)
    {
        string first = Array.Find(lines, static line => !string.IsNullOrWhiteSpace(line)) ?? "";
        return ",;\t".MaxBy(separator => first.Count(letter => letter == separator));
    }

    private string[] CellsOf(string line, char separator, int number)
    {
        var cells = new List<string>();
        for (int at = 0; at <= line.Length;)
        {
            int end;
            string rest = line[at..].TrimStart(' ');
            if (!rest.StartsWith(Quote))
            {
                end = line.IndexOf(separator, at);
                if (end < 0) end = line.Length;
                cells.Add(line[at..end].Trim());
            }
            else
            {
                int begin = line.Length - rest.Length + 1, close = begin;
                while (close < line.Length && (line[close] != Quote || line.AsSpan(close).StartsWith("\"\"")))
                    close += line[close] == Quote ? 2 : 1;
                end = close + 1;
                while (end < line.Length && line[end] == ' ') end++;
                if (close >= line.Length || (end < line.Length && line[end] != separator))
                    throw Wrong("quotes around a whole cell", $"others in line {number}");
                cells.Add(line[begin..close].Replace("\"\"", "\"", StringComparison.Ordinal));
            }

            at = end + 1;
        }

        return [.. cells];
    }

    private string Cell(int row, int column) => _rows[row][column] is { Length: > 0 } text ? text
        : throw Wrong("a path and a class in every line", $"an empty cell in line {_lines[row]}");

    private int FileColumn()
    {
        int column = Array.FindIndex(_rows[0], ImageFile.HasImageName);
        return column >= 0 ? column : throw Wrong(
            $"a column of paths that end in {string.Join(", ", ImageFile.Extensions)}",
            $"\"{string.Join("\", \"", _rows[0])}\" in line {_lines[0]}");
    }

    private int LabelColumn(int file)
    {
        int[] others = [.. Enumerable.Range(0, _names.Length).Where(column => column != file)];
        if (others.Length == 1) return others[0];
        int[] called = [.. others
            .Where(column => s_labelNames.Contains(_names[column], StringComparer.OrdinalIgnoreCase))];
        return called.Length == 1 ? called[0] : throw Wrong(
            $"one column of classes beside the paths, called {string.Join(", ", s_labelNames)} if there are others",
            $"the columns {string.Join(", ", _names)}");
    }

    private int Named(string name) => Array.IndexOf(_names, name) is >= 0 and int column ? column
        : throw Wrong($"a column \"{name}\"", $"the columns {string.Join(", ", _names)}");

    private InvalidDataException Wrong(string expected, string got) =>
        new($"ImageFolderListing: expected {expected} in \"{_path}\", got {got}. Give a table with the columns file "
            + "and label, or name the columns.");
}
