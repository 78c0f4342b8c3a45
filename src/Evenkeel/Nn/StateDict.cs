using System.Collections;
using System.Diagnostics.CodeAnalysis;

namespace Evenkeel.Nn;

/// <summary>Tensors by key, in order: the values of a model's parameters and buffers, under PyTorch's keys.</summary>
public sealed class StateDict : IEnumerable<KeyValuePair<string, Tensor>>
{
    private readonly OrderedDictionary<string, Tensor> _tensors = new(StringComparer.Ordinal);

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
            : throw new KeyNotFoundException($"StateDict: there is no key \"{key}\" among {Count}: {string.Join(", ", _tensors.Keys.Take(8))}{(Count > 8 ? ", ..." : "")}.");
        set
        {
            ArgumentNullException.ThrowIfNull(value);
            _tensors[key] = value;
        }
    }

    /// <summary>Appends a tensor.</summary>
    /// <exception cref="ArgumentException">The key is there already.</exception>
    public void Add(string key, Tensor value)
    {
        ArgumentNullException.ThrowIfNull(key);
        ArgumentNullException.ThrowIfNull(value);
        if (!_tensors.TryAdd(key, value))
            throw new ArgumentException($"StateDict: the key \"{key}\" is there already. Set it through the indexer to replace it.", nameof(key));
    }

    /// <summary>Removes a key; false where there was none.</summary>
    public bool Remove(string key) => _tensors.Remove(key);

    /// <summary>True where the key is there.</summary>
    public bool ContainsKey(string key) => _tensors.ContainsKey(key);

    /// <summary>Finds a tensor by key.</summary>
    public bool TryGetValue(string key, [MaybeNullWhen(false)] out Tensor value) => _tensors.TryGetValue(key, out value);

    /// <inheritdoc/>
    public IEnumerator<KeyValuePair<string, Tensor>> GetEnumerator() => _tensors.GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
