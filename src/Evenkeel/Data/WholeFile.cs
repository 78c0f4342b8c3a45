namespace Evenkeel.Data;

/// <summary>
/// Writes a file as a whole or not at all: into a temporary file beside it, then renamed. Data may not use Serialization, and what it writes can be made again,
/// so nothing is flushed to the disk.
/// </summary>
internal static class WholeFile
{
    /// <summary>Writes <paramref name="path"/>; if <paramref name="write"/> throws, what was there before stays.</summary>
    public static void Write(string path, Action<Stream> write)
    {
        string target = Path.GetFullPath(path);
        string folder = Path.GetDirectoryName(target) ?? throw new IOException($"expected the path of a file, got \"{path}\".");
        string temporary = Path.Combine(folder, $".{Path.GetFileName(target)}.{Path.GetRandomFileName()}.tmp");
        try
        {
            using (var stream = new FileStream(temporary, FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 1 << 16)) write(stream);
            File.Move(temporary, target, overwrite: true);
        }
        catch
        {
            Remove(temporary);
            throw;
        }
    }

    /// <summary>Removes a file if it can be removed: for cleaning up while another error is on its way.</summary>
    public static void Remove(string path)
    {
        try
        {
            File.Delete(path);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // The first error is the one to report.
        }
    }
}
