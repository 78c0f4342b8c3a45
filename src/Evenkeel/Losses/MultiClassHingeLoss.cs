namespace Evenkeel.Losses;

/// <summary>
/// The multiclass hinge loss with margin 1: the mean over the batch of Σⱼ max(0, sⱼ - s(label) + 1), j ≠ label. It is
/// CS231n's <c>svm_loss</c>.
/// </summary>
public sealed class MultiClassHingeLoss : Loss
{
    /// <inheritdoc/>
    public override bool TakesClassLabels => true;

    /// <summary>The loss of scores (N, C) for labels (N) of <see cref="DType.Int64"/>, each from 0 to C-1.</summary>
    /// <inheritdoc/>
    public override Tensor Forward(Tensor prediction, Tensor target)
    {
        ArgumentNullException.ThrowIfNull(prediction);
        return prediction.MultiClassHinge(target);
    }

    /// <inheritdoc/>
    public override string ToString() => "MultiClassHingeLoss()";
}
