using Evenkeel.Lab.Experiments.Convnets;

namespace Evenkeel.Lab.Claims;

/// <summary>
/// What speaks for batch norm: with enough images per batch it is ahead of the norms of single samples.
/// </summary>
internal sealed class C30OrdinaryBatches : Claim
{
    private const string Compared = "norms-compared";

    public override string Id => "C30";

    public override string Statement => "With batches of 32 batch norm is ahead of layer norm and group norm";

    public override string Lesson => "D8";

    public override string Words =>
        "With batches of a moderate size batch norm is a little ahead of the norms that look at one sample alone.";

    public override string Effect =>
        "test accuracy of batch norm less the better of layer norm's and group norm's, batches of 32";

    public override Bound Bound => Bound.Above(0);

    public override IReadOnlyList<string> Experiments => [Compared];

    public override string Practice =>
        "Where batches are of 32 or more and the net has convolutions, begin with batch norm: it also folds into the " +
        "weights for use. Measure before you believe in a lead of a percent: " +
        "it goes with the data, the rate and the length of the training.";

    protected override string Cases => "in a small ResNet, in LeNet and in six linear layers";

    protected override IEnumerable<Case> Measure(Evidence evidence) => ComparedNet.All.Select(net => new Case(
        net.Words, evidence.Values(Compared, figures =>
            At(figures, net, ComparedNorm.Batch)
                - Math.Max(At(figures, net, ComparedNorm.Layer), At(figures, net, ComparedNorm.Group)))));

    protected override string Remark(Evidence evidence)
    {
        return $"{string.Join("; ", ComparedNet.All.Select(Norms))}.";

        string Norms(ComparedNet net) => $"{net.Words}: {string.Join(", ", net.Norms.Select(norm =>
            $"{norm.Label} {C28TinyBatches.Mean(evidence, net, norm.Name, NormsCompared.Ordinary):F3}"))}";
    }

    private static double At(IReadOnlyDictionary<string, double> figures, ComparedNet net, string norm) =>
        figures[NormsCompared.Figure(net, norm, NormsCompared.Ordinary)];
}
