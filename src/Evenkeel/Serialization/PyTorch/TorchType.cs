namespace Evenkeel.Serialization;

/// <summary>A type of numbers in PyTorch and its name in a <see cref="TensorArchive"/>.</summary>
/// <param name="Name">The name in the archive, for example <c>F16</c>.</param>
/// <param name="DType">PyTorch's name, for example <c>torch.float16</c>.</param>
/// <param name="StorageClass">The class of its storages; null for types that only untyped storages hold.</param>
/// <param name="Size">Bytes of one element.</param>
/// <param name="PartSize">Bytes of a number in it: half an element of a complex type.</param>
internal sealed record TorchType(string Name, string DType, string? StorageClass, int Size, int PartSize)
{
    /// <summary>The class of storages of bytes without a type.</summary>
    public const string Untyped = "torch.storage.UntypedStorage";

    private static readonly TorchType[] s_all =
    [
        new("F64", "float64", "DoubleStorage", 8), new("F32", "float32", "FloatStorage", 4),
        new("F16", "float16", "HalfStorage", 2), new("BF16", "bfloat16", "BFloat16Storage", 2),
        new("I64", "int64", "LongStorage", 8), new("I32", "int32", "IntStorage", 4),
        new("I16", "int16", "ShortStorage", 2), new("I8", "int8", "CharStorage", 1),
        new("U8", "uint8", "ByteStorage", 1), new("BOOL", "bool", "BoolStorage", 1),
        new("C64", "complex64", "ComplexFloatStorage", 8) { PartSize = 4 },
        new("C128", "complex128", "ComplexDoubleStorage", 16) { PartSize = 8 },
        // Since 2.1 and 2.3, without a class of storages.
        new("U16", "uint16", null, 2), new("U32", "uint32", null, 4), new("U64", "uint64", null, 8),
        new("F8_E4M3", "float8_e4m3fn", null, 1), new("F8_E5M2", "float8_e5m2", null, 1),
        new("F8_E8M0", "float8_e8m0fnu", null, 1),
    ];

    private static readonly Dictionary<string, TorchType> s_byName =
        s_all.ToDictionary(static type => type.Name, StringComparer.Ordinal);

    private static readonly Dictionary<string, TorchType> s_byDType =
        s_all.ToDictionary(static type => type.DType, StringComparer.Ordinal);

    private static readonly Dictionary<string, TorchType> s_byStorage = ByStorage();

    private TorchType(string name, string dtype, string? storage, int size)
        : this(name, $"torch.{dtype}", storage is null ? null : $"torch.{storage}", size, size)
    {
    }

    /// <summary>The names of all types, for errors.</summary>
    public static string Names => string.Join(", ", s_all.Select(static type => type.Name));

    /// <summary>The names of the classes of storages, and of the types.</summary>
    public static IEnumerable<string> Globals => s_byStorage.Keys.Concat(s_byDType.Keys);

    /// <summary>The type with a name of the archive; null if PyTorch has none.</summary>
    public static TorchType? Find(string name) => s_byName.GetValueOrDefault(name);

    /// <summary>The type of a class of storages; bytes for the untyped one.</summary>
    public static TorchType? OfStorage(string name) => s_byStorage.GetValueOrDefault(name);

    /// <summary>The type with a name of PyTorch, for example <c>torch.float16</c>.</summary>
    public static TorchType? OfDType(string name) => s_byDType.GetValueOrDefault(name);

    private static Dictionary<string, TorchType> ByStorage()
    {
        var all = new Dictionary<string, TorchType>(StringComparer.Ordinal);
        foreach (TorchType type in s_all)
        {
            if (type.StorageClass is not { } name) continue;
            all.Add(name, type);
            all.Add(name.Replace("torch.", "torch.cuda.", StringComparison.Ordinal), type);
        }

        all.Add(Untyped, s_byName["U8"]);
        // The name up to 1.12.
        all.Add("torch.storage._UntypedStorage", s_byName["U8"]);
        return all;
    }
}
