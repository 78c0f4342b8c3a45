using System.Globalization;
using Evenkeel.Lab.Experiments.Convnets;

namespace Evenkeel.Lab.Claims;

/// <summary>The custom of detection: a pretrained batch norm is frozen.</summary>
internal sealed class C36FrozenNorms : Claim
{
    private const string Repairs = "norm-repairs";

    public override string Id => "C36";

    public override string Statement => "A pretrained batch norm is better frozen while a net is tuned in tiny batches";

    public override string Lesson => "D8";

    public override string Words =>
        "Where a pretrained net is tuned in batches of a few images, its batch norms are frozen: statistics of so " +
        "few images are worse than those it was trained with.";

    public override string Effect =>
        "test accuracy on noisy images after tuning with frozen norms less that with active ones";

    public override Bound Bound => Bound.Above(0);

    public override IReadOnlyList<string> Experiments => [Repairs];

    public override string Practice =>
        "Before you tune a pretrained net in tiny batches call model.FreezeNorms(), or FreezeNormStatistics() if " +
        "gamma and beta are to learn. In ordinary batches compare.";

    protected override string Cases => "in batches of 2 and of 32";

    protected override IEnumerable<Case> Measure(Evidence evidence) =>
        new[] { NormRepairs.Tiny, NormRepairs.Ordinary }.Select(size => new Case(
            string.Create(CultureInfo.InvariantCulture, $"batches of {size}"),
            evidence.Differences(Repairs, NormRepairs.Figure(NormRepairs.Frozen, size),
                NormRepairs.Figure(NormRepairs.Active, size))));

    protected override string Remark(Evidence evidence)
    {
        string before = evidence.Values(Repairs, "pretrained.noisyTestAccuracy").Average()
            .ToString("F3", CultureInfo.InvariantCulture);
        return $"Test accuracies on noisy images, tuned in batches of 2 and 32: active {Both(NormRepairs.Active)}; " +
            $"frozen {Both(NormRepairs.Frozen)}; frozen statistics {Both(NormRepairs.FrozenStatistics)}; " +
            $"not tuned {before}.";

        string Both(string name) => string.Join(", ",
            new[] { NormRepairs.Tiny, NormRepairs.Ordinary }.Select(size =>
                evidence.Values(Repairs, NormRepairs.Figure(name, size)).Average()
                    .ToString("F3", CultureInfo.InvariantCulture)));
    }
}
