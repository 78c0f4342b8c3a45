using System.Globalization;

namespace Evenkeel.Cli.Terminal;

/// <summary>Numbers as people read them.</summary>
internal static class NumberText
{
    /// <summary>A score: four decimals, or four digits if it is very small or large.</summary>
    public static string Score(double value) =>
        value == 0 || Math.Abs(value) is >= 0.01 and < 1e5 || !double.IsFinite(value) ? $"{value:0.0000}"
            : $"{value:G4}";

    /// <summary>
    /// A value of the data: at least seven digits, no power of ten up to ten digits before the point.
    /// </summary>
    public static string Value(double value)
    {
        double size = Math.Abs(value);
        if (size is not (>= 1e-4 and < 1e10)) return value.ToString("G7", CultureInfo.InvariantCulture);
        int decimals = Math.Max(1, 6 - (int)Math.Floor(Math.Log10(size)));
        return Math.Round(value, Math.Min(decimals, 10)).ToString("0.##########", CultureInfo.InvariantCulture);
    }
}
