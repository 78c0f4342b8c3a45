using System.Buffers.Binary;
using System.Security.Cryptography;

namespace Evenkeel.Serialization;

/// <summary>
/// Reads and writes safetensors files: 8 bytes N (little-endian), N bytes of JSON that say what lies where, then the values, little-endian and row-major.
/// </summary>
/// <remarks>
/// Written types: F32, F64, I64, and U8 for blocks of bytes; the 8-byte types come first, so every tensor is aligned to its element. Also read: F16 and BF16, which become
/// Float32 without loss. The reader trusts nothing: names, sizes and places are checked before memory is taken.
/// A file with the metadata key <c>evenkeel.sha256</c> (models and checkpoints are written with it) is checked against it.
/// Source: the format's description at github.com/huggingface/safetensors.
/// </remarks>
public static class SafeTensors
{
    /// <summary>The header's key for strings.</summary>
    internal const string MetadataName = "__metadata__";

    /// <summary>The metadata key for the SHA-256 of all bytes after the header.</summary>
    internal const string ChecksumName = "evenkeel.sha256";

    /// <summary>The largest header the format allows.</summary>
    internal const long MaxHeaderBytes = 100_000_000;

    /// <summary>Writes a file as a whole or not at all; see <see cref="AtomicFile"/>.</summary>
    /// <exception cref="IOException">The file could not be written; what was there before is unchanged.</exception>
    public static void Write(string path, TensorArchive archive)
    {
        ArgumentNullException.ThrowIfNull(archive);
        AtomicFile.Write(path, stream => Write(stream, archive));
    }

    /// <summary>Writes to a stream, from its current position.</summary>
    public static void Write(Stream stream, TensorArchive archive)
    {
        ArgumentNullException.ThrowIfNull(stream);
        ArgumentNullException.ThrowIfNull(archive);
        List<SafeTensorsEntry> layout = SafeTensorsHeader.Layout(archive);
        byte[] header = SafeTensorsHeader.Write(archive, layout);
        Span<byte> length = stackalloc byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(length, header.Length);
        stream.Write(length);
        stream.Write(header);
        layout.Sort(static (left, right) => left.Begin.CompareTo(right.Begin));
        foreach (SafeTensorsEntry entry in layout) stream.Write(BytesOf(archive.Items[entry.Name]));
    }

    /// <summary>Writes a file with the checksum of its data, so that a flipped bit is noticed when it is read; see <see cref="Write(string, TensorArchive)"/>.</summary>
    internal static void WriteWithChecksum(string path, TensorArchive archive)
    {
        List<SafeTensorsEntry> layout = SafeTensorsHeader.Layout(archive);
        layout.Sort(static (left, right) => left.Begin.CompareTo(right.Begin));
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (SafeTensorsEntry entry in layout) hash.AppendData(BytesOf(archive.Items[entry.Name]));
        archive.Metadata[ChecksumName] = Convert.ToHexStringLower(hash.GetHashAndReset());
        Write(path, archive);
    }

    private static ReadOnlySpan<byte> BytesOf(TensorArchive.Item item) => item.Tensor is { } tensor ? tensor.Bytes() : item.Bytes;

    /// <summary>Reads a file.</summary>
    /// <exception cref="IOException">The file is missing or cannot be read.</exception>
    /// <exception cref="InvalidDataException">It is truncated, damaged, or not a safetensors file; the message says what was expected and what came.</exception>
    public static TensorArchive Read(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 1 << 16);
        return Read(stream, path);
    }

    /// <summary>Reads from the current position of a stream that can seek to its end.</summary>
    /// <param name="stream">The stream.</param>
    /// <param name="name">What errors call it.</param>
    /// <exception cref="InvalidDataException">It is truncated, damaged, or not in the safetensors format.</exception>
    public static TensorArchive Read(Stream stream, string name = "stream")
    {
        ArgumentNullException.ThrowIfNull(stream);
        if (!stream.CanSeek)
            throw new ArgumentException("SafeTensors: expected a stream that can seek (its length is checked first). Copy it into a MemoryStream.", nameof(stream));
        long available = stream.Length - stream.Position;
        if (available < 8)
            throw SafeTensorsHeader.Bad(name, $"expected at least 8 bytes (the header's length), got {available}", "The file is truncated or empty; fetch or save it again.");
        Span<byte> prefix = stackalloc byte[8];
        stream.ReadExactly(prefix);
        ulong length = BinaryPrimitives.ReadUInt64LittleEndian(prefix);
        if (length > MaxHeaderBytes)
            throw SafeTensorsHeader.Bad(name, $"expected a header of at most {MaxHeaderBytes} bytes, got {length}", "This is not a safetensors file, or it is damaged.");
        if ((long)length > available - 8)
            throw SafeTensorsHeader.Bad(name, $"expected a header of {length} bytes, got {available - 8} bytes in all after its length", "The file is truncated; fetch or save it again.");
        byte[] header = new byte[length];
        stream.ReadExactly(header);
        var archive = new TensorArchive();
        List<SafeTensorsEntry> entries = SafeTensorsHeader.Read(header, available - 8 - (long)length, name, archive.Metadata);
        long start = stream.Position;
        // The checksum is of this file: it does not stay in the archive, which may be changed and written anew.
        if (archive.Metadata.TryGetValue(ChecksumName, out string? expected))
        {
            archive.Metadata.Remove(ChecksumName);
            string actual = Convert.ToHexStringLower(SHA256.HashData(stream));
            if (actual != expected)
                throw SafeTensorsHeader.Bad(name, $"expected data with SHA-256 {expected}, got {actual}", "The file is damaged; fetch or save it again, or use an earlier one.");
        }

        foreach (SafeTensorsEntry entry in entries)
        {
            stream.Position = start + entry.Begin;
            ReadEntry(stream, entry, archive);
        }

        stream.Position = start + (available - 8 - (long)length);
        return archive;
    }

    private static void ReadEntry(Stream stream, SafeTensorsEntry entry, TensorArchive archive)
    {
        if (entry.Type == "U8")
        {
            byte[] bytes = new byte[entry.End - entry.Begin];
            stream.ReadExactly(bytes);
            archive.Add(entry.Name, bytes);
            return;
        }

        Tensor tensor = Tensor.Empty(entry.Shape, entry.Type switch { "F64" => DType.Float64, "I64" => DType.Int64, _ => DType.Float32 });
        if (entry.Type is "F16" or "BF16")
        {
            byte[] narrow = new byte[entry.End - entry.Begin];
            stream.ReadExactly(narrow);
            Span<float> wide = tensor.AsSpan<float>();
            for (int i = 0; i < wide.Length; i++)
            {
                ushort bits = BinaryPrimitives.ReadUInt16LittleEndian(narrow.AsSpan(2 * i));
                wide[i] = entry.Type == "F16" ? (float)BitConverter.UInt16BitsToHalf(bits) : BitConverter.UInt32BitsToSingle((uint)bits << 16);
            }
        }
        else
        {
            stream.ReadExactly(tensor.Bytes());
        }

        archive.Add(entry.Name, tensor);
    }
}
