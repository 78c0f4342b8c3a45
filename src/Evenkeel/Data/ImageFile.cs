namespace Evenkeel.Data;

/// <summary>Reads and writes pictures.</summary>
public static class ImageFile
{
    /// <summary>Writes a PNG file, 8 bits a value, gray or colour as the picture is; as a whole or not at all.</summary>
    /// <param name="path">The file; its folder must exist.</param>
    /// <param name="image">The picture.</param>
    /// <exception cref="IOException">The file could not be written; what was there before is unchanged.</exception>
    /// <exception cref="UnauthorizedAccessException">The folder or the old file may not be written.</exception>
    public static void WritePng(string path, ByteImage image)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentNullException.ThrowIfNull(image);
        if (Directory.Exists(path)) throw new IOException($"ImageFile: expected the path of a file, got the folder \"{path}\". Add a file name.");
        string? folder = Path.GetDirectoryName(Path.GetFullPath(path));
        if (!Directory.Exists(folder)) throw new DirectoryNotFoundException($"ImageFile: the folder of \"{path}\" does not exist. Create it first.");
        try
        {
            WholeFile.Write(path, stream => PngWriter.Write(stream, image));
        }
        catch (IOException exception)
        {
            throw new IOException($"ImageFile: \"{path}\" could not be written ({exception.Message}). What was there before is unchanged.", exception);
        }
    }
}
