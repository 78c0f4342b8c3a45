using System.Text;
using Evenkeel.Data;

namespace Evenkeel.Tables;

/// <summary>A file of text, or a text in memory, that can be read several times as UTF-8.</summary>
internal sealed class TableText
{
    /// <summary>What errors begin with.</summary>
    public const string Reader = nameof(TableSchema);

    private readonly byte[]? _bytes;
    private readonly int _mark;

    private TableText(string name, byte[]? bytes, int mark, long length) =>
        (Name, _bytes, _mark, Length) = (name, bytes, mark, length);

    /// <summary>What errors call it: the path.</summary>
    public string Name { get; }

    /// <summary>Number of bytes of UTF-8, without a byte-order mark.</summary>
    public long Length { get; }

    /// <summary>Checks that a file is text. Text in UTF-16 is read now, because it must be written anew.</summary>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="InvalidDataException">It is of another kind, empty, or in another encoding.</exception>
    public static TableText Of(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        if (!Path.Exists(path))
            throw new FileNotFoundException($"{Reader}: expected a file at \"{path}\", found none.", path);
        if (FileFormat.Of(path) is { IsText: false } other)
        {
            throw new InvalidDataException(
                $"{Reader} \"{path}\": expected a table in text (CSV), got {other.Name}. {other.Remedy}");
        }

        byte[] head = new byte[4];
        long length;
        using (FileStream file = OpenFile(path))
        {
            length = file.CanSeek ? file.Length : throw new InvalidDataException(
                $"{Reader} \"{path}\": expected a file, got a pipe or a device. Write its content into a file first.");
            head = head[..file.ReadAtLeast(head, head.Length, throwOnEndOfStream: false)];
        }

        // Decode refuses UTF-32, and Read decodes UTF-16.
        if (head is [0xFF, 0xFE, 0, 0] or [0, 0, 0xFE, 0xFF]) TextFile.Decode(head, path, Reader);
        if (head is [0xFF, 0xFE, ..] or [0xFE, 0xFF, ..]) return Of(TextFile.Read(path, Reader), path);
        int mark = head is [0xEF, 0xBB, 0xBF, ..] ? 3 : 0;
        return new TableText(path, null, mark, length - mark);
    }

    /// <summary>A text in memory.</summary>
    /// <param name="text">The text.</param>
    /// <param name="name">What errors call it.</param>
    public static TableText Of(string text, string name)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        return new TableText(name, bytes, 0, bytes.Length);
    }

    /// <summary>The text from its beginning, in UTF-8.</summary>
    public Stream Open()
    {
        if (_bytes is not null) return new MemoryStream(_bytes, writable: false);
        FileStream file = OpenFile(Name);
        file.Position = _mark;
        return file;
    }

    /// <summary>The error for bytes that are not UTF-8 or hold a zero.</summary>
    /// <param name="block">The bytes around it, from the beginning of a row on.</param>
    /// <param name="line">The line in which they begin, from 1.</param>
    public InvalidDataException NotText(ReadOnlySpan<byte> block, long line)
    {
        try
        {
            // The error of the whole file names line and byte.
            if (_bytes is null) TextFile.Read(Name, Reader);
            else TextFile.Decode(block, Name, Reader);
        }
        catch (InvalidDataException error) when (Length < 1L << 30)
        {
            return error;
        }
        catch (InvalidDataException)
        {
            // A file that is too large to be decoded as a whole.
        }

        return new InvalidDataException($"{Reader}: expected UTF-8, \"{Name}\" holds bytes that are none in line "
            + $"{line} or soon after. Save it as UTF-8.");
    }

    private static FileStream OpenFile(string path) => new(path, FileMode.Open, FileAccess.Read, FileShare.Read,
        bufferSize: 1, FileOptions.SequentialScan);
}
