namespace Evenkeel.Nn;

/// <summary>
/// Ghost batch normalization of (N, C) or (N, C, L): batch norm of every run of B samples by itself, mean and variance over its N (and L) for each channel.
/// </summary>
/// <remarks>Semantics, running statistics, state-dict keys and source: see <see cref="GhostBatchNorm"/>.</remarks>
public sealed class GhostBatchNorm1d : GhostBatchNorm
{
    /// <summary>Creates the layer with the arguments of PyTorch's batch norm and the virtual batch size.</summary>
    /// <param name="numFeatures">Number of channels C.</param>
    /// <param name="virtualBatchSize">Samples B of a virtual batch; the last one takes what is left.</param>
    /// <param name="eps">Added to the variance; 0 or more.</param>
    /// <param name="momentum">Weight of a virtual batch in the running statistics, in [0, 1]; null for the plain mean over all virtual batches.</param>
    /// <param name="affine">Whether gamma and beta are learned; without them they are 1 and 0.</param>
    /// <param name="trackRunningStats">Whether running statistics are kept; without them the virtual batches' own are used in every mode.</param>
    /// <exception cref="ArgumentOutOfRangeException">No features, a virtual batch size below 1, a negative or NaN eps, or a momentum outside [0, 1].</exception>
    public GhostBatchNorm1d(int numFeatures, int virtualBatchSize, double eps = 1e-5, double? momentum = 0.1, bool affine = true, bool trackRunningStats = true)
        : base(numFeatures, virtualBatchSize, eps, FromMomentum(momentum), affine, trackRunningStats)
    {
    }

    /// <summary>Creates the layer with a running average of another convention.</summary>
    /// <param name="numFeatures">Number of channels C.</param>
    /// <param name="virtualBatchSize">Samples B of a virtual batch; the last one takes what is left.</param>
    /// <param name="average">How the running statistics follow the virtual batches, for example <c>RunningAverage.Keep(0.9)</c>.</param>
    /// <param name="eps">Added to the variance; 0 or more.</param>
    /// <param name="affine">Whether gamma and beta are learned.</param>
    /// <exception cref="ArgumentOutOfRangeException">No features, a virtual batch size below 1, or a negative or NaN eps.</exception>
    public GhostBatchNorm1d(int numFeatures, int virtualBatchSize, RunningAverage average, double eps = 1e-5, bool affine = true)
        : base(numFeatures, virtualBatchSize, eps, average, affine, trackRunningStats: true)
    {
    }

    private protected override string ExpectedShape => "(N, {0}) or (N, {0}, L)";

    private protected override bool Takes(int rank) => rank is 2 or 3;
}
