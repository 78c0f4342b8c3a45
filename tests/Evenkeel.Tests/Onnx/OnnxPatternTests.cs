using Evenkeel.Nn;
using Evenkeel.Onnx;
using Evenkeel.Random;
using Xunit;

namespace Evenkeel.Tests.Onnx;

/// <summary>Several nodes that are one layer, in the spellings of exporters.</summary>
public sealed class OnnxPatternTests
{
    private static readonly Tensor s_x = Tensor.RandomNormal([3, 5, 8], new Philox(4)) * 3;

    private static Module[] Layers(OnnxModule module) => [.. module.NamedModules().Select(static e => e.Module)
        .Where(static m => m.Children.Count == 0 && m is not OnnxModule)];

    private static void Same(Tensor expected, Tensor got)
    {
        Assert.Equal(expected.Shape, got.Shape);
        for (int i = 0; i < expected.Count; i++)
        {
            float value = expected.AsSpan<float>()[i];
            Assert.Equal(value, got.AsSpan<float>()[i], 2e-6 * (1 + Math.Abs(value)));
        }
    }

    private static OnnxGraph Centred(OnnxGraph graph) => graph
        .Node("ReduceMean", "x", "mean", OnnxGraph.Ints("axes", -1))
        .Node("Sub", ["x", "mean"], ["d"]);

    private static OnnxGraph Graph() => new OnnxGraph().Input("x", -1, 5, 8).Output("y")
        .Weight("two", [], 2).Weight("eps", [], 1e-5f).Weight("one", [], 1)
        .Weight("norm.weight", 8).Weight("norm.bias", [8], 1, 2, 3, 4, 5, 6, 7, 8);

    [Theory]
    [InlineData("pow-div")]
    [InlineData("mul-reciprocal")]
    [InlineData("one-over")]
    public void A_layer_norm_in_pieces_is_a_layer_norm(string spelling)
    {
        OnnxGraph graph = Centred(Graph());
        if (spelling == "pow-div") graph.Node("Pow", ["d", "two"], ["sq"]);
        else graph.Node("Mul", ["d", "d"], ["sq"]);
        graph.Node("ReduceMean", "sq", "var", OnnxGraph.Ints("axes", -1)).Node("Add", ["var", "eps"], ["ve"])
            .Node("Sqrt", "ve", "std");
        if (spelling == "pow-div") graph.Node("Div", ["d", "std"], ["n"]);
        else if (spelling == "one-over") graph.Node("Div", ["one", "std"], ["r"]).Node("Mul", ["d", "r"], ["n"]);
        else graph.Node("Reciprocal", "std", "r").Node("Mul", ["r", "d"], ["n"]);
        graph.Node("Mul", ["n", "norm.weight"], ["s"]).Node("Add", ["s", "norm.bias"], ["y"]);
        OnnxModule module = graph.ToModule();
        var norm = Assert.IsType<LayerNorm>(Assert.Single(Layers(module)));
        Assert.Equal(1e-5, norm.Eps);
        Assert.Equal(["norm.weight", "norm.bias"], module.NamedParameters().Select(static e => e.Name));
        Same(s_x.LayerNorm([8], norm.Weight!, norm.Bias!, 1e-5), module.Forward(s_x));
    }

    [Fact]
    public void An_rms_norm_in_pieces_is_an_rms_norm()
    {
        OnnxModule module = Graph().Node("Pow", ["x", "two"], ["sq"])
            .Node("ReduceMean", "sq", "ms", OnnxGraph.Ints("axes", -1)).Node("Add", ["ms", "eps"], ["me"])
            .Node("Sqrt", "me", "rms").Node("Div", ["x", "rms"], ["n"])
            .Node("Mul", ["norm.weight", "n"], ["y"]).ToModule();
        var norm = Assert.IsType<RMSNorm>(Assert.Single(Layers(module)));
        Same(s_x.RMSNorm([8], norm.Weight!, 1e-5), module.Forward(s_x));
    }

    [Fact]
    public void A_value_of_the_pattern_that_is_used_elsewhere_keeps_its_nodes()
    {
        OnnxModule module = Centred(Graph()).Node("Mul", ["d", "d"], ["sq"])
            .Node("ReduceMean", "sq", "var", OnnxGraph.Ints("axes", -1)).Node("Add", ["var", "eps"], ["ve"])
            .Node("Sqrt", "ve", "std").Node("Div", ["d", "std"], ["n"])
            .Node("Mul", ["n", "norm.weight"], ["s"]).Node("Add", ["s", "norm.bias"], ["y"])
            .Output("var").ToModule();
        Assert.Empty(Layers(module).OfType<LayerNorm>());
        Assert.Equal(2, module.Run(new Dictionary<string, Tensor> { ["x"] = s_x }).Count);
    }

    [Theory]
    [InlineData("hardswish-div")]
    [InlineData("hardswish-gate")]
    [InlineData("gelu")]
    [InlineData("swish")]
    public void Smooth_activations_in_pieces_compute_what_they_are(string kind)
    {
        OnnxGraph graph = new OnnxGraph(13).Input("x", -1, 5, 8).Output("y").Weight("half", [], 0.5f)
            .Weight("one", [], 1)
            .Weight("root", [], 1.4142135f).Weight("three", [], 3).Weight("six", [], 6).Weight("zero", [], 0);
        Tensor expected;
        switch (kind)
        {
            case "hardswish-div":
                graph.Node("Add", ["x", "three"], ["a"]).Node("Clip", ["a", "zero", "six"], ["c"])
                    .Node("Mul", ["x", "c"], ["m"]).Node("Div", ["m", "six"], ["y"]);
                expected = s_x.Hardswish();
                break;
            case "hardswish-gate":
                graph.Node("HardSigmoid", "x", "h", OnnxGraph.Float("alpha", 1 / 6f), OnnxGraph.Float("beta", 0.5f))
                    .Node("Mul", ["x", "h"], ["y"]);
                expected = s_x.Hardswish();
                break;
            case "gelu":
                graph.Node("Div", ["x", "root"], ["d"]).Node("Erf", "d", "e").Node("Add", ["e", "one"], ["p"])
                    .Node("Mul", ["x", "p"], ["m"]).Node("Mul", ["m", "half"], ["y"]);
                expected = s_x.GELU();
                break;
            default:
                graph.Node("Sigmoid", "x", "s").Node("Mul", ["x", "s"], ["y"]);
                expected = s_x.SiLU();
                break;
        }

        Assert.Equal(expected.ToArray<float>(), graph.ToModule().Forward(s_x).ToArray<float>());
    }

    [Fact]
    public void A_product_and_its_bias_are_one_linear_layer()
    {
        OnnxModule module = new OnnxGraph().Input("x", -1, 5, 8).Output("y").Weight("fc.weight", 8, 3)
            .Weight("fc.bias", [3], 1, 2, 3).Node("MatMul", ["x", "fc.weight"], ["m"])
            .Node("Add", ["fc.bias", "m"], ["y"]).ToModule();
        var linear = Assert.IsType<Linear>(Assert.Single(Layers(module)));
        Assert.NotNull(linear.Bias);
        Assert.Equal(linear.Forward(s_x).ToArray<float>(), module.Forward(s_x).ToArray<float>());
    }
}
