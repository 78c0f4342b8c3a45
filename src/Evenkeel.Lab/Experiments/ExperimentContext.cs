namespace Evenkeel.Lab.Experiments;

/// <summary>
/// What a user set, as the experiment takes it; two runs with equal settings, data and build give the same bits.
/// </summary>
/// <param name="Seed">Seed of everything a run draws.</param>
/// <param name="Threads">Threads that compute; the bits do not depend on it.</param>
/// <param name="DType">Element type of the computation.</param>
/// <param name="Epochs">Epochs of each training; null if nothing is trained.</param>
/// <param name="Quick">True for a short run that shows the same in less detail.</param>
internal sealed record ExperimentSettings(long Seed, int Threads, DType DType, int? Epochs, bool Quick);

/// <summary>What an experiment is given: settings, data, a place to report to, and a way to be stopped.</summary>
internal sealed class ExperimentContext(ExperimentSettings settings, LabData data, IProgressSink progress,
    CancellationToken cancellation)
{
    public ExperimentSettings Settings { get; } = settings;

    public long Seed => Settings.Seed;

    public DType DType => Settings.DType;

    /// <summary>Epochs of each training.</summary>
    public int Epochs => Settings.Epochs ?? throw new InvalidOperationException(
        "ExperimentContext: this experiment declares no epochs.");

    public bool Quick => Settings.Quick;

    /// <summary>The images; loaded when first asked for, and timed apart.</summary>
    public LabData Data { get; } = data;

    public CancellationToken Cancellation { get; } = cancellation;

    /// <summary>Says how far the experiment is, and stops it where the user has asked for that.</summary>
    /// <param name="done">Share that is done, 0 to 1.</param>
    /// <param name="state">What is being done.</param>
    /// <param name="milestone">True once an epoch or a variant: also said where progress is printed in lines.</param>
    public void Report(double done, string state, bool milestone = false)
    {
        Cancellation.ThrowIfCancellationRequested();
        progress.Report(done, state, milestone);
    }
}

/// <summary>Takes the progress of one experiment.</summary>
internal interface IProgressSink
{
    void Report(double done, string state, bool milestone);
}
