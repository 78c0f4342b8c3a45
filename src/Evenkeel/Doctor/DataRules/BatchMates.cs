namespace Evenkeel.Examination;

/// <summary>EK206: the answer to a sample depends on the other samples of its batch, in use.</summary>
internal sealed class BatchMates : DataRule
{
    public override string Id => "EK206";

    public override string Title => "depends on the other samples of the batch";

    public override double Bound => 1e-4;

    public override void Check(DataExamination examination, FindingSink findings)
    {
        MateDependence mates = examination.Mates;
        if (mates.IsRandom)
        {
            findings.NotChecked("the network is random in use: the same batch gives two answers");
            return;
        }

        if (double.IsNaN(mates.Change))
        {
            findings.NotChecked("fewer than 3 samples");
            return;
        }

        if (!mates.IsFound(findings.Bound)) return;
        string norms = mates.Norms.Count == 0
            ? "A layer of your own uses the statistics of the batch in use too."
            : $"{Ratios.Listed(mates.Norms)} keep{(mates.Norms.Count == 1 ? "s" : "")} no running statistics and use"
                + $"{(mates.Norms.Count == 1 ? "s" : "")} those of the batch.";
        findings.Add(FindingLevel.Error, mates.Norms.Count == 0 ? "" : mates.Norms[0], [], mates.Change,
            $"The answers to the same samples change by {Statistic.Share(mates.Change)} of their range if other "
            + $"samples are in the batch. {norms}",
            "Train with trackRunningStats: true (a layer of your own keeps a buffer for Eval), or use a norm that "
            + "treats each sample by itself: GroupNorm, LayerNorm");
    }
}
