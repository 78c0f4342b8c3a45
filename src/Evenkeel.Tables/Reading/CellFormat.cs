using System.Globalization;

namespace Evenkeel.Tables;

/// <summary>What the cells of a table mean: which ones mean "no value", and which ones are numbers.</summary>
internal sealed class CellFormat
{
    private readonly HashSet<string> _missing;
    private readonly HashSet<string>.AlternateLookup<ReadOnlySpan<char>> _lookup;
    private readonly int _longest;

    public CellFormat(char separator, IReadOnlyList<string>? missing, bool decimalComma)
    {
        (Separator, DecimalComma) = (separator, decimalComma);
        MissingValues = missing ?? TableOptions.DefaultMissingValues;
        _missing = new HashSet<string>(MissingValues, StringComparer.Ordinal);
        _lookup = _missing.GetAlternateLookup<ReadOnlySpan<char>>();
        _longest = _missing.Select(static text => text.Length).DefaultIfEmpty().Max();
        var culture = (CultureInfo)CultureInfo.InvariantCulture.Clone();
        culture.NumberFormat.NumberDecimalSeparator = decimalComma ? "," : ".";
        // Sep allows thousands to be separated. No text has this sign: 1,0 is not ten.
        culture.NumberFormat.NumberGroupSeparator = "\uFFFF";
        Culture = CultureInfo.ReadOnly(culture);
        HasMissingNumber = MissingValues.Any(text => TryNumber(text, out _));
    }

    public char Separator { get; }

    /// <summary>Whether numbers have a decimal comma.</summary>
    public bool DecimalComma { get; }

    /// <summary>The cells that mean "no value".</summary>
    public IReadOnlyList<string> MissingValues { get; }

    /// <summary>How numbers are written.</summary>
    public CultureInfo Culture { get; }

    /// <summary>Whether a number means "no value", as -999.</summary>
    public bool HasMissingNumber { get; }

    /// <summary>Whether a cell means "no value". An empty one always does.</summary>
    public bool IsMissing(ReadOnlySpan<char> cell) =>
        cell.IsEmpty || (cell.Length <= _longest && _lookup.Contains(cell));

    /// <summary>Whether a cell is a finite number; if so, its value.</summary>
    public bool TryNumber(ReadOnlySpan<char> cell, out double value) =>
        double.TryParse(cell, NumberStyles.Float, Culture, out value) && double.IsFinite(value);

    /// <summary>Whether a cell is infinity, or a number that is too large for Float64.</summary>
    public bool IsInfinite(ReadOnlySpan<char> cell) =>
        (double.TryParse(cell, NumberStyles.Float, Culture, out double value) && double.IsInfinity(value))
        || cell.TrimStart("+-").Equals("inf", StringComparison.OrdinalIgnoreCase);

    /// <summary>
    /// A text that two spellings of one number share, and that different numbers do not. A cell that is not a number is
    /// its own text.
    /// </summary>
    public string KeyOf(string text)
    {
        if (!TryNumber(text, out double value)) return text;
        // A decimal distinguishes numbers of up to 28 digits. A double does not, but its range is larger.
        CultureInfo invariant = CultureInfo.InvariantCulture;
        bool isDecimal = decimal.TryParse(text, NumberStyles.Float, Culture, out decimal exact)
            && (exact != 0 || value == 0);
        return isDecimal ? (exact == 0 ? 0m : exact).ToString("G29", invariant) : value.ToString("R", invariant);
    }

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

    /// <summary>A cell as an error shows it.</summary>
    public static string Show(ReadOnlySpan<char> cell) =>
        cell.IsEmpty ? "an empty cell" : $"\"{(cell.Length > 40 ? $"{cell[..40]}..." : cell.ToString())}\"";
}
