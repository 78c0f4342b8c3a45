using Evenkeel.Data;
using Evenkeel.Random;

namespace Evenkeel.Training;

/// <summary>
/// Chooses the samples of each iteration, as the options say. It holds the plan of an epoch, its order, and the state
/// of the stream when the order was drawn.
/// </summary>
internal sealed class BatchSource(TrainerOptions options, IRandomStream random)
{
    private int[] _indices = [];
    private int[] _order = [];
    private Tensor? _whole;
    private Tensor? _last;
    private int _count;

    /// <summary>
    /// How an epoch is cut into batches. Batches drawn with replacement all have the same size, whatever the size of
    /// the set.
    /// </summary>
    public BatchPlan Plan { get; private set; }

    /// <summary>
    /// The state of the stream before the order of the current epoch was drawn; null before the first epoch.
    /// </summary>
    public RandomStreamState? OrderState { get; set; }

    /// <summary>The samples of the iteration for which <see cref="Draw"/> was called.</summary>
    public ReadOnlySpan<int> Indices => _indices.AsSpan(0, _count);

    /// <summary>Their labels.</summary>
    public Tensor Labels { get; private set; } = Tensor.Zeros([0], DType.Int64);

    /// <summary>The plan of a training on a set. Nothing is drawn.</summary>
    public static BatchPlan PlanOf(TrainerOptions options, IDataset training) => new(
        training.Count, options.BatchSize, options.Sampling == Sampling.Shuffled ? options.LastBatch : LastBatch.Drop);

    /// <summary>
    /// Prepares for a set. Inside a resumed epoch, its order is drawn again from the saved state of the stream. The
    /// stream then returns to its current state.
    /// </summary>
    public void Begin(IDataset training, long iteration)
    {
        Plan = PlanOf(options, training);
        bool isShuffled = options.Sampling == Sampling.Shuffled;
        int size = isShuffled ? Plan.SizeOf(0) : options.BatchSize, last = isShuffled ? Plan.LastSize : size;
        if (_whole?.Count != size) _whole = Tensor.Zeros([size], DType.Int64);
        if (last == size) _last = _whole;
        else if (_last?.Count != last) _last = Tensor.Zeros([last], DType.Int64);
        if (_indices.Length != Math.Max(size, last)) _indices = new int[Math.Max(size, last)];
        if (!isShuffled) return;
        if (_order.Length != training.Count) _order = new int[training.Count];
        if (iteration % Plan.Batches == 0 || OrderState is null) return;
        RandomStreamState now = random.State;
        random.State = OrderState;
        DrawOrder();
        random.State = now;
    }

    /// <summary>Chooses the samples of an iteration.</summary>
    public void Draw(IDataset training, long iteration)
    {
        int position = (int)(iteration % Plan.Batches);
        Labels = position == Plan.Batches - 1 ? _last! : _whole!;
        _count = Labels.Count;
        if (options.Sampling == Sampling.WithReplacement)
        {
            random.Choice(training.Count, _indices);
        }
        else
        {
            if (position == 0)
            {
                OrderState = random.State;
                DrawOrder();
            }

            _order.AsSpan(position * Plan.BatchSize, _count).CopyTo(_indices);
        }

        training.CopyLabelsTo(Indices, Labels.AsSpan<long>());
    }

    private void DrawOrder()
    {
        for (int i = 0; i < _order.Length; i++) _order[i] = i;
        random.Shuffle(_order);
    }
}
