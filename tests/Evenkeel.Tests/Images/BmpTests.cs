using System.Buffers.Binary;
using Evenkeel.Data;
using Evenkeel.Images;
using Xunit;

namespace Evenkeel.Tests.Images;

public sealed class BmpTests
{
    /// <summary>Red and green.</summary>
    private static readonly byte[] s_two = [0, 0, 255, 0, 0, 255, 0, 0];

    /// <summary>
    /// A BMP file of the given rows, as they lie in the file; what is between header and pixels is the palette or the
    /// masks.
    /// </summary>
    internal static byte[] File(
        int width, int height, int bits, byte[] pixels, byte[]? palette = null, uint compression = 0, int header = 40)
    {
        palette ??= [];
        int start = 14 + header + palette.Length;
        var bytes = new byte[start + pixels.Length];
        bytes[0] = (byte)'B';
        bytes[1] = (byte)'M';
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(2), bytes.Length);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(10), start);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(14), header);
        if (header == 12)
        {
            BinaryPrimitives.WriteInt16LittleEndian(bytes.AsSpan(18), (short)width);
            BinaryPrimitives.WriteInt16LittleEndian(bytes.AsSpan(20), (short)height);
            (bytes[22], bytes[24]) = (1, (byte)bits);
        }
        else
        {
            BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(18), width);
            BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(22), height);
            (bytes[26], bytes[28]) = (1, (byte)bits);
            if (header > 16)
            {
                BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(30), compression);
                if (bits <= 8) BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(46), palette.Length / 4);
            }
        }

        palette.CopyTo(bytes, 14 + header);
        pixels.CopyTo(bytes, start);
        return bytes;
    }

    private static byte[] Masks(params uint[] masks) => [.. masks.SelectMany(BitConverter.GetBytes)];

    private static void Check(byte[] file, int channels, int height, int width, byte[] pixels, int off = 0)
    {
        ByteImage image = ImageFile.Decode(file, "test");
        Assert.Equal((channels, height, width), (image.Channels, image.Height, image.Width));
        for (int i = 0; i < pixels.Length; i++) Assert.InRange(image.Pixels[i], pixels[i] - off, pixels[i] + off);
    }

    private static void Refuse(byte[] file) => ImageFileTests.Refuse(file, "BMP", "");

    [Fact]
    public void Pixels_are_decoded_in_their_order()
    {
        // One pixel a row, blue first, each row filled to four bytes; the lowest row first.
        Check(File(1, 2, 24, [3, 2, 1, 0, 6, 5, 4, 0]), 3, 2, 1, [4, 1, 5, 2, 6, 3]);
        Check(File(1, -2, 24, [3, 2, 1, 0, 6, 5, 4, 0]), 3, 2, 1, [1, 4, 2, 5, 3, 6]);
        Check(File(2, 1, 32, [3, 2, 1, 9, 6, 5, 4, 9]), 3, 1, 2, [1, 4, 2, 5, 3, 6]);
        Check(File(3, 1, 8, [0, 1, 0, 0], s_two), 3, 1, 3, [255, 0, 255, 0, 255, 0, 0, 0, 0]);
        Check(File(3, 1, 4, [0x01, 0x00, 0, 0], s_two), 3, 1, 3, [255, 0, 255, 0, 255, 0, 0, 0, 0]);
        Check(File(3, 1, 2, [0b00_01_00_00, 0, 0, 0], s_two), 3, 1, 3, [255, 0, 255, 0, 255, 0, 0, 0, 0]);
        Check(File(3, 1, 1, [0b010_00000, 0, 0, 0], s_two), 3, 1, 3, [255, 0, 255, 0, 255, 0, 0, 0, 0]);
        // The format has no gray.
        Check(File(2, 1, 8, [1, 0, 0, 0], [7, 7, 7, 0, 9, 9, 9, 0]), 3, 1, 2, [9, 7, 9, 7, 9, 7]);
    }

    [Fact]
    public void Colours_of_any_number_of_bits_become_bytes()
    {
        // Two pixels of 5, 5 and 5 bits: 1, 16, 31 and 31, 0, 2.
        byte[] pixels = [0x1F, 0x06, 0x02, 0x7C];
        byte[] expected = [Of(1, 31), 255, Of(16, 31), 0, 255, Of(2, 31)];
        Check(File(2, 1, 16, pixels), 3, 1, 2, expected, off: 1);
        Check(File(2, 1, 16, pixels, Masks(0x7C00, 0x03E0, 0x001F), 3), 3, 1, 2, expected, off: 1);
        pixels = [.. BitConverter.GetBytes((ushort)(1 << 11 | 40 << 5 | 30)), 0, 0];
        expected = [Of(1, 31), Of(40, 63), Of(30, 31)];
        Check(File(1, 1, 16, pixels, Masks(0xF800, 0x07E0, 0x001F), 3), 3, 1, 1, expected, off: 1);
        // Masks that put red first, and ten bits; in the header of version 4.
        Check(File(1, 1, 32, [1, 2, 3, 9], Masks(0xFF, 0xFF00, 0xFF0000), 3), 3, 1, 1, [1, 2, 3]);
        byte[] ten = BitConverter.GetBytes(700u << 20 | 1u << 10 | 1022);
        expected = [Of(700, 1023), 0, Of(1022, 1023)];
        Check(File(1, 1, 32, ten, Masks(0x3FF00000, 0xFFC00, 0x3FF), 3), 3, 1, 1, expected, off: 1);
        byte[] four = File(1, 1, 32, [1, 2, 3, 9], compression: 3, header: 108);
        Masks(0xFF, 0xFF00, 0xFF0000).CopyTo(four, 54);
        Check(four, 3, 1, 1, [1, 2, 3]);
        Check(File(1, 1, 32, [3, 2, 1, 9], header: 124), 3, 1, 1, [1, 2, 3]);

        static byte Of(int value, int largest) => (byte)Math.Round(value * 255.0 / largest);
    }

    [Fact]
    public void Runs_are_unpacked()
    {
        byte[] gray = [.. Enumerable.Range(0, 16).SelectMany(v => new[] { (byte)v, (byte)v, (byte)v, (byte)0 })];
        // Rows from below: three of 5 and one of 6; four one by one; a step over two pixels, then one of 9.
        byte[] runs = [3, 5, 1, 6, 0, 0, 0, 4, 1, 2, 3, 4, 0, 0, 0, 2, 2, 0, 1, 9, 0, 1];
        CheckGray(File(4, 3, 8, runs, gray, 1), 3, 4, [0, 0, 9, 0, 1, 2, 3, 4, 5, 5, 5, 6]);
        // An odd number one by one is filled up; a step up leaves a row out.
        runs = [0, 3, 7, 8, 9, 0, 1, 1, 0, 0, 0, 2, 0, 1, 4, 2, 0, 1];
        CheckGray(File(4, 3, 8, runs, gray, 1), 3, 4, [2, 2, 2, 2, 0, 0, 0, 0, 7, 8, 9, 1]);
        // Four bits: two colours in turn, then five one by one in three bytes and one more.
        runs = [5, 0xAB, 0, 0, 0, 5, 0x12, 0x34, 0x50, 0, 0, 1];
        CheckGray(File(5, 2, 4, runs, gray, 2), 2, 5, [1, 2, 3, 4, 5, 10, 11, 10, 11, 10]);
        Refuse(File(2, 2, 8, [2, 3, 0, 0], gray, 1));

        static void CheckGray(byte[] file, int height, int width, byte[] values) =>
            Check(file, 3, height, width, [.. values, .. values, .. values]);
    }

    [Fact]
    public void Damaged_files_are_refused()
    {
        byte[] good = File(2, 2, 8, [0, 1, 0, 0, 1, 0, 0, 0], s_two);
        ImageFile.Decode(good, "test");
        for (int length = 2; length < good.Length - 2; length++) Refuse(good[..length]);
        Refuse(File(2, 2, 6, new byte[8]));
        Refuse(File(2, 2, 24, new byte[8], compression: 5));
        Refuse(File(30000, 30000, 24, new byte[8]));
        Refuse(File(9000, 9000, 24, new byte[8]));
        Refuse(File(9000, int.MinValue, 24, new byte[8]));
        Refuse(File(-3, 3, 24, new byte[80]));
    }
}
