using System.Numerics;
using Evenkeel.Kernels;

namespace Evenkeel;

/// <summary>
/// Batch normalization of (N, C) or (N, C, …): one op, whole; and its forms, which differ in whose statistics they use.
/// </summary>
/// <remarks>
/// Group: the m = N·S values of a channel (S = product of the spatial sizes).
/// <para>Forward: mean = Σx/m; var = Σ(x-mean)²/m; rstd = 1/sqrt(var+eps); xhat = (x-mean)·rstd; y = gamma·xhat + beta.</para>
/// <para>Backward. y depends on x directly, through mean and through var:
/// dbeta = Σdy, dgamma = Σdy·xhat; with g = gamma·dy, dL/dvar = -½·rstd²·Σg·xhat and dL/dmean = -rstd·Σg (the path mean→var vanishes, Σ(x-mean) = 0), so
/// dx = rstd·g + dL/dvar·2(x-mean)/m + dL/dmean/m = rstd·(g - mean(g) - xhat·mean(g·xhat)).
/// With fixed statistics (eval) both paths are gone: dx = rstd·g.</para>
/// <para>A mask leaves positions out of mean and var, and of m: then dL/dvar and dL/dmean reach the positions that count alone, and dx = rstd·g at the others.
/// y, Σdy and Σdy·xhat are of all positions.</para>
/// <para>The batch may come in parts along N. Ghost: each part is a group. Pooled: all parts, and those of all members of a collective, are one group; m, mean, var, Σdy and Σdy·xhat
/// are put together between the two passes (<see cref="BatchStatistics"/>), and dgamma and dbeta stay this tape's share. Renorm: gamma·r and beta + gamma·d stand for gamma and beta, r and d being constants.</para>
/// <para>Walks: planes (NC…, a channel is N runs of S values) and columns (NC, a lane is a channel). The full derivation is in docs/derivations/batch-norm.md.</para>
/// </remarks>
internal sealed unsafe class BatchNorm<TEpilogue> : Op where TEpilogue : struct, IEpilogue
{
    /// <summary>Elements below which a fork costs more than it brings.</summary>
    private const int InlineElements = 1 << 14;

    /// <summary>
    /// Bytes of x that a pooled batch reads before its members meet: few enough that x, and in the backward pass dy, are still in the second-level cache for the second pass. Read from memory twice,
    /// a large batch would take half as long again.
    /// </summary>
    private const int PooledBytes = 384 << 10;

    private readonly BatchStatistics _statistics = new();
    private Tensor _x = null!;
    private Tensor? _gamma;
    private Tensor? _beta;
    private RunningStatistics? _running;
    private BatchForm _form;
    private Tensor? _mask;
    private bool _fromBatch;
    private double _eps;
    private (double R, double D) _limits;

    // The running statistics before this pass, and how often it has updated them.
    private Tensor? _previous;
    private Tensor? _unscaled;
    private int _updates;

    // How the batch lies in memory: channels, samples, values of a channel in a sample.
    private int _channels;
    private int _samples;
    private int _spatial;

    // Pooled: channels that are gathered together, and whether a member has more than one value of a channel a sample.
    private int _channelsAtOnce;
    private bool _hasPlanes;

    // Filled in Backward: what the chunks write to.
    private Tensor? _dx;
    private Tensor? _dgamma;
    private Tensor? _dbeta;

    public override string Name => "BatchNorm";

    public static Tensor Apply(Tensor x, Tensor? gamma, Tensor? beta, RunningStatistics? running, BatchForm form, bool fromBatch, ReadOnlySpan<int> parts, double eps)
    {
        Tape? tape = Join("BatchNorm", ref x);
        JoinOptional("BatchNorm", tape, x, ref gamma);
        JoinOptional("BatchNorm", tape, x, ref beta);
        var op = Rent<BatchNorm<TEpilogue>>(tape);
        op._x = x;
        op._gamma = gamma;
        op._beta = beta;
        op._running = running;
        op._form = form;
        op._fromBatch = fromBatch;
        op._eps = eps;
        op._samples = x.Shape[0];
        op._channels = x.Shape[1];
        op._spatial = op._channels == 0 || op._samples == 0 ? 0 : x.Count / op._channels / op._samples;
        ICollective? members = fromBatch ? form.MembersOf(tape) : null;
        if (members is not null || (fromBatch && parts.Length > 1)) op._statistics.Pool(parts, members, op._samples, op._spatial);
        else op._statistics.CutIntoRuns(fromBatch ? form.VirtualBatchSize : 0, op._samples, op._spatial);
        op.Bind(x.Shape, x.DType, x, gamma, beta);
        op._statistics.Bind(op.NewTensor(op._statistics.RowsShape(op._channels), DType.Float64));
        if (fromBatch && form.Mask is { } mask)
        {
            op._mask = op.NewTensor([mask.Count + MaskBits.Overrun], x.DType);
            op._statistics.CountUnder(mask, op._mask);
        }

        op._previous = tape is not null && fromBatch && running is not null ? op.NewTensor([2, op._channels], x.DType) : null;
        return op.Execute();
    }

    public override void Recycle()
    {
        base.Recycle();
        _statistics.Recycle();
        _x = null!;
        _gamma = _beta = _mask = _previous = _unscaled = _dx = _dgamma = _dbeta = null;
        _running = null;
        _form = default;
        _updates = 0;
    }

    public override void Undo()
    {
        if (_previous is null || _updates == 0) return;
        if (_previous.DType == DType.Float64) _running!.Restore(_previous.Pointer<double>(), _updates);
        else _running!.Restore(_previous.Pointer<float>(), _updates);
        _updates = 0;
    }

    protected override void Forward<T>()
    {
        if (!_fromBatch) LoadRunning<T>();
        else if (_form.Limits is { } limits) _limits = Limits(limits);
        if (_statistics.IsPooled) Agree<T>();
        if (IsMatrix) Forward<T, BatchColumns<T, TEpilogue>>(new(Operands<T>()));
        else Forward<T, BatchPlanes<T, TEpilogue>>(new(Operands<T>()));
        if (_fromBatch && _running is not null) Follow<T>();
    }

    /// <summary>The passes of the forward pass: moments, then y.</summary>
    private void Forward<T, TWalk>(TWalk walk) where T : unmanaged, IFloatingPointIeee754<T> where TWalk : struct, IBatchWalk<TWalk>
    {
        // With fixed statistics nothing ties the samples of a channel together: they are walked as they lie in memory.
        if (!_fromBatch && !IsMatrix)
        {
            if (_x.Count > 0) Fork(new SampleJob<TWalk> { Op = this, Walk = walk }, _samples, _channels);
            return;
        }

        if (!_statistics.IsPooled)
        {
            ForEach(walk, _fromBatch ? BatchPasses.Both : BatchPasses.Map, isForward: true, 0, _channels);
            return;
        }

        for (int from = 0, to; from < _channels; from = to)
        {
            to = Math.Min(_channels, from + _channelsAtOnce);
            ForEach(walk, BatchPasses.Statistics, isForward: true, from, to);
            _statistics.PoolMoments<T>(from, to, _eps);
            walk.Renormalize(from, to, _statistics.Whole);
            ForEach(walk, BatchPasses.Map, isForward: true, from, to);
        }
    }

    /// <summary>Some neighbouring channels of all parts; pooled, y is of the whole.</summary>
    private void ForwardParts<TWalk>(ref TWalk walk, ColumnBlock channels, BatchPasses passes) where TWalk : struct, IBatchWalk<TWalk>
    {
        if (_statistics.IsPooled && passes == BatchPasses.Map)
        {
            walk.Forward(channels, _statistics.Whole, passes);
            return;
        }

        for (int p = 0; p < _statistics.Parts; p++)
        {
            BatchPart part = _statistics.Part(p);
            if (part.Samples > 0) walk.Forward(channels, part, passes);
        }
    }

    protected override void Backward<T>()
    {
        _dx = Open(_x);
        _dgamma = Open(_gamma);
        _dbeta = Open(_beta);
        if (IsMatrix) Backward<T, BatchColumns<T, TEpilogue>>(new(Operands<T>()));
        else Backward<T, BatchPlanes<T, TEpilogue>>(new(Operands<T>()));
        if (_x.Count == 0)
        {
            _dgamma?.Fill(0);
            _dbeta?.Fill(0);
        }

        Close<T>(_x, _dx);
        Close<T>(_gamma, _dgamma);
        Close<T>(_beta, _dbeta);
    }

    /// <summary>The passes of the backward pass: Σdy and Σdy·xhat, then dx.</summary>
    private void Backward<T, TWalk>(TWalk walk) where T : unmanaged, IFloatingPointIeee754<T> where TWalk : struct, IBatchWalk<TWalk>
    {
        if (!_statistics.IsPooled)
        {
            ForEach(walk, BatchPasses.Both, isForward: false, 0, _channels);
            return;
        }

        for (int from = 0, to; from < _channels; from = to)
        {
            to = Math.Min(_channels, from + _channelsAtOnce);
            ForEach(walk, BatchPasses.Statistics, isForward: false, from, to);
            _statistics.PoolSums(from, to);
            ForEach(walk, BatchPasses.Map, isForward: false, from, to);
        }
    }

    /// <summary>Some neighbouring channels of all parts; pooled, dx is of the whole.</summary>
    private void BackwardParts<TWalk>(ref TWalk walk, ColumnBlock channels, BatchPasses passes) where TWalk : struct, IBatchWalk<TWalk>
    {
        if (_statistics.IsPooled && passes == BatchPasses.Map)
        {
            walk.Backward(channels, _statistics.Whole, passes);
            return;
        }

        for (int p = 0; p < _statistics.Parts; p++)
        {
            BatchPart part = _statistics.PartToSum(p);
            if (part.Samples > 0) walk.Backward(channels, part, passes);
        }

        walk.ParameterGradients(channels, _statistics);
    }

    /// <summary>One value of a channel a sample. Where other members have many, channels are gathered a few at a time, and this one goes by planes too.</summary>
    private bool IsMatrix => _spatial == 1 && !(_statistics.IsPooled && _hasPlanes);

    private BatchOperands<T> Operands<T>() where T : unmanaged, IFloatingPointIeee754<T> => new()
    {
        X = At<T>(_x),
        Y = At<T>(Output),
        Dy = Output.HasGradient ? At<T>(Dy) : null,
        Dx = At<T>(_dx),
        Gamma = At<T>(_gamma),
        Beta = At<T>(_beta),
        Dgamma = At<T>(_dgamma),
        Dbeta = At<T>(_dbeta),
        Mask = At<T>(_mask),
        RunningMean = At<T>(_running?.Mean.Value),
        RunningVariance = At<T>(_running?.Variance.Value),
        Samples = _samples,
        Channels = _channels,
        Spatial = _spatial,
        Eps = _eps,
        FromBatch = _fromBatch,
        Streams = (_statistics.IsPooled ? _statistics.Whole.Count * _channels : _x.Count) * sizeof(T) >= Simd.StreamThreshold,
        Renormalizes = _fromBatch && _form.Limits is not null,
        RMax = _limits.R,
        DMax = _limits.D,
    };

    private static T* At<T>(Tensor? tensor) where T : unmanaged => tensor is null ? null : tensor.Pointer<T>();

    /// <summary>With fixed statistics the running mean is the pivot.</summary>
    private void LoadRunning<T>() where T : unmanaged, IFloatingPointIeee754<T>
    {
        BatchPart part = _statistics.Part(0);
        T* mean = _running!.Mean.Value.Pointer<T>();
        T* variance = _running.Variance.Value.Pointer<T>();
        for (int c = 0; c < _channels; c++)
        {
            part.Save(c, new Moments(double.CreateTruncating(mean[c]), 0, double.CreateTruncating(variance[c])), _eps);
        }
    }

    private (double R, double D) Limits(RenormLimits limits)
    {
        long batches = _running!.NumBatchesTracked.Value.AsSpan<long>()[0];
        return (limits.RMax(batches), limits.DMax(batches));
    }

    /// <summary>Members agree on the number of values and on how many channels go together: all of them in one, where that keeps x in the cache.</summary>
    private void Agree<T>() where T : unmanaged, IFloatingPointIeee754<T>
    {
        long channelBytes = (long)_samples * _spatial * sizeof(T);
        int threads = Compute.Threads;
        // A matrix sets no limit. The walk depends on whether there is one, but not on which: that is a matter of threads, which must not change the bits.
        int atOnce = _spatial <= 1 ? int.MaxValue : (int)Math.Clamp((long)threads * PooledBytes / channelBytes, 1, _channels);
        (double count, atOnce) = _statistics.Agree(atOnce);
        _hasPlanes = atOnce < int.MaxValue;
        _channelsAtOnce = Math.Min(atOnce, _channels);
        if (_mask is not null && count == 0) NormChecks.NothingUnderMasks(_form.Name, _x, Tape?.Collective?.Size ?? 1);
        if (_form.SingleValue == SingleValue.Error) NormChecks.MoreThanOneValueInGroup(_form.Name, _x, count, Tape?.Collective?.Size ?? 1);
    }

    /// <summary>The running statistics follow the batch; in virtual batches, each of them in turn.</summary>
    private void Follow<T>() where T : unmanaged, IFloatingPointIeee754<T>
    {
        int batches = _statistics.IsPooled ? 1 : _statistics.Parts;
        for (int p = 0; p < batches; p++)
        {
            BatchPart part = _statistics.IsPooled ? _statistics.Whole : _statistics.Part(p);
            if (_running!.Update(Unscaled(part), _channels, part.Count, _updates == 0 ? At<T>(_previous) : null)) _updates++;
        }
    }

    /// <summary>Pivots, lows and variances in units of one: the part's own rows, unless a channel's are at the ends of the range.</summary>
    private double* Unscaled(in BatchPart part)
    {
        if (_x.Count == 0 || !new Span<double>(part[BatchPart.Exponent], _channels).ContainsAnyExcept(0.0)) return part[BatchPart.Pivot];
        _unscaled = NewTensor([3, _channels], DType.Float64);
        double* rows = _unscaled.Pointer<double>();
        for (int c = 0; c < _channels; c++)
        {
            Moments moments = part.Moments(c).Unscaled;
            (rows[c], rows[_channels + c], rows[2 * _channels + c]) = (moments.Pivot, moments.Low, moments.Variance);
        }

        return rows;
    }

    private void ForEach<TWalk>(TWalk walk, BatchPasses passes, bool isForward, int from, int to) where TWalk : struct, IBatchWalk<TWalk>
    {
        if (_x.Count == 0) return;
        int perChunk = walk.ChannelsPerChunk;
        Fork(new ChannelJob<TWalk> { Op = this, Walk = walk, Passes = passes, IsForward = isForward, From = from, To = to, PerChunk = perChunk }, (to - from + perChunk - 1) / perChunk, to - from);
    }

    private void Fork<TJob>(TJob job, int chunks, int channels) where TJob : struct, IJob
    {
        if ((long)channels * _samples * _spatial > InlineElements)
        {
            Workers.Run(chunks, job);
            return;
        }

        for (int chunk = 0; chunk < chunks; chunk++) job.Invoke(chunk);
    }

    /// <summary>One or both passes over some neighbouring channels of all parts.</summary>
    private struct ChannelJob<TWalk> : IJob where TWalk : struct, IBatchWalk<TWalk>
    {
        public BatchNorm<TEpilogue> Op;
        public TWalk Walk;
        public BatchPasses Passes;
        public bool IsForward;
        public int From, To, PerChunk;

        public void Invoke(int chunk)
        {
            int first = From + chunk * PerChunk, end = Math.Min(To, first + PerChunk);
            for (ColumnBlock channels = Walk.First(first); channels.Lanes > 0; channels = Walk.Next(channels, end))
            {
                if (IsForward) Op.ForwardParts(ref Walk, channels, Passes);
                else Op.BackwardParts(ref Walk, channels, Passes);
            }

            Walk.Fence();
        }
    }

    /// <summary>One sample, with fixed statistics.</summary>
    private struct SampleJob<TWalk> : IJob where TWalk : struct, IBatchWalk<TWalk>
    {
        public BatchNorm<TEpilogue> Op;
        public TWalk Walk;

        public void Invoke(int chunk)
        {
            BatchPart sample = Op._statistics.Sample(chunk);
            for (ColumnBlock channels = Walk.First(0); channels.Lanes > 0; channels = Walk.Next(channels, Op._channels)) Walk.Forward(channels, sample, BatchPasses.Map);
            Walk.Fence();
        }
    }
}

public sealed partial class Tensor
{
    /// <summary>
    /// Batch normalization over every dimension but the second: y = gamma·(x - mean)/sqrt(var + eps) + beta for each channel. The functional form; see <c>BatchNorm2d</c>.
    /// </summary>
    /// <param name="gamma">Scale, one value a channel; null means 1.</param>
    /// <param name="beta">Shift, one value a channel; null means 0.</param>
    /// <param name="running">Statistics that follow the batches and that eval mode uses; null where there are none.</param>
    /// <param name="eps">Added to the variance; 0 or more. With 0 a constant channel gives beta.</param>
    /// <param name="training">
    /// True: the batch's own statistics, which <paramref name="running"/> then follows; false: <paramref name="running"/>; null: as the tape's mode says, and without a tape it is Eval. Frozen statistics are used in either case.
    /// </param>
    /// <param name="singleValue">What one value per channel is where the batch's own statistics are used.</param>
    /// <exception cref="ArgumentException">Wrong rank, channel counts that disagree, one value per channel where that is an error, or no running statistics where they are needed.</exception>
    /// <remarks>Source: Ioffe and Szegedy, ICML 2015. An empty batch gives an empty result. On a tape that pools batch statistics it is <see cref="SyncBatchNorm"/>.</remarks>
    public Tensor BatchNorm(
        Tensor? gamma, Tensor? beta, RunningStatistics? running, double eps = 1e-5, bool? training = null, SingleValue singleValue = SingleValue.Error) =>
        NormalizeBatch(default, gamma, beta, running, eps, fuseReLU: false, training, singleValue);

    /// <summary>Batch norm in one of its forms, and ReLU in the same pass over memory if wanted, with the same bits.</summary>
    internal Tensor NormalizeBatch(
        BatchForm form, Tensor? gamma, Tensor? beta, RunningStatistics? running, double eps, bool fuseReLU, bool? training = null, SingleValue singleValue = SingleValue.Error, ReadOnlySpan<int> parts = default)
    {
        string name = form.Name;
        NormChecks.Eps(name, eps);
        NormChecks.Batch(name, this);
        int channels = Shape[1];
        NormChecks.PerChannel(name, this, gamma, beta, running);
        NormChecks.Parts(name, this, parts);
        bool fromBatch = RunningStatistics.FromBatch(name, Tape, running, training);
        if (form.Mask is { } mask) NormChecks.Mask(name, this, mask, fromBatch && form.MembersOf(Tape) is null, singleValue);
        if (fromBatch && singleValue == SingleValue.Error)
        {
            if (form.MembersOf(Tape) is null) NormChecks.MoreThanOneValue(name, this, channels, Tape is { Mode: Mode.Train } || running is not null);
            if (form.VirtualBatchSize > 0) NormChecks.VirtualBatches(this, channels, form.VirtualBatchSize);
        }

        form = form with { SingleValue = singleValue };
        return fuseReLU
            ? BatchNorm<ReLUEpilogue>.Apply(this, gamma, beta, running, form, fromBatch, parts, eps)
            : BatchNorm<NoEpilogue>.Apply(this, gamma, beta, running, form, fromBatch, parts, eps);
    }
}
