namespace Evenkeel.Data;

/// <summary>
/// Reads and writes pictures. It reads JPEG (through libturbojpeg, which must be installed), PNG, BMP and PPM/PGM. The
/// first bytes of a file decide on its format, not its name. It writes PNG.
/// </summary>
/// <remarks>
/// <para>A picture has 8 bits per value: gray if the file is gray, otherwise red, green, blue. Alpha and transparency
/// are dropped, not composited, as in Pillow's <c>convert("RGB")</c>. Values of 16 bits are scaled by 255/65535 and
/// rounded. An Exif orientation is not applied, as in Pillow: a photograph comes as the sensor wrote it. Colour
/// profiles and gamma are ignored.</para>
/// <para>A file that is faulty or cut is decoded if it still has a picture. <see cref="ByteImage.Warning"/> says what
/// is wrong.</para>
/// <para>A file may be hostile: nothing is allocated if the header promises more than <see cref="MaxPixels"/>, or more
/// than the file can hold.</para>
/// </remarks>
public static class ImageFile
{
    /// <summary>
    /// The largest picture that is decoded, height times width: 100 million pixels, 300 MB in colour.
    /// </summary>
    public const int MaxPixels = 100_000_000;

    private const int MaxFileBytes = 1 << 30;

    private static readonly string[] s_extensions = [".bmp", ".jpeg", ".jpg", ".pgm", ".png", ".ppm"];

    /// <summary>The endings of the files that can be decoded, in lower case, with their dot.</summary>
    public static IReadOnlyList<string> Extensions { get; } = Array.AsReadOnly(s_extensions);

    /// <summary>Whether a file's name ends as a picture's does; upper case counts as lower case.</summary>
    public static bool HasImageName(string path) =>
        s_extensions.Contains(Path.GetExtension(path), StringComparer.OrdinalIgnoreCase);

    /// <summary>Decodes a picture.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="FileNotFoundException">
    /// There is no such file, or the picture is a JPEG and libturbojpeg is not installed.
    /// </exception>
    /// <exception cref="InvalidDataException">
    /// It is not a picture of a known format, is truncated or damaged, or is too large. Or its folder lists it but it
    /// cannot be opened, because it is a link to nothing or its name is not UTF-8. The message names the file and the
    /// reason.
    /// </exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static ByteImage Read(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        if (Directory.Exists(path)) throw new InvalidDataException($"ImageFile: expected a picture at \"{path}\". " +
            $"{FileFormat.Sentence(path)}");
        if (!File.Exists(path)) throw Missing(path);
        return Decode(ReadBytes(path), path);
    }

    /// <summary>Decodes a picture that is in memory.</summary>
    /// <param name="bytes">The content of a file.</param>
    /// <param name="name">What errors call it.</param>
    /// <exception cref="FileNotFoundException">The picture is a JPEG and libturbojpeg is not installed.</exception>
    /// <exception cref="InvalidDataException">
    /// It is not a picture of a known format, is truncated or damaged, or is too large.
    /// </exception>
    public static ByteImage Decode(ReadOnlySpan<byte> bytes, string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        string format = FormatOf(bytes);
        try
        {
            return format switch
            {
                "JPEG" => JpegReader.Read(bytes),
                "PNG" => PngReader.Read(bytes),
                "BMP" => BmpReader.Read(bytes),
                "PPM/PGM" => PnmReader.Read(bytes),
                "" => throw new InvalidDataException("it is empty"),
                _ when FileFormat.Of(bytes) is { } other => throw new InvalidDataException(
                    $"expected JPEG, PNG, BMP or PPM/PGM, got {other.Name}. {other.Remedy.TrimEnd('.')}"),
                _ => throw new InvalidDataException(
                    $"expected JPEG, PNG, BMP or PPM/PGM, got {FileFormat.Unknown(bytes)}"),
            };
        }
        catch (InvalidDataException failure)
        {
            string kind = format is "JPEG" or "PNG" or "BMP" or "PPM/PGM" ? $" as {format}" : "";
            throw new InvalidDataException(
                $"ImageFile: \"{name}\" cannot be decoded{kind}: {failure.Message.TrimEnd('.')}.", failure);
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
        if (Directory.Exists(path))
        {
            throw new IOException(
                $"ImageFile: expected the path of a file, got the folder \"{path}\". Add a file name.");
        }

        string? folder = Path.GetDirectoryName(Path.GetFullPath(path));
        if (!Directory.Exists(folder))
        {
            throw new DirectoryNotFoundException(
                $"ImageFile: the folder of \"{path}\" does not exist. Create it first.");
        }

        try
        {
            WholeFile.Write(path, stream => PngWriter.Write(stream, image));
        }
        catch (IOException exception)
        {
            throw new IOException(
                $"ImageFile: \"{path}\" could not be written ({exception.Message}). "
                + $"What was there before is unchanged.",
                exception);
        }
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

    private static byte[] ReadBytes(string path)
    {
        try
        {
            using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 1);
            if (file.Length > MaxFileBytes)
                throw new InvalidDataException(
                    $"ImageFile: expected a picture of at most {MaxFileBytes} bytes, \"{path}\" has {file.Length}.");
            byte[] bytes = GC.AllocateUninitializedArray<byte>((int)file.Length);
            file.ReadExactly(bytes);
            return bytes;
        }
        catch (Exception failure) when (failure is FileNotFoundException or DirectoryNotFoundException)
        {
            // A link exists even if its target does not.
            throw Missing(path);
        }
    }

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

    private static string FormatOf(ReadOnlySpan<byte> bytes) => bytes switch
    {
        [] => "",
        [0xFF, 0xD8, ..] => "JPEG",
        _ when bytes.StartsWith(PngFormat.Signature) => "PNG",
        [(byte)'B', (byte)'M', ..] => "BMP",
        [(byte)'P', (byte)'2' or (byte)'3' or (byte)'5' or (byte)'6', ..]
            when FileFormat.Of(bytes) is not { IsTable: true } => "PPM/PGM",
        _ => "another format",
    };
}
