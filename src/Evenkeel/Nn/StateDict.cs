using System.Collections;
using System.Diagnostics.CodeAnalysis;

namespace Evenkeel.Nn;

/// <summary>Tensors by key, in order: the values of a model's parameters and buffers, under PyTorch's keys.</summary>
public sealed class StateDict : IEnumerable<KeyValuePair<string, Tensor>>
{
    private readonly OrderedDictionary<string, Tensor> _tensors = new(StringComparer.Ordinal);

    // The values of a file that no tensor can hold, by key. Null if there are none, as in nearly all files.
    private OrderedDictionary<string, RawKind>? _raw;

    /// <summary>
    /// For each norm, by name: the share of start values in its running statistics. Files of other programs do not have
    /// it.
    /// </summary>
    internal Dictionary<string, double> StartValuesLeft { get; } = new(StringComparer.Ordinal);

    /// <summary>Number of keys.</summary>
    public int Count => _tensors.Count;

    /// <summary>The keys in order.</summary>
    public IReadOnlyList<string> Keys => _tensors.Keys;

    /// <summary>The tensor under a key; setting replaces it in place or appends it.</summary>
    /// <exception cref="KeyNotFoundException">There is no such key.</exception>
    public Tensor this[string key]
    {
        get => _tensors.TryGetValue(key, out Tensor? value)
            ? value
            : throw new KeyNotFoundException($"StateDict: there is no key \"{key}\" among {Count}: "
                + $"{string.Join(", ", _tensors.Keys.Take(8))}{(Count > 8 ? ", ..." : "")}.");
        set
        {
            ArgumentNullException.ThrowIfNull(value);
            _tensors[key] = value;
            _raw?.Remove(key);
        }
    }

    /// <summary>Appends a tensor.</summary>
    /// <param name="key">The name, for example <c>0.weight</c>.</param>
    /// <param name="value">The tensor; it is not copied.</param>
    /// <exception cref="ArgumentException">The key already exists.</exception>
    public void Add(string key, Tensor value)
    {
        ArgumentNullException.ThrowIfNull(key);
        ArgumentNullException.ThrowIfNull(value);
        if (!_tensors.TryAdd(key, value))
        {
            throw new ArgumentException(
                $"StateDict: the key \"{key}\" is there already. Set it through the indexer to replace it.",
                nameof(key));
        }

        _raw?.Remove(key);
    }

    /// <summary>
    /// Removes a key. Returns false if there was none. It also removes a key of a file whose values no tensor holds, so
    /// that <see cref="Module.LoadStateDict"/> does not miss them.
    /// </summary>
    public bool Remove(string key)
    {
        // Both are removed, whatever the first finds.
        bool isRaw = _raw?.Remove(key) ?? false;
        return _tensors.Remove(key) || isRaw;
    }

    /// <summary>True if the key exists.</summary>
    public bool ContainsKey(string key) => _tensors.ContainsKey(key);

    /// <summary>Finds a tensor by key.</summary>
    /// <param name="key">The name, for example <c>0.weight</c>.</param>
    /// <param name="value">The tensor, or null if there is none.</param>
    public bool TryGetValue(string key, [MaybeNullWhen(false)] out Tensor value) =>
        _tensors.TryGetValue(key, out value);

    /// <summary>Keys of a file whose values no tensor can hold, and what they are.</summary>
    internal IEnumerable<KeyValuePair<string, RawKind>> Raw => _raw ?? Enumerable.Empty<KeyValuePair<string,
        RawKind>>();

    /// <summary>What a file has under a key if no tensor can hold it; otherwise null.</summary>
    internal RawKind? RawOf(string key) => _raw is not null && _raw.TryGetValue(key, out RawKind? kind) ? kind : null;

    /// <summary>Notes a key of a file whose values no tensor holds.</summary>
    internal void AddRaw(string key, RawKind kind) => (_raw ??= new(StringComparer.Ordinal)).Add(key, kind);

    /// <summary>
    /// The part that a map takes, under the keys that it gives; the tensors are the same.
    /// </summary>
    /// <exception cref="ArgumentException">Two keys become one.</exception>
    internal StateDict Mapped(KeyMap map)
    {
        var part = new StateDict();
        var origins = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach ((string key, Tensor value) in _tensors)
        {
            if (Target(key) is { } target) part._tensors.Add(target, value);
        }

        foreach ((string key, RawKind kind) in Raw)
        {
            if (Target(key) is { } target) part.AddRaw(target, kind);
        }

        foreach ((string name, double left) in StartValuesLeft)
        {
            if (map.Name(name) is { } inner) part.StartValuesLeft[inner] = left;
        }

        return part;

        string? Target(string key)
        {
            if (map.Key(key) is not { } target) return null;
            return origins.TryAdd(target, key)
                ? target
                : throw new ArgumentException($"LoadStateDict: expected one key for \"{target}\", got "
                    + $"\"{origins[target]}\" and \"{key}\". Rename one of them to something else.", nameof(map));
        }
    }

    /// <summary>The part whose keys begin with <paramref name="prefix"/>, under the rest of each key.</summary>
    internal StateDict Under(string prefix) => Mapped(new KeyMap(prefix));

    /// <summary>Whether a key exists, with a tensor or with values that no tensor can hold.</summary>
    internal bool Has(string key) => ContainsKey(key) || RawOf(key) is not null;

    /// <summary>The same with other keys for some; the tensors are the same.</summary>
    internal StateDict Renamed(IReadOnlyDictionary<string, string> names)
    {
        var renamed = new StateDict();
        foreach ((string key, Tensor value) in _tensors)
            renamed._tensors.Add(names.GetValueOrDefault(key, key), value);
        foreach ((string key, RawKind kind) in Raw) renamed.AddRaw(names.GetValueOrDefault(key, key), kind);
        foreach ((string name, double left) in StartValuesLeft) renamed.StartValuesLeft.Add(name, left);
        return renamed;
    }

    /// <inheritdoc/>
    public IEnumerator<KeyValuePair<string, Tensor>> GetEnumerator() => _tensors.GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
