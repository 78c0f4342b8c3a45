using Evenkeel.Data;

namespace Evenkeel.Lab.Experiments.LeNet;

/// <summary>Fashion-MNIST, or what stands in for it, as PyTorch's <c>ToTensor</c> gives it: (1, 28, 28), values from 0 to 1.</summary>
internal sealed class FashionImages(ImageSet train, ImageSet test)
{
    public const int TrainCount = 60_000;
    public const int TestCount = 10_000;

    public UnitImages Train { get; } = new(train);

    public UnitImages Test { get; } = new(test);

    /// <summary>The first images of both parts.</summary>
    public FashionImages Take(int train, int test) => train == Train.Count && test == Test.Count ? this : new FashionImages(Train.Images.Slice(0, train), Test.Images.Slice(0, test));
}

/// <summary>Images that stay bytes until a batch needs them, then pixel / 255, rounded once.</summary>
internal sealed class UnitImages(ImageSet images) : IDataset
{
    private static readonly float[] s_values = [.. Enumerable.Range(0, 256).Select(static value => value / 255f)];

    public ImageSet Images { get; } = images;

    public int Count => Images.Count;

    public Shape SampleShape { get; } = [images.Channels, images.Height, images.Width];

    public void CopyTo(ReadOnlySpan<int> indices, Tensor batch)
    {
        int size = Images.ImageSize;
        for (int i = 0; i < indices.Length; i++)
        {
            ReadOnlySpan<byte> image = Images.Image(indices[i]);
            if (batch.DType == DType.Float64)
            {
                Span<double> row = batch.AsSpan<double>().Slice(i * size, size);
                for (int j = 0; j < size; j++) row[j] = s_values[image[j]];
            }
            else
            {
                Span<float> row = batch.AsSpan<float>().Slice(i * size, size);
                for (int j = 0; j < size; j++) row[j] = s_values[image[j]];
            }
        }
    }

    public void CopyLabelsTo(ReadOnlySpan<int> indices, Span<long> labels)
    {
        ReadOnlySpan<int> all = Images.Labels;
        for (int i = 0; i < indices.Length; i++) labels[i] = all[indices[i]];
    }
}
