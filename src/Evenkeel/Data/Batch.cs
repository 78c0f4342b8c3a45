namespace Evenkeel.Data;

/// <summary>
/// Samples and their labels. A batch of a loader is valid until the loader is asked for the next one. The loader then
/// reuses its memory, and any use of the batch or its tensors throws. <see cref="Clone"/> makes a copy that may be
/// kept.
/// </summary>
public sealed class Batch
{
    private readonly Tensor _inputs;
    private readonly Tensor _labels;
    private readonly int[] _indices;

    internal Batch(int number, Tensor inputs, Tensor labels, int[] indices) =>
        (Number, _inputs, _labels, _indices) = (number, inputs, labels, indices);

    /// <summary>The number of the batch in its epoch, counted from 0.</summary>
    public int Number { get; }

    /// <summary>Number of samples.</summary>
    public int Count => _labels.Count;

    /// <summary>The samples, (<see cref="Count"/>, sample shape).</summary>
    /// <exception cref="InvalidOperationException">The loader has been asked for another batch since.</exception>
    public Tensor Inputs => InTurn(_inputs);

    /// <summary>Their class labels, (<see cref="Count"/>) of Int64.</summary>
    /// <exception cref="InvalidOperationException">The loader has been asked for another batch since.</exception>
    public Tensor Labels => InTurn(_labels);

    /// <summary>Their indices in the data set.</summary>
    /// <exception cref="InvalidOperationException">The loader has been asked for another batch since.</exception>
    public ReadOnlySpan<int> Indices
    {
        get
        {
            _labels.ThrowIfStale();
            return _indices.AsSpan(0, Count);
        }
    }

    /// <summary>A copy in memory of its own. It may be kept.</summary>
    /// <exception cref="InvalidOperationException">The loader has been asked for another batch since.</exception>
    public Batch Clone() => new(Number, _inputs.Clone(), _labels.Clone(), Indices.ToArray());

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
    private readonly Tensor _inputs;
    private readonly Tensor _labels;
    private readonly Tensor _lastInputs;
    private readonly Tensor _lastLabels;
    private readonly int[] _indices;
    private int _number;

    public BatchSlot(Shape sample, BatchPlan plan, DType dtype)
    {
        _plan = plan;
        _indices = new int[plan.LargestSize];
        Tensor inputs = Tensor.Zeros(WithBatch(sample, plan.LargestSize), dtype);
        Tensor labels = Tensor.Zeros([plan.LargestSize], DType.Int64);
        int first = plan.SizeOf(0);
        (_inputs, _labels) = (inputs.Alias(WithBatch(sample, first)), labels.Alias([first]));
        (_lastInputs, _lastLabels) = (inputs.Alias(WithBatch(sample, plan.LastSize)), labels.Alias([plan.LastSize]));
    }

    private bool IsLast => _number == _plan.Batches - 1;

    /// <summary>Makes a batch. Called by the thread that has claimed it.</summary>
    public void Fill(IDataset dataset, int[] order, int number)
    {
        _number = number;
        Span<int> indices = _indices.AsSpan(0, _plan.SizeOf(number));
        order.AsSpan(number * _plan.BatchSize, indices.Length).CopyTo(indices);
        dataset.CopyTo(indices, IsLast ? _lastInputs : _inputs);
        dataset.CopyLabelsTo(indices, (IsLast ? _lastLabels : _labels).AsSpan<long>());
    }

    /// <summary>The batch, for the caller who asked for it.</summary>
    public Batch BeginTurn()
    {
        Tensor inputs = IsLast ? _lastInputs : _inputs, labels = IsLast ? _lastLabels : _labels;
        return new Batch(_number, inputs.Alias(inputs.Shape, _turns), labels.Alias(labels.Shape, _turns), _indices);
    }

    /// <summary>Ends the turn: its batch and tensors throw from now on.</summary>
    public void EndTurn() => _turns.Rewind();

    private static Shape WithBatch(Shape sample, int count)
    {
        Span<int> sizes = stackalloc int[Shape.MaxRank + 1];
        sizes[0] = count;
        sample.CopyTo(sizes[1..]);
        return new Shape(sizes[..(sample.Rank + 1)]);
    }
}
