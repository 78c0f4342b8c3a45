using System.Buffers.Binary;
using Evenkeel.Serialization;
using Google.Protobuf;

namespace Evenkeel.Onnx.Format;

/// <summary>
/// The values of a tensor message as bytes, little-endian and row-major, wherever the file keeps them.
/// </summary>
internal sealed class TensorContent
{
    private TensorContent(TensorType type, long[] dimensions, ReadOnlyMemory<byte> bytes) =>
        (Type, Dimensions, Bytes) = (type, dimensions, bytes);

    public TensorType Type { get; }

    /// <summary>Sizes, outermost first.</summary>
    public long[] Dimensions { get; }

    public ReadOnlyMemory<byte> Bytes { get; }

    /// <summary>The number of values.</summary>
    public long Count => Bytes.Length * 8L / Type.Element!.Bits;

    /// <summary>Finds the values of a message.</summary>
    /// <param name="tensor">The message.</param>
    /// <param name="external">Where values in other files are; null if the model did not come from a file.</param>
    /// <exception cref="InvalidDataException">
    /// The values are missing, do not fit the dimensions, or are of a type that nothing here holds.
    /// </exception>
    public static TensorContent Of(TensorProto tensor, ExternalData? external)
    {
        string what = NameOf(tensor);
        if (TensorType.Find(tensor.DataType) is not { } type)
            throw new InvalidDataException($"{what} has the unknown type {tensor.DataType}");
        if (type.Element is not { } element)
            throw new InvalidDataException($"{what} holds values of {type}, which are not read");
        long[] dimensions = [.. tensor.Dims];
        if (dimensions.Any(static size => size < 0))
            throw new InvalidDataException($"{what} has a negative dimension in [{string.Join(", ", dimensions)}]");
        long size = element.BytesOf(dimensions);
        ReadOnlyMemory<byte> bytes = tensor.DataLocation switch
        {
            0 => Inline(tensor, type, element, size),
            1 when external is not null => external.Read(tensor, size),
            1 => throw new InvalidDataException(
                $"{what} is in another file, and the model was not read from a folder"),
            _ => throw new InvalidDataException($"{what} is at the unknown place {tensor.DataLocation}"),
        };
        if (bytes.Length != size)
        {
            throw new InvalidDataException(
                $"{what} should have {size} bytes of {type} for [{string.Join(", ", dimensions)}], and has "
                + $"{bytes.Length}");
        }

        return new TensorContent(type, dimensions, bytes);
    }

    /// <summary>What errors call a tensor.</summary>
    public static string NameOf(TensorProto tensor) =>
        tensor.Name.Length == 0 ? "a tensor without a name" : $"the tensor \"{tensor.Name}\"";

    /// <summary>A tensor with the values; narrow types are widened without loss.</summary>
    /// <exception cref="InvalidDataException">No tensor holds them.</exception>
    public Tensor ToTensor(string name)
    {
        if (Type.Element!.ShapeOf(Dimensions) is not { } shape || !Type.Element.Holds(Bytes.Span))
        {
            throw new InvalidDataException(
                $"\"{name}\" holds {Type} of [{string.Join(", ", Dimensions)}]; a tensor has at most "
                + $"{Shape.MaxRank} dimensions and 2 GB, and integers below 2^63");
        }

        return Type.Element.Widen(Bytes.Span, shape);
    }

    private static ReadOnlyMemory<byte> Inline(TensorProto tensor, TensorType type, ElementType element, long size)
    {
        if (tensor.HasRawData) return tensor.RawData.Memory;
        if (size == 0) return default;
        ByteString packed = type.Number switch
        {
            1 or 14 => tensor.FloatData,
            11 or 15 => tensor.DoubleData,
            7 => tensor.Int64Data,
            12 or 13 => tensor.Uint64Data,
            _ => tensor.Int32Data,
        };
        if (packed.IsEmpty) return Loose(tensor, type, element);
        if (type.Number is 1 or 14 or 11 or 15) return packed.Memory;
        var numbers = new CodedInputStream(packed.ToByteArray());
        var bytes = new List<byte>();
        try
        {
            // Ten bytes of a file are at most eight here.
            while (!numbers.IsAtEnd) Append(bytes, numbers.ReadUInt64(), element);
        }
        catch (InvalidProtocolBufferException damaged)
        {
            throw new InvalidDataException($"{NameOf(tensor)} has damaged values: {damaged.Message}", damaged);
        }

        return bytes.ToArray();
    }

    /// <summary>The values of a writer that does not pack lists: they are among the fields the parser did not know.
    /// </summary>
    private static ReadOnlyMemory<byte> Loose(TensorProto tensor, TensorType type, ElementType element)
    {
        LooseTensorProto loose;
        try
        {
            loose = LooseTensorProto.Parser.ParseFrom(tensor.ToByteArray());
        }
        catch (InvalidProtocolBufferException damaged)
        {
            throw new InvalidDataException($"{NameOf(tensor)} has damaged values: {damaged.Message}", damaged);
        }

        var bytes = new List<byte>();
        switch (type.Number)
        {
            case 1 or 14:
                foreach (float value in loose.FloatData)
                    Append(bytes, BitConverter.SingleToUInt32Bits(value), ElementType.F32);
                break;
            case 11 or 15:
                foreach (double value in loose.DoubleData)
                    Append(bytes, BitConverter.DoubleToUInt64Bits(value), ElementType.F64);
                break;
            case 7: foreach (long value in loose.Int64Data) Append(bytes, (ulong)value, element); break;
            case 12 or 13: foreach (ulong value in loose.Uint64Data) Append(bytes, value, element); break;
            default: foreach (int value in loose.Int32Data) Append(bytes, (ulong)value, element); break;
        }

        return bytes.ToArray();
    }

    private static void Append(List<byte> bytes, ulong value, ElementType element)
    {
        Span<byte> all = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(all, value);
        bytes.AddRange(all[..(element.Bits / 8)]);
    }
}
