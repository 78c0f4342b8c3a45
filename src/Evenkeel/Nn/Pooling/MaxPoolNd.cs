namespace Evenkeel.Nn;

/// <summary>
/// What <see cref="MaxPool1d"/>, <see cref="MaxPool2d"/> and <see cref="MaxPool3d"/> share: the largest value of each
/// window over rows, planes or volumes.
/// </summary>
/// <remarks>
/// <para>A value leads if it is larger than all before it, or NaN: the first of equal values wins, and a NaN. It gets
/// the whole gradient of the window.</para>
/// <para>In ceil mode the output size is rounded up, but the last window begins inside the input or the padding before
/// it. Padding may be any number. A window that has padding alone gives -∞ and passes no gradient; PyTorch refuses a
/// padding that makes such windows.</para>
/// <para><see cref="Padding.Same"/> gives ⌈in/stride⌉ outputs.</para>
/// </remarks>
public abstract class MaxPoolNd : Module
{
    private protected MaxPoolNd(in PoolSettings settings) => Settings = settings.Checked();

    /// <summary>What is added around the input.</summary>
    public Padding Padding => Settings.Padding;

    /// <summary>Whether the output size is rounded up.</summary>
    public bool CeilMode => Settings.CeilMode;

    /// <summary>The windows.</summary>
    internal PoolSettings Settings { get; }

    /// <inheritdoc/>
    protected override Tensor ForwardCore(Tensor x) => MaxPoolOp.Apply(x, Settings);

    /// <summary>PyTorch's spelling of the settings.</summary>
    public override string ToString() =>
        $"{Settings.Name}(kernel_size={PoolText.Format(Settings, Settings.Kernel)}, "
        + $"stride={PoolText.Format(Settings, Settings.Stride)}, padding={PoolText.Padding(Settings)}, "
        + $"dilation={PoolText.Format(Settings, Settings.Dilation)}, ceil_mode={PythonNumber.Format(CeilMode)})";
}
