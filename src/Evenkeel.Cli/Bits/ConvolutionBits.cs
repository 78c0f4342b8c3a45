using Evenkeel.Nn;

namespace Evenkeel.Cli.Bits;

/// <summary>
/// Convolutions: more and fewer filters than a pack, rows shorter and longer than one, more taps than a chunk, more
/// images than one; Winograd's products; depthwise windows; stride, dilation and groups; modes of padding, volumes,
/// and transposed convolutions.
/// </summary>
internal static class ConvolutionBits
{
    private static readonly (int[] Input, int[] Weight, Size2 Stride, Padding Padding, Size2 Dilation,
        int Groups)[] s_planes =
    [
        ([3, 1, 9, 9], [6, 1, 5, 5], 1, 2, 1, 1),
        ([5, 3, 6, 6], [16, 3, 3, 3], 1, 0, 1, 1),
        ([1, 3, 5, 34], [33, 3, 3, 3], 1, 1, 1, 1),
        ([2, 33, 4, 5], [7, 33, 3, 3], 1, 1, 1, 1),
        ([2, 33, 5, 6], [48, 33, 3, 3], 1, 1, 1, 1),
        ([1, 48, 16, 16], [64, 48, 3, 3], 2, 1, 1, 1),
        ([2, 17, 3, 6], [19, 17, 1, 1], 1, 0, 1, 1),
        ([2, 4, 7, 9], [6, 2, 3, 2], (2, 3), (1, 2), (2, 1), 2),
        ([2, 3, 8, 8], [5, 3, 3, 3], 2, 1, 1, 1),
        ([2, 2, 5, 6], [3, 2, 2, 4], 1, Padding.Same, 1, 1),
        ([8, 6, 6, 6], [16, 6, 5, 5], 1, 0, 1, 1),
        ([8, 16, 5, 4], [18, 16, 2, 2], 2, 1, 1, 1),
        ([1, 65, 3, 4], [2, 65, 3, 3], 1, 1, 1, 1),
        ([19, 2, 3, 3], [3, 2, 2, 2], 1, 0, 1, 1),
        ([3, 5, 9, 19], [5, 1, 3, 3], 1, 1, 1, 5),
        ([3, 5, 8, 40], [5, 1, 3, 3], 2, 1, 1, 5),
        ([2, 20, 7, 35], [20, 1, 3, 3], 2, (0, 1), 1, 20),
        ([4, 2, 7, 9], [2, 1, 3, 3], 2, 1, 1, 2),
    ];

    private static readonly (int[] Input, int[] Weight, Size3 Stride, Padding Padding, Size3 Dilation,
        int Groups)[] s_volumes =
    [
        ([3, 2, 4, 5, 6], [3, 2, 3, 3, 3], 1, 1, 1, 1),
        ([1, 17, 6, 7, 18], [33, 17, 3, 3, 3], 1, 1, 1, 1),
        ([2, 4, 5, 7, 9], [6, 2, 2, 3, 2], (2, 3, 2), (1, 2, 0), (2, 1, 2), 2),
        ([9, 3, 3, 4, 4], [16, 3, 2, 2, 2], 2, 0, 1, 1),
    ];

    private static readonly (int[] Input, int[] Weight, Size2 Stride, Padding Padding, Size2 OutputPadding,
        Size2 Dilation, int Groups)[] s_transposed =
    [
        ([3, 4, 5, 17], [4, 6, 4, 4], 2, 1, 0, 1, 1),
        ([2, 33, 4, 5], [33, 7, 3, 3], 1, 1, 0, 1, 1),
        ([9, 16, 5, 6], [16, 6, 5, 5], 1, 0, 0, 1, 1),
        ([1, 64, 8, 8], [64, 48, 3, 3], 2, 1, 1, 1, 1),
        ([2, 33, 6, 6], [33, 32, 4, 4], 2, 1, 0, 1, 1),
        ([2, 4, 7, 9], [4, 3, 3, 2], (2, 3), (1, 0), (1, 2), (1, 2), 2),
        ([2, 3, 5, 6], [3, 5, 2, 2], 3, 0, 1, 1, 1),
        ([3, 4, 5, 19], [4, 1, 3, 3], 2, 1, 1, 1, 4),
    ];

    public static IEnumerable<BitsCase> Cases =>
    [
        .. s_planes.Select(plane => new BitsCase(
            $"conv2d/{ShapeName.Of(plane.Input)}-{ShapeName.Of(plane.Weight)}/s{plane.Stride.Height}p{plane.Padding}",
            probe => probe.Pass(x => x[0].Conv2d(x[1], x[2], plane.Stride, plane.Padding, plane.Dilation, plane.Groups),
                probe.Normal(plane.Input), probe.Normal(plane.Weight), probe.Normal(plane.Weight[0])))),
        .. s_planes.Select(plane => new BitsCase(
            $"conv2d/relu/{ShapeName.Of(plane.Input)}-{ShapeName.Of(plane.Weight)}" +
                $"/s{plane.Stride.Height}p{plane.Padding}",
            probe => probe.Add("y",
                WithReLU(probe, plane.Input, plane.Weight, plane.Stride, plane.Padding, plane.Dilation,
                plane.Groups)))),
        new("conv1d/2x4x21-6x4x3", probe =>
            probe.Pass(x => x[0].Conv1d(x[1], x[2], stride: 2, padding: 1), probe.Normal(2, 4, 21),
                probe.Normal(6, 4, 3), probe.Normal(6))),
        new("conv2d/sides", probe => probe.Pass(
            x => x[0].Conv2d(x[1], x[2], 2, Padding.Sides(0, 1, 3, 2)), probe.Normal(3, 4, 7, 19),
            probe.Normal(9, 4, 3, 3), probe.Normal(9))),
        .. Enum.GetValues<PaddingMode>().Select(static mode => new BitsCase($"conv2d/{mode}", probe =>
        {
            var layer = new Conv2d(3, 5, 3, 1, padding: (2, 4), paddingMode: mode);
            probe.PassWithReLU(Mode.Train, layer, probe.Normal(3, 3, 7, 21), probe.Normal(5, 3, 3, 3), probe.Normal(5));
        })),
        .. s_volumes.Select(static one => new BitsCase(
            $"conv3d/{ShapeName.Of(one.Input)}-{ShapeName.Of(one.Weight)}/s{one.Stride.Depth}p{one.Padding.Left}",
            probe => probe.Pass(x => x[0].Conv3d(x[1], x[2], one.Stride, one.Padding, one.Dilation, one.Groups),
                probe.Normal(one.Input), probe.Normal(one.Weight), probe.Normal(one.Weight[0])))),
        .. s_transposed.SelectMany(static one => new BitsCase[]
        {
            new($"convtranspose2d/{ShapeName.Of(one.Input)}-{ShapeName.Of(one.Weight)}/s{one.Stride.Height}",
                probe => probe.Pass(
                    x => x[0].ConvTranspose2d(
                        x[1], x[2], one.Stride, one.Padding, one.OutputPadding, one.Groups, one.Dilation),
                    probe.Normal(one.Input), probe.Normal(one.Weight), probe.Normal(one.Weight[1] * one.Groups))),
            new($"convtranspose2d/relu/{ShapeName.Of(one.Input)}-{ShapeName.Of(one.Weight)}/s{one.Stride.Height}",
                probe =>
                {
                    var layer = new ConvTranspose2d(one.Input[1], one.Weight[1] * one.Groups,
                        (one.Weight[2], one.Weight[3]), one.Stride, one.Padding, one.OutputPadding, one.Groups,
                        dilation: one.Dilation);
                    probe.Add("y", WithReLU(probe, layer, layer.Weight, layer.Bias!, one.Input));
                }),
        }),
        new("convtranspose1d/2x4x21-4x3x5", probe => probe.Pass(
            x => x[0].ConvTranspose1d(x[1], x[2], 3, 1, 2, groups: 2), probe.Normal(2, 4, 21), probe.Normal(4, 3, 5),
            probe.Normal(6))),
        new("convtranspose3d/2x4x3x5x6-4x3x2x3x2", probe => probe.Pass(
            x => x[0].ConvTranspose3d(x[1], x[2], (2, 1, 2), 1, (1, 0, 1)), probe.Normal(2, 4, 3, 5, 6),
            probe.Normal(4, 3, 2, 3, 2), probe.Normal(3))),
    ];

    /// <summary>A convolution and ReLU in one pass over memory, as a network without gradients fuses them.</summary>
    private static Tensor WithReLU(
        BitsProbe probe, int[] input, int[] weight, Size2 stride, Padding padding, Size2 dilation, int groups)
    {
        var layer = new Conv2d(input[1], weight[0], (weight[2], weight[3]), stride, padding, dilation, groups);
        return WithReLU(probe, layer, layer.Weight, layer.Bias!, input);
    }

    private static Tensor WithReLU(BitsProbe probe, Module layer, Parameter weight, Parameter bias, int[] input)
    {
        layer.To(probe.DType);
        Tensor x = probe.Normal(input);
        weight.CopyFrom(probe.Normal([.. weight.Shape]));
        bias.CopyFrom(probe.Normal([.. bias.Shape]));
        return new Sequential(layer, new ReLU()).Forward(x);
    }
}
