namespace Evenkeel.Examination;

/// <summary>EK105: norms that have seen different numbers of batches.</summary>
internal sealed class LayersDisagree : FileRule
{
    public override string Id => "EK105";

    public override string Title => "layers disagree";

    public override void Check(ExaminedNetwork network, FindingSink findings)
    {
        ExaminedNorm[] counted =
            [.. network.Norms.Where(static norm => norm is { Variance: not null, Batches: not null })];
        if (counted.Length < 2) return;
        long usual = counted.GroupBy(static norm => norm.Batches!.Value)
            .OrderByDescending(static group => group.Count()).ThenByDescending(static group => group.Key).First().Key;
        ExaminedNorm[] others = [.. counted.Where(norm => norm.Batches != usual)];
        if (others.Length == 0) return;
        ExaminedNorm farthest = others.MaxBy(norm => Math.Abs(norm.Batches!.Value - usual))!;
        findings.Add(FindingLevel.Note, others.Length == 1 ? others[0].Name : "", [], farthest.Batches!.Value, usual,
            $"{Ratios.Listed([.. others.Select(static norm => norm.Name)])}: {farthest.Batches} batches are in the "
            + $"statistics, elsewhere {usual}. A layer that is shared counts each call; one that was frozen or "
            + "skipped counts fewer.",
            "If that is not meant: evenkeel recalibrate measures all layers on the same data.");
    }
}
