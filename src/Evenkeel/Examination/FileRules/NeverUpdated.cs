namespace Evenkeel.Examination;

/// <summary>EK103: running statistics that are still their start values.</summary>
internal sealed class NeverUpdated : FileRule
{
    public override string Id => "EK103";

    public override string Title => "never updated";

    public override void Check(ExaminedNetwork network, FindingSink findings)
    {
        foreach (ExaminedNorm norm in network.SoundNorms())
        {
            if (!AreStartValues(norm)) continue;
            findings.Add(FindingLevel.Error, norm.Name, [], 1, 0,
                $"All {norm.Channels} running means are 0 and all running variances are {norm.Variance![0]:R}: no "
                + "batch has updated them. Eval and predictions divide by these start values.",
                "evenkeel recalibrate: one pass over training data measures them.");
        }
    }

    /// <summary>Whether the statistics are exactly what a fresh layer has: mean 0, and variance 1 or 0.</summary>
    internal static bool AreStartValues(ExaminedNorm norm) =>
        norm is { Mean: { } mean, Variance: { Length: > 0 } variance }
        && norm.Batches is null or 0 && variance[0] is 0 or 1
        && mean.All(static value => value == 0) && variance.All(value => value == variance[0]);
}
