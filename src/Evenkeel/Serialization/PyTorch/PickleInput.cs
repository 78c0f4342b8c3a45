using System.Buffers.Binary;
using System.Text;
using System.Text.Unicode;

namespace Evenkeel.Serialization;

/// <summary>The bytes of one or several pickles. A length that the file claims is checked before memory is taken.
/// </summary>
/// <param name="stream">The stream, at the first byte. It can seek.</param>
/// <param name="length">The number of bytes that may be read.</param>
/// <param name="what">What errors call the bytes, for example <c>data.pkl</c>.</param>
/// <param name="source">The file.</param>
internal sealed class PickleInput(Stream stream, long length, string what, TorchSource source)
{
    /// <summary>The most bytes of pickles in one file. The values of tensors are not among them.</summary>
    public const long MaxBytes = 1 << 28;

    private readonly long _length = length;
    private readonly byte[] _buffer = new byte[(int)Math.Min(length, 1 << 16)];
    private byte[] _line = new byte[64];
    private int _at;
    private int _filled;
    private long _left = length;

    /// <summary>The number of bytes that were taken so far.</summary>
    public long Position => _length - _left - (_filled - _at);

    /// <summary>The number of bytes after <see cref="Position"/>.</summary>
    public long Remaining => _length - Position;

    /// <summary>What errors call the file.</summary>
    public TorchSource Source => source;

    public byte Byte()
    {
        if (_at == _filled) Fill();
        return _buffer[_at++];
    }

    public ushort UInt16() => BinaryPrimitives.ReadUInt16LittleEndian(Fixed(stackalloc byte[2]));

    public int Int32() => BinaryPrimitives.ReadInt32LittleEndian(Fixed(stackalloc byte[4]));

    public uint UInt32() => BinaryPrimitives.ReadUInt32LittleEndian(Fixed(stackalloc byte[4]));

    public long Int64() => BinaryPrimitives.ReadInt64LittleEndian(Fixed(stackalloc byte[8]));

    public double Double() => BinaryPrimitives.ReadDoubleBigEndian(Fixed(stackalloc byte[8]));

    /// <summary>The next bytes, charged to the budget.</summary>
    public byte[] Bytes(long count)
    {
        CheckCount(count);
        if (count == 0) return [];
        source.Budget.Take(count + 24, "a string");
        byte[] bytes = new byte[count];
        Fixed(bytes);
        return bytes;
    }

    /// <summary>The next bytes as UTF-8, charged to the budget.</summary>
    public string Text(long count)
    {
        byte[] bytes = Borrowed(count);
        return Utf8OrNull(bytes.AsSpan(0, (int)count)) ?? throw Bad("expected text in UTF-8, got bytes that are not");
    }

    /// <summary>The next bytes as text if they are UTF-8, or else the bytes: Python 2 wrote both in one way.</summary>
    public object TextOrBytes(long count)
    {
        ReadOnlySpan<byte> bytes = Borrowed(count).AsSpan(0, (int)count);
        return (object?)Utf8OrNull(bytes) ?? bytes.ToArray();
    }

    /// <summary>The bytes up to the next line break, which is taken too. They are valid until the next call.</summary>
    public ReadOnlySpan<byte> Line()
    {
        int count = 0;
        while (true)
        {
            byte value = Byte();
            if (value == (byte)'\n') return _line.AsSpan(0, count);
            if (count == _line.Length)
            {
                source.Budget.Take(2L * count, "a line of text");
                Array.Resize(ref _line, 2 * count);
            }

            _line[count++] = value;
        }
    }

    /// <summary>The next line as UTF-8, charged to the budget.</summary>
    public string TextLine() =>
        Utf8OrNull(Line()) ?? throw Bad("expected text in UTF-8, got bytes that are not");

    /// <summary>An error at this place.</summary>
    public InvalidDataException Bad(string wrong, string remedy = "The file is damaged, or no pickle of PyTorch.") =>
        source.Bad($"{wrong} at byte {Position} of {what}", remedy);

    /// <summary>Bytes in a buffer that the next call reuses.</summary>
    private byte[] Borrowed(long count)
    {
        CheckCount(count);
        if (count > _line.Length)
        {
            source.Budget.Take(count, "a string");
            _line = new byte[count];
        }

        Fixed(_line.AsSpan(0, (int)count));
        return _line;
    }

    private string? Utf8OrNull(ReadOnlySpan<byte> bytes)
    {
        source.Budget.Take(24 + (2L * bytes.Length), "a string");
        return Utf8.IsValid(bytes) ? Encoding.UTF8.GetString(bytes) : null;
    }

    private void CheckCount(long count)
    {
        if ((ulong)count > (ulong)Remaining)
            throw Bad($"expected {(ulong)count} bytes, got {Remaining} up to the end,", "The file is truncated or " +
                "damaged; get it again.");
    }

    private Span<byte> Fixed(Span<byte> to)
    {
        CheckCount(to.Length);
        int buffered = Math.Min(to.Length, _filled - _at);
        _buffer.AsSpan(_at, buffered).CopyTo(to);
        _at += buffered;
        Span<byte> rest = to[buffered..];
        if (rest.IsEmpty) return to;
        if (rest.Length >= _buffer.Length)
        {
            stream.ReadExactly(rest);
            _left -= rest.Length;
        }
        else
        {
            Fill();
            while (_filled < rest.Length) Fill(_filled);
            _buffer.AsSpan(0, rest.Length).CopyTo(rest);
            _at = rest.Length;
        }

        return to;
    }

    private void Fill(int from = 0)
    {
        int count = (int)Math.Min(_buffer.Length - from, _left);
        if (count == 0)
            throw Bad("expected the end of a pickle ('.'), got the end", "The file is truncated; get it again.");
        int got = stream.Read(_buffer, from, count);
        if (got == 0) throw new EndOfStreamException();
        (_at, _filled, _left) = (0, from + got, _left - got);
    }
}
