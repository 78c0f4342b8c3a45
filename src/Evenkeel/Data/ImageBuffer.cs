namespace Evenkeel.Data;

/// <summary>
/// A picture on its way through transforms: bytes (C, H, W) until <see cref="ToTensor"/>, floats afterwards. Its memory
/// is reused from picture to picture, so transforms allocate nothing.
/// </summary>
public sealed class ImageBuffer
{
    private byte[] _pixels = [];
    private byte[] _next = [];
    private float[] _values = [];
    private (int Channels, int Height, int Width) _nextSize;

    /// <summary>C: 1 or 3.</summary>
    public int Channels { get; private set; }

    /// <summary>H in pixels.</summary>
    public int Height { get; private set; }

    /// <summary>W in pixels.</summary>
    public int Width { get; private set; }

    /// <summary>True if the picture is floats.</summary>
    public bool IsTensor { get; private set; }

    /// <summary>The bytes, (C, H, W).</summary>
    /// <exception cref="InvalidOperationException">The picture is already floats.</exception>
    public Span<byte> Pixels => IsTensor
        ? throw new InvalidOperationException(
            "ImageBuffer: expected a picture of bytes, got one of floats. Put this transform before ToTensor.")
        : _pixels.AsSpan(0, Size);

    /// <summary>The floats, (C, H, W).</summary>
    /// <exception cref="InvalidOperationException">The picture is still bytes.</exception>
    public Span<float> Values => IsTensor
        ? _values.AsSpan(0, Size)
        : throw new InvalidOperationException(
            "ImageBuffer: expected a picture of floats, got one of bytes. Put this transform after ToTensor.");

    private int Size => Channels * Height * Width;

    /// <summary>Takes a copy of a picture.</summary>
    /// <param name="pixels">C·H·W values, (C, H, W).</param>
    /// <param name="channels">The number of channels C.</param>
    /// <param name="height">The height H in pixels.</param>
    /// <param name="width">The width W in pixels.</param>
    public void Load(ReadOnlySpan<byte> pixels, int channels, int height, int width)
    {
        if (pixels.Length != (long)channels * height * width)
        {
            throw new ArgumentException(
                $"ImageBuffer: expected {channels} x {height} x {width} values, got {pixels.Length}.", nameof(pixels));
        }

        IsTensor = false;
        pixels.CopyTo(Begin(channels, height, width));
        End();
    }

    /// <summary>
    /// Room for the transformed picture, with undefined content. <see cref="Pixels"/> stay as they are until
    /// <see cref="End"/>.
    /// </summary>
    /// <param name="channels">The number of channels C.</param>
    /// <param name="height">The height H in pixels.</param>
    /// <param name="width">The width W in pixels.</param>
    public Span<byte> Begin(int channels, int height, int width)
    {
        int size = checked(channels * height * width);
        if (_next.Length < size) _next = GC.AllocateUninitializedArray<byte>(size);
        _nextSize = (channels, height, width);
        return _next.AsSpan(0, size);
    }

    /// <summary>Makes the picture what was written into the room that <see cref="Begin"/> returned.</summary>
    public void End()
    {
        (_pixels, _next) = (_next, _pixels);
        (Channels, Height, Width) = _nextSize;
    }

    /// <summary>Makes the picture floats, with undefined content, and returns the bytes.</summary>
    internal ReadOnlySpan<byte> BeginTensor()
    {
        ReadOnlySpan<byte> pixels = Pixels;
        if (_values.Length < Size) _values = new float[Size];
        IsTensor = true;
        return pixels;
    }
}
