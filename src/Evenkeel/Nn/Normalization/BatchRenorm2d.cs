namespace Evenkeel.Nn;

/// <summary>
/// Batch renormalization of (N, C, H, W): y = gamma·((x - mean)/std·r + d) + beta, mean and std over N, H and W for each channel.
/// </summary>
/// <remarks>Semantics, running statistics, state-dict keys and source: see <see cref="BatchRenorm"/>.</remarks>
public sealed class BatchRenorm2d : BatchRenorm
{
    /// <summary>Creates the layer.</summary>
    /// <param name="numFeatures">Number of channels C.</param>
    /// <param name="eps">Added to the variances; 0 or more.</param>
    /// <param name="momentum">Weight of the new value in the running statistics, in [0, 1]; null for the plain mean over all batches. The paper's 0.01 is smaller than batch norm's 0.1, for training leans on the statistics.</param>
    /// <param name="affine">Whether gamma and beta are learned; without them they are 1 and 0.</param>
    /// <param name="limits">How large r and d may be after how many batches; null for the paper's schedule.</param>
    /// <exception cref="ArgumentOutOfRangeException">No features, a negative or NaN eps, or a momentum outside [0, 1].</exception>
    public BatchRenorm2d(int numFeatures, double eps = 1e-5, double? momentum = 0.01, bool affine = true, RenormLimits? limits = null)
        : base(numFeatures, eps, FromMomentum(momentum), affine, limits)
    {
    }

    /// <summary>Creates the layer with a running average of another convention.</summary>
    /// <param name="numFeatures">Number of channels C.</param>
    /// <param name="average">How the running statistics follow the batches, for example <c>RunningAverage.Keep(0.99)</c>.</param>
    /// <param name="eps">Added to the variances; 0 or more.</param>
    /// <param name="affine">Whether gamma and beta are learned.</param>
    /// <param name="limits">How large r and d may be after how many batches; null for the paper's schedule.</param>
    /// <exception cref="ArgumentOutOfRangeException">No features, or a negative or NaN eps.</exception>
    public BatchRenorm2d(int numFeatures, RunningAverage average, double eps = 1e-5, bool affine = true, RenormLimits? limits = null)
        : base(numFeatures, eps, average, affine, limits)
    {
    }

    internal BatchRenorm2d(BatchNorm source, ModuleCopier copier)
        : base(source, copier)
    {
    }

    private protected override string ExpectedShape => "(N, {0}, H, W)";

    private protected override bool Takes(int rank) => rank == 4;
}
