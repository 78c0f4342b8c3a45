using System.Runtime.ExceptionServices;
using Evenkeel.Lab.Experiments;
using Evenkeel.Lab.Reports;

namespace Evenkeel.Lab.Running;

/// <summary>An experiment that is complete or has failed.</summary>
/// <param name="Experiment">Which.</param>
/// <param name="Record">Its result with every seed; null if it has failed.</param>
/// <param name="Seconds">What its runs took together; null if the whole result was in the folder.</param>
/// <param name="Failure">What the first of its runs that failed has thrown; null if none has.</param>
internal sealed record Completion(Experiment Experiment, ResultRecord? Record, double? Seconds, Exception? Failure)
{
    /// <summary>The result.</summary>
    /// <exception cref="Exception">The failure, as it was thrown.</exception>
    public ResultRecord RecordOrFailure()
    {
        if (Failure is not null) ExceptionDispatchInfo.Throw(Failure);
        return Record!;
    }
}

/// <summary>
/// An experiment on its way: the runs that it lacks, what they have given so far, and whether one has failed.
/// </summary>
internal sealed class OpenExperiment : IDisposable
{
    private readonly Lock _lock = new();
    private readonly CancellationTokenSource _stop = new();
    private readonly TaskCompletionSource _done = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Further seeds that were done before the own one: there is no result yet to add them to.</summary>
    private readonly List<Replicate> _early = [];

    private ResultRecord? _record;
    private Exception? _failure;
    private double? _seconds;
    private int _left;

    /// <param name="experiment">Which.</param>
    /// <param name="stored">What there is of it; null if it has to be run.</param>
    /// <param name="seeds">Further seeds that it lacks.</param>
    public OpenExperiment(Experiment experiment, ResultRecord? stored, IEnumerable<long> seeds)
    {
        (Experiment, _record) = (experiment, stored);
        Runs = [.. stored is null ? (long?[])[null] : [], .. seeds];
        _left = Runs.Count;
        if (_left == 0) _done.SetResult();
    }

    public Experiment Experiment { get; }

    /// <summary>Seeds of the runs that it lacks; null is its own.</summary>
    public IReadOnlyList<long?> Runs { get; }

    /// <summary>Completed when every run is done, or one has failed.</summary>
    public Task Done => _done.Task;

    /// <summary>Cancelled when a run has failed.</summary>
    public CancellationToken Stopped => _stop.Token;

    /// <summary>The run of the own seed is done.</summary>
    public void Add(ResultRecord own, Func<ResultRecord, ResultRecord> inOrder, Action<ResultRecord> store) =>
        Add(own.Seconds, () => _record = own with { Replicates = _early }, inOrder, store);

    /// <summary>The run of a further seed is done.</summary>
    public void Add(Replicate replicate, Func<ResultRecord, ResultRecord> inOrder, Action<ResultRecord> store) =>
        Add(replicate.Seconds, () =>
    {
        if (_record is null) _early.Add(replicate);
        else _record = _record with { Replicates = [.. _record.Replicates, replicate] };
    }, inOrder, store);

    private void Add(double seconds, Action add, Func<ResultRecord, ResultRecord> inOrder, Action<ResultRecord> store)
    {
        lock (_lock)
        {
            add();
            if (_record is not null) store(_record = inOrder(_record));
            _seconds = (_seconds ?? 0) + seconds;
            if (--_left == 0) _done.TrySetResult();
        }
    }

    /// <summary>A run has failed: the others stop. What they throw for that is not told.</summary>
    public void Fail(Exception failure)
    {
        if (Interlocked.CompareExchange(ref _failure, failure, null) is not null) return;
        _stop.Cancel();
        _done.TrySetResult();
    }

    public Completion Completion()
    {
        lock (_lock) return new Completion(Experiment, _failure is null ? _record : null, _seconds, _failure);
    }

    public void Dispose() => _stop.Dispose();
}
