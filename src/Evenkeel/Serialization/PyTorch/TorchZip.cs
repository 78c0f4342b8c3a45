using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;

namespace Evenkeel.Serialization;

/// <summary>One file in a zip archive, as the archive's list has it.</summary>
/// <param name="Name">The name.</param>
/// <param name="Method">How it is packed: 0 not at all, 8 by deflate.</param>
/// <param name="IsEncrypted">Whether it is encrypted.</param>
/// <param name="PackedSize">Bytes in the archive.</param>
/// <param name="Size">Bytes of the content.</param>
/// <param name="Header">Where its own header stands.</param>
internal sealed record ZipEntry(
    string Name, int Method, bool IsEncrypted, long PackedSize, long Size, long Header);

/// <summary>
/// The files in a zip archive. Their names are looked up and never become paths. A file that is not packed is read
/// where it stands, so views of a storage need no copy of it. Checksums are not looked at: PyTorch can leave them out.
/// Source: PKWARE's APPNOTE.TXT.
/// </summary>
internal sealed class TorchZip
{
    private const int EntryBytes = 46;
    private const int HeaderBytes = 30;

    private readonly Dictionary<string, ZipEntry> _entries = new(StringComparer.Ordinal);
    private readonly Stream _stream;
    private readonly long _origin;
    private readonly TorchSource _source;
    private long _dataEnd;

    /// <summary>Reads the list of files.</summary>
    /// <param name="stream">The archive.</param>
    /// <param name="origin">Where it begins.</param>
    /// <param name="source">The file.</param>
    /// <exception cref="InvalidDataException">It is no complete archive.</exception>
    public TorchZip(Stream stream, long origin, TorchSource source)
    {
        (_stream, _origin, _source) = (stream, origin, source);
        (long begin, long size, long count) = Directory();
        if (begin < 0 || size < 0 || count < 0 || begin > _dataEnd - size || count > size / EntryBytes)
            throw Damaged($"expected a list of {count} files before byte {_dataEnd}, got {size} bytes at {begin}");
        _dataEnd = begin;
        source.Budget.Take(size, "the list of its files");
        byte[] list = new byte[size];
        ReadAt(begin, list);
        ReadOnlySpan<byte> rest = list;
        for (long i = 0; i < count; i++) rest = ReadEntry(rest);
        CheckOverlaps();
    }

    /// <summary>The files.</summary>
    public IReadOnlyCollection<ZipEntry> Entries => _entries.Values;

    /// <summary>The file with a name; null if there is none.</summary>
    public ZipEntry? Find(string name) => _entries.GetValueOrDefault(name);

    /// <summary>Where the content of a file begins in the stream.</summary>
    public long PlaceOf(ZipEntry entry)
    {
        if (entry.IsEncrypted || entry.Method is not (0 or 8))
        {
            string how = entry.IsEncrypted ? "an encrypted one" : $"one packed by method {entry.Method}";
            throw _source.Bad($"expected \"{entry.Name}\" to be stored or packed by deflate, got {how}",
                "Unpack the archive, and pack its folder without compression.");
        }

        Span<byte> header = stackalloc byte[HeaderBytes];
        if (entry.Header > _dataEnd - HeaderBytes)
            throw Damaged($"expected \"{entry.Name}\" before byte {_dataEnd}, got it at {entry.Header}");
        ReadAt(entry.Header, header);
        long begin = entry.Header + HeaderBytes + UInt16(header, 26) + UInt16(header, 28);
        if (UInt32(header, 0) != 0x04034B50)
            throw Damaged($"expected the header of \"{entry.Name}\" at byte {entry.Header}, got other bytes");
        if (entry.PackedSize > _dataEnd - begin)
            throw Damaged($"expected {entry.PackedSize} bytes of \"{entry.Name}\" before byte {_dataEnd}, got them " +
                $"at {begin}");
        byte[] name = new byte[UInt16(header, 26)];
        ReadAt(entry.Header + HeaderBytes, name);
        if (Encoding.UTF8.GetString(name) != entry.Name)
            throw Damaged($"expected \"{entry.Name}\" at byte {entry.Header}, got a file of another name");
        if (entry.Method == 0 && entry.PackedSize != entry.Size)
            throw Damaged($"expected one size of \"{entry.Name}\", got {entry.PackedSize} bytes stored and " +
                $"{entry.Size} as its content");
        return _origin + begin;
    }

    /// <summary>The content of a packed file, charged to the budget.</summary>
    public byte[] Unpack(ZipEntry entry)
    {
        if (entry.Size > Array.MaxLength) throw Damaged($"expected at most {Array.MaxLength} bytes, got {entry.Size}");
        long place = PlaceOf(entry);
        _source.Budget.Take(entry.Size, $"the packed file \"{entry.Name}\"");
        byte[] content = new byte[entry.Size];
        int got;
        int more;
        try
        {
            using var packed = new DeflateStream(new StreamPart(_stream, place, entry.PackedSize),
                CompressionMode.Decompress);
            got = packed.ReadAtLeast(content, content.Length, throwOnEndOfStream: false);
            more = packed.ReadByte();
        }
        catch (InvalidDataException failure)
        {
            throw new InvalidDataException(
                $"PyTorchFile \"{_source.Name}\": expected \"{entry.Name}\" packed by deflate, got other bytes. " +
                "The file is damaged; get it again.", failure);
        }

        return got == content.Length && more < 0
            ? content
            : throw Damaged($"expected {entry.Size} bytes in the packed file \"{entry.Name}\", got " +
                (more < 0 ? $"{got}" : "more"));
    }

    private static int UInt16(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt16LittleEndian(bytes[at..]);

    private static uint UInt32(ReadOnlySpan<byte> bytes, int at) =>
        BinaryPrimitives.ReadUInt32LittleEndian(bytes[at..]);

    private static long Int64(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadInt64LittleEndian(bytes[at..]);

    /// <summary>Where the list of files stands, its bytes and its entries. It ends before <see cref="_dataEnd"/>.
    /// </summary>
    private (long Begin, long Size, long Count) Directory()
    {
        const int EndBytes = 22;
        long length = _stream.Length - _origin;
        byte[] tail = new byte[(int)Math.Min(length, EndBytes + ushort.MaxValue)];
        ReadAt(length - tail.Length, tail);
        int end = tail.Length - EndBytes;
        // A comment of the length that the record says follows it.
        while (end >= 0 && (UInt32(tail, end) != 0x06054B50 || UInt16(tail, end + 20) != tail.Length - end - EndBytes))
            end--;
        if (end < 0) throw Damaged("expected a zip archive with the list of its files at the end, got none");
        ReadOnlySpan<byte> record = tail.AsSpan(end);
        _dataEnd = length - tail.Length + end;
        (long begin, long size, long count) = (UInt32(record, 16), UInt32(record, 12), UInt16(record, 10));
        const int LocatorBytes = 20;
        if (begin != uint.MaxValue && size != uint.MaxValue && count != ushort.MaxValue) return (begin, size, count);
        // An archive of more than 4 GB or 65,535 files has a larger record, and before the end the place of it.
        if (end < LocatorBytes || UInt32(tail, end - LocatorBytes) != 0x07064B50) return (begin, size, count);
        long place = Int64(tail, end - LocatorBytes + 8);
        byte[] large = new byte[56];
        if (place < 0 || place > _dataEnd - LocatorBytes - large.Length)
            throw Damaged($"expected the zip64 record before byte {_dataEnd}, got it at {place}");
        ReadAt(place, large);
        if (UInt32(large, 0) != 0x06064B50) throw Damaged($"expected the zip64 record at byte {place}, got none");
        _dataEnd = place;
        return (Int64(large, 48), Int64(large, 40), Int64(large, 32));
    }

    private ReadOnlySpan<byte> ReadEntry(ReadOnlySpan<byte> list)
    {
        if (list.Length < EntryBytes || UInt32(list, 0) != 0x02014B50)
            throw Damaged("expected another entry in the list of its files, got other bytes");
        int nameBytes = UInt16(list, 28), extraBytes = UInt16(list, 30);
        int total = EntryBytes + nameBytes + extraBytes + UInt16(list, 32);
        if (list.Length < total) throw Damaged("expected a complete entry in the list of its files, got its beginning");
        _source.Budget.Take(160 + (2 * nameBytes), "the list of its files");
        string name = Encoding.UTF8.GetString(list.Slice(EntryBytes, nameBytes));
        long packed = UInt32(list, 20), size = UInt32(list, 24), header = UInt32(list, 42);
        ReadOnlySpan<byte> extra = list.Slice(EntryBytes + nameBytes, extraBytes);
        while (extra.Length >= 4)
        {
            int bytes = UInt16(extra, 2);
            if (bytes > extra.Length - 4) break;
            if (UInt16(extra, 0) == 1)
            {
                // The numbers that are too large for their places, in this order.
                ReadOnlySpan<byte> large = extra.Slice(4, bytes);
                size = Large(ref large, size);
                packed = Large(ref large, packed);
                header = Large(ref large, header);
            }

            extra = extra[(4 + bytes)..];
        }

        if (size < 0 || packed < 0 || header < 0)
            throw Damaged($"expected sizes and a place of 0 or more for \"{name}\", got {size}, {packed} and {header}");
        var entry = new ZipEntry(name, UInt16(list, 10), (list[8] & 1) != 0, packed, size, header);
        if (!_entries.TryAdd(name, entry)) throw Damaged($"expected each name once, got the file \"{name}\" twice");
        return list[total..];
    }

    /// <summary>A small archive would have a large content if its files shared their bytes.</summary>
    private void CheckOverlaps()
    {
        ZipEntry? last = null;
        foreach (ZipEntry entry in _entries.Values.OrderBy(static entry => entry.Header))
        {
            if (last is not null && last.PackedSize > entry.Header - last.Header - HeaderBytes)
                throw Damaged(
                    $"expected files one after another, got \"{last.Name}\" and \"{entry.Name}\" that overlap");
            last = entry;
        }
    }

    private static long Large(ref ReadOnlySpan<byte> large, long value)
    {
        if (value != uint.MaxValue || large.Length < 8) return value;
        value = Int64(large, 0);
        large = large[8..];
        return value;
    }

    private void ReadAt(long place, Span<byte> to)
    {
        _stream.Position = _origin + place;
        _stream.ReadExactly(to);
    }

    private InvalidDataException Damaged(string wrong) => _source.Bad(wrong, "The file is truncated or damaged; get " +
        "it again.");

    /// <summary>A part of a stream, read once from its beginning.</summary>
    private sealed class StreamPart(Stream stream, long begin, long length) : Stream
    {
        private long _read;

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => length;

        public override long Position
        {
            get => _read;
            set => throw new NotSupportedException();
        }

        public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

        public override int Read(Span<byte> buffer)
        {
            stream.Position = begin + _read;
            int got = stream.Read(buffer[..(int)Math.Min(buffer.Length, length - _read)]);
            _read += got;
            return got;
        }

        public override void Flush() => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }
}
