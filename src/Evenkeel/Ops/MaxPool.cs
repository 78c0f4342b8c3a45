using Evenkeel.Kernels;

namespace Evenkeel;

public sealed partial class Tensor
{
    /// <summary>
    /// The largest value of each window along the last dimension, for (N, C, L) or (C, L). It is NaN if the window has
    /// a NaN, and never the padding. The gradient goes to the first of equal values.
    /// </summary>
    /// <param name="kernelSize">Values per window.</param>
    /// <param name="stride">Distance from one window to the next; null takes the kernel size.</param>
    /// <param name="padding">
    /// Places added at both ends, or at each with <see cref="Padding.Sides"/>. A window of padding alone has the result
    /// -∞.
    /// </param>
    /// <param name="dilation">Distance from one value of a window to the next.</param>
    /// <param name="ceilMode">Whether a last window may reach beyond the end.</param>
    /// <exception cref="ArgumentException">
    /// The input has another rank, or the kernel is larger than the padded input.
    /// </exception>
    /// <exception cref="ArgumentOutOfRangeException">A setting is out of its range.</exception>
    public Tensor MaxPool1d(
        int kernelSize, int? stride = null, Padding padding = default, int dilation = 1, bool ceilMode = false) =>
        MaxPoolOp.Apply(
            this, PoolSettings.Rows("MaxPool1d", kernelSize, stride, padding, dilation, ceilMode).Checked());

    /// <summary>
    /// The largest value of each window, for (N, C, H, W) or (C, H, W). It is NaN if the window has a NaN, and never
    /// the padding. The gradient goes to the first of equal values, row by row.
    /// </summary>
    /// <param name="kernelSize">Rows and columns per window.</param>
    /// <param name="stride">Distance from one window to the next; null takes the kernel size.</param>
    /// <param name="padding">
    /// Places added around the planes, on each side with <see cref="Padding.Sides"/>. A window of padding alone has the
    /// result -∞.
    /// </param>
    /// <param name="dilation">Distance from one value of a window to the next.</param>
    /// <param name="ceilMode">Whether the last windows may reach beyond the end.</param>
    /// <exception cref="ArgumentException">
    /// The input has another rank, or the kernel is larger than the padded input.
    /// </exception>
    /// <exception cref="ArgumentOutOfRangeException">A setting is out of its range.</exception>
    public Tensor MaxPool2d(
        Size2 kernelSize, Size2? stride = null, Padding padding = default, Size2? dilation = null,
        bool ceilMode = false) =>
        MaxPoolOp.Apply(
            this, PoolSettings.Planes("MaxPool2d", kernelSize, stride, padding, dilation, ceilMode).Checked());

    /// <summary>
    /// The largest value of each window, for (N, C, D, H, W) or (C, D, H, W). It is NaN if the window has a NaN, and
    /// never the padding. The gradient goes to the first of equal values, slice by slice and row by row.
    /// </summary>
    /// <param name="kernelSize">Slices, rows and columns per window.</param>
    /// <param name="stride">Distance from one window to the next; null takes the kernel size.</param>
    /// <param name="padding">
    /// Places added around the volumes, on each side with <see cref="Padding.Sides"/>. A window of padding alone has
    /// the result -∞.
    /// </param>
    /// <param name="dilation">Distance from one value of a window to the next.</param>
    /// <param name="ceilMode">Whether the last windows may reach beyond the end.</param>
    /// <exception cref="ArgumentException">
    /// The input has another rank, or the kernel is larger than the padded input.
    /// </exception>
    /// <exception cref="ArgumentOutOfRangeException">A setting is out of its range.</exception>
    public Tensor MaxPool3d(
        Size3 kernelSize, Size3? stride = null, Padding padding = default, Size3? dilation = null,
        bool ceilMode = false) =>
        MaxPoolOp.Apply(
            this, PoolSettings.Volumes("MaxPool3d", kernelSize, stride, padding, dilation, ceilMode).Checked());

    /// <summary>
    /// The largest values of (N, C, L) or (C, L) over windows of sizes as even as possible, one per output. Output o
    /// takes the values from floor(o·L/out) up to ceil((o + 1)·L/out).
    /// </summary>
    /// <param name="outputSize">Values of the output, 1 or more; 1 is the largest value of each row.</param>
    /// <exception cref="ArgumentException">The input has another rank, or its rows are empty.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The size is below 1.</exception>
    public Tensor AdaptiveMaxPool1d(int outputSize) =>
        MaxPoolOp.ApplyAdaptive("AdaptiveMaxPool1d", 1, (1, 1, outputSize), this);

    /// <summary>
    /// The largest values of (N, C, H, W) or (C, H, W) over a square of windows of sizes as even as possible, one per
    /// output. Output o takes the rows from floor(o·H/out) up to ceil((o + 1)·H/out).
    /// </summary>
    /// <param name="outputSize">Rows and columns of the output, 1 or more.</param>
    /// <exception cref="ArgumentException">The input has another rank, or its planes are empty.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A size is below 1.</exception>
    public Tensor AdaptiveMaxPool2d(int outputSize) => AdaptiveMaxPool2d((outputSize, outputSize));

    /// <summary>
    /// The largest values of (N, C, H, W) or (C, H, W) over windows of sizes as even as possible, one per output.
    /// Output o takes the rows from floor(o·H/out) up to ceil((o + 1)·H/out).
    /// </summary>
    /// <param name="outputSize">Rows and columns of the output, 1 or more; null keeps the input's.</param>
    /// <exception cref="ArgumentException">The input has another rank, or its planes are empty.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A size is below 1.</exception>
    public Tensor AdaptiveMaxPool2d((int? Height, int? Width) outputSize) =>
        MaxPoolOp.ApplyAdaptive("AdaptiveMaxPool2d", 2, (1, outputSize.Height, outputSize.Width), this);

    /// <summary>
    /// The largest values of (N, C, D, H, W) or (C, D, H, W) over a cube of windows of sizes as even as possible, one
    /// per output. Output o takes the slices from floor(o·D/out) up to ceil((o + 1)·D/out).
    /// </summary>
    /// <param name="outputSize">Slices, rows and columns of the output, 1 or more.</param>
    /// <exception cref="ArgumentException">The input has another rank, or its volumes are empty.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A size is below 1.</exception>
    public Tensor AdaptiveMaxPool3d(int outputSize) => AdaptiveMaxPool3d((outputSize, outputSize, outputSize));

    /// <summary>
    /// The largest values of (N, C, D, H, W) or (C, D, H, W) over windows of sizes as even as possible, one per output.
    /// Output o takes the slices from floor(o·D/out) up to ceil((o + 1)·D/out).
    /// </summary>
    /// <param name="outputSize">Slices, rows and columns of the output, 1 or more; null keeps the input's.</param>
    /// <exception cref="ArgumentException">The input has another rank, or its volumes are empty.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A size is below 1.</exception>
    public Tensor AdaptiveMaxPool3d((int? Depth, int? Height, int? Width) outputSize) =>
        MaxPoolOp.ApplyAdaptive("AdaptiveMaxPool3d", 3, outputSize, this);
}

/// <summary>
/// y[o] = x[w*(o)], where w* is the first place of window o that holds its largest value; dx[i] = Σ dy[o] over the
/// windows with w*(o) = i. A window without inputs has y = -∞ and no w*.
/// </summary>
/// <remarks>
/// For windows of 2 x 2 side by side the backward pass finds the winners again from x. For other windows the forward
/// pass keeps them if a gradient is wanted.
/// </remarks>
internal sealed unsafe class MaxPoolOp : Op
{
    private Tensor _x = null!;
    private Tensor? _winners;
    private PoolShape _shape;
    private int _spatial;

    /// <inheritdoc/>
    public override string Name => "MaxPool";

    public static Tensor Apply(Tensor x, in PoolSettings settings)
    {
        Tape? tape = Join(settings.Name, ref x);
        PoolShape windows = settings.Windows(x.Shape, out Shape shape);
        return Run(tape, x, windows, settings.Spatial, shape);
    }

    public static Tensor ApplyAdaptive(
        string name, int spatial, (int? Depth, int? Height, int? Width) sizes, Tensor x)
    {
        PoolSettings.CheckAdaptive(name, spatial, sizes);
        Tape? tape = Join(name, ref x);
        PoolShape windows = PoolSettings.Adaptive(name, spatial, sizes, x.Shape, out Shape shape);
        return Run(tape, x, windows, spatial, shape);
    }

    /// <inheritdoc/>
    public override void Recycle()
    {
        base.Recycle();
        _x = null!;
        _winners = null;
    }

    private int* Winners => _winners is null ? null : (int*)_winners.Pointer<float>();

    /// <inheritdoc/>
    protected override void Describe(OpSettings settings) => PoolSettings.Describe(_shape, _spatial, settings);

    /// <inheritdoc/>
    protected override void Forward<T>() => MaxPool.Forward(_x.Pointer<T>(), Output.Pointer<T>(), Winners, _shape);

    /// <inheritdoc/>
    protected override void Backward<T>()
    {
        if (Open(_x) is not { } dx) return;
        if (_winners is null) MaxPool.QuadsBackward(Dy.Pointer<T>(), _x.Pointer<T>(), dx.Pointer<T>(), _shape);
        else MaxPool.Backward(Dy.Pointer<T>(), Winners, dx.Pointer<T>(), _shape);
        Close<T>(_x, dx);
    }

    private static Tensor Run(Tape? tape, Tensor x, in PoolShape windows, int spatial, Shape shape)
    {
        MaxPoolOp op = Rent<MaxPoolOp>(tape);
        (op._x, op._shape, op._spatial) = (x, windows, spatial);
        op.Bind(shape, x.DType, x);

        // Places are 32-bit integers, stored in a tensor of floats.
        op._winners = op.Output.RequiresGradient && !windows.IsQuadsExactly ? op.NewTensor(shape, DType.Float32) : null;
        return op.Execute();
    }
}
