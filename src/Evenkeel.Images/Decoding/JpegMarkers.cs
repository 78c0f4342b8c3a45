namespace Evenkeel.Images;

/// <summary>
/// Looks at the markers of a JPEG. A progressive file has its pixels in several scans, each finer than the one before:
/// if it is cut, there is still a picture, a blurred one, and Skia does not say that something is missing.
/// </summary>
internal static class JpegMarkers
{
    private const byte Progressive = 0xC2, StartOfScan = 0xDA, EndOfImage = 0xD9;

    /// <summary>Whether a progressive file ends before its last scan does.</summary>
    public static bool IsCutProgressive(ReadOnlySpan<byte> bytes)
    {
        bool isProgressive = false;
        // Behind the marker that begins every file.
        for (int at = 2; ;)
        {
            int skip = NextMarker(bytes[at..]);
            if (skip < 0) return isProgressive;
            at += skip + 2;
            byte marker = bytes[at - 1];
            if (marker == EndOfImage) return false;
            isProgressive |= marker == Progressive;
            if (!isProgressive && marker == StartOfScan) return false;
            if (at + 2 > bytes.Length) return isProgressive;
            at += bytes[at] << 8 | bytes[at + 1];
            if (at > bytes.Length) return isProgressive;
        }
    }

    /// <summary>
    /// Where the next marker of a segment is, or -1. In the data of a scan 0xFF is followed by 0, and markers from D0
    /// to D7 only say where decoding may begin again.
    /// </summary>
    private static int NextMarker(ReadOnlySpan<byte> bytes)
    {
        for (int at = 0; at + 1 < bytes.Length; at++)
        {
            int next = bytes[at..^1].IndexOf((byte)0xFF);
            if (next < 0) return -1;
            at += next;
            if (bytes[at + 1] is not (0 or 0xFF or >= 0xD0 and <= 0xD7)) return at;
        }

        return -1;
    }
}
