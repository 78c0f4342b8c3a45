using System.Buffers;
using System.Buffers.Binary;
using System.Text;

namespace Evenkeel.Serialization;

/// <summary>
/// Writes a zip archive without packing. The content of each file begins at a multiple of 64 bytes, as PyTorch has it,
/// so it can be mapped into memory. An archive of more than 4 GB or 65,535 files gets the records of zip64.
/// </summary>
internal sealed class TorchZipWriter(Stream stream)
{
    private const int Alignment = 64;

    /// <summary>The first of January 1980, the first day that the format has.</summary>
    private const ushort Date = (1 << 5) | 1;

    private readonly ArrayBufferWriter<byte> _list = new();
    private long _place;
    private long _count;

    /// <summary>Writes a file.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="content">Its content, less than 4 GB.</param>
    public void Add(string name, ReadOnlySpan<byte> content)
    {
        byte[] nameBytes = Encoding.UTF8.GetBytes(name);
        long header = _place;
        long unpadded = header + 30 + nameBytes.Length + 4;
        int padding = (int)(-unpadded & (Alignment - 1));
        // Version 2.0, names in UTF-8, not packed.
        Span<byte> common = stackalloc byte[26];
        common.Clear();
        UInt16(common, 0, 20);
        UInt16(common, 2, 1 << 11);
        UInt16(common, 8, Date);
        UInt32(common, 10, Crc32.Append(0, content));
        UInt32(common, 14, (uint)content.Length);
        UInt32(common, 18, (uint)content.Length);
        UInt16(common, 22, (ushort)nameBytes.Length);
        UInt16(common, 24, (ushort)(4 + padding));
        Write(stream, 0x04034B50);
        stream.Write(common);
        stream.Write(nameBytes);
        // PyTorch's own field of padding.
        byte[] filler = new byte[4 + padding];
        filler.AsSpan().Fill((byte)'Z');
        "FB"u8.CopyTo(filler);
        UInt16(filler, 2, (ushort)padding);
        stream.Write(filler);
        stream.Write(content);
        _place = unpadded + padding + content.Length;
        List(header, nameBytes, common);
    }

    /// <summary>Writes the list of files.</summary>
    public void Finish()
    {
        long begin = _place, size = _list.WrittenCount;
        stream.Write(_list.WrittenSpan);
        if (begin >= uint.MaxValue || _count >= ushort.MaxValue)
        {
            Span<byte> large = stackalloc byte[56 + 20];
            large.Clear();
            UInt32(large, 0, 0x06064B50);
            Int64(large, 4, 44);
            UInt16(large, 12, 45);
            UInt16(large, 14, 45);
            Int64(large, 24, _count);
            Int64(large, 32, _count);
            Int64(large, 40, size);
            Int64(large, 48, begin);
            UInt32(large, 56, 0x07064B50);
            Int64(large, 64, begin + size);
            UInt32(large, 72, 1);
            stream.Write(large);
        }

        Span<byte> end = stackalloc byte[22];
        end.Clear();
        UInt32(end, 0, 0x06054B50);
        UInt16(end, 8, (ushort)Math.Min(_count, ushort.MaxValue));
        UInt16(end, 10, (ushort)Math.Min(_count, ushort.MaxValue));
        UInt32(end, 12, (uint)size);
        UInt32(end, 16, (uint)Math.Min(begin, uint.MaxValue));
        stream.Write(end);
    }

    private static void UInt16(Span<byte> to, int at, ushort value) =>
        BinaryPrimitives.WriteUInt16LittleEndian(to[at..], value);

    private static void UInt32(Span<byte> to, int at, uint value) =>
        BinaryPrimitives.WriteUInt32LittleEndian(to[at..], value);

    private static void Int64(Span<byte> to, int at, long value) =>
        BinaryPrimitives.WriteInt64LittleEndian(to[at..], value);

    private static void Write(Stream to, uint value)
    {
        Span<byte> bytes = stackalloc byte[4];
        UInt32(bytes, 0, value);
        to.Write(bytes);
    }

    private void List(long header, byte[] name, ReadOnlySpan<byte> common)
    {
        bool isFar = header >= uint.MaxValue;
        Span<byte> entry = stackalloc byte[46];
        entry.Clear();
        UInt32(entry, 0, 0x02014B50);
        UInt16(entry, 4, (ushort)(isFar ? 45 : 20));
        common.CopyTo(entry[6..]);
        UInt16(entry, 30, (ushort)(isFar ? 12 : 0));
        UInt32(entry, 42, (uint)Math.Min(header, uint.MaxValue));
        _list.Write(entry);
        _list.Write(name);
        if (isFar)
        {
            Span<byte> place = stackalloc byte[12];
            UInt16(place, 0, 1);
            UInt16(place, 2, 8);
            Int64(place, 4, header);
            _list.Write(place);
        }

        _count++;
    }
}
