namespace Evenkeel.Examination;

/// <summary>EK125: a norm that a graph spells as many operators.</summary>
internal sealed class DecomposedNorm : FileRule
{
    public override string Id => "EK125";

    public override string Title => "decomposed norm";

    public override void Check(ExaminedNetwork network, FindingSink findings)
    {
        GraphRemark[] found =
            [.. network.Remarks.Where(static remark => remark.Kind == GraphRemarkKind.DecomposedNorm)];
        if (found.Length == 0) return;
        string kinds = string.Join(" and ", found.GroupBy(static remark => remark.Detail, StringComparer.Ordinal)
            .Select(static group => Ratios.Count(group.Count(), group.Key)));
        findings.Add(FindingLevel.Note, found.Length == 1 ? found[0].Node : "", [], found.Length, 0,
            $"{kinds} spelt as ReduceMean, Sub, Pow, Add, Sqrt, Div and the like (first: {found[0].Node}). Programs "
            + "that do not join them read and write the activations many times.",
            "Export again with opset 17 or later (23 for RMS norm), which have operators of their own.");
    }
}
