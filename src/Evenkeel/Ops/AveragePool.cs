using Evenkeel.Kernels;

namespace Evenkeel;

public sealed partial class Tensor
{
    /// <summary>The mean of each window along the last dimension, for (N, C, L) or (C, L).</summary>
    /// <param name="kernelSize">Values per window.</param>
    /// <param name="stride">Distance from one window to the next; null takes the kernel size.</param>
    /// <param name="padding">
    /// Zeros added at both ends, or at each with <see cref="Padding.Sides"/>. A window of
    /// padding alone has the mean 0.
    /// </param>
    /// <param name="ceilMode">
    /// Whether a last window may reach beyond the end. Places beyond the padding never count.
    /// </param>
    /// <param name="countIncludePad">Whether the zeros count in the mean.</param>
    /// <param name="dilation">Distance from one value of a window to the next. PyTorch does not have it.</param>
    /// <exception cref="ArgumentException">
    /// The input has another rank, or the kernel is larger than the padded input.
    /// </exception>
    /// <exception cref="ArgumentOutOfRangeException">A setting is out of its range.</exception>
    public Tensor AvgPool1d(
        int kernelSize, int? stride = null, Padding padding = default, bool ceilMode = false,
        bool countIncludePad = true, int dilation = 1) =>
        AveragePoolOp.Apply(
            this, PoolSettings.Rows("AvgPool1d", kernelSize, stride, padding, dilation, ceilMode).Checked(),
            countIncludePad, divisorOverride: null);

    /// <summary>The mean of each window, for (N, C, H, W) or (C, H, W).</summary>
    /// <param name="kernelSize">Rows and columns per window.</param>
    /// <param name="stride">Distance from one window to the next; null takes the kernel size.</param>
    /// <param name="padding">
    /// Zeros added around the planes, on each side with <see cref="Padding.Sides"/>. A window of
    /// padding alone has the mean 0.
    /// </param>
    /// <param name="ceilMode">
    /// Whether the last windows may reach beyond the end. Places beyond the padding never count.
    /// </param>
    /// <param name="countIncludePad">Whether the zeros count in the mean.</param>
    /// <param name="divisorOverride">
    /// The divisor of the sums; null takes the number of values. It may be any whole number except 0.
    /// </param>
    /// <param name="dilation">Distance from one value of a window to the next. PyTorch does not have it.</param>
    /// <exception cref="ArgumentException">
    /// The input has another rank, or the kernel is larger than the padded input.
    /// </exception>
    /// <exception cref="ArgumentOutOfRangeException">A setting is out of its range.</exception>
    public Tensor AvgPool2d(
        Size2 kernelSize, Size2? stride = null, Padding padding = default, bool ceilMode = false,
        bool countIncludePad = true, int? divisorOverride = null, Size2? dilation = null) =>
        AveragePoolOp.Apply(
            this, PoolSettings.Planes("AvgPool2d", kernelSize, stride, padding, dilation, ceilMode).Checked(),
            countIncludePad, divisorOverride);

    /// <summary>The mean of each window, for (N, C, D, H, W) or (C, D, H, W).</summary>
    /// <param name="kernelSize">Slices, rows and columns per window.</param>
    /// <param name="stride">Distance from one window to the next; null takes the kernel size.</param>
    /// <param name="padding">
    /// Zeros added around the volumes, on each side with <see cref="Padding.Sides"/>. A window of
    /// padding alone has the mean 0.
    /// </param>
    /// <param name="ceilMode">
    /// Whether the last windows may reach beyond the end. Places beyond the padding never count.
    /// </param>
    /// <param name="countIncludePad">Whether the zeros count in the mean.</param>
    /// <param name="divisorOverride">
    /// The divisor of the sums; null takes the number of values. It may be any whole number except 0.
    /// </param>
    /// <param name="dilation">Distance from one value of a window to the next. PyTorch does not have it.</param>
    /// <exception cref="ArgumentException">
    /// The input has another rank, or the kernel is larger than the padded input.
    /// </exception>
    /// <exception cref="ArgumentOutOfRangeException">A setting is out of its range.</exception>
    public Tensor AvgPool3d(
        Size3 kernelSize, Size3? stride = null, Padding padding = default, bool ceilMode = false,
        bool countIncludePad = true, int? divisorOverride = null, Size3? dilation = null) =>
        AveragePoolOp.Apply(
            this, PoolSettings.Volumes("AvgPool3d", kernelSize, stride, padding, dilation, ceilMode).Checked(),
            countIncludePad, divisorOverride);

    /// <summary>
    /// Means of (N, C, L) or (C, L) over windows of sizes as even as possible, one per output. Output o takes the
    /// values from floor(o·L/out) up to ceil((o + 1)·L/out).
    /// </summary>
    /// <param name="outputSize">Values of the output, 1 or more; 1 is the mean of each row.</param>
    /// <exception cref="ArgumentException">The input has another rank, or its rows are empty.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The size is below 1.</exception>
    public Tensor AdaptiveAvgPool1d(int outputSize) =>
        AveragePoolOp.ApplyAdaptive("AdaptiveAvgPool1d", 1, (1, 1, outputSize), this);

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
        AveragePoolOp.ApplyAdaptive("AdaptiveAvgPool2d", 2, (1, outputSize.Height, outputSize.Width), this);

    /// <summary>
    /// Means of (N, C, D, H, W) or (C, D, H, W) over a cube of windows of sizes as even as possible, one per output.
    /// Output o takes the slices from floor(o·D/out) up to ceil((o + 1)·D/out).
    /// </summary>
    /// <param name="outputSize">Slices, rows and columns of the output, 1 or more.</param>
    /// <exception cref="ArgumentException">The input has another rank, or its volumes are empty.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A size is below 1.</exception>
    public Tensor AdaptiveAvgPool3d(int outputSize) => AdaptiveAvgPool3d((outputSize, outputSize, outputSize));

    /// <summary>
    /// Means of (N, C, D, H, W) or (C, D, H, W) over windows of sizes as even as possible, one per output. Output o
    /// takes the slices from floor(o·D/out) up to ceil((o + 1)·D/out).
    /// </summary>
    /// <param name="outputSize">Slices, rows and columns of the output, 1 or more; null keeps the input's.</param>
    /// <exception cref="ArgumentException">The input has another rank, or its volumes are empty.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A size is below 1.</exception>
    public Tensor AdaptiveAvgPool3d((int? Depth, int? Height, int? Width) outputSize) =>
        AveragePoolOp.ApplyAdaptive("AdaptiveAvgPool3d", 3, outputSize, this);
}

/// <summary>
/// y[o] = Σ_{i in window o} x[i] / n(o); dx[i] = Σ_{o: i in window o} dy[o] / n(o). A window without inputs has y = 0.
/// </summary>
internal sealed unsafe class AveragePoolOp : Op
{
    private Tensor _x = null!;
    private PoolShape _shape;
    private AverageDivisor _divisor;
    private int _spatial;

    /// <inheritdoc/>
    public override string Name => "AvgPool";

    public static Tensor Apply(Tensor x, in PoolSettings settings, bool countIncludePad, int? divisorOverride)
    {
        CheckDivisor(settings.Name, divisorOverride);
        Tape? tape = Join(settings.Name, ref x);
        PoolShape windows = settings.Windows(x.Shape, out Shape shape);
        return Run(
            tape, x, windows, settings.Spatial, shape, new AverageDivisor(countIncludePad, divisorOverride ?? 0));
    }

    public static Tensor ApplyAdaptive(
        string name, int spatial, (int? Depth, int? Height, int? Width) sizes, Tensor x)
    {
        PoolSettings.CheckAdaptive(name, spatial, sizes);
        Tape? tape = Join(name, ref x);
        PoolShape windows = PoolSettings.Adaptive(name, spatial, sizes, x.Shape, out Shape shape);
        return Run(tape, x, windows, spatial, shape, new AverageDivisor(IncludePadding: false, 0));
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

    /// <inheritdoc/>
    public override void Recycle()
    {
        base.Recycle();
        _x = null!;
    }

    /// <inheritdoc/>
    protected override void Describe(OpSettings settings)
    {
        PoolSettings.Describe(_shape, _spatial, settings);
        settings.Set("countIncludePad", _divisor.IncludePadding);
        settings.Set("divisor", _divisor.Number);
    }

    /// <inheritdoc/>
    protected override void Forward<T>() =>
        AveragePool.Forward(_x.Pointer<T>(), Output.Pointer<T>(), _shape, _divisor);

    /// <inheritdoc/>
    protected override void Backward<T>()
    {
        if (Open(_x) is not { } dx) return;
        AveragePool.Backward(Dy.Pointer<T>(), dx.Pointer<T>(), _shape, _divisor);
        Close<T>(_x, dx);
    }

    private static Tensor Run(
        Tape? tape, Tensor x, in PoolShape windows, int spatial, Shape shape, AverageDivisor divisor)
    {
        AveragePoolOp op = Rent<AveragePoolOp>(tape);
        (op._x, op._shape, op._spatial, op._divisor) = (x, windows, spatial, divisor);
        op.Bind(shape, x.DType, x);
        return op.Execute();
    }
}
