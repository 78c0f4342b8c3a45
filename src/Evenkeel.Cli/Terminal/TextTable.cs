using System.Globalization;
using System.Text;

namespace Evenkeel.Cli.Terminal;

/// <summary>
/// A table for a terminal: numbers to the right, text to the left, headings over a rule, the widest text columns
/// wrapped to fit.
/// </summary>
internal sealed class TextTable(params string[] columns)
{
    private const string Gap = "  ";

    private readonly List<string[]> _rows = [];
    private readonly bool[] _right = new bool[columns.Length];
    private readonly bool[] _wraps = new bool[columns.Length];

    /// <summary>Aligns columns to the right: numbers.</summary>
    public TextTable Right(params ReadOnlySpan<int> indices)
    {
        foreach (int i in indices) _right[i] = true;
        return this;
    }

    /// <summary>Columns that give way where the table is too wide.</summary>
    public TextTable Wrap(params ReadOnlySpan<int> indices)
    {
        foreach (int i in indices) _wraps[i] = true;
        return this;
    }

    /// <summary>Adds a row. A line break in a cell becomes a space.</summary>
    public void Add(params string[] cells) =>
        _rows.Add(Array.ConvertAll(cells, static cell => cell.AsSpan().IndexOfAny('\r', '\n') < 0 ? cell
            : cell.ReplaceLineEndings(" ")));

    /// <summary>
    /// The lines of the table; none is longer than <paramref name="width"/> where the columns that wrap can give way.
    /// </summary>
    public IEnumerable<string> Lines(int width, Ink ink, string indent = "  ")
    {
        int[] widths = Widths(width - indent.Length);
        bool headed = columns.Any(heading => heading.Length > 0);
        if (headed)
        {
            foreach (string line in Cells(columns, widths)) yield return indent + ink.Dim(line);
            yield return indent
                + ink.Dim(string.Join(Gap,
                widths.Select((w, i) => new string(columns[i].Length > 0 ? ink.Rule : ' ', w))));
        }

        foreach (string[] row in _rows)
        {
            foreach (string line in Cells(row, widths)) yield return indent + line;
        }
    }

    private int[] Widths(int available)
    {
        int[] widths = [.. columns.Select((heading, i) =>
            Math.Max(Width(heading), _rows.Count == 0 ? 0 : _rows.Max(row => Width(row[i]))))];
        int excess = widths.Sum() + (Gap.Length * (columns.Length - 1)) - available;
        while (excess > 0)
        {
            int widest = -1;
            for (int i = 0; i < widths.Length; i++)
            {
                if (_wraps[i] && widths[i] > 12 && (widest < 0 || widths[i] > widths[widest])) widest = i;
            }

            if (widest < 0) break;
            widths[widest]--;
            excess--;
        }

        return widths;
    }

    private IEnumerable<string> Cells(string[] row, int[] widths)
    {
        List<string>[] parts = [.. row.Select((cell, i) => _wraps[i] ? WrapText(cell, widths[i]) : [cell])];
        int height = parts.Max(part => part.Count);
        for (int k = 0; k < height; k++)
        {
            var line = new StringBuilder();
            for (int i = 0; i < row.Length; i++)
            {
                string cell = k < parts[i].Count ? parts[i][k] : "";
                string padding = new(' ', Math.Max(0, widths[i] - Width(cell)));
                if (i > 0) line.Append(Gap);
                line.Append(_right[i] ? padding + cell : cell + padding);
            }

            yield return line.ToString().TrimEnd();
        }
    }

    /// <summary>Columns a text takes on the screen; colour takes none.</summary>
    public static int Width(string text)
    {
        int width = 0;
        for (int i = 0; i < text.Length; i++)
        {
            if (text[i] == '\e')
            {
                while (i < text.Length && text[i] != 'm') i++;
                continue;
            }

            if (CharUnicodeInfo.GetUnicodeCategory(text[i]) != UnicodeCategory.NonSpacingMark) width++;
        }

        return width;
    }

    /// <summary>
    /// Breaks a text at spaces into lines of at most <paramref name="width"/> columns; a longer word stays whole.
    /// </summary>
    public static List<string> WrapText(string text, int width)
    {
        var lines = new List<string>();
        var line = new StringBuilder();
        foreach (string word in text.Split(' '))
        {
            if (line.Length > 0 && Width(line.ToString()) + 1 + Width(word) > width)
            {
                lines.Add(line.ToString());
                line.Clear();
            }

            if (line.Length > 0) line.Append(' ');
            line.Append(word);
        }

        lines.Add(line.ToString());
        return lines;
    }
}
