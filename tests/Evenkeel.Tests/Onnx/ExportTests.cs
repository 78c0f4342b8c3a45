using Evenkeel.Nn;
using Evenkeel.Onnx;
using Evenkeel.Onnx.Export.Operators;
using Evenkeel.Onnx.Format;
using Evenkeel.Training;
using Xunit;

namespace Evenkeel.Tests.Onnx;

public sealed class ExportTests : IDisposable
{
    /// <summary>Rounding in another order: some layers of float32.</summary>
    private const double Rounding = 1e-5;

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("evenkeel-export-");

    /// <summary>All but one, which takes long and is the folded one with norms.</summary>
    public static TheoryData<string> Cases =>
        [.. ExportCases.All.Keys.Where(static name => name != "imagenet resnet")];

    private string FilePath => Path.Combine(_folder.FullName, "model.onnx");

    public void Dispose() => _folder.Delete(recursive: true);

    [Theory]
    [MemberData(nameof(Cases))]
    public void What_is_exported_computes_the_same_when_it_is_read_back(string name)
    {
        ExportCase one = ExportCases.All[name];
        OnnxExportReport report = ExportCases.Export(ExportCases.Trained(one), one, FilePath);

        Assert.InRange(report.RelativeDifference, 0, Rounding);
        OnnxModel model = OnnxModel.Load(FilePath);
        Assert.Equal(report.Opset, model.Opset);
        Assert.Equal(report.Nodes, model.Proto.Graph.Node.Count);
        Assert.All(model.Proto.Graph.Node, static node => Assert.Single(node.Output));
        Assert.Empty(model.Inputs.Select(static input => input.Name)
            .Intersect(model.Proto.Graph.Initializer.Select(static tensor => tensor.Name)));
        if (one.Options.DynamicBatch) Assert.Equal("N", model.Inputs[0].Shape![0].Symbol);
        else Assert.Equal(one.Shape[0], model.Inputs[0].Shape![0].Size);
    }

    [Fact]
    public void Every_operation_that_is_no_loss_has_a_writer()
    {
        string[] others = ["CrossEntropy", "NegativeLogLikelihood", "MultiClassHinge", "BinaryCrossEntropyWithLogits",
            "MeanSquaredError", "MeanAbsoluteError", "Huber", "SmoothL1", "Hinge", "Dropout", "Dropout2d",
            "SpectralNorm"];
        IEnumerable<string> kinds = typeof(Module).Assembly.GetTypes()
            .Where(static type => type.IsSubclassOf(typeof(Op)) && type is { IsAbstract: false, IsGenericType: false })
            .Select(static type => ((Op)Activator.CreateInstance(type)!).Kind);

        Assert.Empty(kinds.Except(others).Except(OperatorTable.Kinds));
    }

    [Fact]
    public void The_cases_have_every_layer_and_every_operation()
    {
        var layers = new HashSet<Type>();
        var kinds = new HashSet<string>(StringComparer.Ordinal);
        foreach (ExportCase one in ExportCases.All.Values.Where(static one => !one.Options.Fold))
        {
            Module model = ExportCases.Trained(one);
            layers.UnionWith(model.NamedModules().Select(static named => named.Module.GetType()));
            var samples = new Evenkeel.Onnx.Export.SampleInputs(
                model, new Shape(one.Shape), one.Second is { } second ? new Shape(second) : null, one.Options);
            kinds.UnionWith(Evenkeel.Onnx.Export.NetworkTrace.Of(model, samples).Ops.Select(static op => op.Kind));
        }

        Assert.Empty(OperatorTable.Kinds.Except(kinds));
        Assert.Empty(typeof(Module).Assembly.GetExportedTypes()
            .Where(static type => type.IsSubclassOf(typeof(Module)) && !type.IsAbstract).Except(layers));
    }

    [Theory]
    [InlineData("lenet", 17, 8)]
    [InlineData("conv2d circular", 19, 9)]
    [InlineData("gelu", 20, 9)]
    [InlineData("group norm", 21, 10)]
    [InlineData("rms norm", 23, 11)]
    public void The_opset_is_the_lowest_that_has_every_operator(string name, int opset, int irVersion)
    {
        OnnxExportReport report = ExportCases.Export(
            ExportCases.Trained(ExportCases.All[name]), ExportCases.All[name], FilePath);

        Assert.Equal(opset, report.Opset);
        Assert.Equal(irVersion, report.IrVersion);
        Assert.Empty(report.Decomposed);
    }

    [Theory]
    [InlineData("group norm 17", "GroupNorm")]
    [InlineData("rms norm 17", "RMSNorm")]
    [InlineData("gelu 17", "GELU")]
    [InlineData("mish 17", "Mish")]
    [InlineData("conv2d circular 17", "circular padding")]
    [InlineData("avg pool dilated 17", "dilated averages")]
    public void What_an_opset_does_not_have_is_written_as_older_operators(string name, string decomposed)
    {
        OnnxExportReport report = ExportCases.Export(
            ExportCases.Trained(ExportCases.All[name]), ExportCases.All[name], FilePath);

        Assert.Equal(17, report.Opset);
        Assert.Equal([decomposed], report.Decomposed);
    }

    [Fact]
    public void Group_norm_of_opset_17_is_an_instance_norm_of_groups()
    {
        OnnxExportReport report = new GroupNorm(2, 4).ExportOnnx(FilePath, [2, 4, 3, 3], new() { Opset = 17 });

        Assert.Equal(["Reshape", "InstanceNormalization", "Reshape", "Reshape", "Mul", "Reshape", "Add"],
            OnnxModel.Load(FilePath).Proto.Graph.Node.Select(static node => node.OpType));
        Assert.Equal(1, report.Operators["InstanceNormalization"]);
    }

    [Theory]
    [InlineData(17)]
    [InlineData(18)]
    [InlineData(20)]
    [InlineData(21)]
    [InlineData(23)]
    [InlineData(26)]
    public void A_network_can_be_written_in_each_opset(int opset)
    {
        var model = new Sequential(
            new Conv2d(2, 4, 3, padding: 1, paddingMode: PaddingMode.Circular), new GroupNorm(2, 4), new GELU(),
            new RMSNorm([5, 5]), new AvgPool2d(2, 1, dilation: 2), new Mish(), new Flatten(), new Softmax());
        OnnxExportReport report = model.ExportOnnx(FilePath, [1, 2, 5, 5], new() { Opset = opset });

        Assert.Equal(opset, report.Opset);
        Assert.InRange(report.RelativeDifference, 0, Rounding);
    }

    [Fact]
    public void A_network_in_float64_is_written_in_double()
    {
        Module model = ExportCases.Trained(ExportCases.All["lenet"]);
        model.To(DType.Float64);
        OnnxExportReport report = model.ExportOnnx(FilePath, [1, 1, 28, 28]);

        Assert.Equal("double", OnnxModel.Load(FilePath).Inputs[0].Type);
        // eps is an attribute, which ONNX keeps in float32.
        Assert.InRange(report.RelativeDifference, 0, 1e-8);
    }

    [Fact]
    public void Weights_have_the_keys_of_the_state_dict_and_batch_norm_its_inference_form()
    {
        Module model = ExportCases.Trained(ExportCases.All["basic block"]);
        model.ExportOnnx(FilePath, [1, 4, 8, 8]);

        GraphProto graph = OnnxModel.Load(FilePath).Proto.Graph;
        string[] expected = [.. model.NamedParameters().Select(static named => named.Name).Concat(
            model.NamedBuffers().Select(static named => named.Name)
                .Where(static name => !name.EndsWith("num_batches_tracked", StringComparison.Ordinal)))];
        Assert.Equal(expected.Order(StringComparer.Ordinal), graph.Initializer.Select(static tensor => tensor.Name)
            .Where(static name => !name.StartsWith("constant", StringComparison.Ordinal))
            .Order(StringComparer.Ordinal));
        NodeProto norm = graph.Node.First(static node => node.OpType == "BatchNormalization");
        Assert.Equal(
            ["bn1.weight", "bn1.bias", "bn1.running_mean", "bn1.running_var"], norm.Input.Skip(1));
        Assert.Single(norm.Output);
        Assert.Equal(0.9f, norm.Attribute.Single(static one => one.Name == "momentum").F);
        Assert.DoesNotContain(norm.Attribute, static one => one.Name == "training_mode");
    }

    [Theory]
    [InlineData("weight norm", "0.weight")]
    [InlineData("spectral norm", "0.weight")]
    [InlineData("weight standardization", "weight")]
    [InlineData("prelu channels", "weight")]
    public void A_weight_that_is_computed_has_the_name_of_the_weight(string name, string key)
    {
        ExportCase one = ExportCases.All[name];
        ExportCases.Export(ExportCases.Trained(one), one, FilePath);

        Assert.Contains(OnnxModel.Load(FilePath).Proto.Graph.Initializer, tensor => tensor.Name == key);
        Assert.DoesNotContain(OnnxModel.Load(FilePath).Proto.Graph.Initializer,
            static tensor => tensor.Name.Contains("parametrizations", StringComparison.Ordinal));
    }

    [Fact]
    public void Folding_leaves_no_norm()
    {
        ExportCase one = ExportCases.All["lenet folded"];
        Module model = ExportCases.Trained(one);
        OnnxExportReport report = ExportCases.Export(model, one, FilePath);

        Assert.Equal(model.NamedModules().Where(static named => named.Module is BatchNorm)
            .Select(static named => named.Name), report.Folded);
        Assert.DoesNotContain("BatchNormalization", report.Operators.Keys);
    }

    [Fact]
    public void Metadata_say_who_wrote_it_what_the_classes_are_and_what_was_done_to_the_inputs()
    {
        var model = new Linear(3, 2);
        model.ExportOnnx(FilePath, [1, 3], new()
        {
            Classes = ["cat", "dog, \"big\""],
            Preprocessing = new([0.5], [0.25], 1 / 255.0),
            Metadata = new Dictionary<string, string> { ["author"] = "me" },
            InputName = "features",
            OutputName = "scores",
        });

        OnnxModel read = OnnxModel.Load(FilePath);
        Assert.StartsWith("Evenkeel ", read.Producer, StringComparison.Ordinal);
        Assert.Equal(WeightsHash.Of(model), read.Metadata["evenkeel.weights_hash"]);
        Assert.Equal(["cat", "dog, \"big\""],
            System.Text.Json.JsonSerializer.Deserialize<string[]>(read.Metadata["classes"])!);
        Assert.Equal("0.5", read.Metadata["preprocessing.mean"]);
        Assert.Equal("0.25", read.Metadata["preprocessing.std"]);
        Assert.Equal("false", read.Metadata["preprocessing.in_graph"]);
        Assert.Equal("me", read.Metadata["author"]);
        Assert.Equal("features: float [N, 3]", read.Inputs[0].ToString());
        Assert.Equal("scores: float [N, 2]", read.Outputs[0].ToString());
    }

    [Fact]
    public void Preprocessing_in_the_graph_comes_first()
    {
        ExportCase one = ExportCases.All["preprocessing"];
        ExportCases.Export(ExportCases.Trained(one), one, FilePath);

        Assert.Equal(["Mul", "Sub", "Div", "Conv"],
            OnnxModel.Load(FilePath).Proto.Graph.Node.Select(static node => node.OpType));
    }

    [Fact]
    public void A_fixed_batch_is_written_as_its_size()
    {
        var model = new Sequential(new Flatten(), new Linear(12, 2));
        model.ExportOnnx(FilePath, [3, 3, 4], new() { DynamicBatch = false });

        Assert.Equal("input: float [3, 3, 4]", OnnxModel.Load(FilePath).Inputs[0].ToString());
    }

    [Fact]
    public void Large_weights_go_to_a_file_beside_it()
    {
        Module model = ExportCases.Trained(ExportCases.All["lenet"]);
        OnnxExportReport report = model.ExportOnnx(FilePath, [1, 1, 28, 28], new() { ExternalDataThreshold = 1000 });

        Assert.InRange(report.RelativeDifference, 0, Rounding);
        Assert.True(new FileInfo(FilePath + ".data").Length > new FileInfo(FilePath).Length);
        Tensor x = Tensor.Ones([2, 1, 28, 28]);
        Tensor expected = model.Predict(x), got = OnnxModel.Load(FilePath).ToModule().Predict(x);
        Assert.InRange((expected - got).Abs().Max().Item(), 0, Rounding * expected.Abs().Max().Item());
    }

    [Fact]
    public void All_parts_without_a_form_are_named_at_once_and_no_file_is_left()
    {
        var model = new Sequential(
            new Conv2d(2, 2, 1), new ReadsValues(), new BatchNorm2d(2, trackRunningStats: false), new FollowsBatch());
        NotSupportedException refused = Assert.Throws<NotSupportedException>(
            () => model.ExportOnnx(FilePath, [2, 2, 3, 3]));

        Assert.Contains("3 parts", refused.Message, StringComparison.Ordinal);
        Assert.Contains("1 (ReadsValues): Multiply: takes values of shape (2, 2, 3, 3) that come from the input",
            refused.Message.Replace("(3, 2", "(2, 2", StringComparison.Ordinal), StringComparison.Ordinal);
        Assert.Contains("2 (BatchNorm2d): BatchNorm: it keeps no running statistics", refused.Message,
            StringComparison.Ordinal);
        Assert.Contains("3 (FollowsBatch): Divide: its value follows the number of samples", refused.Message,
            StringComparison.Ordinal);
        Assert.Empty(_folder.EnumerateFiles());
    }

    [Fact]
    public void A_network_whose_operations_depend_on_values_is_refused()
    {
        NotSupportedException refused = Assert.Throws<NotSupportedException>(
            () => new Branches().ExportOnnx(FilePath, [2, 3]));

        Assert.Contains("Branches: its operations depend on the values", refused.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Statistics_that_saw_no_batch_are_refused_unless_asked_for(bool fold)
    {
        var model = new Sequential(new Linear(3, 4), new BatchNorm1d(4), new Linear(4, 4), new BatchNorm1d(4));
        InvalidOperationException refused = Assert.Throws<InvalidOperationException>(
            () => model.ExportOnnx(FilePath, [2, 3], new() { Fold = fold }));
        Assert.Contains("1 (BatchNorm1d), 3 (BatchNorm1d)", refused.Message, StringComparison.Ordinal);
        Assert.False(File.Exists(FilePath));

        model.ExportOnnx(FilePath, [2, 3], new() { Fold = fold, AllowUntrainedStatistics = true });
        Assert.True(File.Exists(FilePath));
    }

    [Fact]
    public void A_difference_is_an_error_and_leaves_no_file()
    {
        InvalidOperationException differs = Assert.Throws<InvalidOperationException>(
            () => new Changes().ExportOnnx(FilePath, [2, 3], new() { ExternalDataThreshold = 0 }));

        Assert.Contains("Nothing was written", differs.Message, StringComparison.Ordinal);
        Assert.Empty(_folder.EnumerateFiles());
    }

    [Fact]
    public void An_export_that_fails_leaves_the_files_that_are_there()
    {
        File.WriteAllText(FilePath, "model");
        File.WriteAllText(FilePath + ".data", "weights");
        Assert.Throws<InvalidOperationException>(
            () => new Changes().ExportOnnx(FilePath, [2, 3], new() { ExternalDataThreshold = 0 }));

        Assert.Equal("model", File.ReadAllText(FilePath));
        Assert.Equal("weights", File.ReadAllText(FilePath + ".data"));
        Assert.Equal(2, _folder.EnumerateFileSystemInfos().Count());
    }

    [Fact]
    public void A_network_from_a_file_has_counted_no_batch()
    {
        ExportCases.Trained(ExportCases.All["lenet"]).ExportOnnx(FilePath, [1, 1, 28, 28]);
        OnnxModule network = OnnxModel.Load(FilePath).ToModule();
        Assert.Throws<InvalidOperationException>(() => network.ExportOnnx(FilePath, [1, 1, 28, 28]));

        network.ExportOnnx(FilePath, [1, 1, 28, 28], new() { AllowUntrainedStatistics = true });
    }

    [Fact]
    public void An_input_with_the_name_of_a_weight_is_refused()
    {
        ArgumentException taken = Assert.Throws<ArgumentException>(
            () => new Linear(3, 2).ExportOnnx(FilePath, [1, 3], new() { InputName = "weight" }));

        Assert.Contains("that no weight of the network has, got \"weight\". Set InputName", taken.Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Options_out_of_their_range_are_refused()
    {
        var model = new Linear(3, 2);
        Assert.Throws<ArgumentOutOfRangeException>(() => model.ExportOnnx(FilePath, [1, 3], new() { Opset = 16 }));
        Assert.Throws<ArgumentOutOfRangeException>(() => model.ExportOnnx(FilePath, [1, 3], new() { Opset = 27 }));
        Assert.Throws<ArgumentException>(() => model.ExportOnnx(FilePath, []));
        Assert.Throws<ArgumentException>(
            () => model.ExportOnnx(FilePath, [1, 3], new() { InputName = "x", OutputName = "x" }));
        Assert.Throws<ArgumentException>(
            () => model.ExportOnnx(FilePath, [1, 3], new() { PreprocessingInGraph = true }));
        Assert.Throws<ArgumentException>(
            () => model.ExportOnnx(FilePath, [1, 3], new() { Preprocessing = new([1, 2], [1, 1]) }));
        Assert.Throws<ArgumentException>(() => new OnnxPreprocessing([0], [0]));
        Assert.Throws<DirectoryNotFoundException>(
            () => model.ExportOnnx(Path.Combine(_folder.FullName, "none", "model.onnx"), [1, 3]));
        Assert.Throws<DirectoryNotFoundException>(() => model.ExportOnnx(
            Path.Combine(_folder.FullName, "none", "model.onnx"), [1, 3], new() { ExternalDataThreshold = 0 }));
        Assert.Empty(_folder.EnumerateFileSystemInfos());
    }

    [Fact]
    public void Exporting_changes_neither_the_network_nor_the_bytes_of_the_next_export()
    {
        Module model = ExportCases.Trained(ExportCases.All["lenet"]);
        string hash = WeightsHash.Of(model);
        model.ExportOnnx(FilePath, [1, 1, 28, 28]);
        byte[] first = File.ReadAllBytes(FilePath);
        model.ExportOnnx(FilePath, [4, 1, 28, 28]);

        Assert.Equal(hash, WeightsHash.Of(model));
        Assert.Equal(first, File.ReadAllBytes(FilePath));
    }

    /// <summary>Multiplies by a copy of its input, made without an operation.</summary>
    private sealed class ReadsValues : Module
    {
        protected override Tensor ForwardCore(Tensor x) => x * x.Clone();
    }

    private sealed class FollowsBatch : Module
    {
        protected override Tensor ForwardCore(Tensor x) => x / x.Shape[0];
    }

    private sealed class Branches : Module
    {
        protected override Tensor ForwardCore(Tensor x) => x.Shape[0] == 2 ? x.ReLU() : x.Abs().ReLU();
    }

    /// <summary>Computes something else after some passes.</summary>
    private sealed class Changes : Module
    {
        private readonly Linear _layer;
        private int _passes;

        public Changes() => _layer = Register("layer", new Linear(3, 300));

        protected override Tensor ForwardCore(Tensor x) => _layer.Forward(x) * (++_passes > 2 ? 2 : 1);
    }
}
