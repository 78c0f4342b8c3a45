using System.Buffers.Binary;
using System.Numerics;
using System.Text;
using Evenkeel.Data;

namespace Evenkeel.Serialization;

/// <summary>
/// Reads and writes NumPy's npy files: the bytes 93 'NUMPY', a version, the header's length, a Python dictionary with
/// <c>descr</c>, <c>fortran_order</c> and <c>shape</c>, then the values. Types: <c>&lt;f4</c>, <c>&lt;f8</c>,
/// <c>&lt;i8</c>. Source: numpy.lib.format.
/// </summary>
public static class Npy
{
    private const string Kind = "an npy file";

    /// <summary>
    /// The header of an array of numbers takes about a hundred bytes. NumPy itself refuses more than 10,000.
    /// </summary>
    private const int MaxHeaderBytes = 1 << 16;

    // A u8 literal would encode 0x93 as two bytes.
    private static ReadOnlySpan<byte> Magic => [0x93, (byte)'N', (byte)'U', (byte)'M', (byte)'P', (byte)'Y'];

    /// <summary>Writes a file of version 1.0 as a whole or not at all.</summary>
    /// <param name="path">The file.</param>
    /// <param name="tensor">The array that is written.</param>
    /// <exception cref="IOException">The file could not be written; what was there before is unchanged.</exception>
    public static void Write(string path, Tensor tensor)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        AtomicFile.Write(path, stream => Write(stream, tensor));
    }

    /// <summary>Writes version 1.0 to a stream, from its current position.</summary>
    /// <param name="stream">The stream; it stays open.</param>
    /// <param name="tensor">The array that is written.</param>
    public static void Write(Stream stream, Tensor tensor)
    {
        ArgumentNullException.ThrowIfNull(stream);
        ArgumentNullException.ThrowIfNull(tensor);
        string descr = tensor.DType switch { DType.Float32 => "<f4", DType.Float64 => "<f8", _ => "<i8" };
        string shape = string.Join(", ", tensor.Shape.ToArray()) + (tensor.Shape.Rank == 1 ? "," : "");
        string header = $"{{'descr': '{descr}', 'fortran_order': False, 'shape': ({shape}), }}";
        // Magic, version and length take 10 bytes. The header ends with a line break at a multiple of 64.
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

    /// <summary>Reads a file of version 1.0, 2.0 or 3.0.</summary>
    /// <exception cref="IOException">The file is missing or cannot be read.</exception>
    /// <exception cref="InvalidDataException">
    /// It is truncated, damaged, of another type, or not an npy file. The message says what to do with a file of
    /// another kind.
    /// </exception>
    public static Tensor Read(string path)
    {
        using FileStream stream = FileFormat.Open("Npy", path, Kind);
        return Read(stream, path);
    }

    /// <summary>Samples and targets from two npy files, as <c>numpy.save</c> writes them.</summary>
    /// <param name="inputs">The file of inputs, (N, ...), float32 or float64.</param>
    /// <param name="targets">
    /// The file of targets, (N, ...): class labels of int64, or numbers of float32 or float64. Numbers of shape (N)
    /// become (N, 1).
    /// </param>
    /// <exception cref="IOException">A file is missing or cannot be read.</exception>
    /// <exception cref="InvalidDataException">
    /// A file is damaged or of another kind (<see cref="Read(string)"/>), there is no sample, the numbers of inputs
    /// and targets differ, or a value is not finite.
    /// </exception>
    public static TensorDataset ReadDataset(string inputs, string targets)
    {
        Tensor x = Read(inputs), y = Read(targets);
        if (x.Shape.Rank < 1 || x.Shape[0] < 1 || !x.DType.IsFloatingPoint())
        {
            throw new InvalidDataException(
                $"Npy.ReadDataset: expected inputs of float32 or float64 with samples along axis 0, got {x.DType} of "
                + $"shape {x.Shape} in \"{inputs}\". Convert them in NumPy: x.astype('<f4').");
        }

        if (y.Shape.Rank < 1 || y.Shape[0] != x.Shape[0])
        {
            throw new InvalidDataException(
                $"Npy.ReadDataset: expected targets for {x.Shape[0]} samples along axis 0, got {y.DType} of shape "
                + $"{y.Shape} in \"{targets}\".");
        }

        foreach ((Tensor tensor, string path) in ((Tensor, string)[])[(x, inputs), (y, targets)])
        {
            if (NotFinite(tensor) is not (>= 0 and int at)) continue;
            throw new InvalidDataException(
                $"Npy.ReadDataset: expected finite values, got {tensor.ValueAt(at)} in sample "
                + $"{at / (tensor.Count / tensor.Shape[0])} of \"{path}\". Correct the value, or leave out the "
                + "sample.");
        }

        return new TensorDataset(x, y.DType.IsFloatingPoint() && y.Shape.Rank == 1 ? y.Reshape(y.Shape[0], 1) : y);
    }

    /// <summary>Reads to the end of a stream that can seek.</summary>
    /// <param name="stream">The stream.</param>
    /// <param name="name">What errors call it.</param>
    /// <exception cref="InvalidDataException">
    /// It is truncated, damaged, of another type, or not in the npy format.
    /// </exception>
    public static Tensor Read(Stream stream, string name = "stream")
    {
        ArgumentNullException.ThrowIfNull(stream);
        if (!stream.CanSeek)
        {
            throw new ArgumentException(
                "Npy: expected a stream that can seek (its length is checked first). Copy it into a MemoryStream.",
                nameof(stream));
        }

        try
        {
            return ReadChecked(stream, name);
        }
        catch (EndOfStreamException exception)
        {
            throw new InvalidDataException($"Npy \"{name}\": expected a file that stays as it is, it became shorter " +
                "while it was read. Read it again when its writer is done.", exception);
        }
    }

    /// <summary>The place of the first value that is NaN or infinite, or -1.</summary>
    private static int NotFinite(Tensor tensor) => tensor.DType switch
    {
        DType.Float32 => First<float>(tensor),
        DType.Float64 => First<double>(tensor),
        _ => -1,
    };

    private static int First<T>(Tensor tensor) where T : unmanaged, INumber<T>
    {
        ReadOnlySpan<T> values = tensor.AsSpan<T>();
        for (int i = 0; i < values.Length; i++)
        {
            if (!T.IsFinite(values[i])) return i;
        }

        return -1;
    }

    private static Tensor ReadChecked(Stream stream, string name)
    {
        long origin = stream.Position, available = stream.Length - origin;
        Span<byte> start = stackalloc byte[8];
        if (stream.ReadAtLeast(start, start.Length, throwOnEndOfStream: false) < start.Length
            || !start.StartsWith(Magic))
            throw FileFormat.Wrong("Npy", name, $"{Kind} (it begins with the bytes 93 'NUMPY')", stream, origin);
        // Version 3.0 is version 2.0 with UTF-8 instead of Latin-1, for names of fields. No file that can be read here
        // has fields.
        int lengthBytes = start[6] switch
        {
            1 => 2,
            2 or 3 => 4,
            _ => throw Bad(name, $"expected version 1.0, 2.0 or 3.0, got {start[6]}.{start[7]}",
                "Save it with a plain numpy.save."),
        };
        if (available < 8 + lengthBytes)
            throw Bad(name, "expected the header's length, got the end of the file", "The file is truncated.");
        stream.ReadExactly(start[..lengthBytes]);
        long length = lengthBytes == 2
            ? BinaryPrimitives.ReadUInt16LittleEndian(start)
            : BinaryPrimitives.ReadUInt32LittleEndian(start);
        long data = available - 8 - lengthBytes - length;
        if (data < 0)
        {
            throw Bad(name,
                $"expected a header of {length} bytes, got {available - 8 - lengthBytes}", "The file is truncated.");
        }

        if (length > MaxHeaderBytes) throw Bad(name, $"expected a header of at most {MaxHeaderBytes} bytes, got " +
            $"{length}", "The header is damaged, or the array is not of plain numbers.");
        byte[] header = new byte[length];
        stream.ReadExactly(header);
        (DType dtype, Shape shape) = NpyHeader.Parse(Encoding.Latin1.GetString(header), name);
        long expected = (long)shape.Count * dtype.SizeInBytes();
        if (data != expected)
        {
            throw Bad(name, $"expected {expected} bytes of data for {dtype} of shape {shape}, got {data}",
                data < expected ? "The file is truncated." : "There is something after the data: the file is damaged.");
        }

        if (expected > Arena.MaxBytes) throw Bad(name, $"expected at most {Arena.MaxBytes} bytes for one tensor, got " +
            $"{expected} for {dtype} of shape {shape}", "Split it in NumPy.");
        Tensor tensor = Tensor.Empty(shape, dtype);
        stream.ReadExactly(tensor.Bytes());
        return tensor;
    }

    internal static InvalidDataException Bad(string file, string what, string remedy) =>
        new($"Npy \"{file}\": {what}. {remedy}");
}
