using System.Security.Cryptography;
using Evenkeel.Data;
using Evenkeel.Lab.Drawn;
using Xunit;

namespace Evenkeel.Tests.Lab.Drawn;

/// <summary>Garments and banknotes. What the classes look like was judged by eye, on sheets.</summary>
public sealed class SyntheticSetsTests
{
    [Fact]
    public void Garments_have_the_shape_of_FashionMNIST()
    {
        (ImageSet train, ImageSet test) = SyntheticFashion.Create(1, 500, 100);
        Assert.Equal(
            (500, 1, 28, 28, 10), (train.Count, train.Channels, train.Height, train.Width, train.ClassNames.Count));
        Assert.Equal(("Ankle boot", 100), (test.ClassNames[9], test.Count));
        var classes = new int[10];
        foreach (int label in train.Labels) classes[label]++;
        Assert.All(classes, static count => Assert.Equal(50, count));
        Assert.False(train.Image(0).SequenceEqual(test.Image(0)));
        Assert.False(train.Pixels.SequenceEqual(SyntheticFashion.Create(2, 500, 0).Train.Pixels));
    }

    [Fact]
    public void Banknotes_come_in_bursts()
    {
        (ImageSet images, int[] bursts) = SyntheticBanknotes.Create(1, 400);
        Assert.Equal((400, 3, 64, 64), (images.Count, images.Channels, images.Height, images.Width));
        Assert.Equal(["1", "100"], images.ClassNames);
        var sizes = new int[bursts[^1] + 1];
        for (int i = 1; i < bursts.Length; i++)
        {
            Assert.InRange(bursts[i] - bursts[i - 1], 0, 1);
            if (bursts[i] == bursts[i - 1]) Assert.Equal(images.Labels[i], images.Labels[i - 1]);
        }

        foreach (int burst in bursts) sizes[burst]++;
        Assert.All(sizes, static size => Assert.InRange(size, 1, 6));
        Assert.InRange(images.Labels.ToArray().Sum(), 150, 250);
    }

    /// <summary>
    /// A change here changes every result on these sets. Made with, and without, hardware intrinsics.
    /// </summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void The_bits_are_fixed_for_any_threads(int threads)
    {
        using IDisposable scope = Compute.UseThreads(Compute.Threads);
        Compute.Threads = threads;
        Assert.Equal("688d75b2024b9d7eb6c0009c96529410b08065a20601ae5fa5a15dff66320909",
            Hash(SyntheticFashion.Create(7, 100, 0).Train));
        Assert.Equal("fef214c1351116e700d0d57d143b815418f3b5913cd171cbeda8a4bdf49158ff",
            Hash(SyntheticBanknotes.Create(7, 40).Images));
    }

    [Fact]
    public void A_longer_set_begins_with_the_shorter_one()
    {
        Assert.Equal(
            Hash(SyntheticFashion.Create(5, 33, 0).Train), Hash(SyntheticFashion.Create(5, 200, 9).Train.Slice(0, 33)));
        (ImageSet images, int[] bursts) = SyntheticBanknotes.Create(5, 33);
        (ImageSet more, int[] moreBursts) = SyntheticBanknotes.Create(5, 90);
        Assert.Equal(Hash(images), Hash(more.Slice(0, 33)));
        Assert.Equal(bursts, moreBursts[..33]);
        Assert.Equal(images.Labels.ToArray(), more.Slice(0, 33).Labels.ToArray());
    }

    [Fact]
    public void Colour_does_not_tell_the_notes_apart()
    {
        // Nearest class mean of the mean colour and the spread of each channel: what colour alone would give.
        (ImageSet train, _) = SyntheticBanknotes.Create(1, 1200);
        (ImageSet test, _) = SyntheticBanknotes.Create(2, 600);
        var means = new double[2][];
        for (int c = 0; c < 2; c++)
        {
            means[c] = Mean(
                Enumerable.Range(0, train.Count).Where(i => train.Labels[i] == c).Select(i => Colour(train.Image(i))));
        }

        int right = 0;
        for (int i = 0; i < test.Count; i++)
        {
            double[] colour = Colour(test.Image(i));
            right += (Distance(colour, means[0]) < Distance(colour, means[1]) ? 0 : 1) == test.Labels[i] ? 1 : 0;
        }

        Assert.InRange(right / 600.0, 0.4, 0.6);
    }

    [Fact]
    public void Bad_counts_are_refused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => SyntheticFashion.Create(1, -1, 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => SyntheticFashion.Create(1, 1, 600_001));
        Assert.Throws<ArgumentOutOfRangeException>(() => SyntheticBanknotes.Create(1, -1));
        Assert.Throws<ArgumentOutOfRangeException>(() => SyntheticBanknotes.Create(1, 100_001));
        Assert.Equal(0, SyntheticBanknotes.Create(1, 0).Images.Count);
    }

    private static string Hash(ImageSet set) => Convert.ToHexStringLower(SHA256.HashData(set.Pixels));

    /// <summary>Mean and standard deviation of each channel.</summary>
    private static double[] Colour(ReadOnlySpan<byte> image)
    {
        var colour = new double[6];
        int plane = image.Length / 3;
        for (int c = 0; c < 3; c++)
        {
            double sum = 0, squares = 0;
            foreach (byte value in image.Slice(c * plane, plane))
                (sum, squares) = (sum + value, squares + value * value);
            (colour[c], colour[c + 3]) = (sum / plane, Math.Sqrt(squares / plane - sum / plane * (sum / plane)));
        }

        return colour;
    }

    private static double[] Mean(IEnumerable<double[]> values)
    {
        double[][] all = [.. values];
        return [.. Enumerable.Range(0, all[0].Length).Select(j => all.Average(v => v[j]))];
    }

    private static double Distance(double[] a, double[] b) => a.Zip(b, static (x, y) => (x - y) * (x - y)).Sum();
}
