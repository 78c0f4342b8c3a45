namespace Evenkeel.Nn;

/// <summary>
/// Batch renormalization of (N, C) or (N, C, L): y = gamma·((x - mean)/std·r + d) + beta, mean and std over N (and L)
/// for each channel.
/// </summary>
/// <remarks>
/// <para>Batch norm whose output in training is corrected towards that of eval. With mean_B, std_B = sqrt(var_B + eps)
/// of the batch and mean, std of the running statistics before it: r = clip(std_B/std, 1/rmax, rmax) and
/// d = clip((mean_B - mean)/std, -dmax, dmax). Unclipped, the training output is exactly that of eval, whatever the
/// batch. r and d are constants in the backward pass, so the gradient still runs through the batch's statistics as in
/// batch norm.</para>
/// <para>At first r = 1 and d = 0, which is batch norm bit for bit; then <see cref="BatchNorm.Limits"/> opens, by the
/// number of batches tracked. Use it if batches are small or their samples are not independent.</para>
/// <para>The variance of the running statistics is the one that their <see cref="RunningAverage"/> tracks (the unbiased
/// one, unless said otherwise). <see cref="Mode.Eval"/> is batch norm's. A tape with
/// <see cref="Tape.PoolsBatchStatistics"/> gives mean_B and var_B of the whole group.</para>
/// <para>State-dict keys are batch norm's: <c>weight</c>, <c>bias</c>, <c>running_mean</c>, <c>running_var</c>,
/// <c>num_batches_tracked</c>, which is also where the schedule stands.</para>
/// <para>Source: Ioffe, "Batch Renormalization: Towards Reducing Minibatch Dependence in Batch-Normalized Models",
/// NeurIPS 2017.</para>
/// </remarks>
public sealed class BatchRenorm1d : BatchNorm
{
    /// <summary>Creates the layer.</summary>
    /// <param name="numFeatures">Number of channels C, 1 or more.</param>
    /// <param name="eps">Added to the variances; 0 or more. The default is 1e-5.</param>
    /// <param name="momentum">
    /// Weight of the new value in the running statistics, in [0, 1]; null for the plain mean over all batches. The
    /// default is the paper's 0.01, smaller than batch norm's 0.1, because training uses the statistics.
    /// </param>
    /// <param name="affine">
    /// Whether gamma and beta are learned, which is the default; without them they are 1 and 0.
    /// </param>
    /// <param name="limits">
    /// The limits of r and d, by the number of batches. Null, the default, takes the paper's schedule.
    /// </param>
    /// <exception cref="ArgumentOutOfRangeException">
    /// No features, a negative or NaN eps, or a momentum outside [0, 1].
    /// </exception>
    public BatchRenorm1d(int numFeatures, double eps = 1e-5, double? momentum = 0.01, bool affine = true,
        RenormLimits? limits = null)
        : base(dimensions: 1, numFeatures, eps, FromMomentum(momentum), affine, trackRunningStats: true,
            Renorm(limits))
    {
    }

    /// <summary>Creates the layer with a running average of another convention.</summary>
    /// <param name="numFeatures">Number of channels C, 1 or more.</param>
    /// <param name="average">
    /// How the running statistics follow the batches, for example <c>RunningAverage.Keep(0.99)</c>.
    /// </param>
    /// <param name="eps">Added to the variances; 0 or more. The default is 1e-5.</param>
    /// <param name="affine">
    /// Whether gamma and beta are learned, which is the default; without them they are 1 and 0.
    /// </param>
    /// <param name="limits">
    /// The limits of r and d, by the number of batches. Null, the default, takes the paper's schedule.
    /// </param>
    /// <exception cref="ArgumentOutOfRangeException">No features, or a negative or NaN eps.</exception>
    public BatchRenorm1d(int numFeatures, RunningAverage average, double eps = 1e-5, bool affine = true,
        RenormLimits? limits = null)
        : base(dimensions: 1, numFeatures, eps, average, affine, trackRunningStats: true, Renorm(limits))
    {
    }

    internal BatchRenorm1d(BatchNorm source, ModuleCopier copier)
        : base(source, source.Convention, source.Form with { SpansGroup = false }, copier)
    {
    }
}
