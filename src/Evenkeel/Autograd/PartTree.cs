namespace Evenkeel;

/// <summary>
/// The order in which values of the parts of a batch are added: neighbours first, then neighbours of these sums. It
/// depends on the number of parts alone. Consecutive parts of one process can be added before they travel.
/// </summary>
/// <remarks>
/// For five parts: (0+1), (2+3); then (0+1)+(2+3); then the sum of these and 4.
/// </remarks>
internal static class PartTree
{
    /// <summary>One addition: <paramref name="Into"/> += <paramref name="From"/>.</summary>
    /// <param name="Into">The first part of the sum.</param>
    /// <param name="From">The first part of what is added.</param>
    /// <param name="End">The end of the parts that the sum holds.</param>
    public readonly record struct Pair(int Into, int From, int End)
    {
        /// <summary>Whether one process has all parts of the sum.</summary>
        public bool LiesIn(int first, int end) => Into >= first && End <= end;
    }

    /// <summary>All additions, in their order. The sum of all is then at part 0.</summary>
    /// <param name="parts">The number of parts.</param>
    public static Pair[] Pairs(int parts)
    {
        var pairs = new List<Pair>();
        for (int gap = 1; gap < parts; gap *= 2)
        {
            for (int into = 0; into + gap < parts; into += 2 * gap)
                pairs.Add(new Pair(into, into + gap, Math.Min(into + (2 * gap), parts)));
        }

        return [.. pairs];
    }

    /// <summary>The parts at which the sums of one process stand after it has added what it can.</summary>
    /// <param name="pairs">All additions.</param>
    /// <param name="first">Its first part.</param>
    /// <param name="end">The end of its parts.</param>
    public static int[] Sums(Pair[] pairs, int first, int end)
    {
        var left = Enumerable.Range(first, Math.Max(0, end - first)).ToList();
        foreach (Pair pair in pairs)
        {
            if (pair.LiesIn(first, end)) left.Remove(pair.From);
        }

        return [.. left];
    }
}
