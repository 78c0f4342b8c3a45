using System.Buffers.Binary;
using System.IO.Compression;

namespace Evenkeel.Data;

/// <summary>
/// Writes PNG: 8 bits per value, gray or colour. Each row has the filter whose residuals have the smallest sum of
/// absolute values.
/// </summary>
internal static class PngWriter
{
    public static void Write(Stream stream, ByteImage image)
    {
        stream.Write(PngFormat.Signature);
        Span<byte> header = stackalloc byte[13];
        BinaryPrimitives.WriteInt32BigEndian(header, image.Width);
        BinaryPrimitives.WriteInt32BigEndian(header[4..], image.Height);
        header[8] = 8;
        header[9] = (byte)(image.Channels == 1 ? 0 : 2);
        header[10..].Clear();
        WriteChunk(stream, "IHDR"u8, header);
        using var packed = new MemoryStream();
        using (var zlib = new ZLibStream(packed, CompressionLevel.Optimal, leaveOpen: true)) WriteRows(zlib, image);
        ReadOnlySpan<byte> data = packed.GetBuffer().AsSpan(0, (int)packed.Length);
        WriteChunk(stream, "IDAT"u8, data);
        WriteChunk(stream, "IEND"u8, []);
    }

    private static void WriteRows(Stream stream, ByteImage image)
    {
        int channels = image.Channels, width = image.Width, length = channels * width;
        byte[] row = new byte[length], above = new byte[length], best = new byte[length + 1],
            tried = new byte[length + 1];
        for (int y = 0; y < image.Height; y++)
        {
            for (int c = 0; c < channels; c++)
            {
                ReadOnlySpan<byte> plane = image.Plane(c).Slice(y * width, width);
                for (int x = 0; x < width; x++) row[x * channels + c] = plane[x];
            }

            long least = long.MaxValue;
            for (int filter = 0; filter < 5; filter++)
            {
                long sum = Filter(filter, row, above, channels, tried);
                if (sum >= least) continue;
                least = sum;
                (best, tried) = (tried, best);
            }

            stream.Write(best);
            (row, above) = (above, row);
        }
    }

    /// <summary>
    /// Writes the number of the filter, then the row as differences from a prediction. Returns the sum of their
    /// absolute values.
    /// </summary>
    private static long Filter(int filter, byte[] row, byte[] above, int pixel, byte[] filtered)
    {
        filtered[0] = (byte)filter;
        long sum = 0;
        for (int i = 0; i < row.Length; i++)
        {
            int a = i < pixel ? 0 : row[i - pixel], b = above[i], c = i < pixel ? 0 : above[i - pixel];
            int predicted = filter switch { 0 => 0, 1 => a, 2 => b, 3 => (a + b) >> 1, _ => PngFormat.Paeth(a, b, c) };
            byte difference = (byte)(row[i] - predicted);
            filtered[i + 1] = difference;
            sum += Math.Abs((int)(sbyte)difference);
        }

        return sum;
    }

    private static void WriteChunk(Stream stream, ReadOnlySpan<byte> type, ReadOnlySpan<byte> data)
    {
        Span<byte> number = stackalloc byte[4];
        BinaryPrimitives.WriteInt32BigEndian(number, data.Length);
        stream.Write(number);
        stream.Write(type);
        stream.Write(data);
        BinaryPrimitives.WriteUInt32BigEndian(number, Crc32.Append(Crc32.Append(0, type), data));
        stream.Write(number);
    }
}
