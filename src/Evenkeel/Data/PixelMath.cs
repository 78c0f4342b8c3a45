using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Evenkeel.Kernels;

namespace Evenkeel.Data;

/// <summary>
/// The loops over pixels that transforms share. All operations are exact or correctly rounded, so their order does not
/// change a bit.
/// </summary>
internal static class PixelMath
{
    /// <summary>The part from (top, left) on. Values outside the picture are 0.</summary>
    public static void Crop(ImageBuffer image, int top, int left, int height, int width)
    {
        ReadOnlySpan<byte> from = image.Pixels;
        Span<byte> to = image.Begin(image.Channels, height, width);
        int skip = Math.Max(-left, 0), count = Math.Min(image.Width - left, width) - skip;
        for (int c = 0; c < image.Channels; c++)
        {
            for (int y = 0; y < height; y++)
            {
                Span<byte> row = to.Slice((c * height + y) * width, width);
                int source = top + y;
                if ((uint)source >= (uint)image.Height || count <= 0)
                {
                    row.Clear();
                    continue;
                }

                row[..skip].Clear();
                from.Slice((c * image.Height + source) * image.Width + left + skip, count).CopyTo(row[skip..]);
                row[(skip + count)..].Clear();
            }
        }

        image.End();
    }

    /// <summary>Three channels become three copies of their luma. One channel stays as it is.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Gray(Span<byte> pixels, int channels)
    {
        if (channels != 3) return;
        int plane = pixels.Length / 3;
        Span<byte> red = pixels[..plane], green = pixels.Slice(plane, plane), blue = pixels[(2 * plane)..];
        for (int i = 0; i < red.Length; i++) red[i] = green[i] = blue[i] = Luma(red[i], green[i], blue[i]);
    }

    /// <summary>Pillow's <c>convert("L")</c>: ITU-R 601-2 in 16-bit fixed point, rounded.</summary>
    public static byte Luma(byte red, byte green, byte blue) =>
        (byte)((19595 * red + 38470 * green + 7471 * blue + 0x8000) >> 16);

    /// <summary>values = pixels / 255. The last pack overlaps the one before it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static unsafe void ToUnit(ReadOnlySpan<byte> pixels, Span<float> values)
    {
        int n = pixels.Length;
        if (values.Length != n)
        {
            throw new ArgumentException(
                $"ToTensor: expected room for {n} values, got {values.Length}.", nameof(values));
        }

        if (n < 16)
        {
            for (int i = 0; i < n; i++) values[i] = pixels[i] / 255f;
            return;
        }

        fixed (byte* s = pixels)
        fixed (float* d = values)
        {
            Vector512<float> full = Vector512.Create(255f);
            for (int i = 0; i < n; i += 16)
            {
                int at = Math.Min(i, n - 16);
                Simd.Store(d + at, ImageSet.Widen(s + at) / full);
            }
        }
    }

    /// <summary>values = (values - mean) / std, in place.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static unsafe void Normalize(Span<float> values, float mean, float std)
    {
        int n = values.Length, whole = n & ~15;
        fixed (float* d = values)
        {
            Vector512<float> m = Vector512.Create(mean), s = Vector512.Create(std);
            for (int i = 0; i < whole; i += 16) Simd.Store(d + i, (Simd.Load(d + i) - m) / s);
            for (int i = whole; i < n; i++) d[i] = (d[i] - mean) / std;
        }
    }
}
