namespace Evenkeel.Nn;

/// <summary>
/// Ghost batch normalization of (N, C, D, H, W): batch norm of every run of B samples (a virtual batch) by itself, mean
/// and variance over its N, D, H and W for each channel.
/// </summary>
/// <inheritdoc cref="GhostBatchNorm1d" path="/remarks"/>
public sealed class GhostBatchNorm3d : BatchNorm
{
    /// <inheritdoc cref="GhostBatchNorm1d(int, int, double, double?, bool, bool)"/>
    public GhostBatchNorm3d(int numFeatures, int virtualBatchSize, double eps = 1e-5, double? momentum = 0.1,
        bool affine = true, bool trackRunningStats = true)
        : base(dimensions: 3, numFeatures, eps, FromMomentum(momentum), affine, trackRunningStats,
            Ghost(nameof(GhostBatchNorm3d), virtualBatchSize))
    {
    }

    /// <inheritdoc cref="GhostBatchNorm1d(int, int, RunningAverage, double, bool)"/>
    public GhostBatchNorm3d(int numFeatures, int virtualBatchSize, RunningAverage average, double eps = 1e-5,
        bool affine = true)
        : base(dimensions: 3, numFeatures, eps, average, affine, trackRunningStats: true,
            Ghost(nameof(GhostBatchNorm3d), virtualBatchSize))
    {
    }
}
