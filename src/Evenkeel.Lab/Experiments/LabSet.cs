using System.Globalization;
using Evenkeel.Data;
using Evenkeel.Images;

namespace Evenkeel.Lab.Experiments;

/// <summary>
/// An image set that experiments ask for: how it is called, what it looks like on disk, and what stands in for it.
/// </summary>
internal sealed class LabSet
{
    private static readonly string[] s_noteFolders = ["1", "100"];

    private LabSet(string name, string title, string expected, string synthetic) =>
        (Name, Title, Expected, Synthetic) = (name, title, expected, synthetic);

    public static LabSet Cifar10 { get; } = new(
        "cifar-10", "CIFAR-10",
        $"{Data.Cifar10.ArchiveName} or the folder {Data.Cifar10.FolderName}", "synthetic images");

    public static LabSet FashionMnist { get; } =
        new("fashion-mnist", "Fashion-MNIST", $"the folder {Data.FashionMnist.FolderName}", "synthetic garments");

    public static LabSet Banknotes { get; } = new(
        "banknotes", "photographs of banknotes", "the folder rmb with the folders 1 and 100", "synthetic banknotes");

    public static IReadOnlyList<LabSet> All { get; } = [Cifar10, FashionMnist, Banknotes];

    /// <summary>What the user calls it: <c>fashion-mnist</c>.</summary>
    public string Name { get; }

    /// <summary>
    /// What a reader calls it: Fashion-MNIST. Whether files are that set is for <see cref="OriginOf"/> to say.
    /// </summary>
    public string Title { get; }

    /// <summary>What has to be in a folder for the set to be found.</summary>
    public string Expected { get; }

    /// <summary>The embedded set that is used where this one is not found.</summary>
    public string Synthetic { get; }

    /// <summary>
    /// The archive or folder of the set: the path itself, or in it; null if it is neither. Does not look inside files.
    /// </summary>
    public string? Locate(string path)
    {
        if (this == Banknotes) return LocateBanknotes(path);
        // A file of the user's may be anything; as an archive of images it is one that looks so.
        bool isOther = File.Exists(path) && !path.EndsWith(".tar.gz", StringComparison.OrdinalIgnoreCase);
        return isOther ? null : DataCatalog.Find(Name, path)?.Path;
    }

    /// <summary>
    /// A text that changes when the content does: size and time of the files that are read, and of no others.
    /// </summary>
    public string Identify(string found)
    {
        if (this == Banknotes) return ImageFolderListing.Of(found).Identity;
        return string.Join(' ', FilesOf(found).Select(static file => string.Create(
            CultureInfo.InvariantCulture, $"{file.Length}@{file.LastWriteTimeUtc:yyyy-MM-ddTHH:mm:ssZ}")));
    }

    /// <summary>Size of the files that are read, whatever else lies in the folder.</summary>
    public long SizeOf(string found) =>
        this == Banknotes ? ImageFolderListing.Of(found).Bytes : FilesOf(found).Sum(static file => file.Length);

    /// <summary>
    /// Which set was found, in words, by its checksums: the names of files prove nothing. A folder of photographs is
    /// the user's own
    /// and called what it is taken for.
    /// </summary>
    public string OriginOf(string found) => this == Banknotes ? Title : DataCatalog.OriginOf(Name, found).ToString();

    private IEnumerable<FileInfo> FilesOf(string found) =>
        DataCatalog.FilesOf(Name, found).Select(static file => new FileInfo(file));

    private static string? LocateBanknotes(string path)
    {
        foreach (string folder in (string[])[path, Path.Combine(path, "rmb"), Path.Combine(path, "RMB_data")])
        {
            if (s_noteFolders.All(name => Directory.Exists(Path.Combine(folder, name)))) return folder;
        }

        return null;
    }
}
