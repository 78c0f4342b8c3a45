namespace Evenkeel.Serialization;

/// <summary>
/// Writes a file as a whole or not at all. It writes a temporary file in the same folder, flushes it to the disk, and
/// renames it over the old file.
/// </summary>
public static class AtomicFile
{
    /// <summary>
    /// Writes <paramref name="path"/>. A reader sees the old file or the complete new one, whatever happens in between.
    /// </summary>
    /// <param name="path">The file; its folder must exist.</param>
    /// <param name="write">
    /// Writes the content. If it throws, the temporary file is removed and the old file stays.
    /// </param>
    /// <exception cref="IOException">
    /// The file could not be written, for example because the folder is missing or the disk is full. The message names
    /// the path.
    /// </exception>
    /// <exception cref="UnauthorizedAccessException">The folder or the old file may not be written.</exception>
    public static void Write(string path, Action<Stream> write)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentNullException.ThrowIfNull(write);
        string target = Path.GetFullPath(path);
        // A link stays a link: the file behind it is replaced.
        if (new FileInfo(target).LinkTarget is not null)
            target = File.ResolveLinkTarget(target, returnFinalTarget: true)!.FullName;
        string folder = Path.GetDirectoryName(target)
            ?? throw new IOException($"AtomicFile: expected the path of a file, got \"{path}\".");
        if (Directory.Exists(target))
        {
            throw new IOException(
                $"AtomicFile: expected the path of a file, got the folder \"{path}\". Add a file name.");
        }

        if (!Directory.Exists(folder))
        {
            throw new DirectoryNotFoundException(
                $"AtomicFile: the folder \"{folder}\" of \"{path}\" does not exist. Create it first.");
        }

        string temporary = Path.Combine(folder, $".{Path.GetFileName(target)}.{Path.GetRandomFileName()}.tmp");
        try
        {
            using (var stream = new FileStream(
                temporary, FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 1 << 16))
            {
                write(stream);
                stream.Flush(flushToDisk: true);
            }

            File.Move(temporary, target, overwrite: true);
        }
        catch (Exception exception)
        {
            Remove(temporary);
            if (exception is UnauthorizedAccessException)
            {
                throw new UnauthorizedAccessException(
                    $"AtomicFile: \"{path}\" may not be written ({exception.Message}). "
                    + $"Choose another folder or change its permissions.",
                    exception);
            }

            if (exception is IOException)
            {
                throw new IOException(
                    $"AtomicFile: \"{path}\" could not be written ({exception.Message}). "
                    + $"What was there before is unchanged; free some space or choose another folder.",
                    exception);
            }

            throw;
        }
    }

    /// <summary>Writes text as UTF-8 without a byte-order mark; see <see cref="Write"/>.</summary>
    /// <param name="path">The file.</param>
    /// <param name="text">All of its text.</param>
    public static void WriteText(string path, string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        Write(path, stream => stream.Write(System.Text.Encoding.UTF8.GetBytes(text)));
    }

    /// <summary>
    /// Removes temporary files of <paramref name="path"/> that a killed process has left. Its file name may hold a
    /// <c>*</c>. Nobody else may write these files at that time.
    /// </summary>
    internal static void RemoveLeftovers(string path)
    {
        string target = Path.GetFullPath(path);
        if (Path.GetDirectoryName(target) is not { } folder || !Directory.Exists(folder)) return;
        foreach (string temporary in Directory.EnumerateFiles(folder, $".{Path.GetFileName(target)}.*.tmp"))
            Remove(temporary);
    }

    private static void Remove(string temporary)
    {
        try
        {
            File.Delete(temporary);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // The first error is the one to report, so this one is ignored.
        }
    }
}
