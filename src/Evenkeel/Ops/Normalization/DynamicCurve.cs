using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Evenkeel.Kernels;

namespace Evenkeel;

public sealed partial class Tensor
{
    /// <summary>
    /// Dynamic Tanh: y = gamma·tanh(alpha·x) + beta, element by element, alpha one number for all. The functional form;
    /// see <c>DynamicTanh</c>.
    /// </summary>
    /// <param name="alpha">alpha, of shape (1).</param>
    /// <param name="gamma">Scale, of the shape of the trailing dimensions, or (C) if they are channels first.</param>
    /// <param name="beta">Shift, of gamma's shape.</param>
    /// <param name="channelsLast">
    /// Whether gamma and beta belong to the trailing dimensions, which is the default; otherwise to dimension 1 of
    /// (N, C, ...).
    /// </param>
    /// <exception cref="ArgumentException">The shapes or element types do not fit.</exception>
    public Tensor DynamicTanh(Tensor alpha, Tensor gamma, Tensor beta, bool channelsLast = true) =>
        DynamicCurve<TanhCurve>.Apply("DynamicTanh", this, alpha, shift: null, gamma, beta, channelsLast);

    /// <summary>
    /// Dynamic erf (Derf): y = gamma·erf(alpha·x + s) + beta, element by element, alpha and s one number each for all.
    /// The functional form; see <c>DynamicErf</c>.
    /// </summary>
    /// <param name="alpha">alpha, of shape (1).</param>
    /// <param name="shift">s, of shape (1).</param>
    /// <param name="gamma">Scale, of the shape of the trailing dimensions, or (C) if they are channels first.</param>
    /// <param name="beta">Shift of the result, of gamma's shape.</param>
    /// <param name="channelsLast">
    /// Whether gamma and beta belong to the trailing dimensions, which is the default; otherwise to dimension 1 of
    /// (N, C, ...).
    /// </param>
    /// <exception cref="ArgumentException">The shapes or element types do not fit.</exception>
    public Tensor DynamicErf(
        Tensor alpha, Tensor shift, Tensor gamma, Tensor beta, bool channelsLast = true) =>
        DynamicCurve<ErfCurve>.Apply("DynamicErf", this, alpha, shift, gamma, beta, channelsLast);
}

/// <summary>An S-shaped function.</summary>
internal interface ICurve
{
    /// <summary>f(u).</summary>
    static abstract Vector512<T> Value<T>(Vector512<T> u) where T : unmanaged, IFloatingPointIeee754<T>;

    /// <summary>f'(u).</summary>
    static abstract Vector512<T> Slope<T>(Vector512<T> u) where T : unmanaged, IFloatingPointIeee754<T>;
}

/// <summary>tanh u; 1 - tanh² u.</summary>
internal readonly struct TanhCurve : ICurve
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<T> Value<T>(Vector512<T> u) where T : unmanaged, IFloatingPointIeee754<T> =>
        VectorMath.Tanh(u);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<T> Slope<T>(Vector512<T> u) where T : unmanaged, IFloatingPointIeee754<T>
    {
        Vector512<T> t = VectorMath.Tanh(u);
        return Vector512.Create(T.One) - (t * t);
    }
}

/// <summary>erf u; 2/√π·exp(-u²).</summary>
internal readonly struct ErfCurve : ICurve
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<T> Value<T>(Vector512<T> u) where T : unmanaged, IFloatingPointIeee754<T> =>
        VectorMath.Erf(u);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<T> Slope<T>(Vector512<T> u) where T : unmanaged, IFloatingPointIeee754<T> =>
        VectorMath.Exp(-u * u) * Vector512.Create(T.CreateTruncating(1.1283791670955126));
}

/// <summary>
/// y = gamma·f(u) + beta, u = alpha·x + s, for an S-shaped f: what stands in place of a norm without statistics.
/// </summary>
/// <remarks>
/// Backward: dbeta = Σ dy and dgamma = Σ dy·f(u) over the values that share them. With h = dy·gamma·f'(u) = dL/du: dx =
/// alpha·h; alpha and s are in every u, so dalpha = Σ h·x and ds = Σ h over all values.
/// </remarks>
internal sealed unsafe class DynamicCurve<TCurve> : Op where TCurve : struct, ICurve
{
    private readonly Tensor[] _operands = new Tensor[4];
    private Tensor? _shift;
    private string _name = "";

    // x as (rows, features) or (samples, channels, positions), and gamma as what repeats over it.
    private Shape _view, _features;

    /// <inheritdoc/>
    public override string Name => _name;

    private Tensor X => _operands[0];

    private Tensor Alpha => _operands[1];

    private Tensor Gamma => _operands[2];

    private Tensor Beta => _operands[3];

    public static Tensor Apply(
        string name, Tensor x, Tensor alpha, Tensor? shift, Tensor gamma, Tensor beta, bool channelsLast)
    {
        ArgumentNullException.ThrowIfNull(x);
        ArgumentNullException.ThrowIfNull(alpha);
        ArgumentNullException.ThrowIfNull(gamma);
        ArgumentNullException.ThrowIfNull(beta);
        Span<Tensor> operands = [x, alpha, gamma, beta];
        Tape? tape = JoinAll(name, operands);
        JoinOptional(name, tape, operands[0], ref shift);
        CheckOne(name, nameof(alpha), alpha);
        if (shift is not null) CheckOne(name, nameof(shift), shift);
        if (channelsLast)
        {
            NormChecks.TrailingShape(name, gamma.Shape, x);
            NormChecks.OfShape(name, "beta (bias)", beta, x, gamma.Shape);
        }
        else
        {
            NormChecks.Batch(name, x);
            NormChecks.PerChannel(name, x, gamma, beta);
        }

        var op = Rent<DynamicCurve<TCurve>>(tape);
        (op._name, op._shift) = (name, shift);
        operands.CopyTo(op._operands);
        int rows = x.Shape[0], count = gamma.Count;
        (op._view, op._features) = channelsLast
            ? (new Shape(count == 0 ? 0 : x.Count / count, count), new Shape(count))
            : (new Shape(rows, count, x.Count == 0 ? 0 : x.Count / rows / count), new Shape(count, 1));
        if (shift is null) op.BindAll(x.Shape, x.DType, operands);
        else op.BindAll(x.Shape, x.DType, [.. operands, shift]);
        return op.Execute();
    }

    /// <inheritdoc/>
    public override void Recycle()
    {
        base.Recycle();
        Array.Clear(_operands);
        _shift = null;
    }

    /// <inheritdoc/>
    protected override void Describe(OpSettings settings)
    {
        settings.Set("alpha", Alpha);
        settings.Set("shift", _shift);
        settings.Set("gamma", Gamma);
        settings.Set("beta", Beta);
        settings.Set("channelsLast", _view.Rank == 2);
    }

    /// <inheritdoc/>
    protected override void Forward<T>() => Map.Broadcast(
        Broadcasting.Plan(_view, _view, _features, _features), X.Pointer<T>(), Gamma.Pointer<T>(), Beta.Pointer<T>(),
        Output.Pointer<T>(), new Value<T>(Inner<T>()));

    /// <inheritdoc/>
    protected override void Backward<T>()
    {
        T* x = X.Pointer<T>(), dy = Dy.Pointer<T>(), gamma = Gamma.Pointer<T>();
        Inner<T> inner = Inner<T>();
        ReductionPlan perFeature = Broadcasting.Reduction(_view, _features);
        if (Open(Beta) is { } dbeta)
        {
            Reduce.Sum(perFeature, dy, dy, dy, dbeta.Pointer<T>(), 1, default(Identity<T>));
            Close<T>(Beta, dbeta);
        }

        if (Open(Gamma) is { } dgamma)
        {
            Reduce.Sum(perFeature, dy, x, dy, dgamma.Pointer<T>(), 1, new Weighted<T>(inner));
            Close<T>(Gamma, dgamma);
        }

        Tensor? dx = Open(X), dalpha = Open(Alpha), dshift = Open(_shift);
        if (dx is null && dalpha is null && dshift is null) return;
        T* h = (dx ?? NewTensor(X.Shape, X.DType)).Pointer<T>();
        Map.Broadcast(Broadcasting.Plan(_view, _view, _view, _features), dy, x, gamma, h, new Chained<T>(inner));
        ReductionPlan all = ReductionPlan.Create([X.Count], reduced: 1);
        if (dalpha is not null) Reduce.Sum(all, h, x, h, dalpha.Pointer<T>(), 1, default(Product<T>));
        if (dshift is not null) Reduce.Sum(all, h, h, h, dshift.Pointer<T>(), 1, default(Identity<T>));
        if (dx is not null) Map.Run(h, h, h, h, X.Count, new Times<T>(*Alpha.Pointer<T>()));
        Close<T>(X, dx);
        Close<T>(Alpha, dalpha);
        Close<T>(_shift, dshift);
    }

    private Inner<T> Inner<T>() where T : unmanaged, IFloatingPointIeee754<T> =>
        new(*Alpha.Pointer<T>(), _shift is null ? T.Zero : *_shift.Pointer<T>());

    private static void CheckOne(string name, string what, Tensor value)
    {
        if (value.Count == 1) return;
        throw new ArgumentException($"{name}: expected {what} as one number, of shape (1), got shape {value.Shape}. "
            + "It is shared by all values.", what);
    }

    private readonly struct Value<T>(Inner<T> inner) : IFormula<T> where T : unmanaged, IFloatingPointIeee754<T>
    {
        public static bool ReadsB => true;

        public static bool ReadsC => true;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<T> Invoke(Vector512<T> a, Vector512<T> b, Vector512<T> c) =>
            Simd.Fma(TCurve.Value(inner.Of(a)), b, c);
    }

    /// <summary>dy·f(u) from dy and x.</summary>
    private readonly struct Weighted<T>(Inner<T> inner) : IFormula<T> where T : unmanaged, IFloatingPointIeee754<T>
    {
        public static bool ReadsB => true;

        public static bool ReadsC => false;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<T> Invoke(Vector512<T> a, Vector512<T> b, Vector512<T> c) => a * TCurve.Value(inner.Of(b));
    }

    /// <summary>dy·gamma·f'(u) from dy, x and gamma.</summary>
    private readonly struct Chained<T>(Inner<T> inner) : IFormula<T> where T : unmanaged, IFloatingPointIeee754<T>
    {
        public static bool ReadsB => true;

        public static bool ReadsC => true;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<T> Invoke(Vector512<T> a, Vector512<T> b, Vector512<T> c) =>
            a * c * TCurve.Slope(inner.Of(b));
    }

    private readonly struct Product<T> : IFormula<T> where T : unmanaged, IFloatingPointIeee754<T>
    {
        public static bool ReadsB => true;

        public static bool ReadsC => false;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<T> Invoke(Vector512<T> a, Vector512<T> b, Vector512<T> c) => a * b;
    }

    private readonly struct Times<T>(T factor) : IFormula<T> where T : unmanaged, IFloatingPointIeee754<T>
    {
        private readonly Vector512<T> _factor = Simd.Broadcast(factor);

        public static bool ReadsB => false;

        public static bool ReadsC => false;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<T> Invoke(Vector512<T> a, Vector512<T> b, Vector512<T> c) => a * _factor;
    }
}

/// <summary>u = alpha·x + s.</summary>
internal readonly struct Inner<T>(T alpha, T shift) where T : unmanaged, IFloatingPointIeee754<T>
{
    private readonly Vector512<T> _alpha = Simd.Broadcast(alpha), _shift = Simd.Broadcast(shift);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<T> Of(Vector512<T> x) => Simd.Fma(_alpha, x, _shift);
}
