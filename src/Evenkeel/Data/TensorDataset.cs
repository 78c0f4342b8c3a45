using System.Numerics;

namespace Evenkeel.Data;

/// <summary>Samples and targets that are already tensors.</summary>
public sealed class TensorDataset : IDataset
{
    /// <summary>Keeps both tensors, which must lie outside any tape.</summary>
    /// <param name="inputs">Samples along axis 0, Float32 or Float64.</param>
    /// <param name="targets">
    /// A target per sample along axis 0: class labels of Int64, or numbers, vectors or images of Float32 or Float64.
    /// </param>
    /// <exception cref="ArgumentException">Shapes or types do not fit.</exception>
    public TensorDataset(Tensor inputs, Tensor targets)
    {
        ArgumentNullException.ThrowIfNull(inputs);
        ArgumentNullException.ThrowIfNull(targets);
        if (inputs.Tape is not null || targets.Tape is not null)
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

        if (targets.Shape.Rank < 1 || targets.Shape[0] != inputs.Shape[0])
        {
            throw new ArgumentException(
                $"TensorDataset: expected targets for {inputs.Shape[0]} samples along axis 0, got shape "
                + $"{targets.Shape}. Class labels are Int64 (Tensor.Labels makes them of integers), numbers Float32 "
                + "or Float64.",
                nameof(targets));
        }

        Inputs = inputs;
        Targets = targets;
        SampleShape = OfOne(inputs.Shape);
        TargetShape = OfOne(targets.Shape);
    }

    /// <summary>All samples, along axis 0.</summary>
    public Tensor Inputs { get; }

    /// <summary>The target of each sample, along axis 0.</summary>
    public Tensor Targets { get; }

    /// <inheritdoc/>
    public int Count => Inputs.Shape[0];

    /// <inheritdoc/>
    public Shape SampleShape { get; }

    /// <inheritdoc/>
    public Shape TargetShape { get; }

    /// <inheritdoc/>
    public DType TargetType => Targets.DType;

    /// <inheritdoc/>
    public void CopyTo(ReadOnlySpan<int> indices, Tensor batch)
    {
        ArgumentNullException.ThrowIfNull(batch);
        CopyRows(Inputs, indices, batch);
    }

    /// <inheritdoc/>
    public void CopyTargetsTo(ReadOnlySpan<int> indices, Tensor targets)
    {
        ArgumentNullException.ThrowIfNull(targets);
        CopyRows(Targets, indices, targets);
    }

    internal static void CopyRows(Tensor rows, ReadOnlySpan<int> indices, Tensor batch)
    {
        int size = rows.Shape[0] == 0 ? 0 : rows.Count / rows.Shape[0];
        if (batch.DType == rows.DType)
        {
            int bytes = size * batch.DType.SizeInBytes();
            Span<byte> source = rows.Bytes(), target = batch.Bytes();
            for (int i = 0; i < indices.Length; i++)
                source.Slice(indices[i] * bytes, bytes).CopyTo(target[(i * bytes)..]);
            return;
        }

        if (batch.DType == DType.Float64)
            Convert<float, double>(rows.AsSpan<float>(), batch.AsSpan<double>(), indices, size);
        else
            Convert<double, float>(rows.AsSpan<double>(), batch.AsSpan<float>(), indices, size);
    }

    private static void Convert<TFrom, TTo>(
        ReadOnlySpan<TFrom> rows, Span<TTo> batch, ReadOnlySpan<int> indices, int size)
        where TFrom : INumberBase<TFrom>
        where TTo : INumberBase<TTo>
    {
        for (int i = 0; i < indices.Length; i++)
        {
            ReadOnlySpan<TFrom> row = rows.Slice(indices[i] * size, size);
            Span<TTo> target = batch.Slice(i * size, size);
            for (int j = 0; j < row.Length; j++) target[j] = TTo.CreateTruncating(row[j]);
        }
    }

    internal static Shape OfOne(Shape all)
    {
        Span<int> sizes = stackalloc int[all.Rank];
        all.CopyTo(sizes);
        return new Shape(sizes[1..]);
    }
}
