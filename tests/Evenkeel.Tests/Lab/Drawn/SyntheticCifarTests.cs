using Evenkeel.Data;
using Evenkeel.Lab.Drawn;
using Evenkeel.Tests.Random;
using Xunit;

namespace Evenkeel.Tests.Lab.Drawn;

public sealed class SyntheticCifarTests
{
    [Fact]
    public void Has_the_shape_of_Cifar10_and_balanced_classes()
    {
        Cifar10Split split = SyntheticCifar.Create(1, 1000, 200, 50);
        foreach ((ImageSet set, int count) in new[] { (split.Train, 1000), (split.Validation, 200), (split.Test, 50) })
        {
            Assert.Equal(
                (count, 3, 32, 32, 10), (set.Count, set.Channels, set.Height, set.Width, set.ClassNames.Count));
            var classes = new int[10];
            foreach (int label in set.Labels) classes[label]++;
            Assert.All(classes, c => Assert.Equal(count / 10, c));
        }

        Assert.Equal(split.Train.MeanImage(), split.MeanImage);
    }

    [Fact]
    public void The_bits_are_fixed()
    {
        // A change here changes every result on the synthetic set.
        Cifar10Split split = SyntheticCifar.Create(231, 200, 100, 100);
        Assert.Equal(
            (TrainChecksum, ValidationChecksum, TestChecksum),
            (Checksum.Crc32(split.Train.Pixels),
                Checksum.Crc32(split.Validation.Pixels), Checksum.Crc32(split.Test.Pixels)));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(8)]
    public void The_bits_do_not_depend_on_threads(int threads)
    {
        byte[] expected = SyntheticCifar.Create(5, 300, 0, 0).Train.Pixels.ToArray();
        using IDisposable scope = Compute.UseThreads(Compute.Threads);
        Compute.Threads = threads;
        Assert.Equal(expected, SyntheticCifar.Create(5, 300, 0, 0).Train.Pixels.ToArray());
    }

    [Fact]
    public void A_longer_set_begins_with_the_shorter_one()
    {
        ImageSet shorter = SyntheticCifar.Create(5, 33, 0, 0).Train, longer = SyntheticCifar.Create(5, 300, 7, 0).Train;
        Assert.Equal(shorter.Pixels.ToArray(), longer.Slice(0, 33).Pixels.ToArray());
        Assert.Equal(shorter.Labels.ToArray(), longer.Slice(0, 33).Labels.ToArray());
    }

    [Fact]
    public void Seeds_and_parts_differ()
    {
        Cifar10Split split = SyntheticCifar.Create(1, 20, 20, 20);
        Assert.False(split.Train.Pixels.SequenceEqual(split.Validation.Pixels));
        Assert.False(split.Test.Pixels.SequenceEqual(split.Validation.Pixels));
        Assert.False(split.Train.Pixels.SequenceEqual(SyntheticCifar.Create(2, 20, 0, 0).Train.Pixels));
    }

    [Fact]
    public void The_nearest_class_mean_is_near_chance()
    {
        // The simplest linear classifier; it shows that brightness says nothing about the class.
        Cifar10Split split = SyntheticCifar.Create(1, 3000, 300, 0);
        var means = new double[10][];
        for (int c = 0; c < 10; c++) means[c] = new double[3072];
        for (int i = 0; i < split.Train.Count; i++)
        {
            for (int j = 0; j < 3072; j++) means[split.Train.Labels[i]][j] += split.Train.Image(i)[j] / 300.0;
        }

        int right = 0;
        for (int i = 0; i < split.Validation.Count; i++)
        {
            byte[] image = split.Validation.Image(i).ToArray();
            int nearest = Enumerable.Range(0, 10).MinBy(c => image.Zip(means[c], (p, m) => (p - m) * (p - m)).Sum());
            right += nearest == split.Validation.Labels[i] ? 1 : 0;
        }

        Assert.InRange(right / 300.0, 0.05, 0.25);
    }

    [Fact]
    public void Bad_counts_are_refused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => SyntheticCifar.Create(1, 0, 1, 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => SyntheticCifar.Create(1, 1, -1, 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => SyntheticCifar.Create(1, 1, 1, 600_001));
    }

    private const uint TrainChecksum = 1635820487, ValidationChecksum = 3547315825, TestChecksum = 566719224;
}
