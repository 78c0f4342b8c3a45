using Evenkeel.Nn;

namespace Evenkeel.Serialization;

/// <summary>The layers that change the size of planes, and the embedding.</summary>
internal static class ShapeLayerTable
{
    public static LayerEntry[] Entries { get; } =
    [
        LayerTable.Of<Upsample>(
            static (layer, to) => to.Size("size", layer.Size, null).Scale("scaleFactor", layer.ScaleFactor)
                .Choice("mode", layer.Mode, UpsampleMode.Nearest).Flag("alignCorners", layer.AlignCorners, false),
            static from => new Upsample(from.SizeOrNull("size"), from.ScaleOrNull("scaleFactor"),
                from.Choice("mode", UpsampleMode.Nearest), from.Flag("alignCorners", false))),
        LayerTable.Of<ZeroPad2d>(
            static (layer, to) => to.Integer("left", layer.Left).Integer("right", layer.Right)
                .Integer("top", layer.Top).Integer("bottom", layer.Bottom),
            static from => from.Has("padding")
                ? new ZeroPad2d(from.Integer("padding"))
                : new ZeroPad2d(from.Integer("left"), from.Integer("right"), from.Integer("top"),
                    from.Integer("bottom"))),
        LayerTable.Of<PixelShuffle>(
            static (layer, to) => to.Integer("upscaleFactor", layer.UpscaleFactor),
            static from => new PixelShuffle(from.Integer("upscaleFactor"))),
        LayerTable.Of<Embedding>(
            static (layer, to) => to.Integer("numEmbeddings", layer.NumEmbeddings)
                .Integer("embeddingDim", layer.EmbeddingDim).Integer("paddingIdx", layer.PaddingIdx, null),
            static from => new Embedding(from.Integer("numEmbeddings"), from.Integer("embeddingDim"),
                from.IntegerOrNull("paddingIdx"), from.Random)),
    ];
}
