using Evenkeel.Data;
using Evenkeel.Diagnostics;
using Evenkeel.Nn;
using Evenkeel.Random;
using Evenkeel.Surgery;

namespace Evenkeel.Examination;

/// <summary>How norms and dropout behave in a pass of an examination.</summary>
internal enum PassKind
{
    /// <summary>As in use: running statistics, no dropout.</summary>
    Use,

    /// <summary>Norms take the statistics of the batch; no dropout.</summary>
    BatchStatistics,

    /// <summary>As in training: statistics of the batch, dropout.</summary>
    Training,
}

/// <summary>Runs a network over samples of a set, and leaves it as it is.</summary>
internal sealed class DataPasses(
    Module model, DoctorData data, IProgress<DoctorProgress>? progress, CancellationToken cancellation)
{
    private readonly Dictionary<PassKind, Tape> _tapes = [];

    /// <summary>The element type that the network computes in.</summary>
    public DType DType { get; } = RecalibrationRun.TypeOf(model);

    /// <summary>Samples of a set, drawn from the whole of it: at most <see cref="DoctorData.Limit"/>.</summary>
    public int[] Draw(IDataset set, int? limit = null)
    {
        int[] order = new Philox(0, "doctor").Permutation(set.Count);
        return order[..Math.Min(order.Length, limit ?? data.Limit)];
    }

    /// <summary>Some samples as a tensor on no tape.</summary>
    public Tensor Read(IDataset set, ReadOnlySpan<int> samples)
    {
        Tensor x = Tensor.Empty(set.BatchShape(samples.Length), DType);
        set.CopyTo(samples, x);
        return x;
    }

    /// <summary>Runs the network over samples, batch by batch.</summary>
    /// <param name="step">What it is for, for the progress.</param>
    /// <param name="kind">How norms and dropout behave.</param>
    /// <param name="set">The set.</param>
    /// <param name="samples">Its samples, in order.</param>
    /// <param name="batchSize">Samples of a batch. A single one left over joins the batch before it.</param>
    /// <param name="hooks">What looks at which module.</param>
    /// <param name="look">Sees the outputs of each batch and the place of its first sample.</param>
    /// <param name="prepare">What is done to the inputs first; null for nothing.</param>
    /// <param name="network">The network; null for the examined one.</param>
    public void Run(
        string step, PassKind kind, IDataset set, int[] samples, int batchSize,
        IReadOnlyList<(Module Module, Action<Module, Tensor, Tensor> Look)> hooks, Action<Tensor, int>? look = null,
        Func<Tensor, Tensor>? prepare = null, Module? network = null)
    {
        network ??= model;
        var plan = new BatchPlan(samples.Length, batchSize);
        Tape tape = TapeOf(kind);
        using var quiet = new PassWithoutTrace(network, tape);
        var watching = new List<IDisposable>(hooks.Count);
        try
        {
            foreach ((Module module, Action<Module, Tensor, Tensor> hook) in hooks)
                watching.Add(module.AddForwardHook(hook));
            for (int batch = 0; batch < plan.Batches; batch++)
            {
                cancellation.ThrowIfCancellationRequested();
                int start = batch * plan.BatchSize, size = plan.SizeOf(batch);
                tape.Reset();
                tape.RandomStep = batch + 1;
                Tensor x = tape.NewTensor(set.BatchShape(size), DType);
                set.CopyTo(samples.AsSpan(start, size), x);
                if (prepare is not null) x = prepare(x);
                try
                {
                    Tensor y = network.Forward(x);
                    look?.Invoke(y, start);
                }
                catch (EnoughSeenException)
                {
                }
                finally
                {
                    tape.Reject();
                }

                progress?.Report(new DoctorProgress(step, start + size, samples.Length));
            }
        }
        finally
        {
            foreach (IDisposable hook in watching) hook.Dispose();
        }
    }

    /// <summary>The outputs of one batch, on no tape.</summary>
    public Tensor Outputs(PassKind kind, Tensor inputs, Module? network = null)
    {
        network ??= model;
        Tape tape = TapeOf(kind);
        tape.Reset();
        tape.RandomStep = 1;
        using var quiet = new PassWithoutTrace(network, tape);
        try
        {
            return network.Forward(tape.Input(inputs)).Detach().Clone();
        }
        finally
        {
            tape.Reject();
        }
    }

    /// <summary>The scores of a network over labelled samples.</summary>
    public SampleScores Scores(
        string step, PassKind kind, IDataset set, int[] samples, int batchSize,
        IReadOnlyList<(Module Module, Action<Module, Tensor, Tensor> Look)>? hooks = null,
        Func<Tensor, Tensor>? prepare = null, Module? network = null)
    {
        var scorer = new SampleScorer(set.TargetType == DType.Int64, samples.Length);
        Run(step, kind, set, samples, batchSize, hooks ?? [], (y, start) => Score(scorer, set, samples, y, start),
            prepare, network);
        return scorer.Scores();
    }

    /// <summary>Gives a scorer the outputs of a batch with the targets.</summary>
    public void Score(SampleScorer scorer, IDataset set, int[] samples, Tensor y, int start)
    {
        int size = y.Shape[0];
        Tensor targets = Tensor.Empty(set.TargetBatchShape(size), set.TargetTypeFor(DType));
        set.CopyTargetsTo(samples.AsSpan(start, size), targets);
        scorer.Read(y, targets, start);
    }

    private Tape TapeOf(PassKind kind)
    {
        if (_tapes.TryGetValue(kind, out Tape? tape)) return tape;
        tape = kind == PassKind.Training
            ? new Tape(Mode.Train, recordGradients: false)
            : new Tape(Mode.Eval) { UsesBatchStatistics = kind == PassKind.BatchStatistics };
        _tapes.Add(kind, tape);
        return tape;
    }
}

/// <summary>Ends a pass in the middle of a network: the rest of it is not needed.</summary>
internal sealed class EnoughSeenException : Exception;
