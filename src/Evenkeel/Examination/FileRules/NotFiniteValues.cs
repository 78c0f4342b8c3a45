namespace Evenkeel.Examination;

/// <summary>EK101: values that are not finite.</summary>
internal sealed class NotFiniteValues : FileRule
{
    private static readonly string[] s_statistics =
        ["running_mean", "running_var", "moving_mean", "moving_variance", "moving_var", "mean", "var", "_mean",
        "_variance"];

    public override string Id => "EK101";

    public override string Title => "not finite";

    public override void Check(ExaminedNetwork network, FindingSink findings)
    {
        foreach (ExaminedLayer layer in network.Layers)
        {
            if (layer.NotFinite.Count == 0) continue;
            bool isStatistics = layer is ExaminedNorm
                && layer.NotFinite.All(static part => s_statistics.Contains(part.Tensor));
            string parts = string.Join(" and ", layer.NotFinite.Select(static part =>
                $"{Ratios.Count((int)Math.Min(part.Count, int.MaxValue), "value")} of {part.Tensor}"));
            findings.Add(FindingLevel.Error, layer.Name, ChannelsOf(layer),
                layer.NotFinite.Sum(static part => part.Count), 0,
                $"NaN or infinite: {parts}. What the layer computes with them is not finite either.",
                isStatistics
                    ? "evenkeel recalibrate: statistics are measured again, and the weights stay."
                    : "Go back to an older checkpoint: weights cannot be measured again.");
        }
    }

    private static int[] ChannelsOf(ExaminedLayer layer)
    {
        if (layer is not ExaminedNorm norm) return [];
        double[]?[] vectors = [norm.Gamma, norm.Beta, norm.Mean, norm.Variance];
        return [.. Enumerable.Range(0, norm.Channels).Where(channel => vectors.Any(vector =>
            vector is not null && channel < vector.Length && !double.IsFinite(vector[channel])))];
    }
}
