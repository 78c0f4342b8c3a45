namespace Evenkeel.Data;

/// <summary>How the pictures of a folder are read.</summary>
public sealed record ImageFolderOptions
{
    /// <summary>
    /// The height to which every picture is scaled (bilinear with antialias, as in Pillow). Null leaves pictures as
    /// they are. It must be set together with <see cref="Width"/>. Default: null.
    /// </summary>
    public int? Height { get; init; }

    /// <summary>The width to which every picture is scaled. Default: null.</summary>
    public int? Width { get; init; }

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

/// <summary>A file that was decoded although something is wrong with it: <see cref="ByteImage.Warning"/>.</summary>
/// <param name="File">The file, relative to the folder, with forward slashes.</param>
/// <param name="Text">What is wrong.</param>
public sealed record ImageWarning(string File, string Text);

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
        ImageFolderListing listing, IReadOnlyList<FolderImage> images, IReadOnlyList<BadImage> bad,
        IReadOnlyList<ImageWarning> warnings, bool fromCache) =>
        (Listing, Images, Bad, Warnings, FromCache) = (listing, images, bad, warnings, fromCache);

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

    /// <summary>The pictures whose files are faulty or cut. <see cref="Images"/> holds them too.</summary>
    public IReadOnlyList<ImageWarning> Warnings { get; }

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
    /// <exception cref="FileNotFoundException">There are JPEG files and libturbojpeg is not installed.</exception>
    /// <exception cref="ArgumentException">The options contradict each other.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public static ImageFolder Load(
        string path, ImageFolderOptions? options = null, IProgress<double>? progress = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        options ??= new ImageFolderOptions();
        CheckOptions(options);
        ImageFolderListing listing = ImageFolderListing.Of(path);
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
                    $"ImageFolder: expected pictures of one size in \"{Root}\", got {first} ({Images[0].File}) and "
                    + $"{image} ({Images[i].File}). Give a height and a width to scale them to.");
            }

            image.Pixels.CopyTo(pixels, (long)i * size);
            labels[i] = Images[i].Label;
        }

        return new ImageSet(pixels,
            labels, first.Channels, first.Height, first.Width, ClassNames, name ?? Path.GetFileName(Root), Root);
    }

    /// <summary>For example <c>rmb: 266 pictures, 2 classes</c>.</summary>
    public override string ToString() => $"{Path.GetFileName(Root)}: {Count} pictures, {ClassNames.Count} classes" +
        (Bad.Count > 0 ? $", {Bad.Count} left out" : "") +
        (Warnings.Count > 0 ? $", {Warnings.Count} with a warning" : "");

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
        var files = listing.Files;
        var images = new ByteImage?[files.Count];
        var failures = new Exception?[files.Count];
        var warnings = new string?[files.Count];
        int done = 0;
        var parallel =
            new ParallelOptions { MaxDegreeOfParallelism = Compute.Threads, CancellationToken = cancellationToken };
        Parallel.For(0, files.Count, parallel, (i, state) =>
        {
            try
            {
                ByteImage read = ImageFile.Read(files[i].Path);
                warnings[i] = read.Warning;
                images[i] = Prepare(read, options);
                progress?.Report((double)Interlocked.Increment(ref done) / files.Count);
            }
            catch (Exception failure)
            {
                failures[i] = failure;
                // Break lets every earlier picture finish, so the first failure in order is always the same one.
                if (!options.SkipBad || failure is not InvalidDataException) state.Break();
            }
        });
        var kept = new List<FolderImage>(files.Count);
        var bad = new List<BadImage>();
        var odd = new List<ImageWarning>();
        for (int i = 0; i < files.Count; i++)
        {
            if (images[i] is { } image)
            {
                kept.Add(new FolderImage(files[i].Name, files[i].Label, image));
                if (warnings[i] is { } warning) odd.Add(new ImageWarning(files[i].Name, warning));
                continue;
            }

            Exception failure = failures[i]!;
            if (failure is not InvalidDataException)
                System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(failure);
            if (!options.SkipBad)
            {
                throw new InvalidDataException(
                    $"{failure.Message} (SkipBad, on the command line --skip-bad, goes on without such files.)",
                    failure);
            }

            bad.Add(new BadImage(files[i].Name, failure.InnerException?.Message ?? failure.Message));
        }

        for (int label = 0; label < listing.ClassNames.Count; label++)
        {
            if (!kept.Exists(image => image.Label == label))
            {
                throw new InvalidDataException(
                    $"ImageFolder: expected at least one picture of class {listing.ClassNames[label]} that can "
                    + $"be decoded, found none in \"{Path.Combine(listing.Root, listing.ClassNames[label])}\" (first: "
                    + $"{bad.First(b => files.First(f => f.Name == b.File).Label == label).Reason}).");
            }
        }

        return new ImageFolder(listing, kept, bad, odd, fromCache: false);
    }

    private static ByteImage Prepare(ByteImage image, ImageFolderOptions options)
    {
        if (options.Channels is { } channels && channels != image.Channels)
            image = channels == 3 ? Colour(image) : Gray(image);
        if (options.Prepare is { } prepare) return prepare(image);
        return options is { Height: { } height, Width: { } width } ? ImageResize.Bilinear(image, height, width) : image;
    }

    private static ByteImage Colour(ByteImage gray) =>
        new([.. gray.Pixels, .. gray.Pixels, .. gray.Pixels], 3, gray.Height, gray.Width);

    private static ByteImage Gray(ByteImage colour)
    {
        var gray = new byte[colour.Height * colour.Width];
        Span<byte> red = colour.Plane(0), green = colour.Plane(1), blue = colour.Plane(2);
        for (int i = 0; i < gray.Length; i++) gray[i] = PixelMath.Luma(red[i], green[i], blue[i]);
        return new ByteImage(gray, 1, colour.Height, colour.Width);
    }
}
