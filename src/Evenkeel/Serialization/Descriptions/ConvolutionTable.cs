using Evenkeel.Nn;

namespace Evenkeel.Serialization;

/// <summary>The entries of the convolutions in <see cref="LayerTable"/>.</summary>
internal static class ConvolutionTable
{
    public static IEnumerable<LayerEntry> Entries { get; } =
    [
        LayerTable.Of<Conv1d>(
            static (layer, to) => Finish(layer, Start(layer.InChannels, layer.OutChannels, to)
                .Integer("kernelSize", layer.KernelSize).Integer("stride", layer.Stride, 1).Padding(layer.Padding)
                .Integer("dilation", layer.Dilation, 1)),
            static from => new Conv1d(
                from.Integer("inChannels"), from.Integer("outChannels"), from.Integer("kernelSize"),
                from.Integer("stride", 1), from.Padding(), from.Integer("dilation", 1), from.Integer("groups", 1),
                from.Flag("bias", true), Mode(from), from.Random)
            {
                WeightStandardization = from.Standardization(),
            }),
        LayerTable.Of<Conv2d>(
            static (layer, to) => Finish(layer, Start(layer.InChannels, layer.OutChannels, to)
                .Size("kernelSize", layer.KernelSize).Size("stride", layer.Stride, 1).Padding(layer.Padding)
                .Size("dilation", layer.Dilation, 1)),
            static from => new Conv2d(
                from.Integer("inChannels"), from.Integer("outChannels"), from.Size("kernelSize"),
                from.SizeOrNull("stride"), from.Padding(), from.SizeOrNull("dilation"), from.Integer("groups", 1),
                from.Flag("bias", true), Mode(from), from.Random)
            {
                WeightStandardization = from.Standardization(),
            }),
        LayerTable.Of<Conv3d>(
            static (layer, to) => Finish(layer, Start(layer.InChannels, layer.OutChannels, to)
                .Size3("kernelSize", layer.KernelSize).Size3("stride", layer.Stride, 1).Padding(layer.Padding)
                .Size3("dilation", layer.Dilation, 1)),
            static from => new Conv3d(
                from.Integer("inChannels"), from.Integer("outChannels"), from.Size3("kernelSize"),
                from.Size3OrNull("stride"), from.Padding(), from.Size3OrNull("dilation"), from.Integer("groups", 1),
                from.Flag("bias", true), Mode(from), from.Random)
            {
                WeightStandardization = from.Standardization(),
            }),
        LayerTable.Of<ConvTranspose1d>(
            static (layer, to) => Finish(layer, Start(layer.InChannels, layer.OutChannels, to)
                .Integer("kernelSize", layer.KernelSize).Integer("stride", layer.Stride, 1).Padding(layer.Padding)
                .Integer("outputPadding", layer.OutputPadding, 0).Integer("dilation", layer.Dilation, 1)),
            static from => new ConvTranspose1d(
                from.Integer("inChannels"), from.Integer("outChannels"), from.Integer("kernelSize"),
                from.Integer("stride", 1), from.Padding(), from.Integer("outputPadding", 0), from.Integer("groups", 1),
                from.Flag("bias", true), from.Integer("dilation", 1), from.Random)),
        LayerTable.Of<ConvTranspose2d>(
            static (layer, to) => Finish(layer, Start(layer.InChannels, layer.OutChannels, to)
                .Size("kernelSize", layer.KernelSize).Size("stride", layer.Stride, 1).Padding(layer.Padding)
                .Size("outputPadding", layer.OutputPadding, 0).Size("dilation", layer.Dilation, 1)),
            static from => new ConvTranspose2d(
                from.Integer("inChannels"), from.Integer("outChannels"), from.Size("kernelSize"),
                from.SizeOrNull("stride"), from.Padding(), from.SizeOrNull("outputPadding") ?? 0,
                from.Integer("groups", 1), from.Flag("bias", true), from.SizeOrNull("dilation"), from.Random)),
        LayerTable.Of<ConvTranspose3d>(
            static (layer, to) => Finish(layer, Start(layer.InChannels, layer.OutChannels, to)
                .Size3("kernelSize", layer.KernelSize).Size3("stride", layer.Stride, 1).Padding(layer.Padding)
                .Size3("outputPadding", layer.OutputPadding, 0).Size3("dilation", layer.Dilation, 1)),
            static from => new ConvTranspose3d(
                from.Integer("inChannels"), from.Integer("outChannels"), from.Size3("kernelSize"),
                from.Size3OrNull("stride"), from.Padding(), from.Size3OrNull("outputPadding") ?? 0,
                from.Integer("groups", 1), from.Flag("bias", true), from.Size3OrNull("dilation"), from.Random)),
    ];

    private static LayerArguments Start(int inChannels, int outChannels, LayerArguments to) =>
        to.Integer("inChannels", inChannels).Integer("outChannels", outChannels);

    private static void Finish(ConvNd layer, LayerArguments to) =>
        to.Integer("groups", layer.Groups, 1).Flag("bias", layer.Bias is not null, true)
            .Choice("paddingMode", layer.PaddingMode, PaddingMode.Zeros).Standardization(layer.WeightStandardization);

    private static void Finish(ConvTransposeNd layer, LayerArguments to) =>
        to.Integer("groups", layer.Groups, 1).Flag("bias", layer.Bias is not null, true);

    private static PaddingMode Mode(LayerReader from) => from.Choice("paddingMode", PaddingMode.Zeros);
}
