using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Evenkeel.Kernels;

namespace Evenkeel;

public sealed partial class Tensor
{
    /// <summary>
    /// The mean over the given dimensions, or over all if none is given: the sum divided by the number m of elements.
    /// It is NaN if m is 0. It is summed like <see cref="Sum"/> and rounded once, after the division.
    /// </summary>
    /// <param name="axes">The dimensions to average over; negative ones count from the end.</param>
    /// <param name="keepDims">
    /// True keeps each averaged dimension with size 1, so the result broadcasts against this tensor.
    /// </param>
    /// <exception cref="ArgumentException">An axis does not exist or is given twice.</exception>
    public Tensor Mean(ReadOnlySpan<int> axes = default, bool keepDims = false) => MeanOp.Apply(this, axes, keepDims);
}

/// <summary>
/// y[k] = Σ x[i] / m over the m elements that belong to k. Each x is used once with factor 1/m: dx[i] = dy[k]/m.
/// </summary>
internal sealed unsafe class MeanOp : Op
{
    private Tensor _x = null!;
    private ReductionPlan _plan;
    private uint _axes;

    /// <inheritdoc/>
    public override string Name => "Mean";

    public static Tensor Apply(Tensor x, ReadOnlySpan<int> axes, bool keepDims)
    {
        Tape? tape = Join("Mean", ref x);
        uint reduced = Broadcasting.Axes("Mean", x.Shape, axes);
        Shape shape = Broadcasting.Reduced(x.Shape, reduced, keepDims);
        MeanOp op = Rent<MeanOp>(tape);
        (op._x, op._plan, op._axes) = (x, Broadcasting.Reduction(x.Shape, reduced), reduced);
        op.Bind(shape, x.DType, x);
        return op.Execute();
    }

    /// <inheritdoc/>
    public override void Recycle()
    {
        base.Recycle();
        _x = null!;
    }

    /// <inheritdoc/>
    protected override void Describe(OpSettings settings) => settings.SetAxes("axes", _axes);

    /// <inheritdoc/>
    protected override void Forward<T>()
    {
        T* x = _x.Pointer<T>();
        Reduce.Sum(_plan, x, x, x, Output.Pointer<T>(), _plan.Reduced, default(Identity<T>));
    }

    /// <inheritdoc/>
    protected override void Backward<T>()
    {
        if (Open(_x) is not { } dx) return;
        T* dy = Dy.Pointer<T>();
        Reduce.Expand(_plan, _x.Pointer<T>(), dy, dy, dx.Pointer<T>(), new Share<T>(T.CreateTruncating(_plan.Reduced)));
        Close<T>(_x, dx);
    }

    private readonly struct Share<T>(T m) : IFormula<T> where T : unmanaged, IFloatingPointIeee754<T>
    {
        private readonly Vector512<T> _m = Simd.Broadcast(m);

        public static bool ReadsB => true;

        public static bool ReadsC => false;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<T> Invoke(Vector512<T> a, Vector512<T> b, Vector512<T> c) => b / _m;
    }
}
