using Evenkeel.Training;

namespace Evenkeel.Losses;

/// <summary>
/// The mean over all elements of d²/(2·β) if |d| &lt; β, else |d| - β/2, with d = prediction - target. It is
/// <see cref="HuberLoss"/> divided by β. Semantics of <c>torch.nn.SmoothL1Loss</c>.
/// </summary>
public sealed class SmoothL1Loss : Loss
{
    /// <summary>Makes the loss.</summary>
    /// <param name="beta">
    /// β, a finite number from 0 on, in the unit of the targets; 0 is <see cref="L1Loss"/>. Default: 1.
    /// </param>
    /// <exception cref="ArgumentOutOfRangeException">β is negative or not finite.</exception>
    public SmoothL1Loss(double beta = 1)
    {
        SmoothL1Op.CheckBeta("SmoothL1Loss", beta);
        Beta = beta;
    }

    /// <summary>The error below which the loss is a square.</summary>
    public double Beta { get; }

    /// <summary><see cref="TargetKind.Numbers"/>.</summary>
    public override TargetKind Targets => TargetKind.Numbers;

    /// <summary>The loss of a prediction for a target of the same shape and type.</summary>
    /// <inheritdoc/>
    public override Tensor Forward(Tensor prediction, Tensor target)
    {
        CheckTarget(prediction, target);
        return Explained(prediction.SmoothL1(target, Beta), target);
    }

    /// <summary>
    /// <see cref="RootMeanSquaredError"/>, <see cref="MeanAbsoluteError"/> and <see cref="RSquared"/>.
    /// </summary>
    public override IReadOnlyList<Metric> DefaultMetrics() =>
        [new RootMeanSquaredError(), new MeanAbsoluteError(), new RSquared()];

    /// <inheritdoc/>
    public override string ToString() => $"SmoothL1Loss(beta: {Beta})";
}
