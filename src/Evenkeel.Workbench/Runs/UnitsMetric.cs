using Evenkeel.Training;
using Evenkeel.Workbench.Data;

namespace Evenkeel.Workbench.Runs;

/// <summary>
/// A metric in the units of the data, of a network that predicts standardized numbers.
/// </summary>
internal sealed class UnitsMetric(Metric metric, Preparation preparation) : Metric
{
    public override string Name => metric.Name;

    public override bool HigherIsBetter => metric.HigherIsBetter;

    public override void Reset() => metric.Reset();

    public override void Update(Tensor prediction, Tensor target) =>
        metric.Update(preparation.InUnits(prediction), preparation.InUnits(target));

    public override double Compute() => metric.Compute();
}
