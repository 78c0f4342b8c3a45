namespace Evenkeel.Nn;

/// <summary>
/// The largest value of each window: y[o] = max x[o·stride - padding + j·dilation], 0 ≤ j &lt; kernel.
/// </summary>
/// <remarks>
/// <para>Input: (N, C, L) or (C, L); output: the same with L replaced by floor((in + 2·padding - dilation·(kernel - 1)
/// - 1)/stride) + 1. Padding never wins; NaN does.
/// The gradient goes to the first of equal values.</para>
/// <para>Source: torch.nn.MaxPool1d.</para>
/// </remarks>
public sealed class MaxPool1d : Module
{
    private readonly PoolSettings _settings;

    /// <summary>Creates the layer with PyTorch's arguments.</summary>
    /// <param name="kernelSize">Values of a window.</param>
    /// <param name="stride">From one window to the next; null is the kernel size.</param>
    /// <param name="padding">Places added at both ends, at most half the kernel size.</param>
    /// <param name="dilation">From one value of a window to the next.</param>
    /// <param name="ceilMode">Whether a last window may reach beyond the end: the output size is rounded up.</param>
    /// <exception cref="ArgumentOutOfRangeException">A setting is out of its range.</exception>
    public MaxPool1d(int kernelSize, int? stride = null, int padding = 0, int dilation = 1, bool ceilMode = false) =>
        _settings = PoolSettings.Of(kernelSize, stride, padding, dilation, ceilMode).Checked("MaxPool1d");

    /// <summary>Values of a window.</summary>
    public int KernelSize => _settings.Kernel.Width;

    /// <summary>From one window to the next.</summary>
    public int Stride => _settings.Stride.Width;

    /// <summary>Places added at both ends.</summary>
    public int Padding => _settings.Padding.Width;

    /// <summary>From one value of a window to the next.</summary>
    public int Dilation => _settings.Dilation.Width;

    /// <summary>Whether the output size is rounded up.</summary>
    public bool CeilMode => _settings.CeilMode;

    /// <inheritdoc/>
    protected override Tensor ForwardCore(Tensor x) => MaxPoolOp.Apply("MaxPool1d", x, _settings);

    /// <inheritdoc/>
    public override string ToString() =>
        $"MaxPool1d(kernel_size={KernelSize}, stride={Stride}, padding={Padding}, dilation={Dilation}, "
        + $"ceil_mode={PythonNumber.Format(CeilMode)})";
}
