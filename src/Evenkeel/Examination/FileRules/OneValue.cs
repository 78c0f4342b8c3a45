namespace Evenkeel.Examination;

/// <summary>EK122: a norm over a single value.</summary>
internal sealed class OneValue : FileRule
{
    public override string Id => "EK122";

    public override string Title => "norm of one value";

    public override double Bound => 1;

    public override void Check(ExaminedNetwork network, FindingSink findings)
    {
        foreach (ExaminedNorm norm in network.SoundNorms())
        {
            bool isPerPlace = norm.Family is NormFamily.Layer or NormFamily.Rms;
            bool isPerSample = norm.Family is NormFamily.Group or NormFamily.Instance && norm.Mean is null;
            if (isPerSample && norm.ValuesPerSample is null)
                findings.NotChecked("the sizes at the group and instance norms are not fixed");
            long? values = isPerPlace ? norm.Channels : isPerSample ? norm.ValuesPerSample : null;
            if (!(values <= findings.Bound)) continue;
            string output = norm.Family == NormFamily.Rms ? "gamma with the input's sign" : "beta";
            findings.Add(FindingLevel.Error, norm.Name, [], values.Value,
                $"It normalizes over {values} value: less its own mean that is 0, so the output is {output}, "
                + "whatever comes in.", "Normalize over more: more channels per group, larger planes, or no norm "
                + "here.");
        }
    }
}
