using Evenkeel.Examination;

namespace Evenkeel.Training;

/// <summary>
/// The root mean square of the gradient in the first layer against that in the last one: vanishing below 1/1000 with
/// less than 1e-4 in the first, exploding above <see cref="DoctorRule.Bound"/>. Source: AUTOTRAINER, ICSE 2021.
/// </summary>
/// <remarks>It must hold in five looks in a row.</remarks>
internal sealed class GradientRatio : TrainingRule
{
    private const double Vanishing = 1e-3, Small = 1e-4;
    private const int Looks = 5;

    public override string Id => "EK304";

    public override string Title => "gradient ratio";

    public override double Bound => 70;

    public override void OnStep(TrainingView training, FindingSink findings)
    {
        TrainedWeight? first = training.Weights.FirstOrDefault(TrainingRules.Learns),
            last = training.Weights.LastOrDefault(TrainingRules.Learns);
        if (first is null || last is null || ReferenceEquals(first, last)) return;
        double ratio = last.GradientRms > 0 ? first.GradientRms / last.GradientRms : 1;
        double[] counts = training.Memory("looks", 2);
        bool vanishes = ratio < Vanishing && first.GradientRms < Small && first.GradientRms > 0;
        if (TrainingRules.HasHeld(ref counts[0], vanishes, Looks))
        {
            findings.Add(FindingLevel.Warning, first.Layer, [], ratio, Vanishing,
                $"The gradient of {first.Name} is {ratio:G2} times that of {last.Name}: it vanishes on the way, and "
                + "the first layers hardly learn.",
                "Put a norm behind each layer, or start with KaimingNormal and ReLU in place of sigmoids.");
        }

        if (TrainingRules.HasHeld(ref counts[1], ratio > findings.Bound, Looks))
        {
            findings.Add(FindingLevel.Warning, first.Layer, [], ratio,
                $"The gradient of {first.Name} is {ratio:G3} times that of {last.Name}: it explodes on the way.",
                "Start with smaller weights (KaimingNormal), put a norm behind each layer, or clip "
                + "(MaxGradientNorm = 1).");
        }
    }
}
