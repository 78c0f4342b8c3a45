namespace Evenkeel.Losses;

/// <summary>
/// Softmax cross-entropy: the mean over the batch of -log softmax(logits)[label]. Semantics of
/// <c>torch.nn.CrossEntropyLoss</c> for class labels.
/// </summary>
public sealed class CrossEntropyLoss : Loss
{
    /// <inheritdoc/>
    public override bool TakesClassLabels => true;

    /// <summary>The loss of logits (N, C) for labels (N) of <see cref="DType.Int64"/>, each from 0 to C-1.</summary>
    /// <inheritdoc/>
    public override Tensor Forward(Tensor prediction, Tensor target)
    {
        ArgumentNullException.ThrowIfNull(prediction);
        return prediction.CrossEntropy(target);
    }

    /// <inheritdoc/>
    public override string ToString() => "CrossEntropyLoss()";
}
