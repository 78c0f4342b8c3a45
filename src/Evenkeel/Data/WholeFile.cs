namespace Evenkeel.Data;

/// <summary>
/// Writes a file as a whole or not at all: it writes a temporary file beside it, then renames it. Nothing is flushed to
/// the disk, because what Data writes can be made again. Data may not use Serialization.
/// </summary>
internal static class WholeFile
{
    /// <summary>Writes <paramref name="path"/>. If <paramref name="write"/> throws, the old file stays.</summary>
    public static void Write(string path, Action<Stream> write)
    {
        string target = Path.GetFullPath(path);
        string folder = Path.GetDirectoryName(target)
            ?? throw new IOException($"expected the path of a file, got \"{path}\".");
        string temporary = Path.Combine(folder, $".{Path.GetFileName(target)}.{Path.GetRandomFileName()}.tmp");
        try
        {
            using (var stream = new FileStream(
                temporary, FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 1 << 16))
            {
                write(stream);
            }

            File.Move(temporary, target, overwrite: true);
        }
        catch
        {
            Remove(temporary);
            throw;
        }
    }

    /// <summary>
    /// Removes a file if possible. It never throws, because it cleans up while another error is thrown.
    /// </summary>
    public static void Remove(string path)
    {
        try
        {
            File.Delete(path);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // The first error is the one to report, so this one is ignored.
        }
    }
}
