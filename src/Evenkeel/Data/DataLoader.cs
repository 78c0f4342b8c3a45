using System.Collections;
using System.Runtime.ExceptionServices;
using Evenkeel.Random;

namespace Evenkeel.Data;

/// <summary>
/// Goes through a data set in batches, like PyTorch's <c>DataLoader</c>. Each <c>foreach</c> is one epoch. Threads in
/// the background make batches before they are needed. Content and order of the batches depend only on the seeds and
/// the epoch, never on the number of threads.
/// </summary>
/// <remarks>
/// <para>The memory of batches is reused. A batch is valid until the loader is asked for the next one, and throws if
/// it is used later. <see cref="Tape.Input"/> copies it, and <see cref="Batch.Clone"/> makes a copy that may be kept:
/// <c>loader.Select(batch => batch.Clone()).ToList()</c>. An error in the background is thrown when the failed batch is
/// asked for. Leaving the loop early ends the threads. Only one enumeration runs at a time: if another one begins,
/// asking the older one for more is an error.</para>
/// <para>The order of epoch e is a permutation drawn from the stream (seed, e). If <see cref="RandomStream"/> is set,
/// each epoch takes its <see cref="IRandomStream.Permutation"/> instead, as PyTorch does with its generator.</para>
/// </remarks>
public sealed class DataLoader : IEnumerable<Batch>, IDisposable
{
    private readonly bool _shuffle;
    private readonly Philox _orders;
    private readonly CancellationToken _cancellationToken;
    private readonly List<BatchSlot> _slots = [];
    private int[] _order = [];
    private Epoch? _running;
    private int _epoch;

    /// <summary>Makes a loader for a data set.</summary>
    /// <param name="dataset">The samples.</param>
    /// <param name="batchSize">Samples per batch.</param>
    /// <param name="shuffle">Whether each epoch has a random order of its own. Default: false.</param>
    /// <param name="lastBatch">What happens to samples that do not fill a last batch. Default: Merge.</param>
    /// <param name="workers">
    /// Number of threads that make batches in the background. With 0, each batch is made when it is asked for, on all
    /// workers. Default: 1.
    /// </param>
    /// <param name="seed">Seed of the orders. Default: 0.</param>
    /// <param name="cancellationToken">Ends every enumeration: the next request for a batch throws.</param>
    /// <exception cref="ArgumentException">
    /// There are no samples, or a single sample would be left over and <paramref name="lastBatch"/> refuses it.
    /// </exception>
    /// <exception cref="ArgumentOutOfRangeException">A number is out of range.</exception>
    public DataLoader(
        IDataset dataset, int batchSize, bool shuffle = false, LastBatch lastBatch = LastBatch.Merge, int workers = 1,
        ulong seed = 0, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(dataset);
        ArgumentOutOfRangeException.ThrowIfNegative(workers);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(workers, 256);
        if (dataset.Count < 1)
            throw new ArgumentException("DataLoader: expected a data set with samples, got none.", nameof(dataset));
        Plan = new BatchPlan(dataset.Count, batchSize, lastBatch);
        (Dataset, Workers, _shuffle) = (dataset, workers, shuffle);
        _orders = new Philox(seed, "loader");
        _cancellationToken = cancellationToken;
    }

    /// <summary>The samples.</summary>
    public IDataset Dataset { get; }

    /// <summary>
    /// How an epoch is cut into batches. The plan is known before the first batch. It prints as <c>60000 samples in 235
    /// batches of 256, the last of 96</c>.
    /// </summary>
    public BatchPlan Plan { get; }

    /// <summary>Number of threads that make batches in the background.</summary>
    public int Workers { get; }

    /// <summary>Number of batches that are made ahead, at least one per thread. Default: 2.</summary>
    public int Prefetch { get; init; } = 2;

    /// <summary>The element type of <see cref="Batch.Inputs"/>: Float32 or Float64. Default: Float32.</summary>
    public DType DType { get; init; } = DType.Float32;

    /// <summary>
    /// The stream from which shuffled orders are drawn, one permutation per epoch, instead of the seed's stream.
    /// Default: null.
    /// </summary>
    public IRandomStream? RandomStream { get; init; }

    /// <summary>
    /// The number of the epoch of the next enumeration, counted from 0. Set it to continue a training.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">It is negative.</exception>
    public int NextEpoch
    {
        get => _epoch;
        set
        {
            ArgumentOutOfRangeException.ThrowIfNegative(value);
            _epoch = value;
        }
    }

    /// <summary>Begins the next epoch.</summary>
    /// <exception cref="OperationCanceledException">
    /// The loader's token was cancelled. Thrown when a batch is asked for.
    /// </exception>
    public IEnumerator<Batch> GetEnumerator()
    {
        _running?.Displace();
        if (Dataset is IEpochDataset dataset) dataset.Epoch = _epoch;
        Order();
        foreach (BatchSlot slot in _slots) slot.EndTurn();
        int slots = Workers == 0 ? 1 : Math.Max(Math.Max(Prefetch, Workers), 1) + 1;
        while (_slots.Count < slots) _slots.Add(new BatchSlot(Dataset.SampleShape, Plan, DType));
        _epoch++;
        var epoch = new Epoch(this, slots);
        _running = epoch;
        return epoch;
    }

    /// <summary>
    /// Ends a running enumeration. A loop that is left ends its own enumeration. A loader that is never disposed leaks
    /// nothing.
    /// </summary>
    public void Dispose() => _running?.Dispose();

    /// <inheritdoc/>
    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    /// <summary>For example <c>DataLoader(60000 samples in 235 batches of 256, the last of 96)</c>.</summary>
    public override string ToString() => $"DataLoader({Plan})";

    private void Order()
    {
        if (_shuffle && RandomStream is { } stream)
        {
            _order = stream.Permutation(Dataset.Count);
            return;
        }

        if (_order.Length != Dataset.Count) _order = new int[Dataset.Count];
        for (int i = 0; i < _order.Length; i++) _order[i] = i;
        if (_shuffle) _orders.Split((ulong)_epoch).Shuffle(_order);
    }

    /// <summary>
    /// One enumeration. Threads claim batches in order and fill a ring of slots. The batch that the caller holds keeps
    /// its slot until the next one is asked for.
    /// </summary>
    private sealed class Epoch : IEnumerator<Batch>
    {
        private readonly DataLoader _loader;
        private readonly Thread[] _threads;
        private readonly int[] _ready;
        private readonly Lock _gate = new();
        private readonly SemaphoreSlim _free;
        private readonly AutoResetEvent _arrived = new(false);
        private int _next;
        private int _current = -1;
        private Batch? _batch;
        private volatile bool _isOver;
        private bool _isDisplaced;
        private int _failedAt = int.MaxValue;
        private ExceptionDispatchInfo? _failure;

        public Epoch(DataLoader loader, int slots)
        {
            _loader = loader;
            _ready = new int[slots];
            _ready.AsSpan().Fill(-1);
            _free = new SemaphoreSlim(slots - 1);
            _threads = new Thread[loader.Workers];
            for (int i = 0; i < _threads.Length; i++)
            {
                _threads[i] = new Thread(Fill, maxStackSize: 1 << 20) { IsBackground = true, Name = "Evenkeel loader" };
                _threads[i].Start();
            }
        }

        public Batch Current => _batch is { } batch && !_isOver
            ? batch
            : throw new InvalidOperationException(
                "DataLoader: expected to stand on a batch; call MoveNext first, and stop when it says false.");

        object IEnumerator.Current => Current;

        public bool MoveNext()
        {
            if (_isDisplaced)
            {
                throw new InvalidOperationException("DataLoader: expected one enumeration at a time, "
                    + "another one has begun before this one was over. Finish one first, or make a second loader.");
            }

            if (_isOver) return false;
            if (_loader._cancellationToken.IsCancellationRequested) Cancel();
            if (_current + 1 >= _loader.Plan.Batches)
            {
                Dispose();
                return false;
            }

            // Gives back the slot of the current batch. The slot of the batch before it was given back when the current
            // one was asked for.
            if (_current >= 0)
            {
                _batch = null;
                Slot(_current).EndTurn();
                _free.Release();
            }

            _current++;
            if (_threads.Length > 0) Await(_current);
            else Slot(_current).Fill(_loader.Dataset, _loader._order, _current);
            _batch = Slot(_current).BeginTurn();
            return true;
        }

        public void Reset() =>
            throw new NotSupportedException("DataLoader: an epoch goes one way; begin another enumeration.");

        /// <summary>
        /// Ends it because another one begins. Its next request is an error: a loop that stopped silently would train
        /// on a part of the set.
        /// </summary>
        public void Displace()
        {
            _isDisplaced = !_isOver;
            Dispose();
        }

        public void Dispose()
        {
            if (_isOver) return;
            _isOver = true;
            if (_threads.Length > 0) _free.Release(_threads.Length);
            foreach (Thread thread in _threads) thread.Join();
            _free.Dispose();
            _arrived.Dispose();
        }

        private BatchSlot Slot(int batch) => _loader._slots[batch % _ready.Length];

        private void Await(int batch)
        {
            while (true)
            {
                lock (_gate)
                {
                    if (_ready[batch % _ready.Length] == batch) return;
                    if (_failedAt <= batch) break;
                }

                if (!_loader._cancellationToken.CanBeCanceled) _arrived.WaitOne();
                else if (WaitHandle.WaitAny([_arrived, _loader._cancellationToken.WaitHandle]) == 1) Cancel();
            }

            Dispose();
            _failure!.Throw();
        }

        private void Cancel()
        {
            Dispose();
            throw new OperationCanceledException(
                $"DataLoader: cancelled after {_current + 1} of {_loader.Plan.Batches} batches.",
                _loader._cancellationToken);
        }

        /// <summary>The loop of a thread: it waits for a free slot, claims the next batch, and makes it.</summary>
        private void Fill()
        {
            // The workers train at the same time.
            using IDisposable alone = Compute.UseThreads(1);
            while (true)
            {
                _free.Wait();
                if (_isOver) return;
                int batch;
                lock (_gate)
                {
                    if (_next >= _loader.Plan.Batches || _failure is not null) return;
                    batch = _next++;
                }

                try
                {
                    Slot(batch).Fill(_loader.Dataset, _loader._order, batch);
                    lock (_gate) _ready[batch % _ready.Length] = batch;
                }
                catch (Exception failure)
                {
                    lock (_gate)
                    {
                        if (batch < _failedAt) (_failedAt, _failure) = (batch, ExceptionDispatchInfo.Capture(failure));
                    }
                }

                _arrived.Set();
            }
        }
    }
}
