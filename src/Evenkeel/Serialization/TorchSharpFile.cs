using System.Text;
using Evenkeel.Data;

namespace Evenkeel.Serialization;

/// <summary>
/// Reads and writes TorchSharp's files of weights (often .dat), which its <c>module.save</c> and <c>module.load</c>
/// take. Such a file is the number of tensors, then for each of them: the length of its name, the name in UTF-8, the
/// number of its type, the number of its dimensions, their sizes, and its values, little-endian and row-major. All
/// numbers are LEB128: seven bits in a byte, the lowest first.
/// </summary>
/// <remarks>
/// The types are those of TorchSharp: U8, I8, I16, I32, I64, F16, BF16, F32, F64, C64, C128 and BOOL; they are kept as
/// they are. Quantized numbers are refused by name. The format has no checksum and no place for strings. Source:
/// Module.cs and TensorExtensionMethods.cs of github.com/dotnet/TorchSharp, version 0.107.
/// </remarks>
public static class TorchSharpFile
{
    private const string Kind = "a file of weights of TorchSharp (it begins with the number of tensors and a name)";

    /// <summary>The dimensions of a tensor. They are fewer than the code of a letter: text never fits.</summary>
    private const int MaxRank = 24;

    private const int MaxNameBytes = 1 << 16;

    private const string Damaged = "The file is damaged; fetch or save it again.";

    /// <summary>The number of a type is its place.</summary>
    private static readonly string?[] s_types = ["U8", "I8", "I16", "I32", "I64", "F16", "F32", "F64", null, "C64",
        "C128", "BOOL", null, null, null, "BF16"];

    /// <summary>Writes a file as a whole or not at all; see <see cref="AtomicFile"/>.</summary>
    /// <param name="path">The file.</param>
    /// <param name="archive">
    /// The tensors, in the order of the file. The strings of its metadata are not written: the format has no place for
    /// them.
    /// </param>
    /// <exception cref="ArgumentException">TorchSharp does not have the type of some values (U16, F8_E4M3).</exception>
    /// <exception cref="IOException">The file could not be written; what was there before is unchanged.</exception>
    public static void Write(string path, TensorArchive archive)
    {
        Check(archive);
        AtomicFile.Write(path, stream => Write(stream, archive));
    }

    /// <summary>Writes to a stream, from its current position.</summary>
    /// <param name="stream">The stream; it stays open.</param>
    /// <param name="archive">The tensors.</param>
    /// <exception cref="ArgumentException">See the method above.</exception>
    public static void Write(Stream stream, TensorArchive archive)
    {
        ArgumentNullException.ThrowIfNull(stream);
        Check(archive);
        using var writer = new BinaryWriter(stream, Encoding.UTF8, leaveOpen: true);
        writer.Write7BitEncodedInt(archive.Names.Count);
        foreach ((string name, TensorArchive.Item item) in archive.Items)
        {
            writer.Write(name);
            writer.Write7BitEncodedInt(Array.IndexOf(s_types, item.Type));
            writer.Write7BitEncodedInt(item.Dimensions.Length);
            foreach (long size in item.Dimensions) writer.Write7BitEncodedInt64(size);
            writer.Write(item.Content);
        }
    }

    /// <summary>Reads a file.</summary>
    /// <exception cref="IOException">The file is missing or cannot be read.</exception>
    /// <exception cref="InvalidDataException">
    /// It is truncated, damaged, or not a file of TorchSharp. The message says what to do with a file of another kind.
    /// </exception>
    public static TensorArchive Read(string path)
    {
        using FileStream stream = FileFormat.Open("TorchSharpFile", path, Kind);
        return Read(stream, path);
    }

    /// <summary>Reads from the current position of a stream that can seek to its end.</summary>
    /// <param name="stream">The stream; it stays open.</param>
    /// <param name="name">What errors call it.</param>
    /// <exception cref="InvalidDataException">It is truncated, damaged, or not in TorchSharp's format.</exception>
    public static TensorArchive Read(Stream stream, string name = "stream")
    {
        SeekableStream.Check("TorchSharpFile", stream);

        try
        {
            return ReadChecked(stream, name);
        }
        catch (EndOfStreamException exception)
        {
            throw SeekableStream.Shortened("TorchSharpFile", name, exception);
        }
    }

    /// <summary>
    /// Whether a stream holds such a file from its position on. The format has no signature: its structure decides. The
    /// position is restored.
    /// </summary>
    internal static bool LooksLike(Stream stream)
    {
        const int Most = 32;
        long origin = stream.Position;
        var reader = new Cursor(stream, "");
        try
        {
            long count = reader.Number("");
            if (count == 0) return false;
            for (int i = 0; i < Math.Min(count, Most); i++)
            {
                Head head = reader.Next();
                if (!IsKey(head.Name)) return false;
                stream.Position += head.Bytes;
            }

            return count > Most || stream.Position == stream.Length;
        }
        catch (InvalidDataException)
        {
            return false;
        }
        finally
        {
            stream.Position = origin;
        }
    }

    private static TensorArchive ReadChecked(Stream stream, string name)
    {
        long origin = stream.Position;
        if (!IsBeginning(stream)) throw FileFormat.Wrong("TorchSharpFile", name, Kind, stream, origin);
        stream.Position = origin;
        var reader = new Cursor(stream, name);
        long count = reader.Number("the number of tensors");
        var archive = new TensorArchive { Source = name };
        for (long i = 0; i < count; i++)
        {
            Head head = reader.Next();
            if (head.Name == SafeTensors.MetadataName) throw reader.Bad($"expected the name of a tensor, got " +
                $"\"{head.Name}\", which safetensors keeps for strings", "Save the tensor under another name.");
            if (archive.Contains(head.Name))
                throw reader.Bad($"expected each tensor once, got \"{head.Name}\" twice", Damaged);
            long most = head.Type.IsNative ? Arena.MaxBytes : Array.MaxLength;
            if (head.Bytes > most) throw reader.Bad($"expected at most {most} bytes for one tensor, got {head.Bytes} " +
                $"for \"{head.Name}\"", "Split the tensor before saving.");
            archive.Read(head.Name, stream, head.Bytes, head.Type.Name, head.Sizes);
        }

        return stream.Position == stream.Length ? archive
            : throw reader.Bad($"expected the end of the file after {count} tensors, got " +
                $"{stream.Length - stream.Position} bytes more", "The file is damaged, or two files were joined.");
    }

    /// <summary>Whether the number of tensors and the head of the first are there. Its values may be cut off.</summary>
    private static bool IsBeginning(Stream stream)
    {
        var reader = new Cursor(stream, "");
        try
        {
            return reader.Number("") == 0 ? stream.Position == stream.Length : IsKey(reader.Next(isCut: true).Name);
        }
        catch (InvalidDataException)
        {
            return false;
        }
    }

    /// <summary>Whether a name is text in a line. The beginnings of other files seldom are.</summary>
    private static bool IsKey(string name) => name.Length > 0 && !name.Any(char.IsControl);

    private static void Check(TensorArchive archive)
    {
        ArgumentNullException.ThrowIfNull(archive);
        foreach ((string name, TensorArchive.Item item) in archive.Items)
        {
            if (!IsKey(name))
            {
                throw new ArgumentException($"TorchSharpFile: expected names of one line of text, got \"{name}\". " +
                    "Choose another one.", nameof(archive));
            }

            if (item.Dimensions.Length > MaxRank)
            {
                throw new ArgumentException($"TorchSharpFile: expected at most {MaxRank} dimensions, got " +
                    $"{item.Dimensions.Length} for \"{name}\". Merge some of them.", nameof(archive));
            }

            if (Array.IndexOf(s_types, item.Type) >= 0) continue;
            bool isInteger = ElementType.Find(item.Type)?.Holder == DType.Int64;
            throw new ArgumentException($"TorchSharpFile: expected types that TorchSharp has " +
                $"({string.Join(", ", s_types.Where(static type => type is not null))}), got {item.Type} for " +
                $"\"{name}\". " + (isInteger
                    ? $"Write archive.Tensor(\"{name}\") in its place, which is I64, or write a safetensors file."
                    : "Take ConvertedTo(StoredType.F32) of the archive (on the command line: --dtype F32), or write " +
                        "a safetensors file."), nameof(archive));
        }
    }

    /// <summary>What stands before the values of a tensor.</summary>
    private readonly record struct Head(string Name, ElementType Type, long[] Sizes)
    {
        public long Bytes => Type.BytesOf(Sizes);
    }

    /// <summary>Reads what stands between the values.</summary>
    private sealed class Cursor(Stream stream, string file)
    {
        /// <summary>Reads up to the values of the next tensor.</summary>
        /// <param name="isCut">Whether the values may be missing.</param>
        public Head Next(bool isCut = false)
        {
            string name = Name();
            long code = Number($"the type of \"{name}\"");
            if (code >= s_types.Length || s_types[code] is not { } type)
            {
                throw Bad($"expected a type of numbers for \"{name}\", got {(code is >= 12 and <= 14
                    ? "quantized numbers" : $"the type {code}")}", code is >= 12 and <= 14
                    ? "Save the network before it is quantized." : Damaged);
            }

            long rank = Number($"the number of dimensions of \"{name}\"");
            if (rank > MaxRank)
                throw Bad($"expected at most {MaxRank} dimensions for \"{name}\", got {rank}", Damaged);
            long[] sizes = new long[rank];
            for (int i = 0; i < rank; i++) sizes[i] = Number($"the sizes of \"{name}\"");
            var head = new Head(name, ElementType.Find(type)!, sizes);
            long left = stream.Length - stream.Position;
            return head.Bytes <= left || isCut ? head
                : throw Bad($"expected {head.Bytes} bytes for \"{name}\" of type {type} and shape " +
                    $"({string.Join(", ", sizes)}), got {left}", "The file is truncated or damaged; fetch or save it " +
                    "again.");
        }

        /// <summary>A number from 0 to 2^63 - 1.</summary>
        public long Number(string what)
        {
            long number = 0;
            for (int shift = 0; shift < 63; shift += 7)
            {
                int next = stream.ReadByte();
                if (next < 0) throw Bad($"expected {what}, got the end of the file", "The file is truncated; fetch " +
                    "or save it again.");
                number |= (next & 0x7FL) << shift;
                if (next < 0x80) return number;
            }

            throw Bad($"expected {what} in at most nine bytes, got more", Damaged);
        }

        public InvalidDataException Bad(string what, string remedy) =>
            new($"TorchSharpFile \"{file}\": {what}. {remedy}");

        private string Name()
        {
            long length = Number("the length of a name"), left = stream.Length - stream.Position;
            if (length > Math.Min(MaxNameBytes, left)) throw Bad($"expected a name of at most " +
                $"{Math.Min(MaxNameBytes, left)} bytes, got {length}", "The file is truncated or damaged; fetch or " +
                "save it again.");
            byte[] bytes = new byte[length];
            stream.ReadExactly(bytes);
            return System.Text.Unicode.Utf8.IsValid(bytes) ? Encoding.UTF8.GetString(bytes)
                : throw Bad("expected a name in UTF-8, got other bytes", Damaged);
        }
    }
}
