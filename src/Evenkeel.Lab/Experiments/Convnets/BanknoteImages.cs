using Evenkeel.Data;
using Evenkeel.Images;
using Evenkeel.Lab.Drawn;

namespace Evenkeel.Lab.Experiments.Convnets;

/// <summary>
/// Photographs of notes of 1 (label 0) and 100 yuan (label 1), or what stands in for them, and which of them show the
/// same note in the same place.
/// </summary>
/// <param name="Images">The pictures, all of one size.</param>
/// <param name="Groups">The group of near-duplicates of each.</param>
/// <param name="Summary">How many there are in how many groups, in words.</param>
internal sealed record BanknoteImages(ImageSet Images, int[] Groups, string Summary)
{
    /// <summary>As many as the lesson's photographs here.</summary>
    private const int SyntheticCount = 266;

    /// <summary>Side that a network sees.</summary>
    private const int Side = 32;

    /// <summary>Side at which near-duplicates are looked for: no loss, for their hash begins with that scale.</summary>
    private const int HashSide = 72;

    /// <summary>
    /// Reads the photographs, scaled as the lesson scales them first of all (each is decoded once; then they come from
    /// the cache).
    /// </summary>
    /// <param name="folder">The folder of the folders 1 and 100.</param>
    /// <param name="skipBad">Whether to go on without pictures that cannot be decoded.</param>
    /// <param name="progress">Told the share that is done.</param>
    /// <param name="cancellation">Stops.</param>
    /// <param name="cacheFolder">Where decoded pictures are kept; null for the user's cache folder.</param>
    /// <param name="identity">What the folder was recorded as; null if nobody has.</param>
    /// <exception cref="InvalidDataException">
    /// A picture cannot be decoded and is not to be skipped, the folder holds other classes too, or it has changed
    /// since it
    /// was recorded.
    /// </exception>
    public static BanknoteImages Load(
        string folder, bool skipBad, IProgress<double> progress, CancellationToken cancellation,
        string? cacheFolder = null, string? identity = null)
    {
        ImageFolder seen =
            ImageFolder.Load(folder,
                new ImageFolderOptions { Height = Side, Width = Side, SkipBad = skipBad, CacheFolder = cacheFolder },
                progress, cancellation);
        ImageFolder compared =
            ImageFolder.Load(folder,
                new ImageFolderOptions
                {
                    Height = HashSide,
                    Width = HashSide,
                    SkipBad = skipBad,
                    CacheFolder = cacheFolder,
                }, progress, cancellation);
        if (seen.ClassNames.Count != 2)
            throw new InvalidDataException($"expected the folders 1 and 100 in \"{folder}\" and no others, got " +
                $"{string.Join(", ", seen.ClassNames)}. Move the others away, or give a folder with these two.");
        // What is recorded is what is trained on.
        string now = seen.Listing.Identity;
        if (now != compared.Listing.Identity || now != (identity ?? now))
            throw new InvalidDataException($"expected the pictures in \"{folder}\" to stay as they are while they " +
                "are read; run it again.");
        NearDuplicates duplicates = NearDuplicates.Find(compared.ToSet());
        string summary = duplicates.ToString();
        if (seen.Bad.Count > 0)
        {
            string are = seen.Bad.Count == 1 ? "is" : "are";
            IEnumerable<string> files = seen.Bad.Select(static bad => bad.File);
            summary += $"; {seen.Bad.Count} that cannot be decoded {are} left out ({First(files)})";
        }

        return new BanknoteImages(seen.ToSet(), [.. duplicates.Groups], summary);
    }

    private static string First(IEnumerable<string> names)
    {
        string[] first = [.. names.Take(6)];
        return string.Join(", ", first.Take(5)) + (first.Length > 5 ? ", ..." : "");
    }

    /// <summary>Draws the embedded ones, whose bursts are known.</summary>
    public static BanknoteImages Draw(ulong seed)
    {
        (ImageSet images, int[] bursts) = SyntheticBanknotes.Create(seed, SyntheticCount);
        return new BanknoteImages(images, bursts, $"{images.Count} pictures in {bursts[^1] + 1} bursts");
    }

    /// <summary>Lesson A's transforms of a training picture.</summary>
    public TransformedDataset Augmented(ulong seed) =>
        new(Images, [new Resize(Side, Side), new RandomCrop(Side, padding: 4), new RandomGrayscale(0.8), new ToTensor(),
            Normalize.ImageNet], seed);

    /// <summary>Lesson A's transforms of a picture that judges.</summary>
    public TransformedDataset Plain() => new(Images, [new Resize(Side, Side), new ToTensor(), Normalize.ImageNet]);

    /// <summary>Training, validation and test pictures, 80, 10 and 10 % of each class.</summary>
    /// <param name="isGrouped">True keeps near-duplicates in one part; false is the lesson's random split.</param>
    /// <param name="seed">Any number.</param>
    /// <exception cref="LabException">There are so few pictures that a part has none.</exception>
    public int[][] Split(bool isGrouped, ulong seed)
    {
        ReadOnlySpan<double> shares = [0.8, 0.1, 0.1];
        int[][] parts = isGrouped ? Data.Split.Grouped(Images.Labels, Groups, shares, seed)
            : Data.Split.Stratified(Images.Labels, shares, seed);
        if (parts.Any(static part => part.Length == 0))
            throw new LabException("expected so many pictures of banknotes that 80, 10 and 10 % of each class make " +
                $"three parts (20 of each, say), got {Images.Count}: " +
                $"{string.Join(", ", parts.Select(static part => part.Length))} in the " +
                $"{(isGrouped ? "grouped" : "random")} split of seed {seed}. Give a folder with more.");
        return parts;
    }

    /// <summary>How many of some pictures have a near-duplicate among others.</summary>
    public int Leaked(int[] judged, int[] learned)
    {
        HashSet<int> known = [.. learned.Select(i => Groups[i])];
        return judged.Count(i => known.Contains(Groups[i]));
    }
}
