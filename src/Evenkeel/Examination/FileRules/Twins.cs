namespace Evenkeel.Examination;

/// <summary>EK118: channels that are copies of each other.</summary>
internal sealed class Twins : FileRule
{
    public override string Id => "EK118";

    public override string Title => "twins";

    public override void Check(ExaminedNetwork network, FindingSink findings)
    {
        foreach (ExaminedNorm norm in network.SoundNorms())
        {
            if (norm.Before is not { } linear || linear.FilterHashes.Length != norm.Channels) continue;
            // Filters of zeros have been pruned, and are equal for that reason.
            int[][] groups = [.. Enumerable.Range(0, norm.Channels)
                .Where(channel => linear.FilterNorms[channel] > 0)
                .GroupBy(channel => (linear.FilterHashes[channel], norm.GammaOf(channel), norm.BetaOf(channel),
                    norm.Mean?[channel], norm.Variance?[channel]))
                .Where(static group => group.Count() > 1).Select(static group => group.ToArray())];
            if (groups.Length == 0) continue;
            int[] found = [.. groups.SelectMany(static group => group).Order()];
            findings.Add(FindingLevel.Warning, linear.Name, found, found.Length - groups.Length, 0,
                $"{found.Length} of {norm.Channels} channels are copies of each other in filter, gamma, beta and "
                + $"statistics (first: {Ratios.Listed(groups[0])}). They get equal gradients and stay equal.",
                "Start from random weights: model.Initialize(Init.KaimingNormal); or prune the copies.");
        }
    }
}
