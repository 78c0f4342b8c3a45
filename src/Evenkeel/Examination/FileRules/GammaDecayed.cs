namespace Evenkeel.Examination;

/// <summary>EK123: gammas that weight decay has pulled to 0.</summary>
internal sealed class GammaDecayed : FileRule
{
    /// <summary>Fewer layers are no majority that means anything.</summary>
    private const int LeastLayers = 3;

    /// <summary>Filters of at least this norm are of ordinary size.</summary>
    private const double OrdinaryFilter = 0.05;

    public override string Id => "EK123";

    public override string Title => "gamma decayed";

    public override double Bound => 0.1;

    public override void Check(ExaminedNetwork network, FindingSink findings)
    {
        (string Name, double Median)[] layers = [.. network.SoundNorms()
            .Where(static norm => norm.Gamma is { Length: > 1 } gamma && gamma.Any(static value => value != 0))
            .Select(static norm => (norm.Name, Ratios.Median(norm.Gamma!.Select(Math.Abs))))];
        string[] small = [.. layers.Where(layer => layer.Median < findings.Bound).Select(static layer => layer.Name)];
        if (layers.Length < LeastLayers || small.Length * 2 <= layers.Length) return;
        double filters = Ratios.Median(network.Linears.Where(static linear => linear.NotFinite.Count == 0)
            .SelectMany(static linear => linear.FilterNorms));
        if (!(filters > OrdinaryFilter)) return;
        double median = Ratios.Median(layers.Select(static layer => layer.Median));
        findings.Add(FindingLevel.Note, "", [], median,
            $"The median |gamma| is below {findings.Bound:G2} in {small.Length} of {layers.Length} norms "
            + $"({Ratios.Listed(small)}), while filters have ordinary norms (median {filters:G2}). Weight decay on "
            + "gamma does that: what is left is scaled up again behind it.",
            "Train without decay on gamma and beta: new AdamW(model.ParameterGroups(decay)).");
    }
}
