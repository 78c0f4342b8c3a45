namespace Evenkeel.Nn;

/// <summary>
/// Instance normalization of (N, C, L) or (C, L): y = gamma·(x - mean)/sqrt(var + eps) + beta, mean and
/// variance over L for each channel of each sample.
/// </summary>
/// <remarks>Modes, running statistics, state-dict keys and source: see <see cref="InstanceNorm"/>.</remarks>
public sealed class InstanceNorm1d : InstanceNorm
{
    /// <summary>Creates the layer with PyTorch's arguments.</summary>
    /// <param name="numFeatures">Number of channels C, 1 or more.</param>
    /// <param name="eps">Added to the variance; 0 or more. The default is 1e-5.</param>
    /// <param name="momentum">
    /// Weight of the new value in the running statistics, in [0, 1];
    /// null averages all batches equally. Default: 0.1. The default is 0.1.
    /// </param>
    /// <param name="affine">
    /// Whether gamma and beta are learned; without them, which is the default, they are 1 and 0.
    /// </param>
    /// <param name="trackRunningStats">
    /// Whether running statistics are kept and used in eval mode; without them, which is the default, the instance's
    /// own are used in every mode.
    /// </param>
    /// <exception cref="ArgumentOutOfRangeException">
    /// No features, a negative or NaN eps, or a momentum outside [0, 1].
    /// </exception>
    public InstanceNorm1d(int numFeatures, double eps = 1e-5, double? momentum = 0.1, bool affine = false,
        bool trackRunningStats = false)
        : base(dimensions: 1, numFeatures, eps, momentum, affine, trackRunningStats)
    {
    }
}
