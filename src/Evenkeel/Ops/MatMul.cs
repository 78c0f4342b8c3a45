using Evenkeel.Kernels;

namespace Evenkeel;

public sealed partial class Tensor
{
    /// <summary>
    /// The matrix product op(a)·op(b) of the last two dimensions; op transposes if its flag is set. No transposed copy
    /// is made. The leading dimensions must be the same in both, or one operand is a plain matrix, which is used for
    /// all matrices of the other.
    /// </summary>
    /// <param name="other">The right operand b: (..., k, n), or (..., n, k) if it is transposed.</param>
    /// <param name="transposeA">Whether this operand a is (..., k, m) instead of (..., m, k). Default: false.</param>
    /// <param name="transposeB">Whether b is (..., n, k) instead of (..., k, n). Default: false.</param>
    /// <exception cref="ArgumentException">The shapes or element types do not fit.</exception>
    public Tensor MatMul(Tensor other, bool transposeA = false, bool transposeB = false) =>
        MatMulOp.Apply(this, other, transposeA, transposeB);
}

/// <summary>
/// y = op(a)·op(b), (m, k) times (k, n), once per index of the leading dimensions.
/// </summary>
/// <remarks>
/// y[i,j] = Σ_p A[i,p]·B[p,j] with A = op(a), B = op(b). So dA = dy·Bᵀ and dB = Aᵀ·dy.
/// If a is stored transposed, da = dAᵀ = B·dyᵀ; if b is, db = dBᵀ = dyᵀ·A. A matrix that is used for all leading
/// indices gets the sum of their contributions.
/// </remarks>
internal sealed unsafe class MatMulOp : Op
{
    private Tensor _a = null!;
    private Tensor _b = null!;
    private bool _transposeA, _transposeB;
    private int _batch, _m, _n, _k, _stepA, _stepB;

    /// <inheritdoc/>
    public override string Name => "MatMul";

    private int LdA => _transposeA ? _m : _k;

    private int LdB => _transposeB ? _k : _n;

    public static Tensor Apply(Tensor a, Tensor b, bool transposeA, bool transposeB)
    {
        Tape? tape = Join("MatMul", ref a, ref b);
        Shape shapeA = a.Shape, shapeB = b.Shape;
        if (shapeA.Rank < 2 || shapeB.Rank < 2)
        {
            throw new ArgumentException($"MatMul: expected matrices (two dimensions or more), "
                + $"got {shapeA} and {shapeB}. Reshape a vector to a matrix of one row or column.",
                shapeA.Rank < 2 ? nameof(a) : nameof(b));
        }

        int m = shapeA[transposeA ? -1 : -2], k = shapeA[transposeA ? -2 : -1];
        int n = shapeB[transposeB ? -2 : -1], inner = shapeB[transposeB ? -1 : -2];
        if (k != inner)
        {
            throw new ArgumentException($"MatMul: expected inner dimensions to agree, "
                + $"got {k} of {shapeA}{(transposeA ? " transposed" : "")} and {inner} of "
                + $"{shapeB}{(transposeB ? " transposed" : "")}. Set transposeA or transposeB, or swap the operands.",
                nameof(b));
        }

        Shape leading = shapeA.Rank >= shapeB.Rank ? shapeA : shapeB;
        bool same = shapeA.Rank == shapeB.Rank;
        for (int i = 0; same && i < leading.Rank - 2; i++) same = shapeA[i] == shapeB[i];
        if (!same && shapeA.Rank != 2 && shapeB.Rank != 2)
        {
            throw new ArgumentException($"MatMul: expected the same leading dimensions, "
                + $"or one operand that is a plain matrix, got {shapeA} and {shapeB}.", nameof(b));
        }

        Span<int> sizes = stackalloc int[leading.Rank];
        leading.CopyTo(sizes);
        (sizes[^2], sizes[^1]) = (m, n);
        var shape = new Shape(sizes);
        MatMulOp op = Rent<MatMulOp>(tape);
        (op._a, op._b, op._transposeA, op._transposeB) = (a, b, transposeA, transposeB);
        (op._m, op._n, op._k, op._batch) = (m, n, k, 1);
        for (int i = 0; i < leading.Rank - 2; i++) op._batch *= leading[i];
        op._stepA = shapeA.Rank == 2 ? 0 : m * k;
        op._stepB = shapeB.Rank == 2 ? 0 : k * n;
        op.Bind(shape, a.DType, a, b);
        return op.Execute();
    }

    /// <inheritdoc/>
    public override void Recycle()
    {
        base.Recycle();
        _a = _b = null!;
    }

    /// <inheritdoc/>
    protected override void Describe(OpSettings settings)
    {
        settings.Set("transposeA", _transposeA);
        settings.Set("transposeB", _transposeB);
    }

    /// <inheritdoc/>
    protected override void Forward<T>()
    {
        T* a = _a.Pointer<T>(), b = _b.Pointer<T>(), y = Output.Pointer<T>();
        for (int i = 0; i < _batch; i++)
        {
            Gemm.Run(_transposeA, _transposeB,
                _m, _n, _k, a + (i * _stepA), LdA, b + (i * _stepB), LdB, y + (i * _m * _n), _n, accumulate: false);
        }
    }

    /// <inheritdoc/>
    protected override void Backward<T>()
    {
        T* a = _a.Pointer<T>(), b = _b.Pointer<T>(), dy = Dy.Pointer<T>();
        if (Open(_a) is { } opened)
        {
            T* da = opened.Pointer<T>();
            if (_batch == 0) opened.AsSpan<T>().Clear();
            for (int i = 0; i < _batch; i++)
            {
                bool adds = _stepA == 0 && i > 0;
                T* dyi = dy + (i * _m * _n), bi = b + (i * _stepB), dai = da + (i * _stepA);
                if (_transposeA) Gemm.Run(_transposeB, transposeB: true, _k, _m, _n, bi, LdB, dyi, _n, dai, LdA, adds);
                else Gemm.Run(transposeA: false, !_transposeB, _m, _k, _n, dyi, _n, bi, LdB, dai, LdA, adds);
            }

            Close<T>(_a, opened);
        }

        if (Open(_b) is { } openedB)
        {
            T* db = openedB.Pointer<T>();
            if (_batch == 0) openedB.AsSpan<T>().Clear();
            for (int i = 0; i < _batch; i++)
            {
                bool adds = _stepB == 0 && i > 0;
                T* dyi = dy + (i * _m * _n), ai = a + (i * _stepA), dbi = db + (i * _stepB);
                if (_transposeB) Gemm.Run(transposeA: true, _transposeA, _n, _k, _m, dyi, _n, ai, LdA, dbi, LdB, adds);
                else Gemm.Run(!_transposeA, transposeB: false, _k, _n, _m, ai, LdA, dyi, _n, dbi, LdB, adds);
            }

            Close<T>(_b, openedB);
        }
    }
}
