using System.Buffers.Binary;
using System.Security.Cryptography;
using Evenkeel.Data;

namespace Evenkeel.Serialization;

/// <summary>
/// Reads and writes safetensors files. A file has 8 bytes for N (little-endian), N bytes of JSON that give the place of
/// each tensor, then the values, little-endian and row-major.
/// </summary>
/// <remarks>
/// All types of the format are read and written. The large ones come first, so every tensor is aligned to its element.
/// Types that a tensor does not have widen without loss when they are asked for, and are written again unchanged; see
/// <see cref="TensorArchive"/>. A model in several files is read by its index (<c>model.safetensors.index.json</c>).
/// The reader checks names, sizes and places before it allocates memory. Models
/// and checkpoints are written with checksums, see <see cref="SafeTensorsSeal"/>. Source: the format's description at
/// github.com/huggingface/safetensors.
/// </remarks>
public static class SafeTensors
{
    /// <summary>The header's key for the strings.</summary>
    internal const string MetadataName = "__metadata__";

    /// <summary>The largest header the format allows.</summary>
    internal const long MaxHeaderBytes = 100_000_000;

    /// <summary>What it is, for errors.</summary>
    internal const string Kind = "a safetensors file";

    /// <summary>Writes a file as a whole or not at all; see <see cref="AtomicFile"/>.</summary>
    /// <param name="path">The file.</param>
    /// <param name="archive">The tensors and the metadata that are written.</param>
    /// <exception cref="IOException">The file could not be written; what was there before is unchanged.</exception>
    public static void Write(string path, TensorArchive archive)
    {
        ArgumentNullException.ThrowIfNull(archive);
        AtomicFile.Write(path, stream => Write(stream, archive));
    }

    /// <summary>Writes to a stream, from its current position.</summary>
    /// <param name="stream">The stream; it stays open.</param>
    /// <param name="archive">The tensors and the metadata that are written.</param>
    public static void Write(Stream stream, TensorArchive archive)
    {
        ArgumentNullException.ThrowIfNull(stream);
        ArgumentNullException.ThrowIfNull(archive);
        List<SafeTensorsEntry> layout = SafeTensorsHeader.Layout(archive);
        Write(stream, archive, SafeTensorsHeader.Write(archive.Metadata, layout), layout);
    }

    /// <summary>
    /// Writes a file with checksums, so that a flipped bit is noticed when the file is read; see
    /// <see cref="Write(string, TensorArchive)"/>.
    /// </summary>
    internal static void WriteSealed(string path, TensorArchive archive)
    {
        List<SafeTensorsEntry> layout = SafeTensorsHeader.Layout(archive);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (SafeTensorsEntry entry in layout.OrderBy(static entry => entry.Begin))
            hash.AppendData(archive.Items[entry.Name].Content);
        byte[] header = SafeTensorsSeal.Write(archive.Metadata, layout,
            Convert.ToHexStringLower(hash.GetHashAndReset()));
        AtomicFile.Write(path, stream => Write(stream, archive, header, layout));
    }

    private static void Write(Stream stream, TensorArchive archive, byte[] header, List<SafeTensorsEntry> layout)
    {
        Span<byte> length = stackalloc byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(length, header.Length);
        stream.Write(length);
        stream.Write(header);
        foreach (SafeTensorsEntry entry in layout.OrderBy(static entry => entry.Begin))
            stream.Write(archive.Items[entry.Name].Content);
    }

    /// <summary>
    /// Reads a file, or all files of an index (<c>model.safetensors.index.json</c>), which stand beside it.
    /// </summary>
    /// <exception cref="IOException">A file is missing or cannot be read.</exception>
    /// <exception cref="InvalidDataException">
    /// It is truncated, damaged, or not a safetensors file. The message says what was expected, what came, and what to
    /// do with a file of another kind.
    /// </exception>
    public static TensorArchive Read(string path) =>
        ShardIndex.Is(path) ? ShardIndex.Read(path, ReadOne) : ReadOne(path);

    private static TensorArchive ReadOne(string path)
    {
        using FileStream stream = FileFormat.Open("SafeTensors", path, Kind);
        return Read(stream, path);
    }

    /// <summary>Reads from the current position of a stream that can seek to its end.</summary>
    /// <param name="stream">The stream.</param>
    /// <param name="name">What errors call it.</param>
    /// <exception cref="InvalidDataException">It is truncated, damaged, or not in the safetensors format.</exception>
    public static TensorArchive Read(Stream stream, string name = "stream")
    {
        SeekableStream.Check("SafeTensors", stream);

        try
        {
            return ReadChecked(stream, name);
        }
        catch (EndOfStreamException exception)
        {
            throw SeekableStream.Shortened("SafeTensors", name, exception);
        }
    }

    private static TensorArchive ReadChecked(Stream stream, string name)
    {
        var archive = new TensorArchive { Source = name };
        List<SafeTensorsEntry> entries = ReadHeader(stream, name, archive.Metadata, out long start);
        foreach (SafeTensorsEntry entry in entries)
        {
            stream.Position = start + entry.Begin;
            archive.Read(entry.Name, stream, entry.End - entry.Begin, entry.Type, entry.Dimensions);
        }

        stream.Position = start + (entries.Count == 0 ? 0 : entries.Max(static entry => entry.End));
        return archive;
    }

    /// <summary>Reads the header and checks the file as far as it can be checked without its tensors.</summary>
    /// <param name="stream">The file, at its beginning.</param>
    /// <param name="name">What errors call it.</param>
    /// <param name="metadata">Takes the strings.</param>
    /// <param name="start">Where the data begin in the stream.</param>
    internal static List<SafeTensorsEntry> ReadHeader(
        Stream stream, string name, IDictionary<string, string> metadata, out long start)
    {
        long origin = stream.Position, available = stream.Length - origin;
        Span<byte> prefix = stackalloc byte[9];
        prefix = prefix[..stream.ReadAtLeast(prefix, prefix.Length, throwOnEndOfStream: false)];
        if (prefix.Length < 9 || prefix[8] != (byte)'{'
            || BinaryPrimitives.ReadUInt64LittleEndian(prefix) > MaxHeaderBytes)
            throw FileFormat.Wrong("SafeTensors", name, $"{Kind} (at least 8 bytes: the length of a header of at " +
                $"most {MaxHeaderBytes} bytes, which begins with '{{')", stream, origin);
        long length = BinaryPrimitives.ReadInt64LittleEndian(prefix), dataBytes = available - 8 - length;
        if (dataBytes < 0)
            throw SafeTensorsHeader.Bad(name, $"expected a header of {length} bytes, got {available - 8} bytes in " +
                "all after its length", "The file is truncated; fetch or save it again.");
        stream.Position = origin + 8;
        byte[] header = new byte[length];
        stream.ReadExactly(header);
        List<SafeTensorsEntry> entries = SafeTensorsHeader.Read(header, dataBytes, name, metadata);
        SafeTensorsSeal.Check(stream, header, entries, metadata, name);
        start = origin + 8 + length;
        return entries;
    }
}
