using System.Numerics;

namespace Evenkeel;

/// <summary>What a pass has done to running statistics, so that it can be taken back.</summary>
internal struct RunningUpdate
{
    private readonly RunningStatistics? _running;
    private readonly Tensor? _previous;
    private int _updates;

    /// <summary>The statistics before the pass have the shape (2, C): mean, then variance.</summary>
    public static Shape PreviousShape(int channels) => [2, channels];

    /// <param name="running">The statistics that follow; null for none.</param>
    /// <param name="previous">Memory for what they were; null if nobody takes the pass back.</param>
    public RunningUpdate(RunningStatistics? running, Tensor? previous) => (_running, _previous) = (running, previous);

    /// <summary>The statistics follow a batch.</summary>
    /// <param name="batch">The batch's statistics.</param>
    /// <param name="m">Values per channel.</param>
    public void Follow<T>(NormTable batch, double m) where T : unmanaged, IFloatingPointIeee754<T>
    {
        if (_running is null) return;
        // Before the first update only: a pass of several batches is taken back as a whole.
        Span<T> previous = _previous is null || _updates > 0 ? default : _previous.AsSpan<T>();
        if (_running.Update(batch, m, previous)) _updates++;
    }

    /// <summary>Takes the updates back.</summary>
    public void Undo()
    {
        if (_previous is null || _updates == 0) return;
        if (_previous.DType == DType.Float64) _running!.Restore<double>(_previous.AsSpan<double>(), _updates);
        else _running!.Restore<float>(_previous.AsSpan<float>(), _updates);
        _updates = 0;
    }
}
