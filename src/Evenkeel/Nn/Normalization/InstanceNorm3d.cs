namespace Evenkeel.Nn;

/// <summary>
/// Instance normalization of (N, C, D, H, W) or (C, D, H, W): y = gamma·(x - mean)/sqrt(var + eps) + beta, mean and
/// variance over D, H and W for each channel of each sample.
/// </summary>
/// <remarks>Modes, running statistics, state-dict keys and source: see <see cref="InstanceNorm"/>.</remarks>
public sealed class InstanceNorm3d : InstanceNorm
{
    /// <inheritdoc cref="InstanceNorm1d(int, double, double?, bool, bool)"/>
    public InstanceNorm3d(int numFeatures, double eps = 1e-5, double? momentum = 0.1, bool affine = false,
        bool trackRunningStats = false)
        : base(dimensions: 3, numFeatures, eps, momentum, affine, trackRunningStats)
    {
    }
}
