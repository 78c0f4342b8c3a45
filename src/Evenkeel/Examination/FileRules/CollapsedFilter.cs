namespace Evenkeel.Examination;

/// <summary>EK107: filters before a norm that have shrunk to almost nothing.</summary>
internal sealed class CollapsedFilter : FileRule
{
    /// <summary>From this share of a layer on it is a warning.</summary>
    private const double WarningShare = 0.1;

    public override string Id => "EK107";

    public override string Title => "collapsed filter";

    public override double Bound => 1e-3;

    public override void Check(ExaminedNetwork network, FindingSink findings)
    {
        foreach (ExaminedNorm norm in network.Norms)
        {
            if (norm is not { Family: NormFamily.Batch or NormFamily.Instance, Before: { } linear }) continue;
            double median = Ratios.Median(linear.FilterNorms);
            if (!(median > 0)) continue;
            int[] found = Ratios.Channels(linear.FilterNorms, value => value < findings.Bound * median);
            if (found.Length == 0) continue;
            double least = linear.FilterNorms.Min() / median;
            findings.Add(found.Length > WarningShare * linear.Outputs ? FindingLevel.Warning : FindingLevel.Note,
                linear.Name, found, least,
                $"{Ratios.Count(found.Length, "filter")} of {linear.Outputs} {Ratios.Have(found.Length)} a norm below "
                + $"{findings.Bound:G2} of the layer's median; the smallest is {least:G2} of it. {norm.Name} normalizes "
                + "behind it, so weight decay shrank the filter until eps took over: its channel is all but constant.",
                "Prune these channels: evenkeel doctor FILE --fix OUT.");
        }
    }
}
