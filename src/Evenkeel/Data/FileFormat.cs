using System.IO.Compression;
using System.Text;

namespace Evenkeel.Data;

/// <summary>
/// The kind of a file, judged by its bytes and not by its name. Readers that get a file of another kind name that kind
/// in their error and say what to do.
/// </summary>
/// <param name="Name">With its article, for example <c>a PyTorch file (.pt or .pth: a zip archive of
/// pickles)</c>.</param>
/// <param name="Remedy">What to do with it, in whole sentences.</param>
/// <remarks>A new format is a row of the table in <c>FileFormat.Table.cs</c>.</remarks>
public sealed partial record FileFormat(string Name, string Remedy)
{
    /// <summary>Number of bytes at the beginning that are looked at.</summary>
    private const int HeadBytes = 4096;

    /// <summary>
    /// Number of bytes at the end of a zip archive that are looked at. Its list of files stands there.
    /// </summary>
    private const int TailBytes = 1 << 16;

    /// <summary>
    /// The kind of what is at a path: a known format, an empty file or a folder. Null if it is none of them.
    /// </summary>
    /// <exception cref="IOException">There is nothing at <paramref name="path"/>, or it cannot be read.</exception>
    public static FileFormat? Of(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        if (Directory.Exists(path)) return OfFolder(path);
        // A pipe is not opened: it has no length, and bytes read here would be lost to the reader.
        if (new FileInfo(path) is { Exists: true, Length: 0 }) return s_empty;
        using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 1);
        return stream.CanSeek ? Of(stream) : null;
    }

    /// <summary>
    /// The kind of what a stream that can seek holds from <paramref name="origin"/> on. The position of the stream is
    /// restored.
    /// </summary>
    internal static FileFormat? Of(Stream stream, long origin = 0)
    {
        long position = stream.Position;
        stream.Position = origin;
        byte[] head = new byte[(int)Math.Min(HeadBytes, stream.Length - origin)];
        head = head[..stream.ReadAtLeast(head, head.Length, throwOnEndOfStream: false)];
        byte[] tail = [];
        if (head.AsSpan().StartsWith("PK"u8))
        {
            tail = new byte[(int)Math.Min(TailBytes, stream.Length - origin)];
            stream.Position = stream.Length - tail.Length;
            tail = tail[..stream.ReadAtLeast(tail, tail.Length, throwOnEndOfStream: false)];
        }

        stream.Position = position;
        return Of(new Sample(head, tail));
    }

    /// <summary>The kind of a file whose content is in memory.</summary>
    internal static FileFormat? Of(ReadOnlySpan<byte> bytes) =>
        Of(new Sample(bytes[..Math.Min(bytes.Length, HeadBytes)], bytes[Math.Max(0, bytes.Length - TailBytes)..]));

    /// <summary>
    /// The error of a reader that was given a file of another kind. It says what was expected, what the file is, and
    /// what to do.
    /// </summary>
    /// <param name="reader">What the error begins with, for example <c>SafeTensors</c>.</param>
    /// <param name="file">What errors call the file.</param>
    /// <param name="expected">With its article, for example <c>a safetensors file</c>.</param>
    /// <param name="stream">The file's content. It must be able to seek.</param>
    /// <param name="origin">Where in the stream the file begins.</param>
    internal static InvalidDataException Wrong(string reader, string file, string expected, Stream stream,
        long origin = 0)
    {
        if (Of(stream, origin) is { } format) return Wrong(reader, file, expected, format);
        Span<byte> first = stackalloc byte[8];
        stream.Position = origin;
        first = first[..stream.ReadAtLeast(first, first.Length, throwOnEndOfStream: false)];
        return Wrong(reader, file, expected, new FileFormat(Unknown(first), "The file is of another kind, or it is " +
            "damaged; get it again."));
    }

    /// <summary>The same error for a format that is known.</summary>
    internal static InvalidDataException Wrong(string reader, string file, string expected, FileFormat format) =>
        new($"{reader} \"{file}\": expected {expected}, got {format.Name}. {format.Remedy}");

    /// <summary>
    /// A sentence for errors about a file of another kind: <c>It is a PNG picture. ImageFile.Read reads it.</c>
    /// </summary>
    internal static string Sentence(string path) => Of(path) is { } format
        ? $"It is {format.Name}. {format.Remedy}"
        : "It is of another kind, or damaged; get it again.";

    /// <summary>
    /// Opens a file for a reader that seeks in it. Folders and pipes are refused with an error that names them.
    /// </summary>
    /// <param name="reader">What errors begin with, for example <c>SafeTensors</c>.</param>
    /// <param name="path">The file.</param>
    /// <param name="expected">With its article, for example <c>a safetensors file</c>.</param>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="IOException">It cannot be read.</exception>
    /// <exception cref="InvalidDataException">The path is a folder or a pipe.</exception>
    internal static FileStream Open(string reader, string path, string expected)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        if (Directory.Exists(path)) throw Wrong(reader, path, expected, OfFolder(path));
        if (!File.Exists(path))
            throw new FileNotFoundException($"{reader} \"{path}\": expected {expected}, found none.", path);
        var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 1 << 16,
            FileOptions.SequentialScan);
        if (stream.CanSeek) return stream;
        stream.Dispose();
        throw Wrong(reader, path, expected, new FileFormat("a pipe or a device",
            "Write its content into a file first."));
    }

    /// <summary>The name for a file that no row recognizes.</summary>
    internal static string Unknown(ReadOnlySpan<byte> bytes) => bytes.IsEmpty ? "an empty file"
        : $"a file that begins with the bytes {Convert.ToHexStringLower(bytes[..Math.Min(bytes.Length, 8)])}";

    private static FileFormat? Of(in Sample sample)
    {
        bool isText = IsPlainText(sample.Head);
        if (!isText && Find(s_binary, sample) is { } format) return format;
        if (Find(s_textual, sample) is { } text) return text;
        if (isText) return OfText(sample.Head);
        if (sample.Head is [0x1F, 0x8B, ..]) return OfGzip(sample.Head);
        return sample.Head is [0xFF, 0xFE, ..] or [0xFE, 0xFF, ..] ? s_utf16 : null;
    }

    private static FileFormat? Find(Row[] rows, in Sample sample)
    {
        foreach (Row row in rows)
        {
            if (row.Fits(sample)) return row.Format;
        }

        return null;
    }

    /// <summary>The content of a gzip file decides what to do with it.</summary>
    private static FileFormat OfGzip(ReadOnlySpan<byte> head)
    {
        byte[] content = new byte[HeadBytes];
        int length = 0;
        try
        {
            using var gzip = new GZipStream(new MemoryStream(head.ToArray()), CompressionMode.Decompress);
            while (gzip.Read(content, length, content.Length - length) is > 0 and int got) length += got;
        }
        catch (InvalidDataException)
        {
            // The head ends in the middle of the packed stream. The bytes unpacked so far are enough.
        }

        FileFormat? inner = length == 0 ? null : Of(new Sample(content.AsSpan(0, length), []));
        const string Gunzip = "Unpack it first, for example with gunzip.";
        if (inner is null) return new FileFormat("a file that is compressed by gzip (.gz)", Gunzip);
        bool isReadAsItIs = inner == s_idx || s_cifar.Contains(inner);
        string remedy = isReadAsItIs ? inner.Remedy : $"{Gunzip} {inner.Remedy}";
        return new FileFormat($"{inner.Name}, compressed by gzip", remedy);
    }

    /// <summary>Text has no signature. A file is text if it is valid UTF-8 without control characters.</summary>
    private static bool IsPlainText(ReadOnlySpan<byte> head)
    {
        // The head may end inside a character.
        int end = head.Length;
        if (end == HeadBytes)
        {
            while (end > HeadBytes - 4 && (head[end - 1] & 0xC0) == 0x80) end--;
            if (head[end - 1] >= 0xC0) end--;
        }

        foreach (byte value in head[..end])
        {
            if (value is < 32 and not ((byte)'\t' or (byte)'\n' or (byte)'\r' or (byte)'\f') or 127) return false;
        }

        return System.Text.Unicode.Utf8.IsValid(head[..end]);
    }

    /// <summary>The first line of a text says most: the refusal of a server is often saved instead of a file.</summary>
    private static FileFormat OfText(ReadOnlySpan<byte> text)
    {
        if (text.StartsWith(ByteOrderMark)) text = text[ByteOrderMark.Length..];
        int line = text.IndexOfAny((byte)'\r', (byte)'\n');
        ReadOnlySpan<byte> first = line < 0 ? text : text[..line];
        if (first.IndexOfAny(",;\t|"u8) >= 0 && line >= 0) return s_table;
        string shown = Encoding.UTF8.GetString(first);
        return s_text with { Name = $"text that begins with \"{(shown.Length <= 60 ? shown : shown[..60] + "...")}\"" };
    }

    private static FileFormat OfFolder(string path)
    {
        try
        {
            if (File.Exists(Path.Combine(path, "saved_model.pb"))) return s_savedModelFolder;
            IEnumerable<string> files = Directory.EnumerateFiles(path).Select(static file => Path.GetFileName(file));
            string[] names = [.. files.Where(static name => name[0] != '.').Order(StringComparer.Ordinal).Take(4)];
            string shown = string.Join(", ", names.Take(3)) + (names.Length > 3 ? ", ..." : "");
            return new FileFormat("a folder", shown == "" ? "Give a file." : $"Give one of the files in it: {shown}.");
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return new FileFormat("a folder", "Give a file.");
        }
    }

    /// <summary>The parts of a file that the rows of the table look at.</summary>
    /// <param name="head">The beginning.</param>
    /// <param name="tail">The end, if the file is a zip archive.</param>
    private readonly ref struct Sample(ReadOnlySpan<byte> head, ReadOnlySpan<byte> tail)
    {
        public ReadOnlySpan<byte> Head { get; } = head;

        public ReadOnlySpan<byte> Tail { get; } = tail;

        public bool Has(int offset, ReadOnlySpan<byte> signature) => Head.Length >= offset
            && Head[offset..].StartsWith(signature);

        /// <summary>
        /// Whether the archive lists such a name. The names also stand before the contents of the files.
        /// </summary>
        public bool IsZipWith(ReadOnlySpan<byte> name) => Head.StartsWith("PK"u8)
            && (Head.IndexOf(name) >= 0 || Tail.IndexOf(name) >= 0);

        /// <summary>The head without a byte-order mark and white space.</summary>
        public ReadOnlySpan<byte> Text => (Head.StartsWith(ByteOrderMark) ? Head[ByteOrderMark.Length..]
            : Head).TrimStart(" \t\r\n"u8);
    }
}
