namespace Evenkeel.Nn;

/// <summary>
/// Batch normalization over the batches of a whole group: y = gamma·(x - mean)/sqrt(var + eps) + beta, mean and variance over every dimension but the second, of all members' batches together.
/// </summary>
/// <remarks>
/// <para>Input: (N, C) or (N, C, ...) of any rank; output: the same shape. The group is <see cref="Tape.Collective"/>; without one, or in a group of one, the layer is batch norm, bit for bit.
/// Batches of members may have different numbers of samples, one or none among them, and different spatial sizes: every value counts once.</para>
/// <para>Members pool count, mean and Σ(x-mean)² in the forward pass and Σdy and Σdy·xhat in the backward pass, in the order of their ranks, so that all have the same bits; R members give the bits
/// of one process that does the same batch in the same R parts. The running statistics follow the pooled ones, with the pooled count in n/(n-1): they stay alike on all members.
/// The gradients of gamma and beta are a member's own share; summed over the members they are the whole gradient. A batch that is not finite on one member is skipped by all.</para>
/// <para>In <see cref="Mode.Eval"/> nothing is gathered: a layer without running statistics takes those of the member's own batch there, as in PyTorch. A plain batch norm does the same in training on a tape with <see cref="Tape.PoolsBatchStatistics"/>.</para>
/// <para>State-dict keys are batch norm's: <c>weight</c>, <c>bias</c>, <c>running_mean</c>, <c>running_var</c>, <c>num_batches_tracked</c>.</para>
/// <para>Source: semantics of PyTorch's <c>torch.nn.SyncBatchNorm</c>; the moments are pooled after Chan, Golub and LeVeque, 1979.</para>
/// </remarks>
public sealed class SyncBatchNorm : BatchNorm
{
    /// <summary>Creates the layer with PyTorch's arguments.</summary>
    /// <param name="numFeatures">Number of channels C.</param>
    /// <param name="eps">Added to the variance; 0 or more.</param>
    /// <param name="momentum">Weight of the new value in the running statistics, in [0, 1]; null for the plain mean over all batches.</param>
    /// <param name="affine">Whether gamma and beta are learned; without them they are 1 and 0.</param>
    /// <param name="trackRunningStats">Whether running statistics are kept; without them the batch's own are used in every mode.</param>
    /// <exception cref="ArgumentOutOfRangeException">No features, a negative or NaN eps, or a momentum outside [0, 1].</exception>
    public SyncBatchNorm(int numFeatures, double eps = 1e-5, double? momentum = 0.1, bool affine = true, bool trackRunningStats = true)
        : base(numFeatures, eps, FromMomentum(momentum), affine, trackRunningStats, new BatchForm { SpansGroup = true })
    {
    }

    /// <summary>Creates the layer with a running average of another convention.</summary>
    /// <param name="numFeatures">Number of channels C.</param>
    /// <param name="average">How the running statistics follow the batches, for example <c>RunningAverage.Keep(0.9)</c>.</param>
    /// <param name="eps">Added to the variance; 0 or more.</param>
    /// <param name="affine">Whether gamma and beta are learned.</param>
    /// <exception cref="ArgumentOutOfRangeException">No features, or a negative or NaN eps.</exception>
    public SyncBatchNorm(int numFeatures, RunningAverage average, double eps = 1e-5, bool affine = true)
        : base(numFeatures, eps, average, affine, trackRunningStats: true, new BatchForm { SpansGroup = true })
    {
    }

    private SyncBatchNorm(BatchNorm source)
        : base(source.NumFeatures, source.Convention, source.Weight is not null, source.Bias is not null, source.TrackRunningStats, new BatchForm { SpansGroup = true })
    {
        if ((source.Weight?.DType ?? source.Running?.Mean.Value.DType) is { } dtype) To(dtype);
        LoadStateDict(source.StateDict(), checkValues: false);
        Running?.SkippedBatches = source.Running!.SkippedBatches;
        Running?.BeginAs(source.Running!.Origin);
        if (source.State != NormState.Active) Set(source.State, nameof(ConvertFrom));
        Weight?.RequiresGradient = source.Weight!.RequiresGradient;
        Bias?.RequiresGradient = source.Bias!.RequiresGradient;
    }

    /// <summary>A copy of a network in which every <see cref="BatchNorm1d"/>, <see cref="BatchNorm2d"/> and <see cref="BatchNorm3d"/> is synchronized, with the same values and settings; PyTorch's <c>convert_sync_batchnorm</c>.</summary>
    /// <param name="model">The network; it stays as it is. Ghost batch norms and renormalization stay what they are in the copy too.</param>
    /// <exception cref="InvalidOperationException">A field of the network holds a batch norm by its own type, so that no other can stand there; the text names it.</exception>
    public static Module ConvertFrom(Module model)
    {
        ArgumentNullException.ThrowIfNull(model);
        return model.Clone(static module => module is BatchNorm1d or BatchNorm2d or BatchNorm3d ? new SyncBatchNorm((BatchNorm)module) : null);
    }

    private protected override string ExpectedShape => "(N, {0}) or (N, {0}, ...)";

    private protected override bool Takes(int rank) => rank >= 2;
}
