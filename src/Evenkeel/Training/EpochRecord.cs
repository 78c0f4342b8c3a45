namespace Evenkeel.Training;

/// <summary>What a training has measured at the end of an epoch.</summary>
/// <param name="Epoch">The number of the epoch, counted from 1.</param>
/// <param name="Iteration">Iterations done at its end.</param>
/// <param name="TrainingLoss">
/// The mean loss of its iterations, while the weights change, with the L2 penalty. Infinite or NaN losses of skipped
/// batches are left out.
/// </param>
/// <param name="LearningRate">
/// The learning rate of the optimizer's first group at its end, before a schedule by epochs changes it.
/// </param>
/// <param name="Training">
/// Scores in Eval on samples of the training set (<see cref="TrainerOptions.TrainingSamples"/>); null if none are
/// measured.
/// </param>
/// <param name="Validation">Scores in Eval on the validation set; null if there is none.</param>
public sealed record EpochRecord(
    int Epoch, long Iteration, double TrainingLoss, double LearningRate, Scores? Training, Scores? Validation)
{
    /// <summary>
    /// For example <c>epoch 3: loss 0.2154; training loss 0.2011, accuracy 0.9410; validation loss 0.2302, accuracy
    /// 0.9355</c>.
    /// </summary>
    public override string ToString() => $"epoch {Epoch}: {Losses}";

    /// <summary>The text without the number of the epoch.</summary>
    internal string Losses
    {
        get
        {
            string text = $"loss {TrainingLoss:0.0000}";
            if (Training is not null) text += $"; training {Training}";
            return Validation is null ? text : $"{text}; validation {Validation}";
        }
    }
}
