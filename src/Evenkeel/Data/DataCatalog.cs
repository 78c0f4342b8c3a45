namespace Evenkeel.Data;

/// <summary>A file of a data set as its authors offer it.</summary>
/// <param name="Name">
/// The file's name, with its folder below the folder of data sets: <c>fashion-mnist/train-images-idx3-ubyte.gz</c>.
/// </param>
/// <param name="Address">Where it is offered.</param>
/// <param name="Md5">
/// The checksum published with it, hexadecimal. It verifies the download, and identifies the set of a local file.
/// </param>
/// <param name="Bytes">Its size.</param>
public sealed record CatalogFile(string Name, Uri Address, string Md5, long Bytes);

/// <summary>A data set that the catalog knows.</summary>
/// <param name="Name">Its name in commands: <c>fashion-mnist</c>.</param>
/// <param name="Title">Its name for readers: Fashion-MNIST.</param>
/// <param name="Summary">What is in it, in a few words.</param>
/// <param name="Terms">The licence, or what its authors ask for.</param>
/// <param name="Files">The files to download.</param>
public sealed record CatalogEntry(
    string Name, string Title, string Summary, string Terms, IReadOnlyList<CatalogFile> Files)
{
    /// <summary>Size of the download.</summary>
    public long Bytes => Files.Sum(static file => file.Bytes);
}

/// <summary>Where a data set was found.</summary>
/// <param name="Name">The set.</param>
/// <param name="Path">Its archive or folder.</param>
/// <param name="Bytes">Size of its files.</param>
/// <param name="Root">The folder of data sets in which it was found.</param>
public sealed record DataLocation(string Name, string Path, long Bytes, string Root);

/// <summary>
/// The data sets that can be downloaded, and the folder where they are kept. That is the folder named by
/// <c>EVENKEEL_DATA</c>, otherwise the user's cache folder.
/// </summary>
public static class DataCatalog
{
    /// <summary>The environment variable that names the folder of data sets.</summary>
    public const string Variable = "EVENKEEL_DATA";

    private const string FashionAddress = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/";

    /// <summary>The sets, with their official addresses and published checksums.</summary>
    public static IReadOnlyList<CatalogEntry> Entries { get; } = Array.AsReadOnly<CatalogEntry>(
    [
        new("fashion-mnist", "Fashion-MNIST", "70,000 of 1x28x28, ten classes of garments", "MIT licence",
        [
            Fashion(0, "8d4fb7e6c68d591d4c3dfef9ec88bf0d", 26_421_880),
            Fashion(1, "25c81989df183df01b3e8a0aad5dffbe", 29_515),
            Fashion(2, "bef4ecab320f06d8554ea6380940ec79", 4_422_102),
            Fashion(3, "bb300cfdad3c16e7a12a480ee83cd310", 5_148),
        ]),
        new("cifar-10", "CIFAR-10",
            "60,000 of 3x32x32, ten classes", "no licence stated; its authors ask to be cited (Krizhevsky 2009)", [
                new(Cifar10.ArchiveName, new Uri("https://www.cs.toronto.edu/~kriz/" + Cifar10.ArchiveName),
                    "c32a1d4ab5d03f1284b67883e8d87530", 170_052_171),
            ]),
    ]);

    /// <summary>
    /// The folder for downloads: <c>EVENKEEL_DATA</c> if it is set, otherwise <see cref="UserFolder"/>. It need not
    /// exist.
    /// </summary>
    public static string CacheFolder =>
        Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } named ? Path.GetFullPath(named) : UserFolder;

    /// <summary>
    /// The user's cache folder: <c>XDG_CACHE_HOME/evenkeel</c> if that is set to an absolute path, otherwise
    /// <c>~/.cache/evenkeel</c>, on macOS <c>~/Library/Caches/evenkeel</c>, on Windows <c>%LOCALAPPDATA%\evenkeel</c>.
    /// It need not exist.
    /// </summary>
    public static string UserFolder
    {
        get
        {
            const string name = "evenkeel";
            // A relative path must be ignored. Source: XDG Base Directory Specification.
            if (Environment.GetEnvironmentVariable("XDG_CACHE_HOME") is { Length: > 0 } cache
                && Path.IsPathFullyQualified(cache))
            {
                return Path.Combine(cache, name);
            }

            string home = Environment.GetFolderPath(
                Environment.SpecialFolder.UserProfile, Environment.SpecialFolderOption.DoNotVerify);
            if (OperatingSystem.IsWindows())
            {
                home = Environment.GetFolderPath(
                    Environment.SpecialFolder.LocalApplicationData, Environment.SpecialFolderOption.DoNotVerify);
            }

            // Without a home folder (in a bare container), the system's folder for temporary files is used.
            if (home.Length == 0) return Path.Combine(Path.GetTempPath(), $"{name}-{Environment.UserName}");
            if (OperatingSystem.IsWindows()) return Path.Combine(home, name);
            return OperatingSystem.IsMacOS()
                ? Path.Combine(home, "Library", "Caches", name)
                : Path.Combine(home, ".cache", name);
        }
    }

    /// <summary>The entry of that name; null if there is none.</summary>
    public static CatalogEntry? EntryOf(string name) => Entries.FirstOrDefault(entry => entry.Name == name);

    /// <summary>
    /// Finds a set by its files. It does not look inside them. A set of several files counts as found if at least one
    /// is there. A missing file is an error that names it when the set is loaded; no other set is taken instead.
    /// </summary>
    /// <param name="name">The set, as <see cref="Entries"/> names it.</param>
    /// <param name="root">
    /// The folder to look in, or the archive or folder of the set itself. Null looks in <see cref="CacheFolder"/>, then
    /// in <see cref="UserFolder"/>.
    /// </param>
    /// <returns>Where it is, or null.</returns>
    /// <exception cref="ArgumentException">The catalog has no such set.</exception>
    public static DataLocation? Find(string name, string? root = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        if (root is not null) return FindIn(name, Path.GetFullPath(root));
        return FindIn(name, CacheFolder) ?? FindIn(name, UserFolder);
    }

    /// <summary>The files that are read for a set, without other files in the same folder.</summary>
    /// <param name="name">The set, as <see cref="Entries"/> names it.</param>
    /// <param name="path">Its archive or folder, as <see cref="Find"/> returns it.</param>
    /// <exception cref="ArgumentException">The catalog has no such set.</exception>
    public static IReadOnlyList<string> FilesOf(string name, string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        return name switch
        {
            "fashion-mnist" => FashionMnist.FilesOf(path),
            "cifar-10" => Cifar10.FilesOf(path),
            _ => throw Unknown(name),
        };
    }

    /// <summary>
    /// Which set the files are, judged by their published checksums and not by their names. It reads the files that
    /// have the size of known ones, which takes 0.1 s for Fashion-MNIST and 0.3 s for CIFAR-10.
    /// </summary>
    /// <param name="name">The set that the names of the files claim, as <see cref="Entries"/> names it.</param>
    /// <param name="path">Its archive or folder, as <see cref="Find"/> returns it.</param>
    /// <exception cref="ArgumentException">The catalog has no such set.</exception>
    public static DataOrigin OriginOf(string name, string path) =>
        DataOrigin.Of(EntryOf(name)?.Title ?? throw Unknown(name), FilesOf(name, path));

    /// <summary>
    /// Downloads a set from its official address, file by file. A file that is already there is left alone. An
    /// interrupted download continues where it stopped. A file gets its name only if its published checksum is right.
    /// </summary>
    /// <param name="name">The set, as <see cref="Entries"/> names it.</param>
    /// <param name="folder">
    /// The folder of data sets to put it in. It is created if it is missing. Null takes <see cref="CacheFolder"/>.
    /// </param>
    /// <param name="mirror">
    /// Another place that offers the same files under the same names. Null takes the official address. The checksums
    /// stay the same.
    /// </param>
    /// <param name="progress">Receives the number of bytes of each file.</param>
    /// <param name="cancellationToken">
    /// Stops the download. The bytes received so far are kept for the next attempt.
    /// </param>
    /// <returns>Where the set is.</returns>
    /// <exception cref="ArgumentException">The catalog has no such set.</exception>
    /// <exception cref="IOException">
    /// There is no network, the answer is not a file, the disk is full, or another process downloads the same file.
    /// </exception>
    /// <exception cref="UnauthorizedAccessException">The folder may not be written.</exception>
    /// <exception cref="InvalidDataException">A checksum is wrong. The received bytes are removed.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public static async Task<DataLocation> FetchAsync(
        string name, string? folder = null, Uri? mirror = null, IProgress<DownloadProgress>? progress = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        CatalogEntry entry = EntryOf(name) ?? throw Unknown(name);
        string root = Path.GetFullPath(folder ?? CacheFolder);
        foreach (CatalogFile file in entry.Files)
        {
            Uri address = mirror is null ? file.Address : new Uri(mirror, Path.GetFileName(file.Name));
            using HttpClient client = Download.CreateClient(address);
            await new Download(client, address, file.Name, Path.Combine(root, file.Name), file.Md5, progress)
                .RunAsync(cancellationToken);
        }

        return FindIn(name, root)!;
    }

    private static ArgumentException Unknown(string name) => new(
        $"DataCatalog: expected one of {string.Join(", ", Entries.Select(static entry => entry.Name))}, got {name}.",
        nameof(name));

    private static DataLocation? FindIn(string name, string root)
    {
        string? found = name switch
        {
            "fashion-mnist" => FashionMnist.Locate(root),
            "cifar-10" => Cifar10.Locate(root),
            _ => throw Unknown(name),
        };
        if (found is null) return null;
        long bytes = FilesOf(name, found).Sum(static file => new FileInfo(file).Length);
        return new DataLocation(name, found, bytes, root);
    }

    private static CatalogFile Fashion(int file, string md5, long bytes)
    {
        string name = FashionMnist.FileNames[file] + ".gz";
        return new CatalogFile($"{FashionMnist.FolderName}/{name}", new Uri(FashionAddress + name), md5, bytes);
    }
}
