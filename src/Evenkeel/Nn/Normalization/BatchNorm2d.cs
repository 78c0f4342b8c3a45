namespace Evenkeel.Nn;

/// <summary>
/// Batch normalization of (N, C, H, W): y = gamma·(x - mean)/sqrt(var + eps) + beta, mean and variance over N, H and W
/// for each channel.
/// </summary>
/// <remarks>Modes, running statistics, state-dict keys and source: see <see cref="BatchNorm"/>.</remarks>
public sealed class BatchNorm2d : BatchNorm
{
    /// <inheritdoc cref="BatchNorm1d(int, double, double?, bool, bool)"/>
    public BatchNorm2d(int numFeatures, double eps = 1e-5, double? momentum = 0.1, bool affine = true,
        bool trackRunningStats = true)
        : base(dimensions: 2, numFeatures, eps, FromMomentum(momentum), affine, trackRunningStats)
    {
    }

    /// <inheritdoc cref="BatchNorm1d(int, RunningAverage, double, bool)"/>
    public BatchNorm2d(int numFeatures, RunningAverage average, double eps = 1e-5, bool affine = true)
        : base(dimensions: 2, numFeatures, eps, average, affine, trackRunningStats: true)
    {
    }

    /// <inheritdoc cref="BatchNorm1d(int, NormConvention, bool, bool, bool)"/>
    public BatchNorm2d(int numFeatures, NormConvention convention, bool useScale = true, bool useBias = true,
        bool trackRunningStats = true)
        : base(dimensions: 2, numFeatures, convention, useScale, useBias, trackRunningStats)
    {
    }

    internal BatchNorm2d(BatchNorm source, ModuleCopier copier)
        : base(source, source.Convention, source.Form with { SpansGroup = false }, copier)
    {
    }
}
