using System.Buffers.Binary;

namespace Evenkeel.Data;

/// <summary>The content of an IDX file of bytes.</summary>
/// <param name="Values">All values, row-major.</param>
/// <param name="Sizes">The size of each axis. The number of samples comes first.</param>
public sealed record IdxArray(byte[] Values, IReadOnlyList<int> Sizes)
{
    /// <summary>For example <c>60000x28x28</c>.</summary>
    public override string ToString() => string.Join('x', Sizes);
}

/// <summary>
/// Reads IDX, the format of MNIST and its successors: a magic number (two zero bytes, the type, the number of axes),
/// the size of each axis, the values; every integer has 32 bits, the highest byte first. The file may be plain or
/// compressed by gzip; its first bytes decide, not its name. Source: LeCun, Cortes, Burges, "The MNIST database of
/// handwritten digits", section on file formats.
/// </summary>
public static class Idx
{
    private const byte ByteType = 0x08;
    private const int MaxAxes = 4;

    /// <summary>
    /// gzip's deflate expands one byte to at most 1032 bytes. A header that promises more is refused before anything is
    /// allocated.
    /// </summary>
    private const int MaxGzipRatio = 1032;

    /// <summary>Reads a file of bytes with one to four axes.</summary>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="InvalidDataException">
    /// It is not an IDX file of bytes, is truncated or damaged, or holds another number of values than its header says.
    /// </exception>
    public static IdxArray Read(string path)
    {
        using FileStream file = FileFormat.Open("Idx", path, "an IDX file");
        bool packed = file.ReadByte() == 0x1F && file.ReadByte() == 0x8B;
        file.Position = 0;
        if (!packed) return Read(path, file, file.Length);
        try
        {
            using PackedStream gzip = PackedStream.Gzip(file);
            return Read(path, gzip, file.Length * MaxGzipRatio);
        }
        catch (InvalidDataException failure) when (!failure.Message.StartsWith("Idx:", StringComparison.Ordinal))
        {
            throw new InvalidDataException(
                $"Idx: \"{path}\" cannot be unpacked: {failure.Message}. Get it again.", failure);
        }
    }

    /// <summary>Reads gray images (N, 1, rows, columns) and their labels.</summary>
    /// <param name="images">A file with the axes samples, rows, columns.</param>
    /// <param name="labels">A file with one axis, one label per sample.</param>
    /// <param name="classNames">The names of the classes, by label.</param>
    /// <param name="name">The name of the set, for reports.</param>
    /// <exception cref="FileNotFoundException">A file is missing.</exception>
    /// <exception cref="InvalidDataException">
    /// A file is damaged, has other axes, the numbers of images and labels differ, or a label names no class.
    /// </exception>
    public static ImageSet ReadImages(string images, string labels, IReadOnlyList<string> classNames, string name)
    {
        ArgumentNullException.ThrowIfNull(classNames);
        IdxArray pixels = Read(images), classes = Read(labels);
        if (pixels.Sizes.Count != 3)
        {
            throw new InvalidDataException($"Idx: expected images (3 axes: samples, rows, columns), "
                + $"got {pixels.Sizes.Count} axes ({pixels}) in \"{images}\".{Swapped(pixels)}");
        }

        if (classes.Sizes.Count != 1)
        {
            throw new InvalidDataException(
                $"Idx: expected labels (1 axis), got {classes.Sizes.Count} axes ({classes}) in \"{labels}\".");
        }

        if (pixels.Sizes[0] != classes.Sizes[0])
        {
            throw new InvalidDataException($"Idx: expected one label an image, got {pixels.Sizes[0]} images in "
                + $"\"{images}\" and {classes.Sizes[0]} labels in \"{labels}\".");
        }

        if (pixels.Values.Length == 0)
        {
            throw new InvalidDataException(
                $"Idx: expected at least one image of at least one pixel, got {pixels} in \"{images}\".");
        }

        var numbers = new int[classes.Values.Length];
        for (int i = 0; i < numbers.Length; i++)
        {
            numbers[i] = classes.Values[i];
            if (numbers[i] >= classNames.Count)
            {
                throw new InvalidDataException($"Idx: expected labels from 0 to {classNames.Count - 1}, "
                    + $"got {numbers[i]} for sample {i} in \"{labels}\".");
            }
        }

        return new ImageSet(pixels.Values, numbers, 1, pixels.Sizes[1], pixels.Sizes[2], classNames, name, images);
    }

    private static string Swapped(IdxArray array) => array.Sizes.Count == 1 ? " Are images and labels swapped?" : "";

    private static IdxArray Read(string path, Stream stream, long most)
    {
        Span<byte> number = stackalloc byte[4];
        if (stream.ReadAtLeast(number, 4, throwOnEndOfStream: false) < 4)
        {
            throw new InvalidDataException(
                $"Idx: expected a magic number, \"{path}\" ends before it: truncated. Get it again.");
        }

        if (number[0] != 0 || number[1] != 0)
            throw new InvalidDataException(
                $"Idx: expected a magic number 0000{ByteType:x2}.. (IDX, bytes), got " +
                    $"{Convert.ToHexStringLower(number)} in \"{path}\". {FileFormat.Sentence(path)}");
        if (number[2] != ByteType)
        {
            throw new InvalidDataException(
                $"Idx: expected values of type 08 (bytes), got type {number[2]:x2} in \"{path}\".");
        }

        int axes = number[3];
        if (axes is < 1 or > MaxAxes)
            throw new InvalidDataException($"Idx: expected 1 to {MaxAxes} axes, got {axes} in \"{path}\".");
        var sizes = new int[axes];
        long count = 1;
        for (int i = 0; i < axes; i++)
        {
            if (stream.ReadAtLeast(number, 4, throwOnEndOfStream: false) < 4)
            {
                throw new InvalidDataException(
                    $"Idx: expected the sizes of {axes} axes, \"{path}\" ends inside them: truncated. Get it again.");
            }

            uint size = BinaryPrimitives.ReadUInt32BigEndian(number);
            // Sizes stay below 2^31 and their product below 2^31 · 2^31, so it does not overflow.
            count = size > int.MaxValue || count > int.MaxValue ? long.MaxValue : count * size;
            sizes[i] = (int)size;
            if (count > most || count > Array.MaxLength)
            {
                throw new InvalidDataException($"Idx: the header of \"{path}\" promises more values than the file can "
                    + $"hold: truncated, or no IDX file. Get it again.");
            }
        }

        // Every byte is read before the array is returned. A missing byte is an error.
        byte[] values = GC.AllocateUninitializedArray<byte>((int)count);
        int got = stream.ReadAtLeast(values, values.Length, throwOnEndOfStream: false);
        string promised = $"{string.Join('x', sizes)} = {count} values";
        if (got < values.Length)
        {
            throw new InvalidDataException($"Idx: expected {promised} by its header, \"{path}\" holds {got}: "
                + $"truncated, or its count is wrong. Get it again.");
        }

        if (stream.ReadByte() >= 0)
        {
            throw new InvalidDataException(
                $"Idx: expected {promised} by its header, \"{path}\" holds more: its count is wrong. Get it again.");
        }

        return new IdxArray(values, sizes);
    }
}
