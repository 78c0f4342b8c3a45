namespace Evenkeel.Data;

/// <summary>The picture files of a folder with one sub-folder a class, in their fixed order.</summary>
internal sealed record FolderListing(string Root, IReadOnlyList<string> ClassNames, IReadOnlyList<FolderListing.Entry> Files)
{
    /// <summary>A picture file: its path, its path inside the folder, its class, and what changes when its content does.</summary>
    internal sealed record Entry(string Path, string Name, int Label, long Length, long Time);

    private static readonly EnumerationOptions s_here = new() { AttributesToSkip = FileAttributes.Hidden | FileAttributes.System };

    /// <summary>A depth ends the walk where links go round in a circle.</summary>
    private static readonly EnumerationOptions s_below = new()
    {
        AttributesToSkip = FileAttributes.Hidden | FileAttributes.System,
        RecurseSubdirectories = true,
        MaxRecursionDepth = 8,
        IgnoreInaccessible = false,
    };

    public static FolderListing Of(string path)
    {
        string root = Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));
        if (!Directory.Exists(root))
            throw new DirectoryNotFoundException($"ImageFolder: expected a folder with one sub-folder a class at \"{path}\", found {(File.Exists(root) ? "a file" : "nothing")}.");
        string[] classes = [.. Directory.EnumerateDirectories(root, "*", s_here).Select(Path.GetFileName).Order(StringComparer.Ordinal)!];
        if (classes.Length == 0)
        {
            int loose = Directory.EnumerateFiles(root, "*", s_here).Count(ImageFile.HasImageName);
            throw new InvalidDataException(
                $"ImageFolder: expected one sub-folder a class in \"{root}\", found none{(loose > 0 ? $" ({loose} pictures lie in it directly: put them into a sub-folder named after their class)" : "")}.");
        }

        var files = new List<Entry>();
        for (int label = 0; label < classes.Length; label++)
        {
            var folder = new DirectoryInfo(Path.Combine(root, classes[label]));
            Entry[] found = [.. folder.EnumerateFiles("*", s_below).Where(static file => ImageFile.HasImageName(file.Name))
                .Select(file => EntryOf(root, file, label))
                .OrderBy(static entry => entry.Name, StringComparer.Ordinal)];
            if (found.Length == 0)
                throw new InvalidDataException(
                    $"ImageFolder: expected pictures ({string.Join(", ", ImageFile.Extensions)}) in the class folder \"{folder.FullName}\", found none. Fill it or remove it.");
            files.AddRange(found);
        }

        return new FolderListing(root, classes, files);
    }

    /// <summary>Of a link, length and time are those of the file behind it, or a cache would not notice that it has changed; reading says where there is none.</summary>
    private static Entry EntryOf(string root, FileInfo file, int label)
    {
        FileInfo source = file.Attributes.HasFlag(FileAttributes.ReparsePoint) && file.ResolveLinkTarget(returnFinalTarget: true) is FileInfo target ? target : file;
        (long length, long time) = source.Exists ? (source.Length, source.LastWriteTimeUtc.Ticks) : (0, 0);
        return new Entry(file.FullName, Path.GetRelativePath(root, file.FullName).Replace('\\', '/'), label, length, time);
    }
}
