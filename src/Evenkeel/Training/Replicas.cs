using Evenkeel.Losses;
using Evenkeel.Nn;

namespace Evenkeel.Training;

/// <summary>
/// Several replicas of one network, each on its own thread with its part of a batch. Together they compute one logical
/// batch in lockstep.
/// </summary>
/// <remarks>
/// <para>The replicas share the model's weights and have their own gradients. These are added to the model's gradients
/// in the order of the parts, so the result depends on how the batch is cut, not on the threads. The loss of the whole
/// batch is Σ nᵢ·lossᵢ / Σ nᵢ for parts of nᵢ samples, which is the mean loss of one batch.</para>
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
    private readonly InProcessCollective _group;
    private readonly Replica[] _replicas;
    private int _isBusy;

    /// <summary>Makes the replicas. The first one is the model itself.</summary>
    /// <param name="model">The model whose gradients are wanted.</param>
    /// <param name="count">The most parts of a batch. Each part has its own thread.</param>
    /// <param name="poolBatchStatistics">
    /// True if every batch norm takes its statistics over all parts, not only <see cref="SyncBatchNorm"/>.
    /// </param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="count"/> is not from 1 to 1024.</exception>
    public Replicas(Module model, int count, bool poolBatchStatistics = false)
    {
        ArgumentNullException.ThrowIfNull(model);
        _group = new InProcessCollective(count);
        Model = model;
        _replicas = new Replica[count];
        for (int rank = 0; rank < count; rank++)
        {
            var tape = new Tape { Collective = _group.Members[rank], PoolsBatchStatistics = poolBatchStatistics };
            _replicas[rank] = new Replica(rank == 0 ? model : model.CloneSharingWeights(), tape);
        }
    }

    /// <summary>The model. Every replica uses its weights, and it receives the gradients.</summary>
    public Module Model { get; }

    /// <summary>The most parts of a batch.</summary>
    public int Count => _replicas.Length;

    /// <summary>Seed of everything random in a pass (dropout). Every replica derives its own seed from it.</summary>
    public ulong Seed { get; init; }

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

        int samples = inputs.Shape[0], parts = Math.Min(Count, samples);
        var cut = new MicroBatch[parts];
        for (int part = 0; part < parts; part++)
        {
            int start = (int)((long)samples * part / parts), count = (int)((long)samples * (part + 1) / parts) - start;
            cut[part] = new MicroBatch(inputs.Rows(start, count), targets.Rows(start, count));
        }

        return Accumulate(cut, loss);
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
    /// <exception cref="InvalidOperationException">Another batch is under way.</exception>
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
        long samples = Check(parts);
        if (Interlocked.Exchange(ref _isBusy, 1) != 0)
        {
            throw new InvalidOperationException("Replicas.Accumulate: expected one batch at a time, "
                + "got another in the middle of a pass (from another thread, or from a hook of the model). "
                + "Wait until the first is done, or make Replicas of another copy of the model.");
        }

        try
        {
            return Accumulate(parts, loss, samples);
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

    /// <summary>Ends the threads.</summary>
    public void Dispose() => _group.Dispose();

    private double Accumulate(IReadOnlyList<MicroBatch> parts, Loss loss, long samples)
    {
        for (int rank = 0; rank < Count; rank++)
        {
            ulong seed = Seed + ((ulong)rank * 0x9E3779B97F4A7C15);
            _replicas[rank].Begin(rank == 0 ? null : _replicas[0], seed, RandomStep);
        }

        double value = 0;
        bool isBackward = false;
        try
        {
            _group.Run(
                member =>
                {
                    double own = _replicas[member.Rank].Forward(parts[member.Rank], loss, samples, out Tensor result);
                    double[] all = new double[member.Size];
                    member.AllGather("Replicas loss", [own], all);
                    double total = 0;
                    foreach (double one in all) total += one;
                    if (member.Rank == 0) value = total;
                    if (!double.IsFinite(total)) return;
                    Volatile.Write(ref isBackward, true);
                    Replica.Backward(result, parts[member.Rank].Count / (double)samples);
                },
                parts.Count);
        }
        catch
        {
            Reject();
            if (isBackward) Model.ZeroGrad();
            throw;
        }

        if (!double.IsFinite(value)) Reject();
        else for (int rank = 1; rank < parts.Count; rank++) _replicas[rank].AddGradientsTo(_replicas[0]);
        return value;
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
    private sealed class Replica(Module module, Tape tape)
    {
        private readonly IReadOnlyList<Parameter> _parameters = module.Parameters();
        private readonly IReadOnlyList<(string Name, StateBuffer Buffer)> _buffers = module.NamedBuffers();

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

            for (int i = 0; i < _parameters.Count; i++)
            {
                _parameters[i].ShareValueOf(model._parameters[i]);
                _parameters[i].RequiresGradient = model._parameters[i].RequiresGradient;
                _parameters[i].ZeroGrad();
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

        public unsafe void AddGradientsTo(Replica model)
        {
            for (int i = 0; i < _parameters.Count; i++)
            {
                if (_parameters[i].Gradient is not { } gradient) continue;
                Parameter into = model._parameters[i];
                if (into.Gradient is not { } sum)
                {
                    into.GradientMemory.CopyFrom(gradient);
                    into.HasGradient = true;
                }
                else if (sum.DType == DType.Float64)
                {
                    fixed (double* from = gradient.AsSpan<double>(), to = sum.AsSpan<double>())
                        Kernels.Accumulate.Add(from, to, sum.Count);
                }
                else
                {
                    fixed (float* from = gradient.AsSpan<float>(), to = sum.AsSpan<float>())
                        Kernels.Accumulate.Add(from, to, sum.Count);
                }
            }
        }

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
