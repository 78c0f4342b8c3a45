using Evenkeel.Kernels;

namespace Evenkeel;

public sealed partial class Tensor
{
    /// <summary>The planes of (N, C, H, W) or (C, H, W) with the same number of zeros on all four sides.</summary>
    /// <inheritdoc cref="ZeroPad2d(int, int, int, int)"/>
    /// <param name="padding">Rows and columns of zeros; below 0 they are cut off.</param>
    public Tensor ZeroPad2d(int padding) => ZeroPad2d(padding, padding, padding, padding);

    /// <summary>The planes of (N, C, H, W) or (C, H, W) with zeros around them, in PyTorch's order of sides.</summary>
    /// <param name="left">Columns of zeros before the first; below 0 columns are cut off.</param>
    /// <param name="right">Columns behind the last.</param>
    /// <param name="top">Rows above the first.</param>
    /// <param name="bottom">Rows below the last.</param>
    /// <exception cref="ArgumentException">
    /// This tensor has another rank, or more is cut off than there is.
    /// </exception>
    public Tensor ZeroPad2d(int left, int right, int top, int bottom) =>
        ZeroPad2dOp.Apply(this, left, right, top, bottom);
}

/// <summary>
/// y[r, c] = x[r - top, c - left], or 0 outside of x; dx[r, c] = dy[r + top, c + left], or 0 if cut off.
/// </summary>
internal sealed unsafe class ZeroPad2dOp : Op
{
    private Tensor _x = null!;
    private int _top, _left;

    /// <inheritdoc/>
    public override string Name => "ZeroPad2d";

    public static Tensor Apply(Tensor x, int left, int right, int top, int bottom)
    {
        Tape? tape = Join("ZeroPad2d", ref x);
        if (x.Shape.Rank is not (3 or 4))
        {
            throw new ArgumentException(
                $"ZeroPad2d: expected (N, C, H, W) or (C, H, W), got {x.Shape}. Add the missing dimensions with "
                + "Reshape.", nameof(x));
        }

        long rows = (long)x.Shape[-2] + top + bottom, columns = (long)x.Shape[-1] + left + right;
        if (rows is < 0 or > int.MaxValue || columns is < 0 or > int.MaxValue)
        {
            throw new ArgumentException(
                $"ZeroPad2d: expected a result of 0 to {int.MaxValue} rows and columns, got ({rows}, {columns}) from "
                + $"{x.Shape} with ({left}, {right}, {top}, {bottom}) at left, right, top and bottom.", nameof(x));
        }

        ZeroPad2dOp op = Rent<ZeroPad2dOp>(tape);
        (op._x, op._top, op._left) = (x, top, left);
        op.Bind(x.Shape.With(-2, (int)rows).With(-1, (int)columns), x.DType, x);
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
        settings.Set("before", [_top, _left]);
        settings.Set(
            "after",
            [Output.Shape[-2] - _x.Shape[-2] - _top, Output.Shape[-1] - _x.Shape[-1] - _left]);
    }

    /// <inheritdoc/>
    protected override void Forward<T>() =>
        Copy(_x.Pointer<T>(), _x.Shape, Output.Pointer<T>(), Output.Shape, _top, _left);

    /// <inheritdoc/>
    protected override void Backward<T>()
    {
        if (Open(_x) is not { } dx) return;
        Copy(Dy.Pointer<T>(), Output.Shape, dx.Pointer<T>(), _x.Shape, -_top, -_left);
        Close<T>(_x, dx);
    }

    private static void Copy<T>(T* from, Shape fromShape, T* to, Shape toShape, int top, int left) where T : unmanaged
    {
        int planes = 1;
        for (int i = 0; i < toShape.Rank - 2; i++) planes *= toShape[i];
        PlaneFrame.Copy(from, fromShape[-2], fromShape[-1], to, toShape[-2], toShape[-1], planes, top, left);
    }
}
