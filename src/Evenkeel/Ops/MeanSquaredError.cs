using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Evenkeel.Kernels;

namespace Evenkeel;

public sealed partial class Tensor
{
    /// <summary>
    /// The mean of (x - target)² over all elements: a scalar. It is summed like <see cref="Sum"/>. It is infinite only
    /// if it is too large for the element type, or if a value is not finite.
    /// </summary>
    /// <param name="target">Same shape and type as this tensor. It gets a gradient if it requires one.</param>
    /// <exception cref="ArgumentException">The shapes or element types differ, or there are no elements.</exception>
    public Tensor MeanSquaredError(Tensor target) => MeanSquaredErrorOp.Apply(this, target);
}

/// <summary>L = Σ (x - t)² / m; dx = dL·2·(x - t)/m, dt = -dx.</summary>
internal sealed unsafe class MeanSquaredErrorOp : Op
{
    private Tensor _x = null!;
    private Tensor _target = null!;

    // Whether the squares left the range of T. If so, a difference may have left it too.
    private bool _overflowed;

    /// <inheritdoc/>
    public override string Name => "MeanSquaredError";

    public static Tensor Apply(Tensor x, Tensor target)
    {
        Tape? tape = Join("MeanSquaredError", ref x, ref target);
        if (x.Shape != target.Shape)
            throw new ArgumentException($"MeanSquaredError: expected a target of shape {x.Shape} like the input, "
                + $"got {target.Shape}. Reshape one of them; this loss does not broadcast.", nameof(target));
        if (x.Count == 0)
        {
            throw new ArgumentException(
                $"MeanSquaredError: expected at least one element, got shape {x.Shape}. Skip empty batches.",
                nameof(x));
        }

        MeanSquaredErrorOp op = Rent<MeanSquaredErrorOp>(tape);
        (op._x, op._target) = (x, target);
        op.Bind([], x.DType, x, target);
        return op.Execute();
    }

    /// <inheritdoc/>
    public override void Recycle()
    {
        base.Recycle();
        _x = _target = null!;
    }

    /// <inheritdoc/>
    protected override void Forward<T>()
    {
        T* target = _target.Pointer<T>();
        ReductionPlan plan = Broadcasting.Reduction([_x.Count], reduced: 1);
        Reduce.Sum(plan, _x.Pointer<T>(), target, target, Output.Pointer<T>(), _x.Count, default(SquaredDifference<T>));
        _overflowed = !T.IsFinite(*Output.Pointer<T>());
        if (_overflowed) *Output.Pointer<T>() = Slowly<T>(plan);
    }

    /// <summary>
    /// The loss if its squares leave the range of T: computed in double and in units of a power of two.
    /// </summary>
    private T Slowly<T>(in ReductionPlan plan) where T : unmanaged, IFloatingPointIeee754<T>
    {
        T* x = _x.Pointer<T>(), target = _target.Pointer<T>();
        // The difference of the halves is finite, also if the difference of the values overflows.
        double peak = 0;
        for (int i = 0; i < _x.Count; i++)
            peak = Math.Max(peak, Math.Abs(double.CreateTruncating(x[i]) / 2 - double.CreateTruncating(target[i]) / 2));
        int exponent = ValueRange.Exponent(peak);
        double squares = Reduce.SumSlowly(
            plan, x, target, 0, (a, b) => ValueRange.Square(Math.ScaleB(a / 2 - b / 2, -exponent)));
        return T.CreateTruncating(Math.ScaleB(squares / _x.Count, 2 * exponent + 2));
    }

    /// <inheritdoc/>
    protected override void Backward<T>()
    {
        double scale = 2 * Dy.Item() / _x.Count;
        Contribution<T>(_x, scale);
        Contribution<T>(_target, -scale);
    }

    private void Contribution<T>(Tensor operand, double scale) where T : unmanaged, IFloatingPointIeee754<T>
    {
        if (Open(operand) is not { } gradient) return;
        T* x = _x.Pointer<T>(), target = _target.Pointer<T>();
        T* result = gradient.Pointer<T>();
        Map.Run(x, target, target, result, gradient.Count, new ScaledDifference<T>(T.CreateTruncating(scale)));
        bool isLost = _overflowed || ValueRange.LosesProduct<T>(scale, center: 0);
        for (int i = 0; i < gradient.Count && isLost; i++)
        {
            result[i] = ValueRange.Product<T>(
                double.CreateTruncating(x[i]), double.CreateTruncating(target[i]), 0, scale);
        }

        Close<T>(operand, gradient);
    }

    private readonly struct SquaredDifference<T> : IFormula<T> where T : unmanaged, IFloatingPointIeee754<T>
    {
        public static bool ReadsB => true;

        public static bool ReadsC => false;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<T> Invoke(Vector512<T> a, Vector512<T> b, Vector512<T> c) => (a - b) * (a - b);
    }

    private readonly struct ScaledDifference<T>(T scale) : IFormula<T> where T : unmanaged, IFloatingPointIeee754<T>
    {
        private readonly Vector512<T> _scale = Simd.Broadcast(scale);

        public static bool ReadsB => true;

        public static bool ReadsC => false;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<T> Invoke(Vector512<T> a, Vector512<T> b, Vector512<T> c) => (a - b) * _scale;
    }
}
