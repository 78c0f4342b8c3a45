namespace Evenkeel.Nn;

/// <summary>What the layers of convolutions share: guards, the shape of the weight, and PyTorch's text.</summary>
internal static class ConvolutionArguments
{
    /// <exception cref="ArgumentOutOfRangeException">A number is below 1.</exception>
    /// <exception cref="ArgumentException">The groups do not divide the channels.</exception>
    public static void Check(in ConvolutionSettings settings, int inChannels, int outChannels, Size3 kernel)
    {
        (string layer, int groups) = (settings.Name, settings.Groups);
        if (Math.Min(kernel.Depth, Math.Min(kernel.Height, kernel.Width)) < 1)
        {
            throw new ArgumentOutOfRangeException(null, $"{layer}: expected a kernel of 1 or more, got "
                + $"{(settings.Spatial == 1 ? $"{kernel.Width}" : Size(settings, kernel))}.");
        }

        if (inChannels < 1)
        {
            throw new ArgumentOutOfRangeException(
                nameof(inChannels), $"{layer}: expected 1 or more input channels, got {inChannels}.");
        }

        if (outChannels < 1)
        {
            throw new ArgumentOutOfRangeException(
                nameof(outChannels), $"{layer}: expected 1 or more output channels, got {outChannels}.");
        }

        if (inChannels % groups != 0)
        {
            throw new ArgumentException(
                $"{layer}: expected input channels that {groups} groups divide, got {inChannels}.", (string?)null);
        }

        if (outChannels % groups != 0)
        {
            throw new ArgumentException(
                $"{layer}: expected output channels that {groups} groups divide, got {outChannels}.", (string?)null);
        }
    }

    /// <summary>Two sizes of channels, and the sizes of the window.</summary>
    public static Shape WeightShape(in ConvolutionSettings settings, int first, int second, Size3 kernel) =>
        settings.Spatial switch
        {
            1 => [first, second, kernel.Width],
            2 => [first, second, kernel.Height, kernel.Width],
            _ => [first, second, kernel.Depth, kernel.Height, kernel.Width],
        };

    /// <summary>The layer as PyTorch prints it.</summary>
    public static string Text(
        in ConvolutionSettings settings, int inChannels, int outChannels, Size3 kernel, bool bias, string more)
    {
        Padding p = settings.Padding;
        bool isPadded = p.IsValid || p.IsSame || settings.Pads(kernel);
        string padding = !isPadded ? ""
            : p.IsValid || p.IsSame || !p.IsSymmetric ? $", padding={p}"
            : $", padding={Size(settings, new Size3(p.Front ?? p.Top, p.Top, p.Left))}";
        string dilation = settings.Dilation == 1 ? "" : $", dilation={Size(settings, settings.Dilation)}",
            output = settings.OutputPadding == default
                ? "" : $", output_padding={Size(settings, settings.OutputPadding)}",
            groups = settings.Groups == 1 ? "" : $", groups={settings.Groups}",
            mode = settings.Mode == PaddingMode.Zeros ? "" : $", padding_mode={ModeText(settings.Mode)}";
        return $"{settings.Name}({inChannels}, {outChannels}, kernel_size={Size(settings, kernel)}, "
            + $"stride={Size(settings, settings.Stride)}{padding}{dilation}{output}{groups}"
            + $"{(bias ? "" : ", bias=False")}{mode}{more})";
    }

    private static string Size(in ConvolutionSettings settings, Size3 size) => settings.Spatial switch
    {
        1 => $"({size.Width},)",
        2 => new Size2(size.Height, size.Width).ToString(),
        _ => size.ToString(),
    };

    private static string ModeText(PaddingMode mode) => mode switch
    {
        PaddingMode.Reflect => "reflect",
        PaddingMode.Replicate => "replicate",
        _ => "circular",
    };
}
