namespace Evenkeel.Examination;

/// <summary>EK110: channels that a gamma of nearly 0 makes constant.</summary>
internal sealed class GammaNearZero : FileRule
{
    public override string Id => "EK110";

    public override string Title => "gamma near 0";

    public override double Bound => 0.01;

    public override void Check(ExaminedNetwork network, FindingSink findings)
    {
        foreach (ExaminedNorm norm in network.SoundNorms())
        {
            if (norm is not { Family: NormFamily.Batch or NormFamily.Instance, Gamma: { Length: > 1 } gamma }) continue;
            double[] sizes = Array.ConvertAll(gamma, Math.Abs);
            double median = Ratios.Median(sizes);
            if (!(median > 0)) continue;
            int[] found = Ratios.Channels(sizes, size => size < findings.Bound * median);
            if (found.Length == 0) continue;
            findings.Add(FindingLevel.Note, norm.Name, found, sizes.Min() / median,
                $"|gamma| is below {findings.Bound:G2} of the layer's median in "
                + $"{Ratios.Count(found.Length, "channel")} of {norm.Channels} ({Ratios.Listed(found)}): they put out "
                + "beta, whatever comes in.",
                "Prune them and add beta to the next bias: evenkeel doctor FILE --fix OUT.");
        }
    }
}
