using System.Globalization;
using System.Numerics;
using System.Text;
using Evenkeel.Kernels;

namespace Evenkeel.Data;

/// <summary>
/// Finds pictures that show the same thing in the same place: copies, and photographs taken in a row. Two pictures are
/// near-duplicates if the directions of their brightness agree (a perceptual hash of 128 bits) and their colours are
/// close everywhere. A group holds all pictures that such pairs connect.
/// </summary>
/// <remarks>
/// <para>The hash: scaled to 72x72, gray, scaled to 9 columns by 8 rows and to 8 by 9; each bit says whether a value is
/// larger than its left or its upper neighbour ("dHash", once in each direction). The finer check: the mean distance of
/// red, green and blue at 16x16, in levels of 255.</para>
/// <para>The limits were chosen by looking at the groups of photographs of banknotes. At 24 bits, a third of the bursts
/// fall apart. At 32 bits, chains of similar scans become one group. Without the check of colours, pictures of
/// different classes become one group. Rotated pictures are not found, because the camera hardly turns in a
/// burst.</para>
/// </remarks>
public sealed class NearDuplicates
{
    /// <summary>The default limit of the hash: how many of its 128 bits may differ.</summary>
    public const int DefaultThreshold = 30;

    /// <summary>The default limit of the finer check: the mean distance of colours, in levels of 255.</summary>
    public const double DefaultColourThreshold = 16;

    private const int Middle = 72, Thumb = 16;

    private NearDuplicates(int[] groups)
    {
        Groups = groups;
        var members = new List<List<int>>();
        for (int i = 0; i < groups.Length; i++)
        {
            if (groups[i] == members.Count) members.Add([]);
            members[groups[i]].Add(i);
        }

        GroupCount = members.Count;
        Duplicated = [.. members.Where(static group => group.Count > 1)
            .Select(static group => (IReadOnlyList<int>)group)];
    }

    /// <summary>
    /// The group of each picture, counted from 0 in the order of first members. A picture without a near-duplicate is a
    /// group of its own.
    /// </summary>
    public IReadOnlyList<int> Groups { get; }

    /// <summary>Number of groups, including those of a single picture.</summary>
    public int GroupCount { get; }

    /// <summary>The groups of two pictures or more: the indices of their members.</summary>
    public IReadOnlyList<IReadOnlyList<int>> Duplicated { get; }

    /// <summary>Compares every picture with every other one.</summary>
    /// <param name="images">The pictures, of any sizes.</param>
    /// <param name="threshold">How many of the 128 bits may differ.</param>
    /// <param name="colourThreshold">The mean distance of colours that is still close, in levels of 255.</param>
    /// <exception cref="ArgumentOutOfRangeException">A limit is negative.</exception>
    public static NearDuplicates Find(
        IReadOnlyList<ByteImage> images, int threshold = DefaultThreshold,
        double colourThreshold = DefaultColourThreshold)
    {
        ArgumentNullException.ThrowIfNull(images);
        ArgumentOutOfRangeException.ThrowIfNegative(threshold);
        if (!(colourThreshold >= 0))
        {
            throw new ArgumentOutOfRangeException(
                nameof(colourThreshold), $"NearDuplicates: expected a limit of 0 or more, got {colourThreshold}.");
        }

        var prints = new Fingerprint[images.Count];
        Workers.Run(images.Count, new PrintJob(images, prints));
        var parents = new int[images.Count];
        for (int i = 0; i < parents.Length; i++)
        {
            parents[i] = i;
            for (int j = 0; j < i; j++)
            {
                if (!prints[i].IsNear(prints[j], threshold, colourThreshold)) continue;
                int a = Root(parents, i), b = Root(parents, j);
                parents[Math.Max(a, b)] = Math.Min(a, b);
            }
        }

        // The root is the first member, so it gets its number before the other members need it.
        var groups = new int[images.Count];
        int count = 0;
        for (int i = 0; i < groups.Length; i++)
        {
            int root = Root(parents, i);
            groups[i] = root == i ? count++ : groups[root];
        }

        return new NearDuplicates(groups);
    }

    /// <summary>Compares the images of a set.</summary>
    /// <param name="images">The images.</param>
    /// <param name="threshold">How many of the 128 bits may differ.</param>
    /// <param name="colourThreshold">The mean distance of colours that is still close, in levels of 255.</param>
    /// <exception cref="ArgumentOutOfRangeException">A limit is negative.</exception>
    public static NearDuplicates Find(
        ImageSet images, int threshold = DefaultThreshold, double colourThreshold = DefaultColourThreshold)
    {
        ArgumentNullException.ThrowIfNull(images);
        var pictures = new ByteImage[images.Count];
        for (int i = 0; i < pictures.Length; i++)
            pictures[i] = new ByteImage(images.Image(i).ToArray(), images.Channels, images.Height, images.Width);
        return Find(pictures, threshold, colourThreshold);
    }

    /// <summary>The groups as a table, with one line for each group of two pictures or more.</summary>
    /// <param name="names">A name for each picture. Null shows their numbers.</param>
    public string ToTable(IReadOnlyList<string>? names = null)
    {
        var text = new StringBuilder();
        text.Append(this).Append('\n');
        foreach (IReadOnlyList<int> group in Duplicated)
        {
            text.Append(CultureInfo.InvariantCulture, $"{group.Count,4}  ");
            text.AppendJoin(", ", group.Select(i => names?[i] ?? $"{i}")).Append('\n');
        }

        return text.ToString();
    }

    /// <summary>For example <c>266 pictures in 189 groups; 46 groups of near-duplicates hold 123 of them</c>.</summary>
    public override string ToString() =>
        $"{Groups.Count} pictures in {GroupCount} groups; "
        + $"{Duplicated.Count} {(Duplicated.Count == 1 ? "group" : "groups")} of near-duplicates hold "
        + $"{Duplicated.Sum(static group => group.Count)} of them";

    private static int Root(int[] parents, int i)
    {
        while (parents[i] != i) i = parents[i] = parents[parents[i]];
        return i;
    }

    /// <summary>The values of a picture that are compared.</summary>
    private sealed record Fingerprint(ulong Across, ulong Down, byte[] Colours)
    {
        public static Fingerprint Of(ByteImage picture)
        {
            ByteImage image = ImageResize.Bilinear(picture, Middle, Middle),
                thumb = ImageResize.Bilinear(image, Thumb, Thumb);
            byte[] pixels = image.Pixels;
            PixelMath.Gray(pixels, image.Channels);
            var gray = new ByteImage(pixels[..(Middle * Middle)], 1, Middle, Middle);
            byte[] across = ImageResize.Bilinear(gray, 8, 9).Pixels, down = ImageResize.Bilinear(gray, 9, 8).Pixels;
            ulong right = 0, below = 0;
            for (int i = 0; i < 64; i++)
            {
                int at = i / 8 * 9 + i % 8;
                if (across[at + 1] > across[at]) right |= 1ul << i;
                if (down[i + 8] > down[i]) below |= 1ul << i;
            }

            // Gray pictures are compared with colour ones as three equal channels.
            return new Fingerprint(right,
                below, picture.Channels == 3 ? thumb.Pixels : [.. thumb.Pixels, .. thumb.Pixels, .. thumb.Pixels]);
        }

        public bool IsNear(Fingerprint other, int threshold, double colourThreshold)
        {
            if (BitOperations.PopCount(Across ^ other.Across) + BitOperations.PopCount(Down ^ other.Down) > threshold)
                return false;
            int sum = 0;
            for (int i = 0; i < Colours.Length; i++) sum += Math.Abs(Colours[i] - other.Colours[i]);
            return sum <= colourThreshold * Colours.Length;
        }
    }

    private readonly struct PrintJob(IReadOnlyList<ByteImage> images, Fingerprint[] prints) : IJob
    {
        public void Invoke(int chunk) => prints[chunk] = Fingerprint.Of(images[chunk]);
    }
}
