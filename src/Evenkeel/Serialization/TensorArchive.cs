using Evenkeel.Nn;

namespace Evenkeel.Serialization;

/// <summary>
/// The content of a safetensors file: tensors and blocks of bytes under names, in order, and a map of strings. Model
/// files hold tensors. Values of types that a <see cref="Evenkeel.Tensor"/> cannot hold (for example bytes, BOOL, I32
/// and 8-bit floats) are blocks. Their bytes, type and shape are kept and written again unchanged.
/// </summary>
public sealed class TensorArchive
{
    private readonly OrderedDictionary<string, Item> _items = new(StringComparer.Ordinal);

    /// <summary>What is stored under one name: a tensor, or the raw bytes of values of another type.</summary>
    internal readonly record struct Item(Tensor? Tensor, RawBlock? Raw)
    {
        public ReadOnlySpan<byte> Content => Tensor is not null ? Tensor.Bytes() : Raw!.Bytes;
    }

    /// <summary>Values as they stand in a file.</summary>
    internal sealed record RawBlock(byte[] Bytes, RawKind Kind);

    /// <summary>Strings that go with the tensors, for example <c>format</c> = <c>pt</c>.</summary>
    public IDictionary<string, string> Metadata { get; } = new SortedDictionary<string, string>(StringComparer.Ordinal);

    /// <summary>All names in order.</summary>
    public IReadOnlyList<string> Names => _items.Keys;

    internal OrderedDictionary<string, Item> Items => _items;

    /// <summary>The name in errors of the file that the archive came from. Empty if it came from no file.</summary>
    internal string Source { get; init; } = "";

    /// <summary>Whether there is a tensor or a block of that name.</summary>
    public bool Contains(string name) => _items.ContainsKey(name);

    /// <summary>Appends a tensor. Its values are those at the time when the archive is written.</summary>
    /// <param name="name">The name in the archive.</param>
    /// <param name="tensor">The tensor; it is not copied.</param>
    /// <exception cref="ArgumentException">The name is already used, or is <c>__metadata__</c>.</exception>
    public void Add(string name, Tensor tensor)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        Add(name, new Item(tensor, null));
    }

    /// <summary>Appends a block of bytes (U8) with one dimension.</summary>
    /// <param name="name">The name in the archive.</param>
    /// <param name="bytes">The bytes; they are not copied.</param>
    /// <exception cref="ArgumentException">The name is already used, or is <c>__metadata__</c>.</exception>
    public void Add(string name, byte[] bytes)
    {
        ArgumentNullException.ThrowIfNull(bytes);
        Add(name, bytes, "U8", [bytes.Length]);
    }

    /// <summary>Appends all tensors of a state dict, each name after <paramref name="prefix"/>.</summary>
    /// <param name="prefix">What each name begins with, for example <c>model.</c>.</param>
    /// <param name="state">The tensors; they are not copied.</param>
    public void Add(string prefix, StateDict state)
    {
        ArgumentNullException.ThrowIfNull(prefix);
        ArgumentNullException.ThrowIfNull(state);
        foreach ((string key, Tensor tensor) in state) Add(prefix + key, tensor);
    }

    /// <summary>Appends values of a type that no tensor holds.</summary>
    internal void Add(string name, byte[] bytes, string type, long[] shape) =>
        Add(name, new Item(null, new RawBlock(bytes, new RawKind(type, shape))));

    /// <summary>The tensor under a name.</summary>
    /// <exception cref="InvalidDataException">There is none, or its values are of a type that a tensor cannot
    /// hold.</exception>
    public Tensor Tensor(string name)
    {
        Item item = Find(name);
        return item.Tensor ?? throw Bad($"expected \"{name}\" to be of a type that a tensor holds (F32, F64, I64, " +
            $"F16, BF16) and of at most {Shape.MaxRank} dimensions, got bytes: {item.Raw!.Kind}. "
            + "Convert it before saving, or take its bytes with Bytes(name).");
    }

    /// <summary>
    /// The bytes under a name that is not a tensor: a block of bytes, or values of a type that a tensor cannot hold,
    /// little-endian and row-major.
    /// </summary>
    /// <exception cref="InvalidDataException">There is none, or it is a tensor.</exception>
    public byte[] Bytes(string name) => Find(name).Raw?.Bytes
        ?? throw Bad($"expected \"{name}\" to be bytes (U8), got a tensor. Read it with Tensor(name).");

    /// <summary>
    /// The format's name for the type of a name's values: <c>F32</c>, <c>F64</c>, <c>I64</c>, or for
    /// <see cref="Bytes"/> the type in the file, for example <c>U8</c> or <c>BOOL</c>.
    /// </summary>
    /// <exception cref="InvalidDataException">There is no such name.</exception>
    public string TypeOf(string name)
    {
        Item item = Find(name);
        return item.Tensor is { } tensor ? SafeTensorsHeader.TypeOf(tensor.DType) : item.Raw!.Kind.Type;
    }

    /// <summary>The sizes of a name's dimensions, outermost first.</summary>
    /// <exception cref="InvalidDataException">There is no such name.</exception>
    public IReadOnlyList<long> DimensionsOf(string name)
    {
        Item item = Find(name);
        return item.Tensor is { } tensor ? [.. tensor.Shape.Select(static size => (long)size)] : item.Raw!.Kind.Shape;
    }

    /// <summary>
    /// The tensors whose names begin with <paramref name="prefix"/>, as a state dict whose keys have no prefix. Values
    /// that no tensor can hold are not among them, but <see cref="Module.LoadStateDict"/> knows their names: a strict
    /// load refuses them by name.
    /// </summary>
    public StateDict StateDict(string prefix = "")
    {
        ArgumentNullException.ThrowIfNull(prefix);
        var state = new StateDict();
        foreach ((string name, Item item) in _items)
        {
            if (!name.StartsWith(prefix, StringComparison.Ordinal)) continue;
            if (item.Tensor is { } tensor) state.Add(name[prefix.Length..], tensor);
            else state.AddRaw(name[prefix.Length..], item.Raw!.Kind);
        }

        return state;
    }

    private void Add(string name, Item item)
    {
        ArgumentNullException.ThrowIfNull(name);
        if (name == SafeTensors.MetadataName)
        {
            throw new ArgumentException(
                $"TensorArchive: the name \"{name}\" is the format's own. Put strings into Metadata.", nameof(name));
        }

        if (!_items.TryAdd(name, item))
        {
            throw new ArgumentException(
                $"TensorArchive: the name \"{name}\" is there already. Choose another one.", nameof(name));
        }
    }

    private Item Find(string name) => _items.TryGetValue(name, out Item item)
        ? item
        : throw Bad($"expected an entry \"{name}\" among {_items.Count}, got none. Is this a file of another kind or " +
            "an older version?");

    private InvalidDataException Bad(string what) =>
        new($"TensorArchive{(Source.Length == 0 ? "" : $" \"{Source}\"")}: {what}");
}
