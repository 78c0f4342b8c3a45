using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Evenkeel.Kernels;

namespace Evenkeel;

public sealed partial class Tensor
{
    /// <summary>
    /// Binary cross-entropy of logits x: a scalar, the mean over all elements of
    /// -w·(p·t·ln σ(x) + (1-t)·ln(1 - σ(x))), with σ the sigmoid. It is computed without forming σ(x) first, so that
    /// large logits keep their digits. Semantics of PyTorch's <c>binary_cross_entropy_with_logits</c> with the
    /// reduction "mean": weights do not change the divisor.
    /// </summary>
    /// <param name="target">
    /// t, from 0 to 1: same shape and type as this tensor. It gets a gradient if it requires one.
    /// </param>
    /// <param name="weight">
    /// w, of a shape that broadcasts to this tensor's: weights of samples are (N, 1). Default: null, all are 1.
    /// </param>
    /// <param name="posWeight">
    /// p, the weight of the part of the 1s, of a shape that broadcasts to this tensor's: weights of columns are (C).
    /// Default: null, all are 1.
    /// </param>
    /// <exception cref="ArgumentException">
    /// The shapes or element types differ, there are no elements, or a weight requires a gradient.
    /// </exception>
    public Tensor BinaryCrossEntropyWithLogits(Tensor target, Tensor? weight = null, Tensor? posWeight = null) =>
        BinaryCrossEntropyOp.Apply(this, target, weight, posWeight);
}

/// <summary>L = Σ (a·ln(1 + e^x) + b·ln(1 + e^-x)) / m, with a = w·(1-t) and b = w·p·t.</summary>
/// <remarks>
/// <para>-ln σ(x) = ln(1 + e^-x) and -ln(1 - σ(x)) = ln(1 + e^x); both are max(±x, 0) + ln(1 + e^-|x|). Without
/// weights they add up to max(x, 0) - t·x + ln(1 + e^-|x|).</para>
/// <para>dx = (dL/m)·(a·σ(x) - b·σ(-x)), dt = (dL/m)·w·(p·ln(1 + e^-x) - ln(1 + e^x)). With e = e^-|x| and
/// r = 1/(1 + e), σ(|x|) = r and σ(-|x|) = e·r; so a small σ keeps its digits.</para>
/// </remarks>
internal sealed unsafe class BinaryCrossEntropyOp : Op
{
    private const string OpName = "BinaryCrossEntropyWithLogits";

    private Tensor _x = null!;
    private Tensor _target = null!;
    private Tensor? _weight;
    private Tensor? _positive;

    // a and b, and the terms of the sum. They exist if there are weights.
    private Tensor? _a;
    private Tensor? _b;
    private Tensor? _terms;

    /// <inheritdoc/>
    public override string Name => OpName;

    public static Tensor Apply(Tensor x, Tensor target, Tensor? weight, Tensor? posWeight)
    {
        Tape? tape = Join(OpName, ref x, ref target);
        NumberTargets.Check(OpName, x, target);
        CheckWeight(nameof(weight), x, weight);
        CheckWeight(nameof(posWeight), x, posWeight);
        BinaryCrossEntropyOp op = Rent<BinaryCrossEntropyOp>(tape);
        (op._x, op._target) = (x, target);
        if (weight is not null || posWeight is not null)
        {
            op._weight = op.Constant(weight, x.DType);
            op._positive = op.Constant(posWeight, x.DType);
            op._a = op.NewTensor(x.Shape, x.DType);
            op._b = op.NewTensor(x.Shape, x.DType);
            op._terms = op.NewTensor(x.Shape, x.DType);
        }

        op.Bind([], x.DType, x, target);
        return op.Execute();
    }

    /// <inheritdoc/>
    public override void Recycle()
    {
        base.Recycle();
        _x = _target = null!;
        _weight = _positive = _a = _b = _terms = null;
    }

    private static void CheckWeight(string name, Tensor x, Tensor? weight)
    {
        if (weight is null) return;
        weight.ThrowIfStale();
        ClassLabels.CheckConstant(OpName, weight, name);
        if (!weight.DType.IsFloatingPoint() || weight.Shape.Rank > x.Shape.Rank
            || Broadcasting.Shape($"{OpName}, {name}", x.Shape, weight.Shape) != x.Shape)
        {
            throw new ArgumentException($"{OpName}: expected a {name} of numbers whose shape broadcasts to the input's "
                + $"{x.Shape}, got {weight.DType} of shape {weight.Shape}. Reshape it: weights of samples are (N, 1), "
                + $"weights of columns (C).", name);
        }
    }

    /// <summary>A copy of a weight in the input's type; a single 1 if there is none.</summary>
    private Tensor Constant(Tensor? weight, DType dtype)
    {
        Tensor copy = NewTensor(weight?.Shape ?? [], dtype);
        for (int i = 0; i < copy.Count; i++) copy.SetValueAt(i, weight?.ValueAt(i) ?? 1);
        return copy;
    }

    /// <inheritdoc/>
    protected override void Forward<T>()
    {
        T* x = _x.Pointer<T>(), target = _target.Pointer<T>(), y = Output.Pointer<T>();
        ReductionPlan plan = Broadcasting.Reduction([_x.Count], reduced: 1);
        if (_terms is null || _a is null || _b is null || _weight is null || _positive is null)
        {
            Reduce.Sum(plan, x, target, target, y, _x.Count, default(Loss<T>));
            return;
        }

        T* w = _weight.Pointer<T>(), p = _positive.Pointer<T>();
        T* a = _a.Pointer<T>(), b = _b.Pointer<T>(), terms = _terms.Pointer<T>();
        BroadcastPlan weights = Broadcasting.Plan(_x.Shape, _x.Shape, _weight.Shape, _positive.Shape);
        Map.Broadcast(weights, target, w, p, a, default(PartOfZeros<T>));
        Map.Broadcast(weights, target, w, p, b, default(PartOfOnes<T>));
        Map.Run(x, a, b, terms, _x.Count, default(WeightedLoss<T>));
        Reduce.Sum(plan, terms, terms, terms, y, _x.Count, default(Identity<T>));
    }

    /// <inheritdoc/>
    protected override void Backward<T>()
    {
        T scale = T.CreateTruncating(Dy.Item() / _x.Count);
        T* x = _x.Pointer<T>(), target = _target.Pointer<T>();
        if (Open(_x) is { } dx)
        {
            if (_a is null || _b is null)
                Map.Run(x, target, target, dx.Pointer<T>(), dx.Count, new Slope<T>(scale));
            else
                Map.Run(x, _a.Pointer<T>(), _b.Pointer<T>(), dx.Pointer<T>(), dx.Count, new WeightedSlope<T>(scale));
            Close<T>(_x, dx);
        }

        if (Open(_target) is { } dt)
        {
            if (_weight is null || _positive is null)
                Map.Run(x, x, x, dt.Pointer<T>(), dt.Count, new TargetSlope<T>(scale));
            else
            {
                Map.Broadcast(Broadcasting.Plan(_x.Shape, _x.Shape, _weight.Shape, _positive.Shape), x,
                    _weight.Pointer<T>(), _positive.Pointer<T>(), dt.Pointer<T>(), new WeightedTargetSlope<T>(scale));
            }

            Close<T>(_target, dt);
        }
    }

    /// <summary>σ(x) and σ(-x).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (Vector512<T> Plus, Vector512<T> Minus) Sigmoids<T>(Vector512<T> x)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        Vector512<T> e = VectorMath.Exp(-Vector512.Abs(x)), r = Vector512<T>.One / (Vector512<T>.One + e);
        Vector512<T> isNegative = Vector512.LessThan(x, Vector512<T>.Zero);
        return (Vector512.ConditionalSelect(isNegative, e * r, r), Vector512.ConditionalSelect(isNegative, r, e * r));
    }

    /// <summary>max(x, 0) - t·x + ln(1 + e^-|x|), from (x, t).</summary>
    private readonly struct Loss<T> : IFormula<T> where T : unmanaged, IFloatingPointIeee754<T>
    {
        public static bool ReadsB => true;

        public static bool ReadsC => false;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<T> Invoke(Vector512<T> a, Vector512<T> b, Vector512<T> c) =>
            VectorMath.Max(a, Vector512<T>.Zero) - b * a + LossMath.LogOnePlusExp(a);
    }

    /// <summary>((1-t)·σ(x) - t·σ(-x))·scale, from (x, t).</summary>
    private readonly struct Slope<T>(T scale) : IFormula<T> where T : unmanaged, IFloatingPointIeee754<T>
    {
        private readonly Vector512<T> _scale = Simd.Broadcast(scale);

        public static bool ReadsB => true;

        public static bool ReadsC => false;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<T> Invoke(Vector512<T> a, Vector512<T> b, Vector512<T> c)
        {
            (Vector512<T> plus, Vector512<T> minus) = Sigmoids(a);
            return ((Vector512<T>.One - b) * plus - b * minus) * _scale;
        }
    }

    /// <summary>-x·scale.</summary>
    private readonly struct TargetSlope<T>(T scale) : IFormula<T> where T : unmanaged, IFloatingPointIeee754<T>
    {
        private readonly Vector512<T> _scale = Simd.Broadcast(scale);

        public static bool ReadsB => false;

        public static bool ReadsC => false;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<T> Invoke(Vector512<T> a, Vector512<T> b, Vector512<T> c) => -a * _scale;
    }

    /// <summary>a = w·(1-t), from (t, w, p).</summary>
    private readonly struct PartOfZeros<T> : IFormula<T> where T : unmanaged, IFloatingPointIeee754<T>
    {
        public static bool ReadsB => true;

        public static bool ReadsC => false;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<T> Invoke(Vector512<T> a, Vector512<T> b, Vector512<T> c) => b * (Vector512<T>.One - a);
    }

    /// <summary>b = w·p·t, from (t, w, p).</summary>
    private readonly struct PartOfOnes<T> : IFormula<T> where T : unmanaged, IFloatingPointIeee754<T>
    {
        public static bool ReadsB => true;

        public static bool ReadsC => true;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<T> Invoke(Vector512<T> a, Vector512<T> b, Vector512<T> c) => b * (c * a);
    }

    /// <summary>a·ln(1 + e^x) + b·ln(1 + e^-x), from (x, a, b).</summary>
    private readonly struct WeightedLoss<T> : IFormula<T> where T : unmanaged, IFloatingPointIeee754<T>
    {
        public static bool ReadsB => true;

        public static bool ReadsC => true;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<T> Invoke(Vector512<T> a, Vector512<T> b, Vector512<T> c)
        {
            Vector512<T> tail = LossMath.LogOnePlusExp(a);
            return b * (VectorMath.Max(a, Vector512<T>.Zero) + tail)
                + c * (VectorMath.Max(-a, Vector512<T>.Zero) + tail);
        }
    }

    /// <summary>(a·σ(x) - b·σ(-x))·scale, from (x, a, b).</summary>
    private readonly struct WeightedSlope<T>(T scale) : IFormula<T> where T : unmanaged, IFloatingPointIeee754<T>
    {
        private readonly Vector512<T> _scale = Simd.Broadcast(scale);

        public static bool ReadsB => true;

        public static bool ReadsC => true;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<T> Invoke(Vector512<T> a, Vector512<T> b, Vector512<T> c)
        {
            (Vector512<T> plus, Vector512<T> minus) = Sigmoids(a);
            return (b * plus - c * minus) * _scale;
        }
    }

    /// <summary>w·(p·ln(1 + e^-x) - ln(1 + e^x))·scale, from (x, w, p).</summary>
    private readonly struct WeightedTargetSlope<T>(T scale) : IFormula<T> where T : unmanaged, IFloatingPointIeee754<T>
    {
        private readonly Vector512<T> _scale = Simd.Broadcast(scale);

        public static bool ReadsB => true;

        public static bool ReadsC => true;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<T> Invoke(Vector512<T> a, Vector512<T> b, Vector512<T> c)
        {
            Vector512<T> tail = LossMath.LogOnePlusExp(a);
            return b * (c * (VectorMath.Max(-a, Vector512<T>.Zero) + tail)
                - (VectorMath.Max(a, Vector512<T>.Zero) + tail)) * _scale;
        }
    }
}
