using Evenkeel.Surgery;

namespace Evenkeel.Examination;

/// <summary>EK212: what folding the norms into their neighbours does to the outputs.</summary>
internal sealed class FoldedOutputs : DataRule
{
    public override string Id => "EK212";

    public override string Title => "outputs of the folded network";

    public override double Bound => OutputProof.Float32Bound;

    public override void Check(DataExamination examination, FindingSink findings)
    {
        if (!examination.HasRunningNorms) return;
        FoldResult result;
        try
        {
            result = Folding.FoldUnbounded(examination.Model, examination.InputsToProve(64));
        }
        catch (InvalidOperationException refused)
        {
            findings.NotChecked(refused.Message);
            return;
        }

        FoldedLayer[] folded = [.. result.Layers.Where(static layer => layer.Status != FoldStatus.Kept)];
        if (folded.Length == 0) return;
        string norms = $"{folded.Length} of {Statistic.Of(result.Layers.Count, "norm")}";
        bool isWrong = !(result.Float64Proof.RelativeDifference <= OutputProof.Float64Bound),
            isCoarse = !(result.Proof.RelativeDifference <= findings.Bound);
        FoldProof proof = isWrong ? result.Float64Proof : result.Proof;
        string difference = $"by at most {Statistic.Number(proof.RelativeDifference)} of the largest in {proof.DType}";
        if (!isWrong && !isCoarse)
        {
            findings.Add(FindingLevel.Note, folded[0].Name, [], proof.RelativeDifference,
                $"{norms} can be folded into the layers next to them: the outputs then differ {difference}.",
                "evenkeel fold FILE OUT, for use; in code model.Fold(inputs)");
            return;
        }

        findings.Add(FindingLevel.Warning, folded[0].Name, [], proof.RelativeDifference,
            isWrong ? OutputProof.Float64Bound : findings.Bound,
            $"With {norms} folded the outputs differ {difference}. "
            + (isWrong
                ? "A module looks at values past the operations of the tape, so what the data flow shows is not all."
                : "It is rounding: a running variance near 0, or a scale that a later layer takes back."),
            isWrong
                ? "Compute with tensors in every module, so that the data flow is seen; do not fold this network"
                : "Use the network without folding, or fold it in Float64");
    }
}
