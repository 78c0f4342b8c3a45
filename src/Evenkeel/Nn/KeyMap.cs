using System.Collections.ObjectModel;

namespace Evenkeel.Nn;

/// <summary>
/// How the keys of a state dict become those of a model: a prefix is removed, then parts at the beginning are renamed.
/// </summary>
internal sealed class KeyMap
{
    private readonly string _prefix;
    private readonly (string From, string To)[] _renamed;

    /// <param name="prefix">What keys begin with; keys without it are left out.</param>
    /// <param name="rename">
    /// Whole keys or their first parts (<c>fc</c> for <c>fc.weight</c>), and what stands in the model. The longest
    /// entry that fits counts. An empty name stands for nothing before the key.
    /// </param>
    /// <exception cref="ArgumentException">Two entries rename the same part.</exception>
    public KeyMap(string prefix, IReadOnlyDictionary<string, string>? rename = null)
    {
        _prefix = prefix;
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

    /// <summary>
    /// The prefix that leads to a model's keys in a state dict: empty if one of them stands there as it is, if no
    /// prefix leads to as many as needed, or if several do.
    /// </summary>
    /// <param name="own">The model's keys.</param>
    /// <param name="state">The state dict.</param>
    /// <param name="needed">How many of the model's keys it has to lead to.</param>
    public static string FindPrefix(IReadOnlySet<string> own, StateDict state, int needed)
    {
        var counts = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (string key in state.Keys.Concat(state.Raw.Select(static pair => pair.Key)))
        {
            if (own.Contains(key)) return "";
            for (int dot = key.IndexOf('.', StringComparison.Ordinal); dot >= 0;
                dot = key.IndexOf('.', dot + 1))
            {
                if (own.Contains(key[(dot + 1)..]))
                    counts[key[..(dot + 1)]] = counts.GetValueOrDefault(key[..(dot + 1)]) + 1;
            }
        }

        int most = counts.Values.DefaultIfEmpty(0).Max();
        string[] best = [.. counts.Where(pair => pair.Value == most).Select(static pair => pair.Key)];
        return best.Length == 1 && most >= Math.Max(1, needed) ? best[0] : "";
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
