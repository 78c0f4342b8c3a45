using System.Globalization;
using Evenkeel.Lab.Experiments.Convnets;

namespace Evenkeel.Lab.Claims;

/// <summary>Ioffe's batch renorm: small batches train as ordinary ones do.</summary>
internal sealed class C34Renorm : Claim
{
    private const string Repairs = "norm-repairs";

    public override string Id => "C34";

    public override string Statement => "Batch renorm trains in small batches as batch norm does in ordinary ones";

    public override string Lesson => "D8";

    public override string Words =>
        "Batch renorm corrects the statistics of a small batch towards the running ones, so that a net trained in " +
        "small batches is as good as one trained with batch norm in ordinary ones (Ioffe 2017).";

    public override string Effect =>
        "test accuracy of LeNet with batch renorm less that with batch norm in batches of 32, " +
        "equally many images seen, Adam's rate as the square root of the batch";

    public override Bound Bound => Bound.AtLeast(-0.03);

    public override IReadOnlyList<string> Experiments => [Repairs];

    public override string Practice =>
        "If batches are small and only the norm may change, try batch renorm, with limits that open within the " +
        "training. Norms of single samples have no such limits.";

    protected override string Cases => "in batches of 8 and of 2";

    protected override IEnumerable<Case> Measure(Evidence evidence) =>
        new[] { NormRepairs.Small, NormRepairs.Tiny }.Select(size => new Case(
            string.Create(CultureInfo.InvariantCulture, $"batches of {size}"),
            evidence.Differences(Repairs, NormRepairs.Figure(NormRepairs.Renorm, size),
                NormRepairs.Figure(NormRepairs.Batch, NormRepairs.Ordinary))));

    protected override string Remark(Evidence evidence)
    {
        return $"Test accuracies in batches of 2, 8 and 32: batch norm {All(NormRepairs.Batch)}; " +
            $"batch renorm {All(NormRepairs.Renorm)}.";

        string All(string name) => string.Join(", ",
            new[] { NormRepairs.Tiny, NormRepairs.Small, NormRepairs.Ordinary }.Select(size =>
                evidence.Values(Repairs, NormRepairs.Figure(name, size)).Average()
                    .ToString("F3", CultureInfo.InvariantCulture)));
    }
}
