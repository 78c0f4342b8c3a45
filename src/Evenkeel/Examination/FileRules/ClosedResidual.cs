namespace Evenkeel.Examination;

/// <summary>EK111: a residual branch whose last gamma is still 0.</summary>
internal sealed class ClosedResidual : FileRule
{
    public override string Id => "EK111";

    public override string Title => "residual never opened";

    public override double Bound => 0;

    public override void Check(ExaminedNetwork network, FindingSink findings)
    {
        if (!network.HasGraph && !network.Norms.Any(static norm => norm.EndsResidual))
            findings.NotChecked("which norms end a residual branch is not known");
        foreach (ExaminedNorm norm in network.SoundNorms())
        {
            if (norm is not { EndsResidual: true, Gamma: { Length: > 0 } gamma }
                || gamma.Any(static value => value != 0)) continue;
            findings.Add(FindingLevel.Warning, norm.Name, [], 0,
                $"All {gamma.Length} gammas of the norm that ends this residual branch are 0, as they start: the "
                + "branch adds a constant, and its layers have no part in the outputs.",
                "Train longer, or see why gamma does not move: is it in the optimizer's list, is the branch frozen?");
        }
    }
}
