namespace Evenkeel.Data;

/// <summary>
/// Samples and their targets, which become tensors when a batch needs them. A target is a class label, a number, a
/// vector or an image.
/// </summary>
/// <remarks>
/// Read by <see cref="DataLoader"/>. Several loader threads may call the copying methods at once, for different
/// batches. They are called once per step and should not allocate.
/// </remarks>
public interface IDataset
{
    /// <summary>Number of samples.</summary>
    int Count { get; }

    /// <summary>The shape of one sample, without the batch axis.</summary>
    Shape SampleShape { get; }

    /// <summary>
    /// The shape of one target, without the batch axis. Default: (), one class label or one number per sample.
    /// </summary>
    Shape TargetShape => [];

    /// <summary>
    /// <see cref="DType.Int64"/> for class labels. A floating-point type for numbers; a batch then holds them in the
    /// type of its inputs. Default: Int64.
    /// </summary>
    DType TargetType => DType.Int64;

    /// <summary>
    /// Writes samples into a batch of shape (indices, <see cref="SampleShape"/>) of Float32 or Float64.
    /// </summary>
    /// <param name="indices">The samples, from 0 to <see cref="Count"/> - 1.</param>
    /// <param name="batch">Their place, in the order of the indices.</param>
    void CopyTo(ReadOnlySpan<int> indices, Tensor batch);

    /// <summary>
    /// Writes the targets of samples into a batch of shape (indices, <see cref="TargetShape"/>), of Int64 for class
    /// labels and otherwise of Float32 or Float64.
    /// </summary>
    /// <param name="indices">The samples, from 0 to <see cref="Count"/> - 1.</param>
    /// <param name="targets">Their place, in the order of the indices.</param>
    void CopyTargetsTo(ReadOnlySpan<int> indices, Tensor targets);
}

/// <summary>What any data set can be asked.</summary>
public static class DatasetExtensions
{
    /// <summary>The class labels of some samples.</summary>
    /// <param name="dataset">A set of class labels.</param>
    /// <param name="indices">The samples, from 0 to <see cref="IDataset.Count"/> - 1.</param>
    /// <exception cref="ArgumentException">The targets are not one class label per sample.</exception>
    public static long[] LabelsOf(this IDataset dataset, ReadOnlySpan<int> indices)
    {
        ArgumentNullException.ThrowIfNull(dataset);
        if (dataset.TargetType != DType.Int64 || dataset.TargetShape.Rank != 0)
        {
            throw new ArgumentException(
                $"LabelsOf: expected a data set with one class label per sample, got targets of {dataset.TargetType} "
                + $"of shape {dataset.TargetShape}. Read its targets with CopyTargetsTo.", nameof(dataset));
        }

        Tensor labels = Tensor.Zeros([indices.Length], DType.Int64);
        dataset.CopyTargetsTo(indices, labels);
        return labels.ToArray<long>();
    }

    /// <summary>The class labels of all samples, in their order.</summary>
    /// <inheritdoc cref="LabelsOf(IDataset, ReadOnlySpan{int})"/>
    public static long[] LabelsOf(this IDataset dataset)
    {
        ArgumentNullException.ThrowIfNull(dataset);
        return dataset.LabelsOf([.. Enumerable.Range(0, dataset.Count)]);
    }

    /// <summary>The shape of a batch of samples.</summary>
    internal static Shape BatchShape(this IDataset dataset, int count) => WithBatch(dataset.SampleShape, count);

    /// <summary>The shape of a batch of targets.</summary>
    internal static Shape TargetBatchShape(this IDataset dataset, int count) => WithBatch(dataset.TargetShape, count);

    /// <summary>The type of targets beside inputs of a type.</summary>
    internal static DType TargetTypeFor(this IDataset dataset, DType inputs) =>
        dataset.TargetType.IsFloatingPoint() ? inputs : dataset.TargetType;

    /// <summary>The shape of a batch of things of one shape.</summary>
    internal static Shape WithBatch(Shape one, int count)
    {
        Span<int> sizes = stackalloc int[Shape.MaxRank + 1];
        sizes[0] = count;
        one.CopyTo(sizes[1..]);
        return new Shape(sizes[..(one.Rank + 1)]);
    }
}
