using System.Globalization;
using System.Text;

namespace Evenkeel.Diagnostics;

/// <summary>Rows of text under headings. The first columns are aligned to the left, the others to the right.</summary>
internal sealed class TextGrid(int leftColumns, params string[] headings)
{
    private readonly List<string[]> _rows = [headings];

    public void Add(params string[] cells) => _rows.Add(cells);

    public void AppendTo(StringBuilder text)
    {
        int[] widths = [.. headings.Select((_, column) => _rows.Max(row => row[column].Length))];
        for (int r = 0; r < _rows.Count; r++)
        {
            string line = string.Join("  ", _rows[r].Select(
                (cell, column) => column < leftColumns ? cell.PadRight(widths[column]) : cell.PadLeft(widths[column])));
            text.Append(line.TrimEnd()).Append('\n');
            if (r == 0) text.Append('-', widths.Sum() + 2 * (widths.Length - 1)).Append('\n');
        }
    }

    /// <summary>Four significant digits.</summary>
    public static string Number(double value) => value.ToString("G4", CultureInfo.InvariantCulture);

    /// <summary>Per cent with one decimal; a dash for null.</summary>
    public static string Share(double? value) =>
        value is { } share ? (100 * share).ToString("0.0", CultureInfo.InvariantCulture) + "%" : "-";
}
