namespace Evenkeel.Examination;

/// <summary>EK117: folded filters of very different scales.</summary>
internal sealed class FoldSpread : FileRule
{
    /// <summary>So many times the bound is a warning.</summary>
    private const double WarningFactor = 10;

    public override string Id => "EK117";

    public override string Title => "fold spread";

    public override double Bound => 100;

    public override void Check(ExaminedNetwork network, FindingSink findings)
    {
        foreach (ExaminedNorm norm in network.MeasuredNorms())
        {
            if (norm.Family != NormFamily.Batch) continue;
            double[] scales = norm.FoldedScales();
            double median = Ratios.Median(scales);
            if (!(median > 0)) continue;
            double spread = scales.Max() / median;
            if (spread <= findings.Bound) continue;
            int[] found = Ratios.Channels(scales, scale => scale > findings.Bound * median);
            findings.Add(spread > WarningFactor * findings.Bound ? FindingLevel.Warning : FindingLevel.Note, norm.Name,
                found, spread,
                $"|gamma|/sqrt(var + eps) is up to {spread:G3} times the layer's median ({Ratios.Listed(found)}). "
                + "Folded, one scale of 8-bit weights for the whole layer leaves the others no digits.",
                "Quantize per channel, or equalize the channels first.");
        }
    }
}
