namespace Evenkeel.Nn;

/// <summary>
/// The largest value of each window: y[o] = max x[o·stride - padding + j·dilation], 0 ≤ j &lt; kernel,
/// rows and columns alike.
/// </summary>
/// <remarks>
/// <para>Input: (N, C, H, W) or (C, H, W); output: the same with H and W replaced by
/// ⌊(in + 2·padding - dilation·(kernel - 1) - 1)/stride⌋ + 1.</para>
/// <para>Padding never wins; NaN does. The gradient goes to the first of equal values: see
/// <see cref="MaxPoolNd"/>.</para>
/// <para>Source: torch.nn.MaxPool2d.</para>
/// </remarks>
public sealed class MaxPool2d : MaxPoolNd
{
    /// <summary>
    /// Creates the layer with PyTorch's arguments; a size is an <c>int</c> or a tuple (height, width).
    /// </summary>
    /// <param name="kernelSize">Rows and columns of a window.</param>
    /// <param name="stride">From one window to the next; null is the kernel size.</param>
    /// <param name="padding">
    /// Places around the planes, on each side with <see cref="Padding.Sides"/>; or <see cref="Padding.Same"/>.
    /// </param>
    /// <param name="dilation">From one value of a window to the next; null for 1.</param>
    /// <param name="ceilMode">Whether the last windows may reach beyond the end: the output size is rounded up.</param>
    /// <exception cref="ArgumentOutOfRangeException">A setting is out of its range.</exception>
    /// <exception cref="ArgumentException">The padding is one of more dimensions.</exception>
    public MaxPool2d(
        Size2 kernelSize, Size2? stride = null, Padding padding = default, Size2? dilation = null,
        bool ceilMode = false)
        : base(PoolSettings.Planes("MaxPool2d", kernelSize, stride, padding, dilation, ceilMode))
    {
    }

    /// <summary>Rows and columns of a window.</summary>
    public Size2 KernelSize => new(Settings.Kernel.Height, Settings.Kernel.Width);

    /// <summary>From one window to the next.</summary>
    public Size2 Stride => new(Settings.Stride.Height, Settings.Stride.Width);

    /// <summary>From one value of a window to the next.</summary>
    public Size2 Dilation => new(Settings.Dilation.Height, Settings.Dilation.Width);
}
