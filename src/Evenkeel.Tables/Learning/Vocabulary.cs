namespace Evenkeel.Tables;

/// <summary>
/// Different values in their order: numbers by their value, otherwise texts in ordinal order. Different spellings of
/// one number are one value, called by the shortest.
/// </summary>
/// <param name="Names">The values.</param>
/// <param name="AreNumbers">Whether all are numbers.</param>
/// <param name="Spellings">Spellings of one number, if there are several; otherwise empty.</param>
internal sealed record Vocabulary(string[] Names, bool AreNumbers, string[] Spellings)
{
    /// <summary>Puts the texts of a column in order.</summary>
    public static Vocabulary Of(IEnumerable<string> texts, CellFormat format)
    {
        string[] all = [.. texts];
        bool areNumbers = all.All(text => format.TryNumber(text, out _));
        string[][] spellings = [.. all.GroupBy(text => areNumbers ? format.KeyOf(text) : text, StringComparer.Ordinal)
            .Select(static same => same
                .OrderBy(static text => text.Length).ThenBy(static text => text, StringComparer.Ordinal).ToArray())];
        string[] names = [.. spellings.Select(static same => same[0])];
        names = areNumbers
            ? [.. names.OrderBy(name => format.TryNumber(name, out double value) ? value : 0)
                .ThenBy(static name => name, StringComparer.Ordinal)]
            : [.. names.Order(StringComparer.Ordinal)];
        return new Vocabulary(names, areNumbers,
            spellings.Where(static same => same.Length > 1).OrderBy(static same => same[0], StringComparer.Ordinal)
                .FirstOrDefault() ?? []);
    }

    /// <summary>Up to ten values for a sentence.</summary>
    public static string Show(IReadOnlyList<string> names) =>
        string.Join(", ", names.Take(10)) + (names.Count > 10 ? ", ..." : "");
}
