using Evenkeel.Training;

namespace Evenkeel.Losses;

/// <summary>
/// The hinge loss of two classes: the mean over all elements of max(0, 1 - t·x), with targets t of -1 or 1. The sign of
/// the score x says which class it is. It is the loss of a support vector machine, and Keras' <c>Hinge</c>.
/// </summary>
public sealed class HingeLoss : Loss
{
    /// <summary><see cref="TargetKind.Numbers"/>.</summary>
    public override TargetKind Targets => TargetKind.Numbers;

    /// <summary>The loss of scores for targets of -1 or 1 of the same shape and type.</summary>
    /// <inheritdoc/>
    public override Tensor Forward(Tensor prediction, Tensor target)
    {
        CheckTarget(prediction, target);
        CheckSigns(target);
        return prediction.Hinge(target);
    }

    /// <summary><see cref="BinaryAccuracy"/>.</summary>
    public override IReadOnlyList<Metric> DefaultMetrics() => [new BinaryAccuracy()];

    /// <inheritdoc/>
    public override string ToString() => "HingeLoss()";

    private static void CheckSigns(Tensor target)
    {
        for (int i = 0; i < target.Count && !target.RequiresGradient; i++)
        {
            if (target.ValueAt(i) is 1 or -1) continue;
            throw new ArgumentException($"HingeLoss: expected targets of -1 or 1, got {target.ValueAt(i)} for sample "
                + $"{ClassLabels.Place(target.Shape, i)} of the batch. Make 2·t - 1 of targets of 0 and 1.",
                nameof(target));
        }
    }
}
