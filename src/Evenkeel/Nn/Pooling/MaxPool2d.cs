namespace Evenkeel.Nn;

/// <summary>
/// The largest value of each window: y[o] = max x[o·stride - padding + j·dilation], 0 ≤ j &lt;
/// kernel, rows and columns alike.
/// </summary>
/// <remarks>
/// <para>Input: (N, C, H, W) or (C, H, W); output: the same with H and W replaced by floor((in + 2·padding -
/// dilation·(kernel - 1) - 1)/stride) + 1. Padding never wins; NaN does.
/// The gradient goes to the first of equal values.</para>
/// <para>Source: torch.nn.MaxPool2d.</para>
/// </remarks>
public sealed class MaxPool2d : Module
{
    private readonly PoolSettings _settings;

    /// <summary>
    /// Creates the layer with PyTorch's arguments; a size is an <c>int</c> or a tuple (height, width).
    /// </summary>
    /// <param name="kernelSize">Rows and columns of a window.</param>
    /// <param name="stride">From one window to the next; null is the kernel size.</param>
    /// <param name="padding">Places added on all four sides, at most half the kernel size.</param>
    /// <param name="dilation">From one value of a window to the next.</param>
    /// <param name="ceilMode">Whether the last windows may reach beyond the end: the output size is rounded up.</param>
    /// <exception cref="ArgumentOutOfRangeException">A setting is out of its range.</exception>
    public MaxPool2d(
        Size2 kernelSize, Size2? stride = null, Size2 padding = default, Size2? dilation = null,
        bool ceilMode = false) =>
        _settings = PoolSettings.Of(kernelSize, stride, padding, dilation, ceilMode).Checked("MaxPool2d");

    /// <summary>Rows and columns of a window.</summary>
    public Size2 KernelSize => _settings.Kernel;

    /// <summary>From one window to the next.</summary>
    public Size2 Stride => _settings.Stride;

    /// <summary>Places added above and below, left and right.</summary>
    public Size2 Padding => _settings.Padding;

    /// <summary>From one value of a window to the next.</summary>
    public Size2 Dilation => _settings.Dilation;

    /// <summary>Whether the output size is rounded up.</summary>
    public bool CeilMode => _settings.CeilMode;

    /// <inheritdoc/>
    protected override Tensor ForwardCore(Tensor x) => MaxPoolOp.Apply("MaxPool2d", x, _settings);

    /// <inheritdoc/>
    public override string ToString() =>
        $"MaxPool2d(kernel_size={PoolText.Format(KernelSize)}, stride={PoolText.Format(Stride)}, "
        + $"padding={PoolText.Format(Padding)}, dilation={PoolText.Format(Dilation)}, "
        + $"ceil_mode={PythonNumber.Format(CeilMode)})";
}
