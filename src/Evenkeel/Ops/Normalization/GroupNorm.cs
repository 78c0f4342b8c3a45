using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Evenkeel.Kernels;

namespace Evenkeel;

/// <summary>
/// Group normalization of (N, C, …), and instance normalization, whose groups are single channels: one op, whole.
/// </summary>
/// <remarks>
/// Group: the m = K·S values of K = C/G neighbouring channels in one sample (S = product of the spatial sizes); they lie together in memory. gamma and beta have one value a channel.
/// <para>Forward: mean = Σx/m; var = Σ(x-mean)²/m; rstd = 1/sqrt(var+eps); xhat = (x-mean)·rstd; y = gamma·xhat + beta. Train and eval are the same.</para>
/// <para>Backward. For the run of S values of sample n and channel c: dbeta_nc = Σdy and dgamma_nc = Σdy·xhat. The parameters' gradients are their sums over n, in order and in double.
/// With g = gamma·dy, gamma is constant in a run, so the two means of the theorem come from the same sums: mean(g) = Σ gamma_c·dbeta_nc/m and mean(g·xhat) = Σ gamma_c·dgamma_nc/m over the
/// group's K channels, and dx = rstd·(g - mean(g) - xhat·mean(g·xhat)).</para>
/// <para>Walk: planes, some neighbouring groups at a time, which stay in the first-level cache between passes. Where a run is shorter than a pack, <see cref="RowNorm{TStatistics, TEpilogue}"/> walks
/// the groups as rows instead (see <see cref="Tensor.GroupNorm"/>). The full derivation is in docs/derivations/group-norm.md.</para>
/// </remarks>
internal sealed unsafe class GroupNorm<TEpilogue> : Op where TEpilogue : struct, IEpilogue
{
    /// <summary>Elements below which a fork costs more than it brings.</summary>
    private const int InlineElements = 1 << 13;

    /// <summary>Elements of a chunk, as far as whole groups allow: x and dy of it fit the first-level cache together.</summary>
    private const int ChunkElements = 1 << 12;

    /// <summary>Runs whose constants stand on the stack together; groups of a chunk, at most.</summary>
    private const int Block = 64;

    // Rows of _moments, one double a group each. Rstd is negative if the group's squares leave the range of T: then the slow path takes
    // the moments from x again, for these rows do not hold them.
    private const int Pivot = 0;
    private const int Low = 1;
    private const int Variance = 2;
    private const int Rstd = 3;
    private const int B = 4;
    private const int C = 5;
    private const int Rows = 6;

    private string _name = "";
    private Tensor _x = null!;
    private Tensor? _gamma;
    private Tensor? _beta;
    private RunningStatistics? _running;
    private Tensor _moments = null!;
    private Tensor? _previous;
    private bool _updated;
    private double _eps;

    private const double Ordinary = 1.0 / (1L << 20);

    // T holds the scales gamma·rstd of a group with rstd from .. to.
    private double _leastRstd;
    private double _mostRstd;

    // Whether the forward pass had a group on the slow path.
    private bool _hasOdd;

    // Filled in Backward: what the chunks write to. _sums: dbeta of every run, then dgamma of every run.
    private Tensor? _dx;
    private Tensor? _dgamma;
    private Tensor? _dbeta;
    private Tensor _sums = null!;

    // The walk: groups of all samples, channels, channels of a group, values of a channel in a sample.
    private int _groups;
    private int _channels;
    private int _perGroup;
    private int _spatial;

    public override string Name => _name;

    /// <param name="running">Statistics that follow the instances' own; only where groups are single channels.</param>
    public static Tensor Apply(string name, Tensor x, int groups, Tensor? gamma, Tensor? beta, RunningStatistics? running, double eps)
    {
        Tape? tape = Join(name, ref x);
        JoinOptional(name, tape, x, ref gamma);
        JoinOptional(name, tape, x, ref beta);
        var op = Rent<GroupNorm<TEpilogue>>(tape);
        op._name = name;
        op._x = x;
        op._gamma = gamma;
        op._beta = beta;
        op._running = running;
        op._eps = eps;
        op._channels = x.Shape[1];
        op._groups = x.Shape[0] * groups;
        op._perGroup = groups == 0 ? 0 : op._channels / groups;
        op._spatial = x.Count == 0 ? 0 : x.Count / x.Shape[0] / op._channels;
        op.Bind(x.Shape, x.DType, x, gamma, beta);
        op._moments = op.NewTensor([Rows, op._groups], DType.Float64);
        op._previous = tape is not null && running is not null ? op.NewTensor([2, op._channels], x.DType) : null;
        return op.Execute();
    }

    public override void Recycle()
    {
        base.Recycle();
        _x = _moments = _sums = null!;
        _gamma = _beta = _previous = _dx = _dgamma = _dbeta = null;
        _running = null;
        _updated = _hasOdd = false;
    }

    public override void Undo()
    {
        if (_previous is null || !_updated) return;
        if (_previous.DType == DType.Float64) _running!.Restore(_previous.Pointer<double>(), 1);
        else _running!.Restore(_previous.Pointer<float>(), 1);
        _updated = false;
    }

    protected override void Forward<T>()
    {
        LimitRstd<T>();
        if (_x.Count > 0) ForEach(new ForwardJob<T> { Op = this });
        if (_running is not null) Follow<T>();
    }

    protected override void Backward<T>()
    {
        _dx = Open(_x);
        _dgamma = Open(_gamma);
        _dbeta = Open(_beta);
        _sums = NewTensor([2, _groups * _perGroup], DType.Float64);
        if (_x.Count > 0) ForEach(new BackwardJob<T> { Op = this });
        AddSamples<T>(_dbeta, 0);
        AddSamples<T>(_dgamma, 1);
        Close<T>(_x, _dx);
        Close<T>(_gamma, _dgamma);
        Close<T>(_beta, _dbeta);
    }

    /// <summary>Finds for which rstd no scale gamma·rstd <see cref="NormFormulas.LosesScale{T}">leaves the range of T</see>.</summary>
    private void LimitRstd<T>() where T : unmanaged, IFloatingPointIeee754<T>
    {
        // Ordinary gammas: limits that leave room for every rstd of a group whose squares T holds.
        double smallest = Ordinary, largest = 1 / Ordinary;
        if (_gamma is not null && !ValueRange.Within(_gamma.Pointer<T>(), _channels, T.CreateTruncating(smallest), T.CreateTruncating(largest)))
        {
            (smallest, largest) = (double.PositiveInfinity, 0);
            foreach (T gamma in _gamma.AsSpan<T>())
            {
                double magnitude = Math.Abs(double.CreateTruncating(gamma));
                if (magnitude > largest) largest = magnitude;
                if (magnitude > 0 && magnitude < smallest) smallest = magnitude;
            }
        }

        _leastRstd = Math.Min(1, ValueRange.SmallestNormal<T>() / smallest);
        _mostRstd = ValueRange.Largest<T>() / largest;
    }

    /// <summary>True if T holds a group's formula; if not, the group is done by <see cref="ScaledNorm{T, TEpilogue}"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool IsInRange(double rstd) => !(rstd > _mostRstd || (rstd < _leastRstd && rstd != 0));

    private Moments MomentsOf<T>(int group) where T : unmanaged, IFloatingPointIeee754<T>
    {
        double* at = _moments.Pointer<double>() + group;
        return at[Rstd * _groups] < 0
            ? Moments.Of(_x.Pointer<T>() + (nint)group * Length, 1, 0, Length, _eps)
            : new Moments(at[Pivot * _groups], at[Low * _groups], at[Variance * _groups]);
    }

    private int Length => _perGroup * _spatial;

    private int GroupsPerChunk => Math.Clamp(ChunkElements / Length, 1, Block);

    /// <summary>Elements from a chunk to the next where both fit the second-level cache, else 0.</summary>
    private int Ahead<T>() where T : unmanaged => (long)GroupsPerChunk * Length * sizeof(T) <= 256 << 10 ? GroupsPerChunk * Length : 0;

    /// <summary>True where what is written outgrows the last-level cache.</summary>
    private bool Streams<T>() where T : unmanaged => (long)_x.Count * sizeof(T) >= Simd.StreamThreshold;

    private void ForEach<TJob>(TJob job) where TJob : struct, IJob
    {
        int chunks = (_groups + GroupsPerChunk - 1) / GroupsPerChunk;
        if (_x.Count > InlineElements)
        {
            Workers.Run(chunks, job);
            return;
        }

        for (int chunk = 0; chunk < chunks; chunk++) job.Invoke(chunk);
    }

    private struct ForwardJob<T> : IJob where T : unmanaged, IFloatingPointIeee754<T>
    {
        public GroupNorm<TEpilogue> Op;

        public readonly void Invoke(int chunk) => Op.ForwardGroups<T>(chunk * Op.GroupsPerChunk, Math.Min(Op._groups, (chunk + 1) * Op.GroupsPerChunk));
    }

    private struct BackwardJob<T> : IJob where T : unmanaged, IFloatingPointIeee754<T>
    {
        public GroupNorm<TEpilogue> Op;

        public readonly void Invoke(int chunk) => Op.BackwardGroups<T>(chunk * Op.GroupsPerChunk, Math.Min(Op._groups, (chunk + 1) * Op.GroupsPerChunk));
    }

    [SkipLocalsInit]
    private void ForwardGroups<T>(int first, int end) where T : unmanaged, IFloatingPointIeee754<T>
    {
        T* constants = stackalloc T[Block * Planes.Record];
        double* sums = stackalloc double[2 * Block];
        T* x = _x.Pointer<T>();
        T* groups = x + (nint)first * Length;
        Planes.SampleMeans(groups, end - first, Length, constants);
        Planes.Sum<T, Deviation<T>>(groups, groups, end - first, Length, constants, sums, sums + Block);
        ulong odd = Statistics(first, end, constants, sums);
        for (int run = first * _perGroup; run < end * _perGroup; run += Block)
        {
            int runs = Math.Min(Block, end * _perGroup - run);
            nint offset = (nint)run * _spatial;
            Constants(run, runs, constants);
            Planes.Map<T, Normalize<T, TEpilogue>>(x + offset, x, Output.Pointer<T>() + offset, runs, _spatial, constants, Ahead<T>(), Streams<T>());
        }

        if (Streams<T>()) Simd.StreamFence();
        for (; odd != 0; odd &= odd - 1) MapScaled<T>(first + BitOperations.TrailingZeroCount(odd));
    }

    /// <summary>y of a group on the slow path.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void MapScaled<T>(int group) where T : unmanaged, IFloatingPointIeee754<T>
    {
        Moments moments = MomentsOf<T>(group);
        for (int run = group * _perGroup; run < (group + 1) * _perGroup; run++)
            Scaled<T>(moments, run).Map(_x.Pointer<T>() + (nint)run * _spatial, Output.Pointer<T>() + (nint)run * _spatial, 1, 0, _spatial);
    }

    [SkipLocalsInit]
    private void BackwardGroups<T>(int first, int end) where T : unmanaged, IFloatingPointIeee754<T>
    {
        T* constants = stackalloc T[Block * Planes.Record];
        T* x = _x.Pointer<T>();
        T* dy = Dy.Pointer<T>();
        double* dbeta = _sums.Pointer<double>();
        double* products = dbeta + _groups * _perGroup;
        for (int run = first * _perGroup; run < end * _perGroup; run += Block)
        {
            int runs = Math.Min(Block, end * _perGroup - run);
            nint offset = (nint)run * _spatial;
            Constants(run, runs, constants);
            Planes.Sum<T, Cotangent<T, TEpilogue>>(x + offset, dy + offset, runs, _spatial, constants, dbeta + run, products + run);
        }

        ulong odd = Slopes<T>(first, end);
        if (_dx is null) return;
        for (int run = first * _perGroup; run < end * _perGroup; run += Block)
        {
            int runs = Math.Min(Block, end * _perGroup - run);
            nint offset = (nint)run * _spatial;
            if (end * _perGroup - first * _perGroup > Block) Constants(run, runs, constants);
            SlopeConstants(run, runs, constants);
            Planes.Map<T, InputGradient<T, TEpilogue>>(x + offset, dy + offset, _dx.Pointer<T>() + offset, runs, _spatial, constants, Ahead<T>(), Streams<T>());
        }

        if (Streams<T>()) Simd.StreamFence();
        for (; odd != 0; odd &= odd - 1) ScaledGradient<T>(first + BitOperations.TrailingZeroCount(odd));
    }

    /// <summary>The slow path of one run of a group.</summary>
    private ScaledNorm<T, TEpilogue> Scaled<T>(in Moments moments, int run) where T : unmanaged, IFloatingPointIeee754<T>
    {
        double beta = _beta is null ? 0 : double.CreateTruncating(_beta.Pointer<T>()[run % _channels]), rstd = moments.Rstd(_eps);
        return new(moments, rstd, Gamma<T>(run), beta, moments.Exponent == 0 && IsInRange(rstd), inTwoSteps: false);
    }

    private double Gamma<T>(int run) where T : unmanaged, IFloatingPointIeee754<T> =>
        _gamma is null ? 1 : double.CreateTruncating(_gamma.Pointer<T>()[run % _channels]);

    /// <summary>Σdy and Σdy·xhat of those runs of a group that T loses, on the slow path. False if there is none.</summary>
    private bool ScaledSums<T>(int group) where T : unmanaged, IFloatingPointIeee754<T>
    {
        double* dbeta = _sums.Pointer<double>();
        double* dgamma = dbeta + _groups * _perGroup;
        bool redone = false;
        Moments moments = MomentsOf<T>(group);
        for (int run = group * _perGroup; run < (group + 1) * _perGroup; run++)
        {
            if (double.IsFinite(dgamma[run]) && IsHeld<T>(group, run, dgamma[run])) continue;
            nint offset = (nint)run * _spatial;
            (dbeta[run], dgamma[run]) = Scaled<T>(moments, run).Sums(_x.Pointer<T>() + offset, Dy.Pointer<T>() + offset, 1, 0, _spatial);
            redone = true;
        }

        return redone;
    }

    /// <summary>Whether a finite dgamma of a run is what it should be: the group is in range, and no terms underflowed.</summary>
    private bool IsHeld<T>(int group, int run, double dgamma) where T : unmanaged, IFloatingPointIeee754<T>
    {
        double* at = _moments.Pointer<double>() + group;
        double rstd = at[Rstd * _groups];
        if (!IsInRange(rstd)) return false;
        if (!NormFormulas.LosesSums<T>(dgamma, rstd, at[Variance * _groups], _spatial)) return true;
        T* constants = stackalloc T[Planes.Record];
        Constants(run, 1, constants);
        var formula = Normalize<T, TEpilogue>.Of(constants);
        T* x = _x.Pointer<T>() + (nint)run * _spatial;
        double magnitude = Segments.Sum(x, Dy.Pointer<T>() + (nint)run * _spatial, 1, 0, _spatial, new Magnitude<T, TEpilogue>(formula)).Sum;
        return !NormFormulas.Underflows<T>(magnitude, rstd, _spatial);
    }

    /// <summary>dx of a group on the slow path.</summary>
    private void ScaledGradient<T>(int group) where T : unmanaged, IFloatingPointIeee754<T>
    {
        double* dbeta = _sums.Pointer<double>();
        double* dgamma = dbeta + _groups * _perGroup;
        double largest = 0, sum = 0, product = 0;
        for (int run = group * _perGroup; run < (group + 1) * _perGroup; run++) largest = Math.Max(largest, Math.Abs(Gamma<T>(run)));
        int k = ScaledNorm<T, TEpilogue>.GammaExponent(largest);
        Moments moments = MomentsOf<T>(group);
        for (int run = group * _perGroup; run < (group + 1) * _perGroup; run++)
        {
            double gamma = Math.ScaleB(Gamma<T>(run), -k);
            sum += gamma * dbeta[run];
            product += gamma * dgamma[run];
        }

        for (int run = group * _perGroup; run < (group + 1) * _perGroup; run++)
        {
            nint offset = (nint)run * _spatial;
            Scaled<T>(moments, run).Gradient(_x.Pointer<T>() + offset, Dy.Pointer<T>() + offset, _dx!.Pointer<T>() + offset, 1, 0, _spatial, sum / Length, product / Length, k);
        }
    }

    /// <summary>
    /// The moments of some groups from their pivots and the sums of deviations; a group whose sample was a poor one is done anew by
    /// <see cref="Moments.Of{T}"/>. Returns one bit per group: 1 if T does not hold its formula.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private ulong Statistics<T>(int first, int end, T* pivots, double* sums) where T : unmanaged, IFloatingPointIeee754<T>
    {
        double share = 1.0 / Length, eps = _eps;
        double* moments = _moments.Pointer<double>();
        bool anew = false;
        for (int group = first; group < end; group++)
        {
            double pivot = double.CreateTruncating(pivots[(group - first) * Planes.Record]);
            double low = sums[group - first] * share;
            double variance = sums[Block + group - first] * share - low * low;
            if (variance < 0) variance = 0;
            double* at = moments + group;
            if (NormFormulas.IsFar(low, variance) || NormFormulas.IsOutOfRange<T>(variance, eps))
            {
                SaveAnew(at, Moments.Of(_x.Pointer<T>() + (nint)group * Length, 1, 0, Length, eps));
                anew = true;
                continue;
            }

            at[Pivot * _groups] = pivot;
            at[Low * _groups] = low;
            at[Variance * _groups] = variance;
            at[Rstd * _groups] = NormFormulas.Rstd(variance, eps);
        }

        return !anew && ValueRange.Within(moments + Rstd * _groups + first, end - first, _leastRstd, _mostRstd) ? 0 : OutOfRange(first, end);
    }

    private void SaveAnew(double* at, in Moments moments)
    {
        at[Pivot * _groups] = moments.Pivot;
        at[Low * _groups] = moments.Low;
        at[Variance * _groups] = moments.Variance;
        at[Rstd * _groups] = moments.Exponent == 0 ? moments.Rstd(_eps) : -moments.Rstd(_eps);
    }

    /// <summary>One bit per group: 1 if T does not hold its formula.</summary>
    private ulong OutOfRange(int first, int end)
    {
        double* moments = _moments.Pointer<double>();
        ulong odd = 0;
        for (int group = first; group < end; group++)
        {
            if (!IsInRange(moments[Rstd * _groups + group])) odd |= 1UL << (group - first);
        }

        if (odd != 0) _hasOdd = true;
        return odd;
    }

    /// <summary>Pivot, scale and shift of some runs.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Constants<T>(int run, int runs, T* constants) where T : unmanaged, IFloatingPointIeee754<T>
    {
        T* gamma = _gamma is null ? null : _gamma.Pointer<T>();
        T* beta = _beta is null ? null : _beta.Pointer<T>();
        double* moments = _moments.Pointer<double>() + run / _perGroup;
        int groups = _groups, perGroup = _perGroup, channels = _channels, c = run % channels, left = perGroup - run % perGroup;
        for (int i = 0; i < runs; i++)
        {
            double rstd = moments[Rstd * groups];
            double scale = gamma is null ? rstd : double.CreateTruncating(gamma[c]) * rstd;
            double shift = (beta is null ? 0 : double.CreateTruncating(beta[c])) - moments[Low * groups] * scale;
            constants[Coefficient.Pivot] = T.CreateTruncating(moments[Pivot * groups]);
            constants[Coefficient.Scale] = T.CreateTruncating(scale);
            constants[Coefficient.Shift] = T.CreateTruncating(shift);
            constants += Planes.Record;
            if (++c == channels) c = 0;
            if (--left > 0) continue;
            left = perGroup;
            moments++;
        }
    }

    /// <summary>b and c of the input gradient of some runs.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void SlopeConstants<T>(int run, int runs, T* constants) where T : unmanaged, IFloatingPointIeee754<T>
    {
        double* moments = _moments.Pointer<double>() + run / _perGroup;
        int groups = _groups, perGroup = _perGroup, left = perGroup - run % perGroup;
        for (int i = 0; i < runs; i++)
        {
            constants[Coefficient.B] = T.CreateTruncating(moments[B * groups]);
            constants[Coefficient.C] = T.CreateTruncating(moments[C * groups]);
            constants += Planes.Record;
            if (--left > 0) continue;
            left = perGroup;
            moments++;
        }
    }

    /// <summary>
    /// b and c of dx = a·dy + b·(x-pivot) + c for some groups, and dgamma of their runs in the place of Σdy·(x-pivot). Returns one bit per
    /// group: 1 if T does not hold its formula.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private ulong Slopes<T>(int first, int end) where T : unmanaged, IFloatingPointIeee754<T>
    {
        T* gamma = _gamma is null ? null : _gamma.Pointer<T>();
        double* dbeta = _sums.Pointer<double>();
        double* dgamma = dbeta + _groups * _perGroup;
        double share = 1.0 / Length, largest = 0;
        int groups = _groups, perGroup = _perGroup, c = first * perGroup % _channels, run = first * perGroup;
        for (int group = first; group < end; group++)
        {
            double* moments = _moments.Pointer<double>() + group;
            double low = moments[Low * groups], rstd = moments[Rstd * groups], sum = 0, product = 0;
            for (int k = 0; k < perGroup; k++, c++, run++)
            {
                double weight = gamma is null ? 1 : double.CreateTruncating(gamma[c]);
                dgamma[run] = rstd * (dgamma[run] - low * dbeta[run]);
                sum += weight * dbeta[run];
                product += weight * dgamma[run];
            }

            if (c == _channels) c = 0;
            double b = -rstd * rstd * (product * share);
            moments[B * groups] = b;
            moments[C * groups] = -rstd * (sum * share) - b * low;
            if (rstd > largest) largest = rstd;
        }

        // Closer than the tests of LosingGroups, and eight groups at a time.
        double* at = _moments.Pointer<double>() + first;
        double normal = ValueRange.SmallestNormal<T>(), most = ValueRange.Largest<T>();
        bool holds = !_hasOdd && ValueRange.Within(at + B * groups, end - first, normal, most) && ValueRange.Within(at + C * groups, end - first, 0, most) &&
            ValueRange.Within(dgamma + first * perGroup, (end - first) * perGroup, largest * _spatial * normal, double.MaxValue);
        return holds ? 0 : LosingGroups<T>(first, end);
    }

    /// <summary>One bit per group: 1 if its dx is to be done on the slow path. Sums that T has lost are done anew.</summary>
    private ulong LosingGroups<T>(int first, int end) where T : unmanaged, IFloatingPointIeee754<T>
    {
        double* dgamma = _sums.Pointer<double>() + _groups * _perGroup;
        ulong odd = 0;
        for (int group = first; group < end; group++)
        {
            double* at = _moments.Pointer<double>() + group;
            double rstd = at[Rstd * _groups], product = 0;
            bool inRange = IsInRange(rstd), loses = !inRange;
            for (int run = group * _perGroup; run < (group + 1) * _perGroup; run++)
            {
                loses |= NormFormulas.LosesSums<T>(dgamma[run], rstd, at[Variance * _groups], _spatial);
                if (Gamma<T>(run) != 0) product += Math.Abs(dgamma[run]);
            }

            if (loses) loses = double.IsFinite(rstd) && (ScaledSums<T>(group) || !inRange);
            if (loses || NormFormulas.LosesSlopes<T>(at[B * _groups], at[C * _groups], rstd, product)) odd |= 1UL << (group - first);
        }

        return odd;
    }

    /// <summary>gradient[c] = Σ over the samples of row 0 or 1 of _sums, in double and in order.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void AddSamples<T>(Tensor? gradient, int row) where T : unmanaged, IFloatingPointIeee754<T>
    {
        if (gradient is null) return;
        T* result = gradient.Pointer<T>();
        double* sums = _sums.Pointer<double>() + row * _groups * _perGroup;
        int width = Vector512<double>.Count, samples = _x.Count == 0 ? 0 : _x.Shape[0], lanes = Math.Min(width, _channels);
        for (int c = 0; c < _channels; c += width)
        {
            // The last pack overlaps; a channel's sum does not depend on the pack it is in.
            int at = Math.Max(0, Math.Min(c, _channels - width));
            Vector512<double> total = default;
            for (int n = 0; n < samples; n++)
            {
                double* from = sums + (nint)n * _channels + at;
                total += lanes == width ? Simd.Load(from) : Simd.LoadPartial(from, lanes);
            }

            for (int lane = 0; lane < lanes; lane++) result[at + lane] = T.CreateTruncating(total[lane]);
        }
    }

    /// <summary>The running statistics follow the mean over the samples of the instances' means and variances.</summary>
    private void Follow<T>() where T : unmanaged, IFloatingPointIeee754<T>
    {
        Tensor pooled = NewTensor([3, _channels], DType.Float64);
        double* mean = pooled.Pointer<double>();
        double* low = mean + _channels;
        double* variance = low + _channels;
        pooled.Fill(0);
        for (int group = 0; group < _groups; group++)
        {
            Moments instance = MomentsOf<T>(group).Unscaled;
            mean[group % _channels] += instance.Mean;
            variance[group % _channels] += instance.Variance;
        }

        for (int c = 0; c < _channels; c++)
        {
            mean[c] /= _x.Shape[0];
            variance[c] /= _x.Shape[0];
        }

        // No values at all, so no statistics: an empty batch is counted, and that is all.
        _updated = _running!.Update(mean, _channels, _x.Count == 0 ? 0 : _spatial, _previous is null ? null : _previous.Pointer<T>());
    }
}

public sealed partial class Tensor
{
    /// <summary>
    /// Group normalization: y = gamma·(x - mean)/sqrt(var + eps) + beta, mean and (biased) variance of each sample's groups of C/groups neighbouring channels. The functional form; see <c>GroupNorm</c>.
    /// </summary>
    /// <param name="groups">Number of groups G the channels are cut into; C is a multiple of it. 1 normalizes a sample as a whole, C each channel by itself.</param>
    /// <param name="gamma">Scale, one value a channel; null means 1.</param>
    /// <param name="beta">Shift, one value a channel; null means 0.</param>
    /// <param name="eps">Added to the variance; 0 or more. With 0 a constant group gives beta.</param>
    /// <exception cref="ArgumentException">Not (N, C, ...), channels that the groups do not divide, a gamma or beta of another size, or groups of one value.</exception>
    /// <remarks>
    /// A group of one value has no spread: the output would be beta whatever the input, and nothing could be learned through it, so it is refused (PyTorch refuses it for N = 1 only).
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
