using Evenkeel.Examination;

namespace Evenkeel.Training;

/// <summary>
/// How much the statistics of a batch norm scatter from batch to batch. For m independent normal values the variance
/// scatters by √(2/(m-1)) of itself, and √2 times the mean by √(2/m) deviations: 0.35 at m = 16.
/// </summary>
/// <remarks>
/// The median over the channels is compared, of the larger of the two, at the end of an epoch, with the differences of
/// neighbours in the window. The bound is widened by twice the standard error of a deviation of k batches,
/// 1/√(2(k-1)).
/// </remarks>
internal sealed class NoisyBatches : TrainingRule
{
    private const int FewestBatches = 6;

    public override string Id => "EK308";

    public override string Title => "noisy batch statistics";

    public override double Bound => 0.35;

    public override void OnEpoch(TrainingView training, EpochRecord record, FindingSink findings)
    {
        if (FrozenState.IsFineTuning(training)) return;
        foreach (TrainedNorm norm in training.Norms)
        {
            if (norm.Tracking is not { IsPerSample: false } tracking || norm.WindowBatches < FewestBatches) continue;
            double[] noises = new double[tracking.NumFeatures];
            for (int c = 0; c < noises.Length; c++)
                noises[c] = Math.Max(norm.NoiseOfVariance(c), Math.Sqrt(2) * norm.NoiseOfMean(c));
            double noise = TrainingRules.Quantile(noises, 0.5),
                bound = findings.Bound * (1 + (2 / Math.Sqrt(2.0 * (norm.WindowBatches - 1))));
            if (noise <= bound) continue;
            double values = 1 + (2 / (noise * noise));
            findings.Add(FindingLevel.Warning, norm.Name, [], noise, bound,
                $"The statistics of {norm.Name} scatter by {noise:P0} from batch to batch, like those of {values:F0} "
                + $"independent values per channel; a batch has {training.Samples} samples. The network is trained on "
                + "noise that evaluation does not have.",
                "Use larger batches or MicroBatches, or a norm that does not look at the batch: GroupNorm, LayerNorm; "
                + "BatchRenorm where the batch must stay small.");
        }
    }
}
