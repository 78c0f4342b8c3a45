using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Evenkeel.Data;
using Evenkeel.Lab.Drawn;
using Evenkeel.Random;
using Xunit;

namespace Evenkeel.Tests.Data;

/// <summary>
/// Golden values from Pillow 9.4 and PyTorch 1.13, for the pictures that <see cref="ImageResizeTests.Create"/> draws.
/// </summary>
public sealed class TransformTests
{
    [Fact]
    public void Gray_is_Pillows()
    {
        // list(Image.convert("L")) of the 1x12 picture of seed 5.
        byte[] expected = [110, 166, 69, 205, 140, 92, 178, 52, 156, 132, 146, 110];
        ImageBuffer image = Load(ImageResizeTests.Create(3, 1, 12, 5));
        new RandomGrayscale(1).Apply(image, new Philox(1));
        Assert.Equal([.. expected, .. expected, .. expected], image.Pixels.ToArray());
        image = Load(ImageResizeTests.Create(3, 1, 12, 5));
        new RandomGrayscale(0).Apply(image, new Philox(1));
        Assert.Equal(ImageResizeTests.Create(3, 1, 12, 5).Pixels, image.Pixels.ToArray());
    }

    [Fact]
    public void ToTensor_and_Normalize_are_Torchs()
    {
        // torch.arange(256).to(float32).div(255), then .sub(0.485).div(0.229).
        byte[] all = [.. Enumerable.Range(0, 256).Select(static i => (byte)i)];
        ImageBuffer image = Load(new ByteImage(all, 1, 16, 16));
        new ToTensor().Apply(image, new Philox(1));
        Assert.Equal("010413efe9fc4438", Hash(image.Values));
        new Normalize([0.485f], [0.229f]).Apply(image, new Philox(1));
        Assert.Equal("22f8908fe40645f7", Hash(image.Values));
    }

    [Fact]
    public void Every_length_is_converted_alike()
    {
        for (int n = 1; n <= 257; n++)
        {
            byte[] pixels = ImageResizeTests.Create(1, 1, n, (uint)n).Pixels;
            var values = new float[n];
            PixelMath.ToUnit(pixels, values);
            for (int i = 0; i < n; i++) Assert.Equal(pixels[i] / 255f, values[i]);
            PixelMath.Normalize(values, 0.25f, 0.3f);
            for (int i = 0; i < n; i++) Assert.Equal((pixels[i] / 255f - 0.25f) / 0.3f, values[i]);
        }
    }

    [Fact]
    public void Crops_take_their_part()
    {
        byte[] pixels = ImageResizeTests.Create(1, 5, 7, 3).Pixels;
        ImageBuffer image = Load(new ByteImage(pixels, 1, 5, 7));
        new CenterCrop(3, 4).Apply(image, new Philox(1));
        // round((7 - 4) / 2.0) is 2: halves go to even.
        Assert.Equal(Enumerable.Range(0, 12).Select(i => pixels[(1 + i / 4) * 7 + 2 + i % 4]), image.Pixels.ToArray());

        image = Load(new ByteImage([1, 2, 3, 4], 1, 2, 2));
        new CenterCrop(5, 4).Apply(image, new Philox(1));
        Assert.Equal([0, 0, 0, 0, 0, 1, 2, 0, 0, 3, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0], image.Pixels.ToArray());

        // A padded crop shows every place, zeros outside.
        var places = new HashSet<(int, int)>();
        var random = new Philox(3);
        for (int i = 0; i < 300; i++)
        {
            image = Load(new ByteImage([7, 7, 7, 7, 9, 7, 7, 7, 7], 1, 3, 3));
            new RandomCrop(3, padding: 1).Apply(image, random);
            int nine = image.Pixels.IndexOf((byte)9);
            places.Add((nine / 3, nine % 3));
            int top = nine / 3 - 1, left = nine % 3 - 1;
            for (int at = 0; at < 9; at++)
            {
                int y = at / 3 - top, x = at % 3 - left;
                Assert.Equal(y is < 0 or > 2 || x is < 0 or > 2 ? 0 : y == 1 && x == 1 ? 9 : 7, image.Pixels[at]);
            }
        }

        Assert.Equal(9, places.Count);
    }

    [Fact]
    public void Flips_mirror_every_channel()
    {
        ImageBuffer image = Load(
            new ByteImage([1, 2, 3, 4, 5, 6, 11, 12, 13, 14, 15, 16, 21, 22, 23, 24, 25, 26], 3, 2, 3));
        new RandomHorizontalFlip(1).Apply(image, new Philox(1));
        Assert.Equal([3, 2, 1, 6, 5, 4, 13, 12, 11, 16, 15, 14, 23, 22, 21, 26, 25, 24], image.Pixels.ToArray());
        new RandomVerticalFlip(1).Apply(image, new Philox(1));
        Assert.Equal([6, 5, 4, 3, 2, 1, 16, 15, 14, 13, 12, 11, 26, 25, 24, 23, 22, 21], image.Pixels.ToArray());
        int flipped = 0;
        var random = new Philox(2);
        for (int i = 0; i < 1000; i++)
        {
            image = Load(new ByteImage([1, 2], 1, 1, 2));
            new RandomHorizontalFlip().Apply(image, random);
            flipped += image.Pixels[0] - 1;
        }

        Assert.InRange(flipped, 430, 570);
    }

    [Theory]
    [InlineData(10, 20, 5, 10)]
    [InlineData(20, 10, 10, 5)]
    [InlineData(10, 13, 5, 6)]
    [InlineData(7, 7, 5, 5)]
    public void Resize_to_a_size_keeps_the_proportion(int height, int width, int newHeight, int newWidth)
    {
        ImageBuffer image = Load(ImageResizeTests.Create(3, height, width, 1));
        new Resize(5).Apply(image, new Philox(1));
        Assert.Equal((newHeight, newWidth), (image.Height, image.Width));
        Assert.Equal(ImageResize.Bilinear(ImageResizeTests.Create(3, height, width, 1), newHeight, newWidth).Pixels,
            image.Pixels.ToArray());
    }

    [Fact]
    public void What_does_not_fit_is_refused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => new RandomGrayscale(1.5));
        Assert.Throws<ArgumentOutOfRangeException>(() => new Resize(0));
        Assert.Throws<ArgumentException>(() => new Normalize([0f, 0f], [1f]));
        Assert.Throws<ArgumentException>(() => new Normalize([0f], [0f]));
        Assert.Contains(
            "Resize it first",
            Assert.Throws<ArgumentException>(
                () => new RandomCrop(5).Apply(Load(ImageResizeTests.Create(1, 4, 9, 1)), new Philox(1))).Message,
            StringComparison.Ordinal);
        ImageSet set = SyntheticFashion.Create(1, 4, 0).Train;
        Assert.Contains(
            "Add ToTensor",
            Assert.Throws<ArgumentException>(() => new TransformedDataset(set, [new Resize(8, 8)])).Message,
            StringComparison.Ordinal);
        Assert.Contains(
            "before ToTensor",
            Assert.Throws<InvalidOperationException>(
                () => new TransformedDataset(set, [new ToTensor(), new Resize(8, 8)])).Message,
            StringComparison.Ordinal);
        Assert.Contains(
            "after ToTensor",
            Assert.Throws<InvalidOperationException>(
                () => new TransformedDataset(set, [Normalize.ImageNet, new ToTensor()])).Message,
            StringComparison.Ordinal);
        Assert.Contains(
            "3 channels",
            Assert.Throws<ArgumentException>(
                () => new TransformedDataset(set, [new ToTensor(), Normalize.ImageNet])).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Mixed_sizes_need_a_resize()
    {
        ByteImage[] images = [ImageResizeTests.Create(3, 9, 8, 1), ImageResizeTests.Create(3, 8, 9, 2)];
        var mixed = new TransformedDataset(images, [0, 1], [new ToTensor()]);
        ArgumentException error = Assert.Throws<ArgumentException>(
            () => mixed.CopyTo([0, 1], Tensor.Zeros([2, 3, 9, 8])));
        Assert.Contains("sample 1", error.Message, StringComparison.Ordinal);
        Assert.Contains("Resize(height, width)", error.Message, StringComparison.Ordinal);
        var resized = new TransformedDataset(images, [0, 1], [new Compose(new Resize(4, 4), new ToTensor())]);
        resized.CopyTo([0, 1], Tensor.Zeros([2, 3, 4, 4]));
        Assert.Equal([3, 4, 4], resized.SampleShape);
        Assert.Throws<ArgumentException>(() => new TransformedDataset(images, [0], [new ToTensor()]));
        Assert.Throws<ArgumentException>(() => new TransformedDataset([], [], [new ToTensor()]));
    }

    [Fact]
    public void A_sample_depends_on_seed_epoch_and_index_only()
    {
        ImageSet set = SyntheticBanknotes.Create(1, 12).Images;
        Transform[] transforms =
        [
            new Resize(32, 32), new RandomCrop(32, padding: 4), new RandomGrayscale(0.5), new RandomHorizontalFlip(),
            new RandomVerticalFlip(), new ToTensor(), Normalize.ImageNet,
        ];
        TransformedDataset a = new(set, transforms, seed: 3), b = new(set, transforms, seed: 3),
            other = new(set, transforms, seed: 4);
        float[] forward = Read(a, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]),
            backward = Read(b, [11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0]);
        const int Size = 3 * 32 * 32;
        for (int i = 0; i < 12; i++)
            Assert.Equal(forward.AsSpan(i * Size, Size), backward.AsSpan((11 - i) * Size, Size));
        Assert.NotEqual(forward, Read(other, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]));
        b.Epoch = 1;
        Assert.NotEqual(Read(a, [5]), Read(b, [5]));
        b.Epoch = 0;
        Assert.Equal(Read(a, [5]), Read(b, [5]));
    }

    [Fact]
    public void The_plain_path_is_the_path_of_transforms()
    {
        // A transform that does nothing takes the set off its fast path.
        ImageSet set = SyntheticBanknotes.Create(1, 7).Images;
        int[] indices = [3, 0, 6, 6];
        foreach (Transform[] tail in new Transform[][] { [new ToTensor()], [new ToTensor(), Normalize.ImageNet] })
        {
            TransformedDataset plain = new(set, tail), general = new(set, [new CenterCrop(64), .. tail]);
            Assert.Equal(Read(general, indices), Read(plain, indices));
            Tensor wide = Tensor.Zeros([4, 3, 64, 64], DType.Float64);
            plain.CopyTo(indices, wide);
            Assert.Equal(Read(plain, indices).Select(static x => (double)x), wide.ToArray<double>());
        }

        Assert.Equal([set.Labels[3], set.Labels[0], set.Labels[6], set.Labels[6]],
            new TransformedDataset(set, [new ToTensor()]).LabelsOf(indices));
    }

    [Fact]
    public void A_subset_reads_its_own_samples()
    {
        var whole = new TensorDataset(Tensor.From([10f, 11, 12, 13, 14], [5, 1]), Tensor.Labels(0, 1, 2, 3, 4));
        var inner = new Subset(new Subset(whole, [4, 2, 0]), [2, 0]);
        Assert.Equal((2, whole.SampleShape), (inner.Count, inner.SampleShape));
        Assert.Equal([14f, 10], Read(inner, [1, 0]));
        Assert.Equal([4L, 0L], inner.LabelsOf([1, 0]));
        Assert.Throws<ArgumentOutOfRangeException>(() => new Subset(whole, [5]));
        var changing = new TransformedDataset(
            SyntheticFashion.Create(1, 3, 0).Train, [new RandomCrop(28, padding: 3), new ToTensor()]);
        new Subset(changing, [1]).Epoch = 7;
        Assert.Equal(7, changing.Epoch);
    }

    [Fact]
    public void Nothing_is_allocated_a_sample()
    {
        var set = new TransformedDataset(SyntheticBanknotes.Create(1, 8).Images,
            [new Resize(32, 32), new CenterCrop(28), new ToTensor(), Normalize.ImageNet]);
        Tensor batch = Tensor.Zeros([8, 3, 28, 28]);
        int[] indices = [0, 1, 2, 3, 4, 5, 6, 7];
        set.CopyTo(indices, batch);
        Assert.InRange(Allocations.Of(() => set.CopyTo(indices, batch)), 0, 256);
    }

    private static float[] Read(IDataset set, int[] indices)
    {
        Span<int> sizes = stackalloc int[6];
        sizes[0] = indices.Length;
        set.SampleShape.CopyTo(sizes[1..]);
        Tensor batch = Tensor.Zeros(new Shape(sizes[..(set.SampleShape.Rank + 1)]));
        set.CopyTo(indices, batch);
        return batch.ToArray<float>();
    }

    private static ImageBuffer Load(ByteImage image)
    {
        var buffer = new ImageBuffer();
        buffer.Load(image.Pixels, image.Channels, image.Height, image.Width);
        return buffer;
    }

    private static string Hash(ReadOnlySpan<float> values) =>
        Convert.ToHexStringLower(SHA256.HashData(MemoryMarshal.AsBytes(values)))[..16];
}
