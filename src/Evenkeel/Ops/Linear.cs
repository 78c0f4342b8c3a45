using Evenkeel.Kernels;

namespace Evenkeel;

public sealed partial class Tensor
{
    /// <summary>
    /// y = x·Wᵀ + b, the affine map of the last dimension: (*, in) becomes (*, out) for any leading dimensions.
    /// </summary>
    /// <param name="weight">W of shape (out, in), as PyTorch stores it.</param>
    /// <param name="bias">b of shape (out), or null for none.</param>
    /// <exception cref="ArgumentException">The shapes or element types do not fit.</exception>
    public Tensor Linear(Tensor weight, Tensor? bias = null) => LinearOp.Apply(this, weight, bias);
}

/// <summary>
/// y = x·Wᵀ + b, with x as a matrix of m rows.
/// </summary>
/// <remarks>
/// y[i,o] = Σ_j x[i,j]·W[o,j] + b[o]. So dx[i,j] = Σ_o dy[i,o]·W[o,j], that is dx = dy·W. And dW[o,j] = Σ_i
/// dy[i,o]·x[i,j], that is dW = dyᵀ·x. b is used once per row, so db[o] = Σ_i dy[i,o].
/// </remarks>
internal sealed unsafe class LinearOp : Op
{
    private Tensor _x = null!;
    private Tensor _weight = null!;
    private Tensor? _bias;
    private int _rows, _in, _out;

    /// <inheritdoc/>
    public override string Name => "Linear";

    public static Tensor Apply(Tensor x, Tensor weight, Tensor? bias)
    {
        Tape? tape = Join("Linear", ref x, ref weight);
        JoinOptional("Linear", tape, x, ref bias);
        if (weight.Shape.Rank != 2)
        {
            throw new ArgumentException(
                $"Linear: expected a weight of shape (out, in), got {weight.Shape}.", nameof(weight));
        }

        int outputs = weight.Shape[0], inputs = weight.Shape[1];
        if (x.Shape.Rank == 0 || x.Shape[-1] != inputs)
        {
            throw new ArgumentException(
                $"Linear: expected an input of shape (*, {inputs}) for a weight of shape {weight.Shape}, "
                + $"got {x.Shape}. The last dimension holds the features; Flatten or Reshape the input.", nameof(x));
        }

        if (bias is not null && (bias.Shape.Rank != 1 || bias.Shape[0] != outputs))
        {
            throw new ArgumentException($"Linear: expected a bias of shape ({outputs}) for a weight of shape "
                + $"{weight.Shape}, got {bias.Shape}.", nameof(bias));
        }

        Shape shape = x.Shape.With(-1, outputs);
        LinearOp op = Rent<LinearOp>(tape);
        (op._x, op._weight, op._bias) = (x, weight, bias);
        (op._in, op._out) = (inputs, outputs);
        op._rows = outputs > 0 ? shape.Count / outputs : 0;
        op.Bind(shape, x.DType, x, weight, bias);
        return op.Execute();
    }

    /// <inheritdoc/>
    public override void Recycle()
    {
        base.Recycle();
        _x = _weight = null!;
        _bias = null;
    }

    /// <inheritdoc/>
    protected override void Forward<T>() => Gemm.Run(
        transposeA: false, transposeB: true, _rows, _out, _in, _x.Pointer<T>(), _in, _weight.Pointer<T>(), _in,
        Output.Pointer<T>(), _out, accumulate: false, _bias is null ? null : _bias.Pointer<T>());

    /// <inheritdoc/>
    protected override void Backward<T>()
    {
        T* dy = Dy.Pointer<T>();
        if (Open(_weight) is { } dweight)
        {
            Gemm.Run(transposeA: true, transposeB: false,
                _out, _in, _rows, dy, _out, _x.Pointer<T>(), _in, dweight.Pointer<T>(), _in, accumulate: false);
            Close<T>(_weight, dweight);
        }

        if (Open(_bias) is { } dbias)
        {
            ReadOnlySpan<int> shape = [_rows, _out];
            Reduce.Sum(
                ReductionPlan.Create(shape, reduced: 0b01), dy, dy, dy, dbias.Pointer<T>(), 1, default(Identity<T>));
            Close<T>(_bias, dbias);
        }

        if (Open(_x) is { } dx)
        {
            Gemm.Run(transposeA: false, transposeB: false,
                _rows, _in, _out, dy, _out, _weight.Pointer<T>(), _in, dx.Pointer<T>(), _in, accumulate: false);
            Close<T>(_x, dx);
        }
    }
}
