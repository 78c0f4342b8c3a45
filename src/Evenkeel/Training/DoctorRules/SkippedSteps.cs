using Evenkeel.Examination;

namespace Evenkeel.Training;

/// <summary>
/// Steps that were skipped because the loss or a gradient was not finite, and updates of running statistics that were
/// skipped. The first is a warning; more than <see cref="DoctorRule.Bound"/> of the steps is an error.
/// </summary>
internal sealed class SkippedSteps : TrainingRule
{
    private const int FewestForError = 3;

    public override string Id => "EK307";

    public override string Title => "skipped batches";

    public override double Bound => 0.01;

    public override void OnSkip(TrainingView training, FindingSink findings)
    {
        int skipped = training.Trainer.History.SkippedBatches;
        double share = skipped / (double)training.Trainer.Iteration;
        (string layer, int? channel) = training.Spoilt ?? ("", null);
        string place = layer.Length == 0 ? "an unknown place"
            : channel is { } number ? $"{layer}, channel {number}" : layer;
        if (layer.Length > 0)
        {
            findings.Add(FindingLevel.Warning, layer, channel is { } one ? [one] : [], share, 0,
                $"Step {training.Iteration} was skipped: its loss or gradient is not finite. The first such values "
                + $"come from {place}.",
                "Clip the gradients (MaxGradientNorm = 1) or lower the learning rate; if it is the inputs, check the "
                + "samples of that batch.");
        }

        if (skipped < FewestForError || share <= findings.Bound) return;
        findings.Add(FindingLevel.Error, "", [], share,
            $"{skipped} of {training.Trainer.Iteration} steps were skipped ({share:P1}): their loss or gradient is not "
            + $"finite. The first such values came from {place}.",
            "Stop: begin again from an earlier checkpoint with a lower learning rate, or mend the data.");
    }

    public override void OnStep(TrainingView training, FindingSink findings)
    {
        foreach (TrainedNorm norm in training.Norms)
        {
            if (norm.Tracking?.Running is not { SkippedBatches: > 0 } running) continue;
            double share = running.SkippedBatches / (double)training.Iteration;
            findings.Add(FindingLevel.Warning, norm.Name, [], share, 0,
                $"{norm.Name} has left out {running.SkippedBatches} of {training.Iteration} batches from its running "
                + "statistics: their mean or variance is not finite, or they have one value per channel.",
                "Look at the inputs of this layer in such a batch; a larger batch, or LastBatch.Merge, avoids single "
                + "values.");
        }
    }
}
