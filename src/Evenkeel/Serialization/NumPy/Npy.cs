using System.Numerics;
using Evenkeel.Data;

namespace Evenkeel.Serialization;

/// <summary>
/// Reads and writes NumPy's npy files: the bytes 93 'NUMPY', a version, the header's length, a Python dictionary with
/// <c>descr</c>, <c>fortran_order</c> and <c>shape</c>, then the values. Source: numpy.lib.format.
/// </summary>
/// <remarks>
/// Versions 1.0 to 3.0, both orders of bytes, and row-major and column-major (Fortran's) order are read, and all types
/// of numbers: floating-point numbers of 16 and 32 bits become Float32, of 64 bits Float64; integers and truth values
/// become Int64. Complex numbers, numbers of extended precision, texts, dates, records and Python objects are refused
/// by name. Several arrays in one file are read by <see cref="Npz"/>.
/// </remarks>
public static class Npy
{
    private const string Kind = "an npy file";

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
        stream.Write(NpyLayout.Start(NpyTypes.DescrOf(ElementType.Of(tensor.DType).Name)!,
            [.. tensor.Shape.Select(static size => (long)size)]));
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
    /// <param name="inputs">The file of inputs, (N, ...), floating-point numbers.</param>
    /// <param name="targets">
    /// The file of targets, (N, ...): class labels as integers, or floating-point numbers. Numbers of shape (N) become
    /// (N, 1).
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
                $"Npy.ReadDataset: expected inputs of floating-point numbers with samples along axis 0, got {x.DType} "
                + $"of shape {x.Shape} in \"{inputs}\". Convert them in NumPy: x.astype('<f4').");
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
        SeekableStream.Check("Npy", stream);

        return Whole(name, () => ReadChecked(stream, name));
    }

    /// <summary>Reads a file as an archive of one array, named <c>array</c>, whose values keep their type.</summary>
    internal static TensorArchive ReadArchive(string path)
    {
        using FileStream stream = FileFormat.Open("Npy", path, Kind);
        return Whole(path, () =>
        {
            var archive = new TensorArchive { Source = path };
            Begin(stream, path).ReadInto(archive, "array", stream, Label(path));
            return archive;
        });
    }

    /// <summary>Writes an archive of one array; see <see cref="Write(string, Tensor)"/>.</summary>
    /// <exception cref="ArgumentException">NumPy does not have the type.</exception>
    internal static void Write(string path, TensorArchive archive)
    {
        (string name, TensorArchive.Item item) = archive.Items.GetAt(0);
        string descr = NpyTypes.DescrOf(item.Type) ?? throw new ArgumentException(
            $"Npy: expected types that NumPy has ({NpyTypes.HeldNames}), got {item.Type} for \"{name}\". Take "
            + "ConvertedTo(StoredType.F32) of the archive (on the command line: --dtype F32).", nameof(archive));
        AtomicFile.Write(path, stream =>
        {
            stream.Write(NpyLayout.Start(descr, item.Dimensions));
            stream.Write(item.Content);
        });
    }

    private static string Label(string name) => $"Npy \"{name}\"";

    /// <summary>Reads a file that nobody may shorten meanwhile.</summary>
    private static T Whole<T>(string name, Func<T> read)
    {
        try
        {
            return read();
        }
        catch (EndOfStreamException exception)
        {
            throw SeekableStream.Shortened("Npy", name, exception);
        }
    }

    private static NpyLayout Begin(Stream stream, string name)
    {
        long origin = stream.Position;
        return NpyLayout.Read(stream, stream.Length - origin, Label(name))
            ?? throw FileFormat.Wrong("Npy", name, $"{Kind} (it begins with the bytes 93 'NUMPY')", stream, origin);
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
        string label = Label(name);
        NpyLayout layout = Begin(stream, name);
        if (layout.Type.Holder is not { } holder) throw Bad(label, $"expected real numbers, got complex ones " +
            $"({layout.Type.Name})", "Save their parts in NumPy: numpy.save(\"real.npy\", x.real), and x.imag alike.");
        if (!Shape.Holds(layout.Sizes)) throw Bad(label, $"expected at most {Shape.MaxRank} dimensions and " +
            $"{int.MaxValue} elements, got {layout.ShapeText}", "Reshape or split it in NumPy.");
        if (layout.Type.ShapeOf(layout.Sizes) is not { } shape) throw Bad(label, $"expected at most {Arena.MaxBytes} " +
            $"bytes for one tensor, got {ElementType.Of(holder).BytesOf(layout.Sizes)} for {holder} of shape " +
            $"{layout.ShapeText}", "Split it in NumPy.");
        if (layout.Type.IsNative)
        {
            Tensor tensor = Tensor.Empty(shape, holder);
            layout.ReadValues(stream, tensor.Bytes());
            return tensor;
        }

        byte[] bytes = new byte[layout.Bytes];
        layout.ReadValues(stream, bytes);
        return layout.Type.Holds(bytes) ? layout.Type.Widen(bytes, shape)
            : throw Bad(label, "expected integers below 2^63, got larger ones (uint64)",
                "Convert them in NumPy: x.astype('<f8').");
    }

    /// <summary>The error of a file, or of one array in a file of several.</summary>
    internal static InvalidDataException Bad(string label, string what, string remedy) =>
        new($"{label}: {what}. {remedy}");
}
