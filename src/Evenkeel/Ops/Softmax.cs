using Evenkeel.Kernels;

namespace Evenkeel;

public sealed partial class Tensor
{
    /// <summary>
    /// exp(x_j) / Σ_k exp(x_k) along one dimension: probabilities. The last dimension is the fastest.
    /// </summary>
    /// <param name="axis">The dimension along which the results sum to 1; -1 is the last. Default: -1.</param>
    /// <exception cref="ArgumentOutOfRangeException">The axis does not exist.</exception>
    public Tensor Softmax(int axis = -1)
    {
        axis = Broadcasting.Axis("Softmax", Shape, axis);
        int last = Shape.Rank - 1;
        return axis == last ? SoftmaxOp.Apply(this) : SoftmaxOp.Apply(Transpose(axis, last)).Transpose(axis, last);
    }
}

/// <summary>
/// y_j = exp(x_j - max) / s, s = Σ_k exp(x_k - max), along the last dimension.
/// </summary>
/// <remarks>∂y_j/∂x_k = y_j·([j = k] - y_k), so dx_k = Σ_j dy_j·∂y_j/∂x_k = y_k·(dy_k - Σ_j dy_j·y_j).</remarks>
internal sealed unsafe class SoftmaxOp : Op
{
    private Tensor _x = null!;
    private int _rows, _columns;

    /// <inheritdoc/>
    public override string Name => "Softmax";

    public static Tensor Apply(Tensor x)
    {
        Tape? tape = Join("Softmax", ref x);
        SoftmaxOp op = Rent<SoftmaxOp>(tape);
        op._x = x;
        op._columns = x.Shape[-1];
        op._rows = op._columns == 0 ? 0 : x.Count / op._columns;
        op.Bind(x.Shape, x.DType, x);
        return op.Execute();
    }

    /// <inheritdoc/>
    public override void Recycle()
    {
        base.Recycle();
        _x = null!;
    }

    /// <inheritdoc/>
    protected override void Forward<T>() => SoftmaxRows.Softmax(_x.Pointer<T>(), Output.Pointer<T>(), _rows, _columns);

    /// <inheritdoc/>
    protected override void Backward<T>()
    {
        if (Open(_x) is not { } dx) return;
        SoftmaxRows.SoftmaxBackward(Output.Pointer<T>(), Dy.Pointer<T>(), dx.Pointer<T>(), _rows, _columns);
        Close<T>(_x, dx);
    }
}
