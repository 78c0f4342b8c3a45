using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Evenkeel.Kernels;

namespace Evenkeel;

/// <summary>
/// Group normalization of (N, C, …), and instance normalization, whose groups are single channels: one op, whole.
/// </summary>
/// <remarks>
/// Group: the m = K·S values of K = C/G neighbouring channels in one sample (S = product of the spatial sizes); they
/// lie together in memory. gamma and beta have one value per channel.
/// <para>Forward: mean = Σx/m; var = Σ(x-mean)²/m; rstd = 1/sqrt(var+eps); xhat = (x-mean)·rstd; y = gamma·xhat + beta.
/// Train and eval are the same.</para>
/// <para>Backward. For the run of S values of sample n and channel c: dbeta_nc = Σdy and dgamma_nc = Σdy·xhat. The
/// parameters' gradients are their sums over n, in order and in double.
/// With g = gamma·dy, gamma is constant in a run, so the two means of the theorem come from the same sums: mean(g) = Σ
/// gamma_c·dbeta_nc/m and mean(g·xhat) = Σ gamma_c·dgamma_nc/m over the group's K channels, and dx = rstd·(g - mean(g)
/// - xhat·mean(g·xhat)).</para>
/// <para>Walk: planes, some neighbouring groups at a time, which stay in the first-level cache between passes. Where a
/// run is shorter than a pack, <see cref="RowNorm{TStatistics, TEpilogue}"/> walks the groups as rows instead (see
/// <see cref="Tensor.GroupNorm"/>). The full derivation is in docs/derivations/group-norm.md.</para>
/// </remarks>
internal sealed unsafe class GroupNorm<TEpilogue> : Op where TEpilogue : struct, IEpilogue
{
    /// <summary>
    /// Values of a chunk, as far as whole groups allow: x and dy of it fit the first-level cache together.
    /// </summary>
    private const int ChunkValues = CacheSizes.FirstLevel / 2 / sizeof(float);

    /// <summary>Channels whose gradients a chunk adds up over the samples.</summary>
    private const int ChannelsPerSum = 64;

    private string _name = "";
    private Tensor _x = null!;
    private Tensor? _gamma, _beta;
    private BatchShape _shape;
    private double _eps;
    private RunningUpdate _update;
    private RunningStatistics? _running;

    // mean, var and rstd of every group. gamma and beta in double, from channel 0 on and again from channel 0, so that
    // any runs of a table have theirs side by side.
    private Tensor _statistics = null!;
    private Tensor _parameters = null!;

    // Filled in Backward: what the chunks write to. _sums: dbeta of every run, then dgamma of every run.
    private Tensor? _dx, _dgamma, _dbeta;
    private Tensor _sums = null!;

    // Groups of all samples, and channels of a group.
    private int _groups;
    private int _perGroup;

    public override string Name => _name;

    /// <inheritdoc/>
    public override string Kind => "GroupNorm";

    /// <param name="name">The name that errors begin with.</param>
    /// <param name="x">(N, C, …).</param>
    /// <param name="groups">Groups of a sample.</param>
    /// <param name="gamma">Scale; null means 1.</param>
    /// <param name="beta">Shift; null means 0.</param>
    /// <param name="running">Statistics that follow the instances' own; only if groups are single channels.</param>
    /// <param name="eps">Added to the variance.</param>
    public static Tensor Apply(
        string name, Tensor x, int groups, Tensor? gamma, Tensor? beta, RunningStatistics? running, double eps)
    {
        Tape? tape = Join(name, ref x);
        JoinOptional(name, tape, x, ref gamma);
        JoinOptional(name, tape, x, ref beta);
        var op = Rent<GroupNorm<TEpilogue>>(tape);
        var shape = BatchShape.Of(x);
        (op._name, op._x, op._gamma, op._beta, op._running, op._eps, op._shape) =
            (name, x, gamma, beta, running, eps, shape);
        op._groups = x.Shape[0] * groups;
        op._perGroup = groups == 0 ? 0 : shape.Channels / groups;
        op.Bind(x.Shape, x.DType, x, gamma, beta);
        op._statistics = op.NewTensor([NormTable.StatisticsRows, op._groups], DType.Float64);
        op._parameters = op.NewTensor([2, shape.Channels + NormTable.Width], DType.Float64);
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
        settings.Set("groups", _perGroup == 0 ? 0 : _shape.Channels / _perGroup);
        settings.Set("relu", typeof(TEpilogue) == typeof(ReLUEpilogue));
    }

    protected override void Forward<T>()
    {
        LoadParameters<T>();
        if (_x.Count > 0) Workers.Run(Chunks, new ForwardJob<T>(this), _x.Count);
        if (_running is not null) Follow<T>();
    }

    protected override void Backward<T>()
    {
        _dx = Open(_x);
        _dgamma = Open(_gamma);
        _dbeta = Open(_beta);
        _sums = NewTensor([2, _groups * _perGroup], DType.Float64);
        if (_x.Count > 0) Workers.Run(Chunks, new BackwardJob<T>(this), _x.Count);
        Workers.Run((_shape.Channels + ChannelsPerSum - 1) / ChannelsPerSum, new SamplesJob<T>(this), _sums.Count);
        Close<T>(_x, _dx);
        Close<T>(_gamma, _dgamma);
        Close<T>(_beta, _dbeta);
    }

    public override void Recycle()
    {
        base.Recycle();
        _x = _statistics = _parameters = _sums = null!;
        _gamma = _beta = _dx = _dgamma = _dbeta = null;
        _running = null;
        _update = default;
    }

    public override void Undo() => _update.Undo();

    /// <summary>y of some neighbouring groups: moments of the groups, then a map of their runs.</summary>
    private void ForwardGroups<T>(int first, int end, NormTable groups, NormTable runs)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        var x = new PlaneGroups<T>(_x.Pointer<T>() + (nint)first * Length, end - first, Length);
        NormSteps<T, PlaneGroups<T>, TEpilogue>.Measure(x, groups, Length, _eps);
        groups.CopyStatistics(NormTable.Of(_statistics.Pointer<double>(), _statistics.Shape).From(first), end - first);
        for (int run = first * _perGroup; run < end * _perGroup; run += NormTable.Width)
        {
            PlaneGroups<T> planes = Runs<T>(run, end, out nint offset);
            Spread(groups, first, run, planes.Count, runs);
            NormSteps<T, PlaneGroups<T>, TEpilogue>.Normalize(planes, runs, Output.Pointer<T>() + offset);
        }

        if (Streams<T>()) Simd.StreamFence();
    }

    /// <summary>
    /// dbeta and dgamma of the runs of some neighbouring groups; from them the slopes of the groups, and dx.
    /// </summary>
    private void BackwardGroups<T>(int first, int end, NormTable groups, NormTable runs)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        int count = end - first;
        T* dy = Dy.Pointer<T>();
        NormTable.Of(_statistics.Pointer<double>(), _statistics.Shape).From(first).CopyStatistics(groups, count);
        new Span<double>(groups.SumDy, count).Clear();
        new Span<double>(groups.SumDyXHat, count).Clear();
        bool held = true;
        for (int run = first * _perGroup; run < end * _perGroup; run += NormTable.Width)
        {
            PlaneGroups<T> planes = Runs<T>(run, end, out nint offset);
            Spread(groups, first, run, planes.Count, runs);
            held &= NormSteps<T, PlaneGroups<T>, TEpilogue>.SumCotangents(planes, runs, dy + offset);
            AddRuns(runs, first, run, planes.Count, groups);
        }

        held &= NormTheorem.Slopes(groups, groups.Rstd, groups.Rounded<T>(), count, Length);
        if (_dx is null) return;
        for (int run = first * _perGroup; run < end * _perGroup; run += NormTable.Width)
        {
            PlaneGroups<T> planes = Runs<T>(run, end, out nint offset);
            Constants<T> constants = runs.Rounded<T>();
            if (count * _perGroup > NormTable.Width)
            {
                Spread(groups, first, run, planes.Count, runs);
                NormTheorem.Affine(runs, constants, planes.Count);
            }

            SpreadSlopes(groups.Rounded<T>(), first, run, planes.Count, constants);
            planes.Map<InputGradient<T, TEpilogue>>(dy + offset, _dx.Pointer<T>() + offset, constants);
        }

        if (Streams<T>()) Simd.StreamFence();
        for (int group = first; group < end && !held; group++) ScaledGradient<T>(group, groups.From(group - first));
    }

    /// <summary>
    /// A chunk's table of runs, from the memory of two tables: the second, or that of the groups if they are runs.
    /// </summary>
    private NormTable RunTable(double* memory) =>
        NormTable.Chunk(GroupsAreRuns ? memory : memory + NormTable.ChunkDoubles);

    /// <summary>True for instance norm. Then a chunk is one table: what a group gets, its run has.</summary>
    private bool GroupsAreRuns => _perGroup == 1;

    /// <summary>Values of a group.</summary>
    private int Length => _perGroup * _shape.Spatial;

    /// <summary>
    /// Groups of a chunk; the nearest number of eights, as the theorem takes them, if there are so many.
    /// </summary>
    private int GroupsPerChunk
    {
        get
        {
            int groups = Math.Clamp(ChunkValues / Length, 1, NormTable.Width);
            return groups < Eight.Count ? groups : (groups + Eight.Count / 2) / Eight.Count * Eight.Count;
        }
    }

    private int Chunks => (_groups + GroupsPerChunk - 1) / GroupsPerChunk;

    /// <summary>True if what is written outgrows the last-level cache.</summary>
    private bool Streams<T>() where T : unmanaged => (long)_x.Count * sizeof(T) >= CacheSizes.LastLevel;

    /// <summary>
    /// The runs from <paramref name="run"/> on that a table has room for, up to the last of group
    /// <paramref name="end"/> - 1.
    /// </summary>
    private PlaneGroups<T> Runs<T>(int run, int end, out nint offset) where T : unmanaged, IFloatingPointIeee754<T>
    {
        offset = (nint)run * _shape.Spatial;
        // A chunk and the next fit the second-level cache together.
        int ahead = GroupsPerChunk * Length;
        if ((long)ahead * sizeof(T) > CacheSizes.SecondLevel / 2) ahead = 0;
        return new(_x.Pointer<T>() + offset,
            Math.Min(NormTable.Width, end * _perGroup - run), _shape.Spatial, Streams<T>(), ahead);
    }

    private void LoadParameters<T>() where T : unmanaged, IFloatingPointIeee754<T>
    {
        int channels = _shape.Channels, places = channels + NormTable.Width;
        Span<double> gammas = _parameters.AsSpan<double>()[..places], betas = _parameters.AsSpan<double>()[places..];
        gammas.Fill(1);
        betas.Clear();
        if (channels == 0) return;
        for (int i = 0; _gamma is not null && i < places; i++)
            gammas[i] = double.CreateTruncating(_gamma.AsSpan<T>()[i % channels]);
        for (int i = 0; _beta is not null && i < places; i++)
            betas[i] = double.CreateTruncating(_beta.AsSpan<T>()[i % channels]);
    }

    /// <summary>A table for some runs: the statistics of their groups, and gamma and beta of their channels.</summary>
    private void Spread(NormTable groups, int first, int run, int count, NormTable runs)
    {
        ReadOnlySpan<double> parameters = _parameters.AsSpan<double>();
        parameters.Slice(run % _shape.Channels, count).CopyTo(new Span<double>(runs.Gamma, count));
        parameters.Slice(parameters.Length / 2 + run % _shape.Channels, count)
            .CopyTo(new Span<double>(runs.Beta, count));
        if (GroupsAreRuns) return;
        int group = run / _perGroup - first, end = _perGroup - run % _perGroup;
        for (int i = 0; i < count; i = end, end += _perGroup, group++)
            groups.From(group).SpreadStatistics(runs.From(i), Math.Min(end, count) - i);
    }

    /// <summary>The slopes of some runs: those of their groups.</summary>
    private void SpreadSlopes<T>(Constants<T> groups, int first, int run, int count, Constants<T> runs)
        where T : unmanaged
    {
        if (GroupsAreRuns) return;
        int group = run / _perGroup - first, end = _perGroup - run % _perGroup;
        for (int i = 0; i < count; end += _perGroup, group++)
        {
            T b = groups.B[group], c = groups.C[group];
            for (; i < end && i < count; i++) (runs.B[i], runs.C[i]) = (b, c);
        }
    }

    /// <summary>
    /// Keeps dbeta and dgamma of some runs, and adds Σ gamma·dbeta and Σ gamma·dgamma to those of their groups.
    /// </summary>
    private void AddRuns(NormTable runs, int first, int run, int count, NormTable groups)
    {
        Span<double> sums = _sums.AsSpan<double>();
        new ReadOnlySpan<double>(runs.SumDy, count).CopyTo(sums[run..]);
        new ReadOnlySpan<double>(runs.SumDyXHat, count).CopyTo(sums[(sums.Length / 2 + run)..]);
        if (GroupsAreRuns)
        {
            NormTheorem.Weigh(groups, count);
            return;
        }

        int group = run / _perGroup - first, end = _perGroup - run % _perGroup;
        for (int i = 0; i < count; end += _perGroup, group++)
        {
            double sum = groups.SumDy[group], product = groups.SumDyXHat[group];
            for (; i < end && i < count; i++)
            {
                sum += runs.Gamma[i] * runs.SumDy[i];
                product += runs.Gamma[i] * runs.SumDyXHat[i];
            }

            groups.SumDy[group] = sum;
            groups.SumDyXHat[group] = product;
        }
    }

    private readonly struct ForwardJob<T>(GroupNorm<TEpilogue> op) : IJob where T : unmanaged, IFloatingPointIeee754<T>
    {
        [SkipLocalsInit]
        public void Invoke(int chunk)
        {
            double* memory = stackalloc double[2 * NormTable.ChunkDoubles];
            int first = chunk * op.GroupsPerChunk, end = Math.Min(op._groups, first + op.GroupsPerChunk);
            op.ForwardGroups<T>(first, end, NormTable.Chunk(memory), op.RunTable(memory));
        }
    }

    private readonly struct BackwardJob<T>(GroupNorm<TEpilogue> op) : IJob where T : unmanaged, IFloatingPointIeee754<T>
    {
        [SkipLocalsInit]
        public void Invoke(int chunk)
        {
            double* memory = stackalloc double[2 * NormTable.ChunkDoubles];
            int first = chunk * op.GroupsPerChunk, end = Math.Min(op._groups, first + op.GroupsPerChunk);
            op.BackwardGroups<T>(first, end, NormTable.Chunk(memory), op.RunTable(memory));
        }
    }

    private readonly struct SamplesJob<T>(GroupNorm<TEpilogue> op) : IJob where T : unmanaged, IFloatingPointIeee754<T>
    {
        public void Invoke(int chunk)
        {
            int first = chunk * ChannelsPerSum, end = Math.Min(op._shape.Channels, first + ChannelsPerSum);
            op.AddSamples<T>(op._dbeta, 0, first, end);
            op.AddSamples<T>(op._dgamma, 1, first, end);
        }
    }

    /// <summary>dx of a group on the slow path, if T does not hold its formula.</summary>
    private void ScaledGradient<T>(int group, NormTable table) where T : unmanaged, IFloatingPointIeee754<T>
    {
        ReadOnlySpan<double> sums = _sums.AsSpan<double>(), dbeta = sums.Slice(group * _perGroup, _perGroup),
            dgamma = sums.Slice(sums.Length / 2 + group * _perGroup, _perGroup);
        ReadOnlySpan<double> gammas = _parameters.AsSpan<double>()[..(_parameters.Count / 2)],
            betas = _parameters.AsSpan<double>()[(_parameters.Count / 2)..];
        int channel = group * _perGroup % _shape.Channels;
        double largest = 0, path = 0, sum = 0, product = 0, rstd = *table.Rstd;
        bool inRange = true;
        for (int k = 0; k < _perGroup; k++)
        {
            double gamma = gammas[channel + k];
            largest = Math.Max(largest, Math.Abs(gamma));
            if (gamma != 0) path += Math.Abs(dgamma[k]);
            inRange &= IsInRange(gamma);
        }

        if (inRange && !NormRange.LosesSlopes<T>(*table.B, *table.C, rstd, path)) return;
        int exponent = ScaledNorm<T, TEpilogue>.GammaExponent(largest);
        for (int k = 0; k < _perGroup; k++)
        {
            double gamma = Math.ScaleB(gammas[channel + k], -exponent);
            sum += gamma * dbeta[k];
            product += gamma * dgamma[k];
        }

        for (int k = 0; k < _perGroup; k++)
        {
            double gamma = gammas[channel + k];
            nint offset = ((nint)group * _perGroup + k) * _shape.Spatial;
            var norm = new ScaledNorm<T, TEpilogue>(
                table.Moments(0), Math.Abs(rstd), gamma, betas[channel + k], IsInRange(gamma), inTwoSteps: false);
            norm.Gradient(_x.Pointer<T>() + offset, Dy.Pointer<T>() + offset,
                _dx!.Pointer<T>() + offset, 1, 0, _shape.Spatial, sum / Length, product / Length, exponent);
        }

        bool IsInRange(double gamma) => *table.Exponent == 0 && !NormRange.LosesScale<T>(gamma, rstd);
    }

    /// <summary>
    /// gradient[c] = Σ over the samples of row 0 or 1 of _sums, in double and in order, for some channels.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void AddSamples<T>(Tensor? gradient, int row, int first, int end)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        if (gradient is null) return;
        T* result = gradient.Pointer<T>();
        double* sums = _sums.Pointer<double>() + row * _groups * _perGroup;
        int width = Vector512<double>.Count, samples = _shape.Values == 0 ? 0 : _shape.Samples,
            lanes = Math.Min(width, _shape.Channels);
        for (int c = first; c < end; c += width)
        {
            // The last pack begins before c; a channel's sum does not depend on the pack it is in.
            int at = Math.Max(0, Math.Min(c, _shape.Channels - width));
            Vector512<double> total = default;
            for (int n = 0; n < samples; n++)
            {
                double* from = sums + (nint)n * _shape.Channels + at;
                total += lanes == width ? Simd.Load(from) : Simd.LoadPartial(from, lanes);
            }

            for (int lane = c - at; lane < lanes; lane++) result[at + lane] = T.CreateTruncating(total[lane]);
        }
    }

    /// <summary>
    /// The running statistics follow the mean over the samples of the instances' means and variances.
    /// </summary>
    private void Follow<T>() where T : unmanaged, IFloatingPointIeee754<T>
    {
        int channels = _shape.Channels;
        Tensor pooled = NewTensor([NormTable.StatisticsRows, channels], DType.Float64);
        pooled.Fill(0);
        NormTable instances = NormTable.Of(_statistics.Pointer<double>(), _statistics.Shape),
            mean = NormTable.Of(pooled.Pointer<double>(), pooled.Shape);
        for (int group = 0; group < _groups; group++)
        {
            Moments instance = instances.Moments(group).Unscaled;
            mean.Pivot[group % channels] += instance.Mean;
            mean.Variance[group % channels] += instance.Variance;
        }

        for (int c = 0; c < channels; c++)
        {
            mean.Pivot[c] /= _shape.Samples;
            mean.Variance[c] /= _shape.Samples;
        }

        // No values at all, so no statistics: an empty batch is counted, and that is all.
        _update.Follow<T>(mean, _shape.Spatial);
    }
}

public sealed partial class Tensor
{
    /// <summary>
    /// Group normalization: y = gamma·(x - mean)/sqrt(var + eps) + beta, mean and (biased) variance of each sample's
    /// groups of C/groups neighbouring channels. The functional form; see <c>GroupNorm</c>.
    /// </summary>
    /// <param name="groups">
    /// Number of groups G the channels are cut into; C is a multiple of it. 1 normalizes a sample as a whole,
    /// C each channel by itself.
    /// </param>
    /// <param name="gamma">Scale, one value per channel; null means 1.</param>
    /// <param name="beta">Shift, one value per channel; null means 0.</param>
    /// <param name="eps">Added to the variance; 0 or more. With 0 a constant group gives beta.</param>
    /// <exception cref="ArgumentException">
    /// Not (N, C, ...), channels that the groups do not divide, a gamma or beta of another
    /// size, or groups of one value.
    /// </exception>
    /// <remarks>
    /// A group of one value has no spread: the output would be beta whatever the input, and nothing could be learned
    /// through it, so it is refused (PyTorch refuses it for N = 1 only).
    /// <para>Source: Wu and He, "Group Normalization", ECCV 2018.</para>
    /// </remarks>
    public Tensor GroupNorm(int groups, Tensor? gamma, Tensor? beta, double eps = 1e-5) =>
        FusedGroupNorm(groups, gamma, beta, eps, fuseReLU: false);

    /// <summary>The same, and ReLU in the same pass over memory if wanted, with the same bits.</summary>
    internal Tensor FusedGroupNorm(int groups, Tensor? gamma, Tensor? beta, double eps, bool fuseReLU)
    {
        NormChecks.Groups("GroupNorm", this, groups, gamma, beta, eps);
        int perGroup = Shape[1] / groups, spatial = Count == 0 ? 1 : Count / Shape[0] / Shape[1];

        // Planes need runs of a pack. A group of one channel is a run itself, whatever its length.
        int pack = DType == DType.Float64 ? Vector512<double>.Count : Vector512<float>.Count;
        if (spatial < pack && perGroup > 1 && Count > 0)
        {
            var rows = new RowShape(Shape[0] * groups, perGroup * spatial, groups, spatial);
            return fuseReLU
                ? RowNorm<MeanAndVariance, ReLUEpilogue>.Apply("GroupNorm", this, rows, gamma, beta, eps)
                : RowNorm<MeanAndVariance, NoEpilogue>.Apply("GroupNorm", this, rows, gamma, beta, eps);
        }

        return fuseReLU
            ? GroupNorm<ReLUEpilogue>.Apply("GroupNorm", this, groups, gamma, beta, running: null, eps)
            : GroupNorm<NoEpilogue>.Apply("GroupNorm", this, groups, gamma, beta, running: null, eps);
    }
}
