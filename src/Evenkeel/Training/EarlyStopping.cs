namespace Evenkeel.Training;

/// <summary>
/// Stops a training if the monitored score (<see cref="TrainerOptions.Monitor"/>) has not become better for some
/// epochs. The trainer keeps the best model itself.
/// </summary>
/// <remarks>
/// It keeps no state: it reads <see cref="Trainer.History"/>, so a resumed run stops where an undisturbed one stops,
/// and another call of Fit stops at once. To go on, give the trainer a larger patience, or leave the callback out. The
/// rule is that of Keras' <c>EarlyStopping</c>.
/// </remarks>
public sealed class EarlyStopping : Callback
{
    /// <summary>Makes the callback.</summary>
    /// <param name="patience">Epochs without a better score after which the training stops. Default: 5.</param>
    /// <param name="minimumChange">By how much a better score has to be better. Default: 0.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is out of range.</exception>
    public EarlyStopping(int patience = 5, double minimumChange = 0)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(patience, 1);
        if (minimumChange is not (>= 0 and < double.PositiveInfinity))
        {
            throw new ArgumentOutOfRangeException(nameof(minimumChange),
                $"EarlyStopping: expected a minimum change of 0 or more and finite, got {minimumChange}.");
        }

        (Patience, MinimumChange) = (patience, minimumChange);
    }

    /// <summary>Epochs without a better score after which the training stops.</summary>
    public int Patience { get; }

    /// <summary>By how much a better score has to be better.</summary>
    public double MinimumChange { get; }

    /// <inheritdoc/>
    public override void OnFitBegin(Trainer trainer) => StopIfDone(trainer);

    /// <inheritdoc/>
    public override void OnEpochEnd(Trainer trainer, EpochRecord record) => StopIfDone(trainer);

    private void StopIfDone(Trainer trainer)
    {
        ArgumentNullException.ThrowIfNull(trainer);
        History history = trainer.History;
        double best = double.NaN;
        int bestEpoch = 0;
        foreach (EpochRecord record in history.Epochs)
        {
            double score = history.Monitored(record), gain = trainer.HigherIsBetter ? score - best : best - score;
            if (double.IsNaN(score) || (!double.IsNaN(best) && !(gain > MinimumChange))) continue;
            (best, bestEpoch) = (score, record.Epoch);
        }

        int waited = history.Epochs.Count - bestEpoch;
        if (waited < Patience) return;
        trainer.Stop(double.IsNaN(best)
            ? $"no finite {history.Monitor} in {waited} epochs"
            : $"{history.Monitor} has not become better than {best:0.0000} (epoch {bestEpoch}) for {waited} epochs");
    }
}
