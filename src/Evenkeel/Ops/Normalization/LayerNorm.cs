using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Evenkeel.Kernels;

namespace Evenkeel;

/// <summary>
/// Layer normalization over the trailing dimensions: one op, whole.
/// </summary>
/// <remarks>
/// Group: the m values of a row, m = product of the normalized sizes; gamma and beta have that shape.
/// <para>Forward: mean = Σx/m; var = Σ(x-mean)²/m; rstd = 1/sqrt(var+eps); xhat = (x-mean)·rstd; y = gamma·xhat + beta. Train and eval are the same.</para>
/// <para>Backward: with g = gamma·dy, dx = rstd·(g - mean(g) - xhat·mean(g·xhat)) as for every norm; dgamma = Σ dy·xhat and dbeta = Σ dy over the rows.
/// The sums over rows go down in chunks of 16 or 32 rows in T; the chunks are added in double in their order.</para>
/// <para>The full derivation is in docs/derivations/layer-norm.md.</para>
/// </remarks>
internal sealed unsafe class LayerNorm<TEpilogue> : Op where TEpilogue : struct, IEpilogue
{
    /// <summary>Elements below which a fork costs more than it brings.</summary>
    private const int InlineElements = 1 << 12;

    /// <summary>Rows of a chunk: fewer in a small batch, so that there is something to share out.</summary>
    private int ChunkRows => _rows <= 512 ? 16 : 32;

    private Tensor _x = null!;
    private Tensor? _gamma;
    private Tensor? _beta;
    private Tensor _gammaOrOnes = null!;
    private Tensor _betaOrZeros = null!;
    private Tensor _moments = null!;
    private double _eps;
    private int _rows;
    private int _length;

    private Tensor? _dx;
    private Tensor? _dgamma;
    private Tensor? _dbeta;
    private Tensor _partials = null!;

    public override string Name => "LayerNorm";

    public static Tensor Apply(Tensor x, int length, Tensor? gamma, Tensor? beta, double eps)
    {
        Tape? tape = Join("LayerNorm", ref x);
        JoinOptional("LayerNorm", tape, x, ref gamma);
        JoinOptional("LayerNorm", tape, x, ref beta);
        var op = Rent<LayerNorm<TEpilogue>>(tape);
        op._x = x;
        op._gamma = gamma;
        op._beta = beta;
        op._eps = eps;
        op._length = length;
        op._rows = x.Count / length;
        op.Bind(x.Shape, x.DType, x, gamma, beta);
        op._moments = op.NewTensor([op._rows, 3], DType.Float64);
        op._gammaOrOnes = gamma ?? op.Constant(1);
        op._betaOrZeros = beta ?? op.Constant(0);
        return op.Execute();
    }

    public override void Recycle()
    {
        base.Recycle();
        _x = _gammaOrOnes = _betaOrZeros = _moments = _partials = null!;
        _gamma = _beta = _dx = _dgamma = _dbeta = null;
    }

    protected override void Forward<T>() => ForEach(new ForwardJob<T> { Op = this });

    protected override void Backward<T>()
    {
        _dx = Open(_x);
        _dgamma = Open(_gamma);
        _dbeta = Open(_beta);
        _partials = NewTensor([Chunks, 2, _length], _x.DType);
        ForEach(new BackwardJob<T> { Op = this });
        var add = new PartialsJob<T> { Op = this };
        if (_partials.Count > InlineElements)
        {
            Workers.Run(2 * PartialsJob<T>.Stripes, add);
        }
        else
        {
            for (int chunk = 0; chunk < 2 * PartialsJob<T>.Stripes; chunk++) add.Invoke(chunk);
        }

        Close<T>(_x, _dx);
        Close<T>(_gamma, _dgamma);
        Close<T>(_beta, _dbeta);
    }

    /// <summary>True where what is written outgrows the last-level cache and every row is aligned.</summary>
    private bool Streams<T>() where T : unmanaged => (long)_x.Count * sizeof(T) >= Simd.StreamThreshold && _length % Vector512<T>.Count == 0;

    private int Chunks => (_rows + ChunkRows - 1) / ChunkRows;

    private Tensor Constant(double value)
    {
        Tensor constant = NewTensor([_length], _x.DType);
        constant.Fill(value);
        return constant;
    }

    private void ForEach<TJob>(TJob job) where TJob : struct, IJob
    {
        int chunks = Chunks;
        if (_x.Count > InlineElements)
        {
            Workers.Run(chunks, job);
            return;
        }

        for (int chunk = 0; chunk < chunks; chunk++) job.Invoke(chunk);
    }

    private struct ForwardJob<T> : IJob where T : unmanaged, IFloatingPointIeee754<T>
    {
        public LayerNorm<TEpilogue> Op;

        public readonly void Invoke(int chunk) => Op.ForwardRows<T>(chunk);
    }

    private struct BackwardJob<T> : IJob where T : unmanaged, IFloatingPointIeee754<T>
    {
        public LayerNorm<TEpilogue> Op;

        public readonly void Invoke(int chunk) => Op.BackwardRows<T>(chunk);
    }

    /// <summary>Adds the chunks' partial sums: dgamma in the first stripes of columns, dbeta in the others.</summary>
    private struct PartialsJob<T> : IJob where T : unmanaged, IFloatingPointIeee754<T>
    {
        public const int Stripes = 4;

        public LayerNorm<TEpilogue> Op;

        public readonly void Invoke(int chunk)
        {
            bool isBeta = chunk >= Stripes;
            Tensor? gradient = isBeta ? Op._dbeta : Op._dgamma;
            if (gradient is null) return;
            int packs = (Op._length + Vector512<T>.Count - 1) / Vector512<T>.Count;
            int stripe = chunk % Stripes;
            Op.AddPartials(Op._partials.Pointer<T>() + (isBeta ? Op._length : 0), gradient.Pointer<T>(), packs * stripe / Stripes, packs * (stripe + 1) / Stripes);
        }
    }

    private void ForwardRows<T>(int chunk) where T : unmanaged, IFloatingPointIeee754<T>
    {
        T* gamma = _gammaOrOnes.Pointer<T>();
        T* beta = _betaOrZeros.Pointer<T>();
        for (int r = chunk * ChunkRows; r < Math.Min(_rows, (chunk + 1) * ChunkRows); r++)
        {
            T* x = _x.Pointer<T>() + (nint)r * _length;
            Moments row = Moments.Of(x, 1, 0, _length, _eps);
            double* moments = _moments.Pointer<double>() + (nint)r * 3;
            moments[0] = row.Pivot;
            moments[1] = row.Low;
            moments[2] = NormFormulas.Rstd(row.Variance, _eps);
            Rows.Normalize<T, TEpilogue>(x, gamma, beta, Output.Pointer<T>() + (nint)r * _length, _length, RowConstants<T>(moments), Streams<T>());
        }

        if (Streams<T>()) Simd.StreamFence();
    }

    private void BackwardRows<T>(int chunk) where T : unmanaged, IFloatingPointIeee754<T>
    {
        T* gamma = _gammaOrOnes.Pointer<T>();
        T* beta = _betaOrZeros.Pointer<T>();
        T* dgamma = _partials.Pointer<T>() + (nint)chunk * 2 * _length;
        T* dbeta = dgamma + _length;
        new Span<T>(dgamma, 2 * _length).Clear();
        for (int r = chunk * ChunkRows; r < Math.Min(_rows, (chunk + 1) * ChunkRows); r++)
        {
            nint offset = (nint)r * _length;
            T* x = _x.Pointer<T>() + offset;
            T* dy = Dy.Pointer<T>() + offset;
            double* moments = _moments.Pointer<double>() + (nint)r * 3;
            double low = moments[1], rstd = moments[2];
            Rows.Row<T> row = RowConstants<T>(moments);
            (double sum, double product) = Rows.Cotangent<T, TEpilogue>(x, dy, gamma, beta, dgamma, dbeta, _length, row);
            if (_dx is null) continue;
            double b = -rstd * rstd * (product / _length);
            double c = -rstd * (sum / _length) - b * low;
            Rows.Gradient<T, TEpilogue>(x, dy, gamma, beta, _dx.Pointer<T>() + offset, _length, row, Broadcast<T>(b), Broadcast<T>(c), Streams<T>());
        }

        if (Streams<T>()) Simd.StreamFence();
    }

    /// <summary>gradient[j] = Σ over the chunks of partials[chunk, j], in double and in order, for some packs of columns.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void AddPartials<T>(T* partials, T* gradient, int firstPack, int endPack) where T : unmanaged, IFloatingPointIeee754<T>
    {
        int width = Vector512<T>.Count;
        nint stride = 2 * (nint)_length;
        for (int pack = firstPack; pack < endPack; pack++)
        {
            // The last pack overlaps; a column's sum does not depend on the pack it is in.
            int j = Math.Max(0, Math.Min(pack * width, _length - width));
            int lanes = Math.Min(width, _length);
            Vector512<double> low = default, high = default;
            for (int chunk = 0; chunk < Chunks; chunk++)
            {
                T* at = partials + chunk * stride + j;
                Widen.Add(lanes == width ? Simd.Load(at) : Simd.LoadPartial(at, lanes), ref low, ref high);
            }

            Vector512<T> total = Widen.Narrow<T>(low, high);
            if (lanes == width) Simd.Store(gradient + j, total);
            else Simd.StorePartial(gradient + j, total, lanes);
        }
    }

    private static Rows.Row<T> RowConstants<T>(double* moments) where T : unmanaged, IFloatingPointIeee754<T> =>
        new(Broadcast<T>(moments[0]), Broadcast<T>(moments[2]), Broadcast<T>(-moments[1] * moments[2]));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<T> Broadcast<T>(double value) where T : unmanaged, IFloatingPointIeee754<T> => Vector512.Create(T.CreateTruncating(value));
}

public sealed partial class Tensor
{
    /// <summary>
    /// Layer normalization over the trailing dimensions: y = gamma·(x - mean)/sqrt(var + eps) + beta for each row. The functional form; see <c>LayerNorm</c>.
    /// </summary>
    /// <param name="normalizedShape">The trailing dimensions that are normalized together; exactly the input's last ones.</param>
    /// <param name="gamma">Scale of that shape; null means 1.</param>
    /// <param name="beta">Shift of that shape; null means 0.</param>
    /// <param name="eps">Added to the variance; 0 or more. With 0 a constant row gives beta.</param>
    /// <param name="fuseReLU">Also apply ReLU, in the same pass over memory and with the same bits.</param>
    /// <exception cref="ArgumentException">The input's trailing dimensions are not <paramref name="normalizedShape"/>, or gamma or beta have another shape.</exception>
    /// <remarks>Source: Ba, Kiros and Hinton, 2016.</remarks>
    public Tensor LayerNorm(Shape normalizedShape, Tensor? gamma, Tensor? beta, double eps = 1e-5, bool fuseReLU = false)
    {
        NormChecks.Eps("LayerNorm", eps);
        NormChecks.TrailingShape("LayerNorm", normalizedShape, this);
        NormChecks.OfShape("LayerNorm", "gamma (weight)", gamma, this, normalizedShape);
        NormChecks.OfShape("LayerNorm", "beta (bias)", beta, this, normalizedShape);
        return fuseReLU
            ? LayerNorm<ReLUEpilogue>.Apply(this, normalizedShape.Count, gamma, beta, eps)
            : LayerNorm<NoEpilogue>.Apply(this, normalizedShape.Count, gamma, beta, eps);
    }
}
