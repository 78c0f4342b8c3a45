using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
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

    /// <summary>Copies gray pixels, upright.</summary>
    /// <param name="stored">A byte per pixel.</param>
    /// <param name="plane">The upright channel.</param>
    public void Copy(ReadOnlySpan<byte> stored, Span<byte> plane)
    {
        for (int y = 0; y < Height; y++)
        {
            Span<byte> row = plane.Slice(y * Width, Width);
            int at = _first + y * _down;
            if (_right == 1) stored.Slice(at, Width).CopyTo(row);
            else for (int x = 0; x < row.Length; x++, at += _right) row[x] = stored[at];
        }
    }

    /// <summary>Copies coloured pixels, upright.</summary>
    /// <param name="stored">Red in the lowest byte, then green, blue and alpha.</param>
    /// <param name="planes">The three upright channels; or red alone, for gray pixels stored as colours.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Copy(ReadOnlySpan<uint> stored, Span<byte> planes)
    {
        int plane = Height * Width;
        bool isGray = planes.Length == plane;
        for (int y = 0; y < Height; y++)
        {
            Span<byte> red = planes.Slice(y * Width, Width);
            Span<byte> green = isGray ? red : planes.Slice(plane + y * Width, Width);
            Span<byte> blue = isGray ? red : planes.Slice(2 * plane + y * Width, Width);
            int at = _first + y * _down;
            if (_right == 1)
            {
                CopyRow(stored.Slice(at, Width), red, green, blue);
                continue;
            }

            for (int x = 0; x < red.Length; x++, at += _right)
            {
                uint pixel = stored[at];
                (blue[x], green[x], red[x]) = ((byte)(pixel >> 16), (byte)(pixel >> 8), (byte)pixel);
            }
        }
    }

    private static void CopyRow(ReadOnlySpan<uint> row, Span<byte> red, Span<byte> green, Span<byte> blue)
    {
        int whole = 0;
        if (Vector128.IsHardwareAccelerated)
        {
            // Sixteen pixels at a time: the lowest byte of each of four packs, narrowed twice.
            Vector128<uint> low = Vector128.Create(0xFFu);
            for (; whole + 16 <= row.Length; whole += 16)
            {
                Vector128<uint> a = Vector128.Create(row[whole..]), b = Vector128.Create(row[(whole + 4)..]),
                    c = Vector128.Create(row[(whole + 8)..]), d = Vector128.Create(row[(whole + 12)..]);
                // Gray pixels write the same byte three times.
                Narrow(a >> 16, b >> 16, c >> 16, d >> 16, low).CopyTo(blue[whole..]);
                Narrow(a >> 8, b >> 8, c >> 8, d >> 8, low).CopyTo(green[whole..]);
                Narrow(a, b, c, d, low).CopyTo(red[whole..]);
            }
        }

        for (int x = whole; x < row.Length; x++)
            (blue[x], green[x], red[x]) = ((byte)(row[x] >> 16), (byte)(row[x] >> 8), (byte)row[x]);
    }

    private static Vector128<byte> Narrow(
        Vector128<uint> a, Vector128<uint> b, Vector128<uint> c, Vector128<uint> d, Vector128<uint> low) =>
        Vector128.Narrow(Vector128.Narrow(a & low, b & low), Vector128.Narrow(c & low, d & low));
}
