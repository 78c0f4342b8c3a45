namespace Evenkeel.Data;

/// <summary>
/// What reading and writing PNG share. Source: W3C, Portable Network Graphics (PNG) Specification, second edition.
/// </summary>
internal static class PngFormat
{
    public static ReadOnlySpan<byte> Signature => [0x89, (byte)'P', (byte)'N', (byte)'G', 0x0D, 0x0A, 0x1A, 0x0A];

    /// <summary>Of left a, above b and above-left c, the one nearest to a + b - c; ties go to a, then b.</summary>
    public static int Paeth(int a, int b, int c)
    {
        int pa = Math.Abs(b - c), pb = Math.Abs(a - c), pc = Math.Abs(a + b - 2 * c);
        return pa <= pb && pa <= pc ? a : pb <= pc ? b : c;
    }
}
