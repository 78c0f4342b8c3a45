using System.Buffers;
using Evenkeel.Kernels;

namespace Evenkeel.Data;

/// <summary>
/// Images that stay bytes until a batch needs them. Each is read as values from 0 to 255 minus the mean image.
/// </summary>
public sealed class ImageDataset : IDataset
{
    /// <summary>Number of values that a chunk of work converts, which takes about 2 µs.</summary>
    private const int ChunkValues = 1 << 14;

    private readonly float[] _mean;
    private readonly int _size;

    /// <summary>Makes a data set of an image set.</summary>
    /// <param name="images">The images.</param>
    /// <param name="meanImage">C·H·W values of the training part to subtract; null subtracts nothing.</param>
    /// <param name="flatten">
    /// True gives samples of shape (C·H·W), for models of linear layers; false gives (C, H, W).
    /// </param>
    /// <exception cref="ArgumentException">The mean image has another size.</exception>
    public ImageDataset(ImageSet images, float[]? meanImage = null, bool flatten = false)
    {
        ArgumentNullException.ThrowIfNull(images);
        if (meanImage is not null && meanImage.Length != images.ImageSize)
        {
            throw new ArgumentException(
                $"ImageDataset: expected a mean image of {images.ImageSize} values, got {meanImage.Length}.",
                nameof(meanImage));
        }

        Images = images;
        _mean = meanImage ?? [];
        _size = images.ImageSize;
        SampleShape = flatten ? [images.ImageSize] : [images.Channels, images.Height, images.Width];
    }

    /// <summary>The images.</summary>
    public ImageSet Images { get; }

    /// <inheritdoc/>
    public int Count => Images.Count;

    /// <inheritdoc/>
    public Shape SampleShape { get; }

    /// <inheritdoc/>
    public void CopyTo(ReadOnlySpan<int> indices, Tensor batch)
    {
        ArgumentNullException.ThrowIfNull(batch);
        if (batch.DType == DType.Float32)
        {
            int perChunk = Math.Max(1, ChunkValues / _size);
            Workers.Run((indices.Length + perChunk - 1) / perChunk,
                new Job { Set = this, Indices = indices, Destination = batch.AsSpan<float>(), Rows = perChunk });
            return;
        }

        float[] rented = ArrayPool<float>.Shared.Rent(_size);
        Span<float> values = rented.AsSpan(0, _size);
        Span<double> rows = batch.AsSpan<double>();
        for (int i = 0; i < indices.Length; i++)
        {
            Images.CopyTo(indices.Slice(i, 1), values, _mean);
            Span<double> row = rows.Slice(i * _size, _size);
            for (int j = 0; j < row.Length; j++) row[j] = values[j];
        }

        ArrayPool<float>.Shared.Return(rented);
    }

    /// <inheritdoc/>
    public void CopyTargetsTo(ReadOnlySpan<int> indices, Tensor targets)
    {
        ArgumentNullException.ThrowIfNull(targets);
        Span<long> labels = targets.AsSpan<long>();
        ReadOnlySpan<int> all = Images.Labels;
        for (int i = 0; i < indices.Length; i++) labels[i] = all[indices[i]];
    }

    private ref struct Job : IJob
    {
        public ImageDataset Set;
        public ReadOnlySpan<int> Indices;
        public Span<float> Destination;
        public int Rows;

        public readonly void Invoke(int chunk)
        {
            int start = chunk * Rows, count = Math.Min(Rows, Indices.Length - start), size = Set._size;
            Set.Images.CopyTo(Indices.Slice(start, count), Destination.Slice(start * size, count * size), Set._mean);
        }
    }
}
