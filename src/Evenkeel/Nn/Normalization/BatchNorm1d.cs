namespace Evenkeel.Nn;

/// <summary>
/// Batch normalization of (N, C) or (N, C, L): y = gamma·(x - mean)/sqrt(var + eps) + beta, mean and variance over N
/// (and L) for each channel.
/// </summary>
/// <remarks>Modes, running statistics, state-dict keys and source: see <see cref="BatchNorm"/>.</remarks>
public sealed class BatchNorm1d : BatchNorm
{
    /// <summary>Creates the layer with PyTorch's arguments.</summary>
    /// <param name="numFeatures">Number of channels C, 1 or more.</param>
    /// <param name="eps">Added to the variance; 0 or more. The default is 1e-5.</param>
    /// <param name="momentum">
    /// Weight of the new value in the running statistics, in [0, 1]; null for the plain mean over all batches. The
    /// default is 0.1.
    /// </param>
    /// <param name="affine">
    /// Whether gamma and beta are learned, which is the default; without them they are 1 and 0.
    /// </param>
    /// <param name="trackRunningStats">
    /// Whether running statistics are kept, which is the default; without them the batch's own are used in every mode.
    /// </param>
    /// <exception cref="ArgumentOutOfRangeException">
    /// No features, a negative or NaN eps, or a momentum outside [0, 1].
    /// </exception>
    public BatchNorm1d(int numFeatures, double eps = 1e-5, double? momentum = 0.1, bool affine = true,
        bool trackRunningStats = true)
        : base(dimensions: 1, numFeatures, eps, FromMomentum(momentum), affine, trackRunningStats)
    {
    }

    /// <summary>Creates the layer with a running average of another convention.</summary>
    /// <param name="numFeatures">Number of channels C, 1 or more.</param>
    /// <param name="average">
    /// How the running statistics follow the batches, for example <c>RunningAverage.Keep(0.9)</c>.
    /// </param>
    /// <param name="eps">Added to the variance; 0 or more. The default is 1e-5.</param>
    /// <param name="affine">
    /// Whether gamma and beta are learned, which is the default; without them they are 1 and 0.
    /// </param>
    /// <exception cref="ArgumentOutOfRangeException">No features, or a negative or NaN eps.</exception>
    public BatchNorm1d(int numFeatures, RunningAverage average, double eps = 1e-5, bool affine = true)
        : base(dimensions: 1, numFeatures, eps, average, affine, trackRunningStats: true)
    {
    }

    /// <summary>
    /// Creates the layer in a library's convention; the ranks stay this layer's. With channels last the channels are
    /// the input's last dimension.
    /// </summary>
    /// <param name="numFeatures">Number of channels C, 1 or more.</param>
    /// <param name="convention">The library whose batch norm it is, for example <c>NormConvention.Keras</c>.</param>
    /// <param name="useScale">Whether gamma is learned, which is the default; without it it is 1.</param>
    /// <param name="useBias">Whether beta is learned, which is the default; without it it is 0.</param>
    /// <param name="trackRunningStats">
    /// Whether running statistics are kept, which is the default; without them the batch's own are used in every mode.
    /// </param>
    /// <exception cref="ArgumentNullException">No convention.</exception>
    /// <exception cref="ArgumentOutOfRangeException">No features, or a negative or NaN eps.</exception>
    public BatchNorm1d(int numFeatures, NormConvention convention, bool useScale = true, bool useBias = true,
        bool trackRunningStats = true)
        : base(dimensions: 1, numFeatures, convention, useScale, useBias, trackRunningStats)
    {
    }

    internal BatchNorm1d(BatchNorm source, ModuleCopier copier)
        : base(source, source.Convention, source.Form with { SpansGroup = false }, copier)
    {
    }
}
