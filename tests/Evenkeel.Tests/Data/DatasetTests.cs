using Evenkeel.Data;
using Xunit;

namespace Evenkeel.Tests.Data;

public sealed class DatasetTests
{
    [Fact]
    public void Images_are_read_in_either_type_minus_the_mean()
    {
        byte[] pixels = [.. Enumerable.Range(0, 3 * 1 * 2 * 4).Select(static i => (byte)(i * 10))];
        var images = new ImageSet(pixels, [1, 0, 1], 1, 2, 4, ["a", "b"], "test", "test");
        float[] mean = images.MeanImage();
        var set = new ImageDataset(images, mean);
        Assert.Equal([1, 2, 4], set.SampleShape);
        Assert.Equal([8], new ImageDataset(images, mean, flatten: true).SampleShape);
        Tensor single = Tensor.Zeros([2, 1, 2, 4]), whole = Tensor.Zeros([2, 1, 2, 4], DType.Float64);
        set.CopyTo([2, 0], single);
        set.CopyTo([2, 0], whole);
        Assert.Equal(single.ToArray<float>().Select(static x => (double)x), whole.ToArray<double>());
        Assert.Equal(pixels[16] - mean[0], single.AsSpan<float>()[0]);
        Assert.Equal([1L, 0L], set.LabelsOf([2, 1]));
        Assert.Equal([1L, 0L, 1L], set.LabelsOf());
        Assert.Throws<ArgumentException>(() => new ImageDataset(images, new float[3]));
    }

    [Fact]
    public void Tensors_are_read_in_either_type()
    {
        var set = new TensorDataset(Tensor.From([1.5f, 2, 3, 4, 5, 6], [3, 2]), Tensor.Labels(7, 8, 9));
        Tensor single = Tensor.Zeros([2, 2]), whole = Tensor.Zeros([2, 2], DType.Float64);
        set.CopyTo([2, 0], single);
        set.CopyTo([2, 0], whole);
        Assert.Equal([5f, 6, 1.5f, 2], single.ToArray<float>());
        Assert.Equal([5.0, 6, 1.5, 2], whole.ToArray<double>());
    }
}
