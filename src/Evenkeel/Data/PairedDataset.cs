namespace Evenkeel.Data;

/// <summary>The samples of one set with targets from elsewhere.</summary>
/// <param name="inputs">The set whose samples are read.</param>
/// <param name="targets">The set whose samples are the targets. Null if they come from a tensor.</param>
/// <param name="targetShape">The shape of one target.</param>
/// <param name="targetType">The type of targets.</param>
/// <param name="copyTargets">Writes the targets of samples into a batch.</param>
internal sealed class PairedDataset(
    IDataset inputs, IDataset? targets, Shape targetShape, DType targetType,
    Action<ReadOnlySpan<int>, Tensor> copyTargets) : IEpochDataset
{
    public int Count => inputs.Count;

    public Shape SampleShape => inputs.SampleShape;

    public Shape TargetShape => targetShape;

    public DType TargetType => targetType;

    public int Epoch
    {
        get => (inputs as IEpochDataset)?.Epoch ?? (targets as IEpochDataset)?.Epoch ?? 0;
        set
        {
            if (inputs is IEpochDataset first) first.Epoch = value;
            if (targets is IEpochDataset second) second.Epoch = value;
        }
    }

    public void CopyTo(ReadOnlySpan<int> indices, Tensor batch) => inputs.CopyTo(indices, batch);

    public void CopyTargetsTo(ReadOnlySpan<int> indices, Tensor batch) => copyTargets(indices, batch);
}
