namespace Evenkeel.Data;

/// <summary>
/// Samples and their targets. A batch of a loader is valid until the loader is asked for the next one. The loader then
/// reuses its memory, and any use of the batch or its tensors throws. <see cref="Clone"/> makes a copy that may be
/// kept.
/// </summary>
public sealed class Batch
{
    private readonly Tensor _inputs;
    private readonly Tensor _targets;
    private readonly int[] _indices;

    internal Batch(int number, Tensor inputs, Tensor targets, int[] indices, int? of = null)
    {
        (Number, _inputs, _targets, _indices) = (number, inputs, targets, indices);
        CountOfAll = of ?? targets.Shape[0];
    }

    /// <summary>The number of the batch in its epoch, counted from 0.</summary>
    public int Number { get; }

    /// <summary>Number of samples.</summary>
    public int Count => _targets.Shape[0];

    /// <summary>
    /// Number of samples of the whole batch, if this is the share of one process (<see cref="DataLoader.Share"/>);
    /// otherwise <see cref="Count"/>.
    /// </summary>
    public int CountOfAll { get; }

    /// <summary>The samples, (<see cref="Count"/>, sample shape).</summary>
    /// <exception cref="InvalidOperationException">The loader has been asked for another batch since.</exception>
    public Tensor Inputs => InTurn(_inputs);

    /// <summary>
    /// Their targets, (<see cref="Count"/>, target shape): Int64 for class labels, otherwise the type of the inputs.
    /// </summary>
    /// <exception cref="InvalidOperationException">The loader has been asked for another batch since.</exception>
    public Tensor Targets => InTurn(_targets);

    /// <summary>Their indices in the data set.</summary>
    /// <exception cref="InvalidOperationException">The loader has been asked for another batch since.</exception>
    public ReadOnlySpan<int> Indices
    {
        get
        {
            _targets.ThrowIfStale();
            return _indices.AsSpan(0, Count);
        }
    }

    /// <summary>A copy in memory of its own. It may be kept.</summary>
    /// <exception cref="InvalidOperationException">The loader has been asked for another batch since.</exception>
    public Batch Clone() => new(Number, _inputs.Clone(), _targets.Clone(), Indices.ToArray(), CountOfAll);

    /// <summary>For example <c>batch 3: 256 samples</c>.</summary>
    public override string ToString() => $"batch {Number}: {Count} {(Count == 1 ? "sample" : "samples")}";

    private static Tensor InTurn(Tensor tensor)
    {
        tensor.ThrowIfStale();
        return tensor;
    }
}

/// <summary>
/// The memory of one batch at a time. A batch gets handles on it for its turn. The handles are stale when the turn is
/// over, like the tensors of a tape's last pass.
/// </summary>
internal sealed class BatchSlot
{
    private readonly Arena _turns = new()
    {
        StaleMessage = "DataLoader: this batch has been kept beyond its turn: the loader was asked for another one " +
            "since, and reuses its memory. Use a batch before asking for the next one, or keep copies: " +
            "loader.Select(batch => batch.Clone()).ToList().",
    };

    private readonly BatchPlan _plan;
    private readonly BatchShare? _share;
    private readonly Tensor _inputs;
    private readonly Tensor _targets;
    private readonly Tensor _lastInputs;
    private readonly Tensor _lastTargets;
    private readonly int[] _indices;
    private int _number;

    public BatchSlot(IDataset dataset, BatchPlan plan, DType dtype, BatchShare? share)
    {
        (_plan, _share) = (plan, share);
        int first = RowsOf(0).Count, last = RowsOf(plan.Batches - 1).Count, most = Math.Max(first, last);
        _indices = new int[most];
        Tensor inputs = Tensor.Zeros(dataset.BatchShape(most), dtype);
        Tensor targets = Tensor.Zeros(dataset.TargetBatchShape(most), dataset.TargetTypeFor(dtype));
        (_inputs, _lastInputs) = (inputs.Alias(dataset.BatchShape(first)), inputs.Alias(dataset.BatchShape(last)));
        (_targets, _lastTargets) =
            (targets.Alias(dataset.TargetBatchShape(first)), targets.Alias(dataset.TargetBatchShape(last)));
    }

    private bool IsLast => _number == _plan.Batches - 1;

    /// <summary>Makes a batch. Called by the thread that has claimed it.</summary>
    public void Fill(IDataset dataset, int[] order, int number)
    {
        _number = number;
        (int first, int count) = RowsOf(number);
        if (count == 0) return;
        Span<int> indices = _indices.AsSpan(0, count);
        order.AsSpan((number * _plan.BatchSize) + first, count).CopyTo(indices);
        dataset.CopyTo(indices, IsLast ? _lastInputs : _inputs);
        dataset.CopyTargetsTo(indices, IsLast ? _lastTargets : _targets);
    }

    /// <summary>The batch, for the caller who asked for it.</summary>
    public Batch BeginTurn()
    {
        Tensor inputs = IsLast ? _lastInputs : _inputs, targets = IsLast ? _lastTargets : _targets;
        return new Batch(
            _number, inputs.Alias(inputs.Shape, _turns), targets.Alias(targets.Shape, _turns), _indices,
            _plan.SizeOf(_number));
    }

    /// <summary>Ends the turn: its batch and tensors throw from now on.</summary>
    public void EndTurn() => _turns.Rewind();

    private (int First, int Count) RowsOf(int batch)
    {
        int size = _plan.SizeOf(batch);
        return _share is { } share ? share.RowsOf(size) : (0, size);
    }
}
