using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Evenkeel.Data;

namespace Evenkeel.Lab.Experiments;

/// <summary>An image set that experiments ask for: how it is called, what it looks like on disk, and what stands in for it.</summary>
internal sealed class LabSet
{
    /// <summary>Files up to this number are named one by one in the identity; more are hashed.</summary>
    private const int ListedFiles = 8;

    private static readonly string[] s_noteFolders = ["1", "100"];

    private readonly Func<string, string?> _locate;
    private readonly Func<string, IEnumerable<string>> _files;

    private LabSet(string name, string title, string expected, string synthetic, Func<string, string?> locate, Func<string, IEnumerable<string>> files) =>
        (Name, Title, Expected, Synthetic, _locate, _files) = (name, title, expected, synthetic, locate, files);

    public static LabSet Cifar10 { get; } = new("cifar-10", "CIFAR-10",
        $"{Data.Cifar10.ArchiveName} or the folder {Data.Cifar10.FolderName}", "synthetic images", LocateCifar,
        static found => File.Exists(found) ? [found] : Directory.EnumerateFiles(found, "*.bin"));

    public static LabSet FashionMnist { get; } = new("fashion-mnist", "Fashion-MNIST",
        $"the folder {Data.FashionMnist.FolderName}", "synthetic garments", static path => DataCatalog.Find("fashion-mnist", path)?.Path,
        static found => Directory.EnumerateFiles(found, "*-ubyte*").Where(static file => Data.FashionMnist.FileNames.Contains(StripGz(Path.GetFileName(file)))));

    public static LabSet Banknotes { get; } = new("banknotes", "photographs of banknotes",
        "the folder rmb with the folders 1 and 100", "synthetic banknotes", LocateBanknotes,
        static found => s_noteFolders.SelectMany(folder => Directory.EnumerateFiles(Path.Combine(found, folder))));

    public static IReadOnlyList<LabSet> All { get; } = [Cifar10, FashionMnist, Banknotes];

    /// <summary>What the user calls it: <c>fashion-mnist</c>.</summary>
    public string Name { get; }

    /// <summary>What a reader calls it: Fashion-MNIST.</summary>
    public string Title { get; }

    /// <summary>What has to be in a folder for the set to be found.</summary>
    public string Expected { get; }

    /// <summary>The embedded set that is used where this one is not found.</summary>
    public string Synthetic { get; }

    /// <summary>The archive or folder of the set: the path itself, or in it; null where it is neither. Does not look inside files.</summary>
    public string? Locate(string path) => _locate(path);

    /// <summary>A text that changes when the content does: size and time of the files.</summary>
    public string Identify(string found)
    {
        FileInfo[] files = [.. _files(found).Order(StringComparer.Ordinal).Select(static file => new FileInfo(file))];
        string[] sizes = [.. files.Select(static file => string.Create(CultureInfo.InvariantCulture, $"{file.Length}@{file.LastWriteTimeUtc:yyyy-MM-ddTHH:mm:ssZ}"))];
        if (files.Length <= ListedFiles) return string.Join(' ', sizes);
        byte[] digest = SHA256.HashData(Encoding.UTF8.GetBytes(string.Join('\n', files.Select((file, i) => $"{Path.GetRelativePath(found, file.FullName).Replace('\\', '/')} {sizes[i]}"))));
        return string.Create(CultureInfo.InvariantCulture, $"{files.Length} files, {files.Sum(static file => file.Length)} bytes, sha256 {Convert.ToHexStringLower(digest)[..16]}");
    }

    /// <summary>Size of the set's own files, whatever else lies in the folder.</summary>
    public long SizeOf(string found) => _files(found).Sum(static file => new FileInfo(file).Length);

    private static string? LocateCifar(string path)
    {
        if (File.Exists(path)) return path.EndsWith(".tar.gz", StringComparison.OrdinalIgnoreCase) ? path : null;
        string archive = Path.Combine(path, Data.Cifar10.ArchiveName);
        if (File.Exists(archive)) return archive;
        string batches = Path.Combine(path, Data.Cifar10.FolderName);
        if (File.Exists(Path.Combine(batches, "data_batch_1.bin"))) return batches;
        return File.Exists(Path.Combine(path, "data_batch_1.bin")) ? path : null;
    }

    private static string? LocateBanknotes(string path)
    {
        foreach (string folder in (string[])[path, Path.Combine(path, "rmb"), Path.Combine(path, "RMB_data")])
        {
            if (s_noteFolders.All(name => Directory.Exists(Path.Combine(folder, name)))) return folder;
        }

        return null;
    }

    private static string StripGz(string name) => name.EndsWith(".gz", StringComparison.OrdinalIgnoreCase) ? name[..^3] : name;
}
