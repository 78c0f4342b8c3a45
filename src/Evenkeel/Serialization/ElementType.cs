using System.Buffers.Binary;

namespace Evenkeel.Serialization;

/// <summary>
/// A type of numbers in files, under its name in safetensors: its size, the tensor that holds its values without loss,
/// and the conversion in both directions. All values are little-endian.
/// </summary>
/// <remarks>
/// Floating-point numbers of fewer than 32 bits widen to Float32; integers and truth values widen to Int64. Types
/// without <see cref="Holder"/> are known by their size alone: complex numbers, and the formats of 4 and 6 bits, whose
/// order of bits the format does not say.
/// </remarks>
internal sealed class ElementType
{
    private delegate void Widening(ReadOnlySpan<byte> from, Tensor to);

    /// <summary>Writes a number, rounded once. False if the result is not finite.</summary>
    private delegate bool Rounding(double value, Span<byte> to);

    private readonly Widening? _widen;
    private readonly Rounding? _round;

    private ElementType(
        string name, int bits, DType? holder = null, Widening? widen = null, Rounding? round = null) =>
        (Name, Bits, Holder, _widen, _round) = (name, bits, holder, widen, round);

    public static ElementType F64 { get; } = new("F64", 64, DType.Float64, Copy, static (value, to) =>
    {
        BinaryPrimitives.WriteDoubleLittleEndian(to, value);
        return true;
    });

    public static ElementType F32 { get; } = new("F32", 32, DType.Float32, Copy, static (value, to) =>
    {
        BinaryPrimitives.WriteSingleLittleEndian(to, (float)value);
        return float.IsFinite((float)value);
    });

    public static ElementType F16 { get; } = new("F16", 16, DType.Float32,
        Floats(2, static bytes => (float)BinaryPrimitives.ReadHalfLittleEndian(bytes)), static (value, to) =>
        {
            BinaryPrimitives.WriteHalfLittleEndian(to, (Half)value);
            return Half.IsFinite((Half)value);
        });

    public static ElementType BF16 { get; } = new("BF16", 16, DType.Float32, Floats(2, static bytes =>
        BitConverter.UInt32BitsToSingle((uint)BinaryPrimitives.ReadUInt16LittleEndian(bytes) << 16)),
        static (value, to) =>
        {
            ushort bits = ToBF16(value);
            BinaryPrimitives.WriteUInt16LittleEndian(to, bits);
            return (bits & 0x7F80) != 0x7F80;
        });

    public static ElementType I64 { get; } = new("I64", 64, DType.Int64, Copy);

    /// <summary>The types that the format had in 2025, and <c>C128</c>, which other formats have.</summary>
    private static readonly Dictionary<string, ElementType> s_all = new ElementType[]
    {
        F64, F32, F16, BF16, I64,
        new("F8_E4M3", 8, DType.Float32, Floats(1, static bytes => FromE4M3(bytes[0]))),
        // The upper byte of a Half.
        new("F8_E5M2", 8, DType.Float32, Floats(1, static bytes =>
            (float)BitConverter.UInt16BitsToHalf((ushort)(bytes[0] << 8)))),
        // An exponent alone, with the bias of a float.
        new("F8_E8M0", 8, DType.Float32, Floats(1, static bytes =>
            bytes[0] == 0xFF ? float.NaN : (float)Math.ScaleB(1, bytes[0] - 127))),
        new("F6_E2M3", 6),
        new("F6_E3M2", 6),
        new("F4", 4),
        new("BOOL", 8, DType.Int64, Integers(1, static bytes => bytes[0] == 0 ? 0 : 1)),
        new("U8", 8, DType.Int64, Integers(1, static bytes => bytes[0])),
        new("I8", 8, DType.Int64, Integers(1, static bytes => (sbyte)bytes[0])),
        new("U16", 16, DType.Int64, Integers(2, static bytes => BinaryPrimitives.ReadUInt16LittleEndian(bytes))),
        new("I16", 16, DType.Int64, Integers(2, static bytes => BinaryPrimitives.ReadInt16LittleEndian(bytes))),
        new("U32", 32, DType.Int64, Integers(4, static bytes => BinaryPrimitives.ReadUInt32LittleEndian(bytes))),
        new("I32", 32, DType.Int64, Integers(4, static bytes => BinaryPrimitives.ReadInt32LittleEndian(bytes))),
        // Values of 2^63 and more are not held; see Holds.
        new("U64", 64, DType.Int64, Copy),
        new("C64", 64),
        new("C128", 128),
    }.ToDictionary(static type => type.Name, StringComparer.Ordinal);

    private delegate float Float(ReadOnlySpan<byte> bytes);

    private delegate long Integer(ReadOnlySpan<byte> bytes);

    /// <summary>The name in safetensors.</summary>
    public string Name { get; }

    /// <summary>Bits of one element.</summary>
    public int Bits { get; }

    /// <summary>The type of a tensor that holds all its values; null if there is none.</summary>
    public DType? Holder { get; }

    /// <summary>Whether it is the type of a tensor itself.</summary>
    public bool IsNative => this == F32 || this == F64 || this == I64;

    /// <summary>The names of all types that widen to a tensor, for errors.</summary>
    public static string HeldNames => string.Join(", ", s_all.Values.Where(static type => type.Holder is not null)
        .Select(static type => type.Name));

    /// <summary>The type of a name; null if it is a later one than those known here.</summary>
    public static ElementType? Find(string name) => s_all.GetValueOrDefault(name);

    /// <summary>The type that a tensor's values have in memory.</summary>
    public static ElementType Of(DType dtype) =>
        dtype switch { DType.Float32 => F32, DType.Float64 => F64, _ => I64 };

    /// <summary>
    /// The number of bytes of values with the sizes of a file. The largest integer stands for all larger numbers.
    /// </summary>
    public long BytesOf(long[] sizes)
    {
        if (sizes.Contains(0)) return 0;
        UInt128 bits = (UInt128)Bits;
        foreach (long size in sizes)
        {
            // Both are below 2^63 here, so the product fits.
            bits *= (UInt128)size;
            if (bits > long.MaxValue) return long.MaxValue;
        }

        return (long)((bits + 7) / 8);
    }

    /// <summary>The shape of a tensor with the sizes of a file; null if no tensor has as many values.</summary>
    public Shape? ShapeOf(long[] sizes)
    {
        if (Holder is not { } holder || !Shape.Holds(sizes)) return null;
        var shape = new Shape([.. sizes.Select(static size => (int)size)]);
        return (long)shape.Count * holder.SizeInBytes() <= Arena.MaxBytes ? shape : null;
    }

    /// <summary>Whether a tensor holds these values. A value of U64 may be too large for Int64.</summary>
    public bool Holds(ReadOnlySpan<byte> bytes)
    {
        if (Name != "U64") return Holder is not null;
        for (int i = 7; i < bytes.Length; i += 8)
        {
            if (bytes[i] > 0x7F) return false;
        }

        return true;
    }

    /// <summary>A new tensor with the values of a file. <see cref="Holds"/> says whether there is one.</summary>
    public Tensor Widen(ReadOnlySpan<byte> bytes, Shape shape)
    {
        Tensor tensor = Tensor.Empty(shape, Holder!.Value);
        _widen!(bytes, tensor);
        return tensor;
    }

    /// <summary>
    /// The bytes of a floating-point tensor in F64, F32, F16 or BF16, rounded once, to nearest, ties to even.
    /// </summary>
    /// <param name="tensor">The values.</param>
    /// <param name="name">What errors call them.</param>
    /// <exception cref="ArgumentException">A finite value is beyond the range of the type.</exception>
    public byte[] Narrow(Tensor tensor, string name)
    {
        long size = (long)tensor.Count * Bits / 8;
        if (size > Array.MaxLength)
        {
            throw new ArgumentException($"expected at most {Array.MaxLength} bytes for \"{name}\", got {size} in "
                + $"{Name}. Choose a narrower type.", nameof(tensor));
        }

        byte[] bytes = new byte[size];
        for (int i = 0; i < tensor.Count; i++)
        {
            double value = tensor.ValueAt(i);
            if (_round!(value, bytes.AsSpan(i * (Bits / 8))) || !double.IsFinite(value)) continue;
            throw new ArgumentException(
                $"expected values of \"{name}\" that {Name} holds, got {value:R}, which is beyond its range. "
                + (this == F16 ? "Choose BF16, which has the range of F32." : "Choose a wider type."), nameof(tensor));
        }

        return bytes;
    }

    private static void Copy(ReadOnlySpan<byte> from, Tensor to) => from.CopyTo(to.Bytes());

    private static Widening Floats(int size, Float value) => (from, to) =>
    {
        Span<float> wide = to.AsSpan<float>();
        for (int i = 0; i < wide.Length; i++) wide[i] = value(from.Slice(i * size, size));
    };

    private static Widening Integers(int size, Integer value) => (from, to) =>
    {
        Span<long> wide = to.AsSpan<long>();
        for (int i = 0; i < wide.Length; i++) wide[i] = value(from.Slice(i * size, size));
    };

    /// <summary>One sign, four bits of exponent with bias 7, three of fraction; no infinities, one NaN.</summary>
    private static float FromE4M3(byte bits)
    {
        int exponent = (bits >> 3) & 15, fraction = bits & 7;
        float size = (bits & 0x7F) == 0x7F ? float.NaN
            : exponent == 0 ? fraction / 512f
            : (float)Math.ScaleB(8 + fraction, exponent - 10);
        return bits < 128 ? size : -size;
    }

    /// <summary>The nearest BF16, ties to even, rounded once from the double.</summary>
    public static ushort ToBF16(double value)
    {
        if (double.IsNaN(value)) return 0x7FC0;
        // Rounded to odd on the way: the last bit of the float says that something was cut off.
        float cut = (float)value;
        uint bits = BitConverter.SingleToUInt32Bits(cut);
        if (!float.IsFinite(cut)) return (ushort)(bits >> 16);
        if (Math.Abs((double)cut) > Math.Abs(value)) bits--;
        if (BitConverter.UInt32BitsToSingle(bits) != value) bits |= 1;
        return (ushort)((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
    }
}
