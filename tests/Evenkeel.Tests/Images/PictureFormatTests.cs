using System.Runtime.InteropServices;
using Evenkeel.Data;
using Evenkeel.Images;
using Evenkeel.Tests.Serialization;
using SkiaSharp;
using Xunit;

namespace Evenkeel.Tests.Images;

/// <summary>WebP and GIF, and the orientation that cameras write.</summary>
public sealed class PictureFormatTests
{
    private const int Height = 24, Width = 40;

    /// <summary>Two by two pixels: red, green, blue and white. A second picture of an animation is black.</summary>
    private static readonly byte[] s_gif =
    [
        .. "GIF89a"u8, 2, 0, 2, 0, 0b1000_0010, 0, 0,
        255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        .. Frame(0, 1, 2, 3), .. Frame(4, 4, 4, 4), 0x3B,
    ];

    private static byte Value(int y, int x, int c) => (byte)(40 + y * 3 + x * 2 + c * 25);

    /// <summary>One picture of 2 x 2: each index as a code of four bits, between a clear code and the end.</summary>
    private static byte[] Frame(params byte[] indices)
    {
        // Codes of four bits: 8 clears, 9 ends. A clear before each index keeps the width of codes.
        int[] codes = [.. indices.SelectMany(static index => new[] { 8, index }), 9];
        byte[] data = [.. codes.Chunk(2).Select(static pair => (byte)(pair[0] | (pair.Length > 1 ? pair[1] << 4 : 0)))];
        return [0x2C, 0, 0, 0, 0, 2, 0, 2, 0, 0, 3, (byte)data.Length, .. data, 0];
    }

    private static byte[] Encode(Func<SKPixmap, SKData?> encode)
    {
        using var bitmap = new SKBitmap(new SKImageInfo(Width, Height, SKColorType.Rgba8888, SKAlphaType.Opaque));
        for (int y = 0; y < Height; y++)
        {
            for (int x = 0; x < Width; x++)
                bitmap.SetPixel(x, y, new SKColor(Value(y, x, 0), Value(y, x, 1), Value(y, x, 2)));
        }

        using SKPixmap pixels = bitmap.PeekPixels();
        using SKData? file = encode(pixels);
        return Assert.IsType<SKData>(file).ToArray();
    }

    private static double Difference(ByteImage image)
    {
        Assert.Equal((3, Height, Width), (image.Channels, image.Height, image.Width));
        double sum = 0;
        for (int c = 0; c < 3; c++)
        {
            for (int i = 0; i < Height * Width; i++)
                sum += Math.Abs(image.Plane(c)[i] - Value(i / Width, i % Width, c));
        }

        return sum / image.Pixels.Length;
    }

    [Fact]
    public void WebP_is_decoded()
    {
        byte[] lossless = Encode(static pixels =>
            pixels.Encode(new SKWebpEncoderOptions(SKWebpEncoderCompression.Lossless, 100)));
        byte[] lossy = Encode(static pixels =>
            pixels.Encode(new SKWebpEncoderOptions(SKWebpEncoderCompression.Lossy, 90)));
        Assert.Equal(0, Difference(ImageFile.Decode(lossless, "a.webp")));
        Assert.InRange(Difference(ImageFile.Decode(lossy, "a.webp")), 0, 3);
        foreach (byte[] file in new[] { lossless, lossy })
            ImageFileTests.Refuse(file[..(file.Length / 2)], "WebP", "");
    }

    [Fact]
    public void The_first_picture_of_a_GIF_is_decoded()
    {
        ByteImage image = ImageFile.Decode(s_gif, "a.gif");
        Assert.Equal((3, 2, 2), (image.Channels, image.Height, image.Width));
        Assert.Equal([255, 0, 0, 255, 0, 255, 0, 255, 0, 0, 255, 255], image.Pixels);
        ImageFileTests.Refuse(s_gif[..50], "GIF", "truncated");
    }

    [Fact]
    public void A_missing_native_library_is_an_error_that_says_which_package_has_it() =>
        Assert.Contains(
            $"for {RuntimeInformation.RuntimeIdentifier}, found none. Add the package SkiaSharp.NativeAssets",
            SkiaLibrary.Missing().Message, StringComparison.Ordinal);

    /// <summary>
    /// The eight values of Exif's tag 0x0112 in their order: which row and which column of the stored picture the place
    /// y, x of the upright picture is.
    /// </summary>
    [Fact]
    public void A_photograph_is_upright_whatever_way_the_camera_was_held()
    {
        byte[] plain = Encode(static pixels => pixels.Encode(new SKJpegEncoderOptions(95)));
        ByteImage stored = ImageFile.Decode(plain, "plain");
        const int LastRow = Height - 1, LastColumn = Width - 1;
        Func<int, int, (int Row, int Column)>[] places =
        [
            (y, x) => (y, x), (y, x) => (y, LastColumn - x), (y, x) => (LastRow - y, LastColumn - x),
            (y, x) => (LastRow - y, x), (y, x) => (x, y), (y, x) => (LastRow - x, y),
            (y, x) => (LastRow - x, LastColumn - y), (y, x) => (x, LastColumn - y),
        ];
        using var folder = new TempFolder();
        for (int i = 0; i < places.Length; i++)
        {
            byte[] file = WithOrientation(plain, (byte)(i + 1));
            ByteImage image = ImageFile.Decode(file, "photo");
            (int height, int width) = i < 4 ? (Height, Width) : (Width, Height);
            Assert.Equal((height, width), (image.Height, image.Width));
            File.WriteAllBytes(folder.File("photo.jpg"), file);
            Assert.Equal((height, width), ImageFile.SizeOf(folder.File("photo.jpg")));
            for (int c = 0; c < 3; c++)
            {
                for (int at = 0; at < height * width; at++)
                {
                    (int row, int column) = places[i](at / width, at % width);
                    Assert.True(stored.Plane(c)[row * Width + column] == image.Plane(c)[at],
                        $"orientation {i + 1}, channel {c}, place {at}");
                }
            }
        }
    }

    /// <summary>A JPEG with the block that says how the camera was held, before all others.</summary>
    private static byte[] WithOrientation(byte[] jpeg, byte orientation)
    {
        byte[] exif =
        [
            .. "Exif\0\0MM\0*"u8, 0, 0, 0, 8, 0, 1, 1, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0, 0, 0, 0, 0,
        ];
        return [.. jpeg[..2], 0xFF, 0xE1, 0, (byte)(exif.Length + 2), .. exif, .. jpeg[2..]];
    }
}
