using Evenkeel.Training;

namespace Evenkeel.Losses;

/// <summary>The mean of (prediction - target)² over all elements. Semantics of <c>torch.nn.MSELoss</c>.</summary>
public sealed class MSELoss : Loss
{
    /// <summary><see cref="TargetKind.Numbers"/>.</summary>
    public override TargetKind Targets => TargetKind.Numbers;

    /// <summary>The loss of a prediction for a target of the same shape and type.</summary>
    /// <inheritdoc/>
    public override Tensor Forward(Tensor prediction, Tensor target)
    {
        CheckTarget(prediction, target);
        return Explained(prediction.MeanSquaredError(target), target);
    }

    /// <summary>
    /// <see cref="RootMeanSquaredError"/>, <see cref="MeanAbsoluteError"/> and <see cref="RSquared"/>.
    /// </summary>
    public override IReadOnlyList<Metric> DefaultMetrics() =>
        [new RootMeanSquaredError(), new MeanAbsoluteError(), new RSquared()];

    /// <inheritdoc/>
    public override string ToString() => "MSELoss()";
}
