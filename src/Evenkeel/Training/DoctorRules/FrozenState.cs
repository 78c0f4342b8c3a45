using Evenkeel.Examination;
using Evenkeel.Nn;

namespace Evenkeel.Training;

/// <summary>
/// A norm that is frozen and moves, one that moves though its gamma and beta are frozen, and one that follows small
/// batches while a network is fine-tuned. Sources: pytorch#66073, pytorch#86590.
/// </summary>
internal sealed class FrozenState : TrainingRule
{
    private const int Hashes = 2;

    public override string Id => "EK312";

    public override string Title => "frozen or not";

    /// <summary>The values per channel in a batch below which statistics are better frozen.</summary>
    public override double Bound => 16;

    /// <summary>Whether a part of the model is frozen.</summary>
    public static bool IsFineTuning(TrainingView training) =>
        training.Weights.Any(static weight => !weight.Parameter.RequiresGradient);

    public override void OnStep(TrainingView training, FindingSink findings)
    {
        double[] sums = training.Memory("sums", Hashes * training.Norms.Count);
        for (int i = 0; i < training.Norms.Count; i++)
        {
            TrainedNorm norm = training.Norms[i];
            if (norm.Tracking is not { Running: { } running } tracking) continue;
            Span<double> known = sums.AsSpan(Hashes * i, Hashes);
            if (tracking.State != NormState.Active) CheckStill(norm, running, known, findings);
            else if (norm.UpdatesInStep > 0) CheckActive(training, norm, tracking, findings);
        }
    }

    private static void CheckStill(
        TrainedNorm norm, RunningStatistics running, Span<double> known, FindingSink findings)
    {
        // Two sums of a frozen vector are two numbers that do not change; the second depends on the order.
        double sum = 0, ordered = 0;
        for (int c = 0; c < running.Mean.Value.Count; c++)
        {
            double mean = running.Mean.Value.ValueAt(c), variance = running.Variance.Value.ValueAt(c);
            sum += mean + variance;
            ordered += ((2 * c) + 1) * mean + ((2 * c) + 2) * variance;
        }

        (double before, double orderedBefore) = (known[0], known[1]);
        (known[0], known[1]) = (sum, ordered);
        if ((before == 0 && orderedBefore == 0) || (before == sum && orderedBefore == ordered)) return;
        findings.Add(FindingLevel.Warning, norm.Name, [], Math.Abs(sum - before), 0,
            $"{norm.Name} is {norm.Tracking!.State}, and its running statistics have changed: something writes them.",
            "Look for code that writes running_mean or running_var (a callback, a load), or Unfreeze the layer.");
    }

    private static void CheckActive(
        TrainingView training, TrainedNorm norm, ITrackingNorm tracking, FindingSink findings)
    {
        bool isAffineFrozen = norm.Gamma is { RequiresGradient: false } && norm.Beta is not { RequiresGradient: true };
        if (isAffineFrozen)
        {
            findings.Add(FindingLevel.Warning, norm.Name, [], norm.UpdatesInStep, 0,
                $"gamma and beta of {norm.Name} are frozen, but its running statistics follow each batch: the frozen "
                + "part changes all the same, and evaluation with it.",
                "Call FreezeNorms() on the frozen part: its norms then use the statistics they have.");
            return;
        }

        if (tracking.IsPerSample || !IsFineTuning(training)) return;
        (long values, int samples) = norm.PerChannel;
        if (samples == 0) return;
        double perChannel = values * (training.Samples / (double)samples);
        if (perChannel >= findings.Bound) return;
        findings.Add(FindingLevel.Warning, norm.Name, [], perChannel,
            $"{norm.Name} takes its statistics from {perChannel:F0} values per channel while the network is "
            + "fine-tuned: they are worse than those it came with.",
            "Call FreezeNorms() on the part that is already trained, or use larger batches.");
    }
}
