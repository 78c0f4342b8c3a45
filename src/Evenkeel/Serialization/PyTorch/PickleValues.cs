namespace Evenkeel.Serialization;

/// <summary>What a node of a pickle is.</summary>
internal enum PickleKind : byte
{
    List,
    Tuple,
    Set,

    /// <summary>The items are keys and values in turns.</summary>
    Dictionary,

    /// <summary>An object of TorchScript. The attributes are its <see cref="PickleNode.State"/>.</summary>
    Object,
}

/// <summary>
/// A list, tuple, set, dictionary or object of a pickle. Nothing is hashed or compared: a key that is written twice
/// stands twice, and the names of the tensors show it.
/// </summary>
/// <remarks>
/// The other values of pickles are null for None, bool, long, BigInteger, double, string, byte[],
/// <see cref="PickleGlobal"/>, <see cref="PickleOpaque"/>, <see cref="TorchStorage"/> and <see cref="TorchView"/>.
/// </remarks>
internal sealed class PickleNode(PickleKind kind)
{
    private object?[] _items = [];
    private int _count;

    public PickleNode(PickleKind kind, object?[] items) : this(kind) => (_items, _count) = (items, items.Length);

    /// <summary>The empty tuple.</summary>
    public static PickleNode Nothing { get; } = new(PickleKind.Tuple);

    public PickleKind Kind => kind;

    public ReadOnlySpan<object?> Items => _items.AsSpan(0, _count);

    /// <summary>What a pickle adds to an object beside its items.</summary>
    public object? State { get; set; }

    /// <summary>Whether the way from the root to the current value goes through here.</summary>
    public bool IsOnPath { get; set; }

    public void Add(ReadOnlySpan<object?> items, ReadBudget budget)
    {
        if (items.Length > _items.Length - _count)
        {
            int size = Math.Max(_count + items.Length, 2 * _items.Length);
            budget.Take(8L * size, "a list or a dictionary");
            Array.Resize(ref _items, size);
        }

        items.CopyTo(_items.AsSpan(_count));
        _count += items.Length;
    }
}

/// <summary>A class or function of Python that the reader knows. It is a name and no code.</summary>
/// <param name="Name">Module and name, for example <c>torch.FloatStorage</c>.</param>
internal sealed record PickleGlobal(string Name)
{
    /// <summary>Whether it is a class of TorchScript, whose objects are read as their attributes.</summary>
    public bool IsScript { get; init; }
}

/// <summary>A class or function that the reader does not know, or an object that it makes. Nothing of it is kept.
/// </summary>
/// <param name="Name">Module and name, for example <c>os.system</c>.</param>
internal sealed record PickleOpaque(string Name);

/// <summary>A storage: values of one type without a shape.</summary>
/// <param name="Key">Its name in the file.</param>
/// <param name="Type">The type of its values.</param>
/// <param name="Count">The number of its values.</param>
/// <param name="Begin">The first one of them in the file's storage; not 0 for a part of one.</param>
internal sealed record TorchStorage(string Key, TorchType Type, long Count, long Begin);

/// <summary>A tensor: a view of a storage. Offset and strides count elements, and are 0 or more.</summary>
/// <param name="Storage">The storage.</param>
/// <param name="Type">The type of the values; an untyped storage takes it from here.</param>
/// <param name="Offset">The first element.</param>
/// <param name="Sizes">The sizes of the dimensions, outermost first.</param>
/// <param name="Strides">The elements from one index of a dimension to the next.</param>
internal sealed record TorchView(TorchStorage Storage, TorchType Type, long Offset, long[] Sizes, long[] Strides)
{
    /// <summary>The number of elements. The maker has checked that it is a long.</summary>
    public long Count => Sizes.Aggregate(1L, static (product, size) => product * size);

    /// <summary>Whether the elements lie in the storage one after another.</summary>
    public bool IsContiguous
    {
        get
        {
            long expected = 1;
            for (int i = Sizes.Length - 1; i >= 0; i--)
            {
                if (Sizes[i] == 0) return true;
                if (Sizes[i] != 1 && Strides[i] != expected) return false;
                expected *= Sizes[i];
            }

            return true;
        }
    }

    public bool Equals(TorchView? other) => other is not null && Storage == other.Storage && Type == other.Type
        && Offset == other.Offset && Sizes.AsSpan().SequenceEqual(other.Sizes)
        && Strides.AsSpan().SequenceEqual(other.Strides);

    public override int GetHashCode()
    {
        var hash = new HashCode();
        hash.Add(Storage);
        hash.Add(Offset);
        foreach (long size in Sizes) hash.Add(size);
        foreach (long stride in Strides) hash.Add(stride);
        return hash.ToHashCode();
    }
}
