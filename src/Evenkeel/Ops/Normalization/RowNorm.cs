using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Evenkeel.Kernels;

namespace Evenkeel;

/// <summary>The statistics that a norm over rows takes from one row.</summary>
internal interface IRowStatistics : IRowNorm
{
    /// <summary>
    /// What is subtracted, as pivot and low part, the square of what is divided by, without eps, and 1/sqrt(it + eps).
    /// </summary>
    static abstract unsafe void Measure<T>(T* x, int length, NormTable row, double eps)
        where T : unmanaged, IFloatingPointIeee754<T>;
}

/// <summary>
/// A tensor as rows that are normalized one by one. <see cref="Parts"/> neighbouring rows use up gamma and beta, each a
/// part of it, and <see cref="Repeat"/> neighbouring values of a row share one gamma and one beta.
/// </summary>
/// <param name="Rows">Number of rows: a multiple of the parts.</param>
/// <param name="Length">Values of a row: a multiple of the repeats.</param>
/// <param name="Parts">1, but for group norm: the number of groups.</param>
/// <param name="Repeat">1, but for group norm: the number of spatial positions.</param>
internal readonly record struct RowShape(int Rows, int Length, int Parts = 1, int Repeat = 1)
{
    public static RowShape Of(Tensor x, Shape normalized) => new(x.Count / normalized.Count, normalized.Count);

    /// <summary>Values of the rows that use up gamma together.</summary>
    public int Period => Parts * Length;
}

/// <summary>
/// A norm over rows with gamma and beta along them: layer norm, RMS norm, and group norm where its channels have too
/// few values for planes. One op, whole;
/// the formulas are at <see cref="MeanAndVariance"/> and <see cref="RootMeanSquare"/>.
/// </summary>
/// <remarks>
/// The sums of dgamma and dbeta go down the rows in chunks of 16 or 32 (times the parts) in T; the chunks are added
/// in double in their order.
/// </remarks>
internal sealed unsafe class RowNorm<TStatistics, TEpilogue> : Op
    where TStatistics : struct, IRowStatistics
    where TEpilogue : struct, IEpilogue
{
    /// <summary>Rows of a chunk: fewer in a small batch, so that there is something to share out.</summary>
    private int ChunkRows => (_shape.Rows / _shape.Parts <= 512 ? 16 : 32) * _shape.Parts;

    private string _name = "";
    private RowShape _shape;
    private Tensor _x = null!;
    private Tensor? _gamma;
    private Tensor? _beta;
    private Tensor _gammas = null!;
    private Tensor _betas = null!;
    private Tensor _statistics = null!;
    private double _eps;

    private Tensor? _dx;
    private Tensor? _dgamma;
    private Tensor? _dbeta;
    private Tensor _partials = null!;

    public override string Name => _name;

    public static Tensor Apply(string name, Tensor x, RowShape shape, Tensor? gamma, Tensor? beta, double eps)
    {
        Tape? tape = Join(name, ref x);
        JoinOptional(name, tape, x, ref gamma);
        JoinOptional(name, tape, x, ref beta);
        var op = Rent<RowNorm<TStatistics, TEpilogue>>(tape);
        op._name = name;
        op._shape = shape;
        op._x = x;
        op._gamma = gamma;
        op._beta = beta;
        op._eps = eps;
        op.Bind(x.Shape, x.DType, x, gamma, beta);
        op._statistics = op.NewTensor([NormTable.StatisticsRows, shape.Rows], DType.Float64);
        return op.Execute();
    }

    public override void Recycle()
    {
        base.Recycle();
        _x = _gammas = _betas = _statistics = _partials = null!;
        _gamma = _beta = _dx = _dgamma = _dbeta = null;
    }

    /// <inheritdoc/>
    protected override void Describe(OpSettings settings)
    {
        settings.Set("gamma", _gamma);
        settings.Set("beta", _beta);
        settings.Set("eps", _eps);
        settings.Set("groups", _shape.Parts);
        settings.Set("length", _shape.Length);
        settings.Set("relu", typeof(TEpilogue) == typeof(ReLUEpilogue));
    }

    protected override void Forward<T>()
    {
        _gammas = Along<T>(_gamma, 1);
        _betas = TStatistics.HasMean ? Along<T>(_beta, 0) : _gammas;
        Workers.Run(Chunks, new ForwardJob<T> { Op = this }, _x.Count);
    }

    protected override void Backward<T>()
    {
        _dx = Open(_x);
        _dgamma = Open(_gamma);
        _dbeta = Open(_beta);
        _partials = NewTensor([Chunks, 2, _shape.Period], _x.DType);
        Workers.Run(Chunks, new BackwardJob<T> { Op = this }, _x.Count);
        Workers.Run(2 * PartialsJob<T>.Stripes, new PartialsJob<T> { Op = this }, _partials.Count);
        Close<T>(_x, _dx);
        Close<T>(_gamma, _dgamma);
        Close<T>(_beta, _dbeta);
    }

    /// <summary>True where what is written outgrows the last-level cache and every row is aligned.</summary>
    private bool Streams<T>() where T : unmanaged =>
        (long)_x.Count * sizeof(T) >= CacheSizes.LastLevel && _shape.Length % Vector512<T>.Count == 0;

    private int Chunks => (_shape.Rows + ChunkRows - 1) / ChunkRows;

    /// <summary>
    /// gamma or beta with a value for every position of the rows that use it up: itself, constants where there is none,
    /// or each value as often as it is shared.
    /// </summary>
    private Tensor Along<T>(Tensor? values, double missing) where T : unmanaged
    {
        if (values is not null && _shape.Repeat == 1) return values;
        Tensor along = NewTensor([_shape.Period], _x.DType);
        if (values is null)
        {
            along.Fill(missing);
            return along;
        }

        for (int i = 0; i < values.Count; i++)
            new Span<T>(along.Pointer<T>() + (nint)i * _shape.Repeat, _shape.Repeat).Fill(values.Pointer<T>()[i]);
        return along;
    }

    private struct ForwardJob<T> : IJob where T : unmanaged, IFloatingPointIeee754<T>
    {
        public RowNorm<TStatistics, TEpilogue> Op;

        public readonly void Invoke(int chunk) => Op.ForwardRows<T>(chunk);
    }

    private struct BackwardJob<T> : IJob where T : unmanaged, IFloatingPointIeee754<T>
    {
        public RowNorm<TStatistics, TEpilogue> Op;

        public readonly void Invoke(int chunk) => Op.BackwardRows<T>(chunk);
    }

    /// <summary>Adds the chunks' partial sums: dgamma in the first stripes of columns, dbeta in the others.</summary>
    private struct PartialsJob<T> : IJob where T : unmanaged, IFloatingPointIeee754<T>
    {
        public const int Stripes = 4;

        public RowNorm<TStatistics, TEpilogue> Op;

        public readonly void Invoke(int chunk)
        {
            bool isBeta = chunk >= Stripes;
            Tensor? gradient = isBeta ? Op._dbeta : Op._dgamma;
            if (gradient is null) return;
            T* partials = Op._partials.Pointer<T>() + (isBeta ? Op._shape.Period : 0);
            int stripe = chunk % Stripes;
            if (Op._shape.Repeat > 1)
            {
                Op.AddRepeated(partials,
                    gradient.Pointer<T>(), gradient.Count * stripe / Stripes, gradient.Count * (stripe + 1) / Stripes);
                return;
            }

            int packs = (Op._shape.Period + Vector512<T>.Count - 1) / Vector512<T>.Count;
            Op.AddPartials(partials, gradient.Pointer<T>(), packs * stripe / Stripes, packs * (stripe + 1) / Stripes);
        }
    }

    [SkipLocalsInit]
    private void ForwardRows<T>(int chunk) where T : unmanaged, IFloatingPointIeee754<T>
    {
        double* memory = stackalloc double[NormTable.ChunkDoubles];
        NormTable table = RowTable(memory);
        Constants<T> constants = table.Rounded<T>();
        NormTable kept = NormTable.Of(_statistics.Pointer<double>(), _statistics.Shape);
        int length = _shape.Length, end = Math.Min(_shape.Rows, (chunk + 1) * ChunkRows);
        bool stream = Streams<T>();
        for (int r = chunk * ChunkRows; r < end; r++)
        {
            T* x = _x.Pointer<T>() + (nint)r * length;
            T* y = Output.Pointer<T>() + (nint)r * length;
            nint part = (nint)(r % _shape.Parts) * length;
            TStatistics.Measure(x, length, table, _eps);
            table.CopyStatistics(kept.From(r), 1);
            if (NormTheorem.Affine(table, constants, 1))
            {
                Rows.Normalize<T, TStatistics, TEpilogue>(x, _gammas.Pointer<T>() + part,
                    _betas.Pointer<T>() + part, y, length, constants, stream);
            }
            else
                MapScaled(x, y, part, table);
        }

        if (stream) Simd.StreamFence();
    }

    [SkipLocalsInit]
    private void BackwardRows<T>(int chunk) where T : unmanaged, IFloatingPointIeee754<T>
    {
        double* memory = stackalloc double[NormTable.ChunkDoubles];
        NormTable table = RowTable(memory);
        Constants<T> constants = table.Rounded<T>();
        NormTable kept = NormTable.Of(_statistics.Pointer<double>(), _statistics.Shape);
        int length = _shape.Length, end = Math.Min(_shape.Rows, (chunk + 1) * ChunkRows);
        bool stream = Streams<T>();
        double smallest = length * ValueRange.SmallestNormal<T>();
        T* dgammas = _partials.Pointer<T>() + (nint)chunk * 2 * _shape.Period;
        T* dbetas = dgammas + _shape.Period;
        new Span<T>(dgammas, 2 * _shape.Period).Clear();
        for (int r = chunk * ChunkRows; r < end; r++)
        {
            nint offset = (nint)r * length, part = (nint)(r % _shape.Parts) * length;
            T* x = _x.Pointer<T>() + offset;
            T* dy = Dy.Pointer<T>() + offset;
            T* gamma = _gammas.Pointer<T>() + part;
            T* beta = _betas.Pointer<T>() + part;
            T* dx = _dx is null ? null : _dx.Pointer<T>() + offset;
            kept.From(r).CopyStatistics(table, 1);
            if (!NormTheorem.Affine(table, constants, 1))
            {
                ScaledSums(x, dy, dgammas, dbetas, part, table);
                if (dx is not null) ScaledGradient(x, dy, dx, part, table);
                continue;
            }

            (double sum, double product) = Rows.Cotangent<T, TStatistics, TEpilogue>(
                x, dy, gamma, beta, dgammas + part, dbetas + part, length, constants);
            if (dx is null) continue;
            (*table.SumDy, *table.SumDyXHat) = (TStatistics.HasMean ? sum : 0, product);
            bool held = NormTheorem.Slopes(table, table.Rstd, constants, 1, length) && Math.Abs(product) >= smallest;
            if (!held && Loses(sum, x, dy, part, table)) ScaledGradient(x, dy, dx, part, table);
            else
            {
                Rows.Gradient<T, TStatistics, TEpilogue>(x, dy, gamma, beta, dx, length, constants, stream);
            }
        }

        if (stream) Simd.StreamFence();
    }

    /// <summary>
    /// A table for one row: gamma and beta belong to the columns, so xhat = (x - pivot)·scale + shift
    /// is what the theorem's y is.
    /// </summary>
    private static NormTable RowTable(double* memory)
    {
        NormTable table = NormTable.Chunk(memory);
        (*table.Gamma, *table.Beta) = (1, 0);
        return table;
    }

    /// <summary>
    /// gradient[j] = Σ over the chunks of partials[chunk, j], in double and in order, for some packs of columns.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void AddPartials<T>(T* partials, T* gradient, int firstPack, int endPack)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        int width = Vector512<T>.Count, columns = _shape.Period;
        nint stride = 2 * (nint)columns;
        for (int pack = firstPack; pack < endPack; pack++)
        {
            // The last pack overlaps; a column's sum does not depend on the pack it is in.
            int j = Math.Max(0, Math.Min(pack * width, columns - width));
            int lanes = Math.Min(width, columns);
            Vector512<double> low = default, high = default;
            for (int chunk = 0; chunk < Chunks; chunk++)
            {
                T* at = partials + chunk * stride + j;
                Widen.Add(lanes == width ? Simd.Load(at) : Simd.LoadPartial(at, lanes), ref low, ref high);
            }

            Vector512<T> total = Widen.Narrow<T>(low, high);
            Simd.StoreUpTo(gradient + j, total, lanes);
        }
    }

    /// <summary>The same where neighbouring columns share a parameter: gradient[i] is the sum over them too.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void AddRepeated<T>(T* partials, T* gradient, int first, int end)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        nint stride = 2 * (nint)_shape.Period;
        for (int i = first; i < end; i++)
        {
            double total = 0;
            for (int chunk = 0; chunk < Chunks; chunk++)
            {
                T* at = partials + chunk * stride + (nint)i * _shape.Repeat;
                for (int k = 0; k < _shape.Repeat; k++) total += double.CreateTruncating(at[k]);
            }

            gradient[i] = T.CreateTruncating(total);
        }
    }

    /// <summary>
    /// True if dx of a row in range does not come out of Σg and Σg·xhat summed in T, or of b and c: they overflowed (or
    /// dy is not finite), or what they are made of underflowed, which rstd or the deviations would have made up for.
    /// </summary>
    private bool Loses<T>(double sum, T* x, T* dy, nint part, NormTable row)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        double rstd = *row.Rstd, product = *row.SumDyXHat;
        if (!double.IsFinite(rstd)) return false;
        if (NormRange.LosesSlopes<T>(*row.B, *row.C, rstd, product)) return true;
        double smallest = _shape.Length * ValueRange.SmallestNormal<T>();
        if (rstd <= 1 || Math.Abs(sum) >= smallest || Math.Abs(product) >= smallest) return false;
        if (!new ReadOnlySpan<T>(dy, _shape.Length).ContainsAnyExcept(T.Zero)) return false;
        double magnitude = 0;
        for (int i = 0; i < _shape.Length; i++)
        {
            magnitude += Math.Abs(double.CreateTruncating(_gammas.Pointer<T>()[part + i]) * Scaled<T>(row, part + i)
                .Sums(x + i, dy + i, 1, 0, 1).Sum);
        }

        return magnitude > 0 && magnitude < smallest;
    }

    /// <summary>The slow path of one place of a row, at <paramref name="at"/> of the parameters.</summary>
    private ScaledNorm<T, TEpilogue> Scaled<T>(NormTable row, nint at) where T : unmanaged, IFloatingPointIeee754<T>
    {
        double gamma = double.CreateTruncating(_gammas.Pointer<T>()[at]), rstd = *row.Rstd;
        double beta = TStatistics.HasMean ? double.CreateTruncating(_betas.Pointer<T>()[at]) : 0;
        bool inRange = *row.Exponent == 0
            && !(rstd > ValueRange.Largest<T>() || (rstd < ValueRange.SmallestNormal<T>() && rstd > 0));
        return new(row.Moments(0), Math.Abs(rstd), gamma, beta, inRange, inTwoSteps: true);
    }

    /// <summary>y of a row on the slow path.</summary>
    private void MapScaled<T>(T* x, T* y, nint part, NormTable row) where T : unmanaged, IFloatingPointIeee754<T>
    {
        for (int i = 0; i < _shape.Length; i++) Scaled<T>(row, part + i).Map(x + i, y + i, 1, 0, 1);
    }

    /// <summary>What a row adds to dgamma and dbeta, on the slow path.</summary>
    private void ScaledSums<T>(T* x, T* dy, T* dgammas, T* dbetas, nint part, NormTable row)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        for (int i = 0; i < _shape.Length; i++)
        {
            (double sum, double product) = Scaled<T>(row, part + i).Sums(x + i, dy + i, 1, 0, 1);
            dgammas[part + i] += T.CreateTruncating(product);
            if (TStatistics.HasMean) dbetas[part + i] += T.CreateTruncating(sum);
        }
    }

    /// <summary>dx of a row on the slow path.</summary>
    private void ScaledGradient<T>(T* x, T* dy, T* dx, nint part, NormTable row)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        double largest = 0, meanG = 0, meanGXHat = 0;
        T* gammas = _gammas.Pointer<T>() + part;
        for (int i = 0; i < _shape.Length; i++)
            largest = Math.Max(largest, Math.Abs(double.CreateTruncating(gammas[i])));
        int k = ScaledNorm<T, TEpilogue>.GammaExponent(largest);
        for (int i = 0; i < _shape.Length; i++)
        {
            double gamma = Math.ScaleB(double.CreateTruncating(gammas[i]), -k);
            (double sum, double product) = Scaled<T>(row, part + i).Sums(x + i, dy + i, 1, 0, 1);
            if (TStatistics.HasMean) meanG += gamma * sum / _shape.Length;
            meanGXHat += gamma * product / _shape.Length;
        }

        for (int i = 0; i < _shape.Length; i++)
            Scaled<T>(row, part + i).Gradient(x + i, dy + i, dx + i, 1, 0, 1, meanG, meanGXHat, k);
    }
}
