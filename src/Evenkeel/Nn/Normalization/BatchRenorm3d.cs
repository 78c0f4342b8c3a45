namespace Evenkeel.Nn;

/// <summary>
/// Batch renormalization of (N, C, D, H, W): y = gamma·((x - mean)/std·r + d) + beta, mean and std over N, D, H and W
/// for each channel.
/// </summary>
/// <inheritdoc cref="BatchRenorm1d" path="/remarks"/>
public sealed class BatchRenorm3d : BatchNorm
{
    /// <inheritdoc cref="BatchRenorm1d(int, double, double?, bool, RenormLimits?)"/>
    public BatchRenorm3d(int numFeatures, double eps = 1e-5, double? momentum = 0.01, bool affine = true,
        RenormLimits? limits = null)
        : base(dimensions: 3, numFeatures, eps, FromMomentum(momentum), affine, trackRunningStats: true,
            Renorm(limits))
    {
    }

    /// <inheritdoc cref="BatchRenorm1d(int, RunningAverage, double, bool, RenormLimits?)"/>
    public BatchRenorm3d(int numFeatures, RunningAverage average, double eps = 1e-5, bool affine = true,
        RenormLimits? limits = null)
        : base(dimensions: 3, numFeatures, eps, average, affine, trackRunningStats: true, Renorm(limits))
    {
    }

    internal BatchRenorm3d(BatchNorm source, ModuleCopier copier)
        : base(source, source.Convention, source.Form with { SpansGroup = false }, copier)
    {
    }
}
