namespace Evenkeel.Images;

/// <summary>How a folder or a list of pictures becomes a data set.</summary>
public sealed record PictureOptions
{
    /// <summary>
    /// The height that every picture gets: it is scaled until it covers height and width, and its middle is cut out.
    /// Null takes the pictures' own size, which must then be the same for all. Default: null.
    /// </summary>
    public int? Height { get; init; }

    /// <summary>The width that every picture gets. It must be set together with <see cref="Height"/>.</summary>
    public int? Width { get; init; }

    /// <summary>
    /// The height and width that pictures get if their own sizes differ and none is given. Null refuses such sets.
    /// Default: null.
    /// </summary>
    public int? SideIfSizesDiffer { get; init; }

    /// <summary>3 for colour, 1 for gray. Default: 3.</summary>
    public int Channels { get; init; } = 3;

    /// <summary>
    /// What happens if a picture cannot be opened or decoded: true leaves it out and lists it in
    /// <see cref="PictureData.Bad"/>; false throws an error that names it. Default: false.
    /// </summary>
    /// <remarks>
    /// A set that is held in memory is decoded as a whole, so every bad picture is found at once. Of a set that is
    /// decoded on the way, true decodes every picture once before; false reads only the beginnings of the files, and a
    /// file that is cut behind its beginning is an error when a batch needs it.
    /// </remarks>
    public bool SkipBad { get; init; }

    /// <summary>Number of threads that decode. Null takes <see cref="Compute.Threads"/>. Default: null.</summary>
    public int? Workers { get; init; }

    /// <summary>
    /// The largest set that is decoded once and held in memory, in bytes of prepared pictures (C·H·W each). A larger
    /// set is decoded on the way, whenever a batch needs it. 0 decodes every set on the way. Default: 1 GiB.
    /// </summary>
    public long MostBytesInMemory { get; init; } = 1L << 30;

    /// <summary>
    /// Whether a set that is held in memory is kept in a file, too. The next start then takes milliseconds. Default:
    /// true.
    /// </summary>
    public bool Cache { get; init; } = true;

    /// <summary>The folder of that file; see <see cref="ImageFolderOptions.CacheFolder"/>. Default: null.</summary>
    public string? CacheFolder { get; init; }

    /// <summary>In a list of files, the name of the column of paths. Null finds it. Default: null.</summary>
    public string? FileColumn { get; init; }

    /// <summary>In a list of files, the name of the column of classes. Null finds it. Default: null.</summary>
    public string? LabelColumn { get; init; }
}
