using System.Text;

namespace Evenkeel.Nn;

/// <summary>What became of one key when a state dict was loaded.</summary>
public enum LoadStatus
{
    /// <summary>The value was copied into the model.</summary>
    Loaded,

    /// <summary>The model has the key, the state dict has not; older files may lack it, so the model keeps its value and nothing is wrong.</summary>
    KeptDefault,

    /// <summary>The model has the key, the state dict has not.</summary>
    Missing,

    /// <summary>The state dict has the key, the model has not.</summary>
    Unexpected,

    /// <summary>Both have the key, with different shapes.</summary>
    ShapeMismatch,

    /// <summary>Both have the key, one with integers, the other with floating-point numbers.</summary>
    TypeMismatch,
}

/// <summary>One line of a <see cref="LoadReport"/>.</summary>
/// <param name="Key">The dotted key.</param>
/// <param name="Status">What became of it.</param>
/// <param name="Expected">The model's shape; null for unexpected keys.</param>
/// <param name="Got">The state dict's shape; null for missing keys.</param>
public sealed record LoadEntry(string Key, LoadStatus Status, Shape? Expected, Shape? Got)
{
    /// <summary>The key and what became of it, with shapes where they matter.</summary>
    public override string ToString() => Status switch
    {
        LoadStatus.Loaded => $"{Key}: loaded {Expected}",
        LoadStatus.KeptDefault => $"{Key}: not in the state dict (older files lack it), the model's value stays",
        LoadStatus.Missing => $"{Key}: missing, expected shape {Expected}",
        LoadStatus.Unexpected => $"{Key}: unexpected, got shape {Got}",
        LoadStatus.ShapeMismatch => $"{Key}: expected shape {Expected}, got {Got}",
        _ => $"{Key}: expected and got integers on one side, floating-point numbers on the other",
    };
}

/// <summary>What <see cref="Module.LoadStateDict"/> did with each key: the model's keys in order, then unexpected ones.</summary>
public sealed class LoadReport
{
    internal LoadReport(IReadOnlyList<LoadEntry> entries) => Entries = entries;

    /// <summary>One entry a key.</summary>
    public IReadOnlyList<LoadEntry> Entries { get; }

    /// <summary>True where every key was loaded or may be missing.</summary>
    public bool IsComplete => Entries.All(static entry => entry.Status is LoadStatus.Loaded or LoadStatus.KeptDefault);

    /// <summary>The keys with one status, in order.</summary>
    public IReadOnlyList<string> KeysWith(LoadStatus status) => [.. Entries.Where(entry => entry.Status == status).Select(static entry => entry.Key)];

    /// <summary>One line for each key that was not loaded, each ended by a line break.</summary>
    internal string Problems()
    {
        var text = new StringBuilder();
        foreach (LoadEntry entry in Entries)
        {
            if (entry.Status is not (LoadStatus.Loaded or LoadStatus.KeptDefault)) text.Append("  ").Append(entry).Append('\n');
        }

        return text.ToString();
    }

    /// <summary>How many keys were loaded, and one line for each that was not.</summary>
    public override string ToString() =>
        $"{Entries.Count(static entry => entry.Status == LoadStatus.Loaded)} of {Entries.Count(static entry => entry.Status != LoadStatus.Unexpected)} keys loaded\n{Problems()}";
}
