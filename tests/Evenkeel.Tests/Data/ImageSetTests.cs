using Evenkeel.Data;
using Evenkeel.Random;
using Xunit;

namespace Evenkeel.Tests.Data;

public sealed class ImageSetTests
{
    private static readonly string[] s_names = ["a", "b", "c"];

    [Fact]
    public void Batches_are_exact_for_every_image_size()
    {
        for (int size = 1; size <= 257; size++)
        {
            ImageSet set = Create(4, 1, 1, size);
            var mean = new float[size];
            new Philox(9).Fill(mean);
            int[] indices = [3, 0, 3];
            foreach (bool useMean in new[] { true, false })
            {
                // A guard value on either side shows overwrites.
                var buffer = new float[3 * size + 2];
                buffer.AsSpan().Fill(-1);
                set.CopyTo(indices, buffer.AsSpan(1, 3 * size), useMean ? mean : default);
                Assert.Equal(-1, buffer[0]);
                Assert.Equal(-1, buffer[^1]);
                for (int i = 0; i < indices.Length; i++)
                {
                    for (int j = 0; j < size; j++)
                        Assert.Equal(set.Image(indices[i])[j] - (useMean ? mean[j] : 0f), buffer[1 + i * size + j]);
                }
            }
        }
    }

    [Fact]
    public void Slices_share_the_pixels()
    {
        ImageSet set = Create(10, 3, 2, 2);
        ImageSet slice = set.Slice(4, 3, "part").Slice(1, 2);
        Assert.Equal(2, slice.Count);
        Assert.Equal("part", slice.Name);
        Assert.True(System.Runtime.CompilerServices.Unsafe.AreSame(
            ref System.Runtime.InteropServices.MemoryMarshal.GetReference(set.Image(5)),
            ref System.Runtime.InteropServices.MemoryMarshal.GetReference(slice.Pixels)));
        Assert.Equal(set.Labels.Slice(5, 2).ToArray(), slice.Labels.ToArray());
        var labels = new int[2];
        slice.CopyLabelsTo([1, 0], labels);
        Assert.Equal([set.Labels[6], set.Labels[5]], labels);
        var all = new float[2 * 12];
        slice.CopyAllTo(all);
        Assert.Equal(slice.Pixels.ToArray().Select(b => (float)b), all);
        Assert.Equal(0, set.Slice(10, 0).Count);
    }

    [Fact]
    public void The_mean_is_exact()
    {
        // More images than fit 16-bit sums, all at the largest value but one.
        var pixels = new byte[600 * 17];
        pixels.AsSpan().Fill(255);
        pixels[0] = 0;
        var set = new ImageSet(pixels, new int[600], 1, 1, 17, s_names, "test", "test");
        float[] mean = set.MeanImage();
        Assert.Equal((float)(599 * 255 / 600.0), mean[0]);
        Assert.All(mean.Skip(1), v => Assert.Equal(255f, v));
        Assert.Throws<InvalidOperationException>(() => set.Slice(0, 0).MeanImage());
    }

    [Fact]
    public void What_does_not_fit_is_refused()
    {
        Assert.StartsWith(
            "ImageSet: expected 2 x 1 x 2 x 2 pixel values for 2 labels, got 7.",
            Assert.Throws<ArgumentException>(
                () => new ImageSet(new byte[7], new int[2], 1, 2, 2, s_names, "", "")).Message,
            StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => new ImageSet(new byte[8], [0, 3], 1, 2, 2, s_names, "", ""));
        Assert.Throws<ArgumentException>(() => new ImageSet(new byte[8], [0, -1], 1, 2, 2, s_names, "", ""));
        Assert.Throws<ArgumentOutOfRangeException>(() => new ImageSet([], [], 0, 2, 2, s_names, "", ""));
        ImageSet set = Create(4, 1, 2, 2);
        Assert.Throws<ArgumentOutOfRangeException>(() => set.Slice(2, 3));
        Assert.Throws<ArgumentOutOfRangeException>(() => set.Slice(-1, 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => set.Image(4).Length);
        Assert.Throws<ArgumentOutOfRangeException>(() => set.CopyTo([4], new float[4]));
        Assert.Throws<ArgumentException>(() => set.CopyTo([1], new float[5]));
        Assert.Throws<ArgumentException>(() => set.CopyTo([1], new float[4], new float[3]));
        Assert.Throws<ArgumentException>(() => set.CopyAllTo(new float[4]));
        Assert.Throws<ArgumentException>(() => set.CopyLabelsTo([1], new int[2]));
    }

    private static ImageSet Create(int count, int channels, int height, int width)
    {
        var random = new Philox(1);
        var pixels = new byte[count * channels * height * width];
        foreach (ref byte pixel in pixels.AsSpan()) pixel = (byte)random.NextUInt32();
        var labels = new int[count];
        random.Choice(s_names.Length, labels);
        return new ImageSet(pixels, labels, channels, height, width, s_names, "test", "test");
    }
}
