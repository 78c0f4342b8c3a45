namespace Evenkeel.Nn;

/// <summary>
/// What <see cref="AvgPool1d"/>, <see cref="AvgPool2d"/> and <see cref="AvgPool3d"/> share: the mean of each window
/// over rows, planes or volumes.
/// </summary>
/// <remarks>
/// <para>The divisor n of a window is its number of values, less what reaches beyond the padding (ceil mode), and less
/// the padding if that does not count; or the divisor, if one is given.</para>
/// <para>In ceil mode the output size is rounded up, but the last window begins inside the input or the padding before
/// it. Padding may be any number. A window that has padding alone gives 0; PyTorch refuses a padding that makes such
/// windows.</para>
/// <para><see cref="Padding.Same"/> gives ⌈in/stride⌉ outputs.</para>
/// </remarks>
public abstract class AvgPoolNd : Module
{
    private protected AvgPoolNd(in PoolSettings settings, bool countIncludePad, int? divisorOverride)
    {
        Settings = settings.Checked();
        AveragePoolOp.CheckDivisor(settings.Name, divisorOverride);
        (CountIncludePad, Divisor) = (countIncludePad, divisorOverride);
    }

    /// <summary>What is added around the input.</summary>
    public Padding Padding => Settings.Padding;

    /// <summary>Whether the output size is rounded up.</summary>
    public bool CeilMode => Settings.CeilMode;

    /// <summary>Whether the padding counts in the mean.</summary>
    public bool CountIncludePad { get; }

    /// <summary>The windows.</summary>
    internal PoolSettings Settings { get; }

    /// <summary>The divisor of the sums; null uses the number of values.</summary>
    private protected int? Divisor { get; }

    /// <inheritdoc/>
    protected override Tensor ForwardCore(Tensor x) => AveragePoolOp.Apply(x, Settings, CountIncludePad, Divisor);

    /// <summary>PyTorch's spelling of the settings.</summary>
    public override string ToString()
    {
        bool isRow = Settings.Spatial == 1;
        string dilation =
            Settings.Dilation == 1 ? "" : $", dilation={PoolText.Format(Settings, Settings.Dilation, isRow)}";
        return $"{Settings.Name}(kernel_size={PoolText.Format(Settings, Settings.Kernel, isRow)}, "
            + $"stride={PoolText.Format(Settings, Settings.Stride, isRow)}, "
            + $"padding={PoolText.Padding(Settings, isRow)}{dilation})";
    }
}
