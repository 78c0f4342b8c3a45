namespace Evenkeel.Nn;

/// <summary>
/// Batch normalization over the batches of a whole group: y = gamma·(x - mean)/sqrt(var + eps) + beta, mean and
/// variance over every dimension but the second, of all members' batches together.
/// </summary>
/// <remarks>
/// <para>Input: (N, C) or (N, C, ...) of any rank; output: the same shape. The group is <see cref="Tape.Collective"/>;
/// without one, or in a group of one, the layer is batch norm, bit for bit.
/// Batches of members may have different numbers of samples, one or none among them, and different spatial sizes: every
/// value counts once.</para>
/// <para>Members pool count, mean and Σ(x-mean)² in the forward pass and Σdy and Σdy·xhat in the backward pass, in the
/// order of their ranks, so that all have the same bits; R members give the bits of one process that does the same
/// batch in the same R parts. The running statistics follow the pooled ones, with the pooled count in n/(n-1): they
/// stay alike on all members.
/// The gradients of gamma and beta are a member's own share; summed over the members they are the whole gradient. A
/// batch that is not finite on one member is skipped by all.</para>
/// <para>In <see cref="Mode.Eval"/> nothing is gathered: a layer without running statistics takes those of the member's
/// own batch there, as in PyTorch. A plain batch norm does the same in training on a tape with
/// <see cref="Tape.PoolsBatchStatistics"/>.</para>
/// <para><c>Forward(x, mask)</c> takes a mask as <see cref="BatchNormalization"/> does; the statistics are those of the
/// ones of all members, and a member's mask may have no 1 if another's has.</para>
/// <para><c>SyncBatchNorm.ConvertFrom(model)</c> of the namespace <c>Evenkeel.Surgery</c> synchronizes the batch norms
/// of a network, and <c>SyncBatchNorm.ConvertBack(model)</c> makes them what they were.</para>
/// <para>State-dict keys are batch norm's: <c>weight</c>, <c>bias</c>, <c>running_mean</c>, <c>running_var</c>,
/// <c>num_batches_tracked</c>.</para>
/// <para>Source: semantics of PyTorch's <c>torch.nn.SyncBatchNorm</c>; the moments are pooled after Chan, Golub
/// and LeVeque, 1979.</para>
/// </remarks>
public sealed class SyncBatchNorm : BatchNorm, ITwoInputs
{
    /// <summary>Creates the layer with PyTorch's arguments.</summary>
    /// <inheritdoc cref="BatchNorm1d(int, double, double?, bool, bool)"/>
    public SyncBatchNorm(int numFeatures, double eps = 1e-5, double? momentum = 0.1, bool affine = true,
        bool trackRunningStats = true)
        : base(dimensions: null, numFeatures, OfAnyRank(eps, FromMomentum(momentum)), affine, affine,
            trackRunningStats, new BatchForm { SpansGroup = true })
    {
    }

    /// <summary>Creates the layer with a running average of another convention.</summary>
    /// <inheritdoc cref="BatchNorm1d(int, RunningAverage, double, bool)"/>
    public SyncBatchNorm(int numFeatures, RunningAverage average, double eps = 1e-5, bool affine = true)
        : base(dimensions: null, numFeatures, OfAnyRank(eps, average), affine, affine, trackRunningStats: true,
            new BatchForm { SpansGroup = true })
    {
    }

    internal SyncBatchNorm(BatchNorm source, ModuleCopier copier)
        : base(source, source.Convention, source.Form with { SpansGroup = true }, copier)
    {
    }

    /// <summary>Runs the layer with statistics of the positions whose mask is 1, then its hooks.</summary>
    /// <param name="x">The input.</param>
    /// <param name="second">The mask: 0 or 1 for each position, the input's shape without the channel axis.</param>
    public Tensor Forward(Tensor x, Tensor second)
    {
        ArgumentNullException.ThrowIfNull(x);
        ArgumentNullException.ThrowIfNull(second);
        return Shown(x, Normalize(x, mask: second));
    }

    private static NormConvention OfAnyRank(double eps, RunningAverage average) =>
        NormConvention.Torch with { Eps = eps, Average = average, Ranks = RankRule.From(2) };
}
