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
    /// <param name="padding">Places added at both ends, at most half the kernel size.</param>
    /// <param name="dilation">Distance from one value of a window to the next.</param>
    /// <param name="ceilMode">Whether a last window may reach beyond the end.</param>
    /// <exception cref="ArgumentException">
    /// The input has another rank, or the kernel is larger than the padded input.
    /// </exception>
    /// <exception cref="ArgumentOutOfRangeException">A setting is out of its range.</exception>
    public Tensor MaxPool1d(
        int kernelSize, int? stride = null, int padding = 0, int dilation = 1, bool ceilMode = false) =>
        MaxPoolOp.Apply(
            "MaxPool1d", this, PoolSettings.Of(kernelSize, stride, padding, dilation, ceilMode).Checked("MaxPool1d"));

    /// <summary>
    /// The largest value of each window, for (N, C, H, W) or (C, H, W). It is NaN if the window has a NaN, and never
    /// the padding. The gradient goes to the first of equal values, row by row.
    /// </summary>
    /// <param name="kernelSize">Rows and columns per window.</param>
    /// <param name="stride">Distance from one window to the next; null takes the kernel size.</param>
    /// <param name="padding">Places added on all four sides, at most half the kernel size.</param>
    /// <param name="dilation">Distance from one value of a window to the next.</param>
    /// <param name="ceilMode">Whether the last windows may reach beyond the end.</param>
    /// <exception cref="ArgumentException">
    /// The input has another rank, or the kernel is larger than the padded input.
    /// </exception>
    /// <exception cref="ArgumentOutOfRangeException">A setting is out of its range.</exception>
    public Tensor MaxPool2d(
        Size2 kernelSize, Size2? stride = null, Size2 padding = default, Size2? dilation = null,
        bool ceilMode = false) =>
        MaxPoolOp.Apply(
            "MaxPool2d", this, PoolSettings.Of(kernelSize, stride, padding, dilation, ceilMode).Checked("MaxPool2d"));
}

/// <summary>
/// y[o] = x[w*(o)], where w* is the first place of window o that holds its largest value; dx[i] = Σ dy[o] over the
/// windows with w*(o) = i.
/// </summary>
/// <remarks>
/// For windows of 2 x 2 side by side the backward pass finds the winners again from x. For other windows the forward
/// pass keeps them if a gradient is wanted.
/// </remarks>
internal sealed unsafe class MaxPoolOp : Op
{
    private Tensor _x = null!;
    private Tensor? _winners;
    private PoolPlanes _planes;
    private int _spatial;

    /// <inheritdoc/>
    public override string Name => "MaxPool";

    public static Tensor Apply(string name, Tensor x, PoolSettings settings)
    {
        Tape? tape = Join(name, ref x);
        PoolPlanes planes = settings.Planes(name, x.Shape, out Shape shape);
        MaxPoolOp op = Rent<MaxPoolOp>(tape);
        (op._x, op._planes, op._spatial) = (x, planes, settings.Spatial);
        op.Bind(shape, x.DType, x);

        // Places are 32-bit integers, stored in a tensor of floats.
        op._winners = op.Output.RequiresGradient && !planes.IsQuadsExactly ? op.NewTensor(shape, DType.Float32) : null;
        return op.Execute();
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
    protected override void Describe(OpSettings settings) => PoolSettings.Describe(_planes, _spatial, settings);

    /// <inheritdoc/>
    protected override void Forward<T>() => MaxPool.Forward(_x.Pointer<T>(), Output.Pointer<T>(), Winners, _planes);

    /// <inheritdoc/>
    protected override void Backward<T>()
    {
        if (Open(_x) is not { } dx) return;
        if (_winners is null) MaxPool.QuadsBackward(Dy.Pointer<T>(), _x.Pointer<T>(), dx.Pointer<T>(), _planes);
        else MaxPool.Backward(Dy.Pointer<T>(), Winners, dx.Pointer<T>(), _planes);
        Close<T>(_x, dx);
    }
}
