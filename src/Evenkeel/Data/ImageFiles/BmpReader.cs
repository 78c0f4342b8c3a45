using System.Buffers.Binary;

namespace Evenkeel.Data;

/// <summary>
/// Decodes uncompressed BMP: 1, 4 and 8 bits with a palette (gray where every colour of the palette is), 24 and 32 bits, rows from the bottom up or from
/// the top down; a fourth byte a pixel is dropped. Source: Microsoft, "Bitmap Storage" and BITMAPINFOHEADER.
/// </summary>
internal static class BmpReader
{
    private const int FileHeader = 14, CoreHeader = 12, InfoHeader = 40;

    public static ByteImage Read(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length < FileHeader + CoreHeader) throw new InvalidDataException("the file ends inside its header: truncated");
        uint offset = BinaryPrimitives.ReadUInt32LittleEndian(bytes[10..]);
        uint headerBytes = BinaryPrimitives.ReadUInt32LittleEndian(bytes[14..]);
        bool core = headerBytes == CoreHeader;
        if (!core && headerBytes is not (>= InfoHeader and <= 4096)) throw new InvalidDataException($"expected a header of {CoreHeader} or at least {InfoHeader} bytes, got {headerBytes}");
        if (headerBytes > bytes.Length - FileHeader) throw new InvalidDataException("the file ends inside its header: truncated");
        ReadOnlySpan<byte> header = bytes.Slice(FileHeader, (int)headerBytes);
        long width = core ? BinaryPrimitives.ReadUInt16LittleEndian(header[4..]) : BinaryPrimitives.ReadInt32LittleEndian(header[4..]);
        long height = core ? BinaryPrimitives.ReadUInt16LittleEndian(header[6..]) : BinaryPrimitives.ReadInt32LittleEndian(header[8..]);
        int bits = BinaryPrimitives.ReadUInt16LittleEndian(header[(core ? 10 : 14)..]);
        uint compression = core ? 0 : BinaryPrimitives.ReadUInt32LittleEndian(header[16..]);
        bool topDown = height < 0;
        height = Math.Abs(height);
        ImageFile.CheckSize(width, height);
        if (bits is not (1 or 4 or 8 or 24 or 32)) throw new InvalidDataException($"expected 1, 4, 8, 24 or 32 bits a pixel, got {bits}");

        // 3 and 6: the places of the colours in a pixel are given.
        bool masked = compression is 3 or 6 && bits == 32;
        if (compression != 0 && !masked) throw new InvalidDataException($"expected uncompressed pixels, got compression {compression}");
        long stride = (width * bits + 31) / 32 * 4;
        if (offset > bytes.Length || stride * height > bytes.Length - offset)
            throw new InvalidDataException($"{width} x {height} pixels take {stride * height} bytes, the file holds {Math.Max(0, bytes.Length - (long)offset)}: truncated");
        (int red, int green, int blue) = masked ? Places(bytes) : (2, 1, 0);
        return bits <= 8
            ? ReadIndexed(bytes[(int)offset..], PaletteOf(bytes, header, core, bits), (int)width, (int)height, bits, (int)stride, topDown)
            : ReadColour(bytes[(int)offset..], [red, green, blue], (int)width, (int)height, bits / 8, (int)stride, topDown);
    }

    private static ByteImage ReadColour(ReadOnlySpan<byte> rows, ReadOnlySpan<int> places, int width, int height, int pixelBytes, int stride, bool topDown)
    {
        var image = new ByteImage(GC.AllocateUninitializedArray<byte>(3 * width * height), 3, height, width);
        for (int c = 0; c < 3; c++)
        {
            for (int y = 0; y < height; y++)
            {
                ReadOnlySpan<byte> row = rows.Slice((topDown ? y : height - 1 - y) * stride, stride);
                Span<byte> target = image.Plane(c).Slice(y * width, width);
                for (int x = 0, at = places[c]; x < target.Length; x++, at += pixelBytes) target[x] = row[at];
            }
        }

        return image;
    }

    private static ByteImage ReadIndexed(ReadOnlySpan<byte> rows, byte[][] palette, int width, int height, int bits, int stride, bool topDown)
    {
        bool gray = palette[0].AsSpan().SequenceEqual(palette[1]) && palette[1].AsSpan().SequenceEqual(palette[2]);
        int channels = gray ? 1 : 3, perByte = 8 / bits, mask = (1 << bits) - 1;
        var image = new ByteImage(GC.AllocateUninitializedArray<byte>(channels * width * height), channels, height, width);
        for (int c = 0; c < channels; c++)
        {
            byte[] colours = palette[c];
            for (int y = 0; y < height; y++)
            {
                ReadOnlySpan<byte> row = rows.Slice((topDown ? y : height - 1 - y) * stride, stride);
                Span<byte> target = image.Plane(c).Slice(y * width, width);
                for (int x = 0; x < target.Length; x++)
                {
                    int index = row[x / perByte] >> (8 - bits - x % perByte * bits) & mask;
                    if (index >= colours.Length) throw new InvalidDataException($"expected one of the palette's {colours.Length} colours, got number {index} in row {y}");
                    target[x] = colours[index];
                }
            }
        }

        return image;
    }

    /// <summary>Red, green and blue of each colour of the palette.</summary>
    private static byte[][] PaletteOf(ReadOnlySpan<byte> bytes, ReadOnlySpan<byte> header, bool core, int bits)
    {
        long colours = core ? 0 : BinaryPrimitives.ReadUInt32LittleEndian(header[32..]);
        if (colours == 0) colours = 1 << bits;
        if (colours > 1 << bits) throw new InvalidDataException($"expected a palette of at most {1 << bits} colours, got {colours}");
        int size = core ? 3 : 4, start = FileHeader + header.Length;
        if (colours * size > bytes.Length - start) throw new InvalidDataException("the file ends inside its palette: truncated");
        byte[][] palette = [new byte[colours], new byte[colours], new byte[colours]];
        for (int i = 0; i < colours; i++)
        {
            for (int c = 0; c < 3; c++) palette[c][i] = bytes[start + i * size + 2 - c];
        }

        return palette;
    }

    /// <summary>The bytes of a pixel that hold red, green and blue, by the three masks behind the first 40 bytes of the header.</summary>
    private static (int Red, int Green, int Blue) Places(ReadOnlySpan<byte> bytes)
    {
        const int masks = FileHeader + InfoHeader;
        if (bytes.Length < masks + 12) throw new InvalidDataException("the file ends inside its header: truncated");
        return (Place(bytes[masks..]), Place(bytes[(masks + 4)..]), Place(bytes[(masks + 8)..]));

        static int Place(ReadOnlySpan<byte> mask) => BinaryPrimitives.ReadUInt32LittleEndian(mask) switch
        {
            0x000000FF => 0,
            0x0000FF00 => 1,
            0x00FF0000 => 2,
            0xFF000000 => 3,
            uint other => throw new InvalidDataException($"expected colours of one byte each, got the mask {other:x8}"),
        };
    }
}
