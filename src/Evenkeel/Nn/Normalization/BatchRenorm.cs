namespace Evenkeel.Nn;

/// <summary>
/// What <see cref="BatchRenorm1d"/>, <see cref="BatchRenorm2d"/> and <see cref="BatchRenorm3d"/> share: batch norm whose output in training is corrected towards that of eval, y = gamma·((x - mean)/std·r + d) + beta.
/// </summary>
/// <remarks>
/// <para>With mean_B, std_B = sqrt(var_B + eps) of the batch and mean, std of the running statistics before it: r = clip(std_B/std, 1/rmax, rmax) and d = clip((mean_B - mean)/std, -dmax, dmax).
/// Unclipped, the training output is exactly that of eval, whatever the batch. r and d are constants in the backward pass, so the gradient still runs through the batch's statistics as in batch norm.</para>
/// <para>At first r = 1 and d = 0, which is batch norm bit for bit; then <see cref="Limits"/> opens, by the number of batches tracked. Use it where batches are small or their samples are not independent.</para>
/// <para>The variance of the running statistics is the one that their <see cref="RunningAverage"/> tracks (the unbiased one, unless said otherwise). <see cref="Mode.Eval"/> is batch norm's. A tape with
/// <see cref="Tape.PoolsBatchStatistics"/> gives mean_B and var_B of the whole group.</para>
/// <para>State-dict keys are batch norm's: <c>weight</c>, <c>bias</c>, <c>running_mean</c>, <c>running_var</c>, <c>num_batches_tracked</c>, which is also where the schedule stands.</para>
/// <para>Source: Ioffe, "Batch Renormalization: Towards Reducing Minibatch Dependence in Batch-Normalized Models", NeurIPS 2017.</para>
/// </remarks>
public abstract class BatchRenorm : BatchNorm
{
    private protected BatchRenorm(int numFeatures, double eps, RunningAverage average, bool affine, RenormLimits? limits)
        : base(numFeatures, eps, average, affine, trackRunningStats: true, new BatchForm { Limits = limits ?? RenormLimits.Paper }) =>
        Limits = limits ?? RenormLimits.Paper;

    private protected BatchRenorm(BatchNorm source, ModuleCopier copier)
        : base(source, source.Form with { SpansGroup = false }, copier) =>
        Limits = source.Form.Limits!;

    /// <summary>How large r and d may be after how many batches.</summary>
    public RenormLimits Limits { get; }
}
