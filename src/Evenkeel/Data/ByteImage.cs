namespace Evenkeel.Data;

/// <summary>
/// One picture as it was decoded: bytes from 0 to 255, (C, H, W) row-major. One channel is gray; three channels are
/// red, green and blue. Decoders return it, and transforms take it.
/// </summary>
public sealed class ByteImage
{
    /// <summary>A picture over the given bytes, which are kept, not copied.</summary>
    /// <param name="pixels">C·H·W values.</param>
    /// <param name="channels">C, 1 or 3.</param>
    /// <param name="height">H in pixels.</param>
    /// <param name="width">W in pixels.</param>
    /// <exception cref="ArgumentException">The sizes do not fit each other.</exception>
    public ByteImage(byte[] pixels, int channels, int height, int width)
    {
        ArgumentNullException.ThrowIfNull(pixels);
        if (channels is not (1 or 3))
        {
            throw new ArgumentOutOfRangeException(
                nameof(channels), $"ByteImage: expected 1 channel (gray) or 3 (red, green, blue), got {channels}.");
        }

        ArgumentOutOfRangeException.ThrowIfLessThan(height, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(width, 1);
        if (pixels.Length != (long)channels * height * width)
        {
            throw new ArgumentException(
                $"ByteImage: expected {channels} x {height} x {width} values, got {pixels.Length}.", nameof(pixels));
        }

        (Pixels, Channels, Height, Width) = (pixels, channels, height, width);
    }

    /// <summary>The values, (C, H, W).</summary>
    public byte[] Pixels { get; }

    /// <summary>C: 1 or 3.</summary>
    public int Channels { get; }

    /// <summary>H in pixels.</summary>
    public int Height { get; }

    /// <summary>W in pixels.</summary>
    public int Width { get; }

    /// <summary>The values of one channel, (H, W).</summary>
    public Span<byte> Plane(int channel) => Pixels.AsSpan(channel * Height * Width, Height * Width);

    /// <summary>For example <c>3x480x640</c>.</summary>
    public override string ToString() => $"{Channels}x{Height}x{Width}";
}
