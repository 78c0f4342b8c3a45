using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Evenkeel.Images;

/// <summary>A picture file of a folder.</summary>
/// <param name="Path">Where it is.</param>
/// <param name="Name">Its path inside the folder, with forward slashes: <c>100/100-9.jpg</c>.</param>
/// <param name="Label">Its class.</param>
/// <param name="Bytes">Its length. For a link, it is the length of the target. 0 if it cannot be found.</param>
/// <param name="Time">
/// The time of its last change. For a link, it is the time of the target. The default value if it cannot be found.
/// </param>
public sealed record ImageFolderFile(string Path, string Name, int Label, long Bytes, DateTime Time);

/// <summary>
/// The picture files of a folder with one sub-folder per class, in their fixed order: class by class, in the ordinal
/// order of their paths. Or the files that a table names, in its order (<see cref="OfList"/>). This is the only place
/// that decides which files belong to a set. The same files are shown, trained on, and counted by
/// <see cref="Identity"/>.
/// </summary>
/// <remarks>
/// <para>A picture is a file whose name ends as one (<see cref="ImageFile.Extensions"/>), in a class folder or up to
/// eight folders deeper.</para>
/// <para>These are skipped: files with other endings, pictures beside the class folders, files that Windows marks as
/// hidden, and what systems leave behind: names that begin with a dot, <c>__MACOSX</c>, <c>@eaDir</c>,
/// <c>$RECYCLE.BIN</c>, <c>System Volume Information</c> and <c>lost+found</c>.</para>
/// </remarks>
public sealed class ImageFolderListing
{
    /// <summary>A limit on the depth ends the walk if links form a circle.</summary>
    private const int MostDepth = 8;

    private const FileAttributes Hidden = FileAttributes.Hidden | FileAttributes.System;

    private static readonly string[] s_leftBehind =
        ["__MACOSX", "@eaDir", "$RECYCLE.BIN", "System Volume Information", "lost+found"];

    private static readonly EnumerationOptions s_here =
        new() { AttributesToSkip = FileAttributes.None, IgnoreInaccessible = false };

    private ImageFolderListing(
        string root, string source, IReadOnlyList<string> classNames, IReadOnlyList<ImageFolderFile> files,
        IReadOnlyList<string> passedOver)
    {
        (Root, Source, ClassNames, Files, PassedOver) = (root, source, classNames, files, passedOver);
        var text = new StringBuilder().AppendJoin('\n', classNames).Append('\n');
        foreach (ImageFolderFile file in files)
        {
            // In a folder the path says the class.
            if (IsList) text.Append(CultureInfo.InvariantCulture, $"{file.Label} ");
            text.Append(CultureInfo.InvariantCulture, $"{file.Name}\n{file.Bytes} {file.Time.Ticks}\n");
        }

        Fingerprint = SHA256.HashData(Encoding.UTF8.GetBytes(text.ToString()));
        Identity = string.Create(
            CultureInfo.InvariantCulture,
            $"{files.Count} files, {Bytes} bytes, sha256 {Convert.ToHexStringLower(Fingerprint)[..16]}");
    }

    /// <summary>The folder that paths begin at, as a full path.</summary>
    public string Root { get; }

    /// <summary>What was listed, as a full path: the folder, or the list of files.</summary>
    public string Source { get; }

    /// <summary>The name of the folder, or of the list without its ending.</summary>
    public string Name => IsList ? Path.GetFileNameWithoutExtension(Source) : Path.GetFileName(Root);

    /// <summary>Whether a list names the files, instead of a folder that holds them.</summary>
    public bool IsList => Source != Root;

    /// <summary>The names of the class folders, by label: in their ordinal order.</summary>
    public IReadOnlyList<string> ClassNames { get; }

    /// <summary>The pictures.</summary>
    public IReadOnlyList<ImageFolderFile> Files { get; }

    /// <summary>What is skipped, as paths inside the folder. Folders end in a slash.</summary>
    public IReadOnlyList<string> PassedOver { get; }

    /// <summary>Size of the pictures' files.</summary>
    public long Bytes => Files.Sum(static file => file.Bytes);

    /// <summary>
    /// A text that changes if a picture or a class is added, removed, renamed or changed (length or time), and never
    /// otherwise: <c>266 files, 31415926 bytes, sha256 0123456789abcdef</c>.
    /// </summary>
    public string Identity { get; }

    /// <summary>The whole hash, of which <see cref="Identity"/> shows a part.</summary>
    internal byte[] Fingerprint { get; }

    /// <summary>Lists a folder. It opens no file.</summary>
    /// <param name="path">The folder.</param>
    /// <exception cref="DirectoryNotFoundException">There is no such folder.</exception>
    /// <exception cref="IOException">A folder in it cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">A folder in it may not be read.</exception>
    public static ImageFolderListing Of(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        string root = Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));
        if (!Directory.Exists(root))
        {
            throw new DirectoryNotFoundException(
                $"ImageFolder: expected a folder with one sub-folder per class at \"{path}\", found " +
                $"{(File.Exists(root) ? "a file" : "nothing")}.");
        }

        var files = new List<ImageFolderFile>();
        var passedOver = new List<string>();
        var classes = new List<DirectoryInfo>();
        foreach (FileSystemInfo entry in new DirectoryInfo(root).EnumerateFileSystemInfos("*", s_here))
        {
            if (entry is DirectoryInfo folder && !IsLeftBehind(entry)) classes.Add(folder);
            else passedOver.Add(NameOf(root, entry));
        }

        classes.Sort(static (a, b) => string.CompareOrdinal(a.Name, b.Name));
        var byName = Comparer<ImageFolderFile>.Create(static (a, b) => string.CompareOrdinal(a.Name, b.Name));
        for (int label = 0; label < classes.Count; label++)
        {
            int first = files.Count;
            Walk(root, classes[label], label, MostDepth, files, passedOver);
            files.Sort(first, files.Count - first, byName);
        }

        passedOver.Sort(StringComparer.Ordinal);
        return new ImageFolderListing(
            root, root, [.. classes.Select(static folder => folder.Name)], files.AsReadOnly(), passedOver.AsReadOnly());
    }

    /// <summary>
    /// The files that a table names, in its order: one column has paths, which begin at the folder of the table, one
    /// the class. It opens no picture.
    /// </summary>
    /// <param name="path">The table: a text file with comma, semicolon or tab between its columns.</param>
    /// <param name="fileColumn">
    /// The name of the column of paths. Null takes the first column whose first cell is called as a picture is.
    /// </param>
    /// <param name="labelColumn">
    /// The name of the column of classes. Null takes the other one, if there are two, or the one that is called label,
    /// class, category or target.
    /// </param>
    /// <exception cref="FileNotFoundException">There is no such table.</exception>
    /// <exception cref="InvalidDataException">It is no table, a column is not found, or a cell is empty.</exception>
    public static ImageFolderListing OfList(string path, string? fileColumn = null, string? labelColumn = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        string source = Path.GetFullPath(path), root = Path.GetDirectoryName(source)!;
        (string File, string Class)[] rows = PictureList.Read(path, fileColumn, labelColumn);
        string[] classes = PictureList.ClassesOf(rows.Select(static row => row.Class));
        Dictionary<string, int> labels = classes.Select(static (name, label) => (name, label))
            .ToDictionary(static pair => pair.name, static pair => pair.label, StringComparer.Ordinal);
        ImageFolderFile[] files = Array.ConvertAll(rows, row => Entry(
            new FileInfo(Path.Combine(root, row.File.Replace('\\', '/'))), row.File.Replace('\\', '/'),
            labels[row.Class]));
        return new ImageFolderListing(root, source, classes, files, []);
    }

    /// <summary>Refuses a folder without classes, or with a class that has no pictures.</summary>
    /// <exception cref="InvalidDataException">There is no class folder, or a class folder has no pictures.</exception>
    public void RequirePictures()
    {
        string endings = string.Join(", ", ImageFile.Extensions);
        if (ClassNames.Count == 0)
        {
            int loose = PassedOver.Count(ImageFile.HasImageName);
            string advice =
                $" ({loose} pictures lie in it directly: put them into a sub-folder named after their class)";
            throw new InvalidDataException(
                $"ImageFolder: expected one sub-folder per class in \"{Root}\", found none" +
                $"{(loose > 0 ? advice : "")}.");
        }

        for (int label = 0; label < ClassNames.Count; label++)
        {
            if (Files.Any(file => file.Label == label)) continue;
            string begin = ClassNames[label] + "/";
            string[] others = [.. PassedOver.Where(name => name.StartsWith(begin, StringComparison.Ordinal)).Take(3)];
            throw new InvalidDataException(
                $"ImageFolder: expected pictures ({endings}) in the class folder " +
                $"\"{Path.Combine(Root, ClassNames[label])}\", found " +
                $"{(others.Length > 0 ? $"only others ({string.Join(", ", others)})" : "none")}. Fill it or remove " +
                "it.");
        }
    }

    private static void Walk(
        string root, DirectoryInfo folder, int label, int depth, List<ImageFolderFile> files, List<string> passedOver)
    {
        foreach (FileSystemInfo entry in folder.EnumerateFileSystemInfos("*", s_here))
        {
            bool isFolder = entry is DirectoryInfo;
            if (IsLeftBehind(entry) || (isFolder ? depth == 0 : !ImageFile.HasImageName(entry.Name)))
                passedOver.Add(NameOf(root, entry));
            else if (entry is DirectoryInfo below) Walk(root, below, label, depth - 1, files, passedOver);
            else files.Add(Entry((FileInfo)entry, NameOf(root, entry), label));
        }
    }

    /// <summary>The target of a link. Null if it cannot be found, for example if links form a circle.</summary>
    private static FileInfo? Behind(FileInfo link)
    {
        try
        {
            return link.ResolveLinkTarget(returnFinalTarget: true) as FileInfo ?? link;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private static bool IsLeftBehind(FileSystemInfo entry) =>
        entry.Name.StartsWith('.') || s_leftBehind.Contains(entry.Name, StringComparer.OrdinalIgnoreCase)
        || (OperatingSystem.IsWindows() && (entry.Attributes & Hidden) != FileAttributes.None);

    private static string NameOf(string root, FileSystemInfo entry) =>
        Path.GetRelativePath(root, entry.FullName).Replace('\\', '/') + (entry is DirectoryInfo ? "/" : "");

    /// <summary>
    /// For a link, length and time are those of its target. Otherwise a cache would not notice a changed target. A
    /// missing target is reported when the file is read.
    /// </summary>
    private static ImageFolderFile Entry(FileInfo file, string name, int label)
    {
        // Nothing can be found out about a file whose name is not UTF-8.
        bool isLink = file.Exists && file.Attributes.HasFlag(FileAttributes.ReparsePoint);
        FileInfo? source = isLink ? Behind(file) : file;
        (long length, DateTime time) = source is { Exists: true }
            ? (source.Length, source.LastWriteTimeUtc)
            : (0, default);
        return new ImageFolderFile(file.FullName, name, label, length, time);
    }
}
