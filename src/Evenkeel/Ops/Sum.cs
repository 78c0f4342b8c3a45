using Evenkeel.Kernels;

namespace Evenkeel;

public sealed partial class Tensor
{
    /// <summary>
    /// The sum over the given dimensions, or over all if none is given. Blocks of at most 1024 elements are summed in
    /// the element type, and the blocks are added in double. If partial sums of a float32 sum leave the range of float,
    /// the whole sum is computed in double.
    /// </summary>
    /// <param name="axes">The dimensions to sum over; negative ones count from the end.</param>
    /// <param name="keepDims">
    /// True keeps each summed dimension with size 1, so the result broadcasts against this tensor.
    /// </param>
    /// <exception cref="ArgumentException">An axis does not exist or is given twice.</exception>
    public Tensor Sum(ReadOnlySpan<int> axes = default, bool keepDims = false) => SumOp.Apply(this, axes, keepDims);
}

/// <summary>y[k] = Σ x[i] over all i that belong to k. Each x is used once with factor 1: dx[i] = dy[k].</summary>
internal sealed unsafe class SumOp : Op
{
    private Tensor _x = null!;
    private ReductionPlan _plan;
    private uint _axes;

    /// <inheritdoc/>
    public override string Name => "Sum";

    public static Tensor Apply(Tensor x, ReadOnlySpan<int> axes, bool keepDims)
    {
        Tape? tape = Join("Sum", ref x);
        uint reduced = Broadcasting.Axes("Sum", x.Shape, axes);
        Shape shape = Broadcasting.Reduced(x.Shape, reduced, keepDims);
        SumOp op = Rent<SumOp>(tape);
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
        Reduce.Sum(_plan, x, x, x, Output.Pointer<T>(), 1, default(Identity<T>));
    }

    /// <inheritdoc/>
    protected override void Backward<T>()
    {
        if (Open(_x) is not { } dx) return;
        T* dy = Dy.Pointer<T>();
        Reduce.Expand(_plan, _x.Pointer<T>(), dy, dy, dx.Pointer<T>(), default(Second<T>));
        Close<T>(_x, dx);
    }
}
