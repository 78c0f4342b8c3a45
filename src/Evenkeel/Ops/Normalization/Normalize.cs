using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Evenkeel.Kernels;

namespace Evenkeel;

public sealed partial class Tensor
{
    /// <summary>
    /// y = x / max(‖x‖, eps) with ‖x‖ = (Σ|x|ᵖ)^(1/p) over the given dimensions: each group of values gets the norm 1.
    /// PyTorch's <c>normalize</c>, for any number of dimensions.
    /// </summary>
    /// <param name="axes">
    /// The dimensions whose values form a group; negative ones count from the end. None is all of them.
    /// </param>
    /// <param name="p">
    /// The exponent of the norm, above 0. Infinity takes the largest magnitude, over one dimension; the gradient then
    /// goes to the first of equal magnitudes, where PyTorch shares it out.
    /// </param>
    /// <param name="eps">
    /// The smallest divisor, 0 or more: a group with a smaller norm is divided by it. With 0 a group of zeros gives
    /// zeros, and no gradient.
    /// </param>
    /// <exception cref="ArgumentException">An axis does not exist or is given twice.</exception>
    /// <exception cref="ArgumentOutOfRangeException">p or eps is out of its range.</exception>
    public Tensor Normalize(ReadOnlySpan<int> axes, double p = 2, double eps = 1e-12)
    {
        NormalizeOp.CheckP("Normalize", p);
        NormalizeOp.CheckEps("Normalize", eps);
        if (!double.IsPositiveInfinity(p)) return NormalizeOp.Apply(this, axes, p, eps);
        if (axes.Length != 1)
        {
            throw new ArgumentException($"Normalize: expected one axis with p = infinity, got {axes.Length}. "
                + "Flatten the dimensions that form a group into one.", nameof(axes));
        }

        double least =
            DType == DType.Float64 ? ValueRange.SmallestNormal<double>() : ValueRange.SmallestNormal<float>();
        return this / Abs().Max(axes[0], keepDims: true).Clamp(Math.Max(eps, least), double.PositiveInfinity);
    }
}

/// <summary>
/// y = x/n, n = max(‖x‖, eps), ‖x‖ = (Σ|x|ᵖ)^(1/p) over the values of a group.
/// </summary>
/// <remarks>
/// <para>Backward. Where ‖x‖ ≥ eps, n depends on x: ∂n/∂x_i = sign(x_i)·|x_i|^(p-1)/n^(p-1) = f(y_i) with f(y) =
/// sign(y)·|y|^(p-1), because y = x/n. So dx_i = dy_i/n - f(y_i)·Σ_k dy_k·x_k/n² = (dy_i - f(y_i)·Σ_k dy_k·y_k)/n. For
/// p = 2, f(y) = y: dx is the part of dy that is orthogonal to y, divided by n. For p = 1, f is the sign, 0 at 0. Where
/// ‖x‖ &lt; eps, n is a constant and dx = dy/eps.</para>
/// <para>A group of zeros has ‖x‖ = 0. With eps = 0 its n is taken as infinite, so y = 0 and dx = 0.</para>
/// <para>The sum is taken in blocks in the element type, the blocks in double. If powers leave the range of the type,
/// the norm is computed again in double and in units of the largest magnitude.</para>
/// </remarks>
internal sealed unsafe class NormalizeOp : Op
{
    private Tensor _x = null!;
    private Tensor _norms = null!;
    private Tensor _divisors = null!;
    private Shape _kept;
    private ReductionPlan _plan;
    private double _p, _eps;
    private uint _axes;

    /// <inheritdoc/>
    public override string Name => "Normalize";

    public static void CheckP(string name, double p)
    {
        if (p > 0) return;
        throw new ArgumentOutOfRangeException(nameof(p), $"{name}: expected an exponent above 0, got {p}. "
            + "Take 2 for lengths, 1 for sums of magnitudes, infinity for the largest magnitude.");
    }

    public static void CheckEps(string name, double eps)
    {
        if (eps >= 0 && double.IsFinite(eps)) return;
        throw new ArgumentOutOfRangeException(nameof(eps),
            $"{name}: expected a finite eps of 0 or more, got {eps}. The usual value is 1e-12.");
    }

    public static Tensor Apply(Tensor x, ReadOnlySpan<int> axes, double p, double eps)
    {
        Tape? tape = Join("Normalize", ref x);
        uint reduced = Broadcasting.Axes("Normalize", x.Shape, axes);
        NormalizeOp op = Rent<NormalizeOp>(tape);
        (op._x, op._p, op._eps, op._axes) = (x, p, eps, reduced);
        op._plan = Broadcasting.Reduction(x.Shape, reduced);
        op._kept = Broadcasting.Reduced(x.Shape, reduced, keepDims: true);
        op._norms = op.NewTensor(op._kept, x.DType);
        op._divisors = op.NewTensor(op._kept, x.DType);
        op.Bind(x.Shape, x.DType, x);
        return op.Execute();
    }

    /// <inheritdoc/>
    public override void Recycle()
    {
        base.Recycle();
        _x = _norms = _divisors = null!;
    }

    /// <inheritdoc/>
    protected override void Describe(OpSettings settings)
    {
        settings.SetAxes("axes", _axes);
        settings.Set("p", _p);
        settings.Set("eps", _eps);
    }

    /// <inheritdoc/>
    protected override void Forward<T>()
    {
        T* x = _x.Pointer<T>(), norms = _norms.Pointer<T>(), divisors = _divisors.Pointer<T>();
        switch (_p)
        {
            case 2: Reduce.Sum(_plan, x, x, x, norms, 1, default(Square<T>)); break;
            case 1: Reduce.Sum(_plan, x, x, x, norms, 1, default(Magnitude<T>)); break;
            default: Reduce.Sum(_plan, x, x, x, norms, 1, new Power<T>(T.CreateTruncating(_p))); break;
        }

        // A sum below this may have lost terms; it matters only if eps does not cover it.
        double least = _plan.Reduced * ValueRange.SmallestNormal<T>() * (1 << 24);
        bool isCovered = Root(least) <= _eps;
        for (int k = 0; k < _plan.Kept; k++)
        {
            double sum = double.CreateTruncating(norms[k]);
            bool holds = double.IsFinite(sum) && (sum >= least || isCovered);
            norms[k] = T.CreateTruncating(holds ? Root(sum) : NormInDouble<T>(k));
            T divisor = T.Max(norms[k], T.CreateTruncating(_eps));
            divisors[k] = divisor == T.Zero ? T.PositiveInfinity : divisor;
        }

        Reduce.Expand(_plan, x, divisors, divisors, Output.Pointer<T>(), default(Quotient<T>));
    }

    /// <inheritdoc/>
    protected override void Backward<T>()
    {
        if (Open(_x) is not { } opened) return;
        Tensor products = NewTensor(_kept, _x.DType);
        T* dy = Dy.Pointer<T>(), y = Output.Pointer<T>(), dx = opened.Pointer<T>();
        T* sums = products.Pointer<T>(), norms = _norms.Pointer<T>(), divisors = _divisors.Pointer<T>();
        Reduce.Sum(_plan, dy, y, dy, sums, 1, default(Product<T>));
        for (int k = 0; k < _plan.Kept; k++)
            if (norms[k] < T.CreateTruncating(_eps)) sums[k] = T.Zero;
        BroadcastPlan plan = Broadcasting.Plan(_x.Shape, _x.Shape, _x.Shape, _kept);
        switch (_p)
        {
            case 2: Map.Broadcast(plan, dy, y, sums, dx, default(Less<T>)); break;
            case 1: Map.Broadcast(plan, dy, y, sums, dx, default(LessSign<T>)); break;
            default: Map.Broadcast(plan, dy, y, sums, dx, new LessPower<T>(T.CreateTruncating(_p - 1))); break;
        }

        Reduce.Expand(_plan, dx, divisors, divisors, dx, default(Quotient<T>));
        Close<T>(_x, opened);
    }

    private double Root(double sum) =>
        _p == 2 ? Math.Sqrt(sum) : _p == 1 || sum == 0 ? sum : VectorMath.Pow(sum, 1 / _p);

    /// <summary>The norm of a group whose powers leave the range of T.</summary>
    private double NormInDouble<T>(int kept) where T : unmanaged, IFloatingPointIeee754<T>
    {
        T* x = _x.Pointer<T>();
        double peak = 0, sum = 0;
        for (int r = 0; r < _plan.Reduced; r++)
        {
            double value = Math.Abs(double.CreateTruncating(x[_plan.ElementAt(kept, r)]));
            if (!double.IsFinite(value)) return value;
            peak = Math.Max(peak, value);
        }

        if (peak == 0) return 0;
        for (int r = 0; r < _plan.Reduced; r++)
        {
            double value = Math.Abs(double.CreateTruncating(x[_plan.ElementAt(kept, r)])) / peak;
            sum += _p == 2 ? value * value : _p == 1 ? value : VectorMath.Pow(value, _p);
        }

        return peak * Root(sum);
    }

    private readonly struct Square<T> : IFormula<T> where T : unmanaged, IFloatingPointIeee754<T>
    {
        public static bool ReadsB => false;

        public static bool ReadsC => false;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<T> Invoke(Vector512<T> a, Vector512<T> b, Vector512<T> c) => a * a;
    }

    private readonly struct Magnitude<T> : IFormula<T> where T : unmanaged, IFloatingPointIeee754<T>
    {
        public static bool ReadsB => false;

        public static bool ReadsC => false;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<T> Invoke(Vector512<T> a, Vector512<T> b, Vector512<T> c) => Vector512.Abs(a);
    }

    /// <summary>|a|ᵖ.</summary>
    private readonly struct Power<T>(T p) : IFormula<T> where T : unmanaged, IFloatingPointIeee754<T>
    {
        private readonly Vector512<T> _p = Simd.Broadcast(p);

        public static bool ReadsB => false;

        public static bool ReadsC => false;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<T> Invoke(Vector512<T> a, Vector512<T> b, Vector512<T> c) =>
            VectorMath.Pow(Vector512.Abs(a), _p);
    }

    private readonly struct Product<T> : IFormula<T> where T : unmanaged, IFloatingPointIeee754<T>
    {
        public static bool ReadsB => true;

        public static bool ReadsC => false;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<T> Invoke(Vector512<T> a, Vector512<T> b, Vector512<T> c) => a * b;
    }

    private readonly struct Quotient<T> : IFormula<T> where T : unmanaged, IFloatingPointIeee754<T>
    {
        public static bool ReadsB => true;

        public static bool ReadsC => false;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<T> Invoke(Vector512<T> a, Vector512<T> b, Vector512<T> c) => a / b;
    }

    /// <summary>a - b·c.</summary>
    private readonly struct Less<T> : IFormula<T> where T : unmanaged, IFloatingPointIeee754<T>
    {
        public static bool ReadsB => true;

        public static bool ReadsC => true;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<T> Invoke(Vector512<T> a, Vector512<T> b, Vector512<T> c) => a - (b * c);
    }

    /// <summary>a - sign(b)·c.</summary>
    private readonly struct LessSign<T> : IFormula<T> where T : unmanaged, IFloatingPointIeee754<T>
    {
        public static bool ReadsB => true;

        public static bool ReadsC => true;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<T> Invoke(Vector512<T> a, Vector512<T> b, Vector512<T> c) => a - Vector512.ConditionalSelect(
            Vector512.Equals(b, default), default, Vector512.ConditionalSelect(Vector512.LessThan(b, default), -c, c));
    }

    /// <summary>a - sign(b)·|b|^q·c, q = p - 1; a where b is 0.</summary>
    private readonly struct LessPower<T>(T q) : IFormula<T> where T : unmanaged, IFloatingPointIeee754<T>
    {
        private readonly Vector512<T> _q = Simd.Broadcast(q);

        public static bool ReadsB => true;

        public static bool ReadsC => true;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<T> Invoke(Vector512<T> a, Vector512<T> b, Vector512<T> c)
        {
            Vector512<T> term = VectorMath.Pow(Vector512.Abs(b), _q) * c;
            return a - Vector512.ConditionalSelect(Vector512.Equals(b, default), default,
                Vector512.ConditionalSelect(Vector512.LessThan(b, default), -term, term));
        }
    }
}
