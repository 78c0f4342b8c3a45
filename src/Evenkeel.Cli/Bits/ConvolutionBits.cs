using Evenkeel.Nn;

namespace Evenkeel.Cli.Bits;

/// <summary>
/// Convolutions: more and fewer filters than a pack, rows shorter and longer than one, more taps than a chunk, more
/// images than one; stride, dilation and groups.
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
        ([2, 17, 3, 6], [19, 17, 1, 1], 1, 0, 1, 1),
        ([2, 4, 7, 9], [6, 2, 3, 2], (2, 3), (1, 2), (2, 1), 2),
        ([2, 3, 8, 8], [5, 3, 3, 3], 2, 1, 1, 1),
        ([2, 2, 5, 6], [3, 2, 2, 4], 1, Padding.Same, 1, 1),
        ([8, 6, 6, 6], [16, 6, 5, 5], 1, 0, 1, 1),
        ([8, 16, 5, 4], [18, 16, 2, 2], 2, 1, 1, 1),
        ([1, 65, 3, 4], [2, 65, 3, 3], 1, 1, 1, 1),
        ([19, 2, 3, 3], [3, 2, 2, 2], 1, 0, 1, 1),
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
    ];

    /// <summary>A convolution and ReLU in one pass over memory, as a network without gradients fuses them.</summary>
    private static Tensor WithReLU(
        BitsProbe probe, int[] input, int[] weight, Size2 stride, Padding padding, Size2 dilation, int groups)
    {
        var layer = new Conv2d(input[1], weight[0], (weight[2], weight[3]), stride, padding, dilation, groups);
        layer.To(probe.DType);
        Tensor x = probe.Normal(input);
        layer.Weight.CopyFrom(probe.Normal(weight));
        layer.Bias!.CopyFrom(probe.Normal(weight[0]));
        return new Sequential(layer, new ReLU()).Forward(x);
    }
}
