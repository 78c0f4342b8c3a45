using Evenkeel.Training;

namespace Evenkeel.Losses;

/// <summary>
/// Binary cross-entropy of logits x: the mean over all elements of -w·(p·t·ln σ(x) + (1-t)·ln(1 - σ(x))), with targets
/// t from 0 to 1. For one yes or no per sample, or for several that do not exclude each other. Semantics of
/// <c>torch.nn.BCEWithLogitsLoss</c>.
/// </summary>
public sealed class BCEWithLogitsLoss : Loss
{
    private readonly Tensor? _weight, _posWeight;

    /// <summary>Makes the loss.</summary>
    /// <param name="weight">
    /// w, of a shape that broadcasts to the prediction's; it is copied. Default: null, all are 1.
    /// </param>
    /// <param name="posWeight">
    /// p, the weight of the 1s, of a shape that broadcasts to the prediction's: one number, or (C) for the columns; it
    /// is copied. The number of 0s by the number of 1s balances both. Default: null, all are 1.
    /// </param>
    public BCEWithLogitsLoss(Tensor? weight = null, Tensor? posWeight = null)
    {
        _weight = weight?.Detach();
        _posWeight = posWeight?.Detach();
    }

    /// <summary>A copy of the weights of the elements; null if all are 1.</summary>
    public Tensor? Weight => _weight?.Clone();

    /// <summary>A copy of the weights of the 1s; null if all are 1.</summary>
    public Tensor? PosWeight => _posWeight?.Clone();

    /// <summary><see cref="TargetKind.Numbers"/>.</summary>
    public override TargetKind Targets => TargetKind.Numbers;

    /// <summary>The loss of logits for targets from 0 to 1 of the same shape and type.</summary>
    /// <inheritdoc/>
    public override Tensor Forward(Tensor prediction, Tensor target)
    {
        CheckTarget(prediction, target);
        CheckValues(target, 0, 1);
        return prediction.BinaryCrossEntropyWithLogits(target, _weight, _posWeight);
    }

    /// <summary><see cref="BinaryAccuracy"/>.</summary>
    public override IReadOnlyList<Metric> DefaultMetrics() => [new BinaryAccuracy()];

    /// <inheritdoc/>
    public override string ToString() => "BCEWithLogitsLoss(" + string.Join(", ", new[]
    {
        _weight is null ? null : $"weight: {_weight.Shape}",
        _posWeight is null ? null : $"posWeight: {_posWeight.Shape}",
    }.Where(static option => option is not null)) + ")";
}
