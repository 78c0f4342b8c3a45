using System.Text;

namespace Evenkeel.Nn;

/// <summary>What happened to one key when a state dict was loaded.</summary>
public enum LoadStatus
{
    /// <summary>The value was copied into the model.</summary>
    Loaded,

    /// <summary>
    /// The model has the key, the state dict does not. Older files may lack it, so the model keeps its value and
    /// nothing is wrong.
    /// </summary>
    KeptDefault,

    /// <summary>
    /// The state dict lacks the key but has another one of the same tensor (tied weights, a module registered twice),
    /// which was loaded.
    /// </summary>
    Tied,

    /// <summary>The state dict has different values under the keys of one tensor: none of them was loaded.</summary>
    TiedDifferently,

    /// <summary>The model has the key, the state dict does not.</summary>
    Missing,

    /// <summary>The state dict has the key, the model does not.</summary>
    Unexpected,

    /// <summary>Both have the key, with different shapes.</summary>
    ShapeMismatch,

    /// <summary>
    /// Both have the key, one with integers, the other with floating-point numbers; or the file has values of a type
    /// that no tensor holds (<see cref="LoadEntry.GotType"/>).
    /// </summary>
    TypeMismatch,

    /// <summary>The key belongs to a part of the model that was to keep its values.</summary>
    Kept,
}

/// <summary>One line of a <see cref="LoadReport"/>.</summary>
/// <param name="Key">The dotted key.</param>
/// <param name="Status">What happened to it.</param>
/// <param name="Expected">The model's shape; null for unexpected keys.</param>
/// <param name="Got">The state dict's shape; null for missing keys, and for values that no tensor holds.</param>
public sealed record LoadEntry(string Key, LoadStatus Status, Shape? Expected, Shape? Got)
{
    /// <summary>
    /// What a file has under the key, if no tensor holds it, for example <c>BOOL of shape (2, 3)</c>; otherwise null.
    /// </summary>
    public string? GotType { get; init; }

    /// <summary>
    /// For a missing key: the unexpected key that is probably meant, of the same shape and with the same last part;
    /// otherwise null.
    /// </summary>
    public string? Nearest { get; init; }

    /// <summary>Whether a strict load accepts it.</summary>
    internal bool IsFine =>
        Status is LoadStatus.Loaded or LoadStatus.Tied or LoadStatus.KeptDefault or LoadStatus.Kept;

    /// <summary>The key and what happened to it, with shapes if they matter.</summary>
    public override string ToString() => Status switch
    {
        LoadStatus.Loaded => $"{Key}: loaded {Expected}",
        LoadStatus.KeptDefault => $"{Key}: not in the state dict (older files lack it), the model's value stays",
        LoadStatus.Tied => $"{Key}: loaded {Expected} under another key of the same tensor",
        LoadStatus.TiedDifferently =>
            $"{Key}: the model has one tensor under this and another key, the state dict has different values there; "
            + $"untie them in the model, or make the values equal",
        LoadStatus.Kept => $"{Key}: the model's value stays, as asked",
        LoadStatus.Missing => $"{Key}: missing, expected shape {Expected}"
            + (Nearest is null ? "" : $"; the nearest key there is {Nearest}"),
        LoadStatus.Unexpected => $"{Key}: unexpected, got {GotType ?? $"shape {Got}"}",
        LoadStatus.ShapeMismatch => $"{Key}: expected shape {Expected}, got {Got}",
        _ when GotType is not null => $"{Key}: expected numbers that a tensor holds, of shape {Expected}, got " +
            $"{GotType}; convert them before saving",
        _ => $"{Key}: expected and got integers on one side, floating-point numbers on the other",
    };
}

/// <summary>
/// What <see cref="Module.LoadStateDict"/> did with each key: the model's keys in order, then unexpected ones.
/// </summary>
public sealed class LoadReport
{
    /// <summary>More pairs of keys than this are not compared: their names have nothing in common.</summary>
    private const int MaxComparisons = 20_000;

    internal LoadReport(IReadOnlyList<LoadEntry> entries, string prefix) =>
        (Entries, Prefix) = (WithNearest(entries), prefix);

    /// <summary>One entry per key.</summary>
    public IReadOnlyList<LoadEntry> Entries { get; }

    /// <summary>What was removed before each key of the state dict. Empty if nothing was.</summary>
    public string Prefix { get; }

    /// <summary>True if every key was loaded, or may be missing, or was to keep its value.</summary>
    public bool IsComplete => Entries.All(static entry => entry.IsFine);

    /// <summary>The keys with one status, in order.</summary>
    public IReadOnlyList<string> KeysWith(LoadStatus status) =>
        [.. Entries.Where(entry => entry.Status == status).Select(static entry => entry.Key)];

    /// <summary>One line for each key that was not loaded, each ended by a line break.</summary>
    internal string Problems()
    {
        var text = new StringBuilder();
        foreach (LoadEntry entry in Entries)
        {
            if (!entry.IsFine) text.Append("  ").Append(entry).Append('\n');
        }

        return text.ToString();
    }

    /// <summary>What to do about it, in whole sentences.</summary>
    internal string Advice
    {
        get
        {
            string[] missing = [.. KeysWith(LoadStatus.Missing)], unexpected = [.. KeysWith(LoadStatus.Unexpected)];
            if (missing.Length > 0)
            {
                string[] before = [.. Prefixes(missing, unexpected)];
                if (before.Length > 0)
                {
                    string there = string.Join(" or ", before.Select(static prefix => $"\"{prefix}\""));
                    string pass = string.Join(" or ", before.Select(static prefix => $"prefix: \"{prefix}\""));
                    return $"The missing keys are there with {there} before them: pass {pass} to take it off.";
                }

                // The other way round: the model is wrapped, and the state dict belongs to the wrapped model.
                if (Prefixes(unexpected, missing).FirstOrDefault() is { } inner)
                    return $"The unexpected keys are the model's without \"{inner}\" before them: load them into " +
                        "that part of the model.";
            }

            (string From, string To)[] renames = [.. Renames()];
            if (renames.Length is > 0 and <= 3)
            {
                string pairs = string.Join(", ", renames.Select(static pair => $"[\"{pair.From}\"] = \"{pair.To}\""));
                return $"If they are the same layers under other names, pass rename: "
                    + $"new Dictionary<string, string> {{ {pairs} }}.";
            }

            return Entries.Any(static entry => entry.Status == LoadStatus.Loaded)
                ? "Build the model as it was saved, or pass strict: false to load what fits."
                : "Build the model as it was saved. None of its keys fits, so strict: false would load nothing.";
        }
    }

    /// <summary>The first parts of keys that differ between missing keys and those nearest to them.</summary>
    private IEnumerable<(string From, string To)> Renames() =>
        (from entry in Entries
         where entry.Nearest is not null
         let parts = DifferentParts(entry.Nearest!, entry.Key)
         select parts).Distinct();

    /// <summary>Two keys without the parts at the end that are the same.</summary>
    private static (string From, string To) DifferentParts(string from, string to)
    {
        string[] left = from.Split('.'), right = to.Split('.');
        int same = 0;
        while (same < Math.Min(left.Length, right.Length) - 1 && left[^(same + 1)] == right[^(same + 1)]) same++;
        return (string.Join('.', left[..^same]), string.Join('.', right[..^same]));
    }

    /// <summary>
    /// The same entries; missing keys know the unexpected key of the same shape and last part that is nearest in its
    /// letters. If there is no more than one, it is the nearest whatever its letters are.
    /// </summary>
    private static IReadOnlyList<LoadEntry> WithNearest(IReadOnlyList<LoadEntry> entries)
    {
        LoadEntry[] missing = [.. entries.Where(static entry => entry.Status == LoadStatus.Missing)];
        if (missing.Length == 0) return entries;
        ILookup<(Shape, string), string> unexpected = entries
            .Where(static entry => entry is { Status: LoadStatus.Unexpected, Got: not null })
            .ToLookup(static entry => (entry.Got!.Value, LastPart(entry.Key)), static entry => entry.Key);
        ILookup<(Shape, string), LoadEntry> rivals =
            missing.ToLookup(static entry => (entry.Expected!.Value, LastPart(entry.Key)));
        if (rivals.Sum(group => (long)group.Count() * unexpected[group.Key].Count()) > MaxComparisons) return entries;
        // An unexpected key stands for one missing key only.
        var taken = new HashSet<string>(StringComparer.Ordinal);
        return [.. entries.Select(entry =>
        {
            if (entry.Status != LoadStatus.Missing) return entry;
            (Shape, string) kind = (entry.Expected!.Value, LastPart(entry.Key));
            string[] candidates = [.. unexpected[kind].Where(key => !taken.Contains(key))];
            string? nearest = candidates.Length == 1 && rivals[kind].Count() == 1
                ? candidates[0]
                : NearestName.Find(entry.Key, candidates);
            if (nearest is not null) taken.Add(nearest);
            return entry with { Nearest = nearest };
        })];

        static string LastPart(string key) => key[(key.LastIndexOf('.') + 1)..];
    }

    /// <summary>
    /// The prefixes of <paramref name="keys"/> in <paramref name="longer"/>. There are several if a file has several
    /// models, and none if a key is missing.
    /// </summary>
    private static IEnumerable<string> Prefixes(string[] keys, string[] longer)
    {
        if (keys.Length == 0) return [];
        var there = longer.ToHashSet(StringComparer.Ordinal);
        return longer.Where(key => key.EndsWith($".{keys[0]}", StringComparison.Ordinal))
            .Select(key => key[..^keys[0].Length])
            .Where(prefix => keys.All(key => there.Contains(prefix + key))).Order(StringComparer.Ordinal);
    }

    /// <summary>How many keys were loaded, one line for each that was not, and what to do if none was loaded.</summary>
    public override string ToString()
    {
        int loaded = Entries.Count(static entry => entry.Status is LoadStatus.Loaded or LoadStatus.Tied);
        int all = Entries.Count(static entry => entry.Status != LoadStatus.Unexpected);
        string where = Prefix.Length == 0 ? "" : $" from those that begin with \"{Prefix}\"";
        return $"{loaded} of {all} keys loaded{where}\n{Problems()}{(loaded == 0 && !IsComplete ? Advice : "")}";
    }
}
