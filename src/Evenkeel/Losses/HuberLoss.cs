using Evenkeel.Training;

namespace Evenkeel.Losses;

/// <summary>
/// The mean over all elements of d²/2 if |d| ≤ δ, else δ·(|d| - δ/2), with d = prediction - target: squares for small
/// errors, in proportion for large ones. Semantics of <c>torch.nn.HuberLoss</c>.
/// </summary>
public sealed class HuberLoss : Loss
{
    /// <summary>Makes the loss.</summary>
    /// <param name="delta">δ, a finite number above 0, in the unit of the targets. Default: 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">δ is not a finite number above 0.</exception>
    public HuberLoss(double delta = 1)
    {
        HuberOp.CheckDelta("HuberLoss", delta);
        Delta = delta;
    }

    /// <summary>The error from which on the loss grows in proportion.</summary>
    public double Delta { get; }

    /// <summary><see cref="TargetKind.Numbers"/>.</summary>
    public override TargetKind Targets => TargetKind.Numbers;

    /// <summary>The loss of a prediction for a target of the same shape and type.</summary>
    /// <inheritdoc/>
    public override Tensor Forward(Tensor prediction, Tensor target)
    {
        CheckTarget(prediction, target);
        return Explained(prediction.Huber(target, Delta), target);
    }

    /// <summary>
    /// <see cref="RootMeanSquaredError"/>, <see cref="MeanAbsoluteError"/> and <see cref="RSquared"/>.
    /// </summary>
    public override IReadOnlyList<Metric> DefaultMetrics() =>
        [new RootMeanSquaredError(), new MeanAbsoluteError(), new RSquared()];

    /// <inheritdoc/>
    public override string ToString() => $"HuberLoss(delta: {Delta})";
}
