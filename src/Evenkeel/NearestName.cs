namespace Evenkeel;

/// <summary>Finds the name that a user probably meant: errors about unknown names suggest it.</summary>
public static class NearestName
{
    /// <summary>
    /// The candidate with the fewest edits. Null if none is close enough to be a typing error: more than two edits, and
    /// more than a third of the name's length. A candidate that contains the name counts as one edit.
    /// </summary>
    /// <param name="name">The name that was given.</param>
    /// <param name="candidates">The names that exist.</param>
    public static string? Find(string name, IEnumerable<string> candidates)
    {
        ArgumentNullException.ThrowIfNull(name);
        ArgumentNullException.ThrowIfNull(candidates);
        string? best = null;
        int fewest = int.MaxValue;
        foreach (string candidate in candidates)
        {
            bool isPart = name.Length >= 3 && candidate.Contains(name, StringComparison.OrdinalIgnoreCase);
            int edits = isPart ? 1 : Edits(name, candidate);
            if (edits < fewest) (best, fewest) = (candidate, edits);
        }

        return fewest <= Math.Max(2, name.Length / 3) ? best : null;
    }

    /// <summary><c> Did you mean X?</c> with a space before it, or an empty text.</summary>
    /// <param name="name">The name that was given.</param>
    /// <param name="candidates">The names that exist.</param>
    public static string Hint(string name, IEnumerable<string> candidates) =>
        Find(name, candidates) is { } nearest ? $" Did you mean {nearest}?" : "";

    /// <summary>
    /// The number of insertions, deletions, replacements and swaps of neighbours that turn one name into the other, in
    /// any case of letters (the optimal string alignment distance).
    /// </summary>
    /// <param name="from">One name.</param>
    /// <param name="to">The other name.</param>
    public static int Edits(string from, string to)
    {
        ArgumentNullException.ThrowIfNull(from);
        ArgumentNullException.ThrowIfNull(to);
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
