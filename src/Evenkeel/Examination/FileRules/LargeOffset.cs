namespace Evenkeel.Examination;

/// <summary>EK115: a mean that is far larger than the deviation.</summary>
internal sealed class LargeOffset : FileRule
{
    /// <summary>So many times the bound is a warning.</summary>
    private const double WarningFactor = 10;

    public override string Id => "EK115";

    public override string Title => "large offset";

    public override double Bound => 30;

    public override void Check(ExaminedNetwork network, FindingSink findings)
    {
        foreach (ExaminedNorm norm in network.MeasuredNorms())
        {
            double[] offsets = norm.Deviations();
            for (int i = 0; i < offsets.Length; i++) offsets[i] = Math.Abs(norm.Mean![i]) / offsets[i];
            int[] found = Ratios.Channels(offsets, offset => offset > findings.Bound);
            if (found.Length == 0) continue;
            double largest = offsets.Max();
            findings.Add(largest > WarningFactor * findings.Bound ? FindingLevel.Warning : FindingLevel.Note, norm.Name,
                found, largest,
                $"|mean| is up to {largest:G3} deviations in {Ratios.Listed(found)}; healthy networks stay below 10. "
                + $"A variance computed from single-precision inputs is off by about {Error(largest):G2} of itself.",
                "Subtract a constant from the inputs of the layer, or remove the bias before it.");
        }
    }

    /// <summary>2^-24·(mean/sd)², the relative error of a variance from rounded inputs.</summary>
    private static double Error(double offset) => offset * offset / (1 << 24);
}
