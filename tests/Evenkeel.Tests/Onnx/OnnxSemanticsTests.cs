using Evenkeel.Onnx;
using Xunit;

namespace Evenkeel.Tests.Onnx;

/// <summary>What operators mean at the edges: the specification's words, and ONNX Runtime's numbers.</summary>
public sealed class OnnxSemanticsTests
{
    private static OnnxGraph Row(long opset = 17) => new OnnxGraph(opset).Input("x", -1).Output("y");

    private static OnnxGraph Whole(long opset = 17)
    {
        OnnxGraph graph = Row(opset);
        graph.Proto.Graph.Input[0].Type.TensorType.ElemType = 7;
        return graph;
    }

    private static float[] Floats(OnnxGraph graph, params float[] x) =>
        graph.ToModule().Forward(Tensor.From(x)).ToArray<float>();

    private static long[] Longs(OnnxGraph graph, params long[] x) =>
        graph.ToModule().Forward(Tensor.From(x)).ToArray<long>();

    [Fact]
    public void Whole_numbers_keep_their_meaning()
    {
        Assert.Equal([-1L, 0, 1], Longs(Whole().Node("Sign", "x", "y"), -9, 0, 5));
        Assert.Equal([1L, -2, 0], Longs(Whole().Longs("b", 3, -3, -1).Node("Mod", ["x", "b"], ["y"]), -5, 4,
            long.MinValue));
        Assert.Equal([-2L, 1, 0], Longs(Whole().Longs("b", 3, -3, -1)
            .Node("Mod", ["x", "b"], ["y"], OnnxGraph.Int("fmod", 1)), -5, 4, long.MinValue));
        long odd = (1L << 53) + 1;
        Assert.Equal([odd], Longs(Whole().Node("Clip", ["x"], ["y"]), odd));
        OnnxGraph range = Whole().Longs("two", 2).Longs("none").Node("Reshape", ["x", "none"], ["a"])
            .Node("Reshape", ["two", "none"], ["t"]).Node("Add", ["a", "t"], ["b"])
            .Node("Constant", [], ["c"], OnnxGraph.Int("value_int", 1)).Node("Range", ["a", "b", "c"], ["y"]);
        Assert.Equal([odd, odd + 1], Longs(range, odd));
    }

    [Fact]
    public void Infinities_are_not_turned_into_NaN()
    {
        float inf = float.PositiveInfinity;
        Assert.Equal([0f, 2, inf], Floats(Row().Node("ThresholdedRelu", "x", "y"), -inf, 2, inf));
        Assert.Equal([-inf], Floats(Row().Node("ReduceLogSumExp", "x", "y"), -inf, -inf));
        Assert.Equal([inf], Floats(Row().Node("ReduceLogSumExp", "x", "y"), 1, inf));
    }

    [Fact]
    public void A_mean_over_no_axes_is_the_value()
    {
        Assert.Equal([1f, 2], Floats(Row(18).Longs("none").Node("ReduceMean", ["x", "none"], ["y"],
            OnnxGraph.Int("noop_with_empty_axes", 1)), 1, 2));
        OnnxGraph graph = new OnnxGraph().Input("x", -1, 2).Output("y").Node("GlobalAveragePool", "x", "y");
        Assert.Equal([1f, 2], graph.ToModule().Forward(Tensor.From([1f, 2], [1, 2])).ToArray<float>());
    }

    [Theory]
    [InlineData(0, long.MaxValue, long.MaxValue, new[] { 1f })]
    [InlineData(1, long.MaxValue, long.MaxValue, new[] { 2f })]
    [InlineData(-1, long.MinValue, long.MinValue, new[] { 4f })]
    // A start before the first value is the first value, also backwards.
    [InlineData(-9, long.MinValue, -1, new[] { 1f })]
    public void Slices_with_the_largest_steps_end(long start, long end, long step, float[] expected) =>
        Assert.Equal(expected, Floats(Row().Longs("s", start).Longs("e", end).Longs("a", 0).Longs("t", step)
            .Node("Slice", ["x", "s", "e", "a", "t"], ["y"]), 1, 2, 3, 4));

    [Fact]
    public void A_size_is_computed_in_the_precision_of_its_scale()
    {
        Tensor x = Tensor.From([.. Enumerable.Range(0, 10).Select(static i => (float)i)], [1, 1, 1, 10]);
        OnnxGraph graph = new OnnxGraph(13).Input("x", -1, 1, -1, -1).Output("y").Weight("s", [4], 1, 1, 1, 0.7f)
            .Node("Resize", ["x", "", "s"], ["y"]);
        Assert.Equal(7, graph.ToModule().Forward(x).Shape[3]);
        // 11.5 / 2.3 - 0.5 is 4.5 in single precision, and halves go down.
        graph = new OnnxGraph(13).Input("x", -1, 1, -1, -1).Output("y").Weight("s", [4], 1, 1, 1, 2.3f)
            .Node("Resize", ["x", "", "s"], ["y"]);
        Assert.Equal(4, graph.ToModule().Forward(x).ToArray<float>()[11]);
    }

    [Fact]
    public void The_nearest_value_of_version_10_is_the_next_one_if_an_axis_shrinks()
    {
        // The example of the specification.
        OnnxGraph graph = new OnnxGraph(10).Input("x", -1, 1, -1, -1).Output("y").Weight("s", [4], 1, 1, 0.6f, 0.6f)
            .Node("Resize", ["x", "s"], ["y"]);
        Tensor x = Tensor.From([1f, 2, 3, 4, 5, 6, 7, 8], [1, 1, 2, 4]);
        Assert.Equal([1f, 3], graph.ToModule().Forward(x).ToArray<float>());
    }

    [Fact]
    public void Linear_resizing_takes_rows_and_every_coordinate()
    {
        OnnxGraph graph = new OnnxGraph(13).Input("x", -1, 1, -1).Output("y").Longs("s", 1, 1, 4)
            .Node("Resize", ["x", "", "", "s"], ["y"], OnnxGraph.Text("mode", "linear"),
                OnnxGraph.Text("coordinate_transformation_mode", "asymmetric"));
        Assert.Equal([1f, 2, 3, 3], graph.ToModule().Forward(Tensor.From([1f, 3], [1, 1, 2])).ToArray<float>());
    }

    [Fact]
    public void A_window_of_channels_of_even_size_begins_at_the_channel()
    {
        OnnxGraph graph = new OnnxGraph().Input("x", -1, 3, 1, 1).Output("y").Node("LRN", "x", "y",
            OnnxGraph.Int("size", 2),
            OnnxGraph.Float("alpha", 2), OnnxGraph.Float("beta", 1));
        float[] y = graph.ToModule().Forward(Tensor.From([1f, 2, 3], [1, 3, 1, 1])).ToArray<float>();
        Assert.Equal([1 / 6f, 2 / 14f, 3 / 10f], y.Select(static value => MathF.Round(value, 5)).ToArray(),
            static (a, b) => Math.Abs(a - b) < 1e-4);
    }

    [Fact]
    public void A_remainder_of_floating_point_numbers_has_the_sign_of_the_dividend() => Assert.Equal(
        [-2f, 1, 0.5f], Floats(Row().Weight("b", [3], 3, -3, 1).Node("Mod", ["x", "b"], ["y"], OnnxGraph.Int("fmod",
            1)),
            -5, 4, 2.5f));

    [Fact]
    public void A_bias_is_added_to_a_product_with_a_vector()
    {
        OnnxGraph graph = new OnnxGraph().Input("x", 2).Output("y").Weight("w", [2, 2], 1, 2, 3, 4).Weight("b", [2],
            10, 20)
            .Node("MatMul", ["x", "w"], ["m"]).Node("Add", ["m", "b"], ["y"]);
        Assert.Equal([14f, 26], Floats(graph, 1, 1));
    }

    [Fact]
    public void A_product_that_others_take_too_keeps_its_value()
    {
        OnnxGraph graph = new OnnxGraph().Input("x", 1, 2).Output("y", "z").Weight("w", [2, 2], 1, 2, 3, 4)
            .Weight("b", [2], 10, 20).Node("MatMul", ["x", "w"], ["m"]).Node("Add", ["m", "b"], ["y"])
            .Node("Neg", "m", "z");
        IReadOnlyDictionary<string, Tensor> all = graph.ToModule().Run(
            new Dictionary<string, Tensor> { ["x"] = Tensor.Ones([1, 2]) });
        Assert.Equal([14f, 26], all["y"].ToArray<float>());
        Assert.Equal([-4f, -6], all["z"].ToArray<float>());
    }

    [Fact]
    public void A_scale_that_broadcasts_over_a_norm_is_no_weight_of_a_layer()
    {
        OnnxGraph graph = new OnnxGraph().Input("x", -1, 2, 2).Output("y").Weight("s", [1, 2], 1, 3)
            .Node("LayerNormalization", ["x", "s"], ["y"], OnnxGraph.Int("axis", -2));
        Tensor x = Tensor.From([1f, -1, -1, 1], [1, 2, 2]);
        float[] y = graph.ToModule().Forward(x).ToArray<float>();
        Assert.Equal([1, -3, -1, 3], y.Select(static value => (int)Math.Round(value)));
    }

    [Fact]
    public void A_batch_norm_takes_inputs_of_a_rank_that_the_file_does_not_say()
    {
        OnnxGraph graph = new OnnxGraph().Input("x", -1).Output("y").Weight("s", [2], 1, 2).Weight("b", [2], 3, 4)
            .Weight("m", [2], 0, 1).Weight("v", [2], 1, 4)
            .Node("BatchNormalization", ["x", "s", "b", "m", "v"], ["y"], OnnxGraph.Float("epsilon", 1e-9f));
        graph.Proto.Graph.Input[0].Type.TensorType.Shape = null;
        OnnxModule module = graph.ToModule();
        foreach (int[] sizes in new int[][] { [1, 2], [1, 2, 1], [1, 2, 1, 1], [1, 2, 1, 1, 1] })
        {
            Tensor y = module.Forward(Tensor.From([1f, 5], new Shape(sizes)));
            Assert.Equal(sizes, y.Shape.ToArray());
            Assert.Equal([4, 8], y.ToArray<float>().Select(static value => (int)Math.Round(value)));
        }
    }

    [Fact]
    public void Values_that_were_cast_go_through_layers_on_a_tape()
    {
        OnnxGraph graph = new OnnxGraph().Input("x", -1, 3).Output("y").Weight("w", 3, 2).Weight("v", 3, 2)
            .Node("Cast", "x", "i", OnnxGraph.Int("to", 7)).Node("Cast", "i", "f", OnnxGraph.Int("to", 1))
            .Node("MatMul", ["f", "w"], ["a"]).Node("MatMul", ["x", "v"], ["b"]).Node("Add", ["a", "b"], ["y"]);
        OnnxModule module = graph.ToModule();
        Tensor x = Tensor.Ones([2, 3]);
        Assert.Equal(module.Forward(x).ToArray<float>(), module.Predict(x).ToArray<float>());
        var tape = new Tape();
        module.Forward(tape.Input(x)).Sum().Backward();
        Assert.All(module.Parameters(), static weight => Assert.NotNull(weight.Gradient));
    }

    [Fact]
    public void A_network_of_whole_numbers_goes_to_double_precision()
    {
        OnnxGraph graph = new OnnxGraph().Input("x", -1).Output("y").Weight("table", 4, 2).Weight("half", [], 0.5f)
            .Node("Gather", ["table", "x"], ["g"]).Node("Mul", ["g", "half"], ["y"]);
        graph.Proto.Graph.Input[0].Type.TensorType.ElemType = 7;
        OnnxModule module = graph.ToModule();
        Tensor x = Tensor.From([3L, 0]);
        float[] expected = module.Forward(x).ToArray<float>();
        module.To(DType.Float64);
        Assert.Equal(expected, module.Forward(x).ToArray<double>().Select(static value => (float)value));
    }
}
