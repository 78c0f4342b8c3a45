using Evenkeel.Nn;

namespace Evenkeel.Serialization;

/// <summary>The entries of the poolings in <see cref="LayerTable"/>.</summary>
internal static class PoolTable
{
    public static IEnumerable<LayerEntry> Entries { get; } =
    [
        LayerTable.Of<MaxPool1d>(
            static (layer, to) => to.Integer("kernelSize", layer.KernelSize)
                .Integer("stride", layer.Stride, layer.KernelSize).Padding(layer.Padding)
                .Integer("dilation", layer.Dilation, 1).Flag("ceilMode", layer.CeilMode, false),
            static from => new MaxPool1d(from.Integer("kernelSize"), from.IntegerOrNull("stride"), from.Padding(),
                from.Integer("dilation", 1), from.Flag("ceilMode", false))),
        LayerTable.Of<MaxPool2d>(
            static (layer, to) => to.Size("kernelSize", layer.KernelSize)
                .Size("stride", layer.Stride, layer.KernelSize).Padding(layer.Padding)
                .Size("dilation", layer.Dilation, 1).Flag("ceilMode", layer.CeilMode, false),
            static from => new MaxPool2d(from.Size("kernelSize"), from.SizeOrNull("stride"), from.Padding(),
                from.SizeOrNull("dilation"), from.Flag("ceilMode", false))),
        LayerTable.Of<MaxPool3d>(
            static (layer, to) => to.Size3("kernelSize", layer.KernelSize)
                .Size3("stride", layer.Stride, layer.KernelSize).Padding(layer.Padding)
                .Size3("dilation", layer.Dilation, 1).Flag("ceilMode", layer.CeilMode, false),
            static from => new MaxPool3d(from.Size3("kernelSize"), from.Size3OrNull("stride"), from.Padding(),
                from.Size3OrNull("dilation"), from.Flag("ceilMode", false))),
        LayerTable.Of<AvgPool1d>(
            static (layer, to) => to.Integer("kernelSize", layer.KernelSize)
                .Integer("stride", layer.Stride, layer.KernelSize).Padding(layer.Padding)
                .Flag("ceilMode", layer.CeilMode, false).Flag("countIncludePad", layer.CountIncludePad, true)
                .Integer("dilation", layer.Dilation, 1),
            static from => new AvgPool1d(from.Integer("kernelSize"), from.IntegerOrNull("stride"), from.Padding(),
                from.Flag("ceilMode", false), from.Flag("countIncludePad", true), from.Integer("dilation", 1))),
        LayerTable.Of<AvgPool2d>(
            static (layer, to) => to.Size("kernelSize", layer.KernelSize)
                .Size("stride", layer.Stride, layer.KernelSize).Padding(layer.Padding)
                .Flag("ceilMode", layer.CeilMode, false).Flag("countIncludePad", layer.CountIncludePad, true)
                .Integer("divisorOverride", layer.DivisorOverride, null)
                .Size("dilation", layer.Dilation, 1),
            static from => new AvgPool2d(from.Size("kernelSize"), from.SizeOrNull("stride"), from.Padding(),
                from.Flag("ceilMode", false), from.Flag("countIncludePad", true),
                from.IntegerOrNull("divisorOverride"), from.SizeOrNull("dilation"))),
        LayerTable.Of<AvgPool3d>(
            static (layer, to) => to.Size3("kernelSize", layer.KernelSize)
                .Size3("stride", layer.Stride, layer.KernelSize).Padding(layer.Padding)
                .Flag("ceilMode", layer.CeilMode, false).Flag("countIncludePad", layer.CountIncludePad, true)
                .Integer("divisorOverride", layer.DivisorOverride, null)
                .Size3("dilation", layer.Dilation, 1),
            static from => new AvgPool3d(from.Size3("kernelSize"), from.Size3OrNull("stride"), from.Padding(),
                from.Flag("ceilMode", false), from.Flag("countIncludePad", true),
                from.IntegerOrNull("divisorOverride"), from.Size3OrNull("dilation"))),
        LayerTable.Of<AdaptiveAvgPool1d>(
            static (layer, to) => to.Integer("outputSize", layer.OutputSize),
            static from => new AdaptiveAvgPool1d(from.Integer("outputSize"))),
        LayerTable.Of<AdaptiveAvgPool2d>(
            static (layer, to) => to.OpenSize("outputSize", layer.OutputSize),
            static from => from.OpenSize("outputSize") is { Height: { } height, Width: { } width } && height == width
                ? new AdaptiveAvgPool2d(height)
                : new AdaptiveAvgPool2d(from.OpenSize("outputSize"))),
        LayerTable.Of<AdaptiveAvgPool3d>(
            static (layer, to) => to.OpenSize3("outputSize", layer.OutputSize),
            static from => from.OpenSize3("outputSize") is { Depth: { } all } size && size == (all, all, all)
                ? new AdaptiveAvgPool3d(all)
                : new AdaptiveAvgPool3d(from.OpenSize3("outputSize"))),
        LayerTable.Of<AdaptiveMaxPool1d>(
            static (layer, to) => to.Integer("outputSize", layer.OutputSize),
            static from => new AdaptiveMaxPool1d(from.Integer("outputSize"))),
        LayerTable.Of<AdaptiveMaxPool2d>(
            static (layer, to) => to.OpenSize("outputSize", layer.OutputSize),
            static from => from.OpenSize("outputSize") is { Height: { } height, Width: { } width } && height == width
                ? new AdaptiveMaxPool2d(height)
                : new AdaptiveMaxPool2d(from.OpenSize("outputSize"))),
        LayerTable.Of<AdaptiveMaxPool3d>(
            static (layer, to) => to.OpenSize3("outputSize", layer.OutputSize),
            static from => from.OpenSize3("outputSize") is { Depth: { } all } size && size == (all, all, all)
                ? new AdaptiveMaxPool3d(all)
                : new AdaptiveMaxPool3d(from.OpenSize3("outputSize"))),
    ];
}
