using Evenkeel.Nn;
using Evenkeel.Random;

namespace Evenkeel.Cli.Bits;

/// <summary>Norms to unit length, norms of papers, and weights that are computed.</summary>
internal static class NormLayerBits
{
    private static readonly int[][] s_shapes = [[50, 100], [301, 67], [8, 6, 28, 28], [3, 5, 7]];

    public static IEnumerable<BitsCase> Cases =>
    [
        .. s_shapes.SelectMany(shape => new[]
        {
            Unit(shape, 2, 1), Unit(shape, 1, 0), Unit(shape, 1.5, 1), Unit(shape, double.PositiveInfinity, 1),
            new BitsCase($"normalize/all/{ShapeName.Of(shape)}",
                probe => probe.Pass(x => x[0].Normalize([]), probe.Normal(shape))),
            new BitsCase($"frn/tlu/{ShapeName.Of(shape)}", probe => probe.Pass(
                x => x[0].FilterResponseNorm(x[1], x[2], x[3]), probe.NormalAround(2, 1.5, shape),
                probe.NormalAround(1, 1, shape[1]), probe.Normal(shape[1]), probe.Normal(shape[1]))),
            new BitsCase($"dynamic-tanh/last/{ShapeName.Of(shape)}", probe => probe.Pass(
                x => x[0].DynamicTanh(x[1], x[2], x[3]), probe.Normal(shape), probe.Normal(1), probe.Normal(shape[^1]),
                probe.Normal(shape[^1]))),
            new BitsCase($"dynamic-erf/first/{ShapeName.Of(shape)}", probe => probe.Pass(
                x => x[0].DynamicErf(x[1], x[2], x[3], x[4], channelsLast: false), probe.Normal(shape), probe.Normal(1),
                probe.Normal(1), probe.Normal(shape[1]), probe.Normal(shape[1]))),
        }),
        new("weightnorm/conv2d", probe => Parametrized(probe, static layer => layer.AddWeightNorm())),
        new("weightnorm/whole/conv2d", probe => Parametrized(probe, static layer => layer.AddWeightNorm(dim: null))),
        new("spectralnorm/conv2d", probe =>
            Parametrized(probe, static layer => layer.AddSpectralNorm(random: new Philox(1)))),
        new("spectralnorm/dim1/conv2d", probe =>
            Parametrized(probe, static layer => layer.AddSpectralNorm(2, dim: 1, random: new Philox(1)))),
        new("conditional-batchnorm/8x6x7x7", probe =>
        {
            var layer = new ConditionalBatchNorm(6, 4);
            layer.To(probe.DType);
            Tensor classes = probe.Labels(8, 4);
            probe.Pass(x => layer.Forward(x[0], classes), probe.NormalAround(2, 1.5, 8, 6, 7, 7));
            foreach (Parameter parameter in layer.Parameters()) probe.Add(parameter.Name, parameter.Gradient!);
        }),
    ];

    private static BitsCase Unit(int[] shape, double p, int axis) => new(
        $"normalize/{ShapeName.Of(shape)}/p{p}/{axis}",
        probe => probe.Pass(x => x[0].Normalize([axis], p), probe.Normal(shape)));

    /// <summary>Two passes: the second starts from the singular vectors of the first.</summary>
    private static void Parametrized(BitsProbe probe, Action<Module> add)
    {
        var layer = new Conv2d(20, 33, 3, random: new Philox(1));
        layer.To(probe.DType);
        add(layer);
        for (int pass = 0; pass < 2; pass++)
        {
            layer.ZeroGrad();
            probe.Pass(x => layer.Forward(x[0]), probe.Normal(2, 20, 5, 6));
            foreach ((string name, Parameter parameter) in layer.NamedParameters())
                probe.Add(name, parameter.Gradient!);
            foreach ((string name, StateBuffer buffer) in layer.NamedBuffers()) probe.Add(name, buffer.Value);
        }
    }
}
