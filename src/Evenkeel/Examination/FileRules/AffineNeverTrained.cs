namespace Evenkeel.Examination;

/// <summary>EK112: gamma and beta that are start values while the statistics moved.</summary>
internal sealed class AffineNeverTrained : FileRule
{
    public override string Id => "EK112";

    public override string Title => "affine never trained";

    public override void Check(ExaminedNetwork network, FindingSink findings)
    {
        string[] found = [.. network.MeasuredNorms()
            .Where(static norm => norm is { Gamma: { } gamma, Beta: { } beta }
                && gamma.All(static value => value == 1) && beta.All(static value => value == 0))
            .Select(static norm => norm.Name)];
        if (found.Length == 0) return;
        findings.Add(FindingLevel.Note, found.Length == 1 ? found[0] : "", [], found.Length, 0,
            $"{Ratios.Listed(found)}: all gammas are exactly 1 and all betas 0, while the running statistics have "
            + "moved. The layers were frozen, or their parameters are missing from the optimizer's list.",
            "If that is not meant, give the optimizer model.Parameters(); else make the layer with affine: false.");
    }
}
