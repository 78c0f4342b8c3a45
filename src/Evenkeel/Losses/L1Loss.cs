using Evenkeel.Training;

namespace Evenkeel.Losses;

/// <summary>
/// The mean of |prediction - target| over all elements, the mean absolute error (MAE). Semantics of
/// <c>torch.nn.L1Loss</c>. It leads to the median of the targets, where <see cref="MSELoss"/> leads to their mean.
/// </summary>
public sealed class L1Loss : Loss
{
    /// <summary><see cref="TargetKind.Numbers"/>.</summary>
    public override TargetKind Targets => TargetKind.Numbers;

    /// <summary>The loss of a prediction for a target of the same shape and type.</summary>
    /// <inheritdoc/>
    public override Tensor Forward(Tensor prediction, Tensor target)
    {
        CheckTarget(prediction, target);
        return Explained(prediction.MeanAbsoluteError(target), target);
    }

    /// <summary>
    /// <see cref="MeanAbsoluteError"/>, <see cref="RootMeanSquaredError"/> and <see cref="RSquared"/>.
    /// </summary>
    public override IReadOnlyList<Metric> DefaultMetrics() =>
        [new MeanAbsoluteError(), new RootMeanSquaredError(), new RSquared()];

    /// <inheritdoc/>
    public override string ToString() => "L1Loss()";
}
