using System.Buffers;

namespace Evenkeel.Tables;

/// <summary>
/// Cuts a text into blocks of whole rows. A line break between quotes ends no row. Blocks do not depend on the number
/// of threads.
/// </summary>
internal sealed class BlockReader(TableText text, int size = BlockReader.DefaultSize) : IDisposable
{
    /// <summary>Number of bytes of a block.</summary>
    public const int DefaultSize = 1 << 20;

    /// <summary>The longest row, in bytes; that of Sep, in letters.</summary>
    private const int LongestRow = 1 << 24;

    private readonly Stream _stream = text.Open();
    private byte[] _rest = [];
    private long _line = 1;
    private bool _isFirst = true;
    private bool _isEnd;

    /// <summary>Number of bytes that were read.</summary>
    public long Read { get; private set; }

    /// <summary>The next block; null at the end.</summary>
    /// <exception cref="InvalidDataException">A quote does not end, or a row is too long.</exception>
    public Block? Next()
    {
        if (_isEnd) return null;
        byte[] buffer = ArrayPool<byte>.Shared.Rent(Math.Max(size, _rest.Length));
        _rest.CopyTo(buffer, 0);
        int length = _rest.Length, want = size;
        while (true)
        {
            int read = want <= length ? 0
                : _stream.ReadAtLeast(buffer.AsSpan(length, want - length), want - length, throwOnEndOfStream: false);
            (length, Read) = (length + read, Read + read);
            _isEnd = length < want;
            int cut = CutOf(buffer.AsSpan(0, length));
            if (cut > 0)
            {
                _rest = buffer.AsSpan(cut, length - cut).ToArray();
                var block = new Block(buffer, cut, _line, _isFirst);
                _line += LinesIn(block.Text);
                _isFirst = false;
                return block;
            }

            if (want >= LongestRow) throw TooLong(buffer.AsSpan(0, length));
            if (_isEnd)
            {
                ArrayPool<byte>.Shared.Return(buffer);
                return null;
            }

            want *= 2;
            byte[] larger = ArrayPool<byte>.Shared.Rent(want);
            buffer.AsSpan(0, length).CopyTo(larger);
            ArrayPool<byte>.Shared.Return(buffer);
            buffer = larger;
        }
    }

    public void Dispose() => _stream.Dispose();

    /// <summary>Number of line breaks: \n, \r\n and \r.</summary>
    public static long LinesIn(ReadOnlySpan<byte> bytes)
    {
        long lines = bytes.Count((byte)'\n');
        int carriages = bytes.Count((byte)'\r');
        return carriages == 0 ? lines : lines + carriages - bytes.Count("\r\n"u8);
    }

    /// <summary>Where the last whole row ends; 0 if none does.</summary>
    private int CutOf(ReadOnlySpan<byte> bytes)
    {
        bool isQuoted = bytes.Count((byte)'"') % 2 == 1;
        if (_isEnd) return isQuoted ? throw Open(bytes) : bytes.Length;
        // What follows a \r at the end is not known yet.
        ReadOnlySpan<byte> left = bytes is [.., (byte)'\r'] ? bytes[..^1] : bytes;
        while (left.LastIndexOfAny((byte)'\n', (byte)'\r', (byte)'"') is >= 0 and int at)
        {
            if (left[at] == (byte)'"') isQuoted = !isQuoted;
            else if (!isQuoted) return at + 1;
            left = left[..at];
        }

        return 0;
    }

    private InvalidDataException Open(ReadOnlySpan<byte> bytes) => new(
        $"{TableText.Reader}: the quote that begins in line {_line + LinesIn(bytes[..bytes.LastIndexOf((byte)'"')])} "
        + $"of \"{text.Name}\" does not end. Close it, or double it if it is part of a text.");

    private InvalidDataException TooLong(ReadOnlySpan<byte> bytes) => bytes.Count((byte)'"') % 2 == 1 ? Open(bytes)
        : new InvalidDataException($"{TableText.Reader}: expected rows of at most {LongestRow} bytes, the one in line "
            + $"{_line} of \"{text.Name}\" is longer. Is it a table in text?");
}
