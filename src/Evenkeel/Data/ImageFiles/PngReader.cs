using System.Buffers.Binary;
using System.IO.Compression;

namespace Evenkeel.Data;

/// <summary>
/// Decodes PNG: every colour type, 1 to 16 bits, interlaced or not. Alpha and transparent colours are dropped. The
/// checksum of every chunk is verified. A wrong one is an error if the pixels need the chunk, otherwise a warning.
/// Source: W3C, Portable Network Graphics (PNG) Specification, second edition.
/// </summary>
internal static class PngReader
{
    /// <summary>Number of bytes behind the pixels that are read to find the checksum.</summary>
    private const int MostSurplus = 1 << 24;

    private const int Gray = 0, Colour = 2, Palette = 3, GrayAlpha = 4, ColourAlpha = 6;

    /// <summary>deflate expands one byte to at most 1032 bytes.</summary>
    private const int MaxRatio = 1032;

    /// <summary>Where the pixels of the seven passes of an interlaced picture begin, and their distances.</summary>
    private static ReadOnlySpan<byte> PassX => [0, 4, 0, 2, 0, 1, 0];

    private static ReadOnlySpan<byte> PassY => [0, 0, 4, 0, 2, 0, 1];

    private static ReadOnlySpan<byte> PassStepX => [8, 8, 4, 4, 2, 2, 1];

    private static ReadOnlySpan<byte> PassStepY => [8, 8, 8, 4, 4, 2, 2];

    private readonly record struct Header(int Width, int Height, int Bits, int Type, bool Interlaced)
    {
        /// <summary>Stored values per pixel.</summary>
        public int Samples => Type switch { Gray or Palette => 1, GrayAlpha => 2, Colour => 3, _ => 4 };

        /// <summary>Bytes from one pixel to the next, as the filters count them: at least one.</summary>
        public int PixelBytes => Math.Max(1, Samples * Bits / 8);

        public int RowBytes(int width) => (int)(((long)width * Samples * Bits + 7) / 8);
    }

    public static ByteImage Read(ReadOnlySpan<byte> bytes)
    {
        Header? header = null;
        ReadOnlySpan<byte> palette = [];
        string? warning = null;
        using var packed = new MemoryStream();
        for (ReadOnlySpan<byte> rest = bytes[PngFormat.Signature.Length..]; ;)
        {
            ReadOnlySpan<byte> data = NextChunk(ref rest, out uint type, ref warning);
            if (header is null && type != Name("IHDR"u8))
                throw new InvalidDataException("expected the chunk IHDR first");
            if (type == Name("IHDR"u8))
            {
                header = header is null
                    ? ReadHeader(data)
                    : throw new InvalidDataException("expected one chunk IHDR, got two");
            }
            else if (type == Name("PLTE"u8))
            {
                palette = data.Length % 3 == 0 && data.Length <= 768 ? data : throw new InvalidDataException(
                    $"expected a palette of up to 256 colours, got {data.Length} bytes");
            }
            else if (type == Name("IDAT"u8)) packed.Write(data);
            else if (type == Name("IEND"u8)) break;
            else if (!IsAncillary(type))
                throw new InvalidDataException($"expected chunks of the standard, got {Text(type)}");
        }

        Header h = header!.Value;
        if (h.Type == Palette && palette.IsEmpty)
            throw new InvalidDataException("expected a palette (the chunk PLTE), found none");
        if ((long)h.RowBytes(h.Width) * h.Height > packed.Length * MaxRatio)
            throw new InvalidDataException($"{packed.Length} bytes of data cannot hold {h.Width} x {h.Height} pixels");
        CheckPacking(packed.GetBuffer().AsSpan(0, (int)packed.Length));
        int channels = h.Type is Gray or GrayAlpha ? 1 : 3;
        byte[] pixels = GC.AllocateUninitializedArray<byte>(h.Width * h.Height * channels);
        packed.Position = 0;
        using PackedStream zlib = PackedStream.ZLib(packed);
        try
        {
            ReadRows(zlib, h, palette, new ByteImage(pixels, channels, h.Height, h.Width));
            // Reads to the end of the data, where its checksum is.
            if (zlib.ReadByte() >= 0)
            {
                warning ??= "there is more data than pixels";
                Drain(zlib);
            }
        }
        catch (InvalidDataException failure) when (zlib.IsDamaged && HasAllRows(packed, h, palette, pixels, channels))
        {
            throw new InvalidDataException(
                "the checksum of the pixels (Adler-32) is wrong or missing: damaged", failure);
        }

        return new ByteImage(pixels, channels, h.Height, h.Width) { Warning = warning };
    }

    /// <summary>Reads on to the checksum, up to a limit: a small file may expand to a great many zeros.</summary>
    private static void Drain(PackedStream zlib)
    {
        byte[] surplus = new byte[1 << 16];
        for (int left = MostSurplus; left > 0; left -= surplus.Length)
        {
            if (zlib.Read(surplus) == 0) return;
        }
    }

    /// <summary>
    /// Cases that the platform reports as damaged data: another compression method, or one that needs a dictionary.
    /// </summary>
    private static void CheckPacking(ReadOnlySpan<byte> packed)
    {
        if (packed.Length < 2 || (packed[0] & 0x8F) != 8 || (packed[1] & 0x20) != 0
            || (packed[0] << 8 | packed[1]) % 31 != 0)
        {
            string begin = Convert.ToHexStringLower(packed[..Math.Min(2, packed.Length)]);
            throw new InvalidDataException($"expected pixels packed by zlib, got data that begins with {begin}");
        }
    }

    /// <summary>Whether the rows can be unpacked if their checksum is ignored.</summary>
    private static bool HasAllRows(
        MemoryStream packed, Header h, ReadOnlySpan<byte> palette, byte[] pixels, int channels)
    {
        packed.Position = 2;
        using var rows = new DeflateStream(packed, CompressionMode.Decompress, leaveOpen: true);
        try
        {
            ReadRows(rows, h, palette, new ByteImage(pixels, channels, h.Height, h.Width));
            return true;
        }
        catch (Exception failure) when (failure is InvalidDataException or IOException)
        {
            return false;
        }
    }

    private static void ReadRows(Stream stream, Header h, ReadOnlySpan<byte> palette, ByteImage image)
    {
        if (h.Interlaced)
        {
            for (int pass = 0; pass < 7; pass++)
                ReadPass(stream, h, palette, image, PassX[pass], PassY[pass], PassStepX[pass], PassStepY[pass]);
        }
        else ReadPass(stream, h, palette, image, 0, 0, 1, 1);
    }

    private static Header ReadHeader(ReadOnlySpan<byte> data)
    {
        if (data.Length != 13) throw new InvalidDataException($"expected a header of 13 bytes, got {data.Length}");
        long width = BinaryPrimitives.ReadUInt32BigEndian(data),
            height = BinaryPrimitives.ReadUInt32BigEndian(data[4..]);
        ImageFile.CheckSize(width, height);
        int bits = data[8], type = data[9];
        bool known = type switch
        {
            Gray => bits is 1 or 2 or 4 or 8 or 16,
            Palette => bits is 1 or 2 or 4 or 8,
            Colour or GrayAlpha or ColourAlpha => bits is 8 or 16,
            _ => false,
        };
        if (!known)
        {
            throw new InvalidDataException(
                $"expected a colour type and depth of the standard, got type {type} with {bits} bits");
        }

        if (data[10] != 0 || data[11] != 0 || data[12] > 1)
        {
            throw new InvalidDataException($"expected the standard's compression, filter and interlace methods, "
                + $"got {data[10]}, {data[11]}, {data[12]}");
        }

        return new Header((int)width, (int)height, bits, type, data[12] == 1);
    }

    /// <summary>
    /// Reads the rows of one pass and puts their pixels in place. A picture that is not interlaced is one pass.
    /// </summary>
    private static void ReadPass(
        Stream stream, Header h, ReadOnlySpan<byte> palette, ByteImage image, int x0, int y0, int stepX, int stepY)
    {
        int width = (h.Width - x0 + stepX - 1) / stepX, height = (h.Height - y0 + stepY - 1) / stepY;
        if (width <= 0 || height <= 0) return;
        int length = h.RowBytes(width), pixel = h.PixelBytes;
        byte[] row = new byte[length], above = new byte[length], values = new byte[width];
        for (int i = 0; i < height; i++)
        {
            int filter = stream.ReadByte();
            if (filter < 0 || stream.ReadAtLeast(row, length, throwOnEndOfStream: false) < length)
                throw new InvalidDataException($"the data ends inside row {y0 + i * stepY} of {h.Height}: truncated");
            Unfilter(filter, row, above, pixel);
            Put(h, row, values, palette, image, y0 + i * stepY, x0, stepX);
            (row, above) = (above, row);
        }
    }

    private static void Unfilter(int filter, byte[] row, byte[] above, int pixel)
    {
        switch (filter)
        {
            case 0:
                break;
            case 1:
                for (int i = pixel; i < row.Length; i++) row[i] += row[i - pixel];
                break;
            case 2:
                for (int i = 0; i < row.Length; i++) row[i] += above[i];
                break;
            case 3:
                for (int i = 0; i < row.Length; i++)
                    row[i] += (byte)(((i < pixel ? 0 : row[i - pixel]) + above[i]) >> 1);
                break;
            case 4:
                for (int i = 0; i < Math.Min(pixel, row.Length); i++) row[i] += above[i];
                for (int i = pixel; i < row.Length; i++)
                    row[i] += (byte)PngFormat.Paeth(row[i - pixel], above[i], above[i - pixel]);
                break;
            default:
                throw new InvalidDataException($"expected a filter from 0 to 4, got {filter}");
        }
    }

    /// <summary>Writes a row's pixels into the planes, one channel after the other.</summary>
    private static void Put(
        Header h, byte[] row, byte[] values, ReadOnlySpan<byte> palette, ByteImage image, int y, int x0, int stepX)
    {
        for (int c = 0; c < image.Channels; c++)
        {
            if (h.Type == Palette)
            {
                for (int x = 0; x < values.Length; x++)
                {
                    int index = 3 * Bits(row, x, h.Bits);
                    if (index >= palette.Length)
                    {
                        throw new InvalidDataException($"expected one of the palette's {palette.Length / 3} colours, "
                            + $"got number {index / 3} in row {y}");
                    }

                    values[x] = palette[index + c];
                }
            }
            else if (h.Bits < 8)
            {
                int scale = 255 / ((1 << h.Bits) - 1);
                for (int x = 0; x < values.Length; x++) values[x] = (byte)(scale * Bits(row, x, h.Bits));
            }
            else if (h.Bits == 8)
            {
                for (int x = 0, at = c; x < values.Length; x++, at += h.Samples) values[x] = row[at];
            }
            else
            {
                // round(v · 255 / 65535), exactly
                for (int x = 0, at = 2 * c; x < values.Length; x++, at += 2 * h.Samples)
                    values[x] = (byte)(((row[at] << 8 | row[at + 1]) * 255 + 32895) >> 16);
            }

            Span<byte> target = image.Plane(c).Slice(y * h.Width, h.Width);
            if (stepX == 1) values.CopyTo(target);
            else for (int x = 0; x < values.Length; x++) target[x0 + x * stepX] = values[x];
        }
    }

    /// <summary>Value x of a row of 1, 2, 4 or 8 bits per value, the highest bits first.</summary>
    private static int Bits(byte[] row, int x, int bits)
    {
        long at = (long)x * bits;
        return row[at >> 3] >> (int)(8 - bits - (at & 7)) & ((1 << bits) - 1);
    }

    private static ReadOnlySpan<byte> NextChunk(
        scoped ref ReadOnlySpan<byte> rest, out uint type, scoped ref string? warning)
    {
        if (rest.Length < 12) throw new InvalidDataException("the file ends before the chunk IEND: truncated");
        uint length = BinaryPrimitives.ReadUInt32BigEndian(rest);
        type = BinaryPrimitives.ReadUInt32BigEndian(rest[4..]);
        if (length > (uint)rest.Length - 12)
            throw new InvalidDataException($"the file ends inside the chunk {Text(type)}: truncated");
        ReadOnlySpan<byte> data = rest.Slice(8, (int)length);
        if (Crc32.Append(0, rest.Slice(4, (int)length + 4)) != BinaryPrimitives.ReadUInt32BigEndian(
            rest[((int)length + 8)..]))
        {
            if (!IsAncillary(type))
                throw new InvalidDataException($"the checksum of the chunk {Text(type)} is wrong: damaged");
            warning ??= $"the checksum of the chunk {Text(type)} is wrong; no pixel depends on it";
        }

        rest = rest[((int)length + 12)..];
        return data;
    }

    /// <summary>A small first letter marks a chunk that may be ignored.</summary>
    private static bool IsAncillary(uint type) => (type >> 24 & 0x20) != 0;

    private static uint Name(ReadOnlySpan<byte> letters) => BinaryPrimitives.ReadUInt32BigEndian(letters);

    private static string Text(uint type)
    {
        Span<char> text = stackalloc char[4];
        for (int i = 0; i < 4; i++)
        {
            char letter = (char)(type >> (24 - 8 * i) & 0xFF);
            text[i] = char.IsAsciiLetter(letter) ? letter : '?';
        }

        return text.ToString();
    }
}
