using System.Buffers.Binary;
using System.Numerics;

namespace Evenkeel.Data;

/// <summary>
/// Decodes BMP. Pixels of 1, 2, 4 and 8 bits have a palette and are stored plain or as runs (RLE4, RLE8); the picture
/// is gray if every colour of the palette is. Pixels of 16, 24 and 32 bits have the usual places of the colours, or
/// those of the file's masks. Rows go from the bottom up or from the top down. Headers are those of Windows and OS/2.
/// Alpha is dropped. A colour v of n bits becomes round(v · 255 / (2ⁿ - 1)). Source: Microsoft, "Bitmap Storage",
/// BITMAPINFOHEADER and BITMAPV4HEADER; IBM, OS/2 "Bitmap File Format".
/// </summary>
internal static class BmpReader
{
    private const int FileHeader = 14, CoreHeader = 12, ShortHeader = 16, InfoHeader = 40, Os2Header = 64;
    private const int Plain = 0, Runs8 = 1, Runs4 = 2, Masks = 3, MasksWithAlpha = 6;

    /// <summary>What the headers say; <c>Start</c> is the byte of the file where the pixels begin.</summary>
    private readonly record struct Header(
        int Size, int Width, int Height, bool TopDown, int Bits, int Compression, long Colours, long Start);

    public static ByteImage Read(ReadOnlySpan<byte> bytes)
    {
        Header h = ReadHeader(bytes);
        bool isIndexed = h.Bits <= 8, hasRuns = h.Compression is Runs8 or Runs4;
        byte[][] palette = isIndexed ? PaletteOf(bytes, h) : [];
        uint[] masks = isIndexed ? [] : MasksOf(bytes, h);
        string? warning = null;
        ReadOnlySpan<byte> rows = h.Start < bytes.Length ? bytes[(int)h.Start..] : [];
        // Single indices, one byte each, instead of runs.
        if (hasRuns) rows = Unpack(rows, h, ref warning);
        int bits = hasRuns ? 8 : h.Bits;
        long rowBytes = ((long)h.Width * bits + 7) / 8, stride = hasRuns ? rowBytes : (rowBytes + 3) / 4 * 4;
        // Some programs leave out the padding of the last row.
        long needed = stride * (h.Height - 1) + rowBytes;
        if (needed > rows.Length)
            throw new InvalidDataException(
                $"{h.Width} x {h.Height} pixels take {needed} bytes, the file holds {rows.Length}: truncated");

        bool isGray = isIndexed && palette[0].SequenceEqual(palette[1]) && palette[1].SequenceEqual(palette[2]);
        int channels = isGray ? 1 : 3;
        byte[] pixels = GC.AllocateUninitializedArray<byte>(channels * h.Width * h.Height);
        var image = new ByteImage(pixels, channels, h.Height, h.Width) { Warning = warning };
        var values = new uint[h.Width];
        for (int y = 0; y < h.Height; y++)
        {
            long row = h.TopDown ? y : h.Height - 1 - y;
            ReadValues(rows.Slice((int)(row * stride), (int)rowBytes), bits, values);
            for (int c = 0; c < channels; c++)
            {
                Span<byte> target = image.Plane(c).Slice(y * h.Width, h.Width);
                if (isIndexed) PutIndexed(values, palette[c], target, y);
                else PutMasked(values, masks[c], target);
            }
        }

        return image;
    }

    private static Header ReadHeader(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length < FileHeader + CoreHeader)
            throw new InvalidDataException("the file ends inside its header: truncated");
        uint start = BinaryPrimitives.ReadUInt32LittleEndian(bytes[10..]),
            size = BinaryPrimitives.ReadUInt32LittleEndian(bytes[14..]);
        if (size is not (CoreHeader or ShortHeader or >= InfoHeader and <= 4096))
            throw new InvalidDataException(
                $"expected a header of {CoreHeader}, {ShortHeader} or at least {InfoHeader} bytes, got {size}");
        if (size > bytes.Length - FileHeader)
            throw new InvalidDataException("the file ends inside its header: truncated");
        bool isCore = size == CoreHeader, isShort = size < InfoHeader;
        ReadOnlySpan<byte> fields = bytes.Slice(FileHeader, (int)size);
        long width = isCore
            ? BinaryPrimitives.ReadUInt16LittleEndian(fields[4..])
            : BinaryPrimitives.ReadInt32LittleEndian(fields[4..]);
        long height = isCore
            ? BinaryPrimitives.ReadUInt16LittleEndian(fields[6..])
            : BinaryPrimitives.ReadInt32LittleEndian(fields[8..]);
        int bits = BinaryPrimitives.ReadUInt16LittleEndian(fields[(isCore ? 10 : 14)..]);
        uint compression = isShort ? Plain : BinaryPrimitives.ReadUInt32LittleEndian(fields[16..]);
        long colours = isShort ? 0 : BinaryPrimitives.ReadUInt32LittleEndian(fields[32..]);
        ImageFile.CheckSize(width, Math.Abs(height));
        if (bits is not (1 or 2 or 4 or 8 or 16 or 24 or 32))
            throw new InvalidDataException($"expected 1, 2, 4, 8, 16, 24 or 32 bits a pixel, got {bits}");
        // In OS/2, 3 and 4 mean a fax code and runs of 24 bits.
        bool isKnown = compression switch
        {
            Plain => true,
            Runs8 => bits == 8,
            Runs4 => bits == 4,
            Masks or MasksWithAlpha => bits is 16 or 32 && size != Os2Header,
            _ => false,
        };
        if (!isKnown)
            throw new InvalidDataException(
                "expected plain pixels, runs of 4 or 8 bits, or masks of 16 or 32 bits, " +
                $"got compression {compression} with {bits} bits a pixel");
        return new Header(
            (int)size, (int)width, (int)Math.Abs(height), height < 0, bits, (int)compression, colours, start);
    }

    /// <summary>The row's pixels as numbers.</summary>
    private static void ReadValues(ReadOnlySpan<byte> row, int bits, uint[] values)
    {
        switch (bits)
        {
            case 8:
                for (int x = 0; x < values.Length; x++) values[x] = row[x];
                break;
            case 16:
                for (int x = 0; x < values.Length; x++)
                    values[x] = BinaryPrimitives.ReadUInt16LittleEndian(row[(2 * x)..]);
                break;
            case 24:
                for (int x = 0, at = 0; x < values.Length; x++, at += 3)
                    values[x] = (uint)(row[at] | row[at + 1] << 8 | row[at + 2] << 16);
                break;
            case 32:
                for (int x = 0; x < values.Length; x++)
                    values[x] = BinaryPrimitives.ReadUInt32LittleEndian(row[(4 * x)..]);
                break;
            default:
                int perByte = 8 / bits;
                for (int x = 0; x < values.Length; x++)
                    values[x] = (uint)(row[x / perByte] >> (8 - bits - x % perByte * bits) & ((1 << bits) - 1));
                break;
        }
    }

    private static void PutIndexed(uint[] values, byte[] colours, Span<byte> target, int y)
    {
        for (int x = 0; x < target.Length; x++)
        {
            uint index = values[x];
            if (index >= (uint)colours.Length)
                throw new InvalidDataException(
                    $"expected one of the palette's {colours.Length} colours, got number {index} in row {y}");
            target[x] = colours[index];
        }
    }

    private static void PutMasked(uint[] values, uint mask, Span<byte> target)
    {
        int shift = BitOperations.TrailingZeroCount(mask) & 31;
        uint largest = mask >> shift;
        if (largest == 255)
        {
            for (int x = 0; x < target.Length; x++) target[x] = (byte)(values[x] >> shift);
        }
        else if (largest == 0) target.Clear();
        else
        {
            for (int x = 0; x < target.Length; x++)
                target[x] = (byte)((((values[x] & mask) >> shift) * 255ul + largest / 2) / largest);
        }
    }

    /// <summary>Red, green and blue of each colour of the palette.</summary>
    private static byte[][] PaletteOf(ReadOnlySpan<byte> bytes, Header h)
    {
        int size = h.Size == CoreHeader ? 3 : 4, start = FileHeader + h.Size;
        long colours = h.Colours == 0 ? 1 << h.Bits : Math.Min(h.Colours, 1 << h.Bits);
        // The oldest header cannot say that the palette is shorter. The pixels begin where the palette ends.
        if (h.Start > start) colours = Math.Min(colours, (h.Start - start) / size);
        if (colours * size > bytes.Length - start)
            throw new InvalidDataException("the file ends inside its palette: truncated");
        byte[][] palette = [new byte[colours], new byte[colours], new byte[colours]];
        for (int i = 0; i < colours; i++)
        {
            for (int c = 0; c < 3; c++) palette[c][i] = bytes[start + i * size + 2 - c];
        }

        return palette;
    }

    /// <summary>
    /// The bits of a pixel that hold red, green and blue. The file's own masks follow the first 40 bytes of its header.
    /// </summary>
    private static uint[] MasksOf(ReadOnlySpan<byte> bytes, Header h)
    {
        if (h.Compression == Plain) return h.Bits == 16 ? [0x7C00, 0x03E0, 0x001F] : [0xFF0000, 0x00FF00, 0x0000FF];
        const int at = FileHeader + InfoHeader;
        if (bytes.Length < at + 12) throw new InvalidDataException("the file ends inside its header: truncated");
        var masks = new uint[3];
        for (int c = 0; c < 3; c++)
        {
            uint mask = BinaryPrimitives.ReadUInt32LittleEndian(bytes[(at + 4 * c)..]);
            ulong ones = (ulong)mask >> (BitOperations.TrailingZeroCount(mask) & 31);
            if ((ones & (ones + 1)) != 0)
                throw new InvalidDataException($"expected masks of bits that lie together, got {mask:x8}");
            masks[c] = mask;
        }

        return masks;
    }

    /// <summary>
    /// Unpacks runs. A run is a count and an index (RLE8), or a count and two indices that alternate (RLE4). After a
    /// count of 0, the next byte means the end of a row (0), the end of the picture (1), a step to the right and up
    /// (2), or that many single indices (3 and more). A pixel that no run reaches has index 0.
    /// </summary>
    private static byte[] Unpack(ReadOnlySpan<byte> runs, Header h, ref string? warning)
    {
        // Two bytes describe at most 255 pixels.
        if ((long)h.Width * h.Height > runs.Length * 128L)
            throw new InvalidDataException(
                $"{runs.Length} bytes of runs cannot hold {h.Width} x {h.Height} pixels: truncated");
        var indices = new byte[h.Width * h.Height];
        bool isWide = h.Compression == Runs8;
        int x = 0, y = 0, at = 0;
        while (y < h.Height)
        {
            Expect(2, runs);
            int count = runs[at], value = runs[at + 1];
            at += 2;
            if (count > 0) Put([(byte)value], count, ref warning);
            else if (value == 0) (x, y) = (0, y + 1);
            else if (value == 1) break;
            else if (value == 2)
            {
                Expect(2, runs);
                (x, y) = (x + runs[at], y + runs[at + 1]);
                at += 2;
            }
            else
            {
                int length = isWide ? value : (value + 1) / 2;
                Expect(length, runs);
                Put(runs.Slice(at, length), value, ref warning);
                // The indices are padded to an even number of bytes.
                at += length + (length & 1);
            }
        }

        return indices;

        void Expect(int count, ReadOnlySpan<byte> runs)
        {
            if (count > runs.Length - at)
                throw new InvalidDataException($"the runs end inside row {y} of {h.Height}: truncated");
        }

        void Put(ReadOnlySpan<byte> source, int count, ref string? warning)
        {
            if (count > h.Width - x)
            {
                warning = "a run goes on beyond its row";
                count = Math.Max(0, h.Width - x);
            }

            for (int i = 0; i < count; i++, x++)
            {
                byte pair = source[(isWide ? i : i / 2) % source.Length];
                indices[y * h.Width + x] = isWide ? pair : (byte)((i & 1) == 0 ? pair >> 4 : pair & 15);
            }
        }
    }
}
