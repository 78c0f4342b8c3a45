using Evenkeel.Data;
using Evenkeel.Serialization;

namespace Evenkeel.Images;

/// <summary>
/// Reads and writes pictures. It reads JPEG, PNG, WebP, GIF (the first picture of an animation), BMP and PPM/PGM. The
/// first bytes of a file decide on its format, not its name. It writes PNG.
/// </summary>
/// <remarks>
/// <para>A picture has 8 bits per value: gray if the file is a gray JPEG, PNG or PGM, otherwise red, green, blue. Alpha
/// and transparency are dropped, not composited, as in Pillow's <c>convert("RGB")</c>. Of the 16 bits of a PNG the
/// upper 8 are taken; those of PPM/PGM are scaled by 255/65535 and rounded. Colour profiles and gamma are
/// ignored.</para>
/// <para>A photograph is upright: the Exif orientation is applied, as viewers and browsers do. Pillow and so
/// torchvision leave the photograph as the sensor wrote it, unless <c>ImageOps.exif_transpose</c> is called.</para>
/// <para>A file that is cut or damaged is refused. The pixels of JPEG are those of libjpeg-turbo and Pillow, bit for
/// bit.</para>
/// <para>A file may be hostile: nothing is allocated if the header promises more than <see cref="MaxPixels"/>.</para>
/// </remarks>
public static class ImageFile
{
    /// <summary>
    /// The largest picture that is decoded, height times width: 100 million pixels, 300 MB in colour.
    /// </summary>
    public const int MaxPixels = 100_000_000;

    private const int MaxFileBytes = 1 << 30;

    /// <summary>Number of bytes at the beginning of a file that say which format it has.</summary>
    private const int FormatBytes = 16;

    private const string PortableMap = "PPM/PGM";
    private const string Other = "another format";
    private const string Formats = "JPEG, PNG, WebP, GIF, BMP or PPM/PGM";

    private static readonly string[] s_extensions =
        [".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".webp"];

    /// <summary>The endings of the files that can be decoded, in lower case, with their dot.</summary>
    public static IReadOnlyList<string> Extensions { get; } = Array.AsReadOnly(s_extensions);

    /// <summary>Whether a file's name ends as a picture's does; upper case counts as lower case.</summary>
    public static bool HasImageName(string path) =>
        s_extensions.Contains(Path.GetExtension(path), StringComparer.OrdinalIgnoreCase);

    /// <summary>Decodes a picture.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="FileNotFoundException">
    /// There is no such file, or there is no native library of SkiaSharp for this platform.
    /// </exception>
    /// <exception cref="InvalidDataException">
    /// It is not a picture of a known format, is truncated or damaged, or is too large. Or its folder lists it but it
    /// cannot be opened, because it is a link to nothing or its name is not UTF-8. The message names the file and the
    /// reason.
    /// </exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static ByteImage Read(string path) => Read(path, preparation: null);

    /// <summary>Decodes a picture, which may be decoded smaller.</summary>
    /// <param name="path">The file.</param>
    /// <param name="preparation">What will be done to it; null decodes every pixel of a JPEG.</param>
    internal static ByteImage Read(string path, PicturePreparation? preparation)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        if (Directory.Exists(path)) throw new InvalidDataException($"ImageFile: expected a picture at \"{path}\". " +
            $"{FileFormat.Sentence(path)}");
        if (!File.Exists(path)) throw Missing(path);
        return Decode(ReadBytes(path), path, preparation);
    }

    /// <summary>
    /// Height and width of an upright picture. Except for PPM/PGM, only the beginning of the file is read: a file that
    /// is cut behind it is not noticed.
    /// </summary>
    internal static (int Height, int Width) SizeOf(string path)
    {
        if (!File.Exists(path)) throw Missing(path);
        using FileStream file = Open(path);
        Span<byte> head = stackalloc byte[FormatBytes];
        head = head[..file.ReadAtLeast(head, head.Length, throwOnEndOfStream: false)];
        string format = FormatOf(head);
        if (format is PortableMap or "" or Other)
        {
            ByteImage image = Read(path);
            return (image.Height, image.Width);
        }

        file.Position = 0;
        try
        {
            return SkiaReader.SizeOf(file);
        }
        catch (InvalidDataException failure)
        {
            throw Undecodable(path, format, failure);
        }
    }

    /// <summary>Decodes a picture that is in memory.</summary>
    /// <param name="bytes">The content of a file.</param>
    /// <param name="name">What errors call it.</param>
    /// <exception cref="InvalidDataException">
    /// It is not a picture of a known format, is truncated or damaged, or is too large.
    /// </exception>
    public static ByteImage Decode(ReadOnlySpan<byte> bytes, string name) => Decode(bytes, name, preparation: null);

    private static ByteImage Decode(ReadOnlySpan<byte> bytes, string name, PicturePreparation? preparation)
    {
        ArgumentNullException.ThrowIfNull(name);
        string format = FormatOf(bytes);
        try
        {
            return format switch
            {
                PortableMap => PnmReader.Read(bytes),
                "" => throw new InvalidDataException("it is empty"),
                Other when FileFormat.Of(bytes) is { } other => throw new InvalidDataException(
                    $"expected {Formats}, got {other.Name}. {other.Remedy.TrimEnd('.')}"),
                Other => throw new InvalidDataException($"expected {Formats}, got {FileFormat.Unknown(bytes)}"),
                _ => SkiaReader.Read(bytes, preparation),
            };
        }
        catch (InvalidDataException failure)
        {
            throw Undecodable(name, format, failure);
        }
    }

    /// <summary>
    /// Writes a PNG file as a whole or not at all: 8 bits per value, gray or colour like the picture.
    /// </summary>
    /// <param name="path">The file; its folder must exist.</param>
    /// <param name="image">The picture.</param>
    /// <exception cref="IOException">The file could not be written. An older file stays unchanged.</exception>
    /// <exception cref="UnauthorizedAccessException">The folder or the old file may not be written.</exception>
    public static void WritePng(string path, ByteImage image)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentNullException.ThrowIfNull(image);
        AtomicFile.Write(path, stream => SkiaWriter.WritePng(stream, image));
    }

    /// <summary>The content of a PNG file: 8 bits per value, gray or colour like the picture.</summary>
    /// <param name="image">The picture.</param>
    public static byte[] EncodePng(ByteImage image)
    {
        ArgumentNullException.ThrowIfNull(image);
        using var buffer = new MemoryStream();
        SkiaWriter.WritePng(buffer, image);
        return buffer.ToArray();
    }

    /// <summary>Refuses sizes that no picture has, before anything is allocated for them.</summary>
    internal static void CheckSize(long width, long height)
    {
        if (width < 1 || height < 1)
            throw new InvalidDataException($"expected a width and a height of at least 1, got {width} x {height}");
        // Both may be near 2^32, so the check divides instead of multiplying.
        if (height > MaxPixels / width)
            throw new InvalidDataException($"expected at most {MaxPixels} pixels, got {width} x {height}");
    }

    private static FileStream Open(string path)
    {
        try
        {
            return new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 1);
        }
        catch (Exception failure) when (failure is FileNotFoundException or DirectoryNotFoundException)
        {
            // A link exists even if its target does not.
            throw Missing(path);
        }
    }

    private static byte[] ReadBytes(string path)
    {
        using FileStream file = Open(path);
        if (file.Length > MaxFileBytes)
        {
            throw new InvalidDataException(
                $"ImageFile: expected a picture of at most {MaxFileBytes} bytes, \"{path}\" has {file.Length}.");
        }

        byte[] bytes = GC.AllocateUninitializedArray<byte>((int)file.Length);
        file.ReadExactly(bytes);
        return bytes;
    }

    private static InvalidDataException Undecodable(string name, string format, InvalidDataException failure) => new(
        $"ImageFile: \"{name}\" cannot be decoded{(format is "" or Other ? "" : $" as {format}")}: "
        + $"{failure.Message.TrimEnd('.')}.", failure);

    /// <summary>
    /// A listing of a folder may name files that cannot be opened: links to nothing, and names whose bytes are not
    /// UTF-8. Such bytes are listed as U+FFFD.
    /// </summary>
    private static Exception Missing(string path)
    {
        string? reason = new FileInfo(path).LinkTarget is { } target
            ? $"it is a link to \"{target}\", where there is no file"
            : path.Contains('\uFFFD', StringComparison.Ordinal)
            ? "its name is not UTF-8 (the bytes that are not show as \uFFFD), so it cannot be opened; rename it"
            : null;
        return reason is null
            ? new FileNotFoundException($"ImageFile: expected a picture at \"{path}\", found no file.", path)
            : new InvalidDataException(
                $"ImageFile: \"{path}\" cannot be decoded: {reason}.", new InvalidDataException(reason));
    }

    /// <summary>The format that the first bytes claim. Empty if there are none.</summary>
    private static string FormatOf(ReadOnlySpan<byte> bytes) => bytes switch
    {
        [] => "",
        [0xFF, 0xD8, ..] => "JPEG",
        [0x89, (byte)'P', (byte)'N', (byte)'G', 0x0D, 0x0A, 0x1A, 0x0A, ..] => "PNG",
        [(byte)'B', (byte)'M', ..] => "BMP",
        [(byte)'R', (byte)'I', (byte)'F', (byte)'F', _, _, _, _, (byte)'W', (byte)'E', (byte)'B', (byte)'P', ..] =>
            "WebP",
        [(byte)'G', (byte)'I', (byte)'F', (byte)'8', (byte)'7' or (byte)'9', (byte)'a', ..] => "GIF",
        [(byte)'P', (byte)'2' or (byte)'3' or (byte)'5' or (byte)'6', ..]
            when FileFormat.Of(bytes) is not { IsTable: true } => PortableMap,
        _ => Other,
    };
}
