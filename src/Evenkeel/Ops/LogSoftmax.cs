using Evenkeel.Kernels;

namespace Evenkeel;

public sealed partial class Tensor
{
    /// <summary>
    /// ln softmax(x) along one dimension, computed in one step that cannot underflow. The last dimension is the
    /// fastest.
    /// </summary>
    /// <param name="axis">The dimension along which the probabilities sum to 1; -1 is the last. Default: -1.</param>
    /// <exception cref="ArgumentOutOfRangeException">The axis does not exist.</exception>
    public Tensor LogSoftmax(int axis = -1)
    {
        axis = Broadcasting.Axis("LogSoftmax", Shape, axis);
        int last = Shape.Rank - 1;
        return axis == last
            ? LogSoftmaxOp.Apply(this)
            : LogSoftmaxOp.Apply(Transpose(axis, last)).Transpose(axis, last);
    }
}

/// <summary>
/// y_j = (x_j - max) - ln s, s = Σ_k exp(x_k - max), along the last dimension.
/// </summary>
/// <remarks>∂y_j/∂x_k = [j = k] - softmax(x)_k, so dx_k = dy_k - exp(y_k)·Σ_j dy_j.</remarks>
internal sealed unsafe class LogSoftmaxOp : Op
{
    private Tensor _x = null!;
    private int _rows, _columns;

    /// <inheritdoc/>
    public override string Name => "LogSoftmax";

    public static Tensor Apply(Tensor x)
    {
        Tape? tape = Join("LogSoftmax", ref x);
        LogSoftmaxOp op = Rent<LogSoftmaxOp>(tape);
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
    protected override void Forward<T>() =>
        SoftmaxRows.LogSoftmax(_x.Pointer<T>(), Output.Pointer<T>(), _rows, _columns);

    /// <inheritdoc/>
    protected override void Backward<T>()
    {
        if (Open(_x) is not { } dx) return;
        SoftmaxRows.LogSoftmaxBackward(Output.Pointer<T>(), Dy.Pointer<T>(), dx.Pointer<T>(), _rows, _columns);
        Close<T>(_x, dx);
    }
}
