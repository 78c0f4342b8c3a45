namespace Evenkeel;

/// <summary>
/// Whose statistics a batch norm uses; the default is the plain one: those of the whole batch. The forms
/// are made of the same steps.
/// </summary>
internal readonly record struct BatchForm
{
    /// <summary>Ghost: every run of so many samples is a batch of its own; 0 for none.</summary>
    public int VirtualBatchSize { get; init; }

    /// <summary>Sync: the batch is that of the tape's whole collective.</summary>
    public bool SpansGroup { get; init; }

    /// <summary>
    /// Renorm: how far the batch's statistics may take the output from what the running ones would give.
    /// </summary>
    public RenormLimits? Limits { get; init; }

    /// <summary>
    /// Zeros and ones, one for each position (N, 1, …): the statistics are of the ones. Null: of all positions.
    /// </summary>
    public Tensor? Mask { get; init; }

    /// <summary>What one value per channel is.</summary>
    public SingleValue SingleValue { get; init; }

    /// <summary>True if one part has its own statistics, of all its values: then plain batch norm does it.</summary>
    public bool IsPlain => VirtualBatchSize == 0 && Limits is null && Mask is null;

    /// <summary>The name that errors begin with.</summary>
    public string Name => Limits is not null ? "BatchRenorm"
        : SpansGroup ? "SyncBatchNorm"
        : VirtualBatchSize > 0 ? "GhostBatchNorm"
        : Mask is not null ? "MaskedBatchNorm"
        : "BatchNorm";

    /// <summary>
    /// The members whose parts make up the batch with this tape's; null where the batch is this tape's alone, as it is
    /// in eval, where members need not run alike.
    /// </summary>
    public ICollective? MembersOf(Tape? tape) => VirtualBatchSize == 0
        && tape is { Mode: Mode.Train, Collective: { Size: > 1 } members } && (SpansGroup || tape.PoolsBatchStatistics)
        ? members
        : null;

    /// <summary>The settings that the plain form has not, as <c>ToString</c> of a layer shows them.</summary>
    public override string ToString() =>
        VirtualBatchSize > 0 ? $", virtual_batch_size={VirtualBatchSize}" : Limits is { } limits ? $", {limits}" : "";
}

public sealed partial class Tensor
{
    /// <summary>
    /// Ghost batch normalization: every run of <paramref name="virtualBatchSize"/> samples is normalized by itself, as
    /// <see cref="BatchNorm"/> does a batch. The functional form; see <c>GhostBatchNorm2d</c>.
    /// </summary>
    /// <param name="virtualBatchSize">Samples of a virtual batch, 1 or more; the last one takes what is left.</param>
    /// <param name="gamma">Scale, one value per channel; null means 1.</param>
    /// <param name="beta">Shift, one value per channel; null means 0.</param>
    /// <param name="running">
    /// Statistics that follow the virtual batches one by one, and that eval mode uses; null where there are none.
    /// </param>
    /// <param name="eps">Added to the variance; 0 or more.</param>
    /// <param name="training">
    /// Whose statistics: true the batch's, false the running ones, null as the tape's mode says;
    /// see <see cref="BatchNorm"/>.
    /// </param>
    /// <exception cref="ArgumentException">
    /// Wrong rank, channel counts that disagree, or a virtual batch with one value per channel where
    /// its statistics are needed.
    /// </exception>
    /// <exception cref="ArgumentOutOfRangeException">
    /// A virtual batch size below 1, or a negative or NaN eps.
    /// </exception>
    /// <remarks>
    /// Source: Hoffer, Hubara and Soudry, NeurIPS 2017. A batch of at most one virtual batch gives the
    /// bits of plain batch norm.
    /// </remarks>
    public Tensor GhostBatchNorm(
        int virtualBatchSize, Tensor? gamma, Tensor? beta, RunningStatistics? running, double eps = 1e-5,
        bool? training = null)
    {
        NormChecks.VirtualBatchSize("GhostBatchNorm", virtualBatchSize);
        return NormalizeBatch(new BatchForm { VirtualBatchSize = virtualBatchSize },
            gamma, beta, running, eps, fuseReLU: false, training);
    }

    /// <summary>
    /// Batch normalization over the batches of a whole group: mean and variance are those of all members of
    /// <see cref="Tape.Collective"/>. The functional form; see <c>SyncBatchNorm</c>.
    /// </summary>
    /// <param name="gamma">Scale, one value per channel; null means 1.</param>
    /// <param name="beta">Shift, one value per channel; null means 0.</param>
    /// <param name="running">
    /// Statistics that follow the group's batches and that eval mode uses; null where there are none.
    /// </param>
    /// <param name="eps">Added to the variance; 0 or more.</param>
    /// <param name="training">
    /// Whose statistics: true the batch's, false the running ones, null as the tape's mode says;
    /// see <see cref="BatchNorm"/>.
    /// </param>
    /// <param name="parts">
    /// Samples of each part of this batch, together all of them: the moments are then taken part by part and pooled,
    /// which gives the bits that as many members with a part each give. Empty: one part.
    /// Every member has the same number of parts.
    /// </param>
    /// <exception cref="ArgumentException">
    /// Wrong rank, channel counts that disagree, parts that are not the batch, or not more than one value per channel
    /// in the whole group where its statistics are needed.
    /// </exception>
    /// <remarks>
    /// Without a collective, in one of a single member, and on a tape in <see cref="Mode.Eval"/> it is
    /// plain batch norm, bit for bit. The gradients of gamma and beta are this member's share; the group's
    /// are the sum over its members.
    /// <para>Source: the pooled moments are those of Chan, Golub and LeVeque, 1979, taken in the order of the ranks;
    /// semantics of PyTorch's <c>torch.nn.SyncBatchNorm</c>.</para>
    /// </remarks>
    public Tensor SyncBatchNorm(
        Tensor? gamma, Tensor? beta, RunningStatistics? running, double eps = 1e-5, bool? training = null,
        ReadOnlySpan<int> parts = default) =>
        NormalizeBatch(
            new BatchForm { SpansGroup = true }, gamma, beta, running, eps, fuseReLU: false, training, parts: parts);

    /// <summary>
    /// Batch renormalization: batch norm corrected by r and d towards what the running statistics give, y = gamma·((x -
    /// mean)/std·r + d) + beta. The functional form; see <c>BatchRenorm2d</c>.
    /// </summary>
    /// <param name="gamma">Scale, one value per channel; null means 1.</param>
    /// <param name="beta">Shift, one value per channel; null means 0.</param>
    /// <param name="running">
    /// Statistics that follow the batches, that eval mode uses, and that training corrects towards.
    /// </param>
    /// <param name="limits">How large r and d may be after how many batches; null for the paper's.</param>
    /// <param name="eps">Added to both variances; 0 or more.</param>
    /// <exception cref="ArgumentException">
    /// Wrong rank, channel counts that disagree, or not more than one value per channel where the
    /// batch's statistics are needed.
    /// </exception>
    /// <remarks>
    /// r = clip(std/std_running, 1/rmax, rmax) and d = clip((mean - mean_running)/std_running, -dmax, dmax) with the
    /// running statistics before this batch; both are constants in the backward pass.
    /// <para>Source: Ioffe, "Batch Renormalization", NeurIPS 2017.</para>
    /// </remarks>
    public Tensor BatchRenorm(
        Tensor? gamma, Tensor? beta, RunningStatistics running, RenormLimits? limits = null, double eps = 1e-5)
    {
        ArgumentNullException.ThrowIfNull(running);
        return NormalizeBatch(
            new BatchForm { Limits = limits ?? RenormLimits.Paper }, gamma, beta, running, eps, fuseReLU: false);
    }
}
