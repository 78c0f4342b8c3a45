namespace Evenkeel.Examination;

/// <summary>EK114: a bias that the norm behind it takes away.</summary>
internal sealed class RedundantBias : FileRule
{
    public override string Id => "EK114";

    public override string Title => "redundant bias";

    /// <summary>From so many deviations on the bias costs digits.</summary>
    public override double Bound => 10;

    public override void Check(ExaminedNetwork network, FindingSink findings)
    {
        foreach (ExaminedNorm norm in network.SoundNorms())
        {
            if (!IsPerChannel(norm) || norm.Before is not { Bias: { } bias, NotFinite.Count: 0 } linear
                || bias.Length != norm.Channels) continue;
            double[]? deviations = norm.Variance is { } variance && variance.All(static value => value >= 0)
                ? norm.Deviations() : null;
            double largest = deviations is null ? 0
                : Enumerable.Range(0, bias.Length).Max(i => Math.Abs(bias[i]) / deviations[i]);
            bool isLarge = largest > findings.Bound && norm.AreNeighboursCertain;
            findings.Add(isLarge ? FindingLevel.Warning : FindingLevel.Note, linear.Name, [], largest,
                $"Its bias is taken away again by {norm.Name}, "
                + $"{(norm.AreNeighboursCertain ? "which" : "which likely")} subtracts each channel's mean: "
                + $"{Ratios.Count(bias.Length, "parameter")} without effect."
                + (isLarge ? $" It is up to {largest:G3} deviations, which costs digits in single precision." : ""),
                "Make the layer with bias: false; evenkeel fold removes it.");
        }
    }

    /// <summary>Whether the mean of each channel alone is subtracted; of layer norms the bias counts.</summary>
    private static bool IsPerChannel(ExaminedNorm norm) => norm.Family is NormFamily.Batch or NormFamily.Instance
        || (norm.Family == NormFamily.Group && norm.Groups == norm.Channels && norm.Groups > 1);
}
