namespace Evenkeel.Training;

/// <summary>What a training has seen: losses an iteration, accuracies a check.</summary>
public sealed class History
{
    /// <summary>The loss of each iteration, L2 penalty included. A skipped batch leaves its NaN or infinity, and so does, at the end, the step that ended a run early.</summary>
    public IReadOnlyList<double> Losses => LossList;

    /// <summary>Accuracy on training samples: after the first iteration, at the end of each epoch and after the last iteration; so epochs + 1 values.</summary>
    /// <remarks>Where an epoch is a single iteration, the first check and the end of the first epoch are one.</remarks>
    public IReadOnlyList<double> TrainAccuracies => TrainList;

    /// <summary>Accuracy on validation samples, at the same moments.</summary>
    public IReadOnlyList<double> ValidationAccuracies => ValidationList;

    /// <summary>The best accuracy on validation samples; NaN before the first check.</summary>
    public double BestValidationAccuracy { get; internal set; } = double.NaN;

    /// <summary>Epochs that were complete when the best model was found; -1 where there is none.</summary>
    public int BestEpoch { get; internal set; } = -1;

    /// <summary>Batches with a non-finite loss or gradient that were skipped (<see cref="NonFiniteLoss.SkipBatch"/>).</summary>
    public int SkippedBatches { get; internal set; }

    /// <summary>True where the last run ended early because the loss or a gradient was NaN or infinite (<see cref="NonFiniteLoss.EndRun"/>).</summary>
    public bool Diverged => Divergence is not null;

    /// <summary>Where and why the last run ended early; null where it did not.</summary>
    public DivergedException? Divergence { get; internal set; }

    /// <summary>Seconds of training in this call of <see cref="Trainer.Fit"/>, evaluation not counted.</summary>
    public double TrainingSeconds { get; internal set; }

    /// <summary>Seconds of evaluation in this call of <see cref="Trainer.Fit"/>.</summary>
    public double EvaluationSeconds { get; internal set; }

    /// <summary>Training examples a second of training in this call of <see cref="Trainer.Fit"/>.</summary>
    public double ExamplesPerSecond { get; internal set; }

    internal List<double> LossList { get; private set; } = [];

    internal List<double> TrainList { get; private set; } = [];

    internal List<double> ValidationList { get; private set; } = [];

    /// <summary>What has been seen so far, apart from what comes later.</summary>
    internal History Copy()
    {
        var copy = (History)MemberwiseClone();
        (copy.LossList, copy.TrainList, copy.ValidationList) = ([.. LossList], [.. TrainList], [.. ValidationList]);
        return copy;
    }
}
