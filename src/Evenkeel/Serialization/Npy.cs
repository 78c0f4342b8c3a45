using System.Buffers.Binary;
using System.Globalization;
using System.Text;

namespace Evenkeel.Serialization;

/// <summary>
/// Reads and writes NumPy's npy files: the bytes 93 'NUMPY', a version, the header's length, a Python dictionary with <c>descr</c>, <c>fortran_order</c> and
/// <c>shape</c>, then the values. Types: <c>&lt;f4</c>, <c>&lt;f8</c>, <c>&lt;i8</c>. Source: numpy.lib.format.
/// </summary>
public static class Npy
{
    // A u8 literal would encode 0x93 as two bytes.
    private static ReadOnlySpan<byte> Magic => [0x93, (byte)'N', (byte)'U', (byte)'M', (byte)'P', (byte)'Y'];

    /// <summary>Writes a file of version 1.0 as a whole or not at all.</summary>
    /// <exception cref="IOException">The file could not be written; what was there before is unchanged.</exception>
    public static void Write(string path, Tensor tensor)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        AtomicFile.Write(path, stream => Write(stream, tensor));
    }

    /// <summary>Writes version 1.0 to a stream, from its current position.</summary>
    public static void Write(Stream stream, Tensor tensor)
    {
        ArgumentNullException.ThrowIfNull(stream);
        ArgumentNullException.ThrowIfNull(tensor);
        string descr = tensor.DType switch { DType.Float32 => "<f4", DType.Float64 => "<f8", _ => "<i8" };
        string shape = string.Join(", ", tensor.Shape.ToArray()) + (tensor.Shape.Rank == 1 ? "," : "");
        string header = $"{{'descr': '{descr}', 'fortran_order': False, 'shape': ({shape}), }}";
        // Magic, version and length take 10 bytes; the header ends with a line break at a multiple of 64.
        int length = ((10 + header.Length + 1 + 63) & ~63) - 10;
        Span<byte> start = stackalloc byte[10];
        Magic.CopyTo(start);
        start[6] = 1;
        start[7] = 0;
        BinaryPrimitives.WriteUInt16LittleEndian(start[8..], (ushort)length);
        stream.Write(start);
        stream.Write(Encoding.ASCII.GetBytes(header.PadRight(length - 1) + "\n"));
        stream.Write(tensor.Bytes());
    }

    /// <summary>Reads a file of version 1.0 or 2.0.</summary>
    /// <exception cref="IOException">The file is missing or cannot be read.</exception>
    /// <exception cref="InvalidDataException">It is truncated, damaged, of another type, or not an npy file.</exception>
    public static Tensor Read(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 1 << 16);
        return Read(stream, path);
    }

    /// <summary>Reads to the end of a stream that can seek.</summary>
    /// <param name="stream">The stream.</param>
    /// <param name="name">What errors call it.</param>
    /// <exception cref="InvalidDataException">It is truncated, damaged, of another type, or not in the npy format.</exception>
    public static Tensor Read(Stream stream, string name = "stream")
    {
        ArgumentNullException.ThrowIfNull(stream);
        if (!stream.CanSeek)
            throw new ArgumentException("Npy: expected a stream that can seek (its length is checked first). Copy it into a MemoryStream.", nameof(stream));
        long available = stream.Length - stream.Position;
        Span<byte> start = stackalloc byte[12];
        int prefix = stream.ReadAtLeast(start[..(int)Math.Min(8, available)], (int)Math.Min(8, available));
        if (prefix < 8 || !start[..6].SequenceEqual(Magic))
            throw Bad(name, "expected a file that begins with the bytes 93 'NUMPY'", "This is not an npy file, or it is empty.");
        int lengthBytes = start[6] switch
        {
            1 => 2,
            2 => 4,
            _ => throw Bad(name, $"expected version 1.0 or 2.0, got {start[6]}.{start[7]}", "Save it with a plain numpy.save."),
        };
        if (available < 8 + lengthBytes) throw Bad(name, "expected the header's length, got the end of the file", "The file is truncated.");
        stream.ReadExactly(start[..lengthBytes]);
        long length = lengthBytes == 2 ? BinaryPrimitives.ReadUInt16LittleEndian(start) : BinaryPrimitives.ReadUInt32LittleEndian(start);
        long data = available - 8 - lengthBytes - length;
        if (data < 0) throw Bad(name, $"expected a header of {length} bytes, got {available - 8 - lengthBytes}", "The file is truncated.");
        byte[] header = new byte[length];
        stream.ReadExactly(header);
        (DType dtype, Shape shape) = Parse(Encoding.Latin1.GetString(header), name);
        long expected = (long)shape.Count * dtype.SizeInBytes();
        if (data != expected)
            throw Bad(name, $"expected {expected} bytes of data for {dtype} of shape {shape}, got {data}", data < expected ? "The file is truncated." : "There is something after the data: the file is damaged.");
        Tensor tensor = Tensor.Empty(shape, dtype);
        stream.ReadExactly(tensor.Bytes());
        return tensor;
    }

    private static (DType DType, Shape Shape) Parse(string header, string file)
    {
        string descr = Value(header, "descr", file);
        DType dtype = descr.Trim('\'', '"') switch
        {
            "<f4" => DType.Float32,
            "<f8" => DType.Float64,
            "<i8" => DType.Int64,
            _ => throw Bad(file, $"expected values of type '<f4', '<f8' or '<i8', got {descr}", "Convert it in NumPy: x.astype('<f4')."),
        };
        string fortran = Value(header, "fortran_order", file);
        if (fortran is not ("False" or "True"))
            throw Bad(file, $"expected fortran_order True or False, got {fortran}", "The header is damaged.");
        string text = Value(header, "shape", file);
        if (text.Length < 2 || text[0] != '(' || text[^1] != ')')
            throw Bad(file, $"expected a shape in parentheses, got {text}", "The header is damaged.");
        var sizes = new List<int>();
        long count = 1;
        foreach (string part in text[1..^1].Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            if (!int.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out int size))
                throw Bad(file, $"expected dimensions from 0 to {int.MaxValue}, got {text}", "The header is damaged, or the array is too large.");
            sizes.Add(size);
            if (count <= int.MaxValue) count *= Math.Max(1, size);
        }

        if (sizes.Count > Shape.MaxRank || count > int.MaxValue)
            throw Bad(file, $"expected at most {Shape.MaxRank} dimensions and {int.MaxValue} elements, got {text}", "Reshape or split it in NumPy.");
        // Column-major and row-major are the same for vectors and scalars.
        if (fortran == "True" && sizes.Count > 1)
            throw Bad(file, "expected row-major values, got fortran_order: True", "Save it in NumPy with numpy.ascontiguousarray(x).");
        return (dtype, new Shape([.. sizes]));
    }

    /// <summary>The text of one value of the header's dictionary: a quoted string, a word, or a tuple.</summary>
    private static string Value(string header, string key, string file)
    {
        int start = header.IndexOf($"'{key}':", StringComparison.Ordinal);
        if (start < 0) throw Bad(file, $"expected '{key}' in the header, got none", "The header is damaged.");
        ReadOnlySpan<char> rest = header.AsSpan(start + key.Length + 3).TrimStart();
        int end = rest.Length > 0 && rest[0] == '(' ? rest.IndexOf(')') + 1 : rest.IndexOfAny(',', '}');
        if (end <= 0) throw Bad(file, $"expected a value of '{key}' in the header, got none", "The header is damaged.");
        return rest[..end].Trim().ToString();
    }

    private static InvalidDataException Bad(string file, string what, string remedy) => new($"Npy \"{file}\": {what}. {remedy}");
}
