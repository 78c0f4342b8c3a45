namespace Evenkeel.Nn;

/// <summary>
/// What <see cref="GhostBatchNorm1d"/>, <see cref="GhostBatchNorm2d"/> and <see cref="GhostBatchNorm3d"/> share: a large batch is normalized in virtual batches of B samples, each with its own mean and variance.
/// </summary>
/// <remarks>
/// <para>Why: batch norm's noise, and with it part of its regularization, shrinks as the batch grows; virtual batches keep it where it was. A batch of at most B samples gives the bits of batch norm.</para>
/// <para>Virtual batches are runs of B samples in order; the last one takes what is left. One value per channel in it (one sample of (N, C)) is an error that says so.
/// In training the running statistics are updated once for each virtual batch, in order, and <c>num_batches_tracked</c> counts virtual batches; <see cref="Mode.Eval"/> is batch norm's.
/// On a tape with a <see cref="Tape.Collective"/> each member has virtual batches of its own: small groups are the point.</para>
/// <para>State-dict keys are batch norm's: <c>weight</c>, <c>bias</c>, <c>running_mean</c>, <c>running_var</c>, <c>num_batches_tracked</c>.</para>
/// <para>Source: Hoffer, Hubara and Soudry, "Train longer, generalize better", NeurIPS 2017, algorithm 1; <c>virtual_batch_size</c> of Keras 2.</para>
/// </remarks>
public abstract class GhostBatchNorm : BatchNorm
{
    private protected GhostBatchNorm(int numFeatures, int virtualBatchSize, double eps, RunningAverage average, bool affine, bool trackRunningStats)
        : base(numFeatures, eps, average, affine, trackRunningStats, new BatchForm { VirtualBatchSize = virtualBatchSize })
    {
        NormChecks.VirtualBatchSize(TypeName, virtualBatchSize);
        VirtualBatchSize = virtualBatchSize;
    }

    /// <summary>Samples of a virtual batch.</summary>
    public int VirtualBatchSize { get; }
}
