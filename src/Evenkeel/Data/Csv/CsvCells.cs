using System.Globalization;

namespace Evenkeel.Data;

/// <summary>What the cells of a table mean: which are no value, and which are numbers.</summary>
internal sealed class CsvCells(IReadOnlyList<string>? missing, bool decimalComma)
{
    private readonly HashSet<string> _missing = new(missing ?? CsvOptions.DefaultMissingValues, StringComparer.Ordinal);

    /// <summary>Whether numbers have a decimal comma.</summary>
    public bool DecimalComma => decimalComma;

    /// <summary>Whether a cell means "no value". An empty one always does.</summary>
    public bool IsMissing(string cell) => cell.Length == 0 || _missing.Contains(cell);

    /// <summary>Whether a cell is a finite number, and which.</summary>
    public bool TryNumber(string cell, out double value) => double.TryParse(
        Invariant(cell), NumberStyles.Float, CultureInfo.InvariantCulture, out value) && double.IsFinite(value);

    /// <summary>A number's text as the invariant culture has it; empty if it has the other decimal sign.</summary>
    public string Invariant(string cell) => !decimalComma ? cell : cell.Contains('.') ? "" : cell.Replace(',', '.');

    /// <summary>Whether a number could have a comma between thousands: 1,234 but neither 0,234 nor 1,23.</summary>
    public static bool MayBeThousands(string cell)
    {
        ReadOnlySpan<char> digits = cell.AsSpan().TrimStart("+-");
        int comma = digits.IndexOf(',');
        return comma is > 0 and < 4 && digits[0] != '0' && digits.Length == comma + 4
            && !digits[(comma + 1)..].ContainsAnyExceptInRange('0', '9');
    }
}
