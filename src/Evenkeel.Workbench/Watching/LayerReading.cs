namespace Evenkeel.Workbench.Watching;

/// <summary>What a layer did with the probe batch: one pass forward and back.</summary>
/// <param name="Name">The layer's dotted name in the network.</param>
/// <param name="Type">The layer's type.</param>
/// <param name="Mean">The mean of its outputs.</param>
/// <param name="Std">The standard deviation of its outputs.</param>
/// <param name="ZeroShare">The share of its outputs that are exactly 0.</param>
/// <param name="GradientStd">The standard deviation of dL/dy; null if no gradient reaches the layer.</param>
/// <param name="GradientNorm">
/// √Σg² over the gradients of the layer's own parameters; null if it has none that want one.
/// </param>
internal sealed record LayerReading(
    string Name, string Type, double Mean, double Std, double ZeroShare, double? GradientStd, double? GradientNorm);

/// <summary>How far the running statistics of a norm are from those of the probe batch.</summary>
/// <param name="Name">The norm's dotted name in the network.</param>
/// <param name="Type">The norm's type.</param>
/// <param name="Channels">Number of channels C.</param>
/// <param name="MeanShift">
/// The mean over the channels of |batch mean - running mean| / √(running variance + eps): a distance in deviations.
/// </param>
/// <param name="VarianceRatio">
/// The geometric mean over the channels of (batch variance + eps) / (running variance + eps). 1 if they agree.
/// </param>
internal sealed record NormReading(
    string Name, string Type, int Channels, double MeanShift, double VarianceRatio);
