using Evenkeel.Data;

namespace Evenkeel.Lab.Experiments.Convnets;

/// <summary>Photographs of notes of 1 (label 0) and 100 yuan (label 1), or what stands in for them, and which of them show the same note in the same place.</summary>
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

    /// <summary>Reads the photographs, scaled as the lesson scales them first of all (each is decoded once; then they come from the cache).</summary>
    public static BanknoteImages Load(string folder, IProgress<double> progress, CancellationToken cancellation)
    {
        ImageFolder seen = ImageFolder.Load(folder, new ImageFolderOptions { Height = Side, Width = Side }, progress, cancellation);
        ImageFolder compared = ImageFolder.Load(folder, new ImageFolderOptions { Height = HashSide, Width = HashSide }, progress, cancellation);
        NearDuplicates duplicates = NearDuplicates.Find(compared.ToSet());
        return new BanknoteImages(seen.ToSet(), [.. duplicates.Groups], duplicates.ToString());
    }

    /// <summary>Draws the embedded ones, whose bursts are known.</summary>
    public static BanknoteImages Draw(ulong seed)
    {
        (ImageSet images, int[] bursts) = SyntheticBanknotes.Create(seed, SyntheticCount);
        return new BanknoteImages(images, bursts, $"{images.Count} pictures in {bursts[^1] + 1} bursts");
    }

    /// <summary>Lesson A's transforms of a training picture.</summary>
    public TransformedDataset Augmented(ulong seed) =>
        new(Images, [new Resize(Side, Side), new RandomCrop(Side, padding: 4), new RandomGrayscale(0.8), new ToTensor(), Normalize.ImageNet], seed);

    /// <summary>Lesson A's transforms of a picture that judges.</summary>
    public TransformedDataset Plain() => new(Images, [new Resize(Side, Side), new ToTensor(), Normalize.ImageNet]);

    /// <summary>Training, validation and test pictures, 80, 10 and 10 % of each class.</summary>
    /// <param name="isGrouped">True keeps near-duplicates in one part; false is the lesson's random split.</param>
    /// <param name="seed">Any number.</param>
    public int[][] Split(bool isGrouped, ulong seed)
    {
        ReadOnlySpan<double> shares = [0.8, 0.1, 0.1];
        return isGrouped ? Data.Split.Grouped(Images.Labels, Groups, shares, seed) : Data.Split.Stratified(Images.Labels, shares, seed);
    }

    /// <summary>How many of some pictures have a near-duplicate among others.</summary>
    public int Leaked(int[] judged, int[] learned)
    {
        HashSet<int> known = [.. learned.Select(i => Groups[i])];
        return judged.Count(i => known.Contains(Groups[i]));
    }
}
