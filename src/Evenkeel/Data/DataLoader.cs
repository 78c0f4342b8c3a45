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
/// <para>A shuffled order of epoch e is a permutation drawn from the stream (seed, e). A <see cref="Sampler"/> chooses
/// other orders. <see cref="Position"/> says where the loader stands, and continues there in another run.</para>
/// </remarks>
public sealed class DataLoader : IEnumerable<Batch>, IDisposable
{
    private readonly CancellationToken _cancellationToken;
    private readonly List<BatchSlot> _slots = [];
    private int[] _order = [];
    private Epoch? _running;
    private int _epoch;
    private int _firstBatch;

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
        (Dataset, Workers) = (dataset, workers);
        Sampler = shuffle ? Sampler.Shuffled(seed) : Sampler.Sequential;
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

    /// <summary>Whether the loader's own token is cancelled.</summary>
    internal bool IsCancellationRequested => _cancellationToken.IsCancellationRequested;

    /// <summary>Number of batches that are made ahead, at least one per thread. Default: 2.</summary>
    public int Prefetch { get; init; } = 2;

    /// <summary>The element type of <see cref="Batch.Inputs"/>: Float32 or Float64. Default: Float32.</summary>
    public DType DType { get; init; } = DType.Float32;

    /// <summary>
    /// Chooses the samples of each epoch and their order. It replaces what the constructor's <c>shuffle</c> and
    /// <c>seed</c> say. Default: <see cref="Data.Sampler.Shuffled(ulong)"/> with the seed, or
    /// <see cref="Data.Sampler.Sequential"/>.
    /// </summary>
    public Sampler Sampler { get; init; }

    /// <summary>
    /// The samples of each batch that are wanted, for a process that trains with others: the loader makes only these.
    /// The order of all samples is the same for all processes. Null makes whole batches. Default: null.
    /// </summary>
    public BatchShare? Share
    {
        get;
        set
        {
            if (field == value) return;
            _running?.Displace();
            _slots.Clear();
            field = value;
        }
    }

    /// <summary>
    /// The number of the epoch of the next enumeration, counted from 0. Set it to continue a training at the beginning
    /// of an epoch.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">It is negative.</exception>
    public int NextEpoch
    {
        get => _epoch;
        set
        {
            ArgumentOutOfRangeException.ThrowIfNegative(value);
            (_epoch, _firstBatch) = (value, 0);
        }
    }

    /// <summary>
    /// Where the loader stands: behind the batch that the running enumeration has delivered last, or before the next
    /// enumeration. If it is set, the next enumeration begins there and delivers the rest of that epoch.
    /// </summary>
    /// <exception cref="ArgumentException">The position lies outside the epoch, or its stream does not fit.</exception>
    public LoaderPosition Position
    {
        get => _running is { IsOver: false } running
            ? running.Position
            : new LoaderPosition(_epoch, _firstBatch, Sampler.State);
        set
        {
            ArgumentNullException.ThrowIfNull(value);
            if (value.Epoch < 0 || value.Batch < 0 || value.Batch >= Plan.Batches)
            {
                throw new ArgumentException(
                    $"DataLoader.Position: expected an epoch of 0 or more and a batch from 0 to {Plan.Batches - 1}, "
                    + $"got epoch {value.Epoch} and batch {value.Batch}. The position belongs to another data set or "
                    + "batch size.", nameof(value));
            }

            if (value.Stream is { } stream) Sampler.State = stream;
            (_epoch, _firstBatch) = (value.Epoch, value.Batch);
        }
    }

    /// <summary>Begins the next epoch.</summary>
    /// <exception cref="OperationCanceledException">
    /// The loader's token was cancelled. Thrown when a batch is asked for.
    /// </exception>
    public IEnumerator<Batch> GetEnumerator() => Begin(setsEpoch: true, CancellationToken.None);

    /// <summary>Begins the next epoch.</summary>
    /// <param name="setsEpoch">
    /// Whether the data set is told the number of the epoch. An evaluation does not: it may share the data set with a
    /// training.
    /// </param>
    /// <param name="cancellationToken">Ends this enumeration, as the loader's token ends every one.</param>
    internal IEnumerator<Batch> Begin(bool setsEpoch, CancellationToken cancellationToken)
    {
        _running?.Displace();
        if (setsEpoch && Dataset is IEpochDataset dataset) dataset.Epoch = _epoch;
        var position = new LoaderPosition(_epoch, _firstBatch, Sampler.State);
        _order = Sampler.Draw(Plan, _epoch);
        if (_order.Length < Plan.Used)
        {
            throw new InvalidOperationException(
                $"DataLoader: expected {Plan.Used} samples or more from {Sampler.GetType().Name}.Draw, "
                + $"got {_order.Length}.");
        }

        foreach (BatchSlot slot in _slots) slot.EndTurn();
        int slots = Workers == 0 ? 1 : Math.Max(Math.Max(Prefetch, Workers), 1) + 1;
        while (_slots.Count < slots) _slots.Add(new BatchSlot(Dataset, Plan, DType, Share));
        _epoch++;
        _firstBatch = 0;
        var epoch = new Epoch(this, slots, position, cancellationToken);
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

    /// <summary>
    /// One enumeration. Threads claim batches in order and fill a ring of slots. The batch that the caller holds keeps
    /// its slot until the next one is asked for.
    /// </summary>
    private sealed class Epoch : IEnumerator<Batch>
    {
        private readonly DataLoader _loader;
        private readonly LoaderPosition _begun;
        private readonly CancellationToken _cancellationToken;
        private readonly Thread[] _threads;
        private readonly int[] _ready;
        private readonly Lock _gate = new();
        private readonly SemaphoreSlim _free;
        private readonly AutoResetEvent _arrived = new(false);
        private int _next;
        private int _current;
        private Batch? _batch;
        private volatile bool _isOver;
        private bool _isDisplaced;
        private int _failedAt = int.MaxValue;
        private ExceptionDispatchInfo? _failure;

        public Epoch(DataLoader loader, int slots, LoaderPosition begun, CancellationToken cancellationToken)
        {
            (_loader, _begun, _cancellationToken) = (loader, begun, cancellationToken);
            _next = begun.Batch;
            _current = begun.Batch - 1;
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

        public bool IsOver => _isOver;

        /// <summary>Behind the batch that was delivered last.</summary>
        public LoaderPosition Position => _current + 1 < _loader.Plan.Batches
            ? _begun with { Batch = _current + 1 }
            : new LoaderPosition(_begun.Epoch + 1, 0, _loader.Sampler.State);

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
            if (_loader._cancellationToken.IsCancellationRequested) Cancel(_current + 1, _loader._cancellationToken);
            if (_cancellationToken.IsCancellationRequested) Cancel(_current + 1, _cancellationToken);
            if (_current + 1 >= _loader.Plan.Batches)
            {
                Dispose();
                return false;
            }

            // Gives back the slot of the current batch. The slot of the batch before it was given back when the current
            // one was asked for.
            if (_current >= _begun.Batch)
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

                Wait();
            }

            Dispose();
            _failure!.Throw();
        }

        /// <summary>Waits until a thread has made a batch or has failed, or a token is cancelled.</summary>
        private void Wait()
        {
            CancellationToken first = _loader._cancellationToken, second = _cancellationToken;
            if (!first.CanBeCanceled && !second.CanBeCanceled)
            {
                _arrived.WaitOne();
                return;
            }

            // The handle of a token that cannot be cancelled is never set.
            int signalled = WaitHandle.WaitAny([_arrived, first.WaitHandle, second.WaitHandle]);
            if (signalled > 0) Cancel(_current, signalled == 1 ? first : second);
        }

        private void Cancel(int delivered, CancellationToken cancellationToken)
        {
            Dispose();
            throw new OperationCanceledException(
                $"DataLoader: cancelled after {delivered} of {_loader.Plan.Batches} batches.", cancellationToken);
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

/// <summary>Where a <see cref="DataLoader"/> stands, as a checkpoint saves it.</summary>
/// <param name="Epoch">The number of the epoch, counted from 0.</param>
/// <param name="Batch">The number of the next batch in it, counted from 0.</param>
/// <param name="Stream">
/// The state of the sampler's stream before the order of this epoch was drawn. Null if the order depends on the epoch
/// alone.
/// </param>
public sealed record LoaderPosition(int Epoch, int Batch, RandomStreamState? Stream = null);
