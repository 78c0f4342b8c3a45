using System.Globalization;
using Evenkeel.Random;

namespace Evenkeel.Examination;

/// <summary>What the rules count and write.</summary>
internal static class Statistic
{
    /// <summary>The middle value: the mean of the two middle ones of an even number; NaN of none.</summary>
    public static double Median(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        int half = sorted.Length / 2;
        return sorted.Length == 0 ? double.NaN
            : sorted.Length % 2 == 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
    }

    /// <summary>The natural logarithm; infinities at 0 and infinity.</summary>
    public static double Log(double x) => x > 0 && double.IsFinite(x) ? ScalarMath.Log(x)
        : x == 0 ? double.NegativeInfinity : x > 0 ? x : double.NaN;

    /// <summary>Three significant digits.</summary>
    public static string Number(double value) => value.ToString("G3", CultureInfo.InvariantCulture);

    /// <summary>Per cent with one decimal.</summary>
    public static string Share(double value) =>
        (100 * value).ToString("0.0", CultureInfo.InvariantCulture) + " %";

    /// <summary>A whole number with commas.</summary>
    public static string Count(double value) => value.ToString("N0", CultureInfo.InvariantCulture);

    /// <summary>For example <c>1 layer</c>, <c>2 layers</c>.</summary>
    public static string Of(long count, string what) => $"{Count(count)} {what}{(count == 1 ? "" : "s")}";

    /// <summary>The first of some channels, for people.</summary>
    public static string Channels(IReadOnlyList<int> channels)
    {
        const int shown = 6;
        string list = InvariantText.List<int>([.. channels.Take(shown)]);
        return $"channel{(channels.Count == 1 ? "" : "s")} {list}{(channels.Count > shown ? ", ..." : "")}";
    }
}
