namespace Evenkeel.Data;

/// <summary>
/// Decodes JPEG through libturbojpeg with its exact defaults (accurate DCT, smooth chroma upsampling), which are also
/// Pillow's. Gray stays gray; CMYK becomes red, green, blue as Pillow converts it. If the library warns, the picture
/// carries the warning. After a premature end, for example, the rest of the picture is gray.
/// </summary>
internal static unsafe class JpegReader
{
    private const int Rgb = 0, Gray = 6, Cmyk = 11;
    private const int GrayColours = 2, CmykColours = 3, YcckColours = 4;

    /// <summary>
    /// Refuses a progressive file of more than 500 scans. Such a file takes minutes to decode and shows nothing.
    /// </summary>
    private const int LimitScans = 32768;

    public static ByteImage Read(ReadOnlySpan<byte> bytes)
    {
        TurboJpeg library = TurboJpeg.Library;
        void* decoder = library.InitDecompress();
        if (decoder == null)
            throw new InvalidOperationException($"libturbojpeg cannot make a decoder ({library.ErrorOf(null)}).");
        try
        {
            fixed (byte* source = bytes)
            {
                int width = 0, height = 0, subsampling, colours = -1;
                // The call also fails on a subsampling that has no name. It has then already returned what decoding
                // needs.
                int failed = library.DecompressHeader(
                    decoder, source, bytes.Length, &width, &height, &subsampling, &colours);
                if (failed != 0 && (width < 1 || height < 1 || colours < 0))
                    throw new InvalidDataException(library.ErrorOf(decoder));
                ImageFile.CheckSize(width, height);
                (int format, int stored) =
                    colours switch { GrayColours => (Gray, 1), CmykColours or YcckColours => (Cmyk, 4), _ => (Rgb, 3) };
                byte[] pixels = GC.AllocateUninitializedArray<byte>(checked(stored * width * height));
                string? warning = Decompress(
                    library, decoder, source, bytes.Length, pixels, width, stored, height, format);
                return stored switch
                {
                    1 => new ByteImage(pixels, 1, height, width) { Warning = warning },
                    3 => Planes(pixels, height, width, warning),
                    _ => PlanesOfInk(pixels, height, width, warning),
                };
            }
        }
        finally
        {
            library.Destroy(decoder);
        }
    }

    /// <summary>
    /// Writes all pixels and returns the library's last warning. After a warning, the library does not say whether an
    /// error followed and left pixels unwritten. Such a picture is therefore decoded twice, over two different values.
    /// A pixel that differs afterwards was not written, and the picture is refused.
    /// </summary>
    private static string? Decompress(
        TurboJpeg library, void* decoder, byte* source, int length,
        byte[] pixels, int width, int stored, int height, int format)
    {
        if (Run(pixels) == 0) return null;
        string text = library.ErrorOf(decoder);
        if (!library.HasWarned(decoder)) throw new InvalidDataException(text);
        var again = new byte[pixels.Length];
        pixels.AsSpan().Fill(0xFF);
        Run(pixels);
        Run(again);
        return pixels.AsSpan().SequenceEqual(again) ? text : throw new InvalidDataException(text);

        int Run(byte[] pixels)
        {
            fixed (byte* target = pixels)
            {
                return library.Decompress(
                    decoder, source, length, target, width, stored * width, height, format, LimitScans);
            }
        }
    }

    private static ByteImage Planes(byte[] pixels, int height, int width, string? warning)
    {
        int plane = height * width;
        byte[] planes = GC.AllocateUninitializedArray<byte>(3 * plane);
        Span<byte> red = planes.AsSpan(0, plane), green = planes.AsSpan(plane, plane),
            blue = planes.AsSpan(2 * plane, plane);
        for (int i = 0, at = 0; i < red.Length; i++, at += 3)
            (red[i], green[i], blue[i]) = (pixels[at], pixels[at + 1], pixels[at + 2]);
        return new ByteImage(planes, 3, height, width) { Warning = warning };
    }

    /// <summary>
    /// Cyan, magenta, yellow and black, stored inverted as Adobe does (255 is no ink): with ink c and light k = 255 -
    /// black, a colour is k - c·k/255.
    /// </summary>
    private static ByteImage PlanesOfInk(byte[] pixels, int height, int width, string? warning)
    {
        int plane = height * width;
        byte[] planes = GC.AllocateUninitializedArray<byte>(3 * plane);
        for (int c = 0; c < 3; c++)
        {
            for (int i = 0; i < plane; i++)
            {
                int light = pixels[4 * i + 3], product = (255 - pixels[4 * i + c]) * light + 128;
                planes[c * plane + i] = (byte)(light - ((product + (product >> 8)) >> 8));
            }
        }

        return new ByteImage(planes, 3, height, width) { Warning = warning };
    }
}
