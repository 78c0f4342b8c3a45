using System.Numerics;
using Evenkeel.Kernels;

namespace Evenkeel;

public sealed partial class Tensor
{
    /// <summary>
    /// A copy with the dimensions in another order: dimension i of the result is dimension axes[i] of this tensor.
    /// </summary>
    /// <exception cref="ArgumentException">The axes do not name each dimension exactly once.</exception>
    public Tensor Permute(params ReadOnlySpan<int> axes) => PermuteOp.Apply("Permute", this, axes);

    /// <summary>
    /// A copy with two dimensions exchanged; (0, 1) is the transpose of a matrix. <see cref="MatMul"/>
    /// has flags that need no copy.
    /// </summary>
    /// <param name="axis0">The one dimension; -1 is the last.</param>
    /// <param name="axis1">The other.</param>
    /// <exception cref="ArgumentOutOfRangeException">An axis does not exist.</exception>
    public Tensor Transpose(int axis0, int axis1)
    {
        Span<int> axes = stackalloc int[Shape.Rank];
        for (int i = 0; i < axes.Length; i++) axes[i] = i;
        axis0 = Broadcasting.Axis("Transpose", Shape, axis0);
        axis1 = Broadcasting.Axis("Transpose", Shape, axis1);
        (axes[axis0], axes[axis1]) = (axes[axis1], axes[axis0]);
        return PermuteOp.Apply("Transpose", this, axes);
    }
}

/// <summary>
/// y[i_0, i_1, ...] = x with index i_k at dimension axes[k]. Each x is used once: dx is dy in the inverse order.
/// </summary>
internal sealed unsafe class PermuteOp : Op
{
    private Tensor _x = null!;
    private Shape _axes;

    /// <inheritdoc/>
    public override string Name => "Permute";

    /// <inheritdoc/>
    public override string Kind => "Permute";

    public static Tensor Apply(string name, Tensor x, ReadOnlySpan<int> axes)
    {
        if (x.DType == DType.Int64) return Apply(name, x.Reinterpret(DType.Float64), axes).Reinterpret(DType.Int64);
        Tape? tape = Join(name, ref x);
        int rank = x.Shape.Rank;
        Span<int> order = stackalloc int[Shape.MaxRank], sizes = stackalloc int[Shape.MaxRank];
        uint seen = 0;
        for (int i = 0; i < axes.Length && axes.Length == rank; i++)
        {
            order[i] = Broadcasting.Axis(name, x.Shape, axes[i]);
            sizes[i] = x.Shape[order[i]];
            seen |= 1u << order[i];
        }

        if (axes.Length != rank || BitOperations.PopCount(seen) != rank)
        {
            throw new ArgumentException(
                $"{name}: expected each of the {rank} dimensions of shape {x.Shape} once, "
                + $"got ({InvariantText.List(axes)}).",
                nameof(axes));
        }

        PermuteOp op = Rent<PermuteOp>(tape);
        (op._x, op._axes) = (x, new Shape(order[..rank]));
        op.Bind(new Shape(sizes[..rank]), x.DType, x);
        return op.Execute();
    }

    /// <inheritdoc/>
    public override void Recycle()
    {
        base.Recycle();
        _x = null!;
    }

    /// <inheritdoc/>
    protected override void Describe(OpSettings settings)
    {
        Span<int> axes = stackalloc int[_axes.Rank];
        _axes.CopyTo(axes);
        settings.Set("axes", axes);
    }

    /// <inheritdoc/>
    protected override void Forward<T>() =>
        Copy(_x.Pointer<T>(), _x.Shape, Output.Pointer<T>(), Output.Shape, inverse: false);

    /// <inheritdoc/>
    protected override void Backward<T>()
    {
        if (Open(_x) is not { } dx) return;
        Copy(Dy.Pointer<T>(), Output.Shape, dx.Pointer<T>(), dx.Shape, inverse: true);
        Close<T>(_x, dx);
    }

    private void Copy<T>(T* from, Shape fromShape, T* to, Shape toShape, bool inverse) where T : unmanaged
    {
        int rank = fromShape.Rank;
        Span<int> sizes = stackalloc int[Shape.MaxRank], steps = stackalloc int[Shape.MaxRank],
            own = stackalloc int[Shape.MaxRank];
        toShape.CopyTo(sizes);
        int step = 1;
        for (int i = rank - 1; i >= 0; i--)
        {
            own[i] = step;
            step *= fromShape[i];
        }

        for (int i = 0; i < rank; i++)
        {
            if (inverse) steps[_axes[i]] = own[i];
            else steps[i] = own[_axes[i]];
        }

        Permute.Run(from, to, sizes[..rank], steps[..rank]);
    }
}
