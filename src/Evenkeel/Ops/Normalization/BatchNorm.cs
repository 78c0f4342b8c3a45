using System.Numerics;
using Evenkeel.Kernels;

namespace Evenkeel;

/// <summary>
/// Batch normalization of (N, C) or (N, C, …) with the statistics of the whole batch. Its other forms are made of the
/// same steps (<see cref="NormSteps{T, TGroups, TEpilogue}"/>):
/// <see cref="PartedBatchNorm{TEpilogue}"/> for a batch in parts,
/// <see cref="FixedNorm{TEpilogue}"/> for running statistics.
/// </summary>
/// <remarks>
/// Group: the m = N·S values of a channel (S = product of the spatial sizes).
/// <para>Forward: mean = Σx/m; var = Σ(x-mean)²/m; rstd = 1/sqrt(var+eps); xhat = (x-mean)·rstd; y =
/// gamma·xhat + beta.</para>
/// <para>Backward. y depends on x directly, through mean and through var: dbeta = Σdy, dgamma = Σdy·xhat. With g =
/// gamma·dy, dL/dvar = -½·rstd²·Σg·xhat and dL/dmean = -rstd·Σg (the path mean→var vanishes, Σ(x-mean) = 0), so dx =
/// rstd·g + dL/dvar·2(x-mean)/m + dL/dmean/m = rstd·(g - mean(g) - xhat·mean(g·xhat)).</para>
/// <para>Where a value goes: a step takes some neighbouring channels x, and what is known of them is a table with one
/// row per quantity. <c>x.Sum</c> and <c>x.Map</c> are the loops over memory, <see cref="Segments"/> for (N, C, …) and
/// <see cref="Columns"/> for (N, C); the struct that they take as a type is the formula (NormFormulas.cs). Between them
/// <see cref="NormTheorem"/> fills the table.</para>
/// <para>The full derivation is in docs/derivations/batch-norm.md.</para>
/// </remarks>
internal sealed unsafe class BatchNorm<TEpilogue> : Op where TEpilogue : struct, IEpilogue
{
    private Tensor _x = null!;
    private Tensor? _gamma, _beta;
    private BatchShape _shape;
    private double _eps;
    private RunningUpdate _update;

    // mean, var and rstd of every channel: what the backward pass needs besides x.
    private Tensor _statistics = null!;

    // Filled in Backward: what the chunks write to.
    private Tensor? _dx, _dgamma, _dbeta;

    public override string Name => "BatchNorm";

    public static Tensor Apply(Tensor x, Tensor? gamma, Tensor? beta, RunningStatistics? running, double eps)
    {
        Tape? tape = Join("BatchNorm", ref x);
        JoinOptional("BatchNorm", tape, x, ref gamma);
        JoinOptional("BatchNorm", tape, x, ref beta);
        var op = Rent<BatchNorm<TEpilogue>>(tape);
        (op._x, op._gamma, op._beta, op._shape, op._eps) = (x, gamma, beta, BatchShape.Of(x), eps);
        op.Bind(x.Shape, x.DType, x, gamma, beta);
        int channels = op._shape.Channels;
        op._statistics = op.NewTensor([NormTable.StatisticsRows, channels], DType.Float64);
        op._update = new(running,
            tape is null || running is null ? null : op.NewTensor(RunningUpdate.PreviousShape(channels), x.DType));
        return op.Execute();
    }

    /// <inheritdoc/>
    protected override void Describe(OpSettings settings)
    {
        settings.Set("gamma", _gamma);
        settings.Set("beta", _beta);
        settings.Set("eps", _eps);
        settings.Set("relu", typeof(TEpilogue) == typeof(ReLUEpilogue));
    }

    protected override void Forward<T>()
    {
        _shape.ForEachChannel(_x.Pointer<T>(), new ForwardStep<T>(this));
        _update.Follow<T>(Statistics, _shape.Values);
    }

    /// <summary>y of some neighbouring channels.</summary>
    private readonly struct ForwardStep<T>(BatchNorm<TEpilogue> op) : IChannelStep<T>
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        public void Invoke<TLayout, TGroups>(TLayout layout, ColumnBlock channels, NormTable table)
            where TLayout : struct, IBatchLayout<TGroups>
            where TGroups : struct, IGroups<T, TGroups>
        {
            TGroups x = layout.Groups(channels, 0, op._shape.Samples);
            T* y = op.Output.Pointer<T>() + layout.Offset(channels, 0);
            table.LoadParameters(At<T>(op._gamma, channels), At<T>(op._beta, channels), x.Count);
            NormSteps<T, TGroups, TEpilogue>.Measure(x, table, op._shape.Values, op._eps);
            table.CopyStatistics(op.Statistics.From(channels.Start), x.Count);
            NormSteps<T, TGroups, TEpilogue>.Normalize(x, table, y);
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

    /// <summary>dgamma, dbeta and dx of some neighbouring channels.</summary>
    private readonly struct BackwardStep<T>(BatchNorm<TEpilogue> op) : IChannelStep<T>
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        public void Invoke<TLayout, TGroups>(TLayout layout, ColumnBlock channels, NormTable table)
            where TLayout : struct, IBatchLayout<TGroups>
            where TGroups : struct, IGroups<T, TGroups>
        {
            TGroups x = layout.Groups(channels, 0, op._shape.Samples);
            T* dy = op.Dy.Pointer<T>() + layout.Offset(channels, 0);
            op.Statistics.From(channels.Start).CopyStatistics(table, x.Count);
            table.LoadParameters(At<T>(op._gamma, channels), At<T>(op._beta, channels), x.Count);
            bool held = NormSteps<T, TGroups, TEpilogue>.SumCotangents(x, table, dy);
            table.SaveGradients(At<T>(op._dgamma, channels), At<T>(op._dbeta, channels), x.Count);
            if (op._dx is null) return;
            T* dx = op._dx.Pointer<T>() + layout.Offset(channels, 0);
            NormSteps<T, TGroups, TEpilogue>.Gradient(x, table, dy, dx, op._shape.Values, held);
        }
    }

    public override void Undo() => _update.Undo();

    public override void Recycle()
    {
        base.Recycle();
        _x = _statistics = null!;
        _gamma = _beta = _dx = _dgamma = _dbeta = null;
        _update = default;
    }

    private NormTable Statistics => NormTable.Of(_statistics.Pointer<double>(), _statistics.Shape);

    private static T* At<T>(Tensor? parameter, ColumnBlock channels) where T : unmanaged =>
        parameter is null ? null : parameter.Pointer<T>() + channels.Start;
}

/// <summary>
/// The steps that all norms over channels and planes are made of: between two passes over memory the theorem runs over
/// the table. A step at a time for some groups, which are still in the cache in the next one.
/// </summary>
internal static unsafe class NormSteps<T, TGroups, TEpilogue>
    where T : unmanaged, IFloatingPointIeee754<T>
    where TGroups : struct, IGroups<T, TGroups>
    where TEpilogue : struct, IEpilogue
{
    /// <summary>mean, var and rstd of x.</summary>
    /// <param name="x">The groups.</param>
    /// <param name="table">Receives them.</param>
    /// <param name="m">Values per group that count.</param>
    /// <param name="eps">Added to the variance.</param>
    public static void Measure(TGroups x, NormTable table, double m, double eps) =>
        NormTheorem.Moments(x, table, table.Rounded<T>(), m, eps);

    /// <summary>y = (x - pivot)·scale + shift.</summary>
    /// <param name="x">The groups.</param>
    /// <param name="table">Their statistics, gamma and beta.</param>
    /// <param name="y">Receives the output.</param>
    public static void Normalize(TGroups x, NormTable table, T* y)
    {
        Constants<T> constants = table.Rounded<T>();
        bool held = NormTheorem.Affine(table, constants, x.Count);
        x.Map<Normalize<T, TEpilogue>>(null, y, constants);
        if (!held) ScaledGroups<T, TGroups, TEpilogue>.Map(x, table, y);
    }

    /// <summary>Σdy and Σdy·xhat.</summary>
    /// <param name="x">The groups.</param>
    /// <param name="table">Their statistics, gamma and beta; receives the sums.</param>
    /// <param name="dy">The gradient of y.</param>
    /// <returns>
    /// False if T may not hold y's formula of a group: then the slow path does that group's dx again.
    /// </returns>
    public static bool SumCotangents(TGroups x, NormTable table, T* dy)
    {
        Constants<T> constants = table.Rounded<T>();
        bool held = NormTheorem.Affine(table, constants, x.Count);
        x.Sum<Cotangent<T, TEpilogue>>(dy, constants, table.SumDy, table.SumDyXHat);
        if (!NormTheorem.Sums<T>(table, x.Count, x.Values) || !held)
            ScaledGroups<T, TGroups, TEpilogue>.Sums(x, table, constants, dy);
        return held;
    }

    /// <summary>dx = a·dy + b·(x - pivot) + c, with the scales and constants of the step before.</summary>
    /// <param name="x">The groups.</param>
    /// <param name="table">Their statistics and sums.</param>
    /// <param name="dy">The gradient of y.</param>
    /// <param name="dx">Receives the gradient of x.</param>
    /// <param name="m">Values per group that the statistics are of.</param>
    /// <param name="held">Whether T holds y's formula of all groups.</param>
    public static void Gradient(TGroups x, NormTable table, T* dy, T* dx, double m, bool held)
    {
        Constants<T> constants = table.Rounded<T>();
        held &= NormTheorem.Slopes(table, table.Scale, constants, x.Count, m);
        x.Map<InputGradient<T, TEpilogue>>(dy, dx, constants);
        if (!held) ScaledGroups<T, TGroups, TEpilogue>.Gradient(x, table, dy, dx, m);
    }
}

public sealed partial class Tensor
{
    /// <summary>
    /// Batch normalization over every dimension but the second: y = gamma·(x - mean)/sqrt(var + eps) + beta for each
    /// channel. The functional form; see <c>BatchNorm2d</c>.
    /// </summary>
    /// <param name="gamma">Scale, one value per channel; null means 1.</param>
    /// <param name="beta">Shift, one value per channel; null means 0.</param>
    /// <param name="running">Statistics that follow the batches and that eval mode uses; null for none.</param>
    /// <param name="eps">Added to the variance; 0 or more. With 0 a constant channel gives beta.</param>
    /// <param name="training">
    /// True: the batch's own statistics, which <paramref name="running"/> then follows; false:
    /// <paramref name="running"/>; null: as the tape's mode says, and without a tape it is Eval. Frozen
    /// statistics are used in either case.
    /// </param>
    /// <param name="singleValue">What one value per channel is if the batch's own statistics are used.</param>
    /// <exception cref="ArgumentException">
    /// Wrong rank, channel counts that disagree, one value per channel if that is an error, or no running
    /// statistics if they are needed.
    /// </exception>
    /// <remarks>
    /// Source: Ioffe and Szegedy, ICML 2015. An empty batch gives an empty result. On a tape that pools batch
    /// statistics it is <see cref="SyncBatchNorm"/>.
    /// <para>All norms of a tensor have one order of arguments: what forms a group, gamma, beta, running statistics,
    /// eps. PyTorch's <c>F.group_norm</c> and <c>F.layer_norm</c> have it too; its <c>F.batch_norm(input, running_mean,
    /// running_var, weight, bias, training, momentum, eps)</c> begins with the statistics. Here mean, variance and
    /// momentum are one object, so a call in that order does not compile.</para>
    /// </remarks>
    /// <example><c>x.BatchNorm(gamma, beta, running)</c> is PyTorch's <c>F.batch_norm(x, running_mean, running_var,
    /// gamma, beta, training)</c>, training as the tape's mode says.</example>
    public Tensor BatchNorm(
        Tensor? gamma, Tensor? beta, RunningStatistics? running, double eps = 1e-5, bool? training = null,
        SingleValue singleValue = SingleValue.Error) =>
        NormalizeBatch(default, gamma, beta, running, eps, fuseReLU: false, training, singleValue);

    /// <summary>
    /// All forms of batch norm: checks the operands, and applies the op whose statistics are asked for.
    /// </summary>
    internal Tensor NormalizeBatch(
        BatchForm form, Tensor? gamma, Tensor? beta, RunningStatistics? running, double eps, bool fuseReLU,
        bool? training = null, SingleValue singleValue = SingleValue.Error, ReadOnlySpan<int> parts = default)
    {
        string name = form.Name;
        NormChecks.Eps(name, eps);
        NormChecks.Batch(name, this);
        int channels = Shape[1];
        NormChecks.PerChannel(name, this, gamma, beta, running);
        NormChecks.Parts(name, this, parts);
        bool fromBatch = RunningStatistics.FromBatch(name, Tape, running, training),
            isAlone = form.MembersOf(Tape) is null;
        if (form.Mask is { } mask) NormChecks.Mask(name, this, mask, fromBatch && isAlone, singleValue);
        if (fromBatch && singleValue == SingleValue.Error)
        {
            if (isAlone)
                NormChecks.MoreThanOneValue(name, this, channels, Tape is { Mode: Mode.Train } || running is not null);
            if (form.VirtualBatchSize > 0) NormChecks.VirtualBatches(this, channels, form.VirtualBatchSize);
        }

        form = form with { SingleValue = singleValue };
        bool isWhole = form.IsPlain && isAlone && parts.Length <= 1;
        return fuseReLU
            ? NormalizeBatch<ReLUEpilogue>(form, gamma, beta, running, eps, fromBatch, isWhole, parts)
            : NormalizeBatch<NoEpilogue>(form, gamma, beta, running, eps, fromBatch, isWhole, parts);
    }

    private Tensor NormalizeBatch<TEpilogue>(
        BatchForm form, Tensor? gamma, Tensor? beta, RunningStatistics? running, double eps, bool fromBatch,
        bool isWhole, ReadOnlySpan<int> parts) where TEpilogue : struct, IEpilogue
    {
        if (!fromBatch) return FixedNorm<TEpilogue>.Apply(this, gamma, beta, running!, eps);
        return isWhole
            ? BatchNorm<TEpilogue>.Apply(this, gamma, beta, running, eps)
            : PartedBatchNorm<TEpilogue>.Apply(this, gamma, beta, running, form, parts, eps);
    }
}
