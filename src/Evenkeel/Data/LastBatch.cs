namespace Evenkeel.Data;

/// <summary>
/// What happens to the samples that do not fill a last batch. Batch norm cannot normalize a batch of one sample, so
/// there are special policies for a single sample left over.
/// </summary>
public enum LastBatch
{
    /// <summary>A short last batch is used; a single sample left over joins the batch before it.</summary>
    Merge,

    /// <summary>Samples that do not fill a batch are left out of this epoch, PyTorch's <c>drop_last</c>.</summary>
    Drop,

    /// <summary>A short last batch is used; a single sample left over is left out of this epoch.</summary>
    DropSingle,

    /// <summary>A short last batch is used; a single sample left over is an error before the first epoch.</summary>
    Error,

    /// <summary>
    /// A short last batch is used, even if it is a single sample. This is for models without batch norm.
    /// </summary>
    Keep,
}

/// <summary>
/// How an epoch is cut into batches, known before the first one. A set smaller than a batch is one batch.
/// </summary>
public readonly record struct BatchPlan
{
    /// <summary>Plans an epoch.</summary>
    /// <param name="samples">Samples in the set, 1 or more.</param>
    /// <param name="batchSize">Samples per batch, 1 or more.</param>
    /// <param name="lastBatch">What happens to the samples that do not fill a batch.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is below 1.</exception>
    /// <exception cref="ArgumentException">
    /// A single sample is left over and the policy refuses it. Or the single sample is the whole epoch and the policy
    /// leaves it out.
    /// </exception>
    public BatchPlan(int samples, int batchSize, LastBatch lastBatch = LastBatch.Merge)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(samples, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(batchSize, 1);
        (Samples, BatchSize, LastBatch) = (samples, batchSize, lastBatch);
        (int whole, int left) = Math.DivRem(samples, batchSize);
        bool isSingle = left == 1;
        if (isSingle && (lastBatch == LastBatch.Error || (lastBatch == LastBatch.DropSingle && whole == 0)))
        {
            throw new ArgumentException(
                $"BatchPlan: expected a last batch of more than one sample, which batch norm needs, "
                + $"got {samples} samples in {whole} batches of {batchSize} and one of a single sample. "
                + "Choose another batch size, or merge (LastBatch.Merge) or drop (LastBatch.DropSingle) it.",
                nameof(lastBatch));
        }

        if (whole == 0) (Batches, LastSize) = (1, left);
        else if (left == 0 || lastBatch == LastBatch.Drop || (isSingle && lastBatch == LastBatch.DropSingle))
            (Batches, LastSize) = (whole, batchSize);
        else if (isSingle && lastBatch == LastBatch.Merge) (Batches, LastSize) = (whole, batchSize + 1);
        else (Batches, LastSize) = (whole + 1, left);
    }

    /// <summary>Samples in the set.</summary>
    public int Samples { get; }

    /// <summary>Samples per batch, as asked for.</summary>
    public int BatchSize { get; }

    /// <summary>The policy.</summary>
    public LastBatch LastBatch { get; }

    /// <summary>Batches per epoch.</summary>
    public int Batches { get; }

    /// <summary>Samples in the last batch.</summary>
    public int LastSize { get; }

    /// <summary>Samples that an epoch uses.</summary>
    public int Used => (int)((Batches - 1L) * BatchSize + LastSize);

    /// <summary>Samples in the largest batch.</summary>
    public int LargestSize => Batches == 1 ? LastSize : Math.Max(BatchSize, LastSize);

    /// <summary>
    /// True if the last batch holds a single sample and the others hold more. Batch norm fails on it.
    /// </summary>
    public bool EndsWithSingle => LastSize == 1 && BatchSize > 1;

    /// <summary>Samples in a batch.</summary>
    /// <param name="batch">From 0 to <see cref="Batches"/> - 1.</param>
    public int SizeOf(int batch) => batch == Batches - 1 ? LastSize : BatchSize;

    /// <summary>For example <c>60000 samples in 235 batches of 256, the last of 96</c>.</summary>
    public override string ToString()
    {
        if (Batches == 0) return "no samples";
        string text = $"{Samples} {(Samples == 1 ? "sample" : "samples")} in {Batches} "
            + $"{(Batches == 1 ? "batch" : "batches")} of {(Batches == 1 ? LastSize : BatchSize)}";
        if (Batches > 1 && LastSize != BatchSize) text += $", the last of {LastSize}";
        return Used == Samples ? text : $"{text}; {Samples - Used} left out";
    }
}
