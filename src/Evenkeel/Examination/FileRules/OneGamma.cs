namespace Evenkeel.Examination;

/// <summary>EK113: one gamma for all channels.</summary>
internal sealed class OneGamma : FileRule
{
    public override string Id => "EK113";

    public override string Title => "one gamma for all channels";

    public override double Bound => 1;

    public override void Check(ExaminedNetwork network, FindingSink findings)
    {
        foreach (ExaminedNorm norm in network.SoundNorms())
        {
            bool isGamma = norm.Gamma is { Length: 1 }, isBeta = norm.Beta is { Length: 1 };
            if (norm.Channels < 2 || (!isGamma && !isBeta)) continue;
            string what = isGamma && isBeta ? "gamma and beta have" : isGamma ? "gamma has" : "beta has";
            findings.Add(FindingLevel.Warning, norm.Name, [], norm.Channels,
                $"{what} one value for {norm.Channels} channels: the layer cannot scale or shift a channel by itself, "
                + "as batch norm is meant to.",
                $"Give the parameters the shape [{norm.Channels}], or (1, {norm.Channels}, 1, 1), and train again.");
        }
    }
}
