using Evenkeel.Data;
using Evenkeel.Random;

namespace Evenkeel.Training;

/// <summary>Chooses the samples of each iteration, as the options say: the plan of an epoch, its order, and where the stream stood when that was drawn.</summary>
internal sealed class BatchSource(TrainerOptions options, IRandomStream random)
{
    private int[] _indices = [];
    private int[] _order = [];
    private Tensor? _whole;
    private Tensor? _last;
    private int _count;

    /// <summary>How an epoch is cut. Batches drawn with replacement are all of one size, whatever the set's.</summary>
    public BatchPlan Plan { get; private set; }

    /// <summary>Where the stream stood before the order of the current epoch; null before the first.</summary>
    public RandomStreamState? OrderState { get; set; }

    /// <summary>The samples of the iteration that <see cref="Draw"/> was called for.</summary>
    public ReadOnlySpan<int> Indices => _indices.AsSpan(0, _count);

    /// <summary>Their labels.</summary>
    public Tensor Labels { get; private set; } = Tensor.Zeros([0], DType.Int64);

    /// <summary>The plan of a training on a set; nothing is drawn.</summary>
    public static BatchPlan PlanOf(TrainerOptions options, IDataset training) =>
        new(training.Count, options.BatchSize, options.Sampling == Sampling.Shuffled ? options.LastBatch : LastBatch.Drop);

    /// <summary>Gets ready for a set. Within an epoch that was resumed, its order is drawn again from where the stream stood, which then goes on from where it stands.</summary>
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
