using System.Buffers;
using Evenkeel.Kernels;

namespace Evenkeel.Data;

/// <summary>Labelled samples that become tensors when a batch needs them.</summary>
public interface IDataset
{
    /// <summary>Number of samples.</summary>
    int Count { get; }

    /// <summary>The shape of one sample, without the batch axis.</summary>
    Shape SampleShape { get; }

    /// <summary>
    /// Writes samples into a batch of shape (indices, <see cref="SampleShape"/>) of Float32 or Float64. Called once per
    /// step: it should not allocate. Several loader threads may call it at once, for different batches.
    /// </summary>
    /// <param name="indices">Positions in the set, in the order of the batch. They may repeat.</param>
    /// <param name="batch">Where the samples go.</param>
    void CopyTo(ReadOnlySpan<int> indices, Tensor batch);

    /// <summary>Writes the class labels of samples.</summary>
    /// <param name="indices">Positions in the set, in the order of the batch.</param>
    /// <param name="labels">Where the labels go, one per index.</param>
    void CopyLabelsTo(ReadOnlySpan<int> indices, Span<long> labels);
}

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
    public void CopyLabelsTo(ReadOnlySpan<int> indices, Span<long> labels)
    {
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

/// <summary>Samples and labels that are already tensors.</summary>
public sealed class TensorDataset : IDataset
{
    private readonly Tensor _inputs;
    private readonly Tensor _labels;
    private readonly int _size;

    /// <summary>Keeps both tensors, which must lie outside any tape.</summary>
    /// <param name="inputs">Samples along axis 0, Float32 or Float64.</param>
    /// <param name="labels">One class label per sample, Int64.</param>
    /// <exception cref="ArgumentException">Shapes or types do not fit.</exception>
    public TensorDataset(Tensor inputs, Tensor labels)
    {
        ArgumentNullException.ThrowIfNull(inputs);
        ArgumentNullException.ThrowIfNull(labels);
        if (inputs.Tape is not null || labels.Tape is not null)
        {
            throw new ArgumentException(
                "TensorDataset: expected tensors outside any tape, got an activation. Clone() it first.",
                nameof(inputs));
        }

        if (inputs.Shape.Rank < 1 || !inputs.DType.IsFloatingPoint())
        {
            throw new ArgumentException(
                $"TensorDataset: expected inputs of floating-point values with samples along axis 0, "
                + $"got {inputs.DType} of shape {inputs.Shape}.",
                nameof(inputs));
        }

        if (labels.DType != DType.Int64 || labels.Shape.Rank != 1 || labels.Count != inputs.Shape[0])
        {
            throw new ArgumentException(
                $"TensorDataset: expected {inputs.Shape[0]} labels of Int64, "
                + $"got {labels.DType} of shape {labels.Shape}. Tensor.Labels makes them of integers.",
                nameof(labels));
        }

        _inputs = inputs;
        _labels = labels;
        Span<int> sizes = stackalloc int[inputs.Shape.Rank];
        inputs.Shape.CopyTo(sizes);
        SampleShape = new Shape(sizes[1..]);
        _size = SampleShape.Count;
    }

    /// <summary>All samples, along axis 0.</summary>
    public Tensor Inputs => _inputs;

    /// <summary>The class label of each sample, Int64.</summary>
    public Tensor Labels => _labels;

    /// <inheritdoc/>
    public int Count => _labels.Count;

    /// <inheritdoc/>
    public Shape SampleShape { get; }

    /// <inheritdoc/>
    public void CopyTo(ReadOnlySpan<int> indices, Tensor batch)
    {
        ArgumentNullException.ThrowIfNull(batch);
        if (batch.DType == _inputs.DType)
        {
            int bytes = _size * batch.DType.SizeInBytes();
            Span<byte> source = _inputs.Bytes(), target = batch.Bytes();
            for (int i = 0; i < indices.Length; i++)
                source.Slice(indices[i] * bytes, bytes).CopyTo(target[(i * bytes)..]);
            return;
        }

        for (int i = 0; i < indices.Length; i++)
        {
            int from = indices[i] * _size, to = i * _size;
            for (int j = 0; j < _size; j++)
            {
                if (batch.DType == DType.Float64) batch.AsSpan<double>()[to + j] = _inputs.AsSpan<float>()[from + j];
                else batch.AsSpan<float>()[to + j] = (float)_inputs.AsSpan<double>()[from + j];
            }
        }
    }

    /// <inheritdoc/>
    public void CopyLabelsTo(ReadOnlySpan<int> indices, Span<long> labels)
    {
        Span<long> all = _labels.AsSpan<long>();
        for (int i = 0; i < indices.Length; i++) labels[i] = all[indices[i]];
    }
}
