namespace Evenkeel.Nn;

/// <summary>
/// The mean of each window: y[o] = (1/n)·Σ x[o·stride - padding + j·dilation], 0 ≤ j &lt; kernel,
/// rows and columns alike.
/// </summary>
/// <remarks>
/// <para>Input: (N, C, H, W) or (C, H, W); output: the same with H and W replaced by
/// ⌊(in + 2·padding - dilation·(kernel - 1) - 1)/stride⌋ + 1.</para>
/// <para>n: see <see cref="AvgPoolNd"/>.</para>
/// <para>Source: torch.nn.AvgPool2d.</para>
/// </remarks>
public sealed class AvgPool2d : AvgPoolNd
{
    /// <summary>
    /// Creates the layer with PyTorch's arguments; a size is an <c>int</c> or a tuple (height, width).
    /// </summary>
    /// <param name="kernelSize">Rows and columns of a window.</param>
    /// <param name="stride">From one window to the next; null is the kernel size.</param>
    /// <param name="padding">
    /// Zeros around the planes, on each side with <see cref="Padding.Sides"/>; or <see cref="Padding.Same"/>.
    /// </param>
    /// <param name="ceilMode">Whether the last windows may reach beyond the end: the output size is rounded up.</param>
    /// <param name="countIncludePad">Whether the zeros count in the mean.</param>
    /// <param name="divisorOverride">
    /// The divisor of the sums, instead of the number of values. Any whole number except 0.
    /// </param>
    /// <param name="dilation">
    /// From one value of a window to the next; null for 1. PyTorch does not have it, ONNX does.
    /// </param>
    /// <exception cref="ArgumentOutOfRangeException">A setting is out of its range.</exception>
    /// <exception cref="ArgumentException">The padding is one of more dimensions.</exception>
    public AvgPool2d(
        Size2 kernelSize, Size2? stride = null, Padding padding = default, bool ceilMode = false,
        bool countIncludePad = true, int? divisorOverride = null, Size2? dilation = null)
        : base(PoolSettings.Planes("AvgPool2d", kernelSize, stride, padding, dilation, ceilMode),
            countIncludePad, divisorOverride)
    {
    }

    /// <summary>Rows and columns of a window.</summary>
    public Size2 KernelSize => new(Settings.Kernel.Height, Settings.Kernel.Width);

    /// <summary>From one window to the next.</summary>
    public Size2 Stride => new(Settings.Stride.Height, Settings.Stride.Width);

    /// <summary>From one value of a window to the next.</summary>
    public Size2 Dilation => new(Settings.Dilation.Height, Settings.Dilation.Width);

    /// <summary>The divisor of the sums; null uses the number of values.</summary>
    public int? DivisorOverride => Divisor;
}
