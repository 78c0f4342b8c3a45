using Evenkeel.Examination;
using Evenkeel.Nn;

namespace Evenkeel.Training;

/// <summary>
/// A batch norm that follows several parts of a batch one after the other in one step: micro-batches whose statistics
/// are not pooled. Source: pytorch#46516.
/// </summary>
internal sealed class UnpooledParts : TrainingRule
{
    public override string Id => "EK311";

    public override string Title => "accumulation without pooling";

    public override void OnStep(TrainingView training, FindingSink findings)
    {
        foreach (TrainedNorm norm in training.Norms)
        {
            // A ghost batch norm does so on purpose. A layer that is used twice sees whole batches twice.
            if (norm.UpdatesInStep < 2 || norm.Module is BatchNorm { VirtualBatchSize: > 0 }) continue;
            int samples = norm.PerChannel.Samples;
            if (samples == 0 || samples >= training.Samples) continue;
            findings.Add(FindingLevel.Warning, norm.Name, [], norm.UpdatesInStep, 1,
                $"{norm.Name} takes {norm.UpdatesInStep} statistics in one step, each of {samples} of the "
                + $"{training.Samples} samples: the network is that of batches of {samples}, whatever the gradients "
                + "add up to.",
                "Set TrainerOptions.MicroBatches, which pools the statistics of the parts, or pass the batch as a "
                + "whole.");
        }
    }
}
