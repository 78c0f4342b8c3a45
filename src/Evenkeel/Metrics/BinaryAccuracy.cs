namespace Evenkeel.Training;

/// <summary>
/// The share of the elements that lie on the right side of a threshold, from 0 to 1: one yes or no per element, also in
/// several columns (labels that do not exclude each other).
/// </summary>
/// <remarks>
/// Targets are numbers of the prediction's shape, of which those above 0.5 mean yes (so 0 and 1, or -1 and 1), or
/// labels 0 and 1 of type Int64, one per element. A NaN in the prediction counts as above the threshold.
/// </remarks>
public sealed class BinaryAccuracy : Metric
{
    private readonly MetricValues _predictions = new(), _targets = new();
    private long _right, _counted;

    /// <summary>Makes the metric.</summary>
    /// <param name="threshold">
    /// The prediction means yes above it: 0 for logits, 0.5 for probabilities. Default: 0.
    /// </param>
    /// <exception cref="ArgumentOutOfRangeException">The threshold is not finite.</exception>
    public BinaryAccuracy(double threshold = 0)
    {
        if (!double.IsFinite(threshold))
        {
            throw new ArgumentOutOfRangeException(nameof(threshold), $"BinaryAccuracy: expected a finite threshold, "
                + $"got {threshold}. Take 0 for logits and 0.5 for probabilities.");
        }

        Threshold = threshold;
    }

    /// <summary>The prediction means yes above it.</summary>
    public double Threshold { get; }

    /// <summary><c>accuracy</c>.</summary>
    public override string Name => "accuracy";

    /// <inheritdoc/>
    public override void Reset() => _right = _counted = 0;

    /// <inheritdoc/>
    public override void Update(Tensor prediction, Tensor target)
    {
        ArgumentNullException.ThrowIfNull(prediction);
        ArgumentNullException.ThrowIfNull(target);
        bool fits = target.DType == DType.Int64
            ? target.Count == prediction.Count && target.Shape.Rank > 0 && prediction.Shape.Rank > 0
                && target.Shape[0] == prediction.Shape[0]
            : target.Shape == prediction.Shape;
        if (!fits || !prediction.DType.IsFloatingPoint())
        {
            throw new ArgumentException($"BinaryAccuracy: expected targets of shape {prediction.Shape}, one yes or no "
                + $"per element of the prediction, got {target.DType} of shape {target.Shape} for {prediction.DType} "
                + $"of shape {prediction.Shape}. Take Accuracy for scores of classes.", nameof(target));
        }

        ReadOnlySpan<double> predictions = _predictions.Read(prediction), targets = _targets.Read(target);
        MetricValues.CheckFinite("BinaryAccuracy", target, targets);
        for (int i = 0; i < targets.Length; i++)
        {
            if (!(predictions[i] <= Threshold) == targets[i] > 0.5) _right++;
        }

        _counted += targets.Length;
    }

    /// <summary>Right answers by elements; NaN without elements.</summary>
    public override double Compute() => _counted == 0 ? double.NaN : (double)_right / _counted;
}
