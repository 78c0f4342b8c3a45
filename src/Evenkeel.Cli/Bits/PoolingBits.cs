namespace Evenkeel.Cli.Bits;

/// <summary>
/// Poolings: quads in wide, narrow and odd planes, in one chunk (16,384 elements) and in several, and windows of all
/// settings.
/// </summary>
internal static class PoolingBits
{
    private static readonly int[][] s_quads =
        [[8, 6, 28, 28], [16, 16, 10, 10], [3, 5, 2, 2], [2, 3, 7, 35], [5, 3, 6, 14]];

    private static readonly int[] s_images = [7, 9, 17, 19];

    private static readonly int[] s_volumes = [3, 5, 6, 9, 19];

    public static IEnumerable<BitsCase> Cases =>
    [
        .. s_quads.SelectMany(shape => new BitsCase[]
        {
            new($"maxpool2d/2/{ShapeName.Of(shape)}", probe => probe.Pass(x => x[0].MaxPool2d(2), probe.Normal(shape))),
            new($"avgpool2d/2/{ShapeName.Of(shape)}", probe => probe.Pass(x => x[0].AvgPool2d(2), probe.Normal(shape))),
        }),
        new("maxpool2d/3s2p1", probe => probe.Pass(x => x[0].MaxPool2d(3, 2, 1), probe.Normal(s_images))),
        new("maxpool2d/3x2s1d2-ceil", probe =>
            probe.Pass(x => x[0].MaxPool2d((3, 2), (1, 2), (1, 1), (2, 3), ceilMode: true), probe.Normal(s_images))),
        new("avgpool2d/3s2p1", probe => probe.Pass(x => x[0].AvgPool2d(3, 2, 1), probe.Normal(s_images))),
        new("avgpool2d/5x4-ceil-inside", probe =>
            probe.Pass(x => x[0].AvgPool2d((5, 4), (3, 2), (2, 1), ceilMode: true, countIncludePad: false),
                probe.Normal(s_images))),
        new("avgpool2d/2-divisor3", probe =>
            probe.Pass(x => x[0].AvgPool2d(2, divisorOverride: 3), probe.Normal(s_images))),
        new("maxpool1d/3s2p1", probe => probe.Pass(x => x[0].MaxPool1d(3, 2, 1), probe.Normal(5, 7, 67))),
        new("avgpool1d/3s2p1", probe => probe.Pass(x => x[0].AvgPool1d(3, 2, 1), probe.Normal(5, 7, 67))),
        new("adaptive-avgpool2d/1", probe => probe.Pass(x => x[0].AdaptiveAvgPool2d(1), probe.Normal(s_images))),
        new("adaptive-avgpool2d/5x-", probe =>
            probe.Pass(x => x[0].AdaptiveAvgPool2d((5, null)), probe.Normal(s_images))),
        new("adaptive-avgpool2d/6", probe =>
            probe.Pass(x => x[0].AdaptiveAvgPool2d(6), probe.Normal(21, 3, 13, 13))),
        new("maxpool2d/3s2-sides", probe =>
            probe.Pass(x => x[0].MaxPool2d(3, 2, Padding.Sides(0, 1, 5, 1)), probe.Normal(s_images))),
        new("avgpool2d/3s2-same-d2", probe => probe.Pass(
            x => x[0].AvgPool2d(3, 2, Padding.Same, countIncludePad: false, dilation: 2), probe.Normal(s_images))),
        new("avgpool2d/3s1p1", probe => probe.Pass(x => x[0].AvgPool2d(3, 1, 1), probe.Normal(5, 3, 6, 67))),
        new("maxpool2d/5s1p2", probe => probe.Pass(x => x[0].MaxPool2d(5, 1, 2), probe.Normal(5, 3, 6, 67))),
        new("maxpool3d/3s2p1", probe => probe.Pass(x => x[0].MaxPool3d(3, 2, 1), probe.Normal(s_volumes))),
        new("maxpool3d/2", probe => probe.Pass(x => x[0].MaxPool3d(2), probe.Normal(s_volumes))),
        new("maxpool3d/2x3x1-d", probe => probe.Pass(
            x => x[0].MaxPool3d((2, 3, 1), (1, 2, 3), (1, 0, 0), (2, 1, 1), true), probe.Normal(s_volumes))),
        new("avgpool3d/3s2p1", probe => probe.Pass(x => x[0].AvgPool3d(3, 2, 1), probe.Normal(s_volumes))),
        new("avgpool3d/2", probe => probe.Pass(x => x[0].AvgPool3d(2), probe.Normal(s_volumes))),
        new("adaptive-avgpool1d/9", probe => probe.Pass(x => x[0].AdaptiveAvgPool1d(9), probe.Normal(5, 7, 67))),
        new("adaptive-avgpool3d/3", probe => probe.Pass(x => x[0].AdaptiveAvgPool3d(3), probe.Normal(s_volumes))),
        new("adaptive-maxpool1d/9", probe => probe.Pass(x => x[0].AdaptiveMaxPool1d(9), probe.Normal(5, 7, 67))),
        new("adaptive-maxpool2d/1", probe => probe.Pass(x => x[0].AdaptiveMaxPool2d(1), probe.Normal(s_images))),
        new("adaptive-maxpool2d/5x-", probe =>
            probe.Pass(x => x[0].AdaptiveMaxPool2d((5, null)), probe.Normal(s_images))),
        new("adaptive-maxpool3d/3", probe => probe.Pass(x => x[0].AdaptiveMaxPool3d(3), probe.Normal(s_volumes))),
        .. new (int[] From, int[] To)[]
        {
            ([3, 5, 7, 9], [14, 18]), ([2, 3, 20, 40], [31, 67]), ([2, 3, 20, 67], [9, 30]),
            ([9, 40, 14, 14], [28, 28]),
        }.SelectMany(one => new BitsCase[]
        {
            new($"upsample/nearest/{ShapeName.Of(one.From)}-{ShapeName.Of(one.To)}", probe =>
                probe.Pass(x => x[0].Upsample((one.To[0], one.To[1])), probe.Normal(one.From))),
            new($"upsample/bilinear/{ShapeName.Of(one.From)}-{ShapeName.Of(one.To)}", probe =>
                probe.Pass(x => x[0].Upsample((one.To[0], one.To[1]), mode: UpsampleMode.Bilinear),
                    probe.Normal(one.From))),
            new($"upsample/aligned/{ShapeName.Of(one.From)}-{ShapeName.Of(one.To)}", probe =>
                probe.Pass(x => x[0].Upsample(scaleFactor: 1.7, mode: UpsampleMode.Bilinear, alignCorners: true),
                    probe.Normal(one.From))),
        }),
        new("zero-pad2d", probe => probe.Pass(x => x[0].ZeroPad2d(1, 2, -3, 4), probe.Normal(s_images))),
        new("pixel-shuffle/3", probe => probe.Pass(x => x[0].PixelShuffle(3), probe.Normal(s_images))),
        new("dropout2d/0.3", probe => probe.Pass(x => x[0].Dropout2d(0.3), probe.Normal(s_images))),
        new("dropout2d/0.5/narrow", probe => probe.Pass(x => x[0].Dropout2d(), probe.Normal(9, 40, 3))),
        .. new int[][] { [3, 11, 5, 7], [4, 6, 3], [2, 70, 9, 33] }.SelectMany(shape => new BitsCase[]
        {
            new($"local-response-norm/5/{ShapeName.Of(shape)}", probe =>
                probe.Pass(x => x[0].LocalResponseNorm(5, alpha: 0.3), probe.Normal(shape))),
            new($"local-response-norm/4/{ShapeName.Of(shape)}", probe =>
                probe.Pass(x => x[0].LocalResponseNorm(4, 0.2, 0.6, 1.5), probe.Normal(shape))),
        }),
    ];
}
