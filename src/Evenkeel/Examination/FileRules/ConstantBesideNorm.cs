namespace Evenkeel.Examination;

/// <summary>EK126: scales and shifts beside a norm that could be part of it.</summary>
internal sealed class ConstantBesideNorm : FileRule
{
    public override string Id => "EK126";

    public override string Title => "constant beside a norm";

    public override void Check(ExaminedNetwork network, FindingSink findings)
    {
        GraphRemark[] found =
            [.. network.Remarks.Where(static remark => remark.Kind == GraphRemarkKind.ConstantBesideNorm)];
        if (found.Length == 0) return;
        string[] norms = [.. found.Select(static remark => remark.Node).Distinct(StringComparer.Ordinal)];
        string kinds = string.Join(", ", found.GroupBy(static remark => remark.Detail, StringComparer.Ordinal)
            .OrderByDescending(static group => group.Count()).Select(static group => $"{group.Count()} {group.Key}"));
        findings.Add(FindingLevel.Note, norms.Length == 1 ? norms[0] : "", [], found.Length, 0,
            $"{Ratios.Count(norms.Length, "norm")} ({Ratios.Listed(norms)}) with constants beside: {kinds}. Each is a "
            + "pass over the activations that gamma and beta could do.",
            "evenkeel fold takes them up.");
    }
}
