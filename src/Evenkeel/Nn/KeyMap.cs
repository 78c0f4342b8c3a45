using System.Collections.ObjectModel;

namespace Evenkeel.Nn;

/// <summary>
/// How the keys of a state dict become those of a model: a prefix is removed, then parts at the beginning are renamed.
/// </summary>
internal sealed class KeyMap
{
    private readonly string _prefix;
    private readonly (string From, string To)[] _renamed;

    /// <param name="prefix">
    /// What keys begin with, as a whole part with or without the dot at its end; keys without it are left out.
    /// </param>
    /// <param name="rename">
    /// Whole keys or their first parts (<c>fc</c> for <c>fc.weight</c>), and what stands in the model. The longest
    /// entry that fits counts. An empty name stands for nothing before the key.
    /// </param>
    /// <exception cref="ArgumentException">Two entries rename the same part.</exception>
    public KeyMap(string prefix, IReadOnlyDictionary<string, string>? rename = null)
    {
        if (rename?.FirstOrDefault(static pair => pair.Value is null).Key is { } nameless)
        {
            throw new ArgumentException($"LoadStateDict: expected a name for \"{nameless}\", got null. An empty name "
                + "stands for nothing.", nameof(rename));
        }

        _prefix = Whole(prefix);
        _renamed = [.. from pair in rename ?? ReadOnlyDictionary<string, string>.Empty
                       orderby pair.Key.Length descending
                       select (pair.Key.TrimEnd('.'), pair.Value.TrimEnd('.'))];
        if (_renamed.GroupBy(static pair => pair.From, StringComparer.Ordinal)
            .FirstOrDefault(static group => group.Count() > 1) is { } twice)
        {
            throw new ArgumentException(
                $"LoadStateDict: expected each part of a key once, got two entries that rename \"{twice.Key}\".",
                nameof(rename));
        }
    }

    /// <summary>Whether it changes nothing.</summary>
    public bool IsEmpty => _prefix.Length == 0 && _renamed.Length == 0;

    /// <summary>The model's key for a key of the state dict; null if it has another prefix.</summary>
    public string? Key(string key) =>
        key.StartsWith(_prefix, StringComparison.Ordinal) ? Renamed(key[_prefix.Length..]) : null;

    /// <summary>The model's name for the name of a module. The module that the prefix leads to has none.</summary>
    public string? Name(string name) => name.StartsWith(_prefix, StringComparison.Ordinal)
        ? Renamed(name[_prefix.Length..])
        : $"{name}." == _prefix ? "" : null;

    /// <summary>A prefix as a whole part of a key: with a dot at its end.</summary>
    public static string Whole(string prefix) => prefix.Length == 0 || prefix.EndsWith('.') ? prefix : prefix + ".";

    /// <summary>
    /// The one prefix that leads to a model's keys in a file: to all that it needs, or, if they need not all be there,
    /// to most of them. Empty if some stand there without a prefix, if there is none, or if there are several.
    /// </summary>
    /// <param name="needed">The model's keys that a file has to have.</param>
    /// <param name="names">The names in the file.</param>
    /// <param name="rename">The parts of names that are renamed.</param>
    /// <param name="all">Whether it has to lead to all needed keys.</param>
    public static string FindPrefix(IReadOnlySet<string> needed, IEnumerable<string> names,
        IReadOnlyDictionary<string, string>? rename, bool all)
    {
        var map = new KeyMap(prefix: "", rename);
        var counts = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (string name in names)
        {
            if (needed.Contains(map.Renamed(name))) return "";
            for (int dot = name.IndexOf('.', StringComparison.Ordinal); dot >= 0; dot = name.IndexOf('.', dot + 1))
            {
                if (!needed.Contains(map.Renamed(name[(dot + 1)..]))) continue;
                string prefix = name[..(dot + 1)];
                counts[prefix] = counts.GetValueOrDefault(prefix) + 1;
            }
        }

        int enough = all ? needed.Count : counts.Values.DefaultIfEmpty(0).Max();
        string[] found = [.. counts.Where(pair => pair.Value >= enough).Select(static pair => pair.Key)];
        return found.Length == 1 ? found[0] : "";
    }

    private string Renamed(string key)
    {
        foreach ((string from, string to) in _renamed)
        {
            if (key == from) return to;
            if (from.Length == 0) return $"{to}.{key}";
            if (!key.StartsWith(from, StringComparison.Ordinal) || key[from.Length] != '.') continue;
            return to.Length == 0 ? key[(from.Length + 1)..] : to + key[from.Length..];
        }

        return key;
    }
}
