using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Evenkeel.Kernels;

namespace Evenkeel;

/// <summary>
/// Batch normalization of (N, C) or (N, C, …): one op, whole.
/// </summary>
/// <remarks>
/// Group: the m = N·S values of a channel (S = product of the spatial sizes).
/// <para>Forward: mean = Σx/m; var = Σ(x-mean)²/m; rstd = 1/sqrt(var+eps); xhat = (x-mean)·rstd; y = gamma·xhat + beta.</para>
/// <para>Backward. y depends on x directly, through mean and through var:
/// dbeta = Σdy, dgamma = Σdy·xhat; with g = gamma·dy, dL/dvar = -½·rstd²·Σg·xhat and dL/dmean = -rstd·Σg (the path mean→var vanishes, Σ(x-mean) = 0), so
/// dx = rstd·g + dL/dvar·2(x-mean)/m + dL/dmean/m = rstd·(g - mean(g) - xhat·mean(g·xhat)).
/// With fixed statistics (eval) both paths are gone: dx = rstd·g.</para>
/// <para>Walks: planes (NC…, a channel is N runs of S values) and columns (NC, a lane is a channel). The full derivation is in docs/derivations/batch-norm.md.</para>
/// </remarks>
internal sealed unsafe class BatchNorm<TEpilogue> : Op where TEpilogue : struct, IEpilogue
{
    /// <summary>Elements below which a fork costs more than it brings.</summary>
    private const int InlineElements = 1 << 14;

    private const int PageBytes = 4096;

    // Rows of _moments, one double a channel each.
    private const int Pivot = 0;
    private const int Low = 1;
    private const int Variance = 2;
    private const int Rstd = 3;

    private Tensor _x = null!;
    private Tensor? _gamma;
    private Tensor? _beta;
    private RunningStatistics? _running;
    private Tensor _moments = null!;
    private Tensor? _previous;
    private bool _updated;
    private bool _fromBatch;
    private double _eps;

    // Filled in Backward: what the chunks write to.
    private Tensor? _dx;
    private Tensor? _dgamma;
    private Tensor? _dbeta;

    // The walk: channels, samples, values of a channel in a sample.
    private int _channels;
    private int _samples;
    private int _spatial;

    public override string Name => "BatchNorm";

    public static Tensor Apply(Tensor x, Tensor? gamma, Tensor? beta, RunningStatistics? running, bool fromBatch, double eps)
    {
        Tape? tape = Join("BatchNorm", ref x);
        JoinOptional("BatchNorm", tape, x, ref gamma);
        JoinOptional("BatchNorm", tape, x, ref beta);
        var op = Rent<BatchNorm<TEpilogue>>(tape);
        op._x = x;
        op._gamma = gamma;
        op._beta = beta;
        op._running = running;
        op._fromBatch = fromBatch;
        op._eps = eps;
        op._samples = x.Shape[0];
        op._channels = x.Shape[1];
        op._spatial = op._channels == 0 || op._samples == 0 ? 0 : x.Count / op._channels / op._samples;
        op.Bind(x.Shape, x.DType, x, gamma, beta);
        op._moments = op.NewTensor([4, op._channels], DType.Float64);
        op._previous = tape is not null && fromBatch && running is not null ? op.NewTensor([2, op._channels], x.DType) : null;
        return op.Execute();
    }

    public override void Recycle()
    {
        base.Recycle();
        _x = _moments = null!;
        _gamma = _beta = _previous = _dx = _dgamma = _dbeta = null;
        _running = null;
        _updated = false;
    }

    public override void Undo()
    {
        if (_previous is null || !_updated) return;
        if (_previous.DType == DType.Float64) _running!.Restore(_previous.Pointer<double>());
        else _running!.Restore(_previous.Pointer<float>());
        _updated = false;
    }

    protected override void Forward<T>()
    {
        if (!_fromBatch) LoadRunning<T>();
        if (_x.Count > 0)
        {
            // With fixed statistics nothing ties the samples of a channel together: they are walked as they lie in memory.
            if (_fromBatch || IsMatrix) ForEach(new ForwardJob<T> { Op = this }, Chunks<T>());
            else ForEach(new FixedJob<T> { Op = this }, _samples);
        }

        if (_fromBatch && _running is not null)
            _updated = _running.Update(_moments.Pointer<double>(), _channels, (double)_samples * _spatial, _previous is null ? null : _previous.Pointer<T>());
    }

    protected override void Backward<T>()
    {
        _dx = Open(_x);
        _dgamma = Open(_gamma);
        _dbeta = Open(_beta);
        if (_x.Count > 0)
        {
            ForEach(new BackwardJob<T> { Op = this }, Chunks<T>());
        }
        else
        {
            _dgamma?.Fill(0);
            _dbeta?.Fill(0);
        }

        Close<T>(_x, _dx);
        Close<T>(_gamma, _dgamma);
        Close<T>(_beta, _dbeta);
    }

    private bool IsMatrix => _spatial == 1;

    /// <summary>Whether the backward pass needs Σdy and Σdy·(x - pivot).</summary>
    private bool NeedsSums => _fromBatch || _dgamma is not null || _dbeta is not null;

    private int Chunks<T>() where T : unmanaged => (_channels + ChannelsPerChunk<T>() - 1) / ChannelsPerChunk<T>();

    /// <summary>
    /// A stripe of columns; or so many neighbouring planes that they fill a memory page: they share pages, and two threads seldom write to one cache line.
    /// </summary>
    private int ChannelsPerChunk<T>() where T : unmanaged => IsMatrix ? Columns.StripeColumns<T>() : Math.Max(1, PageBytes / sizeof(T) / _spatial);

    private void ForEach<TJob>(TJob job, int chunks) where TJob : struct, IJob
    {
        if (_x.Count > InlineElements)
        {
            Workers.Run(chunks, job);
            return;
        }

        for (int chunk = 0; chunk < chunks; chunk++) job.Invoke(chunk);
    }

    private struct ForwardJob<T> : IJob where T : unmanaged, IFloatingPointIeee754<T>
    {
        public BatchNorm<TEpilogue> Op;

        public readonly void Invoke(int chunk)
        {
            if (Op.IsMatrix)
            {
                Op.ForwardColumns<T>(chunk);
                return;
            }

            int perChunk = Op.ChannelsPerChunk<T>();
            for (int c = chunk * perChunk; c < Math.Min(Op._channels, (chunk + 1) * perChunk); c++) Op.ForwardPlane<T>(c);
            Op.Fence<T>();
        }
    }

    private struct FixedJob<T> : IJob where T : unmanaged, IFloatingPointIeee754<T>
    {
        public BatchNorm<TEpilogue> Op;

        public readonly void Invoke(int chunk)
        {
            Op.ForwardSample<T>(chunk);
            Op.Fence<T>();
        }
    }

    private struct BackwardJob<T> : IJob where T : unmanaged, IFloatingPointIeee754<T>
    {
        public BatchNorm<TEpilogue> Op;

        public readonly void Invoke(int chunk)
        {
            if (Op.IsMatrix)
            {
                Op.BackwardColumns<T>(chunk);
                return;
            }

            int perChunk = Op.ChannelsPerChunk<T>();
            for (int c = chunk * perChunk; c < Math.Min(Op._channels, (chunk + 1) * perChunk); c++) Op.BackwardPlane<T>(c);
            Op.Fence<T>();
        }
    }

    /// <summary>With fixed statistics the running mean is the pivot.</summary>
    private void LoadRunning<T>() where T : unmanaged, IFloatingPointIeee754<T>
    {
        double* moments = _moments.Pointer<double>();
        T* mean = _running!.Mean.Value.Pointer<T>();
        T* variance = _running.Variance.Value.Pointer<T>();
        for (int c = 0; c < _channels; c++)
        {
            moments[Pivot * _channels + c] = double.CreateTruncating(mean[c]);
            moments[Low * _channels + c] = 0;
            moments[Variance * _channels + c] = double.CreateTruncating(variance[c]);
            moments[Rstd * _channels + c] = NormFormulas.Rstd(moments[Variance * _channels + c], _eps);
        }
    }

    // Planes: a channel is _samples runs of _spatial values, _channels·_spatial apart.

    private void ForwardPlane<T>(int c) where T : unmanaged, IFloatingPointIeee754<T>
    {
        nint stride = (nint)_channels * _spatial;
        T* x = _x.Pointer<T>() + (nint)c * _spatial;
        double* moments = _moments.Pointer<double>() + c;
        if (_fromBatch)
        {
            Moments batch = Moments.Of(x, _samples, stride, _spatial, _eps);
            moments[Pivot * _channels] = batch.Pivot;
            moments[Low * _channels] = batch.Low;
            moments[Variance * _channels] = batch.Variance;
            moments[Rstd * _channels] = NormFormulas.Rstd(batch.Variance, _eps);
        }

        Segments.Map(x, x, Output.Pointer<T>() + (nint)c * _spatial, _samples, stride, _spatial, PlaneFormula<T>(c), Streams<T>(), Ahead<T>());
    }

    /// <summary>One sample with fixed statistics.</summary>
    private void ForwardSample<T>(int n) where T : unmanaged, IFloatingPointIeee754<T>
    {
        nint offset = (nint)n * _channels * _spatial;
        T* x = _x.Pointer<T>() + offset;
        T* y = Output.Pointer<T>() + offset;
        for (int c = 0; c < _channels; c++)
            Segments.Map(x + (nint)c * _spatial, x, y + (nint)c * _spatial, 1, 0, _spatial, PlaneFormula<T>(c), stream: Streams<T>(), ahead: false);
    }

    private void BackwardPlane<T>(int c) where T : unmanaged, IFloatingPointIeee754<T>
    {
        nint stride = (nint)_channels * _spatial;
        nint offset = (nint)c * _spatial;
        T* x = _x.Pointer<T>() + offset;
        T* dy = Dy.Pointer<T>() + offset;
        double* moments = _moments.Pointer<double>() + c;
        double rstd = moments[Rstd * _channels];
        Normalize<T, TEpilogue> formula = PlaneFormula<T>(c);
        double dbeta = 0, dgamma = 0;
        if (NeedsSums)
        {
            (dbeta, double product) = Segments.Sum(x, dy, _samples, stride, _spatial, new Cotangent<T, TEpilogue>(formula));
            dgamma = rstd * (product - moments[Low * _channels] * dbeta);
        }

        if (_dgamma is not null) _dgamma.Pointer<T>()[c] = T.CreateTruncating(dgamma);
        if (_dbeta is not null) _dbeta.Pointer<T>()[c] = T.CreateTruncating(dbeta);
        if (_dx is null) return;
        double a = Gamma<T>(c) * rstd;
        (double b, double cc) = Slopes(a, rstd, dgamma, dbeta, moments[Low * _channels]);
        var gradient = new InputGradient<T, TEpilogue>(formula, Broadcast<T>(a), Broadcast<T>(b), Broadcast<T>(cc));
        Segments.Map(x, dy, _dx.Pointer<T>() + offset, _samples, stride, _spatial, gradient, Streams<T>(), Ahead<T>());
    }

    private Normalize<T, TEpilogue> PlaneFormula<T>(int c) where T : unmanaged, IFloatingPointIeee754<T>
    {
        double* moments = _moments.Pointer<double>() + c;
        double scale = Gamma<T>(c) * moments[Rstd * _channels];
        double shift = (_beta is null ? 0 : double.CreateTruncating(_beta.Pointer<T>()[c])) - moments[Low * _channels] * scale;
        return new Normalize<T, TEpilogue>(Broadcast<T>(moments[Pivot * _channels]), Broadcast<T>(scale), Broadcast<T>(shift));
    }

    private double Gamma<T>(int c) where T : unmanaged, IFloatingPointIeee754<T> => _gamma is null ? 1 : double.CreateTruncating(_gamma.Pointer<T>()[c]);

    /// <summary>b and c of dx = a·dy + b·(x-pivot) + c; zero where the statistics are fixed.</summary>
    private (double B, double C) Slopes(double a, double rstd, double dgamma, double dbeta, double low)
    {
        if (!_fromBatch) return (0, 0);
        double m = (double)_samples * _spatial;
        double b = -a * rstd * (dgamma / m);
        return (b, -a * (dbeta / m) - b * low);
    }

    /// <summary>True where this channel and the next fit the second-level cache together.</summary>
    private bool Ahead<T>() where T : unmanaged => (long)_samples * _spatial * sizeof(T) <= 512 << 10;

    /// <summary>True where what is written outgrows the last-level cache.</summary>
    private bool Streams<T>() where T : unmanaged => (long)_x.Count * sizeof(T) >= Simd.StreamThreshold;

    /// <summary>At the end of a chunk: what was stored past the caches is visible before the chunk counts as done.</summary>
    private void Fence<T>() where T : unmanaged
    {
        if (Streams<T>()) Simd.StreamFence();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<T> Broadcast<T>(double value) where T : unmanaged, IFloatingPointIeee754<T> => Vector512.Create(T.CreateTruncating(value));

    // Columns: a lane is a channel. A chunk is a stripe of channels; the last one ends with single, overlapping packs.

    [SkipLocalsInit]
    private void ForwardColumns<T>(int chunk) where T : unmanaged, IFloatingPointIeee754<T>
    {
        double* coefficients = stackalloc double[Coefficient.Count * Columns.Row + 8];
        double* sums = stackalloc double[2 * Columns.Row + 8];
        coefficients = Simd.Align(coefficients);
        sums = Simd.Align(sums);
        T* x = _x.Pointer<T>();
        T* y = Output.Pointer<T>();
        for (var block = ColumnBlock.First<T>(chunk, _channels); block.Lanes > 0; block = block.Next<T>(chunk, _channels))
        {
            if (_fromBatch) ColumnMoments(x + block.Start, block, coefficients, sums);
            ColumnCoefficients<T>(block, coefficients);
            Columns.Map<T, Normalize<T, TEpilogue>>(x + block.Start, x, y + block.Start, _samples, _channels, block.Lanes, coefficients);
        }
    }

    [SkipLocalsInit]
    private void BackwardColumns<T>(int chunk) where T : unmanaged, IFloatingPointIeee754<T>
    {
        double* coefficients = stackalloc double[Coefficient.Count * Columns.Row + 8];
        double* sums = stackalloc double[2 * Columns.Row + 8];
        coefficients = Simd.Align(coefficients);
        sums = Simd.Align(sums);
        T* x = _x.Pointer<T>();
        T* dy = Dy.Pointer<T>();
        for (var block = ColumnBlock.First<T>(chunk, _channels); block.Lanes > 0; block = block.Next<T>(chunk, _channels))
        {
            ColumnCoefficients<T>(block, coefficients);
            if (NeedsSums)
            {
                Columns.Sum<T, Cotangent<T, TEpilogue>>(x + block.Start, dy + block.Start, _samples, _channels, block.Lanes, coefficients, sums);
            }

            ColumnGradients<T>(block, coefficients, sums);
            if (_dx is not null)
                Columns.Map<T, InputGradient<T, TEpilogue>>(x + block.Start, dy + block.Start, _dx.Pointer<T>() + block.Start, _samples, _channels, block.Lanes, coefficients);
        }
    }

    /// <summary>Statistics of a block of columns, as <see cref="Moments.Of{T}"/> computes them for one group.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void ColumnMoments<T>(T* x, ColumnBlock block, double* coefficients, double* sums) where T : unmanaged, IFloatingPointIeee754<T>
    {
        var m = Vector512.Create((double)_samples);
        int step = Vector512<double>.Count;
        double* pivots = coefficients + Coefficient.Pivot * Columns.Row;
        double* moments = _moments.Pointer<double>() + block.Start;
        int sample = Math.Min(_samples, NormFormulas.SampleRows);
        Columns.Sum<T, Value<T>>(x, x, sample, (nint)(_samples / sample) * _channels, block.Lanes, coefficients, sums);
        for (int j = 0; j < block.Padded; j += step) Simd.Store(pivots + j, Widen.Round<T>(Simd.Load(sums + j) / Vector512.Create((double)sample)));
        double* lows = sums;
        double* variances = sums + Columns.Row;
        for (int attempt = 1; ; attempt++)
        {
            Columns.Sum<T, Deviation<T>>(x, x, _samples, _channels, block.Lanes, coefficients, sums);
            Vector512<double> far = default;
            for (int j = 0; j < block.Padded; j += step)
            {
                Vector512<double> low = Simd.Load(lows + j) / m;
                Vector512<double> variance = Simd.Load(variances + j) / m - low * low;
                variance = Vector512.AndNot(variance, Vector512.LessThan(variance, Vector512<double>.Zero));
                Simd.Store(lows + j, low);
                Simd.Store(variances + j, variance);
                far |= IsFar(block, low, variance, j);
            }

            if (attempt == NormFormulas.MaxPivots || far == Vector512<double>.Zero) break;
            for (int j = 0; j < block.Padded; j += step)
            {
                Vector512<double> low = Simd.Load(lows + j), pivot = Simd.Load(pivots + j);
                Simd.Store(pivots + j, Vector512.ConditionalSelect(IsFar(block, low, Simd.Load(variances + j), j), Widen.Round<T>(pivot + low), pivot));
            }
        }

        for (int lane = 0; lane < block.Lanes; lane++)
        {
            if (!NormFormulas.NeedsDouble<T>(variances[lane], _eps)) continue;
            Moments wide = Moments.InDouble(x + lane, _samples, _channels, 1);
            (pivots[lane], lows[lane], variances[lane]) = (wide.Pivot, wide.Low, wide.Variance);
        }

        // Saved once, when all is final: an overlapping pack saves a neighbour's columns too, and then with the very same values.
        for (int j = 0; j < block.Padded; j += step)
        {
            Vector512<double> variance = Simd.Load(variances + j), sum = variance + Vector512.Create(_eps);
            block.Save(moments + Pivot * _channels, Simd.Load(pivots + j), j);
            block.Save(moments + Low * _channels, Simd.Load(lows + j), j);
            block.Save(moments + Variance * _channels, variance, j);
            block.Save(moments + Rstd * _channels, Vector512.AndNot(Vector512<double>.One / Vector512.Sqrt(sum), Vector512.Equals(sum, Vector512<double>.Zero)), j);
        }
    }

    /// <summary>All ones where <see cref="NormFormulas.IsFar"/>; zero behind the block's last column.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<double> IsFar(ColumnBlock block, Vector512<double> low, Vector512<double> variance, int j) =>
        Vector512.GreaterThan(low * low, variance) & Simd.HeadMask<double>(Math.Clamp(block.Lanes - j, 0, Vector512<double>.Count));

    /// <summary>Pivot, scale and shift of a block of columns from its saved moments.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void ColumnCoefficients<T>(ColumnBlock block, double* coefficients) where T : unmanaged, IFloatingPointIeee754<T>
    {
        double* moments = _moments.Pointer<double>() + block.Start;
        for (int j = 0; j < block.Padded; j += Vector512<double>.Count)
        {
            Vector512<double> scale = block.LoadParameter<T>(_gamma is null ? null : _gamma.Pointer<T>(), j, 1) * block.Load(moments + Rstd * _channels, j);
            Vector512<double> shift = block.LoadParameter<T>(_beta is null ? null : _beta.Pointer<T>(), j, 0) - block.Load(moments + Low * _channels, j) * scale;
            Simd.Store(coefficients + Coefficient.Pivot * Columns.Row + j, block.Load(moments + Pivot * _channels, j));
            Simd.Store(coefficients + Coefficient.Scale * Columns.Row + j, scale);
            Simd.Store(coefficients + Coefficient.Shift * Columns.Row + j, shift);
        }
    }

    /// <summary>dgamma and dbeta of a block of columns, and b and c of its input gradient.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void ColumnGradients<T>(ColumnBlock block, double* coefficients, double* sums) where T : unmanaged, IFloatingPointIeee754<T>
    {
        double* moments = _moments.Pointer<double>() + block.Start;
        var m = Vector512.Create((double)_samples);
        for (int j = 0; j < block.Padded; j += Vector512<double>.Count)
        {
            Vector512<double> rstd = block.Load(moments + Rstd * _channels, j);
            Vector512<double> low = block.Load(moments + Low * _channels, j);
            Vector512<double> dbeta = Simd.Load(sums + j);
            Vector512<double> dgamma = rstd * (Simd.Load(sums + Columns.Row + j) - low * dbeta);
            block.SaveParameter(_dgamma is null ? null : _dgamma.Pointer<T>(), j, dgamma);
            block.SaveParameter(_dbeta is null ? null : _dbeta.Pointer<T>(), j, dbeta);
            Vector512<double> b = default, c = default;
            if (_fromBatch)
            {
                Vector512<double> a = Simd.Load(coefficients + Coefficient.Scale * Columns.Row + j);
                b = -a * rstd * (dgamma / m);
                c = -a * (dbeta / m) - b * low;
            }

            Simd.Store(coefficients + Coefficient.B * Columns.Row + j, b);
            Simd.Store(coefficients + Coefficient.C * Columns.Row + j, c);
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
    /// <param name="fuseReLU">Also apply ReLU, in the same pass over memory and with the same bits.</param>
    /// <param name="training">
    /// True: the batch's own statistics, which <paramref name="running"/> then follows; false: <paramref name="running"/>; null: as the tape's mode says, and without a tape it is Eval. Frozen statistics are used in either case.
    /// </param>
    /// <param name="singleValue">What one value per channel is where the batch's own statistics are used.</param>
    /// <exception cref="ArgumentException">Wrong rank, channel counts that disagree, one value per channel where that is an error, or no running statistics where they are needed.</exception>
    /// <remarks>Source: Ioffe and Szegedy, ICML 2015. An empty batch gives an empty result.</remarks>
    public Tensor BatchNorm(
        Tensor? gamma, Tensor? beta, RunningStatistics? running, double eps = 1e-5, bool fuseReLU = false, bool? training = null, SingleValue singleValue = SingleValue.Error)
    {
        NormChecks.Eps("BatchNorm", eps);
        if (Shape.Rank < 2)
            throw new ArgumentException($"BatchNorm: expected a batch (N, C) or (N, C, ...), got shape {Shape}. Add the missing dimensions with Reshape.");
        int channels = Shape[1];
        NormChecks.PerChannel("BatchNorm", "gamma (weight)", gamma, this, channels);
        NormChecks.PerChannel("BatchNorm", "beta (bias)", beta, this, channels);
        NormChecks.PerChannel("BatchNorm", "running_mean", running?.Mean.Value, this, channels);
        NormChecks.PerChannel("BatchNorm", "running_var", running?.Variance.Value, this, channels);
        bool fromBatch = RunningStatistics.FromBatch("BatchNorm", Tape, running, training);
        if (fromBatch && singleValue == SingleValue.Error) NormChecks.MoreThanOneValue(this, channels, Tape is { Mode: Mode.Train } || running is not null);
        return fuseReLU
            ? BatchNorm<ReLUEpilogue>.Apply(this, gamma, beta, running, fromBatch, eps)
            : BatchNorm<NoEpilogue>.Apply(this, gamma, beta, running, fromBatch, eps);
    }
}
