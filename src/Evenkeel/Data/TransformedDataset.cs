using System.Buffers;
using Evenkeel.Kernels;
using Evenkeel.Random;

namespace Evenkeel.Data;

/// <summary>
/// A data set whose samples differ from epoch to epoch. Trainers and loaders say which epoch it is before they read.
/// </summary>
public interface IEpochDataset : IDataset
{
    /// <summary>The number of the epoch, counted from 0. Do not set it while samples are read.</summary>
    int Epoch { get; set; }
}

/// <summary>
/// Images and the transforms that are applied to each before a network sees it. A sample is a function of (seed, epoch,
/// its index). It is the same on every machine, in any order, and on any number of threads.
/// </summary>
public sealed class TransformedDataset : IEpochDataset
{
    /// <summary>Number of values that a chunk of plain conversion handles, which takes about 2 µs.</summary>
    private const int ChunkValues = 1 << 14;

    [ThreadStatic]
    private static ImageBuffer? t_buffer;

    private readonly ImageSet? _set;
    private readonly IReadOnlyList<ByteImage> _images = [];
    private readonly int[] _labels = [];
    private readonly Transform[] _transforms;
    private readonly bool _isRandom;
    private readonly Normalize? _normalize;
    private readonly bool _isPlain;
    private readonly Philox _random;
    private readonly int _size;
    private Philox _ofEpoch;
    private int _epoch;

    /// <summary>Transforms the images of a set.</summary>
    /// <param name="images">The images.</param>
    /// <param name="transforms">The transforms in their order. <see cref="ToTensor"/> must be among them.</param>
    /// <param name="seed">Seed of the random transforms.</param>
    /// <exception cref="ArgumentException">There are no images, or the transforms do not fit them.</exception>
    public TransformedDataset(ImageSet images, IReadOnlyList<Transform> transforms, ulong seed = 0)
        : this(transforms, seed, images ?? throw new ArgumentNullException(nameof(images)), [], [])
    {
    }

    /// <summary>Transforms pictures of any sizes.</summary>
    /// <param name="images">The pictures.</param>
    /// <param name="labels">A class label for each, from 0 on.</param>
    /// <param name="transforms">
    /// The transforms in their order. <see cref="ToTensor"/> must be among them, and a <see cref="Resize"/> or crop if
    /// sizes differ.
    /// </param>
    /// <param name="seed">Seed of the random transforms.</param>
    /// <exception cref="ArgumentException">
    /// There are no pictures, there are not as many labels as pictures, or the transforms do not fit them.
    /// </exception>
    public TransformedDataset(
        IReadOnlyList<ByteImage> images, IReadOnlyList<int> labels, IReadOnlyList<Transform> transforms, ulong seed = 0)
        : this(transforms, seed, null, images ?? throw new ArgumentNullException(nameof(images)),
            [.. labels ?? throw new ArgumentNullException(nameof(labels))])
    {
        if (images.Count != labels.Count)
        {
            throw new ArgumentException(
                $"TransformedDataset: expected a label for each of {images.Count} pictures, got {labels.Count}.",
                nameof(labels));
        }
    }

    private TransformedDataset(
        IReadOnlyList<Transform> transforms, ulong seed, ImageSet? set, IReadOnlyList<ByteImage> images, int[] labels)
    {
        ArgumentNullException.ThrowIfNull(transforms);
        _transforms = [.. Flat(transforms)];
        (_set, _images, _labels) = (set, images, labels);
        if (Count == 0) throw new ArgumentException("TransformedDataset: expected images, got none.", nameof(images));
        _isRandom = _transforms.Any(static transform => transform.IsRandom);
        _isPlain = set is not null && _transforms is [ToTensor] or [ToTensor, Evenkeel.Data.Normalize];
        _normalize = _isPlain && _transforms.Length == 2 ? (Normalize)_transforms[1] : null;
        _random = new Philox(seed, "transforms");
        _ofEpoch = _random.Split(0UL);
        ImageBuffer first = Make(0);
        if (!first.IsTensor)
        {
            throw new ArgumentException(
                $"TransformedDataset: expected transforms that end in floats, "
                + $"got [{string.Join(", ", (object[])_transforms)}]. Add ToTensor.",
                nameof(transforms));
        }

        SampleShape = [first.Channels, first.Height, first.Width];
        _size = SampleShape.Count;
    }

    /// <inheritdoc/>
    public int Count => _set?.Count ?? _images.Count;

    /// <inheritdoc/>
    public Shape SampleShape { get; }

    /// <inheritdoc/>
    public int Epoch
    {
        get => _epoch;
        set
        {
            ArgumentOutOfRangeException.ThrowIfNegative(value);
            if (value == _epoch) return;
            _epoch = value;
            _ofEpoch = _random.Split((ulong)value);
        }
    }

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">A transformed picture has another shape than the first one.</exception>
    public void CopyTo(ReadOnlySpan<int> indices, Tensor batch)
    {
        ArgumentNullException.ThrowIfNull(batch);
        if (batch.Count != (long)indices.Length * _size)
        {
            throw new ArgumentException(
                $"TransformedDataset: expected a batch of ({indices.Length}, {SampleShape}), got {batch.Shape}.",
                nameof(batch));
        }

        int perChunk = _isPlain ? Math.Max(1, ChunkValues / _size) : 1,
            chunks = (indices.Length + perChunk - 1) / perChunk;
        if (batch.DType == DType.Float32)
        {
            Workers.Run(chunks,
                new SingleJob { Set = this, Indices = indices, Target = batch.AsSpan<float>(), Rows = perChunk });
        }
        else
        {
            Workers.Run(chunks,
                new DoubleJob { Set = this, Indices = indices, Target = batch.AsSpan<double>(), Rows = perChunk });
        }
    }

    /// <inheritdoc/>
    public void CopyTargetsTo(ReadOnlySpan<int> indices, Tensor targets)
    {
        ArgumentNullException.ThrowIfNull(targets);
        ReadOnlySpan<int> all = _set is null ? _labels : _set.Labels;
        Span<long> labels = targets.AsSpan<long>();
        for (int i = 0; i < indices.Length; i++) labels[i] = all[indices[i]];
    }

    /// <summary>One sample, (C, H, W), in the shape <see cref="SampleShape"/>.</summary>
    private void Write(int index, Span<float> target)
    {
        if (_isPlain)
        {
            PixelMath.ToUnit(_set!.Image(index), target);
            _normalize?.Apply(target, _set.Channels);
            return;
        }

        ImageBuffer image = Make(index);
        if (!image.IsTensor || image.Channels != SampleShape[0] || image.Height != SampleShape[1]
            || image.Width != SampleShape[2])
        {
            throw new ArgumentException($"TransformedDataset: expected every sample in the shape of the first, "
                + $"{SampleShape}, got ({image.Channels}, {image.Height}, {image.Width}) for sample {index}. "
                + "Pictures of different sizes need a Resize(height, width) or a crop.", nameof(index));
        }

        image.Values.CopyTo(target);
    }

    private ImageBuffer Make(int index)
    {
        ImageBuffer image = t_buffer ??= new ImageBuffer();
        if (_set is not null)
        {
            image.Load(_set.Image(index), _set.Channels, _set.Height, _set.Width);
        }
        else
        {
            ByteImage picture = _images[index];
            image.Load(picture.Pixels, picture.Channels, picture.Height, picture.Width);
        }

        Philox random = _isRandom ? _ofEpoch.Split((ulong)index) : _ofEpoch;
        foreach (Transform transform in _transforms) transform.Apply(image, random);
        return image;
    }

    private static IEnumerable<Transform> Flat(IReadOnlyList<Transform> transforms)
    {
        foreach (Transform transform in transforms)
        {
            if (transform is not Compose compose) yield return transform;
            else foreach (Transform inner in Flat(compose.Transforms)) yield return inner;
        }
    }

    private ref struct SingleJob : IJob
    {
        public TransformedDataset Set;
        public ReadOnlySpan<int> Indices;
        public Span<float> Target;
        public int Rows;

        public readonly void Invoke(int chunk)
        {
            int end = Math.Min(Indices.Length, (chunk + 1) * Rows), size = Set._size;
            for (int i = chunk * Rows; i < end; i++) Set.Write(Indices[i], Target.Slice(i * size, size));
        }
    }

    private ref struct DoubleJob : IJob
    {
        public TransformedDataset Set;
        public ReadOnlySpan<int> Indices;
        public Span<double> Target;
        public int Rows;

        public readonly void Invoke(int chunk)
        {
            int end = Math.Min(Indices.Length, (chunk + 1) * Rows), size = Set._size;
            float[] rented = ArrayPool<float>.Shared.Rent(size);
            Span<float> row = rented.AsSpan(0, size);
            for (int i = chunk * Rows; i < end; i++)
            {
                Set.Write(Indices[i], row);
                for (int j = 0; j < size; j++) Target[i * size + j] = row[j];
            }

            ArrayPool<float>.Shared.Return(rented);
        }
    }
}

/// <summary>Some samples of a data set, for example one part of a split.</summary>
public sealed class Subset : IEpochDataset
{
    [ThreadStatic]
    private static int[]? t_indices;

    private readonly IDataset _dataset;
    private readonly int[] _indices;

    /// <summary>The given samples, in the given order.</summary>
    /// <param name="dataset">The whole set.</param>
    /// <param name="indices">Indices into it.</param>
    /// <exception cref="ArgumentOutOfRangeException">An index is not inside the set.</exception>
    public Subset(IDataset dataset, ReadOnlySpan<int> indices)
    {
        ArgumentNullException.ThrowIfNull(dataset);
        foreach (int index in indices)
        {
            if ((uint)index >= (uint)dataset.Count)
            {
                throw new ArgumentOutOfRangeException(
                    nameof(indices), $"Subset: expected indices from 0 to {dataset.Count - 1}, got {index}.");
            }
        }

        (_dataset, _indices) = (dataset, indices.ToArray());
    }

    /// <summary>The indices into the whole set.</summary>
    public ReadOnlySpan<int> Indices => _indices;

    /// <inheritdoc/>
    public int Count => _indices.Length;

    /// <inheritdoc/>
    public Shape SampleShape => _dataset.SampleShape;

    /// <inheritdoc/>
    public Shape TargetShape => _dataset.TargetShape;

    /// <inheritdoc/>
    public DType TargetType => _dataset.TargetType;

    /// <summary>The epoch of the whole set, if it has one.</summary>
    public int Epoch
    {
        get => (_dataset as IEpochDataset)?.Epoch ?? 0;
        set
        {
            if (_dataset is IEpochDataset dataset) dataset.Epoch = value;
        }
    }

    /// <inheritdoc/>
    public void CopyTo(ReadOnlySpan<int> indices, Tensor batch) => _dataset.CopyTo(Inner(indices), batch);

    /// <inheritdoc/>
    public void CopyTargetsTo(ReadOnlySpan<int> indices, Tensor targets) =>
        _dataset.CopyTargetsTo(Inner(indices), targets);

    private ReadOnlySpan<int> Inner(ReadOnlySpan<int> indices)
    {
        // A subset of a subset reuses the memory in place: it reads at i and writes at i.
        if (t_indices is null || t_indices.Length < indices.Length) t_indices = new int[indices.Length];
        Span<int> inner = t_indices.AsSpan(0, indices.Length);
        for (int i = 0; i < indices.Length; i++) inner[i] = _indices[indices[i]];
        return inner;
    }
}
