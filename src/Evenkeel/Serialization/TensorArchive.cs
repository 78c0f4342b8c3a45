using System.Diagnostics.CodeAnalysis;
using Evenkeel.Nn;

namespace Evenkeel.Serialization;

/// <summary>
/// The content of a file of tensors: tensors under names, in order, and a map of strings. Values of types that a
/// <see cref="Evenkeel.Tensor"/> does not have (F16, BF16, BOOL, I32, 8-bit floats and others) stay as they are in the
/// file and are written again unchanged. <see cref="Tensor"/> widens them without loss.
/// </summary>
/// <remarks>
/// All formats share the names of types: <c>F64</c>, <c>F32</c>, <c>F16</c>, <c>BF16</c>, <c>F8_E4M3</c>,
/// <c>F8_E5M2</c>, <c>I64</c>, <c>I32</c>, <c>I16</c>, <c>I8</c>, <c>U64</c>, <c>U32</c>, <c>U16</c>, <c>U8</c>,
/// <c>BOOL</c>, <c>C64</c> and <c>C128</c>. They are those of safetensors.
/// </remarks>
public sealed class TensorArchive
{
    private readonly OrderedDictionary<string, Item> _items = new(StringComparer.Ordinal);

    /// <summary>What is stored under one name: a tensor, or the raw bytes of values of another type.</summary>
    internal readonly record struct Item(Tensor? Tensor, RawBlock? Raw)
    {
        public ReadOnlySpan<byte> Content => Tensor is not null ? Tensor.Bytes() : Raw!.Bytes;

        /// <summary>The name of the type of its values.</summary>
        public string Type => Tensor is not null ? ElementType.Of(Tensor.DType).Name : Raw!.Kind.Type;

        /// <summary>The sizes of its dimensions, outermost first.</summary>
        public long[] Dimensions => Tensor is not null
            ? [.. Tensor.Shape.Select(static size => (long)size)]
            : Raw!.Kind.Shape;

        /// <summary>The tensor, or a new one with the raw values; null if no tensor holds them.</summary>
        public Tensor? TensorOrNull() => Tensor ?? Raw!.Widened();
    }

    /// <summary>Values as they stand in a file, little-endian and row-major.</summary>
    internal sealed record RawBlock(byte[] Bytes, RawKind Kind)
    {
        public Tensor? Widened() => ElementType.Find(Kind.Type) is { } type && type.Holds(Bytes)
            && type.ShapeOf(Kind.Shape) is { } shape ? type.Widen(Bytes, shape) : null;
    }

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

    /// <summary>
    /// Appends values as they stand in a file, little-endian and row-major. Values of F32, F64 and I64 become a tensor.
    /// </summary>
    /// <param name="name">The name in the archive.</param>
    /// <param name="bytes">The values; they are not copied if they stay bytes.</param>
    /// <param name="type">The name of the type, see the remarks of this class.</param>
    /// <param name="shape">The sizes of the dimensions, outermost first.</param>
    internal void Add(string name, byte[] bytes, string type, long[] shape)
    {
        var block = new RawBlock(bytes, new RawKind(type, shape));
        bool isNative = ElementType.Find(type) is { IsNative: true };
        Add(name, isNative && block.Widened() is { } tensor ? new Item(tensor, null) : new Item(null, block));
    }

    /// <summary>Appends values that are read from a stream; see the method above.</summary>
    /// <param name="name">The name in the archive.</param>
    /// <param name="stream">The stream, at the first value.</param>
    /// <param name="count">The number of bytes.</param>
    /// <param name="type">The name of the type.</param>
    /// <param name="shape">The sizes of the dimensions.</param>
    /// <exception cref="EndOfStreamException">The stream has fewer bytes.</exception>
    internal void Read(string name, Stream stream, long count, string type, long[] shape)
    {
        if (ElementType.Find(type) is { IsNative: true } native && native.ShapeOf(shape) is { } sizes)
        {
            Tensor tensor = Evenkeel.Tensor.Empty(sizes, native.Holder!.Value);
            stream.ReadExactly(tensor.Bytes());
            Add(name, tensor);
        }
        else
        {
            byte[] bytes = new byte[count];
            stream.ReadExactly(bytes);
            Add(name, bytes, type, shape);
        }
    }

    /// <summary>
    /// The tensor under a name. Values of F32, F64 and I64 are the archive's own tensor. Those of another type are a
    /// new tensor at each call: floating-point numbers of at most 16 bits as Float32, integers and truth values as
    /// Int64.
    /// </summary>
    /// <exception cref="InvalidDataException">There is none, or no tensor holds its values.</exception>
    public Tensor Tensor(string name)
    {
        Item item = Find(name);
        return item.TensorOrNull() ?? throw Bad($"expected \"{name}\" to be of a type that a tensor holds "
            + $"({ElementType.HeldNames} below 2^63) and of at most {Shape.MaxRank} dimensions, got bytes: "
            + $"{item.Raw!.Kind}. Convert it before saving, or take its bytes with Bytes(name).");
    }

    /// <summary>Finds a tensor by name; see <see cref="Tensor"/>.</summary>
    /// <param name="name">The name in the archive.</param>
    /// <param name="tensor">The tensor; null if there is none, or if no tensor holds its values.</param>
    public bool TryGetTensor(string name, [NotNullWhen(true)] out Tensor? tensor)
    {
        tensor = _items.TryGetValue(name, out Item item) ? item.TensorOrNull() : null;
        return tensor is not null;
    }

    /// <summary>
    /// The bytes under a name whose type a tensor does not have, little-endian and row-major: a block of bytes, or for
    /// example F16 or BOOL.
    /// </summary>
    /// <exception cref="InvalidDataException">There is none, or it is a tensor of F32, F64 or I64.</exception>
    public byte[] Bytes(string name) => Find(name).Raw?.Bytes
        ?? throw Bad($"expected \"{name}\" to be bytes (U8), got a tensor. Read it with Tensor(name).");

    /// <summary>The name of the type that a name's values have in the file, for example <c>F32</c> or <c>BOOL</c>.
    /// </summary>
    /// <exception cref="InvalidDataException">There is no such name.</exception>
    public string TypeOf(string name) => Find(name).Type;

    /// <summary>The sizes of a name's dimensions, outermost first.</summary>
    /// <exception cref="InvalidDataException">There is no such name.</exception>
    public IReadOnlyList<long> DimensionsOf(string name) => Find(name).Dimensions;

    /// <summary>The number of bytes that a name's values take in a file.</summary>
    /// <exception cref="InvalidDataException">There is no such name.</exception>
    public long SizeOf(string name) => Find(name).Content.Length;

    /// <summary>
    /// The tensors whose names begin with <paramref name="prefix"/>, as a state dict whose keys have no prefix; see
    /// <see cref="Tensor"/>. Values that no tensor can hold are not among them, but <see cref="Module.LoadStateDict"/>
    /// knows their names: a strict load refuses them by name.
    /// </summary>
    public StateDict StateDict(string prefix = "")
    {
        ArgumentNullException.ThrowIfNull(prefix);
        var state = new StateDict();
        foreach ((string name, Item item) in _items)
        {
            if (name.StartsWith(prefix, StringComparison.Ordinal))
                AddTo(state, name[prefix.Length..], item.TensorOrNull(), item);
        }

        return state;
    }

    /// <summary>
    /// All tensors as a state dict. Values of a type that a tensor does not have are widened only if they are wanted;
    /// the state dict knows the others by name, type and shape.
    /// </summary>
    internal StateDict StateDict(Func<string, bool> isWanted)
    {
        var state = new StateDict();
        foreach ((string name, Item item) in _items)
            AddTo(state, name, isWanted(name) ? item.TensorOrNull() : item.Tensor, item);
        return state;
    }

    private static void AddTo(StateDict state, string key, Tensor? tensor, Item item)
    {
        if (tensor is not null) state.Add(key, tensor);
        else state.AddRaw(key, item.Raw!.Kind);
    }

    /// <summary>
    /// The same archive with floating-point numbers in another type, rounded to nearest, ties to even. Integers stay,
    /// and running statistics (<c>running_mean</c>, <c>running_var</c>) are not narrowed: 16 bits do not hold their
    /// range.
    /// </summary>
    /// <param name="type">The type.</param>
    /// <exception cref="ArgumentException">A finite value is beyond its range; the message names the tensor.
    /// </exception>
    public TensorArchive ConvertedTo(StoredType type)
    {
        var target = ElementType.Find(type.ToString())!;
        var converted = new TensorArchive { Source = Source };
        foreach ((string name, string text) in Metadata) converted.Metadata[name] = text;
        foreach ((string name, Item item) in _items)
        {
            ElementType? own = ElementType.Find(item.Type);
            bool isFloat = own?.Holder is { } holder && holder.IsFloatingPoint();
            bool losesRange = own?.Bits > target.Bits && IsRunningStatistic(name);
            if (!isFloat || own == target || losesRange || item.TensorOrNull() is not { } tensor)
            {
                converted.Add(name, item);
            }
            else
            {
                converted.Add(name, target.Narrow(tensor, name), target.Name, item.Dimensions);
            }
        }

        return converted;
    }

    /// <summary>
    /// The part of the archive under a prefix, with other names; the tensors are the same. The states of norms go along
    /// under their new names, other strings only if there is no prefix: with one they describe more than the part.
    /// </summary>
    /// <param name="prefix">What names begin with, for example <c>module.</c>. It is removed; names without it are
    /// left out. Default: none.</param>
    /// <param name="rename">
    /// Parts of names and what takes their place, as in <see cref="Module.LoadStateDict"/>. Default: none.
    /// </param>
    /// <exception cref="ArgumentException">Two names become one.</exception>
    public TensorArchive Renamed(string prefix = "", IReadOnlyDictionary<string, string>? rename = null)
    {
        ArgumentNullException.ThrowIfNull(prefix);
        var map = new KeyMap(prefix, rename);
        var part = new TensorArchive { Source = Source };
        foreach ((string name, Item item) in _items)
        {
            if (map.Key(name) is not { } target) continue;
            if (target.Length == 0 || part._items.ContainsKey(target))
            {
                throw new ArgumentException(
                    $"TensorArchive.Renamed: expected a name of its own for \"{name}\", got \"{target}\". "
                    + "Rename it to something else.", nameof(rename));
            }

            part.Add(target, item);
        }

        NormStates.CopyRenamed(Metadata, part.Metadata, prefix, rename);
        return part;
    }

    private static bool IsRunningStatistic(string name) =>
        name[(name.LastIndexOf('.') + 1)..] is "running_mean" or "running_var"
            or "moving_mean" or "moving_variance";

    /// <summary>Appends an item of another archive.</summary>
    internal void Add(string name, Item item)
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
