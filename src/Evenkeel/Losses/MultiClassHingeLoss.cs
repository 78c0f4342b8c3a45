using Evenkeel.Training;

namespace Evenkeel.Losses;

/// <summary>
/// The multiclass hinge loss with margin 1: the mean over the batch of Σⱼ max(0, sⱼ - s(label) + 1), j ≠ label. It is
/// CS231n's <c>svm_loss</c>. PyTorch's <c>MultiMarginLoss</c> divides it by the number of classes, so this loss is C
/// times that one, and its gradient too.
/// </summary>
public sealed class MultiClassHingeLoss : Loss
{
    /// <summary><see cref="TargetKind.ClassLabels"/>.</summary>
    public override TargetKind Targets => TargetKind.ClassLabels;

    /// <summary>The loss of scores (N, C) for labels (N) of <see cref="DType.Int64"/>, each from 0 to C-1.</summary>
    /// <inheritdoc/>
    public override Tensor Forward(Tensor prediction, Tensor target)
    {
        CheckTarget(prediction, target);
        return prediction.MultiClassHinge(target);
    }

    /// <summary><see cref="Accuracy"/>.</summary>
    public override IReadOnlyList<Metric> DefaultMetrics() => [new Accuracy()];

    /// <inheritdoc/>
    public override string ToString() => "MultiClassHingeLoss()";
}
