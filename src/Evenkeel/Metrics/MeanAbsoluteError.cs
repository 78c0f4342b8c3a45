namespace Evenkeel.Training;

/// <summary>
/// Σ |prediction - target|/m over all m elements, in the unit of the targets. Targets are numbers of the prediction's
/// shape.
/// </summary>
public sealed class MeanAbsoluteError : Metric
{
    private readonly MetricValues _predictions = new(), _targets = new();
    private double _sum;
    private long _count;

    /// <summary><c>mae</c>.</summary>
    public override string Name => "mae";

    /// <summary>False.</summary>
    public override bool HigherIsBetter => false;

    /// <inheritdoc/>
    public override void Reset()
    {
        _sum = 0;
        _count = 0;
    }

    /// <inheritdoc/>
    public override void Update(Tensor prediction, Tensor target)
    {
        MetricValues.CheckPair("MeanAbsoluteError", prediction, target);
        ReadOnlySpan<double> predictions = _predictions.Read(prediction), targets = _targets.Read(target);
        MetricValues.CheckFinite("MeanAbsoluteError", target, targets);
        double sum = 0;
        for (int i = 0; i < targets.Length; i++) sum += Math.Abs(predictions[i] - targets[i]);
        _sum += sum;
        _count += targets.Length;
    }

    /// <summary>The mean; NaN without elements.</summary>
    public override double Compute() => _count == 0 ? double.NaN : _sum / _count;
}
