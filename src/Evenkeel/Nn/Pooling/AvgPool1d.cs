namespace Evenkeel.Nn;

/// <summary>
/// The mean of each window: y[o] = (1/n)·Σ x[o·stride - padding + j], 0 ≤ j &lt; kernel.
/// </summary>
/// <remarks>
/// <para>Input: (N, C, L) or (C, L); output: the same with L replaced by floor((L + 2·padding - kernel)/stride) + 1. n
/// is the kernel size, less what reaches beyond the padding (ceil mode), and less the padding if that does not
/// count.</para>
/// <para>Source: torch.nn.AvgPool1d.</para>
/// </remarks>
public sealed class AvgPool1d : Module
{
    private readonly PoolSettings _settings;

    /// <summary>Creates the layer with PyTorch's arguments.</summary>
    /// <param name="kernelSize">Values of a window.</param>
    /// <param name="stride">From one window to the next; null is the kernel size.</param>
    /// <param name="padding">Zeros added at both ends, at most half the kernel size.</param>
    /// <param name="ceilMode">Whether a last window may reach beyond the end: the output size is rounded up.</param>
    /// <param name="countIncludePad">Whether the zeros count in the mean.</param>
    /// <exception cref="ArgumentOutOfRangeException">A setting is out of its range.</exception>
    public AvgPool1d(
        int kernelSize, int? stride = null, int padding = 0, bool ceilMode = false, bool countIncludePad = true)
    {
        _settings = PoolSettings.Of(kernelSize, stride, padding, 1, ceilMode).Checked("AvgPool1d");
        CountIncludePad = countIncludePad;
    }

    /// <summary>Values of a window.</summary>
    public int KernelSize => _settings.Kernel.Width;

    /// <summary>From one window to the next.</summary>
    public int Stride => _settings.Stride.Width;

    /// <summary>Zeros added at both ends.</summary>
    public int Padding => _settings.Padding.Width;

    /// <summary>Whether the output size is rounded up.</summary>
    public bool CeilMode => _settings.CeilMode;

    /// <summary>Whether the zeros count in the mean.</summary>
    public bool CountIncludePad { get; }

    /// <inheritdoc/>
    protected override Tensor ForwardCore(Tensor x) =>
        AveragePoolOp.Apply("AvgPool1d", x, _settings, CountIncludePad, divisorOverride: null);

    /// <summary>PyTorch's spelling of the settings.</summary>
    public override string ToString() =>
        $"AvgPool1d(kernel_size=({KernelSize},), stride=({Stride},), padding=({Padding},))";
}
