using System.Buffers;
using System.Text;
using System.Text.Unicode;

namespace Evenkeel.Data;

/// <summary>
/// Decodes text strictly: UTF-8 with or without a byte-order mark, and UTF-16 with one. Another encoding is an error
/// that names line and byte. It never gives replacement characters, because they could make two different names equal.
/// </summary>
public static class TextFile
{
    private const long MaxBytes = 1L << 30;

    /// <summary>Reads a file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="reader">The name of the reader, with which errors begin: <c>TableSchema</c>.</param>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="InvalidDataException">It is larger than 1 GB, or <see cref="Decode"/> refuses it.</exception>
    public static string Read(string path, string reader = nameof(TextFile))
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        if (!File.Exists(path))
            throw new FileNotFoundException($"{reader}: expected a file at \"{path}\", found none.", path);
        long length = new FileInfo(path).Length;
        if (length > MaxBytes)
        {
            throw new InvalidDataException(
                $"{reader}: expected a text of at most {MaxBytes} bytes, \"{path}\" has {length}. Split it.");
        }

        return Decode(File.ReadAllBytes(path), path, reader);
    }

    /// <summary>Decodes the content of a file. Its byte-order mark is not part of the text.</summary>
    /// <param name="bytes">The content.</param>
    /// <param name="name">What errors call it.</param>
    /// <param name="reader">The name of the reader, with which errors begin.</param>
    /// <exception cref="InvalidDataException">
    /// It is neither UTF-8 nor UTF-16 with a byte-order mark, or it holds a zero character. Line and byte are named,
    /// both counted from 1.
    /// </exception>
    public static string Decode(ReadOnlySpan<byte> bytes, string name, string reader = nameof(TextFile))
    {
        ArgumentNullException.ThrowIfNull(name);
        if (bytes is [0xFF, 0xFE, 0, 0, ..] or [0, 0, 0xFE, 0xFF, ..])
        {
            throw new InvalidDataException(
                $"{reader}: expected UTF-8 or UTF-16, \"{name}\" begins with the mark of UTF-32. Save it as UTF-8.");
        }

        if (bytes is [0xFF, 0xFE, ..]) return Utf16(bytes, isBigEndian: false, name, reader);
        if (bytes is [0xFE, 0xFF, ..]) return Utf16(bytes, isBigEndian: true, name, reader);
        int mark = bytes is [0xEF, 0xBB, 0xBF, ..] ? 3 : 0;
        ReadOnlySpan<byte> text = bytes[mark..];
        if (!Utf8.IsValid(text))
        {
            int at = mark;
            while (Rune.DecodeFromUtf8(bytes[at..], out _, out int length) == OperationStatus.Done) at += length;
            throw new InvalidDataException(
                $"{reader}: expected UTF-8, \"{name}\" holds the byte {bytes[at]:X2} in {PlaceOf(bytes, at, mark)}, " +
                "where no " +
                "letter of UTF-8 has it. Save it as UTF-8; " +
                "now it may be Windows-1252 or another encoding of one byte per letter.");
        }

        if (text.IndexOf((byte)0) is >= 0 and int zero)
        {
            throw new InvalidDataException(
                $"{reader}: expected text, \"{name}\" holds a zero byte in {PlaceOf(bytes, mark + zero, mark)}: " +
                "another kind of " +
                "file, or UTF-16 without a byte-order mark. Save it as UTF-8.");
        }

        return Encoding.UTF8.GetString(text);
    }

    private static string Utf16(ReadOnlySpan<byte> bytes, bool isBigEndian, string name, string reader)
    {
        string encoding = isBigEndian ? "UTF-16 (big-endian)" : "UTF-16";
        if (bytes.Length % 2 != 0)
        {
            throw new InvalidDataException(
                $"{reader}: expected {encoding}, as the mark of \"{name}\" says, got {bytes.Length} bytes, an odd " +
                "number: " +
                "it is truncated or damaged. Save it as UTF-8.");
        }

        string text = (isBigEndian ? Encoding.BigEndianUnicode : Encoding.Unicode).GetString(bytes[2..]);
        int line = 1;
        // Encoding replaces half a surrogate pair by U+FFFD, so the bytes are checked.
        for (int i = 2; i < bytes.Length; i += 2)
        {
            char letter = Letter(bytes, i, isBigEndian);
            bool isPair = char.IsHighSurrogate(letter) && i + 2 < bytes.Length &&
                char.IsLowSurrogate(Letter(bytes, i + 2, isBigEndian));
            if (letter == 0 || (char.IsSurrogate(letter) && !isPair))
            {
                string what = letter == 0 ? "a zero character" : $"half a pair of surrogates ({(int)letter:X4})";
                throw new InvalidDataException(
                    $"{reader}: expected {encoding}, as the mark of \"{name}\" says, got {what} in line {line} " +
                    $"(byte {i + 1} of the file): it is damaged, or another kind of file. Save it as UTF-8.");
            }

            if (letter == '\n') line++;
            if (isPair) i += 2;
        }

        return text;
    }

    private static char Letter(ReadOnlySpan<byte> bytes, int at, bool isBigEndian) =>
        (char)(isBigEndian ? bytes[at] << 8 | bytes[at + 1] : bytes[at + 1] << 8 | bytes[at]);

    /// <summary>The place of a byte. The byte-order mark counts as bytes of the file, not of its first line.</summary>
    private static string PlaceOf(ReadOnlySpan<byte> bytes, int at, int mark)
    {
        ReadOnlySpan<byte> before = bytes[..at];
        int line = 1, begin = mark;
        for (int i = 0; i < before.Length; i++)
        {
            bool ends = before[i] == '\n' || (before[i] == '\r' && (i + 1 == before.Length || before[i + 1] != '\n'));
            if (!ends) continue;
            line++;
            begin = i + 1;
        }

        return $"line {line} (byte {at - begin + 1} of the line, byte {at + 1} of the file)";
    }
}
