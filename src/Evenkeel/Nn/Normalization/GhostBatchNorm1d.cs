namespace Evenkeel.Nn;

/// <summary>
/// Ghost batch normalization of (N, C) or (N, C, L): batch norm of every run of B samples (a virtual batch) by itself,
/// mean and variance over its N (and L) for each channel.
/// </summary>
/// <remarks>
/// <para>Why: batch norm's noise, and with it part of its regularization, shrinks as the batch grows; virtual batches
/// keep it where it was. A batch of at most B samples gives the bits of batch norm.</para>
/// <para>Virtual batches are runs of B samples in order; the last one takes what is left. One value per channel in it
/// (one sample of (N, C)) is an error that says so. In training the running statistics are updated once for each
/// virtual batch, in order, and <c>num_batches_tracked</c> counts virtual batches; <see cref="Mode.Eval"/> is batch
/// norm's. On a tape with a <see cref="Tape.Collective"/> each member has virtual batches of its own: small groups are
/// the point.</para>
/// <para>State-dict keys are batch norm's: <c>weight</c>, <c>bias</c>, <c>running_mean</c>, <c>running_var</c>,
/// <c>num_batches_tracked</c>.</para>
/// <para>Source: Hoffer, Hubara and Soudry, "Train longer, generalize better", NeurIPS 2017, algorithm 1;
/// <c>virtual_batch_size</c> of Keras 2.</para>
/// </remarks>
public sealed class GhostBatchNorm1d : BatchNorm
{
    /// <summary>Creates the layer with the arguments of PyTorch's batch norm and the virtual batch size.</summary>
    /// <param name="numFeatures">Number of channels C, 1 or more.</param>
    /// <param name="virtualBatchSize">Samples B of a virtual batch, 1 or more; the last one takes what is left.</param>
    /// <param name="eps">Added to the variance; 0 or more. The default is 1e-5.</param>
    /// <param name="momentum">
    /// Weight of a virtual batch in the running statistics, in [0, 1]; null for the plain mean over all virtual
    /// batches. The default is 0.1.
    /// </param>
    /// <param name="affine">
    /// Whether gamma and beta are learned, which is the default; without them they are 1 and 0.
    /// </param>
    /// <param name="trackRunningStats">
    /// Whether running statistics are kept, which is the default; without them the virtual batches' own are used in
    /// every mode.
    /// </param>
    /// <exception cref="ArgumentOutOfRangeException">
    /// No features, a virtual batch size below 1, a negative or NaN eps, or a momentum outside [0, 1].
    /// </exception>
    public GhostBatchNorm1d(int numFeatures, int virtualBatchSize, double eps = 1e-5, double? momentum = 0.1,
        bool affine = true, bool trackRunningStats = true)
        : base(dimensions: 1, numFeatures, eps, FromMomentum(momentum), affine, trackRunningStats,
            Ghost(nameof(GhostBatchNorm1d), virtualBatchSize))
    {
    }

    /// <summary>Creates the layer with a running average of another convention.</summary>
    /// <param name="numFeatures">Number of channels C, 1 or more.</param>
    /// <param name="virtualBatchSize">Samples B of a virtual batch, 1 or more; the last one takes what is left.</param>
    /// <param name="average">
    /// How the running statistics follow the virtual batches, for example <c>RunningAverage.Keep(0.9)</c>.
    /// </param>
    /// <param name="eps">Added to the variance; 0 or more. The default is 1e-5.</param>
    /// <param name="affine">
    /// Whether gamma and beta are learned, which is the default; without them they are 1 and 0.
    /// </param>
    /// <exception cref="ArgumentOutOfRangeException">
    /// No features, a virtual batch size below 1, or a negative or NaN eps.
    /// </exception>
    public GhostBatchNorm1d(int numFeatures, int virtualBatchSize, RunningAverage average, double eps = 1e-5,
        bool affine = true)
        : base(dimensions: 1, numFeatures, eps, average, affine, trackRunningStats: true,
            Ghost(nameof(GhostBatchNorm1d), virtualBatchSize))
    {
    }
}
