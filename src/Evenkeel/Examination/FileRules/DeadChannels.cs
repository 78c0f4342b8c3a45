namespace Evenkeel.Examination;

/// <summary>EK108: channels that a ReLU behind the norm makes 0 for all inputs.</summary>
internal sealed class DeadChannels : FileRule
{
    /// <summary>From this share of a layer on it is an error: half of the layer computes nothing.</summary>
    private const double ErrorShare = 0.5;

    public override string Id => "EK108";

    public override string Title => "dead behind ReLU";

    public override double Bound => 1e-3;

    public override void Check(ExaminedNetwork network, FindingSink findings)
    {
        foreach (ExaminedNorm norm in network.SoundNorms())
        {
            if (norm.Family is not (NormFamily.Batch or NormFamily.Instance)) continue;
            if (norm.Activation == FollowingActivation.Unknown)
                findings.NotChecked("the activation behind the norms is not known");
            if (norm.Activation is not (FollowingActivation.ReLU or FollowingActivation.LikeReLU)) continue;
            double[] active = norm.ActiveShares();
            int[] found = Ratios.Channels(active, share => share < findings.Bound);
            if (found.Length == 0) continue;
            double share = found.Length / (double)norm.Channels;
            findings.Add(share >= ErrorShare ? FindingLevel.Error
                : share > Ratios.WarningShare ? FindingLevel.Warning : FindingLevel.Note,
                norm.Name, found, active.Min(),
                $"{Ratios.Count(found.Length, "channel")} of {norm.Channels} ({Ratios.Listed(found)}) above 0 for "
                + $"less than {findings.Bound:P1} of inputs, the least for {active.Min():P2}: beta is that far below "
                + "-|gamma|. Behind the ReLU they are 0, and no gradient comes back through them.",
                "Prune them (evenkeel doctor FILE --fix OUT); train with a lower rate, or without decay on beta.");
        }
    }
}
