namespace Evenkeel.Examination;

/// <summary>What several rules measure, and how they say it.</summary>
internal static class Ratios
{
    /// <summary>The middle value; the mean of the two middle ones of an even number. NaN for none.</summary>
    public static double Median(ReadOnlySpan<double> values)
    {
        if (values.Length == 0) return double.NaN;
        double[] sorted = values.ToArray();
        Array.Sort(sorted);
        int half = sorted.Length / 2;
        return sorted.Length % 2 == 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
    }

    /// <summary>The channels whose value is of a kind.</summary>
    public static int[] Channels(ReadOnlySpan<double> values, Func<double, bool> isFound)
    {
        var found = new List<int>();
        for (int i = 0; i < values.Length; i++)
        {
            if (isFound(values[i])) found.Add(i);
        }

        return [.. found];
    }

    /// <summary>For example <c>1 filter</c> and <c>2 filters</c>.</summary>
    public static string Count(int count, string what) => count == 1 ? $"1 {what}" : $"{count} {what}s";

    /// <summary>The verb behind a number.</summary>
    public static string Have(int count) => count == 1 ? "has" : "have";
}
