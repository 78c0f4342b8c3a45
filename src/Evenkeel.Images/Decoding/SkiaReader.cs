using System.Buffers;
using System.Runtime.InteropServices;
using Evenkeel.Data;
using SkiaSharp;

namespace Evenkeel.Images;

/// <summary>
/// Decodes JPEG, PNG, WebP, GIF (the first picture of an animation) and BMP through Skia. JPEG has libjpeg-turbo's
/// exact defaults (accurate DCT, smooth chroma upsampling), which are also Pillow's. Nothing converts colours: profiles
/// and gamma are ignored.
/// </summary>
internal static class SkiaReader
{
    /// <summary>A JPEG is decoded at a half, a quarter or an eighth if that is still so many times too large.</summary>
    private const int Spare = 2;

    private const string Pixels = "the pixels";

    /// <summary>The place of a PNG's colour type: behind the signature and IHDR's length, name, sizes, depth.</summary>
    private const int PngColourType = 25;

    /// <summary>Decodes a picture.</summary>
    /// <param name="bytes">The content of a file.</param>
    /// <param name="preparation">What will be done to it; null decodes every pixel of a JPEG.</param>
    public static unsafe ByteImage Read(ReadOnlySpan<byte> bytes, PicturePreparation? preparation)
    {
        SkiaLibrary.Require();
        fixed (byte* source = bytes)
        {
            using SKData data = SKData.Create((nint)source, bytes.Length);
            using var stream = new SKMemoryStream(data);
            using SKCodec codec = Open(SKCodec.Create(stream, out SKCodecResult opened), opened);
            if (codec.EncodedFormat == SKEncodedImageFormat.Jpeg && JpegMarkers.IsCutProgressive(bytes))
                throw Failure(SKCodecResult.IncompleteInput, Pixels);
            return Decode(codec, SizeFor(codec, preparation), IsGray(codec, bytes));
        }
    }

    /// <summary>Height and width of the upright picture, from the beginning of the file alone.</summary>
    public static (int Height, int Width) SizeOf(Stream stream)
    {
        SkiaLibrary.Require();
        using SKCodec codec = Open(SKCodec.Create(stream, out SKCodecResult opened), opened);
        var walk = new UprightWalk(codec.EncodedOrigin, codec.Info.Height, codec.Info.Width);
        return (walk.Height, walk.Width);
    }

    private static SKCodec Open(SKCodec? codec, SKCodecResult result)
    {
        if (codec is null) throw Failure(result, "the header");
        try
        {
            ImageFile.CheckSize(codec.Info.Width, codec.Info.Height);
            return codec;
        }
        catch
        {
            codec.Dispose();
            throw;
        }
    }

    /// <summary>The smallest eighths of a JPEG that still cover what is needed with room to spare.</summary>
    private static SKSizeI SizeFor(SKCodec codec, PicturePreparation? preparation)
    {
        if (preparation is null || codec.EncodedFormat != SKEncodedImageFormat.Jpeg) return codec.Info.Size;
        foreach (float share in (ReadOnlySpan<float>)[0.125f, 0.25f, 0.5f])
        {
            SKSizeI size = codec.GetScaledDimensions(share);
            var upright = new UprightWalk(codec.EncodedOrigin, size.Height, size.Width);
            if (upright.Height / Spare >= preparation.Height && upright.Width / Spare >= preparation.Width) return size;
        }

        return codec.Info.Size;
    }

    private static unsafe ByteImage Decode(SKCodec codec, SKSizeI size, bool isGray)
    {
        SKColorType type = codec.Info.ColorType == SKColorType.Gray8 ? SKColorType.Gray8 : SKColorType.Rgba8888;
        SKAlphaType alpha = codec.Info.AlphaType == SKAlphaType.Opaque ? SKAlphaType.Opaque : SKAlphaType.Unpremul;
        var info = new SKImageInfo(size.Width, size.Height, type, alpha);
        byte[] stored = ArrayPool<byte>.Shared.Rent(info.BytesSize);
        try
        {
            fixed (byte* place = stored)
            {
                SKCodecResult result = codec.GetPixels(info, (nint)place);
                if (result != SKCodecResult.Success) throw Failure(result, Pixels);
            }

            var walk = new UprightWalk(codec.EncodedOrigin, size.Height, size.Width);
            int channels = isGray ? 1 : 3, plane = size.Height * size.Width;
            byte[] pixels = GC.AllocateUninitializedArray<byte>(channels * plane);
            ReadOnlySpan<byte> content = stored.AsSpan(0, info.BytesSize);
            if (type == SKColorType.Gray8) walk.Copy(content, pixels);
            else walk.Copy(MemoryMarshal.Cast<byte, uint>(content), pixels);
            return new ByteImage(pixels, channels, walk.Height, walk.Width);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(stored);
        }
    }

    /// <summary>Whether it has one channel: a gray JPEG, or a PNG of type 0 or 4 (gray with alpha).</summary>
    private static bool IsGray(SKCodec codec, ReadOnlySpan<byte> bytes) => codec.Info.ColorType == SKColorType.Gray8
        || (codec.EncodedFormat == SKEncodedImageFormat.Png && bytes[PngColourType] is 0 or 4);

    private static InvalidDataException Failure(SKCodecResult result, string what) => new(result switch
    {
        SKCodecResult.IncompleteInput => $"the file ends inside {what}: truncated",
        SKCodecResult.ErrorInInput or SKCodecResult.InvalidInput => $"{what} cannot be read: damaged",
        SKCodecResult.Unimplemented => "it is of a kind that is not read. Convert it to PNG",
        _ => $"{what} cannot be read ({result})",
    });
}
