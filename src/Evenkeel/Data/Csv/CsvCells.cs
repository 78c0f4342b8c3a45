using System.Globalization;

namespace Evenkeel.Data;

/// <summary>What the cells of a table mean: which ones mean "no value", and which ones are numbers.</summary>
internal sealed class CsvCells(IReadOnlyList<string>? missing, bool decimalComma)
{
    private readonly HashSet<string> _missing = new(missing ?? CsvOptions.DefaultMissingValues, StringComparer.Ordinal);

    /// <summary>Whether numbers have a decimal comma.</summary>
    public bool DecimalComma => decimalComma;

    /// <summary>Whether a cell means "no value". An empty one always does.</summary>
    public bool IsMissing(string cell) => cell.Length == 0 || _missing.Contains(cell);

    /// <summary>Whether a cell is a finite number; if so, its value.</summary>
    public bool TryNumber(string cell, out double value) => double.TryParse(
        Invariant(cell), NumberStyles.Float, CultureInfo.InvariantCulture, out value) && double.IsFinite(value);

    /// <summary>A number's text in the form of the invariant culture. Empty if it has the other decimal sign.</summary>
    public string Invariant(string cell) => !decimalComma ? cell : cell.Contains('.') ? "" : cell.Replace(',', '.');

    /// <summary>
    /// Whether the comma of a number may separate thousands: in 1,234 it may, in 0,234 and 1,23 it may not.
    /// </summary>
    public static bool MayBeThousands(string cell)
    {
        ReadOnlySpan<char> digits = cell.AsSpan().TrimStart("+-");
        int comma = digits.IndexOf(',');
        return comma is > 0 and < 4 && digits[0] != '0' && digits.Length == comma + 4
            && !digits[(comma + 1)..].ContainsAnyExceptInRange('0', '9');
    }
}
