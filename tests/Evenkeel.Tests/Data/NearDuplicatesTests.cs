using Evenkeel.Data;
using Evenkeel.Images;
using Evenkeel.Lab.Drawn;
using Xunit;

namespace Evenkeel.Tests.Data;

public sealed class NearDuplicatesTests
{
    [Fact]
    public void Bursts_are_found()
    {
        (ImageSet images, int[] bursts) = SyntheticBanknotes.Create(3, 200);
        NearDuplicates found = NearDuplicates.Find(images);
        // Neighbours of one burst belong together; hardly anything else does.
        int together = 0, pairs = 0, foreign = 0;
        for (int i = 0; i < bursts.Length; i++)
        {
            for (int j = 0; j < i; j++)
            {
                bool isSame = found.Groups[i] == found.Groups[j];
                if (bursts[i] == bursts[j]) (pairs, together) = (pairs + 1, together + (isSame ? 1 : 0));
                else foreign += isSame ? 1 : 0;
            }
        }

        Assert.InRange(together / (double)pairs, 0.95, 1);
        Assert.InRange(foreign, 0, pairs / 10);
    }

    [Fact]
    public void Copies_of_any_size_are_one_group()
    {
        ByteImage note = Picture(0), other = Picture(9), gray = ImageResizeTests.Create(1, 30, 40, 3);
        NearDuplicates found = NearDuplicates.Find([note, other, ImageResize.Bilinear(note, 50, 70),
            gray, new ByteImage([.. gray.Pixels, .. gray.Pixels, .. gray.Pixels], 3, 30, 40), note]);
        Assert.Equal([0, 1, 0, 2, 2, 0], found.Groups);
        Assert.Equal(3, found.GroupCount);
        Assert.Equal([[0, 2, 5], [3, 4]], found.Duplicated);
        Assert.Equal("6 pictures in 3 groups; 2 groups of near-duplicates hold 5 of them\n   3  a, c, f\n   2  d, e\n",
            found.ToTable(["a", "b", "c", "d", "e", "f"]));
        Assert.Equal(0, NearDuplicates.Find([]).GroupCount);
        Assert.Throws<ArgumentOutOfRangeException>(() => NearDuplicates.Find([note], -1));
        Assert.Throws<ArgumentOutOfRangeException>(() => NearDuplicates.Find([note], 3, double.NaN));
    }

    [Fact]
    public void The_known_copies_among_the_photographs_are_found()
    {
        string folder = RealData.Require("rmb");
        string[] files = [.. Directory.EnumerateFiles(folder, "*.jpg", SearchOption.AllDirectories)
            .Order(StringComparer.Ordinal)];
        ByteImage[] images;
        try
        {
            images = [.. files.Select(ImageFile.Read)];
        }
        catch (FileNotFoundException missing)
        {
            Assert.Skip(missing.Message);
            return;
        }

        NearDuplicates found = NearDuplicates.Find(images);
        int[][] copies = [[10, 11, 19], [12, 20], [13, 22], [14, 15, 24, 25], [115, 116]];
        int GroupOf(string name) =>
            found.Groups[Array.FindIndex(files, file => Path.GetFileNameWithoutExtension(file) == name)];
        foreach (int[] same in copies) Assert.Single(same.Select(number => GroupOf($"100-{number}")).Distinct());

        // Judged by eye: bursts, and notes that are alike but were taken elsewhere.
        Assert.Equal(GroupOf("1-33"), GroupOf("1-34"));
        Assert.Equal(GroupOf("1-73"), GroupOf("1-74"));
        Assert.Equal(GroupOf("100-132"), GroupOf("100-133"));
        Assert.NotEqual(GroupOf("1-33"), GroupOf("1-22"));
        Assert.NotEqual(GroupOf("100-1"), GroupOf("100-2"));
        Assert.InRange(found.Duplicated.Max(static group => group.Count), 4, 12);
        Assert.InRange(found.Duplicated.Sum(static group => group.Count), 100, 150);

        int[] labels = [.. files.Select(static file => Path.GetFileName(Path.GetDirectoryName(file)) == "100" ? 1 : 0)];
        int[][] parts = Split.Grouped(labels, [.. found.Groups], [0.8, 0.1, 0.1]);
        Assert.InRange(parts[1].Count(i => labels[i] == 0), 11, 15);
        Assert.InRange(parts[1].Count(i => labels[i] == 1), 11, 15);
    }

    private static ByteImage Picture(int number)
    {
        ImageSet set = SyntheticBanknotes.Create(1, number + 1).Images;
        return new ByteImage(set.Image(number).ToArray(), 3, set.Height, set.Width);
    }
}
