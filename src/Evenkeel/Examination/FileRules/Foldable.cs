namespace Evenkeel.Examination;

/// <summary>EK124: norms that can become part of a neighbour.</summary>
internal sealed class Foldable : FileRule
{
    public override string Id => "EK124";

    public override string Title => "foldable";

    public override void Check(ExaminedNetwork network, FindingSink findings)
    {
        ExaminedNorm[] norms =
            [.. network.Norms.Where(static norm => norm is { Family: NormFamily.Batch, Mean: not null })];
        if (norms.Length == 0) return;
        ExaminedNorm[] known = [.. norms.Where(static norm => norm.FoldObstacle is not null)];
        if (known.Length == 0)
        {
            findings.NotChecked("which layer follows which is not known");
            return;
        }

        ExaminedNorm[] foldable = [.. known.Where(static norm => norm.FoldObstacle!.Length == 0)];
        if (foldable.Length == 0) return;
        const int BytesPerChannel = 4 * sizeof(float);
        double kilobytes = foldable.Sum(static norm => (long)norm.Channels) * BytesPerChannel / 1000.0;
        string kept = string.Join("; ", known.Where(static norm => norm.FoldObstacle!.Length > 0)
            .GroupBy(static norm => norm.FoldObstacle, StringComparer.Ordinal)
            .OrderByDescending(static group => group.Count())
            .Select(static group => $"{group.Count()} not: {group.Key}").Take(3));
        findings.Add(FindingLevel.Note, "", [], foldable.Length, 0,
            $"{foldable.Length} of {norms.Length} batch norms can become part of a neighbour: {kilobytes:G3} kB less, "
            + "and a pass over the activations less for each, with the same "
            + $"outputs.{(kept.Length == 0 ? "" : $" {kept}.")}",
            "evenkeel fold FILE, or model.Fold(inputs), which proves that the outputs are equal.");
    }
}
