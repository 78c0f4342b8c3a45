namespace Evenkeel.Nn;

/// <summary>
/// The mean of each window: y[o] = (1/n)·Σ x[o·stride - padding + j·dilation], 0 ≤ j &lt; kernel.
/// </summary>
/// <remarks>
/// <para>Input: (N, C, L) or (C, L); output: the same with L replaced by
/// ⌊(in + 2·padding - dilation·(kernel - 1) - 1)/stride⌋ + 1.</para>
/// <para>n: see <see cref="AvgPoolNd"/>.</para>
/// <para>Source: torch.nn.AvgPool1d.</para>
/// </remarks>
public sealed class AvgPool1d : AvgPoolNd
{
    /// <summary>
    /// Creates the layer with PyTorch's arguments.
    /// </summary>
    /// <param name="kernelSize">Values of a window.</param>
    /// <param name="stride">From one window to the next; null is the kernel size.</param>
    /// <param name="padding">
    /// Zeros at both ends, or at each end with <see cref="Padding.Sides"/>; or <see cref="Padding.Same"/>.
    /// </param>
    /// <param name="ceilMode">Whether a last window may reach beyond the end: the output size is rounded up.</param>
    /// <param name="countIncludePad">Whether the zeros count in the mean.</param>
    /// <param name="dilation">
    /// From one value of a window to the next. PyTorch does not have it, ONNX does.
    /// </param>
    /// <exception cref="ArgumentOutOfRangeException">A setting is out of its range.</exception>
    /// <exception cref="ArgumentException">The padding is one of more dimensions.</exception>
    public AvgPool1d(
        int kernelSize, int? stride = null, Padding padding = default, bool ceilMode = false,
        bool countIncludePad = true, int dilation = 1)
        : base(PoolSettings.Rows("AvgPool1d", kernelSize, stride, padding, dilation, ceilMode),
            countIncludePad, divisorOverride: null)
    {
    }

    /// <summary>Values of a window.</summary>
    public int KernelSize => Settings.Kernel.Width;

    /// <summary>From one window to the next.</summary>
    public int Stride => Settings.Stride.Width;

    /// <summary>From one value of a window to the next.</summary>
    public int Dilation => Settings.Dilation.Width;
}
