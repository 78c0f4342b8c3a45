using Evenkeel.Examination;
using Evenkeel.Nn;
using Evenkeel.Onnx;
using Evenkeel.Onnx.Format;
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
        OnnxGraph graph = PatientGraphs.Chain(layers, OnnxGraph.Int("training_mode", 1));
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
        OnnxGraph usual = PatientGraphs.Chain(layers, OnnxGraph.Float("momentum", 0.9f));
        Finding[] found =
            [.. Findings(PatientGraphs.Chain(layers, OnnxGraph.Float("momentum", 0.1f)), FindingLevel.Note)];
        Assert.Contains(found, static finding => finding.Rule == "EK120" && finding.Measured < 0.11);
        Assert.DoesNotContain(found, static finding => finding.Level > FindingLevel.Note);
        Assert.DoesNotContain(Findings(usual, FindingLevel.Note), static finding => finding.Rule == "EK120");
    }

    [Fact]
    public void Neighbours_and_settings_of_a_graph_are_read()
    {
        ExaminedNetwork network = PatientGraphs.Chain(2, OnnxGraph.Float("epsilon", 0.125f)).ToModel().Examined();
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
        OnnxGraph graph = PatientGraphs.Chain(2);
        TensorProto variance = graph.Proto.Graph.Initializer.First(static one => one.Name == "bn1.running_var");
        variance.Dims[0] = 2;
        variance.RawData = Google.Protobuf.ByteString.CopyFrom(new byte[8]);
        Finding finding = Assert.Single(Findings(graph, FindingLevel.Warning));
        Assert.Equal(("EK121", "bn1"), (finding.Rule, finding.Layer));
    }

    [Fact]
    public void A_damaged_weight_is_found_and_the_rest_is_read()
    {
        OnnxGraph graph = PatientGraphs.Chain(2);
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
        PatientGraphs.AddNorm(graph, "bn", 5);
        graph.Node("Conv", ["x", "conv.weight"], ["c"])
            .Node("BatchNormalization", PatientGraphs.NormInputs("c", "bn"), ["y"]).Output("y");
        Assert.Contains(Findings(graph, FindingLevel.Error), static finding => finding.Rule == "EK121");
    }

    [Theory]
    [InlineData("InstanceNormalization")]
    [InlineData("GroupNormalization")]
    [InlineData("LayerNormalization")]
    public void A_norm_of_one_value_is_found(string op)
    {
        OnnxGraph graph = PatientGraphs.OneValue(op);
        Finding finding = Assert.Single(Findings(graph, FindingLevel.Warning));
        Assert.Equal(("EK122", FindingLevel.Error), (finding.Rule, finding.Level));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void A_layer_norm_in_pieces_is_named(int norms)
    {
        OnnxGraph graph = PatientGraphs.Pieces(norms);
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
        OnnxGraph graph = PatientGraphs.ConstantBeside(where);
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
        OnnxGraph graph = PatientGraphs.Chain(1);
        graph.Node("LSTM", ["y"], ["z"]);
        OnnxModel model = graph.ToModel();
        Assert.Throws<OnnxNotSupportedException>(model.ToModule);
        Diagnosis diagnosis = Doctor.Examine(model);
        Assert.Equal("bn0", diagnosis.Network.Norms.Single().Name);
        GraphRemark unread = Assert.Single(
            diagnosis.Network.Remarks, static remark => remark.Kind == GraphRemarkKind.Unsupported);
        Assert.Contains("LSTM", unread.Node, StringComparison.Ordinal);
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
            Assert.Equal(
                own.Findings.Where(one => rules.Contains(one.Rule)).Select(static one => (one.Rule, one.Layer)),
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
}
