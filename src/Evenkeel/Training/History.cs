using Evenkeel.Examination;

namespace Evenkeel.Training;

/// <summary>What a training has measured: one loss per iteration, and one record per epoch.</summary>
public sealed class History
{
    /// <summary>
    /// The loss of each iteration, including the L2 penalty. A skipped batch leaves its NaN or infinity here. So does
    /// the step that ended a run early, as the last loss.
    /// </summary>
    public IReadOnlyList<double> Losses => LossList;

    /// <summary>One record per epoch.</summary>
    public IReadOnlyList<EpochRecord> Epochs => EpochList;

    /// <summary>The record of the last epoch; null before the end of the first one.</summary>
    public EpochRecord? Last => EpochList.Count > 0 ? EpochList[^1] : null;

    /// <summary>
    /// The record of the epoch whose model is the best by the monitored score. Null if no epoch has one.
    /// </summary>
    public EpochRecord? Best => BestAt >= 0 ? EpochList[BestAt] : null;

    /// <summary>The name of the score that decides which model is best, for example <c>accuracy</c>.</summary>
    public string Monitor { get; internal set; } = Scores.LossName;

    /// <summary>The monitored score of the best model; NaN before the end of the first epoch.</summary>
    public double BestScore => Best is { } best ? Monitored(best) : double.NaN;

    /// <summary>
    /// Number of batches with a non-finite loss or gradient that were skipped (<see cref="NonFiniteLoss.SkipBatch"/>).
    /// </summary>
    public int SkippedBatches { get; internal set; }

    /// <summary>
    /// True if the last run ended early because the loss or a gradient was NaN or infinite
    /// (<see cref="NonFiniteLoss.EndRun"/>).
    /// </summary>
    public bool Diverged => Divergence is not null;

    /// <summary>Where and why the last run ended early; null if it did not.</summary>
    public DivergedException? Divergence { get; internal set; }

    /// <summary>
    /// Why the last run was stopped before its last epoch, for example by <see cref="EarlyStopping"/>; null if it was
    /// not.
    /// </summary>
    public string? StopReason { get; internal set; }

    /// <summary>
    /// What <see cref="TrainerOptions.Doctor"/> has found, in the order in which it was found, including resumed parts.
    /// </summary>
    public IReadOnlyList<TrainingFinding> Findings => FindingList;

    /// <summary>The rules of the doctor that could not be checked, and why.</summary>
    public IReadOnlyList<UncheckedRule> NotChecked => UncheckedList;

    /// <summary>Seconds of training in this process, without evaluation.</summary>
    public double TrainingSeconds { get; internal set; }

    /// <summary>Seconds of evaluation in this process.</summary>
    public double EvaluationSeconds { get; internal set; }

    /// <summary>Training examples per second of training in this process.</summary>
    public double ExamplesPerSecond { get; internal set; }

    internal List<double> LossList { get; private set; } = [];

    internal List<EpochRecord> EpochList { get; private set; } = [];

    internal List<TrainingFinding> FindingList { get; private set; } = [];

    internal List<UncheckedRule> UncheckedList { get; private set; } = [];

    /// <summary>The place of the best epoch in <see cref="EpochList"/>; -1 if there is none.</summary>
    internal int BestAt { get; set; } = -1;

    /// <summary>
    /// The monitored score of an epoch: on the validation set, else on samples of the training set, else the mean loss
    /// of its iterations.
    /// </summary>
    /// <param name="record">A record of this history.</param>
    public double Monitored(EpochRecord record)
    {
        ArgumentNullException.ThrowIfNull(record);
        return (record.Validation ?? record.Training)?[Monitor] ?? record.TrainingLoss;
    }

    /// <summary>A copy of what has been measured so far. Later iterations do not change it.</summary>
    internal History Copy()
    {
        var copy = (History)MemberwiseClone();
        (copy.LossList, copy.EpochList) = ([.. LossList], [.. EpochList]);
        (copy.FindingList, copy.UncheckedList) = ([.. FindingList], [.. UncheckedList]);
        return copy;
    }
}
