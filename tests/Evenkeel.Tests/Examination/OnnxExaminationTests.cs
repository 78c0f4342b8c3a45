using Evenkeel.Examination;
using Evenkeel.Nn;
using Evenkeel.Onnx;
using Evenkeel.Onnx.Format;
using Evenkeel.Random;
using Evenkeel.Tests.Onnx;
using Xunit;
using NormFamily = Evenkeel.Examination.NormFamily;

namespace Evenkeel.Tests.Examination;

/// <summary>The doctor's look at graphs.</summary>
public sealed class OnnxExaminationTests
{
    public static TheoryData<string> Architectures => [.. Patients.Architectures];

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void A_norm_in_training_mode_is_found(int layers)
    {
        OnnxGraph graph = Chain(layers, OnnxGraph.Int("training_mode", 1));
        Finding[] found = [.. Findings(graph, FindingLevel.Warning)];
        Assert.All(found, static finding => Assert.Equal(("EK119", FindingLevel.Error), (finding.Rule, finding.Level)));
        Assert.Equal(layers, found.Length);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void PyTorchs_momentum_in_a_graph_is_noticed(int layers)
    {
        Finding[] found = [.. Findings(Chain(layers, OnnxGraph.Float("momentum", 0.1f)), FindingLevel.Note)];
        Assert.Contains(found, static finding => finding.Rule == "EK120" && finding.Measured < 0.11);
        Assert.DoesNotContain(found, static finding => finding.Level > FindingLevel.Note);
        Assert.DoesNotContain(Findings(Chain(layers, OnnxGraph.Float("momentum", 0.9f)), FindingLevel.Note),
            static finding => finding.Rule == "EK120");
    }

    [Fact]
    public void Neighbours_and_settings_of_a_graph_are_read()
    {
        ExaminedNetwork network = Chain(2, OnnxGraph.Float("epsilon", 0.125f)).ToModel().Examined();
        Assert.True(network.HasGraph);
        Assert.Empty(network.Remarks);
        ExaminedNorm[] norms = [.. network.Norms];
        Assert.Equal(["conv0", "conv1"], norms.Select(static norm => norm.Before?.Name));
        Assert.Equal(["bn0", "bn1"], norms.Select(static norm => norm.Name));
        Assert.All(norms, static norm => Assert.Equal((0.125, FollowingActivation.ReLU, "", 64L),
            (norm.Eps, norm.Activation, norm.FoldObstacle, norm.ValuesPerSample)));
        Assert.Equal("conv1", norms[0].After?.Name);
    }

    [Fact]
    public void Statistics_of_another_length_are_found_and_not_run_into()
    {
        OnnxGraph graph = Chain(2);
        TensorProto variance = graph.Proto.Graph.Initializer.First(static one => one.Name == "bn1.running_var");
        variance.Dims[0] = 2;
        variance.RawData = Google.Protobuf.ByteString.CopyFrom(new byte[8]);
        Finding finding = Assert.Single(Findings(graph, FindingLevel.Warning));
        Assert.Equal(("EK121", "bn1"), (finding.Rule, finding.Layer));
    }

    [Fact]
    public void A_damaged_weight_is_found_and_the_rest_is_read()
    {
        OnnxGraph graph = Chain(2);
        graph.Proto.Graph.Initializer.First(static one => one.Name == "bn1.weight").RawData =
            Google.Protobuf.ByteString.CopyFrom(new byte[3]);
        Diagnosis diagnosis = Doctor.Examine(graph.ToModel());
        Assert.Equal("EK121", Assert.Single(diagnosis.Findings,
            static finding => finding.Level == FindingLevel.Error).Rule);
        Assert.Equal(2, diagnosis.Network.Norms.Count());
    }

    [Fact]
    public void Another_number_of_channels_than_the_layer_has_is_found()
    {
        OnnxGraph graph = new OnnxGraph().Input("x", 1, 3, 8, 8).Weight("conv.weight", 4, 3, 3, 3);
        AddNorm(graph, "bn", 5);
        graph.Node("Conv", ["x", "conv.weight"], ["c"]).Node("BatchNormalization", NormInputs("c", "bn"), ["y"])
            .Output("y");
        Assert.Contains(Findings(graph, FindingLevel.Error), static finding => finding.Rule == "EK121");
    }

    [Theory]
    [InlineData("InstanceNormalization")]
    [InlineData("GroupNormalization")]
    [InlineData("LayerNormalization")]
    public void A_norm_of_one_value_is_found(string op)
    {
        bool isLayer = op == "LayerNormalization";
        OnnxGraph graph = new OnnxGraph(21).Input("x", 2, 4, 8, 8).Weight("g", [isLayer ? 1 : 4], isLayer ? [2f] : Ones(4))
            .Weight("b", [isLayer ? 1 : 4], isLayer ? [1f] : Ones(4));
        string[] inputs = ["p", "g", "b"];
        graph.Node("GlobalAveragePool", "x", "p");
        if (op == "GroupNormalization") graph.Node(op, inputs, ["y"], OnnxGraph.Int("num_groups", 4));
        else graph.Node(op, inputs, ["y"]);
        graph.Output("y");
        Finding finding = Assert.Single(Findings(graph, FindingLevel.Warning));
        Assert.Equal(("EK122", FindingLevel.Error), (finding.Rule, finding.Level));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void A_layer_norm_in_pieces_is_named(int norms)
    {
        OnnxGraph graph = new OnnxGraph(13).Input("x0", 2, 8).Weight("two", [], 2).Weight("eps", [], 1e-5f);
        for (int i = 0; i < norms; i++)
        {
            graph.Weight($"ln{i}.weight", [8], Spread(8, 1)).Weight($"ln{i}.bias", [8], Spread(8, 0));
            graph.Node("ReduceMean", [$"x{i}"], [$"m{i}"], OnnxGraph.Ints("axes", -1))
                .Node("Sub", [$"x{i}", $"m{i}"], [$"d{i}"]).Node("Pow", [$"d{i}", "two"], [$"s{i}"])
                .Node("ReduceMean", [$"s{i}"], [$"v{i}"], OnnxGraph.Ints("axes", -1))
                .Node("Add", [$"v{i}", "eps"], [$"e{i}"]).Node("Sqrt", [$"e{i}"], [$"r{i}"])
                .Node("Div", [$"d{i}", $"r{i}"], [$"n{i}"]).Node("Mul", [$"n{i}", $"ln{i}.weight"], [$"g{i}"])
                .Node("Add", [$"g{i}", $"ln{i}.bias"], [$"x{i + 1}"]);
        }

        graph.Output($"x{norms}");
        Diagnosis diagnosis = Doctor.Examine(graph.ToModel());
        Assert.Equal(norms, diagnosis.Network.Norms.Count(static norm => norm.Family == NormFamily.Layer));
        Finding finding = Assert.Single(diagnosis.Findings);
        Assert.Equal(("EK125", FindingLevel.Note, (double)norms), (finding.Rule, finding.Level, finding.Measured));
    }

    [Theory]
    [InlineData("before")]
    [InlineData("behind")]
    [InlineData("both")]
    public void A_constant_beside_a_norm_is_named(string where)
    {
        OnnxGraph graph = new OnnxGraph().Input("x", 1, 3, 8, 8).Weight("conv.weight", 4, 3, 3, 3)
            .Weight("k", [4, 1, 1], Spread(4, 1));
        AddNorm(graph, "bn", 4);
        string value = "c";
        graph.Node("Conv", ["x", "conv.weight"], ["c"]);
        if (where != "behind") graph.Node("Mul", [value, "k"], [value = "scaled"]);
        graph.Node("BatchNormalization", NormInputs(value, "bn"), ["n"]);
        value = "n";
        if (where != "before") graph.Node("Add", [value, "k"], [value = "shifted"]);
        graph.Node("Relu", value, "y").Output("y");
        Diagnosis diagnosis = Doctor.Examine(graph.ToModel());
        Finding finding = Assert.Single(diagnosis.Findings, static finding => finding.Rule == "EK126");
        Assert.Equal(where == "both" ? 2 : 1, finding.Measured);
        Assert.DoesNotContain(diagnosis.Findings, static finding => finding.Level > FindingLevel.Note);
        Assert.Equal(("conv", FollowingActivation.ReLU),
            (diagnosis.Network.Norms.Single().Before?.Name, diagnosis.Network.Norms.Single().Activation));
    }

    [Fact]
    public void A_graph_that_is_no_network_here_is_examined_all_the_same()
    {
        OnnxGraph graph = Chain(1);
        graph.Node("LSTM", ["y"], ["z"]);
        OnnxModel model = graph.ToModel();
        Assert.Throws<OnnxNotSupportedException>(model.ToModule);
        Diagnosis diagnosis = Doctor.Examine(model);
        Assert.Equal("bn0", diagnosis.Network.Norms.Single().Name);
        Assert.Contains(diagnosis.Network.Remarks, static remark => remark.Kind == GraphRemarkKind.Unsupported);
    }

    [Theory]
    [MemberData(nameof(Architectures))]
    public void An_exported_network_has_the_findings_of_the_network(string architecture)
    {
        Module model = Patients.Make(architecture);
        Patients.Set(Patients.Norm(model).Bias!.Value, 3, -6);
        Patients.Set(Patients.Norm(model).Weight!.Value, 2, 5000);
        Shape input = architecture switch
        {
            "dense" => [2, 12],
            "volumes" => [2, 1, 8, 8, 8],
            _ => [2, 3, 16, 16],
        };
        string path = Path.Combine(Path.GetTempPath(), $"{Guid.NewGuid():N}.onnx");
        try
        {
            model.ExportOnnx(path, input, new OnnxExportOptions { AllowUntrainedStatistics = true });
            Diagnosis graph = Doctor.Examine(OnnxModel.Load(path)), own = Doctor.Examine(model);
            string[] rules = ["EK108", "EK117"];
            Assert.Equal(own.Findings.Where(one => rules.Contains(one.Rule)).Select(static one => (one.Rule, one.Layer)),
                graph.Findings.Where(one => rules.Contains(one.Rule)).Select(static one => (one.Rule, one.Layer)));
            Assert.Equal(own.Network.Norms.Select(static norm => (norm.Name, norm.Before?.Name, norm.Activation,
                norm.EndsResidual)), graph.Network.Norms.Select(static norm => (norm.Name, norm.Before?.Name,
                norm.Activation, norm.EndsResidual)));
        }
        finally
        {
            File.Delete(path);
        }
    }

    private static IEnumerable<Finding> Findings(OnnxGraph graph, FindingLevel least) =>
        Doctor.Examine(graph.ToModel()).Findings.Where(finding => finding.Level >= least);

    /// <summary>Convolutions with batch norm and ReLU.</summary>
    private static OnnxGraph Chain(int layers, params AttributeProto[] attributes)
    {
        OnnxGraph graph = new OnnxGraph().Input("x", 1, 3, 8, 8);
        string value = "x";
        for (int i = 0; i < layers; i++)
        {
            graph.Weight($"conv{i}.weight", 3, 3, 3, 3);
            AddNorm(graph, $"bn{i}", 3);
            graph.Node("Conv", [value, $"conv{i}.weight"], [$"c{i}"], OnnxGraph.Ints("pads", 1, 1, 1, 1))
                .Node("BatchNormalization", NormInputs($"c{i}", $"bn{i}"), [$"n{i}"], attributes)
                .Node("Relu", $"n{i}", value = i == layers - 1 ? "y" : $"r{i}");
        }

        return graph.Output("y");
    }

    private static void AddNorm(OnnxGraph graph, string name, int channels) => graph
        .Weight($"{name}.weight", [channels], Spread(channels, 1)).Weight($"{name}.bias", [channels], Spread(channels, 0))
        .Weight($"{name}.running_mean", [channels], Spread(channels, 0))
        .Weight($"{name}.running_var", [channels], Spread(channels, 1));

    private static string[] NormInputs(string x, string name) =>
        [x, $"{name}.weight", $"{name}.bias", $"{name}.running_mean", $"{name}.running_var"];

    private static float[] Spread(int count, float middle) =>
        [.. Enumerable.Range(0, count).Select(i => middle + (0.1f * (i + 1) / count))];

    private static float[] Ones(int count) => [.. Enumerable.Repeat(1f, count)];
}
