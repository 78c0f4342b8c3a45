using Evenkeel.Kernels;

namespace Evenkeel;

public sealed partial class Tensor
{
    /// <summary>The mean of each window along the last dimension, for (N, C, L) or (C, L).</summary>
    /// <param name="kernelSize">Values per window.</param>
    /// <param name="stride">Distance from one window to the next; null takes the kernel size.</param>
    /// <param name="padding">Zeros added at both ends, at most half the kernel size.</param>
    /// <param name="ceilMode">
    /// Whether a last window may reach beyond the end. Places beyond the padding never count.
    /// </param>
    /// <param name="countIncludePad">Whether the zeros count in the mean.</param>
    /// <exception cref="ArgumentException">
    /// The input has another rank, or the kernel is larger than the padded input.
    /// </exception>
    /// <exception cref="ArgumentOutOfRangeException">A setting is out of its range.</exception>
    public Tensor AvgPool1d(
        int kernelSize, int? stride = null, int padding = 0, bool ceilMode = false, bool countIncludePad = true) =>
        AveragePoolOp.Apply(
            "AvgPool1d", this, PoolSettings.Of(kernelSize, stride, padding, 1, ceilMode).Checked("AvgPool1d"),
            countIncludePad, divisorOverride: null);

    /// <summary>The mean of each window, for (N, C, H, W) or (C, H, W).</summary>
    /// <param name="kernelSize">Rows and columns per window.</param>
    /// <param name="stride">Distance from one window to the next; null takes the kernel size.</param>
    /// <param name="padding">Zeros added on all four sides, at most half the kernel size.</param>
    /// <param name="ceilMode">
    /// Whether the last windows may reach beyond the end. Places beyond the padding never count.
    /// </param>
    /// <param name="countIncludePad">Whether the zeros count in the mean.</param>
    /// <param name="divisorOverride">
    /// The divisor of the sums; null takes the number of values. It may be any whole number except 0.
    /// </param>
    /// <exception cref="ArgumentException">
    /// The input has another rank, or the kernel is larger than the padded input.
    /// </exception>
    /// <exception cref="ArgumentOutOfRangeException">A setting is out of its range.</exception>
    public Tensor AvgPool2d(
        Size2 kernelSize, Size2? stride = null, Size2 padding = default, bool ceilMode = false,
        bool countIncludePad = true, int? divisorOverride = null) =>
        AveragePoolOp.Apply(
            "AvgPool2d", this, PoolSettings.Of(kernelSize, stride, padding, 1, ceilMode).Checked("AvgPool2d"),
            countIncludePad, divisorOverride);

    /// <summary>
    /// Means of (N, C, H, W) or (C, H, W) over a square of windows of sizes as even as possible, one per output. Output
    /// o takes the rows from floor(o·H/out) up to ceil((o + 1)·H/out).
    /// </summary>
    /// <param name="outputSize">Rows and columns of the output, 1 or more; 1 is the mean of each plane.</param>
    /// <exception cref="ArgumentException">The input has another rank, or its planes are empty.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A size is below 1.</exception>
    public Tensor AdaptiveAvgPool2d(int outputSize) => AdaptiveAvgPool2d((outputSize, outputSize));

    /// <summary>
    /// Means of (N, C, H, W) or (C, H, W) over windows of sizes as even as possible, one per output. Output o takes the
    /// rows from floor(o·H/out) up to ceil((o + 1)·H/out).
    /// </summary>
    /// <param name="outputSize">Rows and columns of the output, 1 or more; null keeps the input's.</param>
    /// <exception cref="ArgumentException">The input has another rank, or its planes are empty.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A size is below 1.</exception>
    public Tensor AdaptiveAvgPool2d((int? Height, int? Width) outputSize) =>
        AveragePoolOp.ApplyAdaptive(this, outputSize);
}

/// <summary>y[o] = Σ_{i in window o} x[i] / n(o); dx[i] = Σ_{o: i in window o} dy[o] / n(o).</summary>
internal sealed unsafe class AveragePoolOp : Op
{
    private Tensor _x = null!;
    private PoolPlanes _planes;
    private bool _includePadding;
    private int _divisor, _spatial;

    /// <inheritdoc/>
    public override string Name => "AvgPool";

    public static Tensor Apply(string name, Tensor x, PoolSettings settings, bool countIncludePad, int? divisorOverride)
    {
        CheckDivisor(name, divisorOverride);
        Tape? tape = Join(name, ref x);
        PoolPlanes planes = settings.Planes(name, x.Shape, out Shape shape);
        return Run(tape, x, planes, shape, settings.Spatial, countIncludePad, divisorOverride ?? 0);
    }

    public static Tensor ApplyAdaptive(Tensor x, (int? Height, int? Width) size)
    {
        CheckAdaptive(size);
        Tape? tape = Join("AdaptiveAvgPool2d", ref x);
        PoolSettings.CheckRank("AdaptiveAvgPool2d", x.Shape, spatial: 2);
        (int rows, int columns) = (x.Shape[^2], x.Shape[^1]);
        if (rows == 0 || columns == 0)
        {
            throw new ArgumentException(
                $"AdaptiveAvgPool2d: expected planes of at least one value, "
                + $"got {x.Shape}. The mean of nothing is undefined.",
                nameof(x));
        }

        var planes = new PoolPlanes(x.Count / rows / columns,
            PoolAxis.Adaptive(rows, size.Height ?? rows), PoolAxis.Adaptive(columns, size.Width ?? columns));
        return Run(tape, x, planes,
            x.Shape.With(-2, planes.Rows.Output).With(-1, planes.Columns.Output), spatial: 2,
            includePadding: false, divisor: 0);
    }

    /// <summary>Checks the divisor. The layer's constructor calls it too.</summary>
    public static void CheckDivisor(string name, int? divisorOverride)
    {
        if (divisorOverride == 0)
        {
            throw new ArgumentOutOfRangeException(nameof(divisorOverride),
                $"{name}: expected a divisor other than 0, got 0. Leave it out to divide by the number of values.");
        }
    }

    /// <inheritdoc cref="CheckDivisor"/>
    public static void CheckAdaptive((int? Height, int? Width) size)
    {
        if (size.Height < 1 || size.Width < 1)
        {
            throw new ArgumentOutOfRangeException(nameof(size), $"AdaptiveAvgPool2d: expected an output of 1 or more "
                + $"rows and columns (null keeps the input's), got {size}.");
        }
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
        PoolSettings.Describe(_planes, _spatial, settings);
        settings.Set("countIncludePad", _includePadding);
        settings.Set("divisor", _divisor);
    }

    /// <inheritdoc/>
    protected override void Forward<T>() =>
        AveragePool.Forward(_x.Pointer<T>(), Output.Pointer<T>(), _planes, _includePadding, _divisor);

    /// <inheritdoc/>
    protected override void Backward<T>()
    {
        if (Open(_x) is not { } dx) return;
        AveragePool.Backward(Dy.Pointer<T>(), dx.Pointer<T>(), _planes, _includePadding, _divisor);
        Close<T>(_x, dx);
    }

    private static Tensor Run(
        Tape? tape, Tensor x, PoolPlanes planes, Shape shape, int spatial, bool includePadding, int divisor)
    {
        AveragePoolOp op = Rent<AveragePoolOp>(tape);
        (op._x, op._planes, op._spatial, op._includePadding, op._divisor) =
            (x, planes, spatial, includePadding, divisor);
        op.Bind(shape, x.DType, x);
        return op.Execute();
    }
}
