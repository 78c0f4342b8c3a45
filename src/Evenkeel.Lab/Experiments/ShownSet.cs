using System.Globalization;
using Evenkeel.Data;
using Evenkeel.Images;
using Evenkeel.Lab.Drawn;

namespace Evenkeel.Lab.Experiments;

/// <summary>Labelled pictures to look at, each made or read when it is needed.</summary>
internal sealed class ShownSet
{
    private readonly Func<int, ByteImage> _image;
    private readonly Func<int, string> _caption;

    private ShownSet(string title, IReadOnlyList<string> classNames, int[] labels, Func<int, ByteImage> image,
        Func<int, string> caption) =>
        (Title, ClassNames, Labels, _image, _caption) = (title, classNames, labels, image, caption);

    /// <summary>The names that are no folders.</summary>
    public static IReadOnlyList<string> Names { get; } =
        ["synthetic-fashion", "synthetic-cifar", "synthetic-banknotes", .. LabSet.All.Select(static set => set.Name)];

    public string Title { get; }

    public IReadOnlyList<string> ClassNames { get; }

    public int[] Labels { get; }

    /// <summary>Whether pictures that cannot be decoded are left out.</summary>
    public bool SkipBad { get; init; }

    /// <summary>The pictures that were left out.</summary>
    public List<string> Bad { get; } = [];

    /// <summary>A picture; null for one that is left out.</summary>
    /// <exception cref="LabException">Its file cannot be read or decoded.</exception>
    public ByteImage? Image(int index)
    {
        try
        {
            return _image(index);
        }
        catch (InvalidDataException e)
        {
            if (!SkipBad) throw new LabException($"{e.Message} --skip-bad skips such files.", e);
            Bad.Add(Caption(index));
            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new LabException(e.Message, e);
        }
    }

    /// <summary>What to call a picture.</summary>
    public string Caption(int index) => _caption(index);

    /// <summary>Opens a set by name, or a folder of class folders.</summary>
    /// <param name="name">One of <see cref="Names"/>, or a folder.</param>
    /// <param name="data">Where real sets are looked for, as <c>--data</c> says.</param>
    /// <param name="seed">Seed of synthetic sets.</param>
    /// <param name="perClass">How many pictures of a class a synthetic set has to hold.</param>
    /// <param name="skipBad">Whether pictures of a folder that cannot be decoded are left out.</param>
    /// <exception cref="LabException">There is no such set or folder, or it cannot be read.</exception>
    public static ShownSet Open(string name, string? data, ulong seed, int perClass, bool skipBad)
    {
        switch (name)
        {
            case "synthetic-fashion": return Of(SyntheticFashion.Create(seed, 10 * perClass, 0).Train);
            case "synthetic-cifar": return Of(SyntheticCifar.Create(seed, 10 * perClass, 0, 0).Train);
            // Bursts are of one class: some more, so that each class has enough.
            case "synthetic-banknotes": return Of(SyntheticBanknotes.Create(seed, 4 * perClass + 60).Images);
        }

        try
        {
            if (LabSet.All.FirstOrDefault(set => set.Name == name) is { } known)
            {
                string drawn = known == LabSet.Cifar10 ? "cifar"
                    : known == LabSet.FashionMnist ? "fashion" : "banknotes";
                string path = LabData.Find(data).PathOf(known) ?? throw new LabException(
                    $"expected {known.Title} in the folder of --data or {LabData.Variable} ({known.Expected}), found " +
                    $"none. Give the folder, or show synthetic-{drawn}.");
                if (known == LabSet.FashionMnist) return Of(FashionMnist.Load(path).Train);
                return known == LabSet.Cifar10 ? Of(Cifar10.Load(path, Cifar10Parts.Test).Test!)
                    : Folder(path, skipBad);
            }

            if (Directory.Exists(name)) return Folder(name, skipBad);
        }
        catch (Exception e) when (e is IOException or InvalidDataException or UnauthorizedAccessException)
        {
            throw new LabException(e.Message, e);
        }

        throw LabException.Usage(
            $"unknown set '{name}'.{NearestName.Hint(name, Names)} It can be {string.Join(", ", Names)}, " +
            "or a folder with one folder of pictures per class.");
    }

    private static ShownSet Of(ImageSet set) => new(set.Name, set.ClassNames, set.Labels.ToArray(),
        index => new ByteImage(set.Image(index).ToArray(), set.Channels, set.Height, set.Width), static index =>
            index.ToString(CultureInfo.InvariantCulture));

    private static ShownSet Folder(string path, bool skipBad)
    {
        ImageFolderListing listing = ImageFolderListing.Of(path);
        if (listing.Files.Count == 0)
            throw new LabException($"expected a folder with one folder of pictures per class, got {path}, which has " +
                $"none ({string.Join(", ", ImageFile.Extensions)} are read).");
        listing.RequirePictures();
        // Shorter names first: 1-2 before 1-10, so that bursts stay together.
        ImageFolderFile[] files = [.. listing.Files.OrderBy(static file => file.Label)
            .ThenBy(static file => file.Name.Length).ThenBy(static file => file.Name, StringComparer.Ordinal)];
        return new ShownSet(
            Path.GetFileName(listing.Root), listing.ClassNames, Array.ConvertAll(files, static file => file.Label),
            index => ImageFile.Read(files[index].Path), index => Path.GetFileNameWithoutExtension(files[index].Name))
        {
            SkipBad = skipBad,
        };
    }
}
