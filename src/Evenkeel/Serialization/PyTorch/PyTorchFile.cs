using System.Buffers.Binary;
using System.Numerics;
using Evenkeel.Data;

namespace Evenkeel.Serialization;

/// <summary>
/// Reads and writes PyTorch's files (<c>.pt</c>, <c>.pth</c>, <c>.bin</c>), as <c>torch.save</c> makes them: the zip
/// format since 1.6 and the one before it, and what <c>torch.jit.save</c> and libtorch write. Nothing in a file is
/// executed.
/// </summary>
/// <remarks>
/// <para>
/// Tensors get the names of the way to them, with dots: <c>state_dict.layer1.0.weight</c>. In lists and tuples the
/// places count from 0. A tensor that is alone in its file is called <c>tensor</c>, a storage is a tensor of one
/// dimension. Numbers, strings, truth values, None and names of types beside the tensors become
/// <see cref="TensorArchive.Metadata"/> under their names, in the form <c>3</c>, <c>0.1</c>, <c>True</c>, <c>None</c>:
/// the first 10,000, of at most 10,000 characters each and a million in all. Bytes are left out.
/// </para>
/// <para>
/// All types of PyTorch are read that have a name in <see cref="TensorArchive"/>. Views become row-major; views that
/// are the same, such as tied weights, become one tensor. Gradients' flags, hooks, devices and the attribute
/// <c>_metadata</c> of state dicts are ignored. Quantized, sparse and meta tensors are refused.
/// </para>
/// <para>
/// A pickle names classes and functions that Python would call. Those that make tensors, dictionaries and numbers are
/// known here by their names, and their results are worked out; all others are refused by name. The content may take
/// 8 times the size of the file and 1 MiB. Sources: torch/serialization.py, torch/_utils.py and Python's
/// pickletools.py.
/// </para>
/// </remarks>
public static class PyTorchFile
{
    private const string Kind = "a PyTorch file (.pt, .pth or .bin)";

    private const long FreeBytes = 1 << 20;

    /// <summary>The number at the beginning of a file of the format before 1.6.</summary>
    private static readonly BigInteger s_magic = BigInteger.Parse("119547037146038801333356",
        System.Globalization.CultureInfo.InvariantCulture);

    /// <summary>Writes a file as a whole or not at all; see <see cref="AtomicFile"/>.</summary>
    /// <param name="path">The file.</param>
    /// <param name="archive">The tensors and the metadata that are written.</param>
    /// <remarks>
    /// <c>torch.load</c> gives an <c>OrderedDict</c> of tensors with the archive's names, also with
    /// <c>weights_only=True</c>, and <c>load_state_dict</c> takes it. The strings are a dictionary in its attribute
    /// <c>metadata</c>. F8_E4M3, F8_E5M2, F8_E8M0, U16, U32 and U64 need PyTorch 2.3 or later (F8_E8M0: 2.7).
    /// </remarks>
    /// <exception cref="ArgumentException">PyTorch has no type for a tensor.</exception>
    /// <exception cref="IOException">The file could not be written; what was there before is unchanged.</exception>
    public static void Write(string path, TensorArchive archive)
    {
        ArgumentNullException.ThrowIfNull(archive);
        AtomicFile.Write(path, stream => Write(stream, archive));
    }

    /// <summary>Writes to a stream, from its current position; see the method above.</summary>
    /// <param name="stream">The stream; it stays open.</param>
    /// <param name="archive">The tensors and the metadata that are written.</param>
    /// <exception cref="ArgumentException">PyTorch has no type for a tensor.</exception>
    public static void Write(Stream stream, TensorArchive archive)
    {
        ArgumentNullException.ThrowIfNull(stream);
        ArgumentNullException.ThrowIfNull(archive);
        TorchWriter.Write(stream, archive);
    }

    /// <summary>Reads a file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="skipUnknown">
    /// Whether objects of unknown classes are left out. Each becomes a string in the metadata, for example
    /// <c>&lt;argparse.Namespace&gt;</c>, and the tensors beside it are read. Default: they are refused.
    /// </param>
    /// <exception cref="IOException">The file is missing or cannot be read.</exception>
    /// <exception cref="InvalidDataException">
    /// It is truncated, damaged or of another kind, or it holds something that is not read. The message says what it
    /// is, where it stands, and what to do.
    /// </exception>
    public static TensorArchive Read(string path, bool skipUnknown = false)
    {
        using FileStream stream = FileFormat.Open("PyTorchFile", path, Kind);
        return Read(stream, path, skipUnknown);
    }

    /// <summary>Reads a stream that can seek, from its current position to its end.</summary>
    /// <param name="stream">The stream.</param>
    /// <param name="name">What errors call it.</param>
    /// <param name="skipUnknown">Whether objects of unknown classes are left out; see the method above.</param>
    /// <exception cref="InvalidDataException">
    /// It is truncated, damaged or of another kind, or it holds something that is not read.
    /// </exception>
    public static TensorArchive Read(Stream stream, string name = "stream", bool skipUnknown = false)
    {
        SeekableStream.Check("PyTorchFile", stream);

        long origin = stream.Position, length = stream.Length - origin;
        var source = new TorchSource(name, new ReadBudget("PyTorchFile", name, (8 * length) + FreeBytes));
        byte[] head = new byte[(int)Math.Min(512, length)];
        try
        {
            stream.ReadExactly(head);
            stream.Position = origin;
            if (head.AsSpan().StartsWith("PK"u8)) return ReadZip(stream, origin, source, skipUnknown);
            if (IsOld(head)) return ReadOld(stream, source, skipUnknown);
        }
        catch (EndOfStreamException exception)
        {
            throw SeekableStream.Shortened("PyTorchFile", name, exception);
        }

        if (IsTar(head))
            throw FileFormat.Wrong("PyTorchFile", name, Kind, new FileFormat("a PyTorch file of the oldest form " +
                "(a tar archive)", "Load it with torch.load in Python, and save it again with torch.save."));
        throw FileFormat.Wrong("PyTorchFile", name, Kind, stream, origin);
    }

    /// <summary>The first pickle is a number in binary, or in decimal if the protocol is 0.</summary>
    private static bool IsOld(ReadOnlySpan<byte> head) =>
        head[..Math.Min(head.Length, 32)].IndexOf<byte>([0x8A, 10, .. s_magic.ToByteArray()]) >= 0
        || head.StartsWith("L119547037146038801333356L\n."u8);

    private static bool IsTar(ReadOnlySpan<byte> head)
    {
        if (head.Length < 263 || !head[257..].StartsWith("ustar"u8)) return false;
        foreach (string first in (string[])["sys_info", "pickle", "storages", "tensors"])
        {
            if (head.StartsWith(System.Text.Encoding.ASCII.GetBytes(first + "\0"))) return true;
        }

        return false;
    }

    private static TensorArchive ReadZip(Stream stream, long origin, TorchSource source, bool skipUnknown)
    {
        var zip = new TorchZip(stream, origin, source);
        // The folder has the name of the file, or any other.
        ZipEntry[] pickles = [.. zip.Entries.Where(static entry => IsRoot(entry.Name))];
        if (pickles.Length == 0) throw FileFormat.Wrong("PyTorchFile", source.Name, Kind, stream, origin);
        if (pickles.Length > 1)
            throw source.Bad($"expected one file data.pkl, got \"{pickles[0].Name}\" and \"{pickles[1].Name}\"",
                "Keep the folder that is wanted in the archive.");
        string root = pickles[0].Name[..^"data.pkl".Length];
        bool isBigEndian = IsBigEndian(stream, zip, root, source);
        long length = pickles[0].Size;
        if (length > PickleInput.MaxBytes)
            throw source.Bad($"expected at most {PickleInput.MaxBytes} bytes of data.pkl, got {length}",
                "Save the tensors without the other data.");
        Stream pickle = stream;
        if (pickles[0].Method == 0) pickle.Position = zip.PlaceOf(pickles[0]);
        else pickle = new MemoryStream(zip.Unpack(pickles[0]), writable: false);
        var reader = new PickleReader(new PickleInput(pickle, length, "data.pkl", source));
        object? value = reader.Read();
        var storages = new TorchStorages(stream, source, Find, zip.Unpack, isBigEndian);
        TensorArchive archive = Archive(value, reader, length, storages, source, skipUnknown);
        stream.Position = stream.Length;
        return archive;

        TorchPlace? Find(TorchStorage storage)
        {
            if (zip.Find($"{root}data/{storage.Key}") is not { } entry) return null;
            return entry.Method == 0 ? new TorchPlace(zip.PlaceOf(entry), entry.Size, null)
                : new TorchPlace(0, entry.Size, entry);
        }
    }

    /// <summary>Whether it is the file data.pkl in no folder or in one.</summary>
    private static bool IsRoot(string name) => name.Split('/') is ["data.pkl"] or [_, "data.pkl"];

    /// <summary>A file since 2.1 says in which order its bytes are; earlier ones have the upper byte last.</summary>
    private static bool IsBigEndian(Stream stream, TorchZip zip, string root, TorchSource source)
    {
        if (zip.Find(root + "byteorder") is not { } entry) return false;
        byte[] order = new byte[Math.Min(entry.Size, 8)];
        if (entry.Method != 0)
        {
            order = zip.Unpack(entry);
        }
        else
        {
            stream.Position = zip.PlaceOf(entry);
            stream.ReadExactly(order);
        }

        if (order.AsSpan().SequenceEqual("little"u8)) return false;
        return order.AsSpan().SequenceEqual("big"u8) ? true
            : throw source.Bad("expected \"little\" or \"big\" in the file byteorder, got other bytes",
                "The file is damaged; get it again.");
    }

    /// <summary>
    /// Five pickles (the magic number, the version 1001, facts about the machine, the object, the names of the
    /// storages), then each storage: its number of values in 8 bytes, and the values, always little-endian.
    /// </summary>
    private static TensorArchive ReadOld(Stream stream, TorchSource source, bool skipUnknown)
    {
        long begin = stream.Position;
        long length = Math.Min(stream.Length - begin, PickleInput.MaxBytes);
        var reader = new PickleReader(new PickleInput(stream, length, "the file", source));
        if (reader.Read() is not BigInteger magic || magic != s_magic || reader.Read() is not 1001L)
            throw source.Bad("expected version 1001 after the magic number, got another one",
                "Load it in Python and save it again with torch.save.");
        reader.Read();
        object? value = reader.Read();
        if (reader.Read() is not PickleNode { Kind: PickleKind.List } keys)
            throw reader.Input.Bad("expected the list of storages after the object, got something else");
        long bytes = reader.Input.Position;
        var places = new Dictionary<string, TorchPlace>(StringComparer.Ordinal);
        long place = begin + bytes;
        Span<byte> number = stackalloc byte[8];
        foreach (object? item in keys.Items)
        {
            if (item is not string key || !reader.Storages.TryGetValue(key, out TorchStorage? storage))
                throw source.Bad("expected names of storages that tensors have, got another one at the end of the " +
                    "pickles", "The file is damaged; get it again.");
            stream.Position = place;
            if (place > stream.Length - number.Length) throw Short(key, number.Length);
            stream.ReadExactly(number);
            long count = BinaryPrimitives.ReadInt64LittleEndian(number);
            if (count != storage.Count)
                throw source.Bad($"expected {storage.Count} values in the storage \"{key}\", got {count}",
                    "The file is damaged; get it again.");
            place += number.Length;
            if (count > (stream.Length - place) / storage.Type.Size)
                throw Short(key, (Int128)count * storage.Type.Size);
            if (!places.TryAdd(key, new TorchPlace(place, count * storage.Type.Size, null)))
                throw source.Bad($"expected each storage once, got \"{key}\" twice",
                    "The file is damaged; get it again.");
            place += count * storage.Type.Size;
        }

        var storages = new TorchStorages(stream, source, storage => places.TryGetValue(storage.Key, out TorchPlace at)
            ? at : null, static _ => [], isBigEndian: false);
        TensorArchive archive = Archive(value, reader, bytes, storages, source, skipUnknown);
        stream.Position = place;
        return archive;

        InvalidDataException Short(string key, Int128 needed) =>
            source.Bad($"expected {needed} bytes of the storage \"{key}\" at byte {place - begin}, got " +
                $"{stream.Length - place}", "The file is truncated; get it again.");
    }

    private static TensorArchive Archive(object? root, PickleReader reader, long bytes, TorchStorages storages,
        TorchSource source, bool skipUnknown)
    {
        var names = new TorchNames(source, skipUnknown);
        names.Walk(root, bytes);
        if (!skipUnknown && reader.FirstUnknown is { } unknown)
            throw names.Unknown(unknown.Value, $"at byte {unknown.Position} of its pickle");
        var archive = new TensorArchive { Source = source.Name };
        foreach ((string name, string text) in names.Metadata) archive.Metadata.Add(name, text);
        storages.Read(names.Tensors, archive);
        return archive;
    }
}
