namespace Evenkeel.Examination;

/// <summary>EK205: an activation that is flat for most values.</summary>
internal sealed class SaturatedActivation : DataRule
{
    public override string Id => "EK205";

    public override string Title => "saturated activation";

    public override double Bound => 0.5;

    public override void Check(DataExamination examination, FindingSink findings)
    {
        foreach (MeasuredActivation activation in examination.Activations)
        {
            // At the end it is sure of its answers, which is the aim of a training.
            if (activation.IsOutput || !(activation.SaturatedShare > findings.Bound)) continue;
            (FindingLevel level, string because) = examination.LevelOf(
                FindingLevel.Warning, DataExamination.KnownSymptoms.Drift);
            findings.Add(level, activation.Layer, [], activation.SaturatedShare,
                $"{Statistic.Share(activation.SaturatedShare)} of the outputs of {activation.Name} ({activation.Type}) "
                + $"are at an end of its range{because}, "
                + $"{(activation.Type == "Tanh" ? "beyond ±0.97" : "outside 0.03 to 0.97")}: hardly a gradient passes "
                + "there, and the values tell little more than a sign.",
                "Put a norm before it, or make its gamma smaller; without a norm, start from smaller weights "
                + "(Init.XavierNormal)");
        }
    }
}
