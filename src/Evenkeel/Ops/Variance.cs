using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Evenkeel.Kernels;

namespace Evenkeel;

public sealed partial class Tensor
{
    /// <summary>
    /// The variance over the given dimensions, or over all if none is given: Σ (x - mean)² / (m - correction) over m
    /// elements. It is summed like <see cref="Sum"/>, from centred values. It is infinite only if it is too large for
    /// the element type, or if a value is not finite.
    /// </summary>
    /// <param name="axes">The dimensions to reduce; negative ones count from the end.</param>
    /// <param name="keepDims">
    /// True keeps each reduced dimension with size 1, so the result broadcasts against this tensor.
    /// </param>
    /// <param name="correction">
    /// 1 (as in torch.var) gives the unbiased estimate, which is NaN if m is 1. 0 (as in numpy.var and inside
    /// normalization) gives the biased one.
    /// </param>
    /// <exception cref="ArgumentException">
    /// An axis does not exist or is given twice, or the correction is neither 0 nor 1.
    /// </exception>
    public Tensor Variance(ReadOnlySpan<int> axes = default, bool keepDims = false, int correction = 1) =>
        VarianceOp.Apply(this, axes, keepDims, correction);
}

/// <summary>
/// y[k] = Σ (x[i] - mean[k])² / (m - correction) over the m elements that belong to k.
/// </summary>
/// <remarks>
/// <para>The mean, rounded to the element type, differs from the exact one by up to half a unit in its last place. That
/// matters if |mean| ≫ std. So with d = x - mean0 the low part of the mean is low = Σd/m, and
/// Σ(x - mean)² = Σd² - m·low².</para>
/// <para>Derivative: ∂/∂x_i Σ_j (x_j - mean)² = 2·(x_i - mean) - 2·Σ_j (x_j - mean)/m, and the second sum is zero. So
/// dx[i] = dy[k]·2·(x[i] - mean[k])/(m - correction).</para>
/// </remarks>
internal sealed unsafe class VarianceOp : Op
{
    private Tensor _x = null!;
    private Tensor _mean = null!;
    private Tensor _low = null!;
    private ReductionPlan _plan;
    private uint _axes;
    private double _divisor;
    private int _correction;

    /// <inheritdoc/>
    public override string Name => "Variance";

    public static Tensor Apply(Tensor x, ReadOnlySpan<int> axes, bool keepDims, int correction)
    {
        Tape? tape = Join("Variance", ref x);
        if (correction is not (0 or 1))
        {
            throw new ArgumentException(
                $"Variance: expected a correction of 0 (biased) or 1 (unbiased), got {correction}.",
                nameof(correction));
        }

        uint reduced = Broadcasting.Axes("Variance", x.Shape, axes);
        Shape shape = Broadcasting.Reduced(x.Shape, reduced, keepDims);
        VarianceOp op = Rent<VarianceOp>(tape);
        (op._x, op._plan, op._axes) = (x, Broadcasting.Reduction(x.Shape, reduced), reduced);
        op._correction = correction;
        op._divisor = Math.Max(0, op._plan.Reduced - correction);
        op._mean = op.NewTensor(shape, x.DType);
        op._low = op.NewTensor(shape, x.DType);
        op.Bind(shape, x.DType, x);
        return op.Execute();
    }

    /// <inheritdoc/>
    public override void Recycle()
    {
        base.Recycle();
        _x = _mean = _low = null!;
    }

    /// <inheritdoc/>
    protected override void Describe(OpSettings settings)
    {
        settings.SetAxes("axes", _axes);
        settings.Set("correction", _correction);
    }

    /// <inheritdoc/>
    protected override void Forward<T>()
    {
        T* x = _x.Pointer<T>(), mean = _mean.Pointer<T>(), low = _low.Pointer<T>(), y = Output.Pointer<T>();
        int m = _plan.Reduced;
        Reduce.Sum(_plan, x, x, x, mean, m, default(Identity<T>));
        Reduce.Sum(_plan, x, x, mean, low, m, default(Deviation<T>));
        Reduce.Sum(_plan, x, x, mean, y, _divisor, default(SquaredDeviation<T>));
        Map.Run(y, low, low, y, Output.Count, new WithoutLowPart<T>(T.CreateTruncating(m / _divisor)));
        for (int k = ValueRange.FirstNotFinite(y, Output.Count, 0); k >= 0
            && m > 0; k = ValueRange.FirstNotFinite(y, Output.Count, k + 1))
        {
            y[k] = Slowly<T>(k);
        }
    }

    /// <summary>
    /// One result whose squares leave the range of T: computed in double and in units of a power of two.
    /// </summary>
    private T Slowly<T>(int kept) where T : unmanaged, IFloatingPointIeee754<T>
    {
        ReductionPlan plan = _plan;
        T* x = _x.Pointer<T>();
        double peak = 0, m = plan.Reduced;
        for (int r = 0; r < plan.Reduced; r++)
        {
            double value = Math.Abs(double.CreateTruncating(x[plan.ElementAt(kept, r)]));
            if (!double.IsFinite(value)) return T.NaN;
            peak = Math.Max(peak, value);
        }

        int exponent = ValueRange.Exponent(peak);
        double mean = Reduce.SumSlowly(plan, x, x, kept, (value, _) => Math.ScaleB(value, -exponent)) / m;
        double low = Reduce.SumSlowly(plan, x, x, kept, (value, _) => Math.ScaleB(value, -exponent) - mean) / m;
        double squares = Reduce.SumSlowly(
            plan, x, x, kept, (value, _) => ValueRange.Square(Math.ScaleB(value, -exponent) - mean - low));
        // This is the mean that the backward pass subtracts.
        _mean.Pointer<T>()[kept] = T.CreateTruncating(Math.ScaleB(mean, exponent));
        _low.Pointer<T>()[kept] = T.CreateTruncating(Math.ScaleB(
            mean - Math.ScaleB(double.CreateTruncating(_mean.Pointer<T>()[kept]), -exponent) + low, exponent));
        return T.CreateTruncating(Math.ScaleB(squares / _divisor, 2 * exponent));
    }

    /// <inheritdoc/>
    protected override void Backward<T>()
    {
        if (Open(_x) is not { } opened) return;
        T* x = _x.Pointer<T>(), mean = _mean.Pointer<T>(), low = _low.Pointer<T>(), dy = Dy.Pointer<T>(),
            dx = opened.Pointer<T>();
        Reduce.Expand(_plan, x, mean, low, dx, default(ExactDeviation<T>));
        Reduce.Expand(_plan, dx, dy, dy, dx, new ScaledProduct<T>(T.CreateTruncating(2 / _divisor)));
        for (int k = 0; k < _plan.Kept; k++)
        {
            double slope = 2 / _divisor * double.CreateTruncating(dy[k]), center = double.CreateTruncating(mean[k]);
            if (!ValueRange.LosesProduct<T>(slope, center)) continue;
            for (int r = 0; r < _plan.Reduced; r++)
            {
                int at = _plan.ElementAt(k, r);
                dx[at] = ValueRange.Product<T>(
                    double.CreateTruncating(x[at]), center, double.CreateTruncating(low[k]), slope);
            }
        }

        Close<T>(_x, opened);
    }

    private readonly struct Deviation<T> : IFormula<T> where T : unmanaged, IFloatingPointIeee754<T>
    {
        public static bool ReadsB => false;

        public static bool ReadsC => true;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<T> Invoke(Vector512<T> a, Vector512<T> b, Vector512<T> c) => a - c;
    }

    private readonly struct SquaredDeviation<T> : IFormula<T> where T : unmanaged, IFloatingPointIeee754<T>
    {
        public static bool ReadsB => false;

        public static bool ReadsC => true;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<T> Invoke(Vector512<T> a, Vector512<T> b, Vector512<T> c) => (a - c) * (a - c);
    }

    /// <summary>Σd²/(m - correction) - low²·m/(m - correction), not below 0; NaN stays NaN.</summary>
    private readonly struct WithoutLowPart<T>(T scale) : IFormula<T> where T : unmanaged, IFloatingPointIeee754<T>
    {
        private readonly Vector512<T> _scale = Simd.Broadcast(scale);

        public static bool ReadsB => true;

        public static bool ReadsC => false;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<T> Invoke(Vector512<T> a, Vector512<T> b, Vector512<T> c)
        {
            Vector512<T> variance = a - (b * b * _scale);
            return Vector512.ConditionalSelect(Vector512.LessThan(variance, default), default, variance);
        }
    }

    private readonly struct ExactDeviation<T> : IFormula<T> where T : unmanaged, IFloatingPointIeee754<T>
    {
        public static bool ReadsB => true;

        public static bool ReadsC => true;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<T> Invoke(Vector512<T> a, Vector512<T> b, Vector512<T> c) => a - b - c;
    }

    private readonly struct ScaledProduct<T>(T scale) : IFormula<T> where T : unmanaged, IFloatingPointIeee754<T>
    {
        private readonly Vector512<T> _scale = Simd.Broadcast(scale);

        public static bool ReadsB => true;

        public static bool ReadsC => false;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<T> Invoke(Vector512<T> a, Vector512<T> b, Vector512<T> c) => a * (b * _scale);
    }
}
