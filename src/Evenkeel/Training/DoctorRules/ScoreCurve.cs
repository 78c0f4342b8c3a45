using Evenkeel.Examination;

namespace Evenkeel.Training;

/// <summary>
/// The monitored score from epoch to epoch: it swings (a change of sign of .03 or more in a fifth of the epochs), it
/// stands still, or the validation loss rises while that of training falls. Sources: AUTOTRAINER (oscillation,
/// plateau), SageMaker Debugger (overfit).
/// </summary>
internal sealed class ScoreCurve : TrainingRule
{
    private const double Swing = 0.03, SwingShare = 0.2, Still = 0.01;
    private const int FewestEpochs = 8, OverfitEpochs = 3, PlateauEpochs = 10;

    public override string Id => "EK314";

    public override string Title => "curve of the scores";

    public override double Bound => 0.1;

    public override void OnEpoch(TrainingView training, EpochRecord record, FindingSink findings)
    {
        History history = training.Trainer.History;
        CheckOverfit(history, record, findings);
        IReadOnlyList<EpochRecord> epochs = history.Epochs;
        if (epochs.Count < FewestEpochs || history.Monitor == Scores.LossName) return;
        double[] scores = [.. epochs.Select(history.Monitored)];
        int swings = 0;
        for (int i = 2; i < scores.Length; i++)
        {
            double last = scores[i - 1] - scores[i - 2], now = scores[i] - scores[i - 1];
            double least = Swing * Math.Abs(scores[i - 1]);
            if (last * now < 0 && Math.Abs(last) >= least && Math.Abs(now) >= least) swings++;
        }

        double share = swings / (double)(scores.Length - 2);
        if (share > SwingShare && swings >= 3)
        {
            findings.Add(FindingLevel.Note, "", [], share, SwingShare,
                $"The score {history.Monitor} has swung up and down by {Swing:P0} or more in {swings} of "
                + $"{scores.Length} epochs.",
                "Lower the learning rate, or let a schedule end it low (CosineWithWarmup); a larger validation set "
                + "swings less.");
            return;
        }

        CheckPlateau(training, history, scores, findings);
    }

    private static void CheckPlateau(TrainingView training, History history, double[] scores, FindingSink findings)
    {
        if (scores.Length <= PlateauEpochs || training.Trainer.Epoch + PlateauEpochs > training.Trainer.Options.Epochs)
            return;
        double low = scores[^PlateauEpochs..].Min(), high = scores[^PlateauEpochs..].Max();
        double spread = (high - low) / Math.Max(Math.Abs(high), double.Epsilon);
        if (spread >= Still) return;
        findings.Add(FindingLevel.Note, "", [], spread, Still,
            $"The score {history.Monitor} has stayed within {spread:P1} of itself for {PlateauEpochs} epochs, and "
            + $"{training.Trainer.Options.Epochs - training.Trainer.Epoch} more are planned.",
            "Stop early (EarlyStopping), or lower the learning rate at a plateau (ReduceLROnPlateau).");
    }

    /// <summary>The gap to training is large, and the validation loss has risen since its best epoch.</summary>
    private static void CheckOverfit(History history, EpochRecord record, FindingSink findings)
    {
        if (record.Validation is not { } validation || record.Training is not { } training) return;
        double gap = (validation[Scores.LossName] - training[Scores.LossName]) / training[Scores.LossName];
        double best = history.Epochs.Min(static epoch => epoch.Validation?[Scores.LossName] ?? double.PositiveInfinity);
        int bestEpoch = history.Epochs.First(epoch => epoch.Validation?[Scores.LossName] == best).Epoch;
        double rise = (validation[Scores.LossName] - best) / best;
        if (!(gap > findings.Bound) || !(rise > findings.Bound) || record.Epoch - bestEpoch < OverfitEpochs) return;
        findings.Add(FindingLevel.Note, "", [], rise,
            $"The validation loss has risen by {rise:P0} since epoch {bestEpoch}, while that of training is "
            + $"{training[Scores.LossName]:G3} against {validation[Scores.LossName]:G3}: the network learns its "
            + "samples by heart.",
            "Stop there (EarlyStopping), add data or augmentation, or regularize: weight decay, dropout behind the "
            + "last norm.");
    }
}
