using Evenkeel.Examination;

namespace Evenkeel.Training;

/// <summary>
/// The share of a layer's outputs whose gradients are exactly zero in at least three looks in a row and over 200
/// samples: they are dead. A loss below a hundredth of the first is not looked at. Source of the bound: AUTOTRAINER,
/// ICSE 2021 (dying ReLU from 70 % on).
/// </summary>
internal sealed class ZeroGradients : TrainingRule
{
    private const double LittleLoss = 0.01;
    private const int Looks = 3, SamplesNeeded = 200;

    public override string Id => "EK305";

    public override string Title => "zero gradients";

    public override double Bound => 0.7;

    public override void OnStep(TrainingView training, FindingSink findings)
    {
        TrainedWeight? last = training.Weights.LastOrDefault(TrainingRules.Learns);
        double[] first = training.Memory("first loss", 1);
        if (first[0] == 0) first[0] = training.Loss;
        // Little is left to learn: softmax of samples that are right for sure is exactly 0 or 1.
        if (last is null || training.Loss < LittleLoss * first[0]) return;
        int needed = Math.Max(Looks, (SamplesNeeded + training.Samples - 1) / training.Samples);
        foreach (TrainedWeight weight in training.Weights)
        {
            if (!TrainingRules.Learns(weight) || ReferenceEquals(weight, last)) continue;
            int dead = 0;
            for (int output = 0; output < weight.Outputs; output++)
            {
                if (weight.SilentLooks(output) >= needed) dead++;
            }

            double share = dead / (double)weight.Outputs;
            if (share < findings.Bound) continue;
            findings.Add(FindingLevel.Warning, weight.Layer, Dead(weight, needed), share,
                $"{dead} of the {weight.Outputs} outputs of {weight.Layer} got no gradient from the last "
                + $"{needed * training.Samples} samples that were looked at: they are dead, and nothing wakes them up.",
                "Begin anew with a lower learning rate or a warm-up; a norm before the ReLU, or LeakyReLU, keeps units "
                + "alive.");
        }
    }

    private static int[] Dead(TrainedWeight weight, int needed) =>
        [.. Enumerable.Range(0, weight.Outputs).Where(output => weight.SilentLooks(output) >= needed)];
}
