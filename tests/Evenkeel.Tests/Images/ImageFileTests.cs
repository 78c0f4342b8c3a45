using System.Buffers.Binary;
using System.Text;
using Evenkeel.Data;
using Evenkeel.Images;
using Evenkeel.Tests.Serialization;
using Xunit;

namespace Evenkeel.Tests.Images;

public sealed class ImageFileTests
{
    // Made with Pillow 9.4 of smooth patterns (x·(7 + 3c) + y·(11 - 2c) + 40c) mod 256; the expected values are
    // Pillow's np.array(image.convert(mode)).
    internal const string GrayJpeg =
        "/9j/4AAQSkZJRgABAQAAAQABAAD/"
        + "2wBDAAYEBQYFBAYGBQYHBwYIChAKCgkJChQODwwQFxQYGBcUFhYaHSUfGhsjHBYWICwgIyYnKSopGR8tMC0oMCUoKSj/"
        + "wAALCAAFAAkBAREA/8QAFQABAQAAAAAAAAAAAAAAAAAABgf/xAAcEAABAwUAAAAAAAAAAAAAAAAABAWhBhUhIlH/"
        + "2gAIAQEAAD8AjtPs6fXECqzp+Qf/2Q==";

    internal const string ColourJpeg =
        "/9j/4AAQSkZJRgABAQAAAQABAAD/"
        + "2wBDAAYEBQYFBAYGBQYHBwYIChAKCgkJChQODwwQFxQYGBcUFhYaHSUfGhsjHBYWICwgIyYnKSopGR8tMC0oMCUoKSj/"
        + "2wBDAQcHBwoIChMKChMoGhYaKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCj/"
        + "wAARCAAGAAsDASIAAhEBAxEB/8QAFgABAQEAAAAAAAAAAAAAAAAAAAYH/"
        + "8QAHBAAAQMFAAAAAAAAAAAAAAAAAAMFMQIEBhMi/8QAFAEBAAAAAAAAAAAAAAAAAAAABv/EABkRAAIDAQAAAAAAAAAAAAAAAAABAgMRBP/"
        + "aAAwDAQACEQMRAD8Ak8UZEuINNtmRLRREACjnk8Dl6Wn/2Q==";

    internal const string ProgressiveJpeg =
        "/9j/4AAQSkZJRgABAQAAAQABAAD/"
        + "2wBDAAYEBQYFBAYGBQYHBwYIChAKCgkJChQODwwQFxQYGBcUFhYaHSUfGhsjHBYWICwgIyYnKSopGR8tMC0oMCUoKSj/"
        + "2wBDAQcHBwoIChMKChMoGhYaKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCj/"
        + "wgARCAAGAAsDASIAAhEBAxEB/8QAFgABAQEAAAAAAAAAAAAAAAAAAAUG/8QAFAEBAAAAAAAAAAAAAAAAAAAABf/"
        + "aAAwDAQACEAMQAAABk6YUN//EABkQAAIDAQAAAAAAAAAAAAAAAAEDAAIEEf/"
        + "aAAgBAQABBQLKkSqRz//EABURAQEAAAAAAAAAAAAAAAAAAAAC/9oACAEDAQE/Abf/xAAWEQADAAAAAAAAAAAAAAAAAAAAAQP/"
        + "2gAIAQIBAT8Bmz//xAAUEAEAAAAAAAAAAAAAAAAAAAAQ/9oACAEBAAY/Aj//xAAWEAEBAQAAAAAAAAAAAAAAAAAAESH/2gAIAQEAAT8hzIr/"
        + "2gAMAwEAAgADAAAAEHf/xAAWEQEBAQAAAAAAAAAAAAAAAAABABH/2gAIAQMBAT8QJt//xAAWEQADAAAAAAAAAAAAAAAAAAAAARH/"
        + "2gAIAQIBAT8QZD//xAAXEAEAAwAAAAAAAAAAAAAAAAAAMUFR/9oACAEBAAE/EM9X4f/Z";

    internal const string InkJpeg =
        "/9j/7gAOQWRvYmUAZAAAAAAA/"
        + "9sAQwADAgIDAgIDAwMDBAMDBAUIBQUEBAUKBwcGCAwKDAwLCgsLDQ4SEA0OEQ4LCxAWEBETFBUVFQwPFxgWFBgSFBUU/"
        + "8AAFAgABAAFBEMRAE0RAFkRAEsRAP/EABYAAQEBAAAAAAAAAAAAAAAAAAgEB//EACEQAAAEBQUAAAAAAAAAAAAAAAABBlEEBQcVIwIDFiKx/"
        + "9oADgRDAE0AWQBLAAA/AG6plRMLgeZxtK3UMbdjyuI6jzqKvp5HB+qvMt/kmru/o//Z";

    [Theory]
    [InlineData(GrayJpeg,
        1, 5, 9, 2237, new byte[] { 0, 6, 14, 21, 27, 34, 42, 48, 56, 12, 17, 25, 32, 39, 46, 54, 60, 67, 23, 28 })]
    [InlineData(ColourJpeg,
        3, 6, 11, 22305, new byte[] { 1, 7, 17, 24, 31, 38, 45, 50, 59, 65, 73, 10, 17, 25, 34, 39, 46, 54, 58, 67 })]
    [InlineData(ProgressiveJpeg,
        3, 6, 11, 22305, new byte[] { 1, 7, 17, 24, 31, 38, 45, 50, 59, 65, 73, 10, 17, 25, 34, 39, 46, 54, 58, 67 })]
    [InlineData(InkJpeg, 3, 4,
        5, 4165, new byte[] { 135, 114, 98, 78, 64, 125, 105, 89, 70, 57, 113, 94, 79, 61, 49, 106, 88, 74, 56, 44 })]
    public void JPEG_is_decoded_as_Pillow_does(string file, int channels, int height, int width, int sum, byte[] first)
    {
        ByteImage image = ImageFile.Decode(Convert.FromBase64String(file), "test");
        Assert.Equal((channels, height, width), (image.Channels, image.Height, image.Width));
        Assert.Equal(first, image.Pixels[..20]);
        Assert.Equal(sum, image.Pixels.Sum(value => value));
    }

    /// <summary>The last bytes of the data may be padding: without them nothing is missing.</summary>
    [Theory]
    [InlineData(GrayJpeg)]
    [InlineData(ColourJpeg)]
    [InlineData(ProgressiveJpeg)]
    [InlineData(InkJpeg)]
    public void A_truncated_JPEG_is_refused_with_its_name_unless_no_pixel_is_missing(string file)
    {
        byte[] bytes = Convert.FromBase64String(file);
        ByteImage whole = ImageFile.Decode(bytes, "whole");
        int refused = 0;
        for (int length = 2; length < bytes.Length - 2; length++)
        {
            try
            {
                Assert.Equal(whole.Pixels, ImageFile.Decode(bytes.AsSpan(0, length), "photo 7.jpg").Pixels);
            }
            catch (InvalidDataException exception)
            {
                Assert.StartsWith("ImageFile: \"photo 7.jpg\" cannot be decoded as JPEG: ", exception.Message,
                    StringComparison.Ordinal);
                refused++;
            }
        }

        Assert.True(refused > bytes.Length / 2, $"{refused} of {bytes.Length} refused");
    }

    [Fact]
    public void A_JPEG_with_foreign_bytes_between_its_markers_is_decoded()
    {
        byte[] bytes = Convert.FromBase64String(GrayJpeg);
        int table = bytes.AsSpan().IndexOf([(byte)0xFF, (byte)0xDB]);
        ByteImage image = ImageFile.Decode([.. bytes[..table], 1, 2, 3, .. bytes[table..]], "odd");
        Assert.Equal(ImageFile.Decode(bytes, "good").Pixels, image.Pixels);
    }

    /// <summary>A chroma subsampling of 3 x 1 has no name in the library, and is decoded all the same.</summary>
    [Fact]
    public void A_JPEG_of_unusual_subsampling_is_decoded()
    {
        byte[] bytes = Convert.FromBase64String(ColourJpeg);
        int frame = bytes.AsSpan().IndexOf([(byte)0xFF, (byte)0xC0, (byte)0, (byte)17]);
        bytes[frame + 11] = 0x31;
        ByteImage image = ImageFile.Decode(bytes, "odd");
        Assert.Equal((3, 6, 11), (image.Channels, image.Height, image.Width));
    }

    [Fact]
    public void A_huge_JPEG_is_refused_before_anything_is_allocated()
    {
        byte[] bytes = Convert.FromBase64String(ColourJpeg);
        int frame = bytes.AsSpan().IndexOf([(byte)0xFF, (byte)0xC0, (byte)0, (byte)17]);
        BinaryPrimitives.WriteInt16BigEndian(bytes.AsSpan(frame + 5), 0x7FFF);
        BinaryPrimitives.WriteInt16BigEndian(bytes.AsSpan(frame + 7), 0x7FFF);
        long before = GC.GetAllocatedBytesForCurrentThread();
        string message = Assert.Throws<InvalidDataException>(() => ImageFile.Decode(bytes, "huge")).Message;
        Assert.Contains("at most 100000000 pixels, got 32767 x 32767", message, StringComparison.Ordinal);
        Assert.True(GC.GetAllocatedBytesForCurrentThread() - before < 1 << 16);
    }

    [Theory]
    [InlineData("", "it is empty")]
    [InlineData("<html>", "expected JPEG, PNG, WebP, GIF, BMP or PPM/PGM, got a web page (HTML). The link leads to a " +
        "page about the file")]
    [InlineData("x", "got text that begins with \"x\"")]
    [InlineData("GIF89a", "cannot be decoded as GIF: ")]
    [InlineData("RIFF....WEBP", "cannot be decoded as WebP: ")]
    [InlineData("II*\0", "got a TIFF picture. Convert it to PNG")]
    [InlineData("P1 1 1 0", "got a picture of the PBM or PAM family")]
    public void Other_files_are_named(string content, string expected)
    {
        using var folder = new TempFolder();
        string path = folder.File("a.png");
        File.WriteAllText(path, content);
        string message = Assert.Throws<InvalidDataException>(() => ImageFile.Read(path)).Message;
        Assert.Contains(path, message, StringComparison.Ordinal);
        Assert.Contains(expected, message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_missing_file_is_named()
    {
        using var folder = new TempFolder();
        Assert.Contains(
            "found no file", Assert.Throws<FileNotFoundException>(() => ImageFile.Read(folder.File("no.jpg"))).Message,
            StringComparison.Ordinal);
        Assert.True(ImageFile.HasImageName("a/B.JPG"));
        Assert.False(ImageFile.HasImageName("a/b.txt"));
    }

    [Fact]
    public void Netpbm_files_are_decoded()
    {
        Check("P2\n# by hand\n3 1 # width, height\n255\n0 128\n255\n", 1, 1, 3, [0, 128, 255]);
        Check("P2 3 1 3 0 1 3", 1, 1, 3, [0, 85, 255]);
        Check("P3 1 2 255 1 2 3 4 5 6", 3, 2, 1, [1, 4, 2, 5, 3, 6]);
        Check("P5 2 1 65535\n\x01\x01\xFF\xFF", 1, 1, 2, [1, 255]);
        Check("P5#c\n2 1\n255\n##", 1, 1, 2, [35, 35]);
        Check("P6 2 1 255 abcdef", 3, 1, 2, [97, 100, 98, 101, 99, 102]);
        Check("P6 1 1 100 \x64\x32\x00", 3, 1, 1, [255, 128, 0]);

        static void Check(string file, int channels, int height, int width, byte[] pixels)
        {
            ByteImage image = ImageFile.Decode(Encoding.Latin1.GetBytes(file), "test");
            Assert.Equal((channels, height, width), (image.Channels, image.Height, image.Width));
            Assert.Equal(pixels, image.Pixels);
        }
    }

    [Theory]
    [InlineData("P5", "ends before the width")]
    [InlineData("P5 3 # 4 5", "ends before the height")]
    [InlineData("P5 3 2 255", "a space or line break after the largest value")]
    [InlineData("P5 3 2 255 12345", "take at least 6 bytes, the file holds 5")]
    [InlineData("P5 3 2 256 1234567890", "take at least 12 bytes")]
    [InlineData("P6 90000 90000 255 x", "at most 100000000 pixels, got 90000 x 90000")]
    [InlineData("P6 9000 9000 255 x", "take at least 243000000 bytes")]
    [InlineData("P2 9000 9000 255 1", "take at least 161999999 bytes")]
    [InlineData("P6 99999999999 1 255 x", "a width below 2^31")]
    [InlineData("P6 0 1 255 x", "at least 1, got 0 x 1")]
    [InlineData("P6 -1 1 255 x", "digits for the width, got the byte 2d")]
    [InlineData("P6 1 1 0 x", "a largest value from 1 to 65535, got 0")]
    [InlineData("P6 1 1 70000 x", "a largest value from 1 to 65535, got 70000")]
    [InlineData("P2 2 1 9 5 10", "values up to 9, got 10 in row 0")]
    [InlineData("P2 2 1 9 5 x", "digits for the value")]
    [InlineData("P2 2 1 9 5     ", "ends before the value")]
    public void Damaged_Netpbm_files_are_named(string file, string expected) =>
        Refuse(Encoding.Latin1.GetBytes(file), "PPM/PGM", expected);

    [Fact]
    public void An_odd_photograph_is_decoded_as_Pillow_does()
    {
        // Mean of each channel by Pillow 9.4 with libjpeg-turbo 2.1.5.
        ByteImage image = ImageFile.Read(RealData.Require("rmb/100/100-9.jpg"));
        Assert.Equal((3, 2368, 4208), (image.Channels, image.Height, image.Width));
        double[] expected = [136.9467, 114.7706, 112.0960];
        for (int c = 0; c < 3; c++)
        {
            long sum = 0;
            foreach (byte value in image.Plane(c)) sum += value;
            Assert.Equal(expected[c], (double)sum / image.Plane(c).Length, 0.01);
        }
    }

    internal static void Refuse(byte[] file, string format, string expected)
    {
        string message = Assert.Throws<InvalidDataException>(() => ImageFile.Decode(file, "some file")).Message;
        Assert.StartsWith(
            $"ImageFile: \"some file\" cannot be decoded as {format}: ", message, StringComparison.Ordinal);
        Assert.Contains(expected, message, StringComparison.Ordinal);
    }
}
