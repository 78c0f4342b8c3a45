using System.Globalization;

namespace Evenkeel.Examination;

/// <summary>How the rules write numbers.</summary>
internal static class Statistic
{
    /// <summary>Three significant digits.</summary>
    public static string Number(double value) => value.ToString("G3", CultureInfo.InvariantCulture);

    /// <summary>Per cent with one decimal.</summary>
    public static string Share(double value) =>
        (100 * value).ToString("0.0", CultureInfo.InvariantCulture) + " %";

    /// <summary>A whole number with commas.</summary>
    public static string Count(double value) => value.ToString("N0", CultureInfo.InvariantCulture);

    /// <summary>For example <c>1 layer</c>, <c>2 layers</c>.</summary>
    public static string Of(long count, string what) => $"{Count(count)} {what}{(count == 1 ? "" : "s")}";
}
