using System.Numerics;
using Evenkeel.Kernels;

namespace Evenkeel;

/// <summary>
/// Batch normalization in its other forms: the steps of <see cref="BatchNorm{TEpilogue}"/>,
/// with something between them.
/// </summary>
/// <remarks>
/// <para>Ghost: each part of the batch is a group, and goes through the steps by itself. dgamma and dbeta are the sums
/// of the parts' own.</para>
/// <para>Pooled: all parts, and those of all members of a collective, are one group. m, mean, var, Σdy and Σdy·xhat are
/// put together between the two passes (<see cref="BatchStatistics"/>); dgamma and dbeta stay this tape's share.</para>
/// <para>Renorm: gamma·r and beta + gamma·d stand for gamma and beta, r and d being constants
/// (<see cref="RenormCorrection"/>).</para>
/// <para>Masked: positions are left out of mean and var, and of m. Then dL/dvar and dL/dmean reach the positions that
/// count alone, and dx = rstd·g at the others. y, Σdy and Σdy·xhat are of all positions.</para>
/// </remarks>
internal sealed unsafe class PartedBatchNorm<TEpilogue> : Op where TEpilogue : struct, IEpilogue
{
    private readonly BatchStatistics _statistics = new();
    private Tensor _x = null!;
    private Tensor? _gamma, _beta, _mask;
    private RunningStatistics? _running;
    private BatchForm _form;
    private BatchShape _shape;
    private double _eps;
    private RunningUpdate _update;
    private RenormCorrection? _correction;

    // Pooled: channels that are gathered together, and whether a member has more than one
    // value of a channel per sample.
    private int _channelsAtOnce;
    private bool _hasPlanes;

    // Filled in Backward: what the chunks write to.
    private Tensor? _dx, _dgamma, _dbeta;

    public override string Name => "BatchNorm";

    public static Tensor Apply(
        Tensor x, Tensor? gamma, Tensor? beta, RunningStatistics? running, BatchForm form, ReadOnlySpan<int> parts,
        double eps)
    {
        Tape? tape = Join("BatchNorm", ref x);
        JoinOptional("BatchNorm", tape, x, ref gamma);
        JoinOptional("BatchNorm", tape, x, ref beta);
        var op = Rent<PartedBatchNorm<TEpilogue>>(tape);
        (op._x, op._gamma, op._beta, op._running, op._form, op._eps) = (x, gamma, beta, running, form, eps);
        var shape = BatchShape.Of(x);
        op._shape = shape;
        ICollective? members = form.MembersOf(tape);
        if (members is not null || parts.Length > 1) op._statistics.Pool(parts, members, shape.Samples, shape.Spatial);
        else op._statistics.CutIntoRuns(form.VirtualBatchSize, shape.Samples, shape.Spatial);
        op.Bind(x.Shape, x.DType, x, gamma, beta);
        op._statistics.Bind(op.NewTensor(op._statistics.RowsShape(shape.Channels), DType.Float64));
        if (form.Mask is { } mask)
        {
            op._mask = op.NewTensor([mask.Count + MaskBits.Overrun], x.DType);
            op._statistics.CountUnder(mask, op._mask);
        }

        op._update = new(running, tape is null || running is null
            ? null
            : op.NewTensor(RunningUpdate.PreviousShape(shape.Channels), x.DType));
        return op.Execute();
    }

    /// <inheritdoc/>
    protected override void Describe(OpSettings settings)
    {
        settings.Set("gamma", _gamma);
        settings.Set("beta", _beta);
        settings.Set("eps", _eps);
        settings.Set("isParted", !_form.IsPlain);
        settings.Set("relu", typeof(TEpilogue) == typeof(ReLUEpilogue));
    }

    protected override void Forward<T>()
    {
        _correction = _form.Limits is { } limits ? new RenormCorrection(_running!, limits, _eps) : null;
        if (_statistics.IsPooled) Agree<T>();
        Walk<T>(isForward: true);
        // Virtual batches are followed one by one.
        if (_statistics.IsPooled) _update.Follow<T>(_statistics.Whole.Statistics, _statistics.Whole.Count);
        for (int p = 0; p < _statistics.Parts && !_statistics.IsPooled; p++)
            _update.Follow<T>(_statistics.Part(p).Statistics, _statistics.Part(p).Count);
    }

    protected override void Backward<T>()
    {
        _dx = Open(_x);
        _dgamma = Open(_gamma);
        _dbeta = Open(_beta);
        Walk<T>(isForward: false);
        if (_x.Count == 0)
        {
            _dgamma?.Fill(0);
            _dbeta?.Fill(0);
        }

        Close<T>(_x, _dx);
        Close<T>(_gamma, _dgamma);
        Close<T>(_beta, _dbeta);
    }

    public override void Recycle()
    {
        base.Recycle();
        _statistics.Recycle();
        _x = null!;
        _gamma = _beta = _mask = _dx = _dgamma = _dbeta = null;
        _running = null;
        _form = default;
        _update = default;
    }

    public override void Undo() => _update.Undo();

    /// <summary>The passes over the batch.</summary>
    private void Walk<T>(bool isForward) where T : unmanaged, IFloatingPointIeee754<T>
    {
        if (!_statistics.IsPooled)
        {
            ForEachChannel<T>(isForward ? Step.Forward : Step.Backward, 0, _shape.Channels);
            return;
        }

        // The members meet between the two passes, and the channels of a meeting are still in the cache for the second.
        for (int from = 0, to; from < _shape.Channels; from = to)
        {
            to = Math.Min(_shape.Channels, from + _channelsAtOnce);
            ForEachChannel<T>(isForward ? Step.Measure : Step.SumCotangents, from, to);
            if (isForward)
            {
                _statistics.PoolMoments<T>(from, to, _eps);
                _correction?.Find<T>(_statistics.Whole.Statistics.From(from), from, to - from);
            }
            else
            {
                _statistics.PoolSums(from, to);
            }

            ForEachChannel<T>(isForward ? Step.Apply : Step.Gradient, from, to);
        }
    }

    /// <summary>
    /// A step by columns if all members have a matrix, else by planes; under the mask, if there is one.
    /// </summary>
    private void ForEachChannel<T>(Step which, int from, int to) where T : unmanaged, IFloatingPointIeee754<T>
    {
        T* x = _x.Pointer<T>();
        long values = _shape.Values;
        double together = _statistics.IsPooled ? _statistics.Whole.Count * _shape.Channels : 0;
        bool isMatrix = _shape.IsMatrix && !(_statistics.IsPooled && _hasPlanes);
        var step = new ChannelStep<T>(this, which);
        if (_mask is null)
        {
            if (isMatrix) _shape.Columns(x, default(NoMask<T>)).ForEachChannel(step, from, to, values);
            else _shape.Planes(x, default(NoMask<T>), together).ForEachChannel(step, from, to, values);
            return;
        }

        T* bits = _mask.Pointer<T>();
        if (isMatrix) _shape.Columns(x, new RowMask<T>(bits, 1)).ForEachChannel(step, from, to, values);
        else _shape.Planes(x, new RunMask<T>(bits, _shape.Spatial), together).ForEachChannel(step, from, to, values);
    }

    private enum Step
    {
        // Each part by itself.
        Forward,
        Backward,

        // Pooled: the passes over all parts, and those over the whole.
        Measure,
        Apply,
        SumCotangents,
        Gradient,
    }

    private readonly struct ChannelStep<T>(PartedBatchNorm<TEpilogue> op, Step step) : IChannelStep<T>
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        public void Invoke<TLayout, TGroups>(TLayout layout, ColumnBlock channels, NormTable table)
            where TLayout : struct, IBatchLayout<TGroups>
            where TGroups : struct, IGroups<T, TGroups> =>
            new LaidOutStep<T, TLayout, TGroups>(op, layout, step).Invoke(channels, table);
    }

    private readonly struct LaidOutStep<T, TLayout, TGroups>(PartedBatchNorm<TEpilogue> op, TLayout layout, Step step)
        where T : unmanaged, IFloatingPointIeee754<T>
        where TLayout : struct, IBatchLayout<TGroups>
        where TGroups : struct, IGroups<T, TGroups>
    {
        private readonly BatchStatistics _statistics = op._statistics;

        public void Invoke(ColumnBlock channels, NormTable table)
        {
            if (step == Step.Apply)
                Normalize(channels, _statistics.Whole, Load(channels, _statistics.Whole, table), table);
            else if (step == Step.Gradient) Gradient(channels, table);
            else ForParts(channels, table);
            if (step is Step.Backward or Step.SumCotangents) SaveGradients(channels, table);
        }

        private void ForParts(ColumnBlock channels, NormTable table)
        {
            for (int p = 0; p < _statistics.Parts; p++)
            {
                BatchPart part = _statistics.PartToSum(p);
                if (part.Samples == 0) continue;
                if (step is Step.Forward or Step.Measure) Forward(channels, _statistics.Part(p), table);
                else Backward(channels, part, table);
            }
        }

        /// <summary>The statistics of a part; and y, unless they are pooled first.</summary>
        private void Forward(ColumnBlock channels, in BatchPart part, NormTable table)
        {
            TGroups x = layout.Groups(channels, part.Start, part.Samples);
            NormSteps<T, TGroups, TEpilogue>.Measure(x, table, part.Count, op._eps);
            NormTable kept = part.Statistics.From(channels.Start);
            table.CopyStatistics(kept, x.Count);
            if (step == Step.Measure) return;
            if (op._correction is { } correction)
            {
                correction.Find<T>(table, channels.Start, x.Count);
                table.CopyCorrections(kept, x.Count);
            }

            Normalize(channels, part, x, LoadParameters(channels, table));
        }

        private void Normalize(ColumnBlock channels, in BatchPart part, TGroups x, NormTable table) =>
            NormSteps<T, TGroups, TEpilogue>.Normalize(
                x, table, op.Output.Pointer<T>() + layout.Offset(channels, part.Start));

        /// <summary>Σdy and Σdy·xhat of a part; and dx, unless they are pooled first.</summary>
        private void Backward(ColumnBlock channels, in BatchPart part, NormTable table)
        {
            TGroups x = Load(channels, part, table);
            nint offset = layout.Offset(channels, part.Start);
            T* dy = op.Dy.Pointer<T>() + offset;
            bool held = NormSteps<T, TGroups, TEpilogue>.SumCotangents(x, table, dy);
            table.CopySums(part.Sums.From(channels.Start), x.Count);
            if (step == Step.Backward && op._dx is not null)
                NormSteps<T, TGroups, TEpilogue>.Gradient(x, table, dy, op._dx.Pointer<T>() + offset, part.Count, held);
        }

        /// <summary>dx of the whole.</summary>
        private void Gradient(ColumnBlock channels, NormTable table)
        {
            if (op._dx is null) return;
            BatchPart whole = _statistics.Whole;
            TGroups x = Load(channels, whole, table);
            nint offset = layout.Offset(channels, 0);
            whole.Sums.From(channels.Start).CopySums(table, x.Count);
            bool held = NormTheorem.Affine(table, table.Rounded<T>(), x.Count);
            NormSteps<T, TGroups, TEpilogue>.Gradient(
                x, table, op.Dy.Pointer<T>() + offset, op._dx.Pointer<T>() + offset, whole.Count, held);
        }

        /// <summary>dgamma and dbeta: the sums of all parts, as renormalization changes them.</summary>
        private void SaveGradients(ColumnBlock channels, NormTable table)
        {
            for (int p = 0; p < _statistics.Parts; p++)
            {
                BatchPart part = _statistics.PartToSum(p);
                NormTable sums = part.Sums.From(channels.Start), statistics = part.Statistics.From(channels.Start);
                for (int c = 0; c < channels.Lanes; c++)
                {
                    double shift = sums.SumDy[c], scale = sums.SumDyXHat[c];
                    if (op._correction is not null) scale = statistics.R[c] * scale + statistics.D[c] * shift;
                    table.SumDyXHat[c] = p == 0 ? scale : table.SumDyXHat[c] + scale;
                    table.SumDy[c] = p == 0 ? shift : table.SumDy[c] + shift;
                }
            }

            table.SaveGradients(At(op._dgamma, channels), At(op._dbeta, channels), channels.Lanes);
        }

        /// <summary>Loads the statistics and parameters of a part.</summary>
        private TGroups Load(ColumnBlock channels, in BatchPart part, NormTable table)
        {
            NormTable kept = part.Statistics.From(channels.Start);
            kept.CopyStatistics(table, channels.Lanes);
            if (op._correction is not null) kept.CopyCorrections(table, channels.Lanes);
            LoadParameters(channels, table);
            return layout.Groups(channels, part.Start, part.Samples);
        }

        private NormTable LoadParameters(ColumnBlock channels, NormTable table)
        {
            table.LoadParameters(At(op._gamma, channels), At(op._beta, channels), channels.Lanes);
            if (op._correction is not null) RenormCorrection.Apply(table, channels.Lanes);
            return table;
        }

        private static T* At(Tensor? parameter, ColumnBlock channels) =>
            parameter is null ? null : parameter.Pointer<T>() + channels.Start;
    }

    /// <summary>
    /// Members agree on the number of values and on how many channels go together: all of them in one, if
    /// that keeps x in the cache.
    /// </summary>
    private void Agree<T>() where T : unmanaged, IFloatingPointIeee754<T>
    {
        long channelBytes = (long)_shape.Values * sizeof(T);
        int threads = Compute.Threads;
        // A matrix sets no limit. The walk depends on whether there is one, but not on which: that is a matter of
        // threads, which must not change the bits.
        int atOnce = _shape.Spatial <= 1
            ? int.MaxValue
            : (int)Math.Clamp((long)threads * CacheSizes.SecondLevelOfTwo / channelBytes, 1, _shape.Channels);
        (double count, atOnce) = _statistics.Agree(atOnce);
        _hasPlanes = atOnce < int.MaxValue;
        _channelsAtOnce = Math.Min(atOnce, _shape.Channels);
        if (_mask is not null && count == 0) NormChecks.NothingUnderMasks(_form.Name, _x, Tape?.Collective?.Size ?? 1);
        if (_form.SingleValue == SingleValue.Error)
            NormChecks.MoreThanOneValueInGroup(_form.Name, _x, count, Tape?.Collective?.Size ?? 1);
    }
}
