using System.Globalization;
using Evenkeel.Lab.Claims;
using Evenkeel.Lab.Experiments;

namespace Evenkeel.Lab.Reports.Page;

/// <summary>Numbers and words as the page prints them.</summary>
internal static class PageText
{
    private const int ShortHash = 12;

    /// <summary>A mean and its interval: <c>0.12 [0.1, 0.14]</c>.</summary>
    public static string Effect(Interval interval) => $"{Number(interval.Mean)} {Range(interval)}";

    /// <summary>An interval: <c>[0.1, 0.14]</c>.</summary>
    public static string Range(Interval interval) => double.IsNaN(interval.Low) ? "[no interval]" : $"[{Number(interval.Low)}, {Number(interval.High)}]";

    /// <summary>Three digits that count, with a real minus sign.</summary>
    public static string Number(double value)
    {
        if (double.IsNaN(value)) return "–";
        if (double.IsInfinity(value)) return value > 0 ? "∞" : "−∞";
        string text = Math.Abs(value) is >= 1000 and < 1e6 ? value.ToString("F0", CultureInfo.InvariantCulture) : value.ToString("G3", CultureInfo.InvariantCulture);
        return text.Replace("E-0", "e-", StringComparison.Ordinal).Replace("E+0", "e", StringComparison.Ordinal).Replace("E+", "e", StringComparison.Ordinal).Replace('E', 'e').Replace('-', '−');
    }

    public static string Duration(double seconds) => ResultPrinter.Seconds(seconds);

    public static string Short(string hash) => hash.Length > ShortHash ? hash[..ShortHash] : hash;

    public static string DType(DType type) => type.ToString().ToLowerInvariant();

    /// <summary><c>1 seed</c>, <c>3 seeds</c>.</summary>
    public static string Count(int count, string one, string? many = null) => string.Create(CultureInfo.InvariantCulture, $"{count} {(count == 1 ? one : many ?? one + "s")}");

    /// <summary><c>231</c>, <c>231 to 235</c>, or each by name where they do not follow each other.</summary>
    public static string Seeds(IReadOnlyList<long> seeds)
    {
        bool isRun = seeds.Count > 2 && Enumerable.Range(1, seeds.Count - 1).All(i => seeds[i] == seeds[i - 1] + 1);
        return isRun ? string.Create(CultureInfo.InvariantCulture, $"{seeds[0]} to {seeds[^1]}") : string.Join(", ", seeds.Select(static seed => seed.ToString(CultureInfo.InvariantCulture)));
    }

    /// <summary>The class of a verdict in the style sheet.</summary>
    public static string Class(Verdict verdict) => ResultJson.Name(verdict);

    public static string Word(Verdict verdict) => verdict == Verdict.HoldsIf ? "holds if" : ResultJson.Name(verdict);
}
