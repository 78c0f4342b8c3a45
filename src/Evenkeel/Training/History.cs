namespace Evenkeel.Training;

/// <summary>What a training has measured: one loss per iteration, and two accuracies per check.</summary>
public sealed class History
{
    /// <summary>
    /// The loss of each iteration, including the L2 penalty. A skipped batch leaves its NaN or infinity here. So does
    /// the step that ended a run early, as the last loss.
    /// </summary>
    public IReadOnlyList<double> Losses => LossList;

    /// <summary>
    /// Accuracy on training samples: after the first iteration, at the end of each epoch and after the last iteration.
    /// These are epochs + 1 values.
    /// </summary>
    /// <remarks>
    /// If an epoch is a single iteration, the first check and the end of the first epoch are the same check.
    /// </remarks>
    public IReadOnlyList<double> TrainAccuracies => TrainList;

    /// <summary>Accuracy on validation samples, at the same moments.</summary>
    public IReadOnlyList<double> ValidationAccuracies => ValidationList;

    /// <summary>The best accuracy on validation samples; NaN before the first check.</summary>
    public double BestValidationAccuracy { get; internal set; } = double.NaN;

    /// <summary>Number of epochs that were complete when the best model was found; -1 if there is none.</summary>
    public int BestEpoch { get; internal set; } = -1;

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

    /// <summary>Seconds of training in this call of <see cref="Trainer.Fit"/>, without evaluation.</summary>
    public double TrainingSeconds { get; internal set; }

    /// <summary>Seconds of evaluation in this call of <see cref="Trainer.Fit"/>.</summary>
    public double EvaluationSeconds { get; internal set; }

    /// <summary>Training examples per second of training in this call of <see cref="Trainer.Fit"/>.</summary>
    public double ExamplesPerSecond { get; internal set; }

    internal List<double> LossList { get; private set; } = [];

    internal List<double> TrainList { get; private set; } = [];

    internal List<double> ValidationList { get; private set; } = [];

    /// <summary>A copy of what has been measured so far. Later iterations do not change it.</summary>
    internal History Copy()
    {
        var copy = (History)MemberwiseClone();
        (copy.LossList, copy.TrainList, copy.ValidationList) = ([.. LossList], [.. TrainList], [.. ValidationList]);
        return copy;
    }
}
