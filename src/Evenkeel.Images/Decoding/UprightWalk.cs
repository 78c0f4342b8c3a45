using SkiaSharp;

namespace Evenkeel.Images;

/// <summary>
/// The order in which stored pixels make an upright picture. A camera stores what its sensor saw and says in the Exif
/// orientation how it was held. The value y, x of the upright picture is stored at <c>first + y·down + x·right</c>.
/// </summary>
internal readonly struct UprightWalk
{
    private readonly int _first;
    private readonly int _down;
    private readonly int _right;

    /// <summary>Takes the orientation of a file.</summary>
    /// <param name="origin">Which corner of the upright picture is stored first, and along which side.</param>
    /// <param name="height">Number of stored rows.</param>
    /// <param name="width">Number of stored columns.</param>
    public UprightWalk(SKEncodedOrigin origin, int height, int width)
    {
        int lastRow = (height - 1) * width, lastColumn = width - 1;
        (_first, _down, _right) = origin switch
        {
            SKEncodedOrigin.TopRight => (lastColumn, width, -1),
            SKEncodedOrigin.BottomRight => (lastRow + lastColumn, -width, -1),
            SKEncodedOrigin.BottomLeft => (lastRow, -width, 1),
            SKEncodedOrigin.LeftTop => (0, 1, width),
            SKEncodedOrigin.RightTop => (lastRow, 1, -width),
            SKEncodedOrigin.RightBottom => (lastRow + lastColumn, -1, -width),
            SKEncodedOrigin.LeftBottom => (lastColumn, -1, width),
            _ => (0, width, 1),
        };
        bool isOnItsSide = origin >= SKEncodedOrigin.LeftTop;
        (Height, Width) = isOnItsSide ? (width, height) : (height, width);
    }

    /// <summary>Height of the upright picture.</summary>
    public int Height { get; }

    /// <summary>Width of the upright picture.</summary>
    public int Width { get; }

    /// <summary>Copies one channel, upright.</summary>
    /// <param name="stored">The stored pixels, from the first value of the channel on.</param>
    /// <param name="step">Number of bytes of a stored pixel.</param>
    /// <param name="plane">The upright channel.</param>
    public void Copy(ReadOnlySpan<byte> stored, int step, Span<byte> plane)
    {
        for (int y = 0; y < Height; y++)
        {
            Span<byte> row = plane.Slice(y * Width, Width);
            int at = (_first + y * _down) * step, stride = _right * step;
            for (int x = 0; x < row.Length; x++, at += stride) row[x] = stored[at];
        }
    }
}
