using Evenkeel.Data;

namespace Evenkeel.Lab.Experiments.LeNet;

/// <summary>Memory for batches, kept from step to step: one pair of tensors for each size of batch (whole ones and the last).</summary>
internal sealed class BatchBuffer(DType dtype)
{
    private readonly Dictionary<int, (Tensor Inputs, Tensor Labels)> _batches = [];

    /// <summary>The samples of the given indices; valid until the next call.</summary>
    public (Tensor Inputs, Tensor Labels) Read(IDataset data, ReadOnlySpan<int> indices)
    {
        int count = indices.Length;
        if (!_batches.TryGetValue(count, out (Tensor Inputs, Tensor Labels) batch))
        {
            Shape sample = data.SampleShape;
            Span<int> sizes = [count, .. Enumerable.Range(0, sample.Rank).Select(axis => sample[axis])];
            batch = (Tensor.Zeros(new Shape(sizes), dtype), Tensor.Zeros([count], DType.Int64));
            _batches.Add(count, batch);
        }

        data.CopyTo(indices, batch.Inputs);
        data.CopyLabelsTo(indices, batch.Labels.AsSpan<long>());
        return batch;
    }
}
