using System.Runtime.CompilerServices;

namespace Evenkeel.Data;

/// <summary>Scales pictures like Pillow, bit for bit, so that a network gets the same input as in Python.</summary>
public static class ImageResize
{
    /// <summary>Fraction bits of a weight: the 32 bits less 8 for a value and 2 spare ones.</summary>
    private const int PrecisionBits = 32 - 8 - 2;

    /// <summary>Number of values between the passes above which the other order of the passes is considered.</summary>
    private const long MostBetween = 400_000_000;

    /// <summary>
    /// Bilinear scaling with antialias, as in Pillow's <c>Image.resize((width, height), BILINEAR)</c> and torchvision's
    /// <c>Resize</c> of a picture. Each value is a mean weighted by a triangle as wide as the scale (at least 1 to
    /// either side).
    /// </summary>
    /// <param name="image">The picture.</param>
    /// <param name="height">The new height.</param>
    /// <param name="width">The new width.</param>
    /// <returns>A new picture.</returns>
    /// <exception cref="ArgumentOutOfRangeException">A size is below 1.</exception>
    /// <remarks>
    /// It runs on the caller's thread; several pictures may be scaled in parallel. There are two passes, along the rows
    /// and then along the columns, and each rounds to bytes. The weights are doubles that sum to 1, rounded to 22 bits.
    /// A pass whose size does not change is skipped. If the first pass would make more than 400 million values, the
    /// columns come first if that makes fewer, as for a picture of one pixel by a million. Source: Pillow's Resample.c.
    /// </remarks>
    public static ByteImage Bilinear(ByteImage image, int height, int width)
    {
        ArgumentNullException.ThrowIfNull(image);
        ArgumentOutOfRangeException.ThrowIfLessThan(height, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(width, 1);
        if ((long)image.Channels * height * width > Array.MaxLength)
        {
            throw new ArgumentOutOfRangeException(
                nameof(height), $"ImageResize: expected a size that fits into memory, got {height} x {width}.");
        }

        var buffer = new ImageBuffer();
        buffer.Load(image.Pixels, image.Channels, image.Height, image.Width);
        Scale(buffer, height, width);
        return new ByteImage(buffer.Pixels.ToArray(), image.Channels, height, width);
    }

    /// <summary>The same in the memory of a buffer.</summary>
    internal static void Scale(ImageBuffer image, int height, int width)
    {
        long rowsFirst = (long)image.Channels * image.Height * width,
            columnsFirst = (long)image.Channels * height * image.Width;
        bool isTooTall = rowsFirst > MostBetween && columnsFirst < rowsFirst;
        if (isTooTall) ScaleHeight(image, height);
        if (width != image.Width)
        {
            ReadOnlySpan<byte> pixels = image.Pixels;
            ScaleRows(
                pixels, image.Begin(image.Channels, image.Height, width), image.Width, WeightsOf(image.Width, width));
            image.End();
        }

        if (!isTooTall) ScaleHeight(image, height);
    }

    private static void ScaleHeight(ImageBuffer image, int height)
    {
        if (height == image.Height) return;
        ReadOnlySpan<byte> pixels = image.Pixels;
        ScaleColumns(pixels, image.Begin(image.Channels, height, image.Width),
            image.Height, height, image.Width, WeightsOf(image.Height, height));
        image.End();
    }

    /// <summary>The last two tables of a thread. Pictures of one size need the same two again and again.</summary>
    [ThreadStatic]
    private static (Weights? Newer, Weights? Older) t_weights;

    private static Weights WeightsOf(int from, int to)
    {
        (Weights? newer, Weights? older) = t_weights;
        if (newer is not null && newer.From == from && newer.Start.Length == to) return newer;
        Weights weights = older is not null && older.From == from && older.Start.Length == to
            ? older
            : new Weights(from, to);
        t_weights = (weights, newer);
        return weights;
    }

    /// <summary>
    /// For each place along the new axis: where its weights begin along the old one, how many, and their fixed-point
    /// values.
    /// </summary>
    private sealed class Weights
    {
        public Weights(int from, int to)
        {
            // A ratio of sizes; Pillow's box is a float, which holds any size below 2^24.
            double scale = (double)(float)from / to, filterScale = Math.Max(scale, 1.0), step = 1.0 / filterScale;
            Size = (int)Math.Ceiling(filterScale) * 2 + 1;
            From = from;
            (Start, Count, Values) = (new int[to], new int[to], new int[to * Size]);
            var exact = new double[Size];
            for (int i = 0; i < to; i++)
            {
                double center = (i + 0.5) * scale, sum = 0;
                int start = Math.Max((int)(center - filterScale + 0.5), 0);
                int count = Math.Min((int)(center + filterScale + 0.5), from) - start;
                for (int j = 0; j < count; j++)
                {
                    double distance = Math.Abs((j + start - center + 0.5) * step);
                    exact[j] = distance < 1.0 ? 1.0 - distance : 0.0;
                    sum += exact[j];
                }

                for (int j = 0; j < count; j++)
                {
                    double weight = sum != 0 ? exact[j] / sum : exact[j];
                    Values[i * Size + j] = (int)(0.5 + weight * (1 << PrecisionBits));
                }

                (Start[i], Count[i]) = (start, count);
            }
        }

        public int From { get; }

        public int Size { get; }

        public int[] Start { get; }

        public int[] Count { get; }

        public int[] Values { get; }

        public ReadOnlySpan<int> At(int i) => Values.AsSpan(i * Size, Count[i]);
    }

    private static byte Round(int sum) => (byte)Math.Clamp(sum >> PrecisionBits, 0, 255);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void ScaleRows(ReadOnlySpan<byte> source, Span<byte> target, int from, Weights weights)
    {
        int to = weights.Start.Length;
        for (int start = 0, row = 0; start < target.Length; start += to, row += from)
        {
            for (int i = 0; i < to; i++)
            {
                ReadOnlySpan<int> w = weights.At(i);
                ReadOnlySpan<byte> values = source.Slice(row + weights.Start[i], w.Length);
                int sum = 1 << (PrecisionBits - 1);
                for (int j = 0; j < w.Length; j++) sum += values[j] * w[j];
                target[start + i] = Round(sum);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void ScaleColumns(
        ReadOnlySpan<byte> source, Span<byte> target, int from, int to, int width, Weights weights)
    {
        int planes = source.Length / (from * width);
        for (int i = 0; i < planes * to; i++)
        {
            int plane = i / to, y = i - plane * to;
            ReadOnlySpan<int> w = weights.At(y);
            ReadOnlySpan<byte> rows = source.Slice((plane * from + weights.Start[y]) * width, w.Length * width);
            Span<byte> row = target.Slice(i * width, width);
            for (int x = 0; x < row.Length; x++)
            {
                int sum = 1 << (PrecisionBits - 1);
                for (int j = 0, at = x; j < w.Length; j++, at += width) sum += rows[at] * w[j];
                row[x] = Round(sum);
            }
        }
    }
}
