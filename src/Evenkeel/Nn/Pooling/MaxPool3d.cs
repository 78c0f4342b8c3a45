namespace Evenkeel.Nn;

/// <summary>
/// The largest value of each window: y[o] = max x[o·stride - padding + j·dilation], 0 ≤ j &lt; kernel,
/// slices, rows and columns alike.
/// </summary>
/// <remarks>
/// <para>Input: (N, C, D, H, W) or (C, D, H, W); output: the same with D, H and W replaced by
/// ⌊(in + 2·padding - dilation·(kernel - 1) - 1)/stride⌋ + 1.</para>
/// <para>Padding never wins; NaN does. The gradient goes to the first of equal values: see
/// <see cref="MaxPoolNd"/>.</para>
/// <para>Source: torch.nn.MaxPool3d.</para>
/// </remarks>
public sealed class MaxPool3d : MaxPoolNd
{
    /// <summary>
    /// Creates the layer with PyTorch's arguments; a size is an <c>int</c> or a tuple (depth, height, width).
    /// </summary>
    /// <param name="kernelSize">Slices, rows and columns of a window.</param>
    /// <param name="stride">From one window to the next; null is the kernel size.</param>
    /// <param name="padding">
    /// Places around the volumes, on each side with <see cref="Padding.Sides"/>; or <see cref="Padding.Same"/>.
    /// </param>
    /// <param name="dilation">From one value of a window to the next; null for 1.</param>
    /// <param name="ceilMode">Whether the last windows may reach beyond the end: the output size is rounded up.</param>
    /// <exception cref="ArgumentOutOfRangeException">A setting is out of its range.</exception>
    /// <exception cref="ArgumentException">The padding is one of more dimensions.</exception>
    public MaxPool3d(
        Size3 kernelSize, Size3? stride = null, Padding padding = default, Size3? dilation = null,
        bool ceilMode = false)
        : base(PoolSettings.Volumes("MaxPool3d", kernelSize, stride, padding, dilation, ceilMode))
    {
    }

    /// <summary>Slices, rows and columns of a window.</summary>
    public Size3 KernelSize => Settings.Kernel;

    /// <summary>From one window to the next.</summary>
    public Size3 Stride => Settings.Stride;

    /// <summary>From one value of a window to the next.</summary>
    public Size3 Dilation => Settings.Dilation;
}
