using Evenkeel.Data;

namespace Evenkeel.Images;

/// <summary>
/// Labelled picture files as a data set, which need not fit into memory: a folder with one sub-folder per class, or a
/// table of paths and classes. Every picture has the same size and number of channels.
/// </summary>
/// <remarks>
/// A small set is decoded once. A large one is decoded on the way: loader threads decode the pictures of the next
/// batches while the network computes (<see cref="LoaderWorkers"/>). Both give the same pixels.
/// </remarks>
public sealed class PictureData
{
    /// <summary>So many names are shown of many.</summary>
    private const int ShownFiles = 3, ShownClasses = 10;

    private readonly int[] _labels;

    private PictureData(
        ImageFolderListing listing, IReadOnlyList<ImageFolderFile> files, PicturePreparation preparation,
        ImageSet? images, IReadOnlyList<BadImage> bad, int workers)
    {
        (Listing, Preparation, Images, Bad) = (listing, preparation, images, bad);
        _labels = [.. files.Select(static file => file.Label)];
        Files = [.. files.Select(static file => file.Name)];
        Pictures = new PictureFiles([.. files.Select(static file => file.Path)], preparation);
        LoaderWorkers = images is null ? workers : 1;
        Notes = [.. NotesOf()];
        Dataset = With([new ToTensor()]);
    }

    /// <summary>The files, their classes, and the identity of them all.</summary>
    public ImageFolderListing Listing { get; }

    /// <summary>The names of the classes, by label.</summary>
    public IReadOnlyList<string> ClassNames => Listing.ClassNames;

    /// <summary>The file of each sample: its path from the folder, or from the folder of the table, on.</summary>
    public IReadOnlyList<string> Files { get; }

    /// <summary>The class of each sample.</summary>
    public ReadOnlySpan<int> Labels => _labels;

    /// <summary>Number of samples.</summary>
    public int Count => Files.Count;

    /// <summary>What is done to every picture. Prediction must do the same: store it with the model.</summary>
    public PicturePreparation Preparation { get; }

    /// <summary>All prepared pictures. Null if they are decoded on the way.</summary>
    public ImageSet? Images { get; }

    /// <summary>The prepared pictures, each decoded when it is asked for. Any thread may ask.</summary>
    public IReadOnlyList<ByteImage> Pictures { get; }

    /// <summary>The pictures as values from 0 to 1, of shape (C, H, W), and their labels.</summary>
    public IDataset Dataset { get; }

    /// <summary>The files that were left out; empty unless <see cref="PictureOptions.SkipBad"/> is set.</summary>
    public IReadOnlyList<BadImage> Bad { get; }

    /// <summary>
    /// How many threads a loader should have: 1 for a set in memory; otherwise as many as decode
    /// (<see cref="PictureOptions.Workers"/>).
    /// </summary>
    public int LoaderWorkers { get; }

    /// <summary>What was found and what is done, in sentences.</summary>
    public IReadOnlyList<string> Notes { get; }

    /// <summary>Opens a folder with one sub-folder per class, or a table of paths and classes.</summary>
    /// <param name="path">
    /// The folder; or a text file with a column of paths, which begin at its folder, and a column of classes.
    /// </param>
    /// <param name="options">How to read the pictures. Null takes the defaults.</param>
    /// <param name="progress">Receives the share of the files that are read, 0 to 1.</param>
    /// <param name="cancellationToken">Stops reading.</param>
    /// <exception cref="IOException">There is no such folder or file, or it cannot be read.</exception>
    /// <exception cref="InvalidDataException">
    /// There are no pictures; one cannot be decoded (the first in order is named); or sizes differ and no height and
    /// width are given.
    /// </exception>
    /// <exception cref="ArgumentException">The options contradict each other.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public static PictureData Open(
        string path, PictureOptions? options = null, IProgress<double>? progress = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        options ??= new PictureOptions();
        PicturePreparation? preparation = PreparationOf(options);
        ImageFolderListing listing = File.Exists(path)
            ? ImageFolderListing.OfList(path, options.FileColumn, options.LabelColumn)
            : ImageFolderListing.Of(path);
        listing.RequirePictures();
        int workers = options.Workers ?? Compute.Threads;
        using IDisposable threads = Compute.UseThreads(workers);
        preparation ??= CommonSize(listing, options, cancellationToken);
        if (preparation.Bytes * listing.Files.Count <= Math.Min(options.MostBytesInMemory, Array.MaxLength))
            return InMemory(listing, preparation, options, progress, cancellationToken);
        IReadOnlyList<ImageFolderFile> files = listing.Files;
        List<BadImage> bad = ImageFolder.ForEachFile(files, options.SkipBad, Check, progress, cancellationToken);
        ImageFolderFile[] kept = Kept(listing, bad);
        ImageFolder.RequireEveryClass(listing, kept.Select(static file => file.Label), bad);
        return new PictureData(listing, kept, preparation, null, bad, workers);

        void Check(int i)
        {
            if (options.SkipBad) ImageFile.Read(files[i].Path, preparation);
            else ImageFile.SizeOf(files[i].Path);
        }
    }

    /// <summary>
    /// Whether a file is a table of pictures and classes: one of its first rows names a picture beside it.
    /// </summary>
    /// <param name="path">The file.</param>
    public static bool IsList(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        string folder = Path.GetDirectoryName(Path.GetFullPath(path))!;
        char[] separators = [',', ';', '\t', '|'];
        return File.ReadLines(path).Take(ShownFiles).SelectMany(line => line.Split(separators))
            .Select(static cell => cell.Trim(' ', '"'))
            .Any(cell => ImageFile.HasImageName(cell) && File.Exists(Path.Combine(folder, cell)));
    }

    /// <summary>The pictures after transforms, for example augmentation in training.</summary>
    /// <param name="transforms">The transforms in their order. <see cref="ToTensor"/> must be among them.</param>
    /// <param name="seed">Seed of the random transforms.</param>
    /// <exception cref="ArgumentException">The transforms do not fit the pictures.</exception>
    public TransformedDataset With(IReadOnlyList<Transform> transforms, ulong seed = 0) => Images is null
        ? new TransformedDataset(Pictures, _labels, transforms, seed)
        : new TransformedDataset(Images, transforms, seed);

    /// <summary>For example <c>photos: 266 pictures of 3x224x224, 2 classes</c>.</summary>
    public override string ToString() =>
        $"{Listing.Name}: {Count} pictures of {Preparation}, {ClassNames.Count} classes";

    private static PicturePreparation? PreparationOf(PictureOptions options)
    {
        if (options.MostBytesInMemory < 0 || options.Workers is < 1)
        {
            throw new ArgumentException(
                "PictureData: expected at least 0 bytes in memory and at least one worker, got "
                + $"{options.MostBytesInMemory} and {options.Workers}.", nameof(options));
        }

        PicturePreparation.Checked(options.Channels, nameof(options));
        return (options.Height, options.Width) switch
        {
            (null, null) => null,
            ({ } height, { } width) => new PicturePreparation(height, width, options.Channels),
            _ => throw new ArgumentException(
                "PictureData: expected a height and a width, or neither, got only one of them.", nameof(options)),
        };
    }

    private static PictureData InMemory(
        ImageFolderListing listing, PicturePreparation preparation, PictureOptions options,
        IProgress<double>? progress, CancellationToken cancellationToken)
    {
        var read = new ImageFolderOptions
        {
            Height = preparation.Height,
            Width = preparation.Width,
            Fit = ImageFit.Crop,
            Channels = preparation.Channels,
            SkipBad = options.SkipBad,
            Cache = options.Cache,
            CacheFolder = options.CacheFolder,
        };
        ImageFolder folder = ImageFolder.Load(listing, read, progress, cancellationToken);
        return new PictureData(listing, Kept(listing, folder.Bad), preparation, folder.ToSet(), folder.Bad, workers: 1);
    }

    /// <summary>The size of all pictures. The beginnings of the files say it.</summary>
    private static PicturePreparation CommonSize(
        ImageFolderListing listing, PictureOptions options, CancellationToken cancellationToken)
    {
        IReadOnlyList<ImageFolderFile> files = listing.Files;
        var sizes = new (int Height, int Width)?[files.Count];
        List<BadImage> bad = ImageFolder.ForEachFile(
            files, options.SkipBad, i => sizes[i] = ImageFile.SizeOf(files[i].Path), null, cancellationToken);
        ImageFolder.RequireEveryClass(listing, Kept(listing, bad).Select(static file => file.Label), bad);
        int first = Array.FindIndex(sizes, static size => size is not null);
        int other = Array.FindIndex(sizes, size => size is not null && size != sizes[first]);
        (int height, int width) = sizes[first]!.Value;
        if (other < 0) return new PicturePreparation(height, width, options.Channels);
        if (options.SideIfSizesDiffer is { } side) return new PicturePreparation(side, side, options.Channels);
        throw new InvalidDataException(
            $"PictureData: expected pictures of one size in \"{listing.Source}\", got {height} x {width} "
            + $"({files[first].Name}) and {sizes[other]!.Value.Height} x {sizes[other]!.Value.Width} "
            + $"({files[other].Name}). Give a height and a width that every picture gets.");
    }

    private static ImageFolderFile[] Kept(ImageFolderListing listing, IReadOnlyList<BadImage> bad)
    {
        HashSet<string> left = [.. bad.Select(static one => one.File)];
        return [.. listing.Files.Where(file => !left.Contains(file.Name))];
    }

    private IEnumerable<string> NotesOf()
    {
        int[] counts = new int[ClassNames.Count];
        foreach (int label in _labels) counts[label]++;
        IEnumerable<string> classes = ClassNames.Select((name, label) => $"{name} ({counts[label]})");
        string origin = Listing.IsList ? "The list" : "The folder";
        yield return $"{origin} has {Count} pictures in {ClassNames.Count} classes: {First(classes, ShownClasses)}.";
        yield return $"Every picture becomes {Preparation.Height} x {Preparation.Width} pixels in "
            + $"{(Preparation.Channels == 1 ? "gray" : "colour")}: it is scaled until it covers them, and its middle "
            + "is cut out.";
        string size = $"{Math.Max(1, Preparation.Bytes * Count >> 20)} MB";
        yield return Images is null
            ? $"The pictures would take {size} of memory, so each is decoded whenever a batch needs it."
            : $"The pictures take {size} of memory and are decoded once.";
        if (Bad.Count > 0)
        {
            yield return $"{Bad.Count} {(Bad.Count == 1 ? "file is" : "files are")} left out, because they cannot be "
                + $"decoded: {First(Bad.Select(static bad => $"{bad.File} ({bad.Reason})"))}.";
        }

        if (Listing.PassedOver.Count > 0)
            yield return $"{Listing.PassedOver.Count} other files are passed over: {First(Listing.PassedOver)}.";
    }

    private static string First(IEnumerable<string> names, int shown = ShownFiles)
    {
        string[] first = [.. names.Take(shown + 1)];
        return string.Join(", ", first.Take(shown)) + (first.Length > shown ? ", ..." : "");
    }
}
