using Evenkeel.Lab.Experiments.Convnets;

namespace Evenkeel.Lab.Claims;

/// <summary>Wu and He's group norm: an image is normalized by itself.</summary>
internal sealed class C29GroupNormBatch : Claim
{
    private const string Compared = "norms-compared";

    private const string MateEffect =
        "largest change of an image's scores when the others in its batch are replaced, over its largest score";

    private static readonly Bound s_mates = Bound.AtMost(1e-5);

    public override string Id => "C29";

    public override string Statement => "Group norm does not depend on the batch size";

    public override string Lesson => "D8";

    public override string Words =>
        "Group norm takes its statistics from one sample alone, so its computation does not depend on the batch " +
        "size, and its accuracy is the same over a wide range of batch sizes (Wu and He 2018).";

    public override string Effect =>
        "test accuracy with batches of 2 less that with batches of 32, equally many images seen, " +
        "Adam's rate as the square root of the batch";

    public override Bound Bound => Bound.Between(-0.03, 0.03);

    public override string Rule =>
        $"{Effect}, in a small ResNet, in LeNet and in six linear layers: the 95 % interval over the seeds lies " +
        $"{Bound} in every case ({InPart}); and the {MateEffect} lies {s_mates}";

    public override IReadOnlyList<string> Experiments => [Compared];

    public override string Practice =>
        "With group norm the batch size is a matter of speed and of the learning rate alone: a sample's output is " +
        "the same in any batch. A training still depends on the batch size through the number and the noise of its " +
        "steps, with any norm and without.";

    protected override IEnumerable<Case> Measure(Evidence evidence) =>
    [
        new Case("an image's output in another batch", evidence.Values(Compared, $"{ComparedNorm.Group}.mateEffect"),
            Bound: s_mates, Effect: MateEffect),
        .. ComparedNet.All.Select(net => new Case(net.Words, Cost(evidence, net, ComparedNorm.Group))),
    ];

    protected override string Remark(Evidence evidence)
    {
        double moved = evidence.Values(Compared, $"{ComparedNorm.Batch}.mateEffect").Average();
        return $"The same difference for other norms: {string.Join("; ", ComparedNet.All.Select(Others))}. " +
            $"With batch norm an image's scores move by {moved:0.0e+00} when the others are replaced.";

        string Others(ComparedNet net) => $"{net.Words}: {string.Join(", ", net.Norms
            .Where(static norm => norm.Name != ComparedNorm.Group)
            .Select(norm => $"{norm.Label} {Cost(evidence, net, norm.Name).Average():+0.000;-0.000}"))}";
    }

    private static double[] Cost(Evidence evidence, ComparedNet net, string norm) =>
        evidence.Differences(Compared, NormsCompared.Figure(net, norm, NormsCompared.Tiny),
            NormsCompared.Figure(net, norm, NormsCompared.Ordinary));
}
