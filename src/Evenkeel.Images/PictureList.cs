using System.Globalization;
using Evenkeel.Data;
using nietras.SeparatedValues;

namespace Evenkeel.Images;

/// <summary>A table of text that names picture files and their classes.</summary>
internal sealed class PictureList
{
    private static readonly string[] s_labelNames = ["label", "class", "category", "target"];

    private readonly List<string[]> _rows = [];
    private readonly List<int> _lines = [];
    private readonly string _path;
    private readonly string[] _names;
    private readonly int _first;

    private PictureList(string path)
    {
        _path = path;
        Read();
        if (_rows.Count == 0) throw Wrong("a line for each picture", "an empty file");
        // Texts stand below texts: the first line names the columns if it names no picture.
        _first = _rows[0].Any(ImageFile.HasImageName) ? 0 : 1;
        _names = _first == 1 ? _rows[0] : [.. _rows[0].Select(static (_, column) => $"column {column + 1}")];
        if (_first == _rows.Count) throw Wrong("a line for each picture", "only the names of the columns");
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
        return [.. Enumerable.Range(list._first, list._rows.Count - list._first)
            .Select(row => (list.Cell(row, file), list.Cell(row, label)))];
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

    /// <summary>
    /// The cells of all lines that are not empty. The separator is the one that Sep finds in the first.
    /// </summary>
    private void Read()
    {
        if (File.Exists(_path) && FileFormat.Of(_path) is { IsText: false } other)
        {
            throw FileFormat.Wrong(
                nameof(ImageFolderListing), _path, "a folder with one sub-folder per class, or a list of files", other);
        }

        string text = TextFile.Read(_path, nameof(ImageFolderListing));
        try
        {
            using SepReader reader = Sep.Reader(static options => options with
            {
                HasHeader = false,
                Unescape = true,
                Trim = SepTrim.All,
            }).FromText(text);
            foreach (SepReader.Row row in reader)
            {
                string[] cells = new string[row.ColCount];
                for (int c = 0; c < cells.Length; c++) cells[c] = row[c].ToString();
                if (cells is [""]) continue;
                _rows.Add(cells);
                _lines.Add(row.LineNumberFrom);
            }
        }
        catch (InvalidDataException failure)
        {
            throw Wrong("as many cells in every line as in the first", $"others ({failure.Message})");
        }
    }

    private string Cell(int row, int column) => _rows[row][column] is { Length: > 0 } text ? text
        : throw Wrong("a path and a class in every line", $"an empty cell in line {_lines[row]}");

    private int FileColumn()
    {
        int column = Array.FindIndex(_rows[_first], ImageFile.HasImageName);
        return column >= 0 ? column : throw Wrong(
            $"a column of paths that end in {string.Join(", ", ImageFile.Extensions)}",
            $"\"{string.Join("\", \"", _rows[_first])}\" in the first line of data");
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
