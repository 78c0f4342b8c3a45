using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Evenkeel.Kernels;

namespace Evenkeel;

/// <summary>
/// y = W/sigma for a matrix W (h, m), sigma = uᵀ·W·v, u (h) and v (m) unit vectors that follow the largest singular
/// value.
/// </summary>
/// <remarks>
/// <para>A power iteration is u = W·v/‖W·v‖, v = Wᵀ·u/‖Wᵀ·u‖. From a random start the two approach the singular vectors
/// of the largest singular value, and sigma that value: by (s₂/s₁)² per iteration. A weight changes little in a step of
/// training, so one iteration a pass keeps up.</para>
/// <para>Backward: u and v are constants. ∂sigma/∂W = u·vᵀ, so dW = dy/sigma - (Σ dy⊙W)/sigma²·u·vᵀ = (dy - (Σ
/// dy⊙y)·u·vᵀ)/sigma. With the exact singular vectors this is the exact derivative, because sigma does not change to
/// first order if they turn.</para>
/// <para>A weight of zeros has sigma = 0, which is taken as infinite: y = 0 and dW = 0, where PyTorch has NaN.</para>
/// </remarks>
internal sealed unsafe class SpectralNormOp : Op
{
    private Tensor _weight = null!;
    private Tensor _liveU = null!;
    private Tensor _liveV = null!;
    private Tensor _u = null!;
    private Tensor _v = null!;
    private Tensor? _before;
    private int _iterations;
    private double _eps, _sigma;

    /// <inheritdoc/>
    public override string Name => "SpectralNorm";

    /// <summary>Applies the op.</summary>
    /// <param name="weight">W, a matrix.</param>
    /// <param name="u">u, which the iterations update.</param>
    /// <param name="v">v, which the iterations update.</param>
    /// <param name="iterations">Power iterations before sigma is taken; 0 leaves u and v alone.</param>
    /// <param name="eps">The smallest divisor of u and v.</param>
    public static Tensor Apply(Tensor weight, Tensor u, Tensor v, int iterations, double eps)
    {
        Tape? tape = Join("SpectralNorm", ref weight);
        SpectralNormOp op = Rent<SpectralNormOp>(tape);
        (op._weight, op._liveU, op._liveV, op._iterations, op._eps) = (weight, u, v, iterations, eps);
        op._u = op.NewTensor(u.Shape, weight.DType);
        op._v = op.NewTensor(v.Shape, weight.DType);
        op._before = iterations > 0 && tape is not null ? op.NewTensor(new Shape(u.Count + v.Count), u.DType) : null;
        op.Bind(weight.Shape, weight.DType, weight);
        return op.Execute();
    }

    /// <summary>Turns u and v towards the singular vectors of the largest singular value.</summary>
    public static void Iterate(Tensor weight, Tensor u, Tensor v, int iterations, double eps)
    {
        if (weight.DType == DType.Float64) Iterate<double>(weight, u, v, iterations, eps);
        else Iterate<float>(weight, u, v, iterations, eps);
        GC.KeepAlive(weight);
        GC.KeepAlive(u);
        GC.KeepAlive(v);
    }

    /// <inheritdoc/>
    public override void Recycle()
    {
        base.Recycle();
        _weight = _liveU = _liveV = _u = _v = null!;
        _before = null;
    }

    /// <inheritdoc/>
    public override void Undo()
    {
        if (_before is null) return;
        Span<byte> before = _before.Bytes(), u = _liveU.Bytes(), v = _liveV.Bytes();
        before[..u.Length].CopyTo(u);
        before[u.Length..].CopyTo(v);
    }

    /// <inheritdoc/>
    protected override void Forward<T>()
    {
        if (_before is not null)
        {
            Span<byte> before = _before.Bytes(), u = _liveU.Bytes();
            u.CopyTo(before);
            _liveV.Bytes().CopyTo(before[u.Length..]);
        }

        Iterate<T>(_weight, _liveU, _liveV, _iterations, _eps);
        _u.CopyFrom(_liveU);
        _v.CopyFrom(_liveV);
        int h = _weight.Shape[0], m = _weight.Shape[1];
        T* product = NewTensor(_u.Shape, _weight.DType).Pointer<T>();
        Gemm.Run(transposeA: false, transposeB: true,
            1, h, m, _v.Pointer<T>(), m, _weight.Pointer<T>(), m, product, h, accumulate: false);
        _sigma = 0;
        for (int i = 0; i < h; i++)
            _sigma += double.CreateTruncating(_u.Pointer<T>()[i]) * double.CreateTruncating(product[i]);
        if (_sigma == 0) _sigma = double.PositiveInfinity;
        T* w = _weight.Pointer<T>();
        Map.Run(w, w, w, Output.Pointer<T>(), Output.Count, new DividedBy<T>(T.CreateTruncating(_sigma)));
    }

    /// <inheritdoc/>
    protected override void Backward<T>()
    {
        if (Open(_weight) is not { } opened) return;
        T* dy = Dy.Pointer<T>(), y = Output.Pointer<T>(), sum = NewTensor([1], _weight.DType).Pointer<T>();
        Reduce.Sum(Broadcasting.Reduction(_weight.Shape, reduced: 0b11), dy, y, dy, sum, 1, default(Product<T>));
        int h = _weight.Shape[0], m = _weight.Shape[1];
        Map.Broadcast(Broadcasting.Plan(_weight.Shape, _weight.Shape, [h, 1], [1, m]), dy, _u.Pointer<T>(),
            _v.Pointer<T>(), opened.Pointer<T>(), new Slope<T>(*sum, T.CreateTruncating(_sigma)));
        Close<T>(_weight, opened);
    }

    private static void Iterate<T>(Tensor weight, Tensor u, Tensor v, int iterations, double eps)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        int h = weight.Shape[0], m = weight.Shape[1];
        for (int i = 0; i < iterations; i++)
        {
            Gemm.Run(transposeA: false, transposeB: true,
                1, h, m, v.Pointer<T>(), m, weight.Pointer<T>(), m, u.Pointer<T>(), h, accumulate: false);
            ToUnit(u.AsSpan<T>(), eps);
            Gemm.Run(transposeA: false, transposeB: false,
                1, m, h, u.Pointer<T>(), h, weight.Pointer<T>(), m, v.Pointer<T>(), m, accumulate: false);
            ToUnit(v.AsSpan<T>(), eps);
        }
    }

    private static void ToUnit<T>(Span<T> vector, double eps) where T : unmanaged, IFloatingPointIeee754<T>
    {
        double sum = 0;
        foreach (T value in vector) sum += double.CreateTruncating(value) * double.CreateTruncating(value);
        double norm = Math.Max(Math.Sqrt(sum), eps);
        foreach (ref T value in vector) value = T.CreateTruncating(double.CreateTruncating(value) / norm);
    }

    private readonly struct DividedBy<T>(T divisor) : IFormula<T> where T : unmanaged, IFloatingPointIeee754<T>
    {
        private readonly Vector512<T> _divisor = Simd.Broadcast(divisor);

        public static bool ReadsB => false;

        public static bool ReadsC => false;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<T> Invoke(Vector512<T> a, Vector512<T> b, Vector512<T> c) => a / _divisor;
    }

    private readonly struct Product<T> : IFormula<T> where T : unmanaged, IFloatingPointIeee754<T>
    {
        public static bool ReadsB => true;

        public static bool ReadsC => false;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<T> Invoke(Vector512<T> a, Vector512<T> b, Vector512<T> c) => a * b;
    }

    /// <summary>(a - sum·b·c)/sigma.</summary>
    private readonly struct Slope<T>(T sum, T sigma) : IFormula<T> where T : unmanaged, IFloatingPointIeee754<T>
    {
        private readonly Vector512<T> _sum = Simd.Broadcast(sum), _sigma = Simd.Broadcast(sigma);

        public static bool ReadsB => true;

        public static bool ReadsC => true;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<T> Invoke(Vector512<T> a, Vector512<T> b, Vector512<T> c) => (a - (_sum * b * c)) / _sigma;
    }
}
