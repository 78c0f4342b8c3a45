using System.Globalization;
using Evenkeel.Lab.Claims;
using Evenkeel.Lab.Experiments;

namespace Evenkeel.Lab.Reports.Page;

/// <summary>Numbers and words as the page prints them.</summary>
internal static class PageText
{
    private const int ShortHash = 12;

    /// <summary>A mean and its interval: <c>0.12 [0.10, 0.14]</c>.</summary>
    public static string Effect(Interval interval) => $"{Mean(interval)} {Range(interval)}";

    /// <summary>The mean, with the digits that its interval allows.</summary>
    public static string Mean(Interval interval) => Digits(interval) is { } decimals ? Fixed(interval.Mean, decimals)
        : Number(interval.Mean);

    /// <summary>An interval: <c>[0.10, 0.14]</c>.</summary>
    public static string Range(Interval interval) =>
        double.IsNaN(interval.Low) ? "[no interval]"
        : Digits(interval) is { } decimals ? $"[{Fixed(interval.Low, decimals)}, {Fixed(interval.High, decimals)}]"
        : interval.Low == interval.High ? $"[{Number(interval.Low)}, {Number(interval.High)}]"
        : $"[{Number(interval.Low, 2)}, {Number(interval.High, 2)}]";

    /// <summary>A few digits that count, with a real minus sign.</summary>
    public static string Number(double value, int digits = 3)
    {
        if (double.IsNaN(value)) return "–";
        if (double.IsInfinity(value)) return value > 0 ? "∞" : "−∞";
        string text = Math.Abs(value) is >= 100 and < 1e6 ? value.ToString("F0", CultureInfo.InvariantCulture)
            : value.ToString($"G{digits}", CultureInfo.InvariantCulture);
        return text.Replace("E-0", "e-", StringComparison.Ordinal).Replace("E+0", "e", StringComparison.Ordinal)
            .Replace("E+", "e", StringComparison.Ordinal).Replace('E', 'e').Replace('-', '−');
    }

    /// <summary>
    /// Decimals by which the ends of an interval differ in two digits; null if they do not differ, and for numbers so
    /// small or large that they are written with a power of ten.
    /// </summary>
    private static int? Digits(Interval interval)
    {
        double size = Math.Max(Math.Abs(interval.Low), Math.Abs(interval.High)), width = interval.High - interval.Low;
        return !(width > 0) || double.IsInfinity(width) || size is < 1e-3 or >= 1e6 ? null
            : Math.Clamp(1 - (int)Math.Floor(Math.Log10(width)), 0, 4);
    }

    private static string Fixed(double value, int decimals)
    {
        string text = value.ToString($"F{decimals}", CultureInfo.InvariantCulture);
        return (text.StartsWith('-') && text.Trim('-', '0', '.').Length == 0 ? text[1..] : text).Replace('-', '−');
    }

    public static string Duration(double seconds) => ResultText.Seconds(seconds);

    public static string Short(string hash) => hash.Length > ShortHash ? hash[..ShortHash] : hash;

    public static string DType(DType type) => type.ToString().ToLowerInvariant();

    /// <summary><c>1 seed</c>, <c>3 seeds</c>.</summary>
    public static string Count(int count, string one, string? many = null) =>
        string.Create(CultureInfo.InvariantCulture,
        $"{count} {(count == 1 ? one : many ?? one + "s")}");

    /// <summary>
    /// <c>3 not run</c>, <c>1 needs the full run</c>, <c>2 need the full run</c>: claims without a verdict.
    /// </summary>
    public static string None(string why, int count)
    {
        bool isPlural = count > 1 && why.StartsWith("needs ", StringComparison.Ordinal);
        string words = isPlural ? "need " + why["needs ".Length..] : why;
        return string.Create(CultureInfo.InvariantCulture, $"{count} {words}");
    }

    /// <summary><c>231</c>, <c>231 to 235</c>, or each by name where they do not follow each other.</summary>
    public static string Seeds(IReadOnlyList<long> seeds)
    {
        bool isRun = seeds.Count > 2 && Enumerable.Range(1, seeds.Count - 1).All(i => seeds[i] == seeds[i - 1] + 1);
        return isRun ? string.Create(CultureInfo.InvariantCulture, $"{seeds[0]} to {seeds[^1]}")
            : string.Join(", ", seeds.Select(static seed => seed.ToString(CultureInfo.InvariantCulture)));
    }

    /// <summary>The class of a verdict in the style sheet.</summary>
    public static string Class(Verdict verdict) => ResultJson.Name(verdict);

    /// <summary>A verdict in one word; where a claim holds in part, its condition follows.</summary>
    public static string Word(Verdict verdict) => verdict == Verdict.HoldsInPart ? "holds" : ResultJson.Name(verdict);
}
