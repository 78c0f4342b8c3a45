using Evenkeel.Serialization;

namespace Evenkeel.Examination;

/// <summary>Tensors under names that are looked at one after the other, in memory or in a file.</summary>
internal abstract class TensorSource
{
    /// <summary>The most values of a vector of a layer: beyond that it is no vector of channels.</summary>
    public const long MostChannels = 1 << 20;

    /// <summary>The memory that all vectors and summaries may take.</summary>
    private const long MostBytes = 1L << 30;

    private readonly ReadBudget _budget;

    private protected TensorSource(string name) => _budget = new ReadBudget("Doctor", name, MostBytes);

    /// <summary>All names in order.</summary>
    public abstract IReadOnlyList<string> Names { get; }

    /// <summary>The texts that go with the tensors.</summary>
    public abstract IReadOnlyDictionary<string, string> Texts { get; }

    /// <summary>The name of the type of a tensor's values.</summary>
    public abstract string TypeOf(string name);

    /// <summary>The sizes of a tensor's dimensions.</summary>
    public abstract IReadOnlyList<long> SizesOf(string name);

    /// <summary>Reads the bytes of a tensor.</summary>
    protected abstract TensorBytes BytesOf(string name);

    /// <summary>The type of a tensor if it holds floating-point numbers that can be read; else null.</summary>
    public ElementType? FloatTypeOf(string name) => ElementType.Find(TypeOf(name)) is { Holder: { } holder } type
        && holder.IsFloatingPoint() ? type : null;

    /// <summary>The number of a tensor's values.</summary>
    public long CountOf(string name) => SizesOf(name).Aggregate(1L, static (all, size) => all * size);

    /// <summary>The values of a vector in double.</summary>
    public double[] Vector(string name)
    {
        ElementType type = FloatTypeOf(name)!;
        int count = checked((int)CountOf(name));
        _budget.Take(8L * count, $"\"{name}\"");
        byte[] bytes = new byte[(long)count * type.Bits / 8];
        BytesOf(name)(0, bytes);
        return WideVector.Of(type.Widen(bytes, [count]));
    }

    /// <summary>The single integer of a tensor; null if it holds something else.</summary>
    public long? Integer(string name)
    {
        if (CountOf(name) != 1 || ElementType.Find(TypeOf(name)) is not { Holder: DType.Int64 } type) return null;
        byte[] bytes = new byte[type.Bits / 8];
        BytesOf(name)(0, bytes);
        return type.Holds(bytes) ? type.Widen(bytes, [1]).AsSpan<long>()[0] : null;
    }

    /// <summary>One pass over a weight.</summary>
    public FilterScan Scan(string name, FilterLayout layout)
    {
        _budget.Take(40L * layout.Filters, $"the filters of \"{name}\"");
        return FilterScan.Of(FloatTypeOf(name)!, layout, BytesOf(name));
    }
}

/// <summary>The tensors of an archive.</summary>
internal sealed class ArchiveSource : TensorSource
{
    private readonly TensorArchive _archive;

    public ArchiveSource(TensorArchive archive) : base(archive.Source)
    {
        _archive = archive;
        Texts = new Dictionary<string, string>(archive.Metadata, StringComparer.Ordinal);
    }

    public override IReadOnlyList<string> Names => _archive.Names;

    public override IReadOnlyDictionary<string, string> Texts { get; }

    public override string TypeOf(string name) => _archive.TypeOf(name);

    public override IReadOnlyList<long> SizesOf(string name) => _archive.DimensionsOf(name);

    protected override TensorBytes BytesOf(string name)
    {
        TensorArchive.Item item = _archive.Items[name];
        return (offset, to) => item.Content.Slice((int)offset, to.Length).CopyTo(to);
    }
}
