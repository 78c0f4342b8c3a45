using System.Globalization;
using nietras.SeparatedValues;

namespace Evenkeel.Workbench.Watching;

/// <summary>The rows of <c>log.csv</c>: a number per column and epoch.</summary>
/// <param name="Columns">The names of the columns.</param>
/// <param name="Rows">The rows; NaN where there is no number.</param>
internal sealed record EpochTable(string[] Columns, IReadOnlyList<double[]> Rows)
{
    /// <summary>Reads a file.</summary>
    /// <exception cref="InvalidDataException">The rows differ in length.</exception>
    public static EpochTable Read(string path)
    {
        using SepReader reader = new Sep(',').Reader(static options => options with { Unescape = true }).FromFile(path);
        var rows = new List<double[]>();
        foreach (SepReader.Row row in reader)
        {
            var numbers = new double[row.ColCount];
            for (int c = 0; c < numbers.Length; c++)
            {
                ReadOnlySpan<char> cell = row[c].Span;
                numbers[c] = double.TryParse(cell, NumberStyles.Float, CultureInfo.InvariantCulture, out double number)
                    ? number : double.NaN;
            }

            rows.Add(numbers);
        }

        return new EpochTable([.. reader.Header.ColNames], rows);
    }
}
