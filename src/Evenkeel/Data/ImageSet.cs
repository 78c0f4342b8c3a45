using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Evenkeel.Kernels;

namespace Evenkeel.Data;

/// <summary>
/// Labelled images as they are stored: one byte per value, (N, C, H, W) row-major. They become floats when a batch
/// needs them (<see cref="CopyTo"/>), so a data set takes a quarter of the memory. A set is immutable. A
/// <see cref="Slice"/> shares the pixels.
/// </summary>
public sealed class ImageSet
{
    private readonly ReadOnlyMemory<byte> _pixels;
    private readonly ReadOnlyMemory<int> _labels;

    /// <summary>Makes a set over the given arrays. They are kept, not copied: do not change them afterwards.</summary>
    /// <param name="pixels">N·C·H·W values.</param>
    /// <param name="labels">N labels, each an index into <paramref name="classNames"/>.</param>
    /// <param name="channels">C.</param>
    /// <param name="height">H.</param>
    /// <param name="width">W.</param>
    /// <param name="classNames">The names of the classes.</param>
    /// <param name="name">The name of the set, for reports.</param>
    /// <param name="source">Where it came from, for reports.</param>
    /// <exception cref="ArgumentException">The sizes do not fit each other, or a label names no class.</exception>
    public ImageSet(
        byte[] pixels, int[] labels, int channels, int height, int width, IReadOnlyList<string> classNames, string name,
        string source)
        : this(
            (ReadOnlyMemory<byte>)(pixels ?? throw new ArgumentNullException(nameof(pixels))),
            labels ?? throw new ArgumentNullException(nameof(labels)), channels, height, width, classNames, name,
            source)
    {
        ArgumentNullException.ThrowIfNull(classNames);
        ArgumentOutOfRangeException.ThrowIfLessThan(channels, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(height, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(width, 1);
        if (pixels.Length != (long)labels.Length * channels * height * width)
        {
            throw new ArgumentException(
                $"ImageSet: expected {labels.Length} x {channels} x {height} x {width} pixel values for "
                + $"{labels.Length} labels, got {pixels.Length}.",
                nameof(pixels));
        }

        for (int i = 0; i < labels.Length; i++)
        {
            if ((uint)labels[i] >= (uint)classNames.Count)
            {
                throw new ArgumentException(
                    $"ImageSet: expected labels from 0 to {classNames.Count - 1}, got {labels[i]} for sample {i}.",
                    nameof(labels));
            }
        }
    }

    private ImageSet(
        ReadOnlyMemory<byte> pixels, ReadOnlyMemory<int> labels, int channels, int height, int width,
        IReadOnlyList<string> classNames, string name, string source)
    {
        (_pixels, _labels, Channels, Height, Width, ClassNames, Name, Source) =
            (pixels, labels, channels, height, width, classNames, name, source);
    }

    /// <summary>Number of images N.</summary>
    public int Count => _labels.Length;

    /// <summary>Channels C.</summary>
    public int Channels { get; }

    /// <summary>Height H in pixels.</summary>
    public int Height { get; }

    /// <summary>Width W in pixels.</summary>
    public int Width { get; }

    /// <summary>Values per image: C·H·W.</summary>
    public int ImageSize => Channels * Height * Width;

    /// <summary>The names of the classes.</summary>
    public IReadOnlyList<string> ClassNames { get; }

    /// <summary>The name of the set.</summary>
    public string Name { get; }

    /// <summary>Where it came from.</summary>
    public string Source { get; }

    /// <summary>All values, (N, C, H, W) row-major.</summary>
    public ReadOnlySpan<byte> Pixels => _pixels.Span;

    /// <summary>The N labels.</summary>
    public ReadOnlySpan<int> Labels => _labels.Span;

    /// <summary>The values of one image, (C, H, W).</summary>
    /// <exception cref="ArgumentOutOfRangeException">
    /// <paramref name="index"/> is not below <see cref="Count"/>.
    /// </exception>
    public ReadOnlySpan<byte> Image(int index)
    {
        CheckIndex(index);
        return _pixels.Span.Slice(index * ImageSize, ImageSize);
    }

    /// <summary>
    /// <paramref name="count"/> images from <paramref name="start"/> on. The result shares the pixels.
    /// </summary>
    /// <param name="start">The first image.</param>
    /// <param name="count">The number of images.</param>
    /// <param name="name">The name of the part. Null takes this name. Default: null.</param>
    /// <exception cref="ArgumentOutOfRangeException">The range is not inside the set.</exception>
    public ImageSet Slice(int start, int count, string? name = null)
    {
        if ((uint)start > (uint)Count || (uint)count > (uint)(Count - start))
        {
            throw new ArgumentOutOfRangeException(
                nameof(count), $"ImageSet: expected a range inside the {Count} images, got {count} from {start} on.");
        }

        return new ImageSet(
            _pixels.Slice(start * ImageSize, count * ImageSize), _labels.Slice(start, count), Channels, Height, Width,
            ClassNames, name ?? Name, Source);
    }

    /// <summary>
    /// The same images under another name, with other names of the classes. Their number must be the same.
    /// </summary>
    internal ImageSet As(string name, IReadOnlyList<string> classNames) =>
        new(_pixels, _labels, Channels, Height, Width, classNames, name, Source);

    /// <summary>
    /// Makes a batch: the images of the given indices as floats from 0 to 255, minus the mean image. A byte converts to
    /// a float without rounding.
    /// </summary>
    /// <param name="indices">Indices of images, in the order of the batch. They may repeat.</param>
    /// <param name="destination">indices.Length · C·H·W values, (N, C, H, W).</param>
    /// <param name="meanImage">C·H·W values to subtract from each image, or empty for none.</param>
    /// <exception cref="ArgumentException">A length does not fit.</exception>
    /// <exception cref="ArgumentOutOfRangeException">An index is not inside the set.</exception>
    public void CopyTo(ReadOnlySpan<int> indices, Span<float> destination, ReadOnlySpan<float> meanImage = default)
    {
        int size = ImageSize;
        CheckLengths(indices.Length, destination.Length, meanImage.Length);
        foreach (int index in indices) CheckIndex(index);
        ReadOnlySpan<byte> pixels = _pixels.Span;
        for (int i = 0; i < indices.Length; i++)
            Convert(pixels.Slice(indices[i] * size, size), destination.Slice(i * size, size), meanImage);
    }

    /// <summary>All images in order, as <see cref="CopyTo"/> writes them.</summary>
    /// <param name="destination"><see cref="Count"/> · C·H·W values, (N, C, H, W).</param>
    /// <param name="meanImage">C·H·W values to subtract from each image, or empty for none.</param>
    /// <exception cref="ArgumentException">A length does not fit.</exception>
    public void CopyAllTo(Span<float> destination, ReadOnlySpan<float> meanImage = default)
    {
        int size = ImageSize;
        CheckLengths(Count, destination.Length, meanImage.Length);
        ReadOnlySpan<byte> pixels = _pixels.Span;
        for (int i = 0; i < Count; i++)
            Convert(pixels.Slice(i * size, size), destination.Slice(i * size, size), meanImage);
    }

    /// <summary>The labels of the given indices.</summary>
    /// <exception cref="ArgumentException">
    /// <paramref name="destination"/> is not as long as <paramref name="indices"/>.
    /// </exception>
    /// <exception cref="ArgumentOutOfRangeException">An index is not inside the set.</exception>
    public void CopyLabelsTo(ReadOnlySpan<int> indices, Span<int> destination)
    {
        if (destination.Length != indices.Length)
        {
            throw new ArgumentException(
                $"ImageSet.CopyLabelsTo: expected room for {indices.Length} labels, got {destination.Length}.",
                nameof(destination));
        }

        ReadOnlySpan<int> labels = _labels.Span;
        for (int i = 0; i < indices.Length; i++)
        {
            CheckIndex(indices[i]);
            destination[i] = labels[indices[i]];
        }
    }

    /// <summary>
    /// The mean over all images, (C, H, W). The sums are integers, and one division in double is rounded to float, so
    /// the result does not depend on any order.
    /// </summary>
    /// <exception cref="InvalidOperationException">The set is empty.</exception>
    public float[] MeanImage()
    {
        if (Count == 0)
            throw new InvalidOperationException("ImageSet.MeanImage: expected at least one image, got an empty set.");
        var mean = new ImageMean(ImageSize);
        for (int i = 0; i < Count; i++) mean.Add(Image(i));
        return mean.ToArray();
    }

    /// <summary>For example <c>CIFAR-10 train: 50000 x 3x32x32, 10 classes</c>.</summary>
    public override string ToString() => $"{Name}: {Count} x {Channels}x{Height}x{Width}, {ClassNames.Count} classes";

    private void CheckIndex(int index)
    {
        if ((uint)index >= (uint)Count)
        {
            throw new ArgumentOutOfRangeException(
                nameof(index), $"ImageSet: expected an index from 0 to {Count - 1}, got {index}.");
        }
    }

    private void CheckLengths(int count, int destination, int mean)
    {
        if (destination != (long)count * ImageSize)
        {
            throw new ArgumentException(
                $"ImageSet.CopyTo: expected room for {count} x {ImageSize} values, got {destination}.",
                nameof(destination));
        }

        if (mean != 0 && mean != ImageSize)
        {
            throw new ArgumentException(
                $"ImageSet.CopyTo: expected a mean image of {ImageSize} values or none, got {mean}.", nameof(mean));
        }
    }

    /// <summary>
    /// destination = source - mean; without a mean, destination = source. The last pack overlaps the one before it.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static unsafe void Convert(ReadOnlySpan<byte> source, Span<float> destination, ReadOnlySpan<float> mean)
    {
        int n = source.Length;
        if (n < 16)
        {
            for (int i = 0; i < n; i++) destination[i] = source[i] - (mean.IsEmpty ? 0f : mean[i]);
            return;
        }

        fixed (byte* s = source)
        fixed (float* d = destination, m = mean)
        {
            if (m == null)
            {
                for (int i = 0; i < n; i += 16)
                {
                    int at = Math.Min(i, n - 16);
                    Simd.Store(d + at, Widen(s + at));
                }
            }
            else
            {
                for (int i = 0; i < n; i += 16)
                {
                    int at = Math.Min(i, n - 16);
                    Simd.Store(d + at, Widen(s + at) - Simd.Load(m + at));
                }
            }
        }
    }

    /// <summary>16 bytes as 16 floats. The instruction depends on the machine; the values do not.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static unsafe Vector512<float> Widen(byte* p)
    {
        if (Avx512F.IsSupported) return Vector512.ConvertToSingle(Avx512F.ConvertToVector512Int32(Vector128.Load(p)));
        if (Avx2.IsSupported)
        {
            return Vector512.Create(
                Vector256.ConvertToSingle(Avx2.ConvertToVector256Int32(p)),
                Vector256.ConvertToSingle(Avx2.ConvertToVector256Int32(p + 8)));
        }

        (Vector128<ushort> low, Vector128<ushort> high) = Vector128.Widen(Vector128.Load(p));
        (Vector128<uint> a, Vector128<uint> b) = Vector128.Widen(low);
        (Vector128<uint> c, Vector128<uint> d) = Vector128.Widen(high);
        return Vector512.Create(
            Vector256.Create(Vector128.ConvertToSingle(a.AsInt32()), Vector128.ConvertToSingle(b.AsInt32())),
            Vector256.Create(Vector128.ConvertToSingle(c.AsInt32()), Vector128.ConvertToSingle(d.AsInt32())));
    }
}

/// <summary>Adds up images in integers: 16 bits for up to 256 images, then 64 bits.</summary>
internal sealed class ImageMean(int size)
{
    private readonly ushort[] _partial = new ushort[size];
    private readonly ulong[] _sums = new ulong[size];
    private int _inPartial;
    private long _count;

    public void Add(ReadOnlySpan<byte> image)
    {
        AddBytes(image, _partial);
        _count++;
        if (++_inPartial == 256) Flush();
    }

    public float[] ToArray()
    {
        Flush();
        var mean = new float[_sums.Length];
        for (int i = 0; i < mean.Length; i++) mean[i] = (float)((double)_sums[i] / _count);
        return mean;
    }

    private void Flush()
    {
        for (int i = 0; i < _partial.Length; i++) _sums[i] += _partial[i];
        _partial.AsSpan().Clear();
        _inPartial = 0;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void AddBytes(ReadOnlySpan<byte> image, Span<ushort> sums)
    {
        ReadOnlySpan<Vector128<byte>> source = MemoryMarshal.Cast<byte, Vector128<byte>>(image);
        Span<Vector128<ushort>> target = MemoryMarshal.Cast<ushort, Vector128<ushort>>(sums);
        for (int i = 0; i < source.Length; i++)
        {
            (Vector128<ushort> low, Vector128<ushort> high) = Vector128.Widen(source[i]);
            target[2 * i] += low;
            target[2 * i + 1] += high;
        }

        for (int i = source.Length * 16; i < image.Length; i++) sums[i] += image[i];
    }
}
