using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Evenkeel.Kernels;

namespace Evenkeel;

/// <summary>The loss f(x, t) of one element, with one constant k that all elements share.</summary>
internal interface ILossFormula
{
    /// <summary>f(x, t).</summary>
    static abstract Vector512<T> Value<T>(Vector512<T> x, Vector512<T> t, Vector512<T> k)
        where T : unmanaged, IFloatingPointIeee754<T>;

    /// <summary>∂f/∂x.</summary>
    static abstract Vector512<T> Slope<T>(Vector512<T> x, Vector512<T> t, Vector512<T> k)
        where T : unmanaged, IFloatingPointIeee754<T>;

    /// <summary>∂f/∂t.</summary>
    static abstract Vector512<T> TargetSlope<T>(Vector512<T> x, Vector512<T> t, Vector512<T> k)
        where T : unmanaged, IFloatingPointIeee754<T>;
}

/// <summary>
/// The base of all losses that are the mean of a formula over the elements: L = Σ f(x, t)/m, dx = (dL/m)·∂f/∂x,
/// dt = (dL/m)·∂f/∂t. It is summed like <see cref="Tensor.Sum"/>. The op's file has the formula and its derivatives.
/// </summary>
internal abstract unsafe class ElementwiseLoss<TFormula> : Op where TFormula : struct, ILossFormula
{
    private Tensor _x = null!;
    private Tensor _target = null!;
    private double _constant;

    /// <summary>Applies the op.</summary>
    protected static Tensor Apply<TOp>(string name, Tensor x, Tensor target, double constant)
        where TOp : ElementwiseLoss<TFormula>, new()
    {
        Tape? tape = Join(name, ref x, ref target);
        NumberTargets.Check(name, x, target);
        TOp op = Rent<TOp>(tape);
        (op._x, op._target, op._constant) = (x, target, constant);
        op.Bind([], x.DType, x, target);
        return op.Execute();
    }

    /// <inheritdoc/>
    public sealed override void Recycle()
    {
        base.Recycle();
        _x = _target = null!;
    }

    /// <inheritdoc/>
    protected sealed override void Forward<T>()
    {
        T* target = _target.Pointer<T>();
        ReductionPlan plan = Broadcasting.Reduction([_x.Count], reduced: 1);
        Reduce.Sum(plan, _x.Pointer<T>(), target, target, Output.Pointer<T>(), _x.Count,
            new Value<T>(T.CreateTruncating(_constant)));
    }

    /// <inheritdoc/>
    protected sealed override void Backward<T>()
    {
        T constant = T.CreateTruncating(_constant), scale = T.CreateTruncating(Dy.Item() / _x.Count);
        T* x = _x.Pointer<T>(), target = _target.Pointer<T>();
        if (Open(_x) is { } dx)
        {
            Map.Run(x, target, target, dx.Pointer<T>(), dx.Count, new Slope<T>(constant, scale));
            Close<T>(_x, dx);
        }

        if (Open(_target) is { } dt)
        {
            Map.Run(x, target, target, dt.Pointer<T>(), dt.Count, new TargetSlope<T>(constant, scale));
            Close<T>(_target, dt);
        }
    }

    private readonly struct Value<T>(T constant) : IFormula<T> where T : unmanaged, IFloatingPointIeee754<T>
    {
        private readonly Vector512<T> _constant = Simd.Broadcast(constant);

        public static bool ReadsB => true;

        public static bool ReadsC => false;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<T> Invoke(Vector512<T> a, Vector512<T> b, Vector512<T> c) => TFormula.Value(a, b, _constant);
    }

    private readonly struct Slope<T>(T constant, T scale) : IFormula<T> where T : unmanaged, IFloatingPointIeee754<T>
    {
        private readonly Vector512<T> _constant = Simd.Broadcast(constant), _scale = Simd.Broadcast(scale);

        public static bool ReadsB => true;

        public static bool ReadsC => false;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<T> Invoke(Vector512<T> a, Vector512<T> b, Vector512<T> c) =>
            TFormula.Slope(a, b, _constant) * _scale;
    }

    private readonly struct TargetSlope<T>(T constant, T scale) : IFormula<T>
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        private readonly Vector512<T> _constant = Simd.Broadcast(constant), _scale = Simd.Broadcast(scale);

        public static bool ReadsB => true;

        public static bool ReadsC => false;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<T> Invoke(Vector512<T> a, Vector512<T> b, Vector512<T> c) =>
            TFormula.TargetSlope(a, b, _constant) * _scale;
    }
}

/// <summary>The checks that all losses with numbers as targets share.</summary>
internal static class NumberTargets
{
    /// <summary>Checks that the target has the input's shape and that there is an element.</summary>
    /// <exception cref="ArgumentException">The shapes differ, or there are no elements.</exception>
    public static void Check(string op, Tensor x, Tensor target)
    {
        if (x.Shape != target.Shape)
        {
            throw new ArgumentException($"{op}: expected a target of shape {x.Shape} like the input, "
                + $"got {target.Shape}. Reshape one of them; this loss does not broadcast.", nameof(target));
        }

        if (x.Count == 0)
        {
            throw new ArgumentException(
                $"{op}: expected at least one element, got shape {x.Shape}. Skip empty batches.", nameof(x));
        }
    }
}

/// <summary>Formulas that several losses share.</summary>
internal static class LossMath
{
    /// <summary>1, -1, or the value itself if it is 0 or NaN.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<T> Sign<T>(Vector512<T> x) where T : unmanaged, IFloatingPointIeee754<T> =>
        Vector512.ConditionalSelect(Vector512.GreaterThan(x, Vector512<T>.Zero), Vector512<T>.One,
            Vector512.ConditionalSelect(Vector512.LessThan(x, Vector512<T>.Zero), -Vector512<T>.One, x));

    /// <summary>
    /// ln(1 + e^-|x|). With u = 1 + e rounded, ln(u)·e/(u - 1) takes back the rounding (Kahan); if u is 1, it is e.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<T> LogOnePlusExp<T>(Vector512<T> x) where T : unmanaged, IFloatingPointIeee754<T>
    {
        Vector512<T> e = VectorMath.Exp(-Vector512.Abs(x)), u = Vector512<T>.One + e;
        return Vector512.ConditionalSelect(
            Vector512.Equals(u, Vector512<T>.One), e, VectorMath.Log(u) * (e / (u - Vector512<T>.One)));
    }
}
