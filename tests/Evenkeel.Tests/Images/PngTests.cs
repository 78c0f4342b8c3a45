using System.Buffers.Binary;
using System.IO.Compression;
using Evenkeel.Data;
using Evenkeel.Images;
using Evenkeel.Tests.Serialization;
using Xunit;

namespace Evenkeel.Tests.Images;

public sealed class PngTests
{
    [Fact]
    public void A_written_picture_has_the_layout_of_the_specification()
    {
        using var folder = new TempFolder();
        string path = folder.File("a.png");
        ImageFile.WritePng(path, new ByteImage([10, 20, 30, 40, 50, 60], 1, 2, 3));
        byte[] bytes = File.ReadAllBytes(path);
        Assert.Equal([0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A], bytes[..8]);
        // IHDR: 3 x 2, 8 bits, gray; the checksum as Python's zlib.crc32 gives it.
        Assert.Equal([0, 0, 0, 13, (byte)'I', (byte)'H', (byte)'D', (byte)'R', 0, 0, 0, 3, 0, 0, 0, 2, 8, 0, 0, 0, 0],
            bytes[8..29]);
        Assert.Equal(0xB81F39C6u, BinaryPrimitives.ReadUInt32BigEndian(bytes.AsSpan(29)));
        ImageFile.WritePng(path, new ByteImage([1, 2, 3, 4, 5, 6], 3, 2, 1));
        Assert.Equal([8, 2], File.ReadAllBytes(path)[24..26]);
        Assert.Equal(["a.png"], folder.Names);
    }

    [Fact]
    public void Writing_names_what_is_wrong_and_keeps_what_was_there()
    {
        using var folder = new TempFolder();
        var image = new ByteImage([1], 1, 1, 1);
        Assert.Contains(
            "does not exist",
            Assert.Throws<DirectoryNotFoundException>(() => ImageFile.WritePng(folder.File("no/a.png"), image)).Message,
            StringComparison.Ordinal);
        Assert.Contains("got the folder",
            Assert.Throws<IOException>(() => ImageFile.WritePng(folder.Path, image)).Message, StringComparison.Ordinal);
        Assert.Empty(folder.Names);
    }

    /// <summary>
    /// Writes PNG of any kind, its rows with the five filters in turn: independent of the library's reader.
    /// </summary>
    internal static byte[] Encode(
        int width, int height, int bits, int type, bool interlaced,
        Func<int, int, int, int> sample, byte[]? palette = null)
    {
        int samples = type switch { 0 or 3 => 1, 4 => 2, 2 => 3, _ => 4 };
        using var raw = new MemoryStream();
        (int X, int Y, int StepX, int StepY)[] passes = interlaced
            ? [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
            : [(0, 0, 1, 1)];
        foreach ((int x0, int y0, int stepX, int stepY) in passes)
        {
            if (x0 >= width) continue;
            byte[]? above = null;
            for (int y = y0, n = 0; y < height; y += stepY, n++)
            {
                var text = new System.Text.StringBuilder();
                for (int x = x0; x < width; x += stepX)
                {
                    for (int c = 0; c < samples; c++)
                        text.Append(Convert.ToString(sample(y, x, c), 2).PadLeft(bits, '0'));
                }

                while (text.Length % 8 != 0) text.Append('0');
                byte[] row = [.. Enumerable.Range(0, text.Length / 8)
                    .Select(i => Convert.ToByte(text.ToString(8 * i, 8), 2))];
                int pixel = Math.Max(1, samples * bits / 8), filter = n % 5;
                raw.WriteByte((byte)filter);
                for (int i = 0; i < row.Length; i++)
                {
                    int a = i < pixel ? 0 : row[i - pixel], b = above?[i] ?? 0,
                        c = i < pixel ? 0 : above?[i - pixel] ?? 0;
                    int p = a + b - c, nearest = new[] { a, b, c }.MinBy(v => Math.Abs(p - v));
                    raw.WriteByte(
                        (byte)(row[i] - (filter switch { 0 => 0, 1 => a, 2 => b, 3 => (a + b) / 2, _ => nearest })));
                }

                above = row;
            }
        }

        using var packed = new MemoryStream();
        using (var zlib = new ZLibStream(packed, CompressionLevel.Optimal, leaveOpen: true)) zlib.Write(raw.ToArray());
        byte[] data = packed.ToArray();
        return Join(
            Header(width, height, bits, type, interlaced),
            palette is null ? [] : Chunk("PLTE", palette), Chunk("tEXt", "a\0b"u8.ToArray()),
            Chunk("IDAT", data[..(data.Length / 2)]), Chunk("IDAT", data[(data.Length / 2)..]), Chunk("IEND", []));
    }

    private static byte[] Join(params byte[][] chunks) =>
        [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A, .. chunks.SelectMany(chunk => chunk)];

    private static byte[] Header(int width, int height, int bits, int type, bool interlaced)
    {
        var data = new byte[13];
        BinaryPrimitives.WriteInt32BigEndian(data, width);
        BinaryPrimitives.WriteInt32BigEndian(data.AsSpan(4), height);
        (data[8], data[9], data[12]) = ((byte)bits, (byte)type, (byte)(interlaced ? 1 : 0));
        return Chunk("IHDR", data);
    }

    private static byte[] Chunk(string type, byte[] data)
    {
        var chunk = new byte[12 + data.Length];
        BinaryPrimitives.WriteInt32BigEndian(chunk, data.Length);
        System.Text.Encoding.ASCII.GetBytes(type, chunk.AsSpan(4));
        data.CopyTo(chunk, 8);
        BinaryPrimitives.WriteUInt32BigEndian(
            chunk.AsSpan(8 + data.Length), Checksum(chunk.AsSpan(4, 4 + data.Length)));
        return chunk;
    }

    /// <summary>CRC-32 with the reflected polynomial 0xEDB88320, bit by bit.</summary>
    internal static uint Checksum(ReadOnlySpan<byte> bytes)
    {
        uint crc = uint.MaxValue;
        foreach (byte value in bytes)
        {
            crc ^= value;
            for (int bit = 0; bit < 8; bit++) crc = (crc & 1) != 0 ? 0xEDB88320u ^ crc >> 1 : crc >> 1;
        }

        return ~crc;
    }

    public static TheoryData<int, int, bool> Kinds
    {
        get
        {
            var kinds = new TheoryData<int, int, bool>();
            foreach ((int type, int[] depths) in
                new[] { (0, new[] { 1, 2, 4, 8, 16 }), (2, [8, 16]), (3, [1, 2, 4, 8]), (4, [8, 16]), (6, [8, 16]) })
            {
                foreach (int bits in depths)
                {
                    kinds.Add(type, bits, false);
                    kinds.Add(type, bits, true);
                }
            }

            return kinds;
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Every_kind_is_decoded(int type, int bits, bool interlaced)
    {
        byte[] palette = [.. Enumerable.Range(0, 3 << bits).Select(i => (byte)(i * 37))];
        (int, int)[] sizes = [(1, 1), (1, 9), (9, 1), (2, 3), (5, 5), (7, 8), (16, 17), (33, 21)];
        foreach ((int height, int width) in sizes)
        {
            int Sample(int y, int x, int c) =>
                (int)((uint)(y * 7919 + x * 104729 + c * 31337 + x * y * 17) * 2654435761u >> (32 - bits));
            ByteImage image = ImageFile.Decode(
                Encode(width, height, bits, type, interlaced, Sample, type == 3 ? palette : null), "test");
            int channels = type is 0 or 4 ? 1 : 3;
            Assert.Equal((channels, height, width), (image.Channels, image.Height, image.Width));
            for (int c = 0; c < channels; c++)
            {
                for (int y = 0; y < height; y++)
                {
                    for (int x = 0; x < width; x++)
                    {
                        int expected = type == 3
                            ? palette[3 * Sample(y, x, 0) + c]
                            : bits == 16 ? Sample(y, x, c) >> 8
                            : (int)Math.Round(Sample(y, x, c) * 255.0 / ((1 << bits) - 1));
                        Assert.True(expected == image.Plane(c)[y * width + x],
                            $"{height}x{width}, channel {c}, row {y}, "
                            + $"column {x}: {expected} became {image.Plane(c)[y * width + x]}");
                    }
                }
            }
        }
    }

    [Theory]
    [InlineData(1, 1, 1)]
    [InlineData(1, 37, 53)]
    [InlineData(3, 1, 300)]
    [InlineData(3, 64, 48)]
    public void What_is_written_is_read_back(int channels, int height, int width)
    {
        using var folder = new TempFolder();
        var pixels = new byte[channels * height * width];
        for (int i = 0; i < pixels.Length; i++)
            pixels[i] = (byte)(i % width * 3 + i / width * 5 + (i * 2654435761L >> 29));
        ImageFile.WritePng(folder.File("a.png"), new ByteImage(pixels, channels, height, width));
        ByteImage image = ImageFile.Read(folder.File("a.png"));
        Assert.Equal((channels, height, width), (image.Channels, image.Height, image.Width));
        Assert.Equal(pixels, image.Pixels);
    }

    /// <summary>No pixel depends on a comment or on what stands behind the last row.</summary>
    [Fact]
    public void Damage_is_noticed_or_changes_no_pixel()
    {
        byte[] file = Encode(9, 7, 8, 2, true, (y, x, c) => y * 20 + x * 3 + c);
        byte[] pixels = ImageFile.Decode(file, "good").Pixels;
        int refused = 0;
        for (int length = 8; length < file.Length; length++) Check(file[..length]);
        for (int at = 8; at < file.Length; at++)
        {
            byte[] bytes = [.. file];
            bytes[at] ^= 0x20;
            Check(bytes);
        }

        Assert.True(refused > 1.5 * file.Length, $"{refused} refused of twice {file.Length}");

        void Check(byte[] changed)
        {
            try
            {
                Assert.Equal(pixels, ImageFile.Decode(changed, "test").Pixels);
            }
            catch (InvalidDataException)
            {
                refused++;
            }
        }
    }

    [Fact]
    public void What_breaks_the_standard_is_refused()
    {
        byte[] header = Header(2, 2, 8, 0, false), end = Chunk("IEND", []);
        byte[] rows = Packed([0, 1, 2, 0, 3, 4]);
        Assert.Equal([1, 2, 3, 4], ImageFile.Decode(Join(header, Chunk("IDAT", rows), end), "test").Pixels);
        Refuse("", Chunk("IDAT", rows), header, end);
        Refuse("", header, end);
        Refuse("", header, Chunk("IDAT", Packed([0, 1, 2, 0, 3])), end);
        Refuse("", header, Chunk("IDAT", [1, 2, 3, 4]), end);
        Refuse("", header, Chunk("IDAT", rows[..^6]), end);
        Refuse("", Header(2, 2, 4, 2, false), Chunk("IDAT", rows), end);
        Refuse("", Header(2, 2, 8, 1, false), Chunk("IDAT", rows), end);
        Refuse("", Header(0, 2, 8, 0, false), Chunk("IDAT", rows), end);
        Refuse("at most 100000000 pixels, got 90000 x 90000", Header(90000, 90000, 8, 0, false), Chunk("IDAT", rows),
            end);
        Refuse("", Header(2, 2, 8, 3, false), Chunk("IDAT", rows), end);

        static void Refuse(string expected, params byte[][] chunks) =>
            ImageFileTests.Refuse(Join(chunks), "PNG", expected);
    }

    private static byte[] Packed(byte[] raw)
    {
        using var packed = new MemoryStream();
        using (var zlib = new ZLibStream(packed, CompressionLevel.Optimal)) zlib.Write(raw);
        return packed.ToArray();
    }
}
