namespace Evenkeel.Nn;

/// <summary>
/// The largest value of each window: y[o] = max x[o·stride - padding + j·dilation], 0 ≤ j &lt; kernel.
/// </summary>
/// <remarks>
/// <para>Input: (N, C, L) or (C, L); output: the same with L replaced by
/// ⌊(in + 2·padding - dilation·(kernel - 1) - 1)/stride⌋ + 1.</para>
/// <para>Padding never wins; NaN does. The gradient goes to the first of equal values: see
/// <see cref="MaxPoolNd"/>.</para>
/// <para>Source: torch.nn.MaxPool1d.</para>
/// </remarks>
public sealed class MaxPool1d : MaxPoolNd
{
    /// <summary>
    /// Creates the layer with PyTorch's arguments.
    /// </summary>
    /// <param name="kernelSize">Values of a window.</param>
    /// <param name="stride">From one window to the next; null is the kernel size.</param>
    /// <param name="padding">
    /// Places at both ends, or at each end with <see cref="Padding.Sides"/>; or <see cref="Padding.Same"/>.
    /// </param>
    /// <param name="dilation">From one value of a window to the next.</param>
    /// <param name="ceilMode">Whether a last window may reach beyond the end: the output size is rounded up.</param>
    /// <exception cref="ArgumentOutOfRangeException">A setting is out of its range.</exception>
    /// <exception cref="ArgumentException">The padding is one of more dimensions.</exception>
    public MaxPool1d(
        int kernelSize, int? stride = null, Padding padding = default, int dilation = 1,
        bool ceilMode = false)
        : base(PoolSettings.Rows("MaxPool1d", kernelSize, stride, padding, dilation, ceilMode))
    {
    }

    /// <summary>Values of a window.</summary>
    public int KernelSize => Settings.Kernel.Width;

    /// <summary>From one window to the next.</summary>
    public int Stride => Settings.Stride.Width;

    /// <summary>From one value of a window to the next.</summary>
    public int Dilation => Settings.Dilation.Width;
}
