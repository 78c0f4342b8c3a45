namespace Evenkeel.Examination;

/// <summary>EK109: a ReLU that lets everything through.</summary>
internal sealed class LinearReLU : FileRule
{
    /// <summary>From this share of a layer on it is worth a note.</summary>
    private const double NoteShare = 0.1;

    public override string Id => "EK109";

    public override string Title => "ReLU does nothing";

    public override double Bound => 0.999;

    public override void Check(ExaminedNetwork network, FindingSink findings)
    {
        foreach (ExaminedNorm norm in network.SoundNorms())
        {
            if (norm.Family is not (NormFamily.Batch or NormFamily.Instance)) continue;
            if (norm.Activation == FollowingActivation.Unknown)
                findings.NotChecked("the activation behind the norms is not known");
            if (norm.Activation != FollowingActivation.ReLU) continue;
            double[] active = norm.ActiveShares();
            int[] found = Ratios.Channels(active, share => share > findings.Bound);
            if (found.Length <= NoteShare * norm.Channels) continue;
            findings.Add(FindingLevel.Note, norm.Name, found, active.Max(),
                $"{Ratios.Count(found.Length, "channel")} of {norm.Channels} ({Ratios.Listed(found)}) above 0 for "
                + $"more than {findings.Bound:P1} of inputs: beta is that far above |gamma|. Behind the ReLU they are "
                + "linear.",
                "Nothing is wrong; the layer could do with fewer channels, or without its ReLU.");
        }
    }
}
