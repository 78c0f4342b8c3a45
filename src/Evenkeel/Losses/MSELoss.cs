namespace Evenkeel.Losses;

/// <summary>The mean of (prediction - target)² over all elements. Semantics of <c>torch.nn.MSELoss</c>.</summary>
public sealed class MSELoss : Loss
{
    /// <summary>The loss of a prediction for a target of the same shape and type.</summary>
    /// <inheritdoc/>
    public override Tensor Forward(Tensor prediction, Tensor target)
    {
        ArgumentNullException.ThrowIfNull(prediction);
        return prediction.MeanSquaredError(target);
    }

    /// <inheritdoc/>
    public override string ToString() => "MSELoss()";
}
