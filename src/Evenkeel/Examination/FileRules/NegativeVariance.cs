namespace Evenkeel.Examination;

/// <summary>EK102: a running variance below 0.</summary>
internal sealed class NegativeVariance : FileRule
{
    public override string Id => "EK102";

    public override string Title => "negative variance";

    public override double Bound => 0;

    public override void Check(ExaminedNetwork network, FindingSink findings)
    {
        foreach (ExaminedNorm norm in network.SoundNorms())
        {
            if (norm.Variance is not { } variance) continue;
            int[] found = Ratios.Channels(variance, value => value < findings.Bound);
            if (found.Length == 0) continue;
            bool isRoot = variance.Min() + norm.Eps < 0;
            findings.Add(FindingLevel.Error, norm.Name, found, variance.Min(),
                $"The running variance is negative in {Ratios.Listed(found)}, down to {variance.Min():G3}. No batch "
                + $"has such a variance{(isRoot ? ", and the square root of it plus eps is NaN" : "")}.",
                "evenkeel recalibrate: the statistics are measured again.");
        }
    }
}
