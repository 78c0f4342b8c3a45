namespace Evenkeel.Examination;

/// <summary>EK107: filters before a norm that have shrunk to almost nothing.</summary>
internal sealed class CollapsedFilter : FileRule
{
    public override string Id => "EK107";

    public override string Title => "collapsed filter";

    public override double Bound => 1e-3;

    public override void Check(ExaminedNetwork network, FindingSink findings)
    {
        foreach (ExaminedNorm norm in network.SoundNorms())
        {
            if (norm is not { Family: NormFamily.Batch or NormFamily.Instance, Before: { NotFinite.Count: 0 } linear })
                continue;
            double median = Ratios.Median(linear.FilterNorms);
            if (!(median > 0)) continue;
            int[] found = Ratios.Channels(linear.FilterNorms, value => value < findings.Bound * median);
            if (found.Length == 0) continue;
            double least = linear.FilterNorms.Min() / median;
            findings.Add(found.Length > Ratios.WarningShare * linear.Outputs ? FindingLevel.Warning : FindingLevel.Note,
                linear.Name, found, least,
                $"{Ratios.Count(found.Length, "filter")} of {linear.Outputs} ({Ratios.Listed(found, "filter")}) below "
                + $"{findings.Bound:G2} of the layer's median norm, the smallest at {least:G2}. {norm.Name} "
                + "normalizes behind it, so weight decay shrank them until eps took over: their outputs are constant.",
                "Prune them: evenkeel doctor FILE --fix OUT.");
        }
    }
}
