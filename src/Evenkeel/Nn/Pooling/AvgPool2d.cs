namespace Evenkeel.Nn;

/// <summary>
/// The mean of each window: y[o] = (1/n)·Σ x[o·stride - padding + j], 0 ≤ j &lt; kernel, rows and columns alike.
/// </summary>
/// <remarks>
/// <para>Input: (N, C, H, W) or (C, H, W); output: the same with H and W replaced by floor((in + 2·padding -
/// kernel)/stride) + 1. n is the number of values in the window, less what reaches beyond the padding (ceil mode), and
/// less the padding if that does not count; or the divisor, if one is given.</para>
/// <para>Source: torch.nn.AvgPool2d.</para>
/// </remarks>
public sealed class AvgPool2d : Module
{
    private readonly PoolSettings _settings;

    /// <summary>
    /// Creates the layer with PyTorch's arguments; a size is an <c>int</c> or a tuple (height, width).
    /// </summary>
    /// <param name="kernelSize">Rows and columns of a window.</param>
    /// <param name="stride">From one window to the next; null is the kernel size.</param>
    /// <param name="padding">Zeros added on all four sides, at most half the kernel size.</param>
    /// <param name="ceilMode">Whether the last windows may reach beyond the end: the output size is rounded up.</param>
    /// <param name="countIncludePad">Whether the zeros count in the mean.</param>
    /// <param name="divisorOverride">
    /// The divisor of the sums, instead of the number of values. Any whole number except 0.
    /// </param>
    /// <exception cref="ArgumentOutOfRangeException">A setting is out of its range.</exception>
    public AvgPool2d(
        Size2 kernelSize, Size2? stride = null, Size2 padding = default, bool ceilMode = false,
        bool countIncludePad = true, int? divisorOverride = null)
    {
        _settings = PoolSettings.Of(kernelSize, stride, padding, 1, ceilMode).Checked("AvgPool2d");
        AveragePoolOp.CheckDivisor("AvgPool2d", divisorOverride);
        CountIncludePad = countIncludePad;
        DivisorOverride = divisorOverride;
    }

    /// <summary>Rows and columns of a window.</summary>
    public Size2 KernelSize => _settings.Kernel;

    /// <summary>From one window to the next.</summary>
    public Size2 Stride => _settings.Stride;

    /// <summary>Zeros added above and below, left and right.</summary>
    public Size2 Padding => _settings.Padding;

    /// <summary>Whether the output size is rounded up.</summary>
    public bool CeilMode => _settings.CeilMode;

    /// <summary>Whether the zeros count in the mean.</summary>
    public bool CountIncludePad { get; }

    /// <summary>The divisor of the sums; null uses the number of values.</summary>
    public int? DivisorOverride { get; }

    /// <inheritdoc/>
    protected override Tensor ForwardCore(Tensor x) =>
        AveragePoolOp.Apply("AvgPool2d", x, _settings, CountIncludePad, DivisorOverride);

    /// <summary>PyTorch's spelling of the settings.</summary>
    public override string ToString() =>
        $"AvgPool2d(kernel_size={PoolText.Format(KernelSize)}, stride={PoolText.Format(Stride)}, "
        + $"padding={PoolText.Format(Padding)})";
}
