using Evenkeel.Data;
using Evenkeel.Losses;
using Evenkeel.Nn;

namespace Evenkeel.Training;

/// <summary>
/// Several replicas of one network, each on its own thread with its part of a batch. Together they compute one logical
/// batch in lockstep.
/// </summary>
/// <remarks>
/// <para>The replicas share the model's weights and have their own gradients. These are added to the model's gradients
/// in an order that depends on the number of parts alone (neighbours first, then neighbours of these sums). So the
/// result depends on how the batch is cut, not on the threads, nor on the processes that share the parts. The loss of
/// the whole batch is Σ nᵢ·lossᵢ / Σ nᵢ for parts of nᵢ samples, which is the mean loss of one batch.</para>
/// <para>Statistics of batch norm: a <see cref="SyncBatchNorm"/> takes them over all parts. Every other batch norm
/// takes them over its own part, and the model keeps those of part 0, as in PyTorch's DistributedDataParallel. With
/// <c>poolBatchStatistics</c> every batch norm takes them over all parts. Forward pass, gradients and running
/// statistics are then those of the one large batch, up to rounding. Gradient accumulation over micro-batches would not
/// give that. Ghost batch norms and instance norms never look beyond their part; the model keeps their running
/// statistics of part 0.</para>
/// <para>All parts are in memory at once, because a statistic of the whole batch needs all of it. Micro-batches in
/// lockstep therefore take the memory of the whole batch. They are useful for batches that cannot be stacked (images of
/// several sizes), and for threads. Hooks are not called on the replicas of the parts after the first. Weights, element
/// type, <see cref="Parameter.RequiresGradient"/> and <see cref="NormState"/> are set on the model, and the replicas
/// follow.</para>
/// <para>Source: Peng et al., "MegDet", CVPR 2018 (statistics over devices); PyTorch's
/// <see cref="SyncBatchNorm"/>.</para>
/// </remarks>
public sealed class Replicas : IDisposable
{
    private const string LossMeeting = "Replicas loss", LastMeeting = "Replicas end";

    private readonly InProcessCollective _group;
    private readonly Replica[] _replicas;
    private readonly IProcessGroup? _processes;
    private readonly PartMeeting? _meeting;
    private readonly GradientExchange? _exchange;
    private readonly Dictionary<int, PartPlan> _plans = [];
    private int _isBusy;

    /// <summary>Makes the replicas. The first one is the model itself.</summary>
    /// <param name="model">The model whose gradients are wanted.</param>
    /// <param name="count">The most parts of a batch. Each part has its own thread.</param>
    /// <param name="poolBatchStatistics">
    /// True if every batch norm takes its statistics over all parts, not only <see cref="SyncBatchNorm"/>.
    /// </param>
    /// <param name="processes">
    /// The processes that share the parts: each has equally many consecutive ones. All must have the same model. Null
    /// if this process has all parts.
    /// </param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="count"/> is not from 1 to 1024.</exception>
    /// <exception cref="ArgumentException">The processes cannot share the parts equally.</exception>
    public Replicas(
        Module model, int count, bool poolBatchStatistics = false, IProcessGroup? processes = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        if (count is < 1 or > 1024)
        {
            throw new ArgumentOutOfRangeException(
                nameof(count), $"Replicas: expected 1 to 1024 parts, got {count}. Each part has a thread.");
        }

        Model = model;
        Count = count;
        Share = BatchShare.Of(count, processes?.Rank ?? 0, processes?.Size ?? 1);
        _processes = processes is { Size: > 1 } ? processes : null;
        _meeting = _processes is null ? null : new PartMeeting(_processes);
        _group = new InProcessCollective(Share.Count, Share.FirstPart, _meeting);
        _replicas = new Replica[Share.Count];
        for (int part = 0; part < Share.Count; part++)
        {
            var tape = new Tape { Collective = _group.Members[part], PoolsBatchStatistics = poolBatchStatistics };
            _replicas[part] = new Replica(part == 0 ? model : model.CloneSharingWeights(), tape);
        }

        if (_processes is null) return;
        _exchange = new GradientExchange(
            _processes, Array.ConvertAll(_replicas, static replica => replica.Parameters));
        foreach (Replica replica in _replicas) replica.Listen(_exchange);
    }

    /// <summary>The model. Every replica uses its weights, and it receives the gradients.</summary>
    public Module Model { get; }

    /// <summary>The most parts of a batch.</summary>
    public int Count { get; }

    /// <summary>The parts of this process.</summary>
    public BatchShare Share { get; }

    /// <summary>Seed of everything random in a pass (dropout). Every replica derives its own seed from it.</summary>
    public ulong Seed { get; init; }

    /// <summary>
    /// False leaves a process with the gradients of its share (<see cref="Optim.ElementShare"/>): an optimizer that
    /// updates it needs no others.
    /// </summary>
    internal bool GathersGradients
    {
        init => _exchange?.GathersSums = value;
    }

    /// <summary>
    /// The step number by which random ops draw. A resumed training continues it. Null: the number of passes.
    /// </summary>
    internal long? RandomStep { get; set; }

    /// <summary>
    /// Runs forward and backward passes over one batch, cut into <see cref="Count"/> parts of consecutive samples, as
    /// equal as possible, and adds the gradients to the model's.
    /// </summary>
    /// <inheritdoc cref="Accumulate(IReadOnlyList{MicroBatch}, Loss)"/>
    public double Accumulate(Tensor inputs, Tensor targets, Loss loss)
    {
        ArgumentNullException.ThrowIfNull(inputs);
        ArgumentNullException.ThrowIfNull(targets);
        if (inputs.Shape.Rank == 0 || targets.Shape.Rank == 0 || inputs.Shape[0] != targets.Shape[0]
            || inputs.Shape[0] == 0)
        {
            throw new ArgumentException(
                $"Replicas: expected inputs and targets of as many samples, at least one, along their first axis, "
                + $"got shapes {inputs.Shape} and {targets.Shape}.",
                nameof(targets));
        }

        return Accumulate(inputs, targets, inputs.Shape[0], loss);
    }

    /// <summary>Runs the parts of this process of a batch of which it has its own rows.</summary>
    /// <param name="inputs">The rows of this process.</param>
    /// <param name="targets">Their targets.</param>
    /// <param name="samples">Samples of the whole batch.</param>
    /// <param name="loss">A loss that is a mean over samples.</param>
    internal double AccumulateShare(Tensor inputs, Tensor targets, int samples, Loss loss)
    {
        if (inputs.Shape[0] == Share.RowsOf(samples).Count) return Accumulate(inputs, targets, samples, loss);
        throw new ArgumentException(
            $"Replicas: expected the {Share.RowsOf(samples).Count} rows that this process has of a batch of {samples} "
            + $"samples, got {inputs.Shape[0]}. Set DataLoader.Share.", nameof(inputs));
    }

    private double Accumulate(Tensor inputs, Tensor targets, int samples, Loss loss)
    {
        int parts = Math.Min(Count, samples), first = Math.Min(Share.FirstPart, parts);
        int begin = BatchShare.StartOf(samples, parts, first);
        var cut = new MicroBatch[Math.Min(Share.FirstPart + Share.Count, parts) - first];
        for (int part = 0; part < cut.Length; part++)
        {
            int start = BatchShare.StartOf(samples, parts, first + part);
            int count = BatchShare.StartOf(samples, parts, first + part + 1) - start;
            cut[part] = new MicroBatch(inputs.Rows(start - begin, count), targets.Rows(start - begin, count));
        }

        return AccumulateOnce(cut, parts, samples, loss);
    }

    /// <summary>
    /// Runs forward and backward passes over all parts of one batch in lockstep, and adds the gradients of the batch's
    /// loss to the model's.
    /// </summary>
    /// <param name="parts">
    /// 1 to <see cref="Count"/> parts. Each has its own number of samples and, if the model allows it, its own sizes.
    /// </param>
    /// <param name="loss">A loss that is a mean over samples.</param>
    /// <returns>
    /// The loss of the whole batch. If it is not finite, there is no backward pass: no gradient is added, and running
    /// statistics stay as they were.
    /// </returns>
    /// <exception cref="ArgumentException">
    /// There are no parts, more than <see cref="Count"/>, or a part without samples.
    /// </exception>
    /// <exception cref="InvalidOperationException">
    /// Another batch is under way. Or several processes share the parts, which takes a batch that all have.
    /// </exception>
    /// <remarks>
    /// An exception of a replica reaches the caller, and running statistics stay as they were. After a failure in the
    /// backward pass the model's gradients are marked empty, because they hold only a part of the batch. If a step is
    /// rejected later (for example because a gradient overflowed), <see cref="Reject"/> takes it out of the running
    /// statistics.
    /// </remarks>
    public double Accumulate(IReadOnlyList<MicroBatch> parts, Loss loss)
    {
        ArgumentNullException.ThrowIfNull(parts);
        ArgumentNullException.ThrowIfNull(loss);
        if (_processes is not null)
        {
            throw new InvalidOperationException(
                "Replicas.Accumulate: expected inputs and targets of a whole batch, because several processes share "
                + "its parts, got parts of one process. Pass the batch; each process takes its own rows.");
        }

        return AccumulateOnce(parts, parts.Count, Check(parts), loss);
    }

    private double AccumulateOnce(IReadOnlyList<MicroBatch> cut, int parts, long samples, Loss loss)
    {
        if (Interlocked.Exchange(ref _isBusy, 1) != 0)
        {
            throw new InvalidOperationException("Replicas.Accumulate: expected one batch at a time, "
                + "got another in the middle of a pass (from another thread, or from a hook of the model). "
                + "Wait until the first is done, or make Replicas of another copy of the model.");
        }

        try
        {
            return Accumulate(cut, parts, loss, samples);
        }
        finally
        {
            Volatile.Write(ref _isBusy, 0);
        }
    }

    /// <summary>
    /// Restores the running statistics to what they were before the last pass. This is for a step that is rejected
    /// afterwards.
    /// </summary>
    public void Reject()
    {
        foreach (Replica replica in _replicas) replica.Reject();
    }

    /// <summary>Gives all processes the weights that each has updated.</summary>
    internal void GatherWeights() => _exchange?.GatherWeights();

    /// <summary>Ends the threads.</summary>
    public void Dispose() => _group.Dispose();

    private double Accumulate(IReadOnlyList<MicroBatch> cut, int parts, Loss loss, long samples)
    {
        CheckEmptyGradients();
        for (int part = 0; part < Share.Count; part++)
        {
            ulong seed = Seed + ((ulong)(Share.FirstPart + part) * 0x9E3779B97F4A7C15);
            _replicas[part].Begin(part == 0 ? null : _replicas[0], seed, RandomStep);
        }

        PartPlan plan = PlanOf(parts);
        _exchange?.Begin(plan);
        double value = 0;
        bool isBackward = false;
        try
        {
            if (cut.Count == 0) value = Follow();
            else
            {
                _group.RunParts(
                    member =>
                    {
                        int own = member.Rank - Share.FirstPart;
                        double share = _replicas[own].Forward(cut[own], loss, samples, out Tensor result);
                        double[] all = new double[member.Size];
                        member.AllGather(LossMeeting, [share], all);
                        double total = Sum(all);
                        if (own == 0) value = total;
                        if (!double.IsFinite(total)) return;
                        Volatile.Write(ref isBackward, true);
                        Replica.Backward(result, cut[own].Count / (double)samples);
                    },
                    cut.Count,
                    parts);
                if (plan.HasFollowers) _meeting?.Exchange(LastMeeting, [], 0, []);
            }

            if (double.IsFinite(value) && _exchange is not null)
            {
                _exchange.Finish();
                _replicas[0].TakeBuffersOfFirst(_processes!);
            }
        }
        catch
        {
            Reject();
            if (isBackward) Model.ZeroGrad();
            throw;
        }

        if (!double.IsFinite(value)) Reject();
        else if (_exchange is null)
        {
            foreach (PartTree.Pair pair in plan.OwnPairs) _replicas[pair.From].AddGradientsTo(_replicas[pair.Into]);
        }

        return value;
    }

    /// <summary>
    /// A process without a part in a small batch meets the others, and adds its slices of their gradients.
    /// </summary>
    private double Follow()
    {
        _meeting!.Follow(LossMeeting);
        double value = Sum(_meeting.Followed());
        _meeting.Follow(LastMeeting);
        return value;
    }

    private static double Sum(double[] shares)
    {
        double total = 0;
        foreach (double share in shares) total += share;
        return total;
    }

    private PartPlan PlanOf(int parts)
    {
        if (_plans.TryGetValue(parts, out PartPlan? plan)) return plan;
        plan = new PartPlan(parts, Share.Count, _processes?.Rank ?? 0, _processes?.Size ?? 1);
        _plans.Add(parts, plan);
        return plan;
    }

    /// <summary>What each process has would be added once per process.</summary>
    private void CheckEmptyGradients()
    {
        if (_exchange is null) return;
        foreach (Parameter parameter in _replicas[0].Parameters)
        {
            if (!parameter.HasGradient) continue;
            throw new InvalidOperationException(
                $"Replicas.Accumulate: expected empty gradients, because several processes add theirs, got one in "
                + $"{parameter}. Call ZeroGrad() before each batch.");
        }
    }

    private long Check(IReadOnlyList<MicroBatch> parts)
    {
        if (parts.Count < 1 || parts.Count > Count)
        {
            throw new ArgumentException(
                $"Replicas: expected 1 to {Count} parts, got {parts.Count}. "
                + $"Make as many replicas as a batch has parts at most.",
                nameof(parts));
        }

        long samples = 0;
        for (int part = 0; part < parts.Count; part++)
        {
            if (parts[part].Count == 0)
            {
                throw new ArgumentException(
                    $"Replicas: expected samples in every part, "
                    + $"got none in part {part} (inputs of shape {parts[part].Inputs.Shape}). Leave the part out.",
                    nameof(parts));
            }

            samples += parts[part].Count;
        }

        return samples;
    }

    /// <summary>One replica: a module, its tape, and the tensors that follow or feed the model's.</summary>
    private sealed class Replica(Module module, Tape tape) : IGradientListener
    {
        private GradientExchange? _exchange;

        /// <summary>The parameters of the replica, in the order of the model's.</summary>
        public IReadOnlyList<Parameter> Parameters { get; } = module.Parameters();

        private readonly IReadOnlyList<(string Name, StateBuffer Buffer)> _buffers = module.NamedBuffers();

        private byte[] _packed = [];
        private int[] _packedCounts = [];

        private readonly ITrackingNorm[] _norms =
            [.. module.NamedModules().Select(static named => named.Module).OfType<ITrackingNorm>()];

        /// <summary>Follows the model: its weights are shared, and the values of its buffers are copied.</summary>
        public void Begin(Replica? model, ulong seed, long? randomStep)
        {
            tape.Reset();
            tape.Seed = seed;
            tape.RandomStep = randomStep;
            if (model is null) return;
            for (int i = 0; i < _norms.Length; i++)
            {
                if (_norms[i].State != model._norms[i].State) _norms[i].Set(model._norms[i].State, nameof(Replicas));
            }

            for (int i = 0; i < Parameters.Count; i++)
            {
                Parameters[i].ShareValueOf(model.Parameters[i]);
                Parameters[i].RequiresGradient = model.Parameters[i].RequiresGradient;
                Parameters[i].ZeroGrad();
            }

            for (int i = 0; i < _buffers.Count; i++)
            {
                StateBuffer from = model._buffers[i].Buffer, to = _buffers[i].Buffer;
                if (from.Value.DType.IsFloatingPoint()) to.To(from.Value.DType);
                to.Value.CopyFrom(from.Value);
            }
        }

        /// <summary>The part's share of the loss: its mean loss times its share of the samples.</summary>
        public double Forward(MicroBatch part, Loss loss, long samples, out Tensor result)
        {
            result = loss.Forward(module.Forward(tape.Input(part.Inputs)), part.Targets);
            return result.Item() * (part.Count / (double)samples);
        }

        public static void Backward(Tensor result, double share) =>
            result.Backward(Tensor.Full(result.Shape, share, result.DType));

        public void AddGradientsTo(Replica other)
        {
            for (int i = 0; i < Parameters.Count; i++) GradientSum.Add(Parameters[i], other.Parameters[i]);
        }

        /// <summary>
        /// Takes the buffers of the first process: the model keeps the running statistics of part 0.
        /// </summary>
        public void TakeBuffersOfFirst(IProcessGroup processes)
        {
            int bytes = 0;
            foreach ((_, StateBuffer buffer) in _buffers) bytes += buffer.Value.Bytes().Length;
            if (bytes == 0) return;
            if (_packed.Length != bytes)
            {
                _packed = GC.AllocateUninitializedArray<byte>(bytes, pinned: true);
                _packedCounts = new int[processes.Size];
            }

            _packedCounts[0] = bytes;
            int at = 0;
            foreach ((_, StateBuffer buffer) in _buffers)
            {
                ReadOnlySpan<byte> values = buffer.Value.Bytes();
                values.CopyTo(_packed.AsSpan(at));
                at += values.Length;
            }

            processes.BeginAllGather("running statistics", _packed, _packedCounts).Wait();
            if (processes.Rank == 0) return;
            at = 0;
            foreach ((_, StateBuffer buffer) in _buffers)
            {
                Span<byte> values = buffer.Value.Bytes();
                _packed.AsSpan(at, values.Length).CopyTo(values);
                at += values.Length;
            }
        }

        /// <summary>Tells an exchange which gradients are complete.</summary>
        public void Listen(GradientExchange exchange) => (_exchange, tape.GradientListener) = (exchange, this);

        public void Complete(Parameter parameter) => _exchange!.Complete(parameter);

        public void Reject() => tape.Reject();
    }
}

/// <summary>One part of a logical batch.</summary>
/// <param name="Inputs">Samples along the first axis.</param>
/// <param name="Targets">What the loss compares the prediction with, one per sample.</param>
public readonly record struct MicroBatch(Tensor Inputs, Tensor Targets)
{
    /// <summary>Number of samples.</summary>
    public int Count => Inputs.Shape[0];
}
