namespace Evenkeel.Workbench.Settings;

/// <summary>Some of many, from all over them: sets may be sorted by class.</summary>
internal static class Evenly
{
    /// <summary>At most so many of the numbers from 0 to <paramref name="count"/> - 1, at equal distances.</summary>
    /// <param name="most">How many at most.</param>
    /// <param name="count">Of how many.</param>
    public static int[] Spread(int most, int count)
    {
        int taken = Math.Min(most, count);
        return [.. Enumerable.Range(0, taken).Select(i => (int)((long)i * count / taken))];
    }
}
