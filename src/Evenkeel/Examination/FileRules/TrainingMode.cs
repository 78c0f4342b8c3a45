namespace Evenkeel.Examination;

/// <summary>EK119: a graph that was exported in training mode.</summary>
internal sealed class TrainingMode : FileRule
{
    public override string Id => "EK119";

    public override string Title => "training mode";

    public override void Check(ExaminedNetwork network, FindingSink findings)
    {
        foreach (GraphRemark remark in network.Remarks)
        {
            if (remark.Kind != GraphRemarkKind.TrainingMode) continue;
            findings.Add(FindingLevel.Error, remark.Node, [], 1, 0,
                $"The norm is in training mode ({remark.Detail}): the answer for a sample depends on the others in "
                + "its batch, and the running statistics are not used.",
                "Export again after model.eval(), or with TrainingMode.EVAL.");
        }
    }
}
