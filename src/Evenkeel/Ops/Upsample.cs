using System.Numerics;
using Evenkeel.Kernels;

namespace Evenkeel;

/// <summary>How <see cref="Tensor.Upsample"/> makes a value from those around it.</summary>
public enum UpsampleMode
{
    /// <summary>The nearest value, as PyTorch's <c>nearest</c> takes it: input floor(o/scale).</summary>
    Nearest,

    /// <summary>A blend of the two by two values around the place.</summary>
    Bilinear,
}

public sealed partial class Tensor
{
    /// <summary>
    /// The planes of (N, C, H, W) in another size, larger or smaller. Output o reads the input at (o + ½)/scale - ½, or
    /// at o·(in - 1)/(out - 1) if corners are aligned; places outside are those at the border.
    /// </summary>
    /// <param name="size">Rows and columns of the result. Give this or the factor.</param>
    /// <param name="scaleFactor">
    /// The size of the result per size of this tensor, rounded down. The places follow from the factor itself, not from
    /// the rounded size, as in PyTorch with <c>recompute_scale_factor=None</c>.
    /// </param>
    /// <param name="mode">The nearest value, or a blend. Default: the nearest.</param>
    /// <param name="alignCorners">
    /// Whether the values in the corners stay there; only for <see cref="UpsampleMode.Bilinear"/>. Default: false.
    /// </param>
    /// <exception cref="ArgumentException">
    /// This tensor has another rank or no values in a plane; or size and factor are both given, or none; or corners are
    /// aligned for the nearest value.
    /// </exception>
    /// <exception cref="ArgumentOutOfRangeException">The result has no values in a plane.</exception>
    public Tensor Upsample(
        Size2? size = null, Scale2? scaleFactor = null, UpsampleMode mode = UpsampleMode.Nearest,
        bool alignCorners = false) =>
        UpsampleOp.Apply(this, UpsampleSettings.Of(size, scaleFactor, mode, alignCorners));
}

/// <summary>The settings of an upsampling.</summary>
internal readonly record struct UpsampleSettings(Size2? Size, Scale2? Scale, UpsampleMode Mode, bool AlignCorners)
{
    /// <summary>The settings of a caller.</summary>
    public static UpsampleSettings Of(Size2? size, Scale2? scaleFactor, UpsampleMode mode, bool alignCorners)
    {
        if (size is null == scaleFactor is null)
        {
            throw new ArgumentException(
                $"Upsample: expected a size or a scale factor, got {(size is null ? "neither" : "both")}.",
                nameof(scaleFactor));
        }

        if (size is { } given && (given.Height < 1 || given.Width < 1))
        {
            throw new ArgumentOutOfRangeException(
                nameof(size), $"Upsample: expected a size of 1 or more rows and columns, got {given}.");
        }

        if (scaleFactor is { } scale && !(IsFactor(scale.Height) && IsFactor(scale.Width)))
        {
            throw new ArgumentOutOfRangeException(
                nameof(scaleFactor), $"Upsample: expected finite scale factors above 0, got {scale}.");
        }

        if (mode is not (UpsampleMode.Nearest or UpsampleMode.Bilinear))
        {
            throw new ArgumentOutOfRangeException(
                nameof(mode), $"Upsample: expected the mode Nearest or Bilinear, got {mode}.");
        }

        if (alignCorners && mode == UpsampleMode.Nearest)
        {
            throw new ArgumentException(
                "Upsample: expected the mode Bilinear for aligned corners, got Nearest, which has none to align.",
                nameof(alignCorners));
        }

        return new UpsampleSettings(size, scaleFactor, mode, alignCorners);
    }

    /// <summary>The resampling of an input's rows or columns.</summary>
    public ResampleAxis Axis(int input, bool rows)
    {
        double scale = Scale is { } given ? rows ? given.Height : given.Width : 0;
        double output = Size is { } size ? rows ? size.Height : size.Width : Math.Floor(input * scale);
        return new ResampleAxis(
            input, (int)Math.Min(output, int.MaxValue), Mode == UpsampleMode.Bilinear, AlignCorners, scale);
    }

    private static bool IsFactor(double value) => value > 0 && double.IsFinite(value);
}

/// <summary>
/// y[r, c] = Σ w(r, i)·v(c, j)·x[i, j], with two weights or one for each row and column; see <see cref="Resample"/>.
/// dx[i, j] = Σ w(r, i)·v(c, j)·dy[r, c].
/// </summary>
internal sealed unsafe class UpsampleOp : Op
{
    private Tensor _x = null!;
    private Tensor _weights = null!;
    private int[] _places = [];
    private int _planes;
    private ResampleAxis _rows, _columns;

    /// <inheritdoc/>
    public override string Name => "Upsample";

    public static Tensor Apply(Tensor x, UpsampleSettings settings)
    {
        Tape? tape = Join("Upsample", ref x);
        if (x.Shape.Rank != 4 || x.Shape[2] == 0 || x.Shape[3] == 0)
        {
            throw new ArgumentException(
                $"Upsample: expected (N, C, H, W) with at least one value in a plane, got {x.Shape}. "
                + "Add the missing dimensions with Reshape.", nameof(x));
        }

        ResampleAxis rows = settings.Axis(x.Shape[2], rows: true), columns = settings.Axis(x.Shape[3], rows: false);
        if (rows.Output < 1 || columns.Output < 1)
        {
            throw new ArgumentOutOfRangeException(nameof(settings), $"Upsample: expected a result of at least one row "
                + $"and column, got ({rows.Output}, {columns.Output}) from {x.Shape} by {settings.Scale}.");
        }

        Shape shape = x.Shape.With(2, rows.Output).With(3, columns.Output);
        UpsampleOp op = Rent<UpsampleOp>(tape);
        (op._x, op._rows, op._columns, op._planes) = (x, rows, columns, x.Shape[0] * x.Shape[1]);
        bool isFloat = x.DType == DType.Float32;
        int places = isFloat
            ? ResampleTable<float>.Ints(rows) + ResampleTable<float>.Ints(columns)
            : ResampleTable<double>.Ints(rows) + ResampleTable<double>.Ints(columns);
        if (op._places.Length < places) op._places = GC.AllocateUninitializedArray<int>(places, pinned: true);
        op._weights = op.NewTensor(
            [isFloat ? ResampleTable<float>.Values(rows) + ResampleTable<float>.Values(columns)
                : ResampleTable<double>.Values(rows) + ResampleTable<double>.Values(columns)], x.DType);
        op.Bind(shape, x.DType, x);
        return op.Execute();
    }

    /// <inheritdoc/>
    public override void Recycle()
    {
        base.Recycle();
        _x = _weights = null!;
    }

    /// <inheritdoc/>
    protected override void Describe(OpSettings settings)
    {
        settings.Set("blends", _columns.Blends);
        settings.Set("alignCorners", _columns.AlignCorners);
        settings.Set("rowScale", _rows.Scale);
        settings.Set("columnScale", _columns.Scale);
    }

    /// <inheritdoc/>
    protected override void Forward<T>()
    {
        (ResampleTable<T> rows, ResampleTable<T> columns) = Tables<T>();
        Resample.Forward(_x.Pointer<T>(), Output.Pointer<T>(), _planes, rows, columns);
    }

    /// <inheritdoc/>
    protected override void Backward<T>()
    {
        if (Open(_x) is not { } dx) return;
        (ResampleTable<T> rows, ResampleTable<T> columns) = Tables<T>();
        Resample.Backward(Dy.Pointer<T>(), dx.Pointer<T>(), _planes, rows, columns);
        Close<T>(_x, dx);
    }

    private (ResampleTable<T> Rows, ResampleTable<T> Columns) Tables<T>() where T : unmanaged, IFloatingPointIeee754<T>
    {
        // The array is pinned and held by this op.
        int* places = (int*)System.Runtime.InteropServices.Marshal.UnsafeAddrOfPinnedArrayElement(_places, 0);
        T* weights = _weights.Pointer<T>();
        return (ResampleTable<T>.Create(_rows, places, weights), ResampleTable<T>.Create(
            _columns, places + ResampleTable<T>.Ints(_rows), weights + ResampleTable<T>.Values(_rows)));
    }
}
