using System.Globalization;
using Evenkeel.Lab.Experiments.Convnets;

namespace Evenkeel.Lab.Claims;

/// <summary>
/// Lesson D's exercise on other norms, and Wu and He's reason for group norm: what a batch norm is worth in tiny
/// batches.
/// </summary>
internal sealed class C28TinyBatches : Claim
{
    private const string Compared = "norms-compared";

    public override string Id => "C28";

    public override string Statement => "Batch norm fails at tiny batches, where group norm does not";

    public override string Lesson => "D8";

    public override string Words =>
        "Batch norm needs batches of a moderate size. With a few images per batch its statistics are wrong, and " +
        "norms that look at one image, such as group norm (Wu and He 2018), are the better choice.";

    public override string Effect =>
        "test accuracy of batch norm less that of group norm, both trained in batches of 2";

    public override Bound Bound => Bound.AtMost(-0.05);

    public override IReadOnlyList<string> Experiments => [Compared];

    public override string Practice =>
        "Where memory leaves room for a few samples per step, take group norm in convolutions and layer norm in " +
        "rows, or take the statistics over several machines; freeze the statistics of a pretrained batch norm. The " +
        "fewer values a channel has in a batch, the sooner batch norm suffers: " +
        "rows before planes, late layers before early ones.";

    protected override string Cases => "in a small ResNet, in LeNet and in six linear layers";

    protected override IEnumerable<Case> Measure(Evidence evidence) => ComparedNet.All.Select(net => new Case(
        net.Words,
        evidence.Differences(Compared, NormsCompared.Figure(net, ComparedNorm.Batch, NormsCompared.Tiny),
            NormsCompared.Figure(net, ComparedNorm.Group, NormsCompared.Tiny))));

    protected override string Remark(Evidence evidence) =>
        string.Join("; ", ComparedNet.All.Select(net => string.Create(CultureInfo.InvariantCulture,
        $"{net.Words}: batch norm {Mean(evidence, net, ComparedNorm.Batch, NormsCompared.Tiny):F3} at 2 " +
        $"({Mean(evidence, net, ComparedNorm.Batch, NormsCompared.Tiny, isExact: true):F3} with exact statistics) " +
        $"and {Mean(evidence, net, ComparedNorm.Batch, NormsCompared.Ordinary):F3} at 32, group norm " +
        $"{Mean(evidence, net, ComparedNorm.Group, NormsCompared.Tiny):F3} and " +
        $"{Mean(evidence, net, ComparedNorm.Group, NormsCompared.Ordinary):F3}, none " +
        $"{Mean(evidence, net, ComparedNorm.None, NormsCompared.Tiny):F3} and " +
        $"{Mean(evidence, net, ComparedNorm.None, NormsCompared.Ordinary):F3}"))) + ".";

    internal static double Mean(Evidence evidence, ComparedNet net, string norm, int size, bool isExact = false) =>
        evidence.Values(Compared, NormsCompared.Figure(net, norm, size, isExact)).Average();
}
