namespace Evenkeel.Training;

/// <summary>
/// √(Σ (prediction - target)²/m) over all m elements, in the unit of the targets. Targets are numbers of the
/// prediction's shape.
/// </summary>
public sealed class RootMeanSquaredError : Metric
{
    private readonly MetricValues _predictions = new(), _targets = new();
    private double _squares;
    private long _count;

    /// <summary><c>rmse</c>.</summary>
    public override string Name => "rmse";

    /// <summary>False.</summary>
    public override bool HigherIsBetter => false;

    /// <inheritdoc/>
    public override void Reset()
    {
        _squares = 0;
        _count = 0;
    }

    /// <inheritdoc/>
    public override void Update(Tensor prediction, Tensor target)
    {
        MetricValues.CheckPair("RootMeanSquaredError", prediction, target);
        ReadOnlySpan<double> predictions = _predictions.Read(prediction), targets = _targets.Read(target);
        MetricValues.CheckFinite("RootMeanSquaredError", target, targets);
        double squares = 0;
        for (int i = 0; i < targets.Length; i++)
        {
            double error = predictions[i] - targets[i];
            squares += error * error;
        }

        _squares += squares;
        _count += targets.Length;
    }

    /// <summary>The root; NaN without elements.</summary>
    public override double Compute() => _count == 0 ? double.NaN : Math.Sqrt(_squares / _count);
}
