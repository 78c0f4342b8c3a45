using System.Globalization;

namespace Evenkeel.Lab.Claims;

/// <summary>Lessons D and N: batch norm needs fewer epochs, not less time for each image.</summary>
internal sealed class C15EpochNotSecond : Claim
{
    private const string Deep = "deep-net";
    private const string LeNet = "fashion-lenet";

    public override string Id => "C15";

    public override string Statement => "Batch norm trains faster epoch for epoch, not image for image";

    public override string Lesson => "D7, N10";

    public override string Words =>
        "With batch norm training converges in fewer epochs; it does not get through more images per second.";

    public override string Effect =>
        "epochs of six linear layers to a training accuracy of 0.4, without batch norm over with";

    public override Bound Bound => Bound.AtLeast(1.2);

    public override IReadOnlyList<string> Experiments => [Deep, LeNet];

    public override string Practice =>
        "Compare nets by the time to a result, not by epochs alone: a step with batch norm takes longer, and fewer " +
        "steps may still be the better bargain.";

    protected override string Cases => "and images a second of LeNet, with over without, which must lie below 1";

    protected override IEnumerable<Case> Measure(Evidence evidence) =>
    [
        new Case("a count in epochs", evidence.Ratios(Deep, "none.epochsToTarget", "batchnorm.epochsToTarget"),
            IsRatio: true),
        new Case("a count in images per second",
            evidence.Ratios(LeNet, "none.stepMicroseconds", "batchnorm.stepMicroseconds"), IsRatio: true,
            Bound.Below(1)),
    ];

    protected override string Remark(Evidence evidence)
    {
        double with = evidence.Values(Deep, "batchnorm.epochsToTarget").Average(),
            without = evidence.Values(Deep, "none.epochsToTarget").Average();
        double longer =
            Interval.OfRatio(evidence.Ratios(LeNet, "batchnorm.stepMicroseconds", "none.stepMicroseconds")).Mean;
        return string.Create(CultureInfo.InvariantCulture, $"{with:F1} epochs with, {without:F1} without. A step of " +
            $"LeNet takes {longer:F2} times as long with batch norm: what it saves in epochs must outweigh that.");
    }
}
