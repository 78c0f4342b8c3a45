using System.IO.Compression;
using Evenkeel.Data;

namespace Evenkeel.Serialization;

/// <summary>
/// Reads and writes NumPy's npz files: a zip archive with one npy file per array (<see cref="Npy"/>), whose name is
/// the array's name and <c>.npy</c>. Source: numpy.savez and numpy.savez_compressed.
/// </summary>
/// <remarks>
/// <para>All types of numbers are read and written as they are, also complex ones and those of 8 and 16 bits; see
/// <see cref="TensorArchive"/>. Big-endian and column-major (Fortran's) values become little-endian and row-major. The
/// checksum of each array is verified.</para>
/// <para>Entries that are not <c>.npy</c> files, encrypted ones, a name that stands twice or leads out of a folder
/// (<c>../x</c>), and arrays that are not of numbers are refused by name. Entries of folders are passed over. Nothing
/// is unpacked to a disk.</para>
/// </remarks>
public static class Npz
{
    /// <summary>NumPy has no arrays of more dimensions.</summary>
    private const int MaxRank = 64;

    private const string Kind = "an npz file (a zip archive of .npy files)";
    private const string Suffix = ".npy";

    /// <summary>The most that a small file may hold: packed zeros take a thousandth of their space.</summary>
    private const long MostAnyway = 256L << 20;

    /// <summary>How many times its own size a large file may hold, and an array unpacked at the first try.</summary>
    private const long MostTimes = 20;

    private const string Damaged = "The file is damaged; fetch or save it again.";

    /// <summary>The date of all entries, as in NumPy's own files: the first that a zip archive can hold.</summary>
    private static readonly DateTimeOffset s_date = new(1980, 1, 1, 0, 0, 0, TimeSpan.Zero);

    /// <summary>Writes a file as a whole or not at all; see <see cref="AtomicFile"/>.</summary>
    /// <param name="path">The file.</param>
    /// <param name="archive">The arrays. The strings of its metadata are not written: the format has no place for them.
    /// </param>
    /// <param name="compress">
    /// Whether the values are compressed, as by numpy.savez_compressed. Weights become about 7 % smaller, and take some
    /// 25 times as long.
    /// </param>
    /// <exception cref="ArgumentException">
    /// NumPy does not have the type of some values (BF16, F8_E4M3), or a name cannot be that of a file in an archive.
    /// </exception>
    /// <exception cref="IOException">The file could not be written; what was there before is unchanged.</exception>
    public static void Write(string path, TensorArchive archive, bool compress = false)
    {
        Check(archive);
        AtomicFile.Write(path, stream => Write(stream, archive, compress));
    }

    /// <summary>
    /// Writes to a stream, from its current position. Equal archives give equal bytes on one platform and version of
    /// .NET.
    /// </summary>
    /// <param name="stream">The stream; it stays open.</param>
    /// <param name="archive">The arrays.</param>
    /// <param name="compress">Whether the values are compressed.</param>
    /// <exception cref="ArgumentException">See the method above.</exception>
    public static void Write(Stream stream, TensorArchive archive, bool compress = false)
    {
        ArgumentNullException.ThrowIfNull(stream);
        Check(archive);
        using var zip = new ZipArchive(stream, ZipArchiveMode.Create, leaveOpen: true);
        foreach ((string name, TensorArchive.Item item) in archive.Items)
        {
            ZipArchiveEntry entry = zip.CreateEntry(name + Suffix, compress
                ? CompressionLevel.Optimal
                : CompressionLevel.NoCompression);
            entry.LastWriteTime = s_date;
            using Stream content = entry.Open();
            content.Write(NpyLayout.Start(NpyTypes.DescrOf(item.Type)!, item.Dimensions));
            content.Write(item.Content);
        }
    }

    /// <summary>Reads a file. The arrays keep the order and the types that they have in it.</summary>
    /// <param name="path">The file.</param>
    /// <param name="maxBytes">
    /// The most bytes that all arrays may have in memory. By default the larger of 256 MiB and 20 times the size of the
    /// file, because a small archive can unpack to any size.
    /// </param>
    /// <exception cref="IOException">The file is missing or cannot be read.</exception>
    /// <exception cref="InvalidDataException">
    /// It is truncated, damaged, larger than <paramref name="maxBytes"/>, or not an npz file of plain numbers. The
    /// message names the array and says what to do.
    /// </exception>
    public static TensorArchive Read(string path, long? maxBytes = null)
    {
        using FileStream stream = FileFormat.Open("Npz", path, Kind);
        return Read(stream, path, maxBytes);
    }

    /// <summary>Reads a stream that can seek, from its first byte to its end.</summary>
    /// <param name="stream">The stream; it stays open.</param>
    /// <param name="name">What errors call it.</param>
    /// <param name="maxBytes">See the method above.</param>
    /// <exception cref="InvalidDataException">See the method above.</exception>
    public static TensorArchive Read(Stream stream, string name = "stream", long? maxBytes = null)
    {
        ArgumentNullException.ThrowIfNull(stream);
        if (maxBytes < 0)
        {
            throw new ArgumentOutOfRangeException(nameof(maxBytes),
                $"Npz: expected maxBytes of 0 or more, got {maxBytes}.");
        }

        if (!stream.CanSeek)
        {
            throw new ArgumentException(
                "Npz: expected a stream that can seek (the list of arrays is at its end). Copy it into a MemoryStream.",
                nameof(stream));
        }

        stream.Position = 0;
        Span<byte> start = stackalloc byte[2];
        if (stream.ReadAtLeast(start, start.Length, throwOnEndOfStream: false) < start.Length
            || !start.SequenceEqual("PK"u8)) throw FileFormat.Wrong("Npz", name, Kind, stream);
        string label = $"Npz \"{name}\"";
        try
        {
            using var zip = new ZipArchive(stream, ZipArchiveMode.Read, leaveOpen: true);
            return Read(zip, stream, name, label, maxBytes);
        }
        catch (InvalidDataException exception) when (!exception.Message.StartsWith(label, StringComparison.Ordinal))
        {
            throw new InvalidDataException($"{label}: expected a whole zip archive, got one that is damaged or " +
                $"truncated ({exception.Message.TrimEnd('.')}). Fetch or save it again.", exception);
        }
    }

    private static TensorArchive Read(ZipArchive zip, Stream stream, string name, string label, long? maxBytes)
    {
        if (zip.Entries.Count > 0 && !zip.Entries.Any(static entry => IsArray(entry)))
            throw FileFormat.Wrong("Npz", name, Kind, stream);
        var archive = new TensorArchive { Source = name };
        var budget = new ReadBudget("Npz", name, maxBytes ?? Math.Max(MostAnyway, MostTimes * stream.Length),
            "If you trust it, read it with Npz.Read and a larger maxBytes.");
        foreach (ZipArchiveEntry entry in zip.Entries)
        {
            // Folders.
            if (entry.FullName.EndsWith('/') && entry.Length == 0) continue;
            if (!IsArray(entry)) throw Npy.Bad(label, $"expected files of arrays (.npy), got \"{entry.FullName}\"",
                "Save the arrays alone with numpy.savez.");
            string array = entry.FullName[..^Suffix.Length];
            if (Fault(array) is { } fault) throw Npy.Bad(label, $"expected the name of an array, got \"{array}\", " +
                fault, "Save the array under another name.");
            if (archive.Contains(array)) throw Npy.Bad(label, $"expected each array once, got \"{array}\" twice",
                "Save them anew with numpy.savez.");
            Read(entry, array, archive, budget, $"{label}, array \"{array}\"");
        }

        return archive;
    }

    private static void Read(ZipArchiveEntry entry, string name, TensorArchive archive, ReadBudget budget, string label)
    {
        if (entry.IsEncrypted) throw Npy.Bad(label, "expected plain values, got encrypted ones",
            "Save it without a password.");
        try
        {
            // What is much larger than its packed bytes takes no memory before it has proved to be there.
            bool isSuspicious = entry.Length / MostTimes > entry.CompressedLength;
            budget.Take(entry.Length, $"the array \"{name}\"");
            if (isSuspicious) Unpack(entry, label);
            using var stream = new Crc32Stream(entry.Open());
            NpyLayout layout = NpyLayout.Read(stream, entry.Length, label)
                ?? throw Npy.Bad(label, "expected an npy file (it begins with the bytes 93 'NUMPY'), got another one",
                    Damaged);
            layout.ReadInto(archive, name, stream, label);
            if (stream.Crc != entry.Crc32) throw Npy.Bad(label, $"expected bytes with the checksum {entry.Crc32:x8}, " +
                $"got {stream.Crc:x8}", Damaged);
        }
        catch (EndOfStreamException exception)
        {
            throw new InvalidDataException(
                $"{label}: expected {entry.Length} bytes, got fewer. {Damaged}", exception);
        }
        catch (InvalidDataException exception) when (!exception.Message.StartsWith("Npz \"", StringComparison.Ordinal))
        {
            throw new InvalidDataException($"{label}: expected values that can be unpacked, got damaged ones, or " +
                $"ones packed by a method that .NET does not have ({exception.Message.TrimEnd('.')}). Fetch the file " +
                "again, or save it with numpy.savez_compressed.", exception);
        }
    }

    /// <summary>Unpacks an entry for its length alone.</summary>
    private static void Unpack(ZipArchiveEntry entry, string label)
    {
        using Stream stream = entry.Open();
        byte[] buffer = new byte[1 << 16];
        long length = 0;
        while (stream.Read(buffer) is > 0 and int read) length += read;
        if (length != entry.Length)
            throw Npy.Bad(label, $"expected {entry.Length} bytes, got {length}", Damaged);
    }

    private static bool IsArray(ZipArchiveEntry entry) => entry.FullName.EndsWith(Suffix, StringComparison.Ordinal);

    /// <summary>What is wrong with an array's name; null if nothing is.</summary>
    private static string? Fault(string name) =>
        name == SafeTensors.MetadataName ? "which safetensors keeps for strings"
        : name.Split('/', '\\') is ["", _, ..] ? "which is a path from a root"
        : name.Split('/', '\\').Contains("..") ? "which leads out of a folder" : null;

    private static void Check(TensorArchive archive)
    {
        ArgumentNullException.ThrowIfNull(archive);
        foreach ((string name, TensorArchive.Item item) in archive.Items)
        {
            if (NpyTypes.DescrOf(item.Type) is null)
            {
                throw new ArgumentException($"Npz: expected types that NumPy has ({NpyTypes.HeldNames}), got " +
                    $"{item.Type} for \"{name}\". Take ConvertedTo(StoredType.F32) of the archive (on the command " +
                    "line: --dtype F32), or write a safetensors file.", nameof(archive));
            }

            if (item.Dimensions.Length > MaxRank)
            {
                throw new ArgumentException($"Npz: expected at most {MaxRank} dimensions, got " +
                    $"{item.Dimensions.Length} for \"{name}\". Merge some of them.", nameof(archive));
            }

            if (Fault(name) is { } fault)
            {
                throw new ArgumentException(
                    $"Npz: expected the name of an array, got \"{name}\", {fault}. Choose another one.",
                    nameof(archive));
            }
        }
    }
}
