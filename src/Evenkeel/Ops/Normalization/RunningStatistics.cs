using System.Numerics;

namespace Evenkeel;

/// <summary>
/// The running mean and variance of a normalization layer, and the rule by which they follow the batches.
/// </summary>
/// <remarks>
/// <para>A batch with a NaN or an infinity is not followed: the update is skipped as a whole and counted, so that one
/// overflow does not poison the statistics for good. Neither is a batch of one value per channel where the unbiased
/// variance is tracked, for one value has none.</para>
/// <para>An empty batch (N = 0) counts in <see cref="NumBatchesTracked"/> and changes nothing else, as in PyTorch; a
/// cumulative average then gives the next batch a smaller weight.</para>
/// </remarks>
public sealed class RunningStatistics
{
    /// <summary>Creates statistics for <paramref name="features"/> channels at their start values.</summary>
    /// <param name="features">The number of channels C.</param>
    /// <param name="average">How a batch enters the averages.</param>
    public RunningStatistics(int features, RunningAverage average)
    {
        Average = average;
        Mean = new StateBuffer(Tensor.Full([features], average.InitialMean), "running_mean", StateRange.Finite);
        Variance = new StateBuffer(Tensor.Full([features], average.InitialVariance), "running_var",
            StateRange.Variance);
        NumBatchesTracked = new StateBuffer(Tensor.Zeros([], DType.Int64), "num_batches_tracked", StateRange.Count);
    }

    /// <summary>The rule of the updates.</summary>
    public RunningAverage Average { get; }

    /// <summary>The running mean, one value per channel; <c>running_mean</c> in a state dict.</summary>
    public StateBuffer Mean { get; private set; }

    /// <summary>The running variance, one value per channel; <c>running_var</c> in a state dict.</summary>
    public StateBuffer Variance { get; private set; }

    /// <summary>Number of updates (a scalar of type Int64); <c>num_batches_tracked</c> in a state dict.</summary>
    public StateBuffer NumBatchesTracked { get; private set; }

    /// <summary>
    /// The share of the start values that is still in the statistics: 1 before the first batch, times the weight of the
    /// old at each batch; 0 after the first for a cumulative average, and 0 once they were recalibrated. NaN if nobody
    /// knows: they were loaded from a file or a state dict of another program, which does not say by which average they
    /// came about. With a few hundredths or more, eval is partly that of a fresh layer: train longer, keep less, or
    /// recalibrate.
    /// </summary>
    public double StartValuesLeft
    {
        get
        {
            long batches = NumBatchesTracked.Value.AsSpan<long>()[0] - Origin.Batches;
            if (batches <= 0) return Origin.StartValuesLeft;
            // A cumulative average gives each batch and each start the same weight: what came from
            // elsewhere counts as its batches.
            if (Average.IsCumulative)
                return Origin.Batches == 0 ? 0 : Origin.StartValuesLeft * Origin.Batches / (Origin.Batches + batches);
            double left = Origin.StartValuesLeft;
            for (double factor = 1 - Average.WeightOfNew; batches > 0; batches >>= 1, factor *= factor)
            {
                if ((batches & 1) != 0) left *= factor;
            }

            return left;
        }
    }

    /// <summary>
    /// Where this layer's own average has begun: how much of start values was in the statistics then, and the count of
    /// batches. Loading and recalibrating begin anew.
    /// </summary>
    internal (double StartValuesLeft, long Batches) Origin { get; private set; } = (1, 0);

    /// <summary>Says how much of start values is in the statistics as they are now; NaN for unknown.</summary>
    internal void BeginWith(double startValuesLeft) =>
        Origin = (startValuesLeft, NumBatchesTracked.Value.AsSpan<long>()[0]);

    /// <summary>Takes over statistics that have been copied here, with their past.</summary>
    internal void BeginAs((double StartValuesLeft, long Batches) origin) => Origin = origin;

    /// <summary>
    /// Number of batches whose update was skipped because their statistics were not finite, or not as
    /// numbers of the statistics' type.
    /// </summary>
    public long SkippedBatches { get; internal set; }

    /// <summary>
    /// True while the statistics are constants: a pass in training mode too normalizes with them, as in eval,
    /// and does not update them. Layers set it (<c>Freeze</c>, <c>FreezeStatistics</c>); it is sticky,
    /// whatever the mode of a tape.
    /// </summary>
    public bool IsFrozen { get; internal set; }

    /// <summary>Back to the start values of the average, no batches seen; what is frozen stays frozen.</summary>
    public void Reset()
    {
        Mean.Value.Fill(Average.InitialMean);
        Variance.Value.Fill(Average.InitialVariance);
        NumBatchesTracked.Value.Fill(0);
        SkippedBatches = 0;
        Origin = (1, 0);
    }

    /// <summary>Statistics with these buffers, and the rule, the past and the state of these ones.</summary>
    /// <param name="mean">The running mean.</param>
    /// <param name="variance">The running variance.</param>
    /// <param name="batches">The number of updates.</param>
    internal RunningStatistics CopyWith(StateBuffer mean, StateBuffer variance, StateBuffer batches)
    {
        var copy = (RunningStatistics)MemberwiseClone();
        (copy.Mean, copy.Variance, copy.NumBatchesTracked) = (mean, variance, batches);
        return copy;
    }

    /// <summary>
    /// The one rule of all norms that keep statistics: whether a pass normalizes with the batch's own statistics (and
    /// the running ones follow them), or with <paramref name="running"/> as they stand.
    /// </summary>
    /// <param name="op">The op, for the error.</param>
    /// <param name="tape">The tape of the pass; without one it is Eval.</param>
    /// <param name="running">The running statistics; frozen ones are used in every mode.</param>
    /// <param name="training">What the caller asked for; null: as the tape's mode says.</param>
    /// <exception cref="ArgumentException">The running statistics are wanted, and there are none.</exception>
    internal static bool FromBatch(string op, Tape? tape, RunningStatistics? running, bool? training)
    {
        bool fromBatch = (training ?? tape is { Mode: Mode.Train } or { UsesBatchStatistics: true })
            && running is not { IsFrozen: true };
        if (!fromBatch && running is null)
        {
            string where = training is false ? "for training: false"
                : $"in Mode.Eval ({(tape is null ? "the input rides on no tape, which is Eval" : "the tape's mode")})";
            throw new ArgumentException($"{op}: expected running statistics {where}, got none. "
                + $"Pass the layer's RunningStatistics, run on a tape in Mode.Train, or pass training: "
                + $"true to normalize with the batch's own in every mode.", nameof(running));
        }

        return fromBatch;
    }

    /// <summary>Follows a batch as <see cref="Average"/> says.</summary>
    /// <param name="batch">The batch's statistics, a place per channel.</param>
    /// <param name="m">Values per channel in the batch.</param>
    /// <param name="previous">
    /// Receives the old values, mean then variance, so that the update can be taken back; may be empty.
    /// </param>
    /// <returns>False if the update was skipped: the batch was not finite, or has no unbiased variance.</returns>
    internal unsafe bool Update<T>(NormTable batch, double m, Span<T> previous)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        int features = Mean.Value.Count;
        Span<T> mean = Mean.Value.AsSpan<T>(), variance = Variance.Value.AsSpan<T>();
        // There are no statistics of no values: the batch is counted, and that is all.
        bool isEmpty = m == 0;
        double correction = Average.Estimator == VarianceEstimator.Unbiased ? m / (m - 1) : 1;
        for (int c = 0; c < features && !isEmpty; c++)
        {
            Moments moments = batch.Moments(c).Unscaled;
            if (T.IsFinite(T.CreateTruncating(moments.Mean))
                && T.IsFinite(T.CreateTruncating(moments.Variance * correction)))
            {
                continue;
            }

            SkippedBatches++;
            return false;
        }

        if (!previous.IsEmpty)
        {
            mean.CopyTo(previous);
            variance.CopyTo(previous[features..]);
        }

        long update = ++NumBatchesTracked.Value.AsSpan<long>()[0];
        if (isEmpty) return true;
        double weight = Average.WeightAt(update);
        for (int c = 0; c < features; c++)
        {
            Moments moments = batch.Moments(c).Unscaled;
            mean[c] = T.CreateTruncating((1 - weight) * double.CreateTruncating(mean[c]) + weight * moments.Mean);
            variance[c] = T.CreateTruncating(
                (1 - weight) * double.CreateTruncating(variance[c]) + weight * (moments.Variance * correction));
        }

        return true;
    }

    /// <summary>
    /// Takes the last <paramref name="updates"/> updates back; <paramref name="previous"/> are the values
    /// before the first of them.
    /// </summary>
    internal void Restore<T>(ReadOnlySpan<T> previous, int updates) where T : unmanaged
    {
        int features = Mean.Value.Count;
        previous[..features].CopyTo(Mean.Value.AsSpan<T>());
        previous[features..].CopyTo(Variance.Value.AsSpan<T>());
        NumBatchesTracked.Value.AsSpan<long>()[0] -= updates;
    }
}
