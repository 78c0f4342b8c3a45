namespace Evenkeel.Examination;

/// <summary>EK106: channels whose variance is not large against eps.</summary>
internal sealed class EpsDecides : FileRule
{
    /// <summary>From this share on eps is more of the denominator than the variance.</summary>
    private const double Most = 0.5;

    public override string Id => "EK106";

    public override string Title => "eps decides";

    public override double Bound => 0.1;

    public override void Check(ExaminedNetwork network, FindingSink findings)
    {
        foreach (ExaminedNorm norm in network.MeasuredNorms())
        {
            double[] shares = Array.ConvertAll(norm.Variance!, variance => norm.Eps / (variance + norm.Eps));
            int[] found = Ratios.Channels(shares, share => share > findings.Bound);
            if (found.Length == 0) continue;
            int ruled = shares.Count(static share => share > Most);
            findings.Add(ruled > Ratios.WarningShare * norm.Channels ? FindingLevel.Warning : FindingLevel.Note,
                norm.Name, found, shares.Max(),
                $"eps = {norm.Eps:G3}{(norm.IsEpsKnown ? "" : " (assumed)")} is up to {shares.Max():P0} of var + eps "
                + $"in {Ratios.Count(found.Length, "channel")} of {norm.Channels} ({Ratios.Listed(found)}). There the "
                + "output depends on the scale of the weights, and weight decay goes on shrinking the channel.",
                "Prune the channels (evenkeel doctor FILE --fix OUT), or train with a smaller eps.");
        }
    }
}
