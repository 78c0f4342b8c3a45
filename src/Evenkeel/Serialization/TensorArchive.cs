using Evenkeel.Nn;

namespace Evenkeel.Serialization;

/// <summary>
/// The content of a safetensors file: tensors and blocks of bytes under names, in order, and a map of strings. Model files hold tensors; training checkpoints also keep
/// other state as bytes.
/// </summary>
public sealed class TensorArchive
{
    private readonly OrderedDictionary<string, Item> _items = new(StringComparer.Ordinal);

    /// <summary>What is stored under one name: a tensor or bytes.</summary>
    internal readonly record struct Item(Tensor? Tensor, byte[]? Bytes);

    /// <summary>Strings that go with the tensors, for example <c>format</c> = <c>pt</c>.</summary>
    public IDictionary<string, string> Metadata { get; } = new SortedDictionary<string, string>(StringComparer.Ordinal);

    /// <summary>All names in order.</summary>
    public IReadOnlyList<string> Names => _items.Keys;

    internal OrderedDictionary<string, Item> Items => _items;

    /// <summary>True where there is a tensor or a block of that name.</summary>
    public bool Contains(string name) => _items.ContainsKey(name);

    /// <summary>Appends a tensor; it is written as it stands when the archive is written.</summary>
    /// <exception cref="ArgumentException">The name is taken, or <c>__metadata__</c>.</exception>
    public void Add(string name, Tensor tensor)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        Add(name, new Item(tensor, null));
    }

    /// <summary>Appends a block of bytes.</summary>
    /// <exception cref="ArgumentException">The name is taken, or <c>__metadata__</c>.</exception>
    public void Add(string name, byte[] bytes)
    {
        ArgumentNullException.ThrowIfNull(bytes);
        Add(name, new Item(null, bytes));
    }

    /// <summary>Appends all tensors of a state dict, each name after <paramref name="prefix"/>.</summary>
    public void Add(string prefix, StateDict state)
    {
        ArgumentNullException.ThrowIfNull(prefix);
        ArgumentNullException.ThrowIfNull(state);
        foreach ((string key, Tensor tensor) in state) Add(prefix + key, tensor);
    }

    /// <summary>The tensor of a name.</summary>
    /// <exception cref="InvalidDataException">There is none.</exception>
    public Tensor Tensor(string name) => Find(name).Tensor
        ?? throw new InvalidDataException($"TensorArchive: expected \"{name}\" to be a tensor of floating-point numbers or 64-bit integers, got bytes. Read it with Bytes(name).");

    /// <summary>The block of bytes of a name.</summary>
    /// <exception cref="InvalidDataException">There is none.</exception>
    public byte[] Bytes(string name) => Find(name).Bytes
        ?? throw new InvalidDataException($"TensorArchive: expected \"{name}\" to be bytes (U8), got a tensor. Read it with Tensor(name).");

    /// <summary>The tensors whose names begin with <paramref name="prefix"/>, without it, as a state dict; blocks of bytes are left out.</summary>
    public StateDict StateDict(string prefix = "")
    {
        ArgumentNullException.ThrowIfNull(prefix);
        var state = new StateDict();
        foreach ((string name, Item item) in _items)
        {
            if (item.Tensor is { } tensor && name.StartsWith(prefix, StringComparison.Ordinal)) state.Add(name[prefix.Length..], tensor);
        }

        return state;
    }

    private void Add(string name, Item item)
    {
        ArgumentNullException.ThrowIfNull(name);
        if (name == SafeTensors.MetadataName)
            throw new ArgumentException($"TensorArchive: the name \"{name}\" is the format's own. Put strings into Metadata.", nameof(name));
        if (!_items.TryAdd(name, item))
            throw new ArgumentException($"TensorArchive: the name \"{name}\" is there already. Choose another one.", nameof(name));
    }

    private Item Find(string name) => _items.TryGetValue(name, out Item item)
        ? item
        : throw new InvalidDataException($"TensorArchive: expected an entry \"{name}\" among {_items.Count}, got none. Is this a file of another kind or an older version?");
}
