using System.Buffers.Binary;
using System.Text;

namespace Evenkeel.Serialization;

/// <summary>What the beginning of an npy file says about the values that follow it.</summary>
/// <param name="Type">Their type.</param>
/// <param name="Sizes">The sizes of the dimensions, outermost first.</param>
/// <param name="IsFortran">Whether the values are column-major.</param>
/// <param name="IsSwapped">Whether their bytes are big-endian.</param>
internal sealed record NpyLayout(ElementType Type, long[] Sizes, bool IsFortran, bool IsSwapped)
{
    /// <summary>
    /// The header of an array of numbers takes about a hundred bytes. NumPy itself refuses more than 10,000.
    /// </summary>
    private const int MaxHeaderBytes = 1 << 16;

    // A u8 literal would encode 0x93 as two bytes.
    private static ReadOnlySpan<byte> Magic => [0x93, (byte)'N', (byte)'U', (byte)'M', (byte)'P', (byte)'Y'];

    /// <summary>The number of bytes of all values.</summary>
    public long Bytes => Type.BytesOf(Sizes);

    /// <summary>The sizes as Python writes them.</summary>
    public string ShapeText => $"({string.Join(", ", Sizes)})";

    /// <summary>
    /// Reads up to the first value, and checks that as many bytes follow as there must be. Null if it is not an npy
    /// file.
    /// </summary>
    /// <param name="stream">At the first byte of the file.</param>
    /// <param name="length">The number of bytes of the file.</param>
    /// <param name="label">What errors begin with.</param>
    /// <exception cref="InvalidDataException">The file is damaged, or holds no numbers.</exception>
    public static NpyLayout? Read(Stream stream, long length, string label)
    {
        Span<byte> start = stackalloc byte[8];
        if (stream.ReadAtLeast(start, start.Length, throwOnEndOfStream: false) < start.Length
            || !start.StartsWith(Magic)) return null;
        int version = start[6], lengthBytes = version switch
        {
            1 => 2,
            2 or 3 => 4,
            _ => throw Npy.Bad(label, $"expected version 1.0, 2.0 or 3.0, got {start[6]}.{start[7]}",
                "Save it with a plain numpy.save."),
        };
        long rest = length - 8 - lengthBytes;
        if (rest < 0)
            throw Npy.Bad(label, "expected the header's length, got the end of the file", "The file is truncated.");
        stream.ReadExactly(start[..lengthBytes]);
        long headerBytes = lengthBytes == 2
            ? BinaryPrimitives.ReadUInt16LittleEndian(start)
            : BinaryPrimitives.ReadUInt32LittleEndian(start);
        if (headerBytes > rest)
            throw Npy.Bad(label, $"expected a header of {headerBytes} bytes, got {rest}", "The file is truncated.");
        if (headerBytes > MaxHeaderBytes) throw Npy.Bad(label, $"expected a header of at most {MaxHeaderBytes} " +
            $"bytes, got {headerBytes}", "The header is damaged, or the array is not of plain numbers.");
        byte[] header = new byte[headerBytes];
        stream.ReadExactly(header);
        NpyLayout layout = NpyHeader.Parse((version == 3 ? Encoding.UTF8 : Encoding.Latin1).GetString(header), label);
        long expected = layout.Bytes, data = rest - headerBytes;
        if (expected == long.MaxValue) throw Npy.Bad(label, $"expected at most {long.MaxValue} bytes of data, got " +
            $"more for {layout.Type.Name} of shape {layout.ShapeText}", "The header is damaged.");
        return data == expected ? layout
            : throw Npy.Bad(label, $"expected {expected} bytes of data for {layout.Type.Name} of shape " +
                $"{layout.ShapeText}, got {data}", data < expected
                    ? "The file is truncated."
                    : "There is something after the data: the file is damaged.");
    }

    /// <summary>What stands before the little-endian row-major values in a file of version 1.0.</summary>
    /// <param name="descr">NumPy's name of the type; see <see cref="NpyTypes"/>.</param>
    /// <param name="sizes">The sizes of the dimensions, outermost first.</param>
    public static byte[] Start(string descr, long[] sizes)
    {
        string shape = string.Join(", ", sizes) + (sizes.Length == 1 ? "," : "");
        string header = $"{{'descr': '{descr}', 'fortran_order': False, 'shape': ({shape}), }}";
        // Magic, version and length take 10 bytes. The header ends with a line break at a multiple of 64.
        int length = ((10 + header.Length + 1 + 63) & ~63) - 10;
        byte[] start = new byte[10 + length];
        Magic.CopyTo(start);
        start[6] = 1;
        BinaryPrimitives.WriteUInt16LittleEndian(start.AsSpan(8), (ushort)length);
        Encoding.ASCII.GetBytes(header.PadRight(length - 1) + "\n", start.AsSpan(10));
        return start;
    }

    /// <summary>Reads the values, and makes them little-endian and row-major.</summary>
    /// <param name="stream">At the first value.</param>
    /// <param name="to">Place for all bytes.</param>
    /// <exception cref="EndOfStreamException">There are fewer bytes.</exception>
    public void ReadValues(Stream stream, Span<byte> to)
    {
        // Column-major and row-major are the same for vectors and scalars.
        if (IsFortran && Sizes.Length > 1)
        {
            byte[] columns = new byte[to.Length];
            stream.ReadExactly(columns);
            FortranOrder.ToRowMajor(columns, to, Sizes, Type.Bits / 8);
        }
        else
        {
            stream.ReadExactly(to);
        }

        if (IsSwapped) ByteOrder.Reverse(to, Type.Name is "C64" or "C128" ? Type.Bits / 16 : Type.Bits / 8);
    }

    /// <summary>Reads the values into an archive, in the type that they have.</summary>
    /// <param name="archive">The archive.</param>
    /// <param name="name">Their name in it.</param>
    /// <param name="stream">At the first value.</param>
    /// <param name="label">What errors begin with.</param>
    /// <exception cref="InvalidDataException">They are more than one array holds.</exception>
    /// <exception cref="EndOfStreamException">There are fewer bytes.</exception>
    public void ReadInto(TensorArchive archive, string name, Stream stream, string label)
    {
        if (Type.IsNative && Type.ShapeOf(Sizes) is { } shape)
        {
            Tensor tensor = Tensor.Empty(shape, Type.Holder!.Value);
            ReadValues(stream, tensor.Bytes());
            archive.Add(name, tensor);
            return;
        }

        long most = Type.IsNative ? Arena.MaxBytes : Array.MaxLength;
        if (Bytes > most) throw Npy.Bad(label, $"expected at most {most} bytes for one array, got {Bytes} for " +
            $"{Type.Name} of shape {ShapeText}", "Split it in NumPy.");
        byte[] bytes = new byte[Bytes];
        ReadValues(stream, bytes);
        archive.Add(name, bytes, Type.Name, Sizes);
    }
}
