using Evenkeel.Serialization;

namespace Evenkeel.Onnx.Format;

/// <summary>The types of numbers in ONNX (TensorProto.DataType), and what the library calls them.</summary>
internal sealed class TensorType
{
    private static readonly TensorType[] s_all =
    [
        new(1, "float", "F32"), new(2, "uint8", "U8"), new(3, "int8", "I8"), new(4, "uint16", "U16"),
        new(5, "int16", "I16"), new(6, "int32", "I32"), new(7, "int64", "I64"), new(8, "string", null),
        new(9, "bool", "BOOL"), new(10, "float16", "F16"), new(11, "double", "F64"), new(12, "uint32", "U32"),
        new(13, "uint64", "U64"), new(14, "complex64", "C64"), new(15, "complex128", "C128"),
        new(16, "bfloat16", "BF16"), new(17, "float8e4m3fn", "F8_E4M3"), new(18, "float8e4m3fnuz", null),
        new(19, "float8e5m2", "F8_E5M2"), new(20, "float8e5m2fnuz", null), new(21, "uint4", null),
        new(22, "int4", null), new(23, "float4e2m1", null), new(24, "float8e8m0", "F8_E8M0"),
        new(25, "uint2", null), new(26, "int2", null),
    ];

    private TensorType(int number, string name, string? element) =>
        (Number, Name, Element) = (number, name, element is null ? null : ElementType.Find(element));

    public static TensorType Float { get; } = s_all[0];

    public static TensorType Double { get; } = s_all[10];

    public static TensorType Float16 { get; } = s_all[9];

    public static TensorType BFloat16 { get; } = s_all[15];

    public static TensorType Int32 { get; } = s_all[5];

    public static TensorType Int64 { get; } = s_all[6];

    public static TensorType Bool { get; } = s_all[8];

    /// <summary>The number in files.</summary>
    public int Number { get; }

    /// <summary>The name in ONNX's documents.</summary>
    public string Name { get; }

    /// <summary>The library's reader of such values; null if it has none.</summary>
    public ElementType? Element { get; }

    /// <summary>The type of tensors that hold the values; null if none does.</summary>
    public DType? Holder => Element?.Holder;

    /// <summary>Whether values are computed with in floating point.</summary>
    public bool IsFloat => Holder is { } holder && holder.IsFloatingPoint();

    /// <summary>The type of a number in a file; null if there is none.</summary>
    public static TensorType? Find(long number) =>
        number >= 1 && number <= s_all.Length ? s_all[number - 1] : null;

    /// <summary>The name of a number in a file, for people.</summary>
    public static string NameOf(long number) => Find(number)?.Name ?? $"type {number}";

    /// <summary>The type that a tensor of the library has in a file.</summary>
    public static TensorType Of(DType dtype) => dtype switch
    {
        DType.Float32 => Float,
        DType.Float64 => Double,
        _ => Int64,
    };

    public override string ToString() => Name;
}
