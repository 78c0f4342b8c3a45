using Evenkeel.Examination;

namespace Evenkeel.Training;

/// <summary>
/// A parameter that should learn and got no gradient in a whole epoch: no pass has used it. And one that gets gradients
/// and that the optimizer does not have. Source: TFCheck (1909.02562), unchanged weights.
/// </summary>
internal sealed class UnusedParameter : TrainingRule
{
    public override string Id => "EK310";

    public override string Title => "parameter never moves";

    public override void OnEpoch(TrainingView training, EpochRecord record, FindingSink findings)
    {
        // No step was taken: that is another rule's (EK307).
        if (!Enumerable.Range(0, training.Parameters.Count).Any(training.HadGradient)) return;
        var optimized = new HashSet<Parameter>(
            training.Trainer.Optimizer.Groups.SelectMany(static group => group.Parameters),
            ReferenceEqualityComparer.Instance);
        for (int i = 0; i < training.Parameters.Count; i++)
        {
            (string name, Parameter parameter) = training.Parameters[i];
            if (!parameter.RequiresGradient || parameter.Count == 0) continue;
            bool isOptimized = optimized.Contains(parameter);
            if (isOptimized && !training.HadGradient(i))
            {
                findings.Add(FindingLevel.Warning, name, [], 0, 0,
                    $"{name} got no gradient in epoch {record.Epoch}: no pass has used it, or its result was detached. "
                    + "It stays at its start values.",
                    "Use the layer in ForwardCore, or take it out of the model; values that go through Detach or "
                    + "AsSpan lose their gradient.");
            }
            else if (!isOptimized && training.HadGradient(i))
            {
                findings.Add(FindingLevel.Note, name, [], 0, 0,
                    $"{name} gets gradients, but the optimizer does not have it: it stays as it is, and its gradients "
                    + "are computed for nothing.",
                    $"Give it to the optimizer, or say that it is frozen: RequiresGradient = false.");
            }
        }
    }
}
