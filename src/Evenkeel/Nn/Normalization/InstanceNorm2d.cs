namespace Evenkeel.Nn;

/// <summary>
/// Instance normalization of (N, C, H, W) or (C, H, W): y = gamma·(x - mean)/sqrt(var + eps) + beta, mean and variance over H and W for each channel of each sample.
/// </summary>
/// <remarks>Modes, running statistics, state-dict keys and source: see <see cref="InstanceNorm"/>.</remarks>
public sealed class InstanceNorm2d : InstanceNorm
{
    /// <summary>Creates the layer with PyTorch's arguments.</summary>
    /// <param name="numFeatures">Number of channels C.</param>
    /// <param name="eps">Added to the variance; 0 or more.</param>
    /// <param name="momentum">Weight of the new value in the running statistics, in [0, 1].</param>
    /// <param name="affine">Whether gamma and beta are learned; without them they are 1 and 0.</param>
    /// <param name="trackRunningStats">Whether running statistics are kept and used in eval mode; without them the instance's own are used in every mode.</param>
    /// <exception cref="ArgumentOutOfRangeException">No features, a negative or NaN eps, or a momentum outside [0, 1].</exception>
    public InstanceNorm2d(int numFeatures, double eps = 1e-5, double momentum = 0.1, bool affine = false, bool trackRunningStats = false)
        : base(numFeatures, eps, momentum, affine, trackRunningStats)
    {
    }

    private protected override int SpatialRank => 2;

    private protected override string Spatial => "H, W";
}
