using Evenkeel.Lab.Experiments;

namespace Evenkeel.Lab.Running;

/// <summary>
/// Passes reports on to the display that is shown at the moment; between two displays they are dropped.
/// </summary>
internal sealed class ProgressRelay : IProgressSink
{
    private readonly Lock _lock = new();
    private IProgressSink? _sink;

    /// <summary>Passes reports on to a sink while something is waited for.</summary>
    public T Lend<T>(IProgressSink sink, Func<T> wait)
    {
        lock (_lock) _sink = sink;
        try
        {
            return wait();
        }
        finally
        {
            lock (_lock) _sink = null;
        }
    }

    public void Report(double done, string state, bool milestone)
    {
        lock (_lock) _sink?.Report(done, state, milestone);
    }
}

/// <summary>
/// The progress of one run among others: its share goes to the agenda, and a prefix tells which run reports.
/// </summary>
internal sealed class PieceProgress(IProgressSink sink, Agenda.Piece piece, string prefix) : IProgressSink
{
    /// <summary>False if the milestones of this run are none of the whole.</summary>
    public bool HasMilestones { get; init; } = true;

    public void Report(double done, string state, bool milestone)
    {
        piece.Report(done);
        sink.Report(done, prefix + state, milestone && HasMilestones);
    }
}
