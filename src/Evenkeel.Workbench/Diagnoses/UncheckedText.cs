using System.Globalization;
using Evenkeel.Examination;

namespace Evenkeel.Workbench.Diagnoses;

/// <summary>What was not checked, in few lines: one per reason, with ranges of rules.</summary>
internal static class UncheckedText
{
    /// <summary>The lines, for example <c>no data: EK201-EK214</c>.</summary>
    /// <param name="rules">The rules that were not checked.</param>
    public static IEnumerable<string> Lines(IEnumerable<UncheckedRule> rules) => rules
        .GroupBy(static rule => rule.Reason, StringComparer.Ordinal)
        .Select(static reason => $"{reason.Key}: {Ranges(reason.Select(static rule => rule.Rule))}");

    private static string Ranges(IEnumerable<string> ids)
    {
        var ranges = new List<(string First, string Last)>();
        foreach (string id in ids.Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal))
        {
            if (ranges.Count > 0 && NumberOf(id) is { } number && NumberOf(ranges[^1].Last) == number - 1)
                ranges[^1] = (ranges[^1].First, id);
            else ranges.Add((id, id));
        }

        return string.Join(", ", ranges.Select(static range => range.First == range.Last ? range.First
            : NumberOf(range.Last) - NumberOf(range.First) == 1 ? $"{range.First}, {range.Last}"
            : $"{range.First}-{range.Last}"));
    }

    /// <summary>The number of a rule of the library; null for one of a user.</summary>
    private static int? NumberOf(string id) => id.StartsWith("EK", StringComparison.Ordinal)
        && int.TryParse(id.AsSpan(2), NumberStyles.None, CultureInfo.InvariantCulture, out int number) ? number : null;
}
