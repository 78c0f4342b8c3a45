using Evenkeel.Examination;

namespace Evenkeel.Training;

/// <summary>
/// How far running statistics are behind those of the last batches of an epoch: |running mean - mean| in deviations.
/// Evaluation uses the running ones.
/// </summary>
/// <remarks>
/// The mean is that of the last quarter of the epoch, 8 to 32 batches. It must hold in a tenth of the channels at the
/// end of two epochs in a row, beyond the error of the mean. Source: claim C31 of the lab: statistics that lag explain
/// most of the scatter of accuracies.
/// </remarks>
internal sealed class LaggingStatistics : TrainingRule
{
    private const double Share = 0.9;
    private const int Epochs = 2;

    public override string Id => "EK306";

    public override string Title => "lagging statistics";

    public override double Bound => 0.5;

    public override void OnEpoch(TrainingView training, EpochRecord record, FindingSink findings)
    {
        double[] counts = training.Memory("epochs", training.Norms.Count);
        for (int i = 0; i < counts.Length; i++)
        {
            TrainedNorm norm = training.Norms[i];
            if (norm.Tracking?.Running is not { IsFrozen: false } running || norm.WindowBatches < 4) continue;
            double[] distances = new double[norm.Tracking.NumFeatures];
            for (int c = 0; c < distances.Length; c++)
            {
                double variance = norm.WindowVariance(c);
                double noise = norm.NoiseOfMean(c) / Math.Sqrt(norm.WindowBatches);
                if (!(variance > norm.Tracking.Eps)) continue;
                distances[c] =
                    (Math.Abs(running.Mean.Value.ValueAt(c) - norm.WindowMean(c)) / Math.Sqrt(variance)) - (2 * noise);
            }

            int behind = distances.Count(distance => distance > findings.Bound);
            double measured = TrainingRules.Quantile(distances, Share);
            if (!TrainingRules.HasHeld(ref counts[i], measured > findings.Bound, Epochs)) continue;
            findings.Add(FindingLevel.Warning, norm.Name, [], measured,
                $"At the end of epoch {record.Epoch} the running mean of {behind} of {distances.Length} channels is "
                + $"more than {findings.Bound:G2} deviations from that of the last {norm.WindowBatches} batches: "
                + "evaluation normalizes with statistics of an earlier network.",
                "After the training: model.Recalibrate(training), or evenkeel recalibrate. For the next one: a larger "
                + $"momentum than {running.Average}, or a lower learning rate.");
        }
    }
}
