namespace Evenkeel.Nn;

/// <summary>
/// Instance normalization of (N, C, H, W) or (C, H, W): y = gamma·(x - mean)/sqrt(var + eps) + beta, mean and
/// variance over H and W for each channel of each sample.
/// </summary>
/// <remarks>Modes, running statistics, state-dict keys and source: see <see cref="InstanceNorm"/>.</remarks>
public sealed class InstanceNorm2d : InstanceNorm
{
    /// <inheritdoc cref="InstanceNorm1d(int, double, double?, bool, bool)"/>
    public InstanceNorm2d(int numFeatures, double eps = 1e-5, double? momentum = 0.1, bool affine = false,
        bool trackRunningStats = false)
        : base(dimensions: 2, numFeatures, eps, momentum, affine, trackRunningStats)
    {
    }
}
