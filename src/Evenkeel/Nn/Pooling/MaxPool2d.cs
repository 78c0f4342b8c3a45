namespace Evenkeel.Nn;

/// <summary>
/// The largest value of each window: y[o] = max x[o·stride - padding + j·dilation], 0 ≤ j &lt; kernel, rows and columns alike.
/// </summary>
/// <remarks>
/// <para>Input: (N, C, H, W) or (C, H, W); output: the same with H and W replaced by floor((in + 2·padding - dilation·(kernel - 1) - 1)/stride) + 1. Padding never wins; NaN does.
/// The gradient goes to the first of equal values.</para>
/// <para>Source: torch.nn.MaxPool2d.</para>
/// </remarks>
public sealed class MaxPool2d : Module
{
    private readonly PoolSettings _settings;
    private readonly bool _pairs;

    /// <summary>Creates the layer with square windows and PyTorch's arguments.</summary>
    /// <param name="kernelSize">Rows and columns of a window.</param>
    /// <param name="stride">From one window to the next; null is the kernel size.</param>
    /// <param name="padding">Places added on all four sides, at most half the kernel size.</param>
    /// <param name="dilation">From one value of a window to the next.</param>
    /// <param name="ceilMode">Whether the last windows may reach beyond the end: the output size is rounded up.</param>
    /// <exception cref="ArgumentOutOfRangeException">A setting is out of its range.</exception>
    public MaxPool2d(int kernelSize, int? stride = null, int padding = 0, int dilation = 1, bool ceilMode = false)
        : this((kernelSize, kernelSize), stride is { } step ? (step, step) : null, (padding, padding), (dilation, dilation), ceilMode) => _pairs = false;

    /// <summary>Creates the layer with windows of any sides.</summary>
    /// <inheritdoc cref="MaxPool2d(int, int?, int, int, bool)"/>
    public MaxPool2d((int Height, int Width) kernelSize, (int Height, int Width)? stride = null, (int Height, int Width) padding = default, (int Height, int Width)? dilation = null, bool ceilMode = false)
    {
        _settings = PoolSettings.Of(kernelSize, stride, padding, dilation ?? (1, 1), ceilMode).Checked("MaxPool2d");
        _pairs = true;
    }

    /// <summary>Rows and columns of a window.</summary>
    public (int Height, int Width) KernelSize => _settings.Kernel;

    /// <summary>From one window to the next.</summary>
    public (int Height, int Width) Stride => _settings.Stride;

    /// <summary>Places added above and below, left and right.</summary>
    public (int Height, int Width) Padding => _settings.Padding;

    /// <summary>From one value of a window to the next.</summary>
    public (int Height, int Width) Dilation => _settings.Dilation;

    /// <summary>Whether the output size is rounded up.</summary>
    public bool CeilMode => _settings.CeilMode;

    /// <inheritdoc/>
    protected override Tensor ForwardCore(Tensor x) => MaxPoolOp.Apply("MaxPool2d", x, _settings);

    /// <inheritdoc/>
    public override string ToString() =>
        $"MaxPool2d(kernel_size={PoolText.Format(KernelSize, _pairs)}, stride={PoolText.Format(Stride, _pairs)}, padding={PoolText.Format(Padding, _pairs)}, dilation={PoolText.Format(Dilation, _pairs)}, ceil_mode={PythonNumber.Format(CeilMode)})";
}
