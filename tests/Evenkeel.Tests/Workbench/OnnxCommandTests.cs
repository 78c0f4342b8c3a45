using System.Text.Json.Nodes;
using Evenkeel.Onnx;
using Evenkeel.Onnx.Format;
using Evenkeel.Serialization;
using Evenkeel.Tests.Lab;
using Evenkeel.Tests.Onnx;
using Google.Protobuf;
using Xunit;

namespace Evenkeel.Tests.Workbench;

/// <summary><c>evenkeel onnx</c>, and what other commands do with an ONNX file.</summary>
public sealed class OnnxCommandTests : IDisposable
{
    private readonly CommandFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    /// <summary>left/1 + right, and whether that is below 0.</summary>
    private static OnnxGraph TwoInputs() => new OnnxGraph()
        .Input("left", -1, 2).Input("right", -1, 2).Longs("axis", 1)
        .Node("Add", ["left", "right"], ["sum/0"]).Node("Neg", "sum/0", "sum:0")
        .Node("Less", ["left", "right"], ["less"]).Output("sum/0", "sum:0", "less");

    private void Write(string name, OnnxGraph graph)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(_folder.PathOf(name))!);
        File.WriteAllBytes(_folder.PathOf(name), graph.ToBytes());
    }

    private void WriteArray(string name, params float[] values) =>
        Npy.Write(_folder.PathOf(name), Tensor.From(values, [values.Length / 2, 2]));

    /// <summary>A test of y = op(x) for x = -1, 2 with an expected output.</summary>
    private void WriteTest(string name, string op, params float[] expected)
    {
        Write(Path.Combine(name, "model.onnx"), new OnnxGraph().Input("x", 2).Node(op, "x", "y").Output("y"));
        string set = _folder.PathOf(Path.Combine(name, "test_data_set_0"));
        Directory.CreateDirectory(set);
        File.WriteAllBytes(Path.Combine(set, "input_0.pb"), Message(-1, 2));
        File.WriteAllBytes(Path.Combine(set, "output_0.pb"), Message(expected));
    }

    private static byte[] Message(params float[] values)
    {
        TensorProto tensor = new OnnxGraph().Weight("t", [values.Length], values).Proto.Graph.Initializer[0];
        return tensor.ToByteArray();
    }

    [Fact]
    public void Tests_are_found_at_any_depth_and_one_line_of_JSON_says_how_each_went()
    {
        WriteTest("tests/deep/test_abs", "Abs", 1, 2);
        WriteTest("tests/test_neg", "Neg", 1, 2);
        WriteTest("tests/test_loop", "Loop", 1, 2);
        File.WriteAllText(_folder.PathOf("tests/test_neg/notes.txt"), "");
        JsonNode[] lines = Lines(_folder.Start("onnx", "check", "tests", "--json"), code: 1);
        Assert.Equal(["test_abs", "test_loop", "test_neg"], lines.Select(static line => (string)line["test"]!));
        Assert.Equal(["passed", "unsupported", "failed"], lines.Select(static line => (string)line["result"]!));
        Assert.Equal("", (string)lines[0]["why"]!);
        Assert.Equal("Loop: its inner graph depends on values", (string)lines[1]["why"]!);
        Assert.Contains("has -2 instead of 2 at place 1", (string)lines[2]["why"]!, StringComparison.Ordinal);
        Assert.Single(Lines(_folder.Start("onnx", "check", "tests/deep", "--json"), code: 0));

        using LabProcess table = _folder.Start("onnx", "check", "tests/test_neg", "tests/deep", "tests/test_loop");
        Assert.Equal(1, table.Wait());
        Assert.Matches("test_neg +failed +output 0 of test_data_set_0 has -2", table.Output);
        Assert.DoesNotContain("test_abs", table.Output, StringComparison.Ordinal);
        Assert.EndsWith("\n3 tests: 1 passed, 1 failed, 1 unsupported.\n", table.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Light_models_are_checked_and_damaged_ones_fail()
    {
        Write("light/light_abs.onnx", new OnnxGraph().Input("x", 1, 4).Node("Neg", "x", "y").Output("y"));
        byte[] expected = new OnnxGraph().Weight("t", [1, 4], 0, -0.25f, -0.5f, -0.75f).Proto.Graph.Initializer[0]
            .ToByteArray();
        File.WriteAllBytes(_folder.PathOf("light/light_abs_output_0.pb"), expected);
        WriteTest("light/test_damaged", "Abs", 1, 2);
        File.WriteAllBytes(_folder.PathOf("light/test_damaged/model.onnx"), [8, 8, 0x3A, 0x80, 2]);
        JsonNode[] lines = Lines(_folder.Start("onnx", "check", "light", "--json"), code: 1);
        Assert.Equal("passed", (string)lines[0]["result"]!);
        Assert.Equal("failed", (string)lines[1]["result"]!);
    }

    [Fact]
    public void Folders_without_tests_end_with_3()
    {
        Directory.CreateDirectory(_folder.PathOf("empty"));
        Assert.Contains("got \"empty\", in which there are none.", _folder.Fail(3, "onnx check empty"),
            StringComparison.Ordinal);
        Assert.Contains("got \"gone\", which does not exist.", _folder.Fail(3, "onnx check gone --json"),
            StringComparison.Ordinal);
        Assert.Contains("expected FOLDER, got none.", _folder.Fail(2, "onnx check"), StringComparison.Ordinal);
        Assert.Contains("unknown option --jsn", _folder.Fail(2, "onnx check empty --jsn"), StringComparison.Ordinal);
    }

    [Fact]
    public void A_graph_is_run_on_arrays_and_its_outputs_keep_their_types()
    {
        Write("model.onnx", TwoInputs());
        WriteArray("a.npy", 1, 2, 3, 4);
        WriteArray("b.npy", 0, 5, 3, 4);
        string told = _folder.Run("onnx run model.onnx --input right=b.npy --input left=a.npy --out out/deep");
        Assert.Matches("less +bool +\\(2, 2\\) +out/deep/less.npy", told);
        Assert.Equal(["less.npy", "sum_0.npy", "sum_0_2.npy"],
            Directory.GetFiles(_folder.PathOf("out/deep")).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        Assert.Equal([1f, 7, 6, 8], Npy.Read(_folder.PathOf("out/deep/sum_0.npy")).ToArray<float>());
        Assert.Equal([-1f, -7, -6, -8], Npy.Read(_folder.PathOf("out/deep/sum_0_2.npy")).ToArray<float>());
        TensorArchive less = TensorFile.Read(_folder.PathOf("out/deep/less.npy"));
        Assert.Equal("BOOL", less.TypeOf("array"));
        Assert.Equal([0L, 1, 0, 0], less.Tensor("array").ToArray<long>());

        var both = new TensorArchive();
        both.Add("left", Npy.Read(_folder.PathOf("a.npy")));
        both.Add("right", Npy.Read(_folder.PathOf("b.npy")));
        TensorFile.Write(_folder.PathOf("both.npz"), both);
        _folder.Run("onnx run model.onnx --input both.npz --out again --threads 1");
        Assert.Equal(File.ReadAllBytes(_folder.PathOf("out/deep/sum_0.npy")),
            File.ReadAllBytes(_folder.PathOf("again/sum_0.npy")));
    }

    [Fact]
    public void The_name_of_a_single_input_may_be_left_out_and_the_batch_is_open()
    {
        Write("model.onnx", new OnnxGraph().Input("x::0", 1, 2).Node("Abs", "x::0", "y").Output("y"));
        WriteArray("a.npy", -1, 2, -3, 4);
        _folder.Run("onnx run model.onnx --input a.npy --out out");
        Assert.Equal([1f, 2, 3, 4], Npy.Read(_folder.PathOf("out/y.npy")).ToArray<float>());
        _folder.Run("onnx run model.onnx --input x::0=a.npy --out out");
    }

    [Theory]
    [InlineData("--input left=a.npy", "expected every input of the network, got none for \"right\". It takes left:")]
    [InlineData("--input left=a.npy --input rigth=a.npy", "unknown input \"rigth\". Did you mean right?")]
    [InlineData("--input a.npy", "expected NAME=FILE.npy for a network of 2 inputs, got \"a.npy\" alone.")]
    [InlineData("--input left=a.npy --input right=wide.npy",
        "expected float32 for \"right\", got float64 in \"wide.npy\". Convert it in Python: x.astype(numpy.float32).")]
    [InlineData("--input left=a.npy --input right=flat.npy",
        "expected the shape [N, 2] for \"right\", got [4] in \"flat.npy\".")]
    [InlineData("--input left=a.npy --input right=one.npy",
        "expected one size for N, got 2 in \"left\" and 1 in \"right\".")]
    [InlineData("--input left=a.npy --input left=a.npy", "expected each input once, got \"left\" twice.")]
    [InlineData("--input left=gone.npy", "expected a file .npy or .npz, got \"gone.npy\", found none.")]
    [InlineData("--input left=model.onnx", "got \"model.onnx\", which is of another kind.")]
    public void Wrong_inputs_end_with_2_and_write_nothing(string inputs, string expected)
    {
        Write("model.onnx", TwoInputs());
        WriteArray("a.npy", 1, 2, 3, 4);
        WriteArray("one.npy", 1, 2);
        Npy.Write(_folder.PathOf("wide.npy"), Tensor.From([1.0, 2, 3, 4], [2, 2]));
        Npy.Write(_folder.PathOf("flat.npy"), Tensor.From([1f, 2, 3, 4], [4]));
        string error = _folder.Fail(2, $"onnx run model.onnx {inputs} --out out");
        Assert.Contains(expected, error, StringComparison.Ordinal);
        Assert.Single(error.Split('\n', StringSplitOptions.RemoveEmptyEntries));
        Assert.False(Path.Exists(_folder.PathOf("out")));
    }

    [Fact]
    public void A_file_that_cannot_be_run_says_what_it_is()
    {
        WriteArray("a.npy", 1, 2);
        Assert.Contains("\"a.npy\", which is an npy file", _folder.Fail(1, "onnx run a.npy --input a.npy --out out"),
            StringComparison.Ordinal);
        Assert.Contains("which is not there.", _folder.Fail(2, "onnx run no.onnx --input a.npy --out out"),
            StringComparison.Ordinal);
        Write("loop.onnx", DrawnData.ConvolutionWithNorm("Loop"));
        string error = _folder.Fail(1, "onnx run loop.onnx --input a.npy --out out");
        Assert.Contains("Loop (1: its inner graph depends on values)", error, StringComparison.Ordinal);
        Assert.Contains("'evenkeel inspect loop.onnx' shows them", error, StringComparison.Ordinal);
    }

    [Fact]
    public void Inspect_shows_the_graph_the_layers_and_the_norms()
    {
        Write("net.onnx", DrawnData.ConvolutionWithNorm());
        string shown = _folder.Run("inspect net.onnx");
        Assert.StartsWith("net.onnx (ONNX): ", shown, StringComparison.Ordinal);
        Assert.Contains("IR version 8, opset 17, written by pytorch\n", shown, StringComparison.Ordinal);
        Assert.Matches("input +x +float +\\[1, 1, 4, 4\\]", shown);
        Assert.Contains("BatchNormalization 1, Conv 1, Relu 1", shown, StringComparison.Ordinal);
        Assert.Matches("body\\.conv +weight \\(2, 1, 3, 3\\)", shown);
        Assert.Matches("body\\.bn +batch norm \\(2\\)", shown);
        Assert.Matches("body\\.bn +0\\.5 … 2 +1 … 3 +1 … 2 +4 … 9", shown);
        Assert.Matches("author +somebody", shown);

        JsonNode json = JsonNode.Parse(_folder.Run("inspect net.onnx --json"))!;
        Assert.Equal("Onnx", (string)json["format"]!);
        Assert.Equal(17, (int)json["opset"]!);
        Assert.Equal("x", (string)json["inputs"]![0]!["name"]!);
        Assert.Equal(4, (int)json["inputs"]![0]!["shape"]![3]!);
        Assert.True((bool)json["importable"]!);
        Assert.Equal(9, (double)json["norms"]![0]!["runningVariance"]!["max"]!);
    }

    [Fact]
    public void What_cannot_be_imported_is_listed_and_its_weights_are_shown_and_converted()
    {
        Write("net.onnx", DrawnData.ConvolutionWithNorm("Loop").Node("Foo", "y", "z").Node("Foo", "z", "w"));
        string shown = _folder.Run("inspect net.onnx");
        Assert.Matches("Loop +1 +Loop \"node2\" +its inner graph", shown);
        Assert.Matches("Foo +2 +Foo \"node3\" +the operator is not", shown);
        Assert.Matches("body\\.bn +batch norm \\(2\\)", shown);
        JsonNode json = JsonNode.Parse(_folder.Run("inspect net.onnx --json"))!;
        Assert.Equal(3, json["problems"]!.AsArray().Count);
        Assert.False((bool)json["importable"]!);
        _folder.Run("convert net.onnx net.safetensors");
        TensorArchive written = TensorFile.Read(_folder.PathOf("net.safetensors"));
        Assert.Equal([4f, 9], written.Tensor("body.bn.running_var").ToArray<float>());
        Assert.Equal("somebody", written.Metadata["author"]);
    }

    [Fact]
    public void Weights_have_the_keys_of_the_network_or_the_names_of_the_file()
    {
        OnnxModel model = DrawnData.ConvolutionWithNorm().ToModel();
        Assert.Equal(model.ToModule().StateDict().Keys, model.Tensors().Names);
        Assert.Equal(
            ["body.conv.weight", "body.bn.weight", "body.bn.bias", "body.bn.running_mean", "body.bn.running_var"],
            DrawnData.ConvolutionWithNorm("Loop").ToModel().Tensors().Names);
        OnnxGraph half = DrawnData.ConvolutionWithNorm("Loop");
        half.Proto.Graph.Initializer.Add(
            new TensorProto { Name = "half", DataType = 10, Dims = { 1 }, RawData = ByteString.CopyFrom(0, 0x3C) });
        half.Proto.Graph.Initializer.Add(new TensorProto { Name = "text", DataType = 8, Dims = { 1 } });
        TensorArchive archive = half.ToModel().Tensors();
        Assert.Equal("F16", archive.TypeOf("half"));
        Assert.Equal([1f], archive.Tensor("half").ToArray<float>());
        Assert.False(archive.Contains("text"));
        half.Proto.Graph.Initializer[5].RawData = ByteString.CopyFrom(0);
        Assert.Contains("the tensor \"half\" should have 2 bytes of float16",
            Assert.Throws<InvalidDataException>(half.ToModel().Tensors).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_of_weights_does_not_become_an_ONNX_file()
    {
        Write("net.onnx", DrawnData.ConvolutionWithNorm());
        string error = _folder.Fail(2, "convert net.onnx other.onnx");
        Assert.Contains("'evenkeel export RUN OUT.onnx'", error, StringComparison.Ordinal);
        Assert.Contains("expected a file \"no.onnx\", found none.", _folder.Fail(1, "inspect no.onnx"),
            StringComparison.Ordinal);
    }

    [Fact]
    public void The_tests_of_ONNX_pass_or_are_unsupported_with_a_reason()
    {
        string data = RealData.Require("onnx");
        TestOutcome[] outcomes = [.. ((string[])["node", "pytorch-converted", "light"])
            .SelectMany(folder => TestFolder.Below(Path.Combine(data, folder))).Select(TestFolder.Run)];
        Assert.DoesNotContain(outcomes, static outcome => outcome.Result == "failed");
        Assert.DoesNotContain(outcomes, static outcome => outcome is { Result: "unsupported", Why.Length: 0 });
        int passed = outcomes.Count(static outcome => outcome.Result == "passed");
        Assert.True(passed >= 258, $"{passed} of {outcomes.Length} passed");
        Assert.Equal(4, outcomes.Count(static outcome =>
            outcome.Result == "passed" && outcome.Test.StartsWith("light_", StringComparison.Ordinal)));
    }

    [Fact]
    public void Networks_of_others_are_shown_and_run()
    {
        string data = RealData.Require("onnx/real");
        foreach (string file in Directory.GetFiles(data, "*.onnx"))
        {
            OnnxModel model = OnnxModel.Load(file);
            OnnxValueInfo input = Assert.Single(model.Inputs);
            int[] sizes = [.. input.Shape!.Select(static (size, i) => (int)(size.Size ?? (i == 0 ? 2 : 48)))];
            Tensor x = Tensor.RandomNormal(new Shape(sizes), new Evenkeel.Random.Philox(1));
            Npy.Write(_folder.PathOf("x.npy"), x);
            using LabProcess process = _folder.Start("onnx", "run", file, "--input", "x.npy", "--out", "out");
            Assert.True(process.Wait() == 0, $"{file}: {process.Error}");
            string written = Assert.Single(Directory.GetFiles(_folder.PathOf("out")));
            Assert.Equal(model.ToModule().Predict(x).ToArray<float>(), Npy.Read(written).ToArray<float>());
            Directory.Delete(_folder.PathOf("out"), recursive: true);
        }
    }

    private static JsonNode[] Lines(LabProcess process, int code)
    {
        using (process)
        {
            Assert.True(process.Wait() == code, process.Error);
            return [.. process.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries)
                .Select(static line => JsonNode.Parse(line)!)];
        }
    }
}
