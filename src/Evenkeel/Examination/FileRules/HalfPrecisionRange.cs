namespace Evenkeel.Examination;

/// <summary>EK116: numbers that 16 bits do not hold.</summary>
internal sealed class HalfPrecisionRange : FileRule
{
    /// <summary>The type whose range is narrow. BF16 has the range of single precision.</summary>
    private const string Half = "F16";

    /// <summary>Below this a number in F16 is 0 or the smallest subnormal one.</summary>
    private const double Least = 6e-8;

    public override string Id => "EK116";

    public override string Title => "half-precision range";

    public override double Bound => 65504;

    public override void Check(ExaminedNetwork network, FindingSink findings)
    {
        bool isTarget = string.Equals(findings.Options.TargetType, Half, StringComparison.OrdinalIgnoreCase);
        foreach (ExaminedNorm norm in network.MeasuredNorms())
        {
            bool isStored = norm.StoredType == Half;
            if (!isStored && !isTarget)
            {
                findings.NotChecked("no target type is given; F16 has a narrow range");
                continue;
            }

            double[] variance = norm.Variance!;
            int[] found = Ratios.Channels(variance, value => value > findings.Bound || (value < Least
                && (isStored || value > 0)));
            double[] folded = norm.FoldedScales();
            double[]? peaks = norm.Before?.FilterPeaks;
            if (peaks?.Length == folded.Length)
            {
                for (int i = 0; i < folded.Length; i++) folded[i] *= peaks[i];
                found = [.. found.Union(Ratios.Channels(folded, value => value > findings.Bound)).Order()];
            }

            if (found.Length == 0) continue;
            findings.Add(isStored ? FindingLevel.Error : FindingLevel.Note, norm.Name, found, variance.Max(),
                $"F16 holds {Least:G1} to {findings.Bound:F0}; the running variances go from {variance.Min():G3} to "
                + $"{variance.Max():G3}, outside in {Ratios.Listed(found)}.",
                "Keep the statistics in F32 (evenkeel convert does), or fold the norm first: evenkeel fold.");
        }
    }
}
