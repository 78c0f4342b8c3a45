#if TABLES
namespace Evenkeel.Tables;
#else
namespace Evenkeel.Lab;
#endif

/// <summary>Finds what a user probably meant.</summary>
internal static class NearestName
{
    /// <summary>The candidate with the fewest edits, or null if none is close enough to be a typing error.</summary>
    public static string? Find(string name, IEnumerable<string> candidates)
    {
        string? best = null;
        int fewest = int.MaxValue;
        foreach (string candidate in candidates)
        {
            // A beginning or an inner word counts as near: "batchnorm" or "deep" is no typing error, but says what is
            // meant.
            int edits = name.Length >= 3 && candidate.Contains(name, StringComparison.OrdinalIgnoreCase) ? 1
                : Edits(name, candidate);
            if (edits < fewest) (best, fewest) = (candidate, edits);
        }

        return fewest <= Math.Max(2, name.Length / 3) ? best : null;
    }

    /// <summary>" Did you mean X?", or nothing.</summary>
    public static string Hint(string name, IEnumerable<string> candidates) =>
        Find(name, candidates) is { } nearest ? $" Did you mean {nearest}?" : "";

    /// <summary>
    /// Insertions, deletions, replacements and swaps of neighbours that turn one name into the other, in any case of
    /// letters.
    /// </summary>
    public static int Edits(string from, string to)
    {
        (from, to) = (from.ToLowerInvariant(), to.ToLowerInvariant());
        int[,] edits = new int[from.Length + 1, to.Length + 1];
        for (int i = 0; i <= from.Length; i++) edits[i, 0] = i;
        for (int j = 0; j <= to.Length; j++) edits[0, j] = j;
        for (int i = 1; i <= from.Length; i++)
        {
            for (int j = 1; j <= to.Length; j++)
            {
                int replaced = edits[i - 1, j - 1] + (from[i - 1] == to[j - 1] ? 0 : 1);
                edits[i, j] = Math.Min(replaced, Math.Min(edits[i - 1, j], edits[i, j - 1]) + 1);
                if (i > 1 && j > 1 && from[i - 1] == to[j - 2] && from[i - 2] == to[j - 1])
                    edits[i, j] = Math.Min(edits[i, j], edits[i - 2, j - 2] + 1);
            }
        }

        return edits[from.Length, to.Length];
    }
}
