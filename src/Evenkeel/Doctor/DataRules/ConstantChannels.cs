using Evenkeel.Surgery;

namespace Evenkeel.Examination;

/// <summary>EK211: channels that can be removed, with the proof that nothing is lost.</summary>
internal sealed class ConstantChannels : DataRule
{
    public override string Id => "EK211";

    public override string Title => "channels that can be removed";

    public override void Check(DataExamination examination, FindingSink findings)
    {
        if (!examination.HasRunningNorms) return;
        PruneResult result;
        try
        {
            result = examination.Model.Prune(examination.InputsToProve(256), options: null, examination.Cancellation);
        }
        catch (InvalidOperationException refused)
        {
            findings.NotChecked(refused.Message);
            return;
        }

        if (result.Removed == 0) return;
        string scores = "";
        if (examination.CanCompareScores)
        {
            SampleScores before = examination.Scores!, after = examination.Passes.Scores("without constant channels",
                PassKind.Use, examination.Data.Samples, examination.Order, examination.BatchSize,
                network: result.Model);
            if (after.IsLowerThan(before)) return;
            scores = $", and the {before.Name} goes from {before.Text} to {after.Text}";
        }

        PrunedLayer[] layers = [.. result.Layers.Where(static layer => layer.Removed.Count > 0)];
        double saved = 1 - ((double)result.OperationsAfter / result.OperationsBefore);
        findings.Add(FindingLevel.Note, layers[0].Name, layers[0].Removed, result.Removed, 0,
            $"{Statistic.Of(result.Removed, "channel")} of {Statistic.Of(layers.Length, "norm")} "
            + $"({Ratios.Listed([.. layers.Select(static layer => layer.Name)])}) give the next layer a constant. "
            + $"Without them the outputs differ by at most {Statistic.Number(result.Proof.RelativeDifference)} of the "
            + $"largest{scores}; it saves "
            + $"{Statistic.Share(saved)} of the multiplications.",
            "evenkeel doctor FILE --data ... --fix OUT; in code model.Prune(inputs)");
    }
}
