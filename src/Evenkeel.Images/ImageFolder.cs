using Evenkeel.Data;

namespace Evenkeel.Images;

/// <summary>How the pictures of a folder are read.</summary>
public sealed record ImageFolderOptions
{
    /// <summary>
    /// The height that every picture gets (bilinear with antialias, as in Pillow). Null leaves pictures as they are. It
    /// must be set together with <see cref="Width"/>. Default: null.
    /// </summary>
    public int? Height { get; init; }

    /// <summary>The width that every picture gets. Default: null.</summary>
    public int? Width { get; init; }

    /// <summary>
    /// How a picture of other proportions gets <see cref="Height"/> and <see cref="Width"/>. Default: Stretch, as in
    /// Pillow's <c>resize((width, height))</c>.
    /// </summary>
    public ImageFit Fit { get; init; } = ImageFit.Stretch;

    /// <summary>
    /// A function that prepares each decoded picture, instead of <see cref="Height"/> and <see cref="Width"/>. Several
    /// threads call it. The result is not cached, because a function has no name by which it could be found again.
    /// Default: null.
    /// </summary>
    public Func<ByteImage, ByteImage>? Prepare { get; init; }

    /// <summary>
    /// 3 makes gray pictures colour, 1 makes colour pictures gray (Pillow's 0.299 R + 0.587 G + 0.114 B). Null leaves
    /// them as they are. Default: 3.
    /// </summary>
    public int? Channels { get; init; } = 3;

    /// <summary>
    /// What happens if a picture cannot be opened or decoded: true leaves it out and lists it in
    /// <see cref="ImageFolder.Bad"/>; false throws an error that names it. Default: false.
    /// </summary>
    public bool SkipBad { get; init; }

    /// <summary>
    /// Whether decoded pictures are kept in a file. The next load then takes milliseconds. Default: true.
    /// </summary>
    public bool Cache { get; init; } = true;

    /// <summary>
    /// The folder of that file. Null takes <c>image-folders</c> in the user's cache folder
    /// (<see cref="DataCatalog.UserFolder"/>). The file is never beside the sources. Default: null.
    /// </summary>
    public string? CacheFolder { get; init; }
}

/// <summary>A decoded picture of a folder.</summary>
/// <param name="File">Its file, relative to the folder, with forward slashes: <c>100/100-9.jpg</c>.</param>
/// <param name="Label">Its class.</param>
/// <param name="Image">The picture.</param>
public sealed record FolderImage(string File, int Label, ByteImage Image);

/// <summary>A file that could not be decoded.</summary>
/// <param name="File">The file, relative to the folder, with forward slashes.</param>
/// <param name="Reason">Why.</param>
public sealed record BadImage(string File, string Reason);

/// <summary>
/// Labelled pictures of any size from a folder with one sub-folder per class. Classes are numbered in the ordinal order
/// of their names. Pictures come class by class, in the ordinal order of their paths (<c>1-10.jpg</c> before
/// <c>1-2.jpg</c>). This order does not depend on the system's listing or on the number of threads.
/// </summary>
/// <remarks>
/// <see cref="ImageFolderListing"/> decides which files belong to a folder: pictures may lie deeper inside a class, and
/// files that systems leave behind are skipped. The lessons' RMBDataset takes only <c>.jpg</c>, in the order of the
/// system. Decoded pictures are cached in one file per folder path and options. It is made again if a source is added,
/// removed or changed (length or time), or if the cache file is damaged.
/// </remarks>
public sealed class ImageFolder
{
    internal ImageFolder(
        ImageFolderListing listing, IReadOnlyList<FolderImage> images, IReadOnlyList<BadImage> bad, bool fromCache) =>
        (Listing, Images, Bad, FromCache) = (listing, images, bad, fromCache);

    /// <summary>The files that were read, those that were skipped, and the identity of the folder.</summary>
    public ImageFolderListing Listing { get; }

    /// <summary>The folder, as a full path.</summary>
    public string Root => Listing.Root;

    /// <summary>The names of the sub-folders, by label.</summary>
    public IReadOnlyList<string> ClassNames => Listing.ClassNames;

    /// <summary>The pictures.</summary>
    public IReadOnlyList<FolderImage> Images { get; }

    /// <summary>
    /// The files that were left out because they could not be decoded. Empty unless
    /// <see cref="ImageFolderOptions.SkipBad"/> is set.
    /// </summary>
    public IReadOnlyList<BadImage> Bad { get; }

    /// <summary>Whether the pictures came from the cache.</summary>
    public bool FromCache { get; }

    /// <summary>Number of pictures.</summary>
    public int Count => Images.Count;

    /// <summary>Reads a folder of class folders.</summary>
    /// <param name="path">The folder.</param>
    /// <param name="options">How to read the pictures. Null takes the defaults.</param>
    /// <param name="progress">Receives the share of the pictures that are decoded, 0 to 1.</param>
    /// <param name="cancellationToken">Stops decoding.</param>
    /// <exception cref="DirectoryNotFoundException">There is no such folder.</exception>
    /// <exception cref="InvalidDataException">
    /// There is no class folder, a class folder is empty, or a picture cannot be opened or decoded (the first in order
    /// is named).
    /// </exception>
    /// <exception cref="ArgumentException">The options contradict each other.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public static ImageFolder Load(
        string path, ImageFolderOptions? options = null, IProgress<double>? progress = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        CheckOptions(options ?? new ImageFolderOptions());
        return Load(ImageFolderListing.Of(path), options, progress, cancellationToken);
    }

    /// <summary>Reads the pictures of a listing: of a folder, or of a list of files.</summary>
    /// <param name="listing">The files and their classes.</param>
    /// <param name="options">How to read the pictures. Null takes the defaults.</param>
    /// <param name="progress">Receives the share of the pictures that are decoded, 0 to 1.</param>
    /// <param name="cancellationToken">Stops decoding.</param>
    /// <inheritdoc cref="Load(string, ImageFolderOptions?, IProgress{double}?, CancellationToken)"/>
    public static ImageFolder Load(
        ImageFolderListing listing, ImageFolderOptions? options = null, IProgress<double>? progress = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(listing);
        options ??= new ImageFolderOptions();
        CheckOptions(options);
        listing.RequirePictures();
        ImageFolderCache? cache = options.Cache && options.Prepare is null
            ? ImageFolderCache.For(listing, options)
            : null;
        if (cache?.Read() is { } cached)
        {
            progress?.Report(1);
            return cached;
        }

        ImageFolder decoded = Decode(listing, options, progress, cancellationToken);
        cache?.Write(decoded);
        return decoded;
    }

    /// <summary>All pictures as one set (N, C, H, W).</summary>
    /// <param name="name">The name of the set. Null takes the folder's name.</param>
    /// <exception cref="InvalidDataException">
    /// The pictures differ in size or channels; two of them are named.
    /// </exception>
    public ImageSet ToSet(string? name = null)
    {
        ByteImage first = Images[0].Image;
        int size = first.Pixels.Length;
        if ((long)size * Count > Array.MaxLength)
        {
            throw new InvalidDataException($"ImageFolder: {Count} pictures of {first} make more than {Array.MaxLength} "
                + $"values. Scale them to a smaller size.");
        }

        var pixels = GC.AllocateUninitializedArray<byte>(size * Count);
        var labels = new int[Count];
        for (int i = 0; i < Count; i++)
        {
            ByteImage image = Images[i].Image;
            if ((image.Channels, image.Height, image.Width) != (first.Channels, first.Height, first.Width))
            {
                throw new InvalidDataException(
                    $"ImageFolder: expected pictures of one size in \"{Listing.Source}\", got {first} "
                    + $"({Images[0].File}) and {image} ({Images[i].File}). Give a height and a width to scale them "
                    + "to.");
            }

            image.Pixels.CopyTo(pixels, (long)i * size);
            labels[i] = Images[i].Label;
        }

        return new ImageSet(pixels,
            labels, first.Channels, first.Height, first.Width, ClassNames, name ?? Listing.Name, Listing.Source);
    }

    /// <summary>For example <c>rmb: 266 pictures, 2 classes</c>.</summary>
    public override string ToString() => $"{Listing.Name}: {Count} pictures, {ClassNames.Count} classes" +
        (Bad.Count > 0 ? $", {Bad.Count} left out" : "");

    private static void CheckOptions(ImageFolderOptions options)
    {
        if (options.Height is null != options.Width is null)
        {
            throw new ArgumentException(
                "ImageFolder: expected a height and a width, or neither, got only one of them.", nameof(options));
        }

        if (options.Height is < 1 || options.Width is < 1
            || (long)(options.Height ?? 1) * (options.Width ?? 1) > ImageFile.MaxPixels)
        {
            throw new ArgumentException(
                $"ImageFolder: expected a size from 1 x 1 to {ImageFile.MaxPixels} pixels, "
                + $"got {options.Height} x {options.Width}.",
                nameof(options));
        }

        if (options.Prepare is not null && options.Height is not null)
        {
            throw new ArgumentException(
                "ImageFolder: expected a size or a function that prepares pictures, got both. Let the function scale.",
                nameof(options));
        }

        if (options.Fit == ImageFit.Crop && (options.Height is null || options.Channels is null))
        {
            throw new ArgumentException(
                "ImageFolder: expected a height, a width and a number of channels for Crop. Set them, or set Stretch.",
                nameof(options));
        }

        if (options.Channels is not (null or 1 or 3))
        {
            throw new ArgumentException(
                $"ImageFolder: expected 1 or 3 channels, got {options.Channels}.", nameof(options));
        }
    }

    private static ImageFolder Decode(
        ImageFolderListing listing, ImageFolderOptions options, IProgress<double>? progress,
        CancellationToken cancellationToken)
    {
        IReadOnlyList<ImageFolderFile> files = listing.Files;
        var images = new ByteImage?[files.Count];
        List<BadImage> bad = ForEachFile(
            files, options.SkipBad, i => images[i] = Prepared(files[i].Path, options), progress, cancellationToken);
        var kept = new List<FolderImage>(files.Count);
        for (int i = 0; i < files.Count; i++)
        {
            if (images[i] is { } image) kept.Add(new FolderImage(files[i].Name, files[i].Label, image));
        }

        RequireEveryClass(listing, kept.Select(static image => image.Label), bad);
        return new ImageFolder(listing, kept, bad, fromCache: false);
    }

    /// <summary>
    /// Reads files on all threads. Returns those that cannot be decoded, or throws for the first of them in order.
    /// </summary>
    internal static List<BadImage> ForEachFile(
        IReadOnlyList<ImageFolderFile> files, bool skipBad, Action<int> read, IProgress<double>? progress,
        CancellationToken cancellationToken)
    {
        var failures = new Exception?[files.Count];
        int done = 0;
        var parallel =
            new ParallelOptions { MaxDegreeOfParallelism = Compute.Threads, CancellationToken = cancellationToken };
        Parallel.For(0, files.Count, parallel, (i, state) =>
        {
            try
            {
                read(i);
                progress?.Report((double)Interlocked.Increment(ref done) / files.Count);
            }
            catch (Exception failure)
            {
                failures[i] = failure;
                // Break lets every earlier picture finish, so the first failure in order is always the same one.
                if (!skipBad || !IsBad(failure)) state.Break();
            }
        });
        var bad = new List<BadImage>();
        for (int i = 0; i < files.Count; i++)
        {
            if (failures[i] is not { } failure) continue;
            if (!IsBad(failure)) System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(failure);
            if (!skipBad)
            {
                throw new InvalidDataException(
                    $"{failure.Message} (SkipBad, on the command line --skip-bad, goes on without such files.)",
                    failure);
            }

            bad.Add(new BadImage(files[i].Name, failure.InnerException?.Message ?? failure.Message));
        }

        return bad;

        static bool IsBad(Exception failure) => failure is InvalidDataException or FileNotFoundException;
    }

    /// <summary>Refuses a set in which a class has lost all of its pictures.</summary>
    internal static void RequireEveryClass(ImageFolderListing listing, IEnumerable<int> kept, List<BadImage> bad)
    {
        HashSet<int> found = [.. kept];
        for (int label = 0; label < listing.ClassNames.Count; label++)
        {
            if (found.Contains(label)) continue;
            ImageFolderFile first = listing.Files.First(file => file.Label == label);
            throw new InvalidDataException(
                $"ImageFolder: expected at least one picture of class {listing.ClassNames[label]} that can "
                + $"be decoded, found none in \"{listing.Source}\" (first: \"{first.Name}\", "
                + $"{bad.First(one => one.File == first.Name).Reason}). Replace its pictures or remove the class.");
        }
    }

    private static ByteImage Prepared(string path, ImageFolderOptions options)
    {
        if (options is { Fit: ImageFit.Crop, Height: { } cropHeight, Width: { } cropWidth, Channels: { } channels })
            return new PicturePreparation(cropHeight, cropWidth, channels).Decode(path);
        ByteImage image = PicturePreparation.WithChannels(ImageFile.Read(path), options.Channels);
        if (options.Prepare is { } prepare) return prepare(image);
        return options is { Height: { } height, Width: { } width } ? ImageResize.Bilinear(image, height, width) : image;
    }
}
