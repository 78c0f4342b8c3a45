using Evenkeel.Data;
using SkiaSharp;

namespace Evenkeel.Images;

/// <summary>Writes PNG through Skia: 8 bits per value, gray or colour like the picture.</summary>
internal static class SkiaWriter
{
    /// <summary>Writes one picture.</summary>
    /// <param name="stream">Where the file's content goes.</param>
    /// <param name="image">The picture.</param>
    public static unsafe void WritePng(Stream stream, ByteImage image)
    {
        SkiaLibrary.Require();
        SKColorType type = image.Channels == 1 ? SKColorType.Gray8 : SKColorType.Rgb888x;
        var info = new SKImageInfo(image.Width, image.Height, type, SKAlphaType.Opaque);
        byte[] pixels = image.Channels == 1 ? image.Pixels : Interleave(image);
        fixed (byte* place = pixels)
        {
            using var pixmap = new SKPixmap(info, (nint)place);
            using SKData file = pixmap.Encode(SKPngEncoderOptions.Default)
                ?? throw new InvalidOperationException($"Skia cannot write a PNG of {image}.");
            file.SaveTo(stream);
        }
    }

    /// <summary>Red, green, blue and a byte that means nothing, pixel by pixel.</summary>
    private static byte[] Interleave(ByteImage image)
    {
        ReadOnlySpan<byte> red = image.Plane(0), green = image.Plane(1), blue = image.Plane(2);
        byte[] pixels = new byte[4 * red.Length];
        for (int i = 0, at = 0; i < red.Length; i++, at += 4)
            (pixels[at], pixels[at + 1], pixels[at + 2], pixels[at + 3]) = (red[i], green[i], blue[i], byte.MaxValue);
        return pixels;
    }
}
