using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Evenkeel.Kernels;

namespace Evenkeel;

public sealed partial class Tensor
{
    /// <summary>
    /// Filter response normalization with its activation: y = max(gamma·x/sqrt(mean(x²) + eps) + beta, tau), the mean
    /// over the positions of each channel of each sample. The functional form; see <c>FilterResponseNorm</c>.
    /// </summary>
    /// <param name="gamma">Scale, one value per channel; null means 1.</param>
    /// <param name="beta">Shift, one value per channel; null means 0.</param>
    /// <param name="tau">The smallest result, one value per channel; null for none.</param>
    /// <param name="eps">Added to the mean square; 0 or more. If it is 0, a channel of zeros gives beta.</param>
    /// <exception cref="ArgumentException">Not (N, C, ...), or channel counts that disagree.</exception>
    /// <remarks>Source: Singh and Krishnan, "Filter Response Normalization Layer", CVPR 2020.</remarks>
    public Tensor FilterResponseNorm(Tensor? gamma, Tensor? beta, Tensor? tau, double eps = 1e-6) =>
        FilterResponseNormOp.Apply(this, gamma, beta, tau, eps);
}

/// <summary>
/// y = max(z, tau), z = gamma·xhat + beta, xhat = x·r, r = 1/sqrt(Σx²/S + eps) over the S positions of a channel of a
/// sample (a plane).
/// </summary>
/// <remarks>
/// Backward. Let h = dy where z &gt; tau, dy/2 where they are equal, else 0; dtau = Σ (dy - h), dbeta = Σ h and
/// dgamma = Σ h·xhat over the planes of a channel. With g = gamma·h the theorem of all norms holds without its mean: dx
/// = r·(g - xhat·mean(g·xhat)) = gamma·r·h - gamma·r³/S·(Σ h·x)·x.
/// <para>The sums of a plane are taken in blocks in the element type, the blocks in double; the planes of a channel are
/// added in double, in order.</para>
/// </remarks>
internal sealed unsafe class FilterResponseNormOp : Op
{
    /// <summary>Values of a chunk, as far as whole planes allow: x and dy of it fit the first-level cache.</summary>
    private const int ChunkValues = CacheSizes.FirstLevel / 2 / sizeof(float);

    private Tensor _x = null!;
    private Tensor? _gamma, _beta, _tau;
    private Tensor _rstd = null!;
    private BatchShape _shape;
    private double _eps;

    // Filled in Backward. _sums: dbeta, dgamma and dtau of every plane.
    private Tensor? _dx;
    private Tensor _sums = null!;

    /// <inheritdoc/>
    public override string Name => "FilterResponseNorm";

    public static Tensor Apply(Tensor x, Tensor? gamma, Tensor? beta, Tensor? tau, double eps)
    {
        const string name = "FilterResponseNorm";
        ArgumentNullException.ThrowIfNull(x);
        NormChecks.Eps(name, eps);
        NormChecks.Batch(name, x);
        NormChecks.PerChannel(name, x, gamma, beta);
        NormChecks.PerChannel(name, x, tau, beta: null);
        Tape? tape = Join(name, ref x);
        JoinOptional(name, tape, x, ref gamma);
        JoinOptional(name, tape, x, ref beta);
        JoinOptional(name, tape, x, ref tau);
        FilterResponseNormOp op = Rent<FilterResponseNormOp>(tape);
        (op._x, op._gamma, op._beta, op._tau, op._eps) = (x, gamma, beta, tau, eps);
        op._shape = BatchShape.Of(x);
        op._rstd = op.NewTensor(new Shape(op.Planes), DType.Float64);
        Span<Tensor> operands = [x, x, x, x];
        int count = 1;
        if (gamma is not null) operands[count++] = gamma;
        if (beta is not null) operands[count++] = beta;
        if (tau is not null) operands[count++] = tau;
        op.BindAll(x.Shape, x.DType, operands[..count]);
        return op.Execute();
    }

    /// <inheritdoc/>
    public override void Recycle()
    {
        base.Recycle();
        _x = _rstd = _sums = null!;
        _gamma = _beta = _tau = _dx = null;
    }

    /// <inheritdoc/>
    protected override void Describe(OpSettings settings)
    {
        settings.Set("gamma", _gamma);
        settings.Set("beta", _beta);
        settings.Set("eps", _eps);
        settings.Set("tau", _tau);
    }

    /// <inheritdoc/>
    protected override void Forward<T>()
    {
        if (_x.Count > 0) Workers.Run(Chunks, new ForwardJob<T>(this), _x.Count);
    }

    /// <inheritdoc/>
    protected override void Backward<T>()
    {
        _dx = Open(_x);
        Tensor? dgamma = Open(_gamma), dbeta = Open(_beta), dtau = Open(_tau);
        _sums = NewTensor([3, Planes], DType.Float64);
        if (_x.Count > 0) Workers.Run(Chunks, new BackwardJob<T>(this), _x.Count);
        else _sums.Fill(0);
        AddSamples<T>(dbeta, 0);
        AddSamples<T>(dgamma, 1);
        AddSamples<T>(dtau, 2);
        Close<T>(_x, _dx);
        Close<T>(_gamma, dgamma);
        Close<T>(_beta, dbeta);
        Close<T>(_tau, dtau);
    }

    private int Planes => _shape.Samples * _shape.Channels;

    private int PlanesPerChunk => Math.Max(1, ChunkValues / _shape.Spatial);

    private int Chunks => (Planes + PlanesPerChunk - 1) / PlanesPerChunk;

    private void ForwardPlanes<T>(int chunk) where T : unmanaged, IFloatingPointIeee754<T>
    {
        T* memory = stackalloc T[Constants<T>.Rows];
        var constants = new Constants<T>(memory, 1);
        int length = _shape.Spatial, end = Math.Min(Planes, (chunk + 1) * PlanesPerChunk);
        for (int plane = chunk * PlanesPerChunk; plane < end; plane++)
        {
            T* x = _x.Pointer<T>() + ((nint)plane * length), y = Output.Pointer<T>() + ((nint)plane * length);
            double meanSquare =
                Segments.Sum<T, Square<T>, NoMask<T>>(x, x, 1, length, length, default, default).Sum / length;
            Moments moments = NormRange.IsOutOfRange<T>(meanSquare, _eps)
                ? Moments.Scaled(x, 1, length, length, length, _eps, hasMean: false, default(NoMask<T>))
                : new Moments(0, 0, meanSquare);
            double rstd = Math.ScaleB(moments.Rstd(_eps), -moments.Exponent);
            _rstd.Pointer<double>()[plane] = rstd;
            Load(constants, plane, rstd);
            Segments.Map<T, Threshold<T>, NoMask<T>>(
                x, x, y, 1, length, length, constants, default, stream: false, ahead: true);
        }
    }

    private void BackwardPlanes<T>(int chunk) where T : unmanaged, IFloatingPointIeee754<T>
    {
        T* memory = stackalloc T[Constants<T>.Rows];
        var constants = new Constants<T>(memory, 1);
        double* sums = _sums.Pointer<double>();
        int length = _shape.Spatial, end = Math.Min(Planes, (chunk + 1) * PlanesPerChunk);
        for (int plane = chunk * PlanesPerChunk; plane < end; plane++)
        {
            T* x = _x.Pointer<T>() + ((nint)plane * length), dy = Dy.Pointer<T>() + ((nint)plane * length);
            double rstd = _rstd.Pointer<double>()[plane];
            double gamma = Load(constants, plane, rstd);
            (double sum, double product) =
                Segments.Sum<T, Passed<T>, NoMask<T>>(x, dy, 1, length, length, constants, default);
            (sums[plane], sums[Planes + plane], sums[(2 * Planes) + plane]) = (sum, rstd * product, 0);
            if (_tau is not null)
            {
                sums[(2 * Planes) + plane] =
                    Segments.Sum<T, Held<T>, NoMask<T>>(x, dy, 1, length, length, constants, default).Sum;
            }

            if (_dx is null) continue;
            *constants.B = T.CreateTruncating(-gamma * rstd * (rstd * product / length) * rstd);
            Segments.Map<T, Slope<T>, NoMask<T>>(x, dy, _dx.Pointer<T>() + ((nint)plane * length), 1, length, length,
                constants, default, stream: false, ahead: true);
        }
    }

    /// <summary>The constants of a plane: scale, shift and, as the pivot, tau. Returns gamma.</summary>
    private double Load<T>(Constants<T> constants, int plane, double rstd)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        int channel = plane % _shape.Channels;
        double gamma = _gamma is null ? 1 : double.CreateTruncating(_gamma.Pointer<T>()[channel]);
        *constants.Scale = T.CreateTruncating(gamma * rstd);
        *constants.Shift = _beta is null ? T.Zero : _beta.Pointer<T>()[channel];
        *constants.Pivot = _tau is null ? T.NegativeInfinity : _tau.Pointer<T>()[channel];
        return gamma;
    }

    /// <summary>gradient[c] = Σ over the samples, in order.</summary>
    private void AddSamples<T>(Tensor? gradient, int quantity) where T : unmanaged, IFloatingPointIeee754<T>
    {
        if (gradient is null) return;
        ReadOnlySpan<double> sums = _sums.AsSpan<double>().Slice(quantity * Planes, Planes);
        Span<T> result = gradient.AsSpan<T>();
        for (int c = 0; c < result.Length; c++)
        {
            double total = 0;
            for (int plane = c; plane < sums.Length; plane += result.Length) total += sums[plane];
            result[c] = T.CreateTruncating(total);
        }
    }

    private readonly struct ForwardJob<T>(FilterResponseNormOp op) : IJob where T : unmanaged, IFloatingPointIeee754<T>
    {
        public void Invoke(int chunk) => op.ForwardPlanes<T>(chunk);
    }

    private readonly struct BackwardJob<T>(FilterResponseNormOp op) : IJob where T : unmanaged, IFloatingPointIeee754<T>
    {
        public void Invoke(int chunk) => op.BackwardPlanes<T>(chunk);
    }

    /// <summary>max(z, tau), z = x·scale + shift.</summary>
    private readonly struct Threshold<T>(Vector512<T> scale, Vector512<T> shift, Vector512<T> tau)
        : IMap<T>, IGroupwise<Threshold<T>, T>
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        public static bool UsesDy => false;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Threshold<T> Of<TLanes>(Constants<T> constants) where TLanes : struct, ILanes =>
            new(TLanes.Load(constants.Scale), TLanes.Load(constants.Shift), TLanes.Load(constants.Pivot));

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<T> Invoke(Vector512<T> x, Vector512<T> dy) =>
            VectorMath.Max(Simd.Fma(x, scale, shift), tau);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<T> Invoke(Vector512<T> x, Vector512<T> dy, Vector512<T> counts) => Invoke(x, dy);

        /// <summary>h: what of dy reaches z. A NaN passes all, as in <c>Maximum</c>.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<T> Passed(Vector512<T> x, Vector512<T> dy)
        {
            Vector512<T> z = Simd.Fma(x, scale, shift);
            return Vector512.ConditionalSelect(Vector512.Equals(z, tau),
                dy * Vector512.Create(T.CreateTruncating(0.5)), Vector512.AndNot(dy, Vector512.LessThan(z, tau)));
        }

        /// <summary>What of dy reaches tau.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<T> Held(Vector512<T> x, Vector512<T> dy)
        {
            Vector512<T> z = Simd.Fma(x, scale, shift);
            return Vector512.ConditionalSelect(Vector512.Equals(z, tau),
                dy * Vector512.Create(T.CreateTruncating(0.5)), Vector512.AndNot(dy, Vector512.GreaterThan(z, tau)));
        }
    }

    /// <summary>Σh and Σh·x.</summary>
    private readonly struct Passed<T>(Threshold<T> forward) : ITerm<T>, IGroupwise<Passed<T>, T>
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        public static bool UsesDy => true;

        public static bool HasProduct => true;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Passed<T> Of<TLanes>(Constants<T> constants) where TLanes : struct, ILanes =>
            new(Threshold<T>.Of<TLanes>(constants));

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<T> W(Vector512<T> x) => x;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<T> U(Vector512<T> w, Vector512<T> dy) => forward.Passed(w, dy);
    }

    /// <summary>Σ(dy - h).</summary>
    private readonly struct Held<T>(Threshold<T> forward) : ITerm<T>, IGroupwise<Held<T>, T>
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        public static bool UsesDy => true;

        public static bool HasProduct => false;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Held<T> Of<TLanes>(Constants<T> constants) where TLanes : struct, ILanes =>
            new(Threshold<T>.Of<TLanes>(constants));

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<T> W(Vector512<T> x) => x;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<T> U(Vector512<T> w, Vector512<T> dy) => forward.Held(w, dy);
    }

    /// <summary>dx = scale·h + b·x.</summary>
    private readonly struct Slope<T>(Threshold<T> forward, Vector512<T> scale, Vector512<T> b)
        : IMap<T>, IGroupwise<Slope<T>, T>
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        public static bool UsesDy => true;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Slope<T> Of<TLanes>(Constants<T> constants) where TLanes : struct, ILanes =>
            new(Threshold<T>.Of<TLanes>(constants), TLanes.Load(constants.Scale), TLanes.Load(constants.B));

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<T> Invoke(Vector512<T> x, Vector512<T> dy) =>
            Simd.Fma(scale, forward.Passed(x, dy), b * x);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<T> Invoke(Vector512<T> x, Vector512<T> dy, Vector512<T> counts) => Invoke(x, dy);
    }
}
