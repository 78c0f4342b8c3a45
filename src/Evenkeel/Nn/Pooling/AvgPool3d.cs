namespace Evenkeel.Nn;

/// <summary>
/// The mean of each window: y[o] = (1/n)·Σ x[o·stride - padding + j·dilation], 0 ≤ j &lt; kernel,
/// slices, rows and columns alike.
/// </summary>
/// <remarks>
/// <para>Input: (N, C, D, H, W) or (C, D, H, W); output: the same with D, H and W replaced by
/// ⌊(in + 2·padding - dilation·(kernel - 1) - 1)/stride⌋ + 1.</para>
/// <para>n: see <see cref="AvgPoolNd"/>.</para>
/// <para>Source: torch.nn.AvgPool3d.</para>
/// </remarks>
public sealed class AvgPool3d : AvgPoolNd
{
    /// <summary>
    /// Creates the layer with PyTorch's arguments; a size is an <c>int</c> or a tuple (depth, height, width).
    /// </summary>
    /// <param name="kernelSize">Slices, rows and columns of a window.</param>
    /// <param name="stride">From one window to the next; null is the kernel size.</param>
    /// <param name="padding">
    /// Zeros around the volumes, on each side with <see cref="Padding.Sides"/>; or <see cref="Padding.Same"/>.
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
    public AvgPool3d(
        Size3 kernelSize, Size3? stride = null, Padding padding = default, bool ceilMode = false,
        bool countIncludePad = true, int? divisorOverride = null, Size3? dilation = null)
        : base(PoolSettings.Volumes("AvgPool3d", kernelSize, stride, padding, dilation, ceilMode),
            countIncludePad, divisorOverride)
    {
    }

    /// <summary>Slices, rows and columns of a window.</summary>
    public Size3 KernelSize => Settings.Kernel;

    /// <summary>From one window to the next.</summary>
    public Size3 Stride => Settings.Stride;

    /// <summary>From one value of a window to the next.</summary>
    public Size3 Dilation => Settings.Dilation;

    /// <summary>The divisor of the sums; null uses the number of values.</summary>
    public int? DivisorOverride => Divisor;
}
