using System.Globalization;
using System.Text;

namespace Evenkeel.Workbench.Watching;

/// <summary>
/// How far a reader has come in a file of lines. It also knows what stood before that place: if a resumed training has
/// cut the file and written on, the reader notices it, also after it was closed in between.
/// </summary>
/// <param name="Offset">Bytes read, up to the end of a line.</param>
/// <param name="Check">A hash of the last bytes before it.</param>
internal readonly record struct TailPosition(long Offset, uint Check)
{
    /// <summary>Reads what <see cref="ToString"/> writes; the beginning of the file for anything else.</summary>
    public static TailPosition Parse(ReadOnlySpan<char> text)
    {
        int dot = text.IndexOf('.');
        return dot > 0
            && long.TryParse(text[..dot], NumberStyles.None, CultureInfo.InvariantCulture, out long offset)
            && uint.TryParse(text[(dot + 1)..], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture,
                out uint check)
            ? new TailPosition(offset, check)
            : default;
    }

    /// <inheritdoc/>
    public override string ToString() => $"{Offset}.{Check:x8}";
}

/// <summary>What was read of a file of lines.</summary>
/// <param name="Position">Where the next reading goes on.</param>
/// <param name="IsAnew">Whether the file is another one than before: what was read earlier is void.</param>
/// <param name="Lines">Whole lines, without their ends.</param>
/// <param name="HasMore">Whether there is more to be read at once.</param>
internal sealed record TailReading(
    TailPosition Position, bool IsAnew, IReadOnlyList<string> Lines, bool HasMore);

/// <summary>Reads the whole lines that have come into a file, while another process writes it.</summary>
internal static class LineTail
{
    private const int Portion = 1 << 18;
    private const int Checked = 64;

    /// <summary>The lines behind a position. A file that is missing has none.</summary>
    /// <param name="path">The file.</param>
    /// <param name="from">Where the last reading has ended.</param>
    public static TailReading Read(string path, TailPosition from)
    {
        try
        {
            using var file = new FileStream(
                path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0);
            bool isAnew = from.Offset > 0
                && (from.Offset > file.Length || CheckBefore(file, from.Offset) != from.Check);
            long offset = isAnew ? 0 : from.Offset;
            for (int size = Portion; ; size *= 2)
            {
                byte[] bytes = new byte[Math.Min(size, file.Length - offset)];
                file.Position = offset;
                int count = file.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false);
                int end = bytes.AsSpan(0, count).LastIndexOf((byte)'\n') + 1;
                bool hasMore = offset + count < file.Length;
                // A line that is longer than a portion.
                if (end == 0 && hasMore) continue;
                string[] lines = Encoding.UTF8.GetString(bytes, 0, end)
                    .Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
                long next = offset + end;
                return new TailReading(
                    new TailPosition(next, CheckBefore(file, next)), isAnew, lines, hasMore && end > 0);
            }
        }
        catch (Exception exception) when (exception is FileNotFoundException or DirectoryNotFoundException)
        {
            return new TailReading(default, IsAnew: from.Offset > 0, [], HasMore: false);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // It cannot be read just now.
            return new TailReading(from, IsAnew: false, [], HasMore: false);
        }
    }

    /// <summary>FNV-1a over the last bytes before a place; 0 at the beginning.</summary>
    private static uint CheckBefore(FileStream file, long offset)
    {
        if (offset == 0) return 0;
        Span<byte> bytes = stackalloc byte[(int)Math.Min(Checked, offset)];
        file.Position = offset - bytes.Length;
        int count = file.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false);
        uint hash = 2166136261;
        foreach (byte value in bytes[..count]) hash = (hash ^ value) * 16777619;
        return hash;
    }
}
