using Evenkeel.Data;

namespace Evenkeel.Images;

/// <summary>
/// Decodes PGM and PPM, as text (P2, P3) and as bytes (P5, P6), with any largest value from 1 to 65535: v becomes
/// round(v · 255 / largest). Source: Netpbm, the pages pgm(5) and ppm(5).
/// </summary>
internal static class PnmReader
{
    public static ByteImage Read(ReadOnlySpan<byte> bytes)
    {
        bool text = bytes[1] is (byte)'2' or (byte)'3';
        int channels = bytes[1] is (byte)'2' or (byte)'5' ? 1 : 3, at = 2;
        long width = Number(bytes, ref at, "width"), height = Number(bytes, ref at, "height");
        int largest = Number(bytes, ref at, "largest value");
        ImageFile.CheckSize(width, height);
        if (largest is < 1 or > 65535)
            throw new InvalidDataException($"expected a largest value from 1 to 65535, got {largest}");
        long count = channels * width * height;
        int size = largest > 255 ? 2 : 1;
        // In text, every value takes at least one digit and, except for the last, one space.
        long needed = text ? 2 * count - 1 : count * size;
        if (!text)
        {
            if (at >= bytes.Length || !IsSpace(bytes[at]))
                throw new InvalidDataException("expected a space or line break after the largest value");
            at++;
        }

        if (needed > bytes.Length - at)
        {
            throw new InvalidDataException($"{width} x {height} pixels take at least {needed} bytes, "
                + $"the file holds {bytes.Length - at}: truncated");
        }

        var image = new ByteImage(GC.AllocateUninitializedArray<byte>((int)count), channels, (int)height, (int)width);
        byte[] pixels = image.Pixels;
        int plane = (int)(width * height);
        for (int i = 0; i < plane; i++)
        {
            for (int c = 0; c < channels; c++)
            {
                int value;
                if (text) value = Number(bytes, ref at, "value");
                else
                {
                    value = size == 1 ? bytes[at] : bytes[at] << 8 | bytes[at + 1];
                    at += size;
                }

                if (value > largest)
                    throw new InvalidDataException($"expected values up to {largest}, got {value} in row {i / width}");
                pixels[c * plane + i] = largest == 255 ? (byte)value : (byte)((value * 255 + largest / 2) / largest);
            }
        }

        return image;
    }

    /// <summary>The next number, after spaces and comments, which go from # to the end of the line.</summary>
    private static int Number(ReadOnlySpan<byte> bytes, ref int at, string what)
    {
        while (at < bytes.Length && (IsSpace(bytes[at]) || bytes[at] == '#'))
        {
            if (bytes[at] == '#')
            {
                while (at < bytes.Length && bytes[at] is not ((byte)'\n' or (byte)'\r')) at++;
            }
            else at++;
        }

        if (at >= bytes.Length) throw new InvalidDataException($"the file ends before the {what}: truncated");
        int begin = at;
        long number = 0;
        for (; at < bytes.Length && bytes[at] is >= (byte)'0' and <= (byte)'9'; at++)
        {
            number = number * 10 + (bytes[at] - '0');
            if (number > int.MaxValue)
                throw new InvalidDataException($"expected a {what} below 2^31, got a larger one");
        }

        if (at == begin)
        {
            throw new InvalidDataException(
                $"expected digits for the {what}, got the byte {bytes[at]:x2} at place {at}");
        }

        return (int)number;
    }

    private static bool IsSpace(byte value) =>
        value is (byte)' ' or (byte)'\t' or (byte)'\n' or (byte)'\r' or 0x0B or 0x0C;
}
