using System.Numerics;
using Evenkeel.Kernels;

namespace Evenkeel;

/// <summary>
/// Batch normalization with fixed statistics, as in eval or frozen: y = (x - mean)·gamma·rstd + beta with the
/// running mean and variance.
/// </summary>
/// <remarks>
/// Nothing ties the values of a channel together: samples are mapped as they lie in memory. Backward: mean and rstd are
/// constants, so dx = gamma·rstd·dy; dbeta = Σdy and dgamma = Σdy·xhat as ever.
/// <para>The running mean is the pivot, and low is 0.</para>
/// </remarks>
internal sealed unsafe class FixedNorm<TEpilogue> : Op where TEpilogue : struct, IEpilogue
{
    private Tensor _x = null!;
    private Tensor? _gamma, _beta;
    private RunningStatistics _running = null!;
    private BatchShape _shape;
    private double _eps;

    // Of all channels: the table, and the constants made from it, whose rows end with a whole pack.
    private Tensor _table = null!;
    private Tensor _constants = null!;

    // Whether T holds y's formula of all channels.
    private bool _held;

    // Filled in Backward: what the chunks write to.
    private Tensor? _dx, _dgamma, _dbeta;

    public override string Name => "BatchNorm";

    /// <inheritdoc/>
    public override string Kind => "FixedNorm";

    public static Tensor Apply(Tensor x, Tensor? gamma, Tensor? beta, RunningStatistics running, double eps)
    {
        Tape? tape = Join("BatchNorm", ref x);
        JoinOptional("BatchNorm", tape, x, ref gamma);
        JoinOptional("BatchNorm", tape, x, ref beta);
        var op = Rent<FixedNorm<TEpilogue>>(tape);
        (op._x, op._gamma, op._beta, op._running, op._shape, op._eps) =
            (x, gamma, beta, running, BatchShape.Of(x), eps);
        op.Bind(x.Shape, x.DType, x, gamma, beta);
        int channels = op._shape.Channels, places = (channels + PackValues - 1) / PackValues * PackValues;
        op._table = op.NewTensor([NormTable.Rows, channels], DType.Float64);
        op._constants = op.NewTensor([Constants<float>.Rows, places], x.DType);
        return op.Execute();
    }

    /// <inheritdoc/>
    protected override void Describe(OpSettings settings)
    {
        settings.Set("gamma", _gamma);
        settings.Set("beta", _beta);
        settings.Set("eps", _eps);
        settings.Set("mean", _running.Mean.Value);
        settings.Set("variance", _running.Variance.Value);
        settings.Set("relu", typeof(TEpilogue) == typeof(ReLUEpilogue));
    }

    protected override void Forward<T>()
    {
        int channels = _shape.Channels;
        NormTable table = NormTable.Of(_table.Pointer<double>(), _table.Shape);
        ReadOnlySpan<T> means = _running.Mean.Value.AsSpan<T>(), variances = _running.Variance.Value.AsSpan<T>();
        for (int c = 0; c < channels; c++)
        {
            table.Set(
                c, new Moments(double.CreateTruncating(means[c]), 0, double.CreateTruncating(variances[c])), _eps);
        }

        table.LoadParameters(At<T>(_gamma, default), At<T>(_beta, default), channels);
        _constants.Fill(0);
        _held = NormTheorem.Affine(table, Made<T>(), channels);
        if (_shape.IsMatrix) _shape.ForEachChannel(_x.Pointer<T>(), new ForwardStep<T>(this));
        else if (_x.Count > 0) Workers.Run(_shape.Samples, new SampleJob<T>(this), _x.Count);
        if (_held || _x.Count == 0) return;
        BatchPlanes<T, NoMask<T>> layout = _shape.Planes(_x.Pointer<T>(), default(NoMask<T>));
        for (int c = 0; c < channels; c++)
        {
            var channel = new ColumnBlock(c, 1);
            T* y = Output.Pointer<T>() + layout.Offset(channel, 0);
            ScaledGroups<T, SegmentGroup<T, NoMask<T>>, TEpilogue>.Map(
                layout.Groups(channel, 0, _shape.Samples), table.From(c), y);
        }
    }

    protected override void Backward<T>()
    {
        _dx = Open(_x);
        _dgamma = Open(_gamma);
        _dbeta = Open(_beta);
        _shape.ForEachChannel(_x.Pointer<T>(), new BackwardStep<T>(this));
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
        _x = _table = _constants = null!;
        _gamma = _beta = _dx = _dgamma = _dbeta = null;
        _running = null!;
    }

    private Constants<T> Made<T>() where T : unmanaged => new(_constants.Pointer<T>(), _constants.Shape[-1]);

    private static T* At<T>(Tensor? parameter, ColumnBlock channels) where T : unmanaged =>
        parameter is null ? null : parameter.Pointer<T>() + channels.Start;

    /// <summary>Values of the larger pack.</summary>
    private static int PackValues => System.Runtime.Intrinsics.Vector512<float>.Count;

    /// <summary>y of some neighbouring columns.</summary>
    private readonly struct ForwardStep<T>(FixedNorm<TEpilogue> op) : IChannelStep<T>
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        public void Invoke<TLayout, TGroups>(TLayout layout, ColumnBlock channels, NormTable table)
            where TLayout : struct, IBatchLayout<TGroups>
            where TGroups : struct, IGroups<T, TGroups>
        {
            T* y = op.Output.Pointer<T>() + layout.Offset(channels, 0);
            layout.Groups(channels, 0, op._shape.Samples)
                .Map<Normalize<T, TEpilogue>>(null, y, op.Made<T>().From(channels.Start));
        }
    }

    /// <summary>One sample of (N, C, …): its planes side by side.</summary>
    private readonly struct SampleJob<T>(FixedNorm<TEpilogue> op) : IJob where T : unmanaged, IFloatingPointIeee754<T>
    {
        public void Invoke(int sample)
        {
            BatchShape shape = op._shape;
            nint offset = (nint)sample * shape.Channels * shape.Spatial;
            bool stream = (long)op._x.Count * sizeof(T) >= CacheSizes.LastLevel;
            var planes = new PlaneGroups<T>(op._x.Pointer<T>() + offset, shape.Channels, shape.Spatial, stream);
            planes.Map<Normalize<T, TEpilogue>>(null, op.Output.Pointer<T>() + offset, op.Made<T>());
            if (stream) Simd.StreamFence();
        }
    }

    /// <summary>dgamma, dbeta and dx of some neighbouring channels: the slopes b and c are 0.</summary>
    private readonly struct BackwardStep<T>(FixedNorm<TEpilogue> op) : IChannelStep<T>
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        public void Invoke<TLayout, TGroups>(TLayout layout, ColumnBlock channels, NormTable table)
            where TLayout : struct, IBatchLayout<TGroups>
            where TGroups : struct, IGroups<T, TGroups>
        {
            TGroups x = layout.Groups(channels, 0, op._shape.Samples);
            T* dy = op.Dy.Pointer<T>() + layout.Offset(channels, 0);
            NormTable.Of(op._table.Pointer<double>(), op._table.Shape).From(channels.Start).CopyStatistics(
                table, x.Count);
            table.LoadParameters(At<T>(op._gamma, channels), At<T>(op._beta, channels), x.Count);
            if (op._dgamma is not null || op._dbeta is not null)
            {
                NormSteps<T, TGroups, TEpilogue>.SumCotangents(x, table, dy);
                table.SaveGradients(At<T>(op._dgamma, channels), At<T>(op._dbeta, channels), x.Count);
            }

            if (op._dx is null) return;
            T* dx = op._dx.Pointer<T>() + layout.Offset(channels, 0);
            x.Map<InputGradient<T, TEpilogue>>(dy, dx, op.Made<T>().From(channels.Start));
            if (!op._held) ScaledGroups<T, TGroups, TEpilogue>.Gradient(x, table, dy, dx, double.PositiveInfinity);
        }
    }
}
