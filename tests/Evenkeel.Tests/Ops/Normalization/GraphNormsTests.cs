using Evenkeel.Random;
using Xunit;

namespace Evenkeel.Tests.Ops.Normalization;

/// <summary>
/// The fused norms against the same norms composed from primitive ops, whose gradients nobody has derived.
/// </summary>
public sealed class GraphNormsTests
{
    /// <summary>Rounding of double arithmetic over some thousand terms, relative to the largest value.</summary>
    private const double Tolerance = 1e-12;

    public static TheoryData<int[]> Shapes => new([2, 1],
        [5, 100], [50, 100], [7, 3], [130, 80], [3, 5, 1], [4, 7, 17], [4, 3, 7, 7], [2, 5, 1, 3], [2, 3, 2, 3, 4]);

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Batch_norm_matches_its_graph(int[] shape)
    {
        foreach (bool affine in new[] { true, false })
        {
            Compare(shape, [shape[1]], affine,
                static (x, gamma, beta) => x.BatchNorm(gamma, beta, running: null),
                static (x, gamma, beta) => GraphNorms.BatchNorm(x, gamma, beta));
        }
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Layer_norm_matches_its_graph(int[] shape)
    {
        foreach (Shape normalized in new[] { new Shape(shape[^1]), new Shape(shape[1..]) })
        {
            foreach (bool affine in new[] { true, false })
            {
                Compare(shape, normalized, affine,
                    (x, gamma, beta) => x.LayerNorm(normalized, gamma, beta),
                    (x, gamma, beta) => GraphNorms.LayerNorm(x, normalized, gamma, beta));
            }
        }
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Group_and_instance_norm_match_their_graphs(int[] shape)
    {
        Shape channels = [shape[1]];
        int perChannel = new Shape(shape).Count / shape[0] / shape[1];
        foreach (int groups in
            Enumerable.Range(1, shape[1]).Where(groups => shape[1] % groups == 0 && shape[1] * perChannel > groups))
        {
            foreach (bool affine in new[] { true, false })
            {
                Compare(shape, channels, affine,
                    (x, gamma, beta) => x.GroupNorm(groups, gamma, beta),
                    (x, gamma, beta) => GraphNorms.GroupNorm(x, groups, gamma, beta));
            }
        }

        if (perChannel == 1) return;
        Compare(shape, channels, affine: true,
            static (x, gamma, beta) => x.InstanceNorm(gamma, beta),
            static (x, gamma, beta) => GraphNorms.InstanceNorm(x, gamma, beta));
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void RMS_norm_matches_its_graph(int[] shape)
    {
        foreach (Shape normalized in new[] { new Shape(shape[^1]), new Shape(shape[1..]) })
        {
            foreach (bool affine in new[] { true, false })
            {
                // beta takes no part in either.
                Compare(shape, normalized, affine,
                    (x, gamma, beta) => x.RMSNorm(normalized, gamma),
                    (x, gamma, beta) => GraphNorms.RMSNorm(x, normalized, gamma));
            }
        }
    }

    [Fact]
    public void Parameters_join_the_inputs_tape()
    {
        Tensor values = Normal([3, 4, 5], 1), cotangent = Normal([3, 4, 5], 2);
        var fused = new Parameter(Normal([4], 3));
        var graph = new Parameter(Normal([4], 3));
        new Tape(Mode.Train).Input(values).BatchNorm(fused, null, running: null).Backward(cotangent);
        GraphNorms.BatchNorm(new Tape(Mode.Train).Input(values), graph, null).Backward(cotangent);
        Near("dgamma", fused.Gradient!.ToArray<double>(), graph.Gradient!.ToArray<double>());
    }

    [Fact]
    public void What_does_not_fit_is_refused()
    {
        Tensor x = Normal([4, 3], 1);
        Assert.StartsWith(
            "GraphNorms.BatchNorm: expected a batch (N, C)",
            Assert.Throws<ArgumentException>(() => GraphNorms.BatchNorm(Normal([4], 1), null, null)).Message,
            StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => GraphNorms.BatchNorm(x, Normal([4], 1), null));
        Assert.Throws<ArgumentException>(() => GraphNorms.BatchNorm(Normal([1, 3], 1), null, null));
        Assert.Throws<ArgumentException>(() => GraphNorms.LayerNorm(x, [4], null, null));
        Assert.Throws<ArgumentException>(() => GraphNorms.LayerNorm(x, [3], null, Normal([2], 1)));
        Assert.Throws<ArgumentOutOfRangeException>(() => GraphNorms.LayerNorm(x, [3], null, null, eps: -1));
        Assert.Throws<ArgumentException>(() => GraphNorms.GroupNorm(x, 2, null, null));
        Assert.Throws<ArgumentException>(() => GraphNorms.GroupNorm(x, 3, null, null));
        Assert.Throws<ArgumentException>(() => GraphNorms.InstanceNorm(x, null, null));
        Assert.Throws<ArgumentException>(() => GraphNorms.RMSNorm(x, [4], null));
    }

    private static void Compare(
        int[] shape, Shape affineShape, bool affine, Func<Tensor, Tensor?, Tensor?, Tensor> fused,
        Func<Tensor, Tensor?, Tensor?, Tensor> graph)
    {
        Tensor x = Normal(new Shape(shape), 1) * 5 + 12, gamma = Normal(affineShape, 2), beta = Normal(affineShape, 3),
            cotangent = Normal(new Shape(shape), 4);
        double[][] expected = Run(graph), actual = Run(fused);
        string[] names = ["y", "dx", "dgamma", "dbeta"];
        for (int i = 0; i < expected.Length; i++) Near(names[i], expected[i], actual[i]);

        double[][] Run(Func<Tensor, Tensor?, Tensor?, Tensor> norm)
        {
            var tape = new Tape(Mode.Train);
            Tensor input = tape.Input(x, requiresGradient: true);
            Tensor? scale = affine ? tape.Input(gamma, requiresGradient: true) : null,
                shift = affine ? tape.Input(beta, requiresGradient: true) : null;
            Tensor y = norm(input, scale, shift);
            y.Backward(cotangent);
            Tensor?[] all = [y, input.Gradient, scale?.Gradient, shift?.Gradient];
            return [.. all.OfType<Tensor>().Select(static tensor => tensor.ToArray<double>())];
        }
    }

    private static void Near(string name, double[] expected, double[] actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        double bound = Tolerance * Math.Max(1, expected.Max(Math.Abs));
        for (int i = 0; i < expected.Length; i++)
        {
            Assert.True(Math.Abs(expected[i] - actual[i]) <= bound,
                $"{name}[{i}]: expected {expected[i]:r}, got {actual[i]:r}");
        }
    }

    private static Tensor Normal(Shape shape, ulong seed) =>
        Tensor.RandomNormal(shape, new Philox(seed), DType.Float64);
}
