namespace Evenkeel.Data;

/// <summary>Fashion-MNIST in the parts of its authors.</summary>
/// <param name="Train">60,000 training images.</param>
/// <param name="Test">10,000 test images.</param>
/// <param name="Origin">Which set the files are: MNIST and KMNIST have files of the same names.</param>
public sealed record FashionMnistData(ImageSet Train, ImageSet Test, DataOrigin Origin);

/// <summary>
/// Reads Fashion-MNIST (Xiao, Rasul, Vollgraf 2017, arXiv:1708.07747): gray pictures of garments, 28x28, ten classes,
/// four IDX files.
/// </summary>
/// <remarks>
/// A path is the folder of the four files, or a folder that has it as <c>fashion-mnist</c> or, from torchvision, as
/// <c>FashionMNIST/raw</c>. Each file may be compressed (<c>.gz</c>, as downloaded) or plain. The names of the files do
/// not identify the set. Files with the published checksums of MNIST or KMNIST get that name and those classes. Files
/// with unknown checksums are called "Fashion-MNIST train (unverified)".
/// </remarks>
public static class FashionMnist
{
    /// <summary>The name of the folder in a folder of data sets.</summary>
    public const string FolderName = "fashion-mnist";

    /// <summary>Height and width of an image.</summary>
    public const int Side = 28;

    private static readonly string[] s_fileNames =
        ["train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"];

    /// <summary>The four files, without <c>.gz</c>: training images and labels, test images and labels.</summary>
    public static IReadOnlyList<string> FileNames { get; } = Array.AsReadOnly(s_fileNames);

    /// <summary>The ten classes, by label.</summary>
    public static IReadOnlyList<string> ClassNames { get; } = Array.AsReadOnly(
        ["T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"]);

    /// <summary>
    /// Whether <see cref="Load"/> would find at least one of the files there. A missing one is then an error that names
    /// it. It does not look inside.
    /// </summary>
    public static bool Exists(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        return Locate(path) is not null;
    }

    /// <summary>Reads the whole set.</summary>
    /// <param name="path">The folder of the files, or a folder that has it.</param>
    /// <exception cref="FileNotFoundException">
    /// There is no Fashion-MNIST at <paramref name="path"/>, or one of the files is missing.
    /// </exception>
    /// <exception cref="InvalidDataException">
    /// A file is truncated or damaged, holds another number of values than its header says, or does not hold images of
    /// 28x28.
    /// </exception>
    public static FashionMnistData Load(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        string folder = Locate(path) ?? throw new FileNotFoundException(
            $"FashionMnist: expected {s_fileNames[0]}.gz and three more, "
            + $"or the folder {FolderName} with them, at \"{path}\", found none. "
            + "Get them with 'evenkeel data fetch fashion-mnist', or give the folder that has them.",
            path);
        // Runs at the same time as the reading, which takes longer.
        var identified = Task.Run(() => OriginOf(folder));
        ImageSet test = ReadPart(folder, 2), train = ReadPart(folder, 0);
        DataOrigin origin = identified.GetAwaiter().GetResult();
        IReadOnlyList<string> classes = origin.ClassNames ?? ClassNames;
        return new FashionMnistData(
            train.As(origin.Part("train"), classes), test.As(origin.Part("test"), classes), origin);
    }

    /// <summary>
    /// The files of a folder that <see cref="Load"/> reads. There are fewer than four if some are missing.
    /// </summary>
    internal static IReadOnlyList<string> FilesOf(string folder) =>
        [.. s_fileNames.Select(name => FileIn(folder, name)).OfType<string>()];

    /// <summary>The set that the files of a folder belong to.</summary>
    internal static DataOrigin OriginOf(string folder) => DataOrigin.Of("Fashion-MNIST", FilesOf(folder));

    internal static string? Locate(string path)
    {
        foreach (string folder in
            (string[])[path, Path.Combine(path, FolderName), Path.Combine(path, "FashionMNIST", "raw")])
        {
            if (s_fileNames.Any(name => FileIn(folder, name) is not null)) return folder;
        }

        return null;
    }

    private static ImageSet ReadPart(string folder, int first)
    {
        ImageSet set = Idx.ReadImages(
            Require(folder, s_fileNames[first]), Require(folder, s_fileNames[first + 1]), ClassNames,
            s_fileNames[first]);
        if (set.Height != Side || set.Width != Side)
        {
            throw new InvalidDataException(
                $"FashionMnist: expected images of {Side}x{Side}, got {set.Height}x{set.Width} in \"{set.Source}\".");
        }

        return set;
    }

    private static string Require(string folder, string name) =>
        FileIn(folder, name) ?? throw new FileNotFoundException(
            $"FashionMnist: expected {name}.gz (or {name}) in \"{folder}\", found neither. "
            + $"The download is incomplete; get it again.",
            Path.Combine(folder, name));

    private static string? FileIn(string folder, string name)
    {
        string path = Path.Combine(folder, name);
        return File.Exists(path + ".gz") ? path + ".gz" : File.Exists(path) ? path : null;
    }
}
