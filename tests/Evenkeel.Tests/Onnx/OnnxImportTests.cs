using Evenkeel.Nn;
using Evenkeel.Onnx;
using Evenkeel.Optim;
using Evenkeel.Random;
using Evenkeel.Surgery;
using Xunit;

namespace Evenkeel.Tests.Onnx;

/// <summary>A graph becomes a network of the library's layers.</summary>
public sealed class OnnxImportTests
{
    private static Tensor Drawn(params int[] shape) => Tensor.RandomUniform(new Shape(shape), new Philox(3)) * 2 - 1;

    /// <summary>Convolution, batch norm, ReLU, mean over the planes, and a linear layer.</summary>
    private static OnnxGraph Classifier(long batch = -1) => new OnnxGraph()
        .Input("x", batch, 2, 6, 6).Output("y")
        .Weight("layer1.0.conv.weight", [4, 2, 3, 3])
        .Weight("layer1.0.bn.weight", [4], 1, 2, 0.5f, 1.5f).Weight("layer1.0.bn.bias", [4], 0.1f, -0.2f, 0, 0.3f)
        .Weight("layer1.0.bn.running_mean", [4], 0.1f, 0, -0.1f, 0.2f)
        .Weight("layer1.0.bn.running_var", [4], 1, 0.5f, 2, 0.25f)
        .Weight("fc.weight", 3, 4).Weight("fc.bias", [3], 1, 2, 3)
        .Node("Conv", ["x", "layer1.0.conv.weight"], ["c"], OnnxGraph.Ints("pads", 1, 1, 0, 2),
            OnnxGraph.Ints("kernel_shape", 3, 3))
        .Node("BatchNormalization", ["c", "layer1.0.bn.weight", "layer1.0.bn.bias", "layer1.0.bn.running_mean",
            "layer1.0.bn.running_var"], ["b"], OnnxGraph.Float("epsilon", 1e-3f), OnnxGraph.Float("momentum", 0.8f))
        .Node("Relu", "b", "r")
        .Node("GlobalAveragePool", "r", "g")
        .Node("Flatten", "g", "f")
        .Node("Gemm", ["f", "fc.weight", "fc.bias"], ["y"], OnnxGraph.Int("transB", 1));

    [Fact]
    public void Layers_have_the_names_of_the_file_and_the_types_of_the_library()
    {
        OnnxModule module = Classifier().ToModule();
        Assert.Equal(
            [
                "layer1.0.conv.weight", "layer1.0.bn.weight", "layer1.0.bn.bias", "fc.weight", "fc.bias",
            ], module.NamedParameters().Select(static entry => entry.Name));
        var norm = (BatchNorm2d)module.NamedModules().Single(static entry => entry.Name == "layer1.0.bn").Module;
        Assert.Equal(1e-3, norm.Eps);
        Assert.Equal(0.2, norm.Average.WeightOfNew, 1e-9);
        Assert.Equal([0.1f, 0, -0.1f, 0.2f], norm.Running!.Mean.Value.ToArray<float>());
    }

    [Fact]
    public void It_computes_what_the_same_layers_compute()
    {
        OnnxModule module = Classifier().ToModule();
        Tensor x = Drawn(3, 2, 6, 6);
        Dictionary<string, Module> layers = module.NamedModules().ToDictionary(e => e.Name, e => e.Module);
        Tensor expected = x;
        foreach (string name in new[] { "layer1.0.conv", "layer1.0.bn" }) expected = layers[name].Forward(expected);
        expected = layers["fc"].Forward(expected.ReLU().Mean([2, 3]));
        Assert.Equal(expected.ToArray<float>(), module.Predict(x).ToArray<float>());
    }

    [Fact]
    public void It_trains_and_its_statistics_follow()
    {
        OnnxModule module = Classifier().ToModule();
        var norm = (BatchNorm2d)module.NamedModules().Single(static entry => entry.Name == "layer1.0.bn").Module;
        float[] before = norm.Running!.Mean.Value.ToArray<float>();
        var optimizer = new SGD(module.Parameters(), 0.1);
        var tape = new Tape(Mode.Train);
        double first = 0, last = 0;
        for (int step = 0; step < 20; step++)
        {
            tape.Reset();
            Tensor loss = module.Forward(tape.Input(Drawn(6, 2, 6, 6))).CrossEntropy(Tensor.Labels(0, 1, 2, 0, 1, 2));
            last = loss.Item();
            if (step == 0) first = last;
            module.ZeroGrad();
            loss.Backward();
            optimizer.Step();
        }

        Assert.True(last < first, $"{last} after {first}");
        Assert.NotEqual(before, norm.Running.Mean.Value.ToArray<float>());
    }

    [Fact]
    public void It_folds_clones_and_computes_in_double()
    {
        OnnxModule module = Classifier().ToModule();
        Tensor x = Drawn(3, 2, 6, 6);
        FoldResult folded = module.Fold(x);
        Assert.Equal(FoldStatus.IntoLayerBefore, Assert.Single(folded.Layers).Status);
        Assert.True(folded.Proof.RelativeDifference < 1e-6, folded.Proof.ToString());

        var wide = (OnnxModule)module.Clone();
        wide.To(DType.Float64);
        Tensor expected = module.Predict(x), got = wide.Predict(x.To(DType.Float64));
        Assert.Equal(DType.Float64, got.DType);
        for (int i = 0; i < expected.Count; i++)
            Assert.Equal(expected.AsSpan<float>()[i], got.AsSpan<double>()[i], 1e-5);
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(1)]
    public void The_batch_is_open_whatever_the_file_says(long batch)
    {
        OnnxGraph graph = new OnnxGraph().Input("x", batch, 2, 3).Output("y").Longs("flat", 1, 6)
            .Node("Reshape", ["x", "flat"], ["y"]);
        OnnxModule module = graph.ToModule();
        if (batch == 1) Assert.Equal([5, 6], module.Forward(Drawn(5, 2, 3)).Shape);
        Assert.Equal([1, 6], module.Forward(Drawn(1, 2, 3)).Shape);
    }

    [Fact]
    public void Shape_arithmetic_follows_the_input()
    {
        OnnxModule module = new OnnxGraph().Input("x", -1, -1, 4).Output("y")
            .Longs("zero", 0).Longs("minus", -1)
            .Node("Shape", "x", "s").Node("Gather", ["s", "zero"], ["n"])
            .Node("Concat", ["n", "minus"], ["target"], OnnxGraph.Int("axis", 0))
            .Node("Reshape", ["x", "target"], ["y"]).ToModule();
        Assert.Equal([7, 12], module.Forward(Drawn(7, 3, 4)).Shape);
    }

    [Fact]
    public void A_norm_and_its_relu_are_one_pass_with_the_same_bits()
    {
        OnnxModule module = Classifier().ToModule();
        Tensor x = Drawn(2, 2, 6, 6);
        Tensor fused = module.Forward(x);
        Module norm = module.NamedModules().Single(static entry => entry.Name == "layer1.0.bn").Module;
        using IDisposable hook = norm.AddForwardHook(static (_, _, _) => { });
        Assert.Equal(fused.ToArray<float>(), module.Forward(x).ToArray<float>());
    }

    [Fact]
    public void A_sum_and_its_relu_are_one_pass_with_the_same_bits()
    {
        OnnxModule module = new OnnxGraph().Input("x", 2, 3, 7).Output("y", "z")
            .Node("Neg", "x", "n").Node("Exp", "n", "e").Node("Add", ["x", "n"], ["zero"])
            .Node("Add", ["x", "e"], ["s"]).Node("Relu", "s", "y").Node("Relu", "zero", "r")
            .Node("Add", ["r", "y"], ["z"]).ToModule();
        Tensor x = Drawn(2, 3, 7);
        float[] expected = [.. x.ToArray<float>().Select(static value => Math.Max(0, value + MathF.Exp(-value)))];
        foreach (string output in new[] { "y", "z" })
        {
            float[] Run(Tensor input) =>
                module.Run(new Dictionary<string, Tensor> { ["x"] = input })[output].ToArray<float>();
            float[] apart = Run(new Tape(Mode.Eval, recordGradients: true).Input(x));
            Assert.Equal(apart, Run(x));
            Assert.Equal(apart, Run(new Tape(Mode.Eval).Input(x)));
            Assert.Equal(expected, apart, static (a, b) => Math.Abs(a - b) < 1e-5f);
        }
    }

    [Theory]
    [InlineData(12, 1)]
    [InlineData(13, -1)]
    public void Softmax_before_opset_13_is_over_all_that_follows(long opset, long axis)
    {
        OnnxModule module = new OnnxGraph(opset).Input("x", 2, 3, 4).Output("y").Node("Softmax", "x", "y").ToModule();
        Tensor y = module.Forward(Drawn(2, 3, 4));
        double sum = y.Slice(0, 0, 1).Sum().Item();
        Assert.Equal(axis == 1 ? 1 : 3, sum, 1e-5);
    }

    [Fact]
    public void All_operators_that_are_not_known_are_named_at_once()
    {
        OnnxGraph graph = new OnnxGraph().Input("x", 1).Output("y")
            .Node("LSTM", "x", "a").Node("If", "a", "b").Node("If", "b", "c").Node("Frobnicate", "c", "y");
        graph.Proto.Graph.Node[3].Domain = "com.example";
        OnnxModel model = graph.ToModel();
        var refused = Assert.Throws<OnnxNotSupportedException>(model.ToModule);
        Assert.Equal(["LSTM", "If", "If", "com.example.Frobnicate"], refused.Problems.Select(static p => p.Operator));
        Assert.Contains("If (2 nodes", refused.Message, StringComparison.Ordinal);
        Assert.Equal(4, model.UnknownOperators().Count);
        Assert.Equal(2, model.Operators["If"]);
    }

    [Fact]
    public void An_attribute_that_is_not_known_is_refused()
    {
        OnnxGraph graph = new OnnxGraph().Input("x", 1, 2).Output("y")
            .Node("Relu", "x", "y", OnnxGraph.Int("turbo", 1));
        var refused = Assert.Throws<OnnxNotSupportedException>(graph.ToModule);
        Assert.Contains("\"turbo\"", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Several_inputs_and_outputs_go_by_name()
    {
        OnnxModule module = new OnnxGraph().Input("a", 2).Input("b", 2).Output("sum", "product")
            .Node("Add", ["a", "b"], ["sum"]).Node("Mul", ["a", "b"], ["product"]).ToModule();
        var inputs = new Dictionary<string, Tensor> { ["a"] = Tensor.From(2f, 3f), ["b"] = Tensor.From(5f, 7f) };
        IReadOnlyDictionary<string, Tensor> outputs = module.Run(inputs);
        Assert.Equal([7f, 10f], outputs["sum"].ToArray<float>());
        Assert.Equal([10f, 21f], outputs["product"].ToArray<float>());
        inputs.Remove("b");
        Assert.Contains("\"b\"", Assert.Throws<ArgumentException>(() => module.Run(inputs)).Message,
            StringComparison.Ordinal);
        Assert.Throws<InvalidOperationException>(() => module.Forward(Tensor.From(1f, 2f)));
    }

    [Fact]
    public void A_dropout_trains_as_it_did()
    {
        OnnxModule module = new OnnxGraph().Input("x", 100).Output("y").Node("Dropout", "x", "y").ToModule();
        Tensor x = Tensor.Ones([100]);
        Assert.Equal(x.ToArray<float>(), module.Forward(x).ToArray<float>());
        float[] dropped = module.Forward(new Tape(Mode.Train).Input(x)).ToArray<float>();
        Assert.InRange(dropped.Count(static value => value == 0), 20, 80);
    }

    [Fact]
    public void Memory_of_values_that_are_over_is_used_again()
    {
        OnnxGraph graph = new OnnxGraph().Input("x", -1, 1024).Output("y").Weight("w", 4, 256).Longs("flat", -1, 1024)
            .Longs("square", -1, 4, 256);
        // Handles on one memory: a reshaped value, and a reshaped weight that is read again at the end.
        graph.Node("Reshape", ["x", "square"], ["r0"]);
        for (int i = 0; i < 40; i++) graph.Node("Add", [$"r{i}", "w"], [$"r{i + 1}"]);
        graph.Node("Reshape", ["r40", "flat"], ["f"]).Node("Reshape", ["w", "flat"], ["wf"])
            .Node("Abs", "wf", "wa").Node("Add", ["f", "wa"], ["g"]).Node("Sub", ["g", "wf"], ["y"]);
        OnnxModule module = graph.ToModule();
        Tensor x = Drawn(64, 1024);
        Tensor expected = module.Forward(new Tape(Mode.Eval, recordGradients: true).Input(x)).Clone();
        var tape = new Tape(Mode.Eval);
        for (int pass = 0; pass < 2; pass++)
        {
            tape.Reset();
            Assert.Equal(expected.ToArray<float>(), module.Forward(tape.Input(x)).ToArray<float>());
        }

        Assert.True(tape.CapacityInBytes <= 8 * 64 * 1024 * 4, $"{tape.CapacityInBytes} bytes");
    }
}
