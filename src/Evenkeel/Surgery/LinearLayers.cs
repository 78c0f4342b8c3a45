using Evenkeel.Nn;
using Evenkeel.Random;

namespace Evenkeel.Surgery;

/// <summary>Makes layers like others.</summary>
internal static class LinearLayers
{
    /// <summary>
    /// A linear layer or convolution with the settings of another one, but not its values, its form of weights or their
    /// standardization.
    /// </summary>
    /// <param name="layer">The other one.</param>
    /// <param name="inputs">Input channels or features; null for as many.</param>
    /// <param name="outputs">Output channels or features; null for as many.</param>
    /// <param name="bias">Whether it has a bias.</param>
    public static Module Like(Module layer, int? inputs, int? outputs, bool bias)
    {
        // The start values are overwritten, so any stream will do.
        var random = new Philox(0);
        return layer switch
        {
            Conv1d c => new Conv1d(inputs ?? c.InChannels, outputs ?? c.OutChannels, c.KernelSize, c.Stride, c.Padding,
                c.Dilation, c.Groups, bias, c.PaddingMode, random),
            Conv2d c => new Conv2d(inputs ?? c.InChannels, outputs ?? c.OutChannels, c.KernelSize, c.Stride, c.Padding,
                c.Dilation, c.Groups, bias, c.PaddingMode, random),
            Conv3d c => new Conv3d(inputs ?? c.InChannels, outputs ?? c.OutChannels, c.KernelSize, c.Stride, c.Padding,
                c.Dilation, c.Groups, bias, c.PaddingMode, random),
            ConvTranspose1d c => new ConvTranspose1d(inputs ?? c.InChannels, outputs ?? c.OutChannels, c.KernelSize,
                c.Stride, c.Padding, c.OutputPadding, c.Groups, bias, c.Dilation, random),
            ConvTranspose2d c => new ConvTranspose2d(inputs ?? c.InChannels, outputs ?? c.OutChannels, c.KernelSize,
                c.Stride, c.Padding, c.OutputPadding, c.Groups, bias, c.Dilation, random),
            ConvTranspose3d c => new ConvTranspose3d(inputs ?? c.InChannels, outputs ?? c.OutChannels, c.KernelSize,
                c.Stride, c.Padding, c.OutputPadding, c.Groups, bias, c.Dilation, random),
            Linear l => new Linear(inputs ?? l.InFeatures, outputs ?? l.OutFeatures, bias, random),
            _ => throw new ArgumentException(
                $"LinearLayers: expected a linear layer, got {layer.TypeName}.", nameof(layer)),
        };
    }

    /// <summary>Inputs, outputs and groups of a linear layer or convolution.</summary>
    public static (int Inputs, int Outputs, int Groups) SizesOf(Module layer) => layer switch
    {
        ConvNd c => (c.InChannels, c.OutChannels, c.Groups),
        ConvTransposeNd c => (c.InChannels, c.OutChannels, c.Groups),
        _ => (((Linear)layer).InFeatures, ((Linear)layer).OutFeatures, 1),
    };
}
