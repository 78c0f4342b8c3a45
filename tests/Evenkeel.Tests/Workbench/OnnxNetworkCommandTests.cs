using System.Text.Json.Nodes;
using Evenkeel.Onnx;
using Evenkeel.Random;
using Evenkeel.Serialization;
using Evenkeel.Tests.Onnx;
using Xunit;

namespace Evenkeel.Tests.Workbench;

/// <summary>
/// <c>evenkeel export</c>, <c>fold</c> and <c>recalibrate</c>, and predictions with an ONNX file in the place of a run.
/// </summary>
public sealed class OnnxNetworkCommandTests : IDisposable
{
    private readonly CommandFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    /// <summary>A classifier of pictures of 8x8 with a batch norm, as somebody else might write it.</summary>
    /// <param name="name">The name of the file.</param>
    /// <param name="end">The operators behind the scores.</param>
    /// <param name="open">Whether the height is open.</param>
    /// <param name="classes">How many scores there are.</param>
    /// <param name="zeros">How many of the first scores are 0, whatever the picture is.</param>
    private void WriteClassifier(
        string name, string[]? end = null, bool open = false, int classes = 2, int zeros = 0)
    {
        const int Pixels = 3 * 64;
        float[] weights = [.. new float[zeros * Pixels],
            .. Enumerable.Range(0, (classes - zeros) * Pixels).Select(static i => MathF.Sin(i) / 20)];
        OnnxGraph graph = new OnnxGraph().Input("picture", -1, 3, open ? -2 : 8, 8)
            .Weight("bn.weight", [3], 1, 0.5f, 2).Weight("bn.bias", [3], 0, 0.1f, 0)
            .Weight("bn.running_mean", [3], 0, 0.2f, 0.1f).Weight("bn.running_var", [3], 1, 0.5f, 2)
            .Weight("fc.weight", [classes, 192], weights).Weight("fc.bias", [classes], new float[classes])
            .Node("BatchNormalization", ["picture", "bn.weight", "bn.bias", "bn.running_mean", "bn.running_var"], ["n"])
            .Node("Flatten", "n", "f")
            .Node("Gemm", ["f", "fc.weight", "fc.bias"], ["scores"], OnnxGraph.Int("transB", 1));
        string last = "scores";
        foreach (string operation in end ?? [])
        {
            string next = $"{last}.{operation}";
            graph.Node(operation, last, next);
            last = next;
        }

        graph.Output(last);
        File.WriteAllBytes(_folder.PathOf(name), graph.ToBytes());
    }

    [Fact]
    public void A_run_goes_out_with_its_preparation_and_predicts_as_it_did()
    {
        DrawnData.Write(_folder.Path);
        _folder.Run("train --data photos --name pets --model lenet --norm batch --epochs 1");
        string told = _folder.Run("export runs/pets pets.onnx");
        Assert.Matches("^pets\\.onnx: opset 17, [0-9]+ nodes, outputs within ", told);
        _folder.Run("export runs/pets/model.safetensors folded.onnx --fold --opset 20");
        OnnxModel model = OnnxModel.Load(_folder.PathOf("pets.onnx"));
        Assert.Equal("[\"cat\",\"dog\"]", model.Metadata["classes"].Replace(" ", "", StringComparison.Ordinal));
        Assert.Equal(20, OnnxModel.Load(_folder.PathOf("folded.onnx")).Opset);
        Assert.DoesNotContain("BatchNormalization", OnnxModel.Load(_folder.PathOf("folded.onnx")).Operators.Keys);

        const string Files = "photos/cat/0.png photos/dog --json";
        JsonNode[] run = Lines(_folder.Run($"predict runs/pets {Files}"));
        foreach (string file in (string[])["pets.onnx", "folded.onnx"])
        {
            JsonNode[] onnx = Lines(_folder.Run($"predict {file} {Files}"));
            Assert.Equal(run.Length, onnx.Length);
            for (int i = 0; i < run.Length; i++)
            {
                Assert.Equal((string)run[i]["sample"]!, (string)onnx[i]["sample"]!);
                Assert.Equal((double)run[i]["probabilities"]!["cat"]!, (double)onnx[i]["probabilities"]!["cat"]!, 1e-4);
            }
        }

        string scores = _folder.Run("evaluate pets.onnx --data photos");
        Assert.Equal(_folder.Run("evaluate runs/pets --data photos").Split('\n')[0], scores.Split('\n')[0]);
        Assert.Contains("is there already", _folder.Fail(2, "export runs/pets pets.onnx"), StringComparison.Ordinal);
        Assert.Contains("expected OUT to end in .onnx", _folder.Fail(2, "export runs/pets pets.pt"),
            StringComparison.Ordinal);
        Assert.Contains("for an ONNX file alone", _folder.Fail(2, "predict runs/pets photos --mean 0 --std 1"),
            StringComparison.Ordinal);

        told = _folder.Run("fold runs/pets folded.safetensors --data photos");
        Assert.Matches("([0-9]+) of \\1 norms folded\\. Proof:\nFloat32: ", told);
        Assert.Equal(run.Length, Lines(_folder.Run($"predict folded.safetensors {Files}")).Length);
        told = _folder.Run("recalibrate runs/pets --data photos --out exact.safetensors");
        Assert.Contains("recalibrated", told, StringComparison.Ordinal);
        Assert.NotEqual(FirstMean("runs/pets/model.safetensors"), FirstMean("exact.safetensors"));
        _folder.Run($"predict exact.safetensors {Files}");
    }

    [Fact]
    public void A_table_predicts_in_its_units_from_an_ONNX_file()
    {
        DrawnData.Write(_folder.Path);
        _folder.Run("train --data wine.csv --target alcohol --drop id quality --name alcohol --epochs 1");
        _folder.Run("export runs/alcohol alcohol.onnx");
        JsonNode[] run = Lines(_folder.Run("predict runs/alcohol new-wine.csv --json"));
        JsonNode[] onnx = Lines(_folder.Run("predict alcohol.onnx new-wine.csv --json"));
        for (int i = 0; i < run.Length; i++)
        {
            Assert.Equal((double)run[i]["prediction"]!["alcohol"]!, (double)onnx[i]["prediction"]!["alcohol"]!, 1e-3);
        }
    }

    [Fact]
    public void A_network_of_others_is_folded_and_recalibrated()
    {
        WriteClassifier("net.onnx");
        Tensor x = Tensor.RandomNormal([40, 3, 8, 8], new Philox(1)) * 2 + 1;
        Npy.Write(_folder.PathOf("x.npy"), x);
        string told = _folder.Run("fold net.onnx folded.onnx");
        Assert.Matches("bn +BatchNorm2d +in fc, after it", told);
        Assert.Contains("1 of 1 norms folded. Proof:\n", told, StringComparison.Ordinal);
        Assert.Contains("folded.onnx: opset 17", told, StringComparison.Ordinal);
        OnnxModel folded = OnnxModel.Load(_folder.PathOf("folded.onnx"));
        Assert.Equal("picture: float [N, 3, 8, 8]", folded.Inputs[0].ToString());
        Tensor expected = OnnxModel.Load(_folder.PathOf("net.onnx")).ToModule().Predict(x);
        Tensor got = folded.ToModule().Predict(x);
        for (int i = 0; i < 80; i++) Assert.Equal(expected.ToArray<float>()[i], got.ToArray<float>()[i], 1e-4);

        told = _folder.Run("recalibrate net.onnx --data x.npy --out exact.onnx");
        Assert.Matches("bn +BatchNorm2d +recalibrated +2,560", told);
        Assert.All(FirstMean("exact.onnx"), static value => Assert.Equal(1, value, 0.2));
        _folder.Run("export net.onnx again.onnx --opset 19");
        Assert.Equal(expected.ToArray<float>(),
            OnnxModel.Load(_folder.PathOf("again.onnx")).ToModule().Predict(x).ToArray<float>());
        _folder.Run("fold net.onnx weights.safetensors --data x.npy");
        Assert.Contains("fc.weight", TensorFile.Read(_folder.PathOf("weights.safetensors")).Names);
    }

    [Fact]
    public void A_network_of_several_sizes_gets_that_of_the_array_and_it_is_said()
    {
        WriteClassifier("open.onnx", open: true);
        Npy.Write(_folder.PathOf("x.npy"), Tensor.RandomNormal([40, 3, 8, 8], new Philox(1)));
        string told = _folder.Run("recalibrate open.onnx --data x.npy --out exact.onnx");
        Assert.Contains("it takes picture: float [N, 3, 8, 8], and \"open.onnx\" takes picture: float [", told,
            StringComparison.Ordinal);
        WriteClassifier("net.onnx");
        Assert.DoesNotContain("it takes", _folder.Run("fold net.onnx folded.onnx"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("<!DOCTYPE html>\n<html></html>\n", "a web page (HTML)")]
    [InlineData("hello\n", "text that begins with \"hello\"")]
    [InlineData("", "an empty file")]
    public void A_file_with_the_name_of_an_ONNX_file_alone_is_told_as_what_it_is(string content, string kind)
    {
        _folder.Write("text.onnx", content);
        foreach (string command in (string[])["fold text.onnx out.onnx", "inspect text.onnx"])
        {
            Assert.Contains($"expected an ONNX file, got \"text.onnx\", which is {kind}", _folder.Fail(1, command),
                StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("fold open.onnx out.onnx", "expected --shape for \"open.onnx\", as N,3,224,224, got none")]
    [InlineData("fold open.onnx out.onnx --shape N,3,x", "--shape: expected the shape of an input")]
    [InlineData("fold net.onnx out.pt", "expected OUT to end in .onnx or .safetensors, got \"out.pt\".")]
    [InlineData("predict gone.onnx photos --mean 0 --std 1", "got \"gone.onnx\", which is not there.")]
    [InlineData("fold gone out.onnx", "expected the folder of a run, got \"gone\"")]
    [InlineData("recalibrate open.onnx --data gone.npy --out out.onnx",
        "--data: expected a file .npy, got \"gone.npy\", found none.")]
    [InlineData("predict one.onnx photos --mean 0 --std 1",
        "expected a classifier, which gives a number for each of two classes or more, got \"one.onnx\"")]
    [InlineData("recalibrate net.onnx --data photos --out out.onnx", "expected --mean and --std for \"net.onnx\"")]
    [InlineData("recalibrate net.onnx --data photos --out out.onnx --mean 0", "expected --mean and --std together")]
    [InlineData("predict net.onnx photos", "expected --mean and --std for \"net.onnx\"")]
    [InlineData("predict open.onnx photos --mean 0 --std 1", "expected --size for \"open.onnx\", as 224x224, got none")]
    [InlineData("predict net.onnx photos --mean 0 --std 1 --classes three.txt",
        "expected the names of 2 classes for \"net.onnx\", got 3.")]
    [InlineData("predict net.onnx photos --mean 0,1 --std 1", "--mean: expected a number, or one per channel")]
    [InlineData("predict net.onnx photos --mean 0 --std 0", "--std: expected numbers above 0, got 0.")]
    public void What_is_missing_is_asked_for_and_nothing_is_written(string arguments, string expected)
    {
        WriteClassifier("net.onnx");
        WriteClassifier("open.onnx", open: true);
        WriteClassifier("one.onnx", classes: 1);
        _folder.Write("three.txt", "a\nb\nc\n");
        DrawnData.Pets(_folder.PathOf("photos"), perClass: 2, seed: 1);
        string error = _folder.Fail(2, arguments);
        Assert.Contains(expected, error, StringComparison.Ordinal);
        Assert.Single(error.Split('\n', StringSplitOptions.RemoveEmptyEntries));
        Assert.Empty(Directory.GetFiles(_folder.Path, "*out.*"));
    }

    [Fact]
    public void Pictures_are_predicted_by_a_network_of_others_whether_it_gives_scores_or_probabilities()
    {
        WriteClassifier("scores.onnx");
        WriteClassifier("softmax.onnx", end: ["Softmax"]);
        WriteClassifier("shaped.onnx", end: ["Softmax", "Identity", "Flatten"]);
        JsonNode[] expected = Predicted("scores.onnx");
        Assert.Equal(6, expected.Length);
        Assert.All(expected, static line => Assert.Equal(1, Cat(line) + Dog(line), 1e-5));
        foreach (string file in (string[])["softmax.onnx", "shaped.onnx"]) AssertSame(expected, Predicted(file));
        Assert.Contains("On the 6 samples of photos: ",
            _folder.Run("evaluate scores.onnx --data photos --mean 0.5 --std 0.25 --classes names.txt"),
            StringComparison.Ordinal);
    }

    [Fact]
    public void A_sigmoid_of_one_number_chooses_between_two_classes_and_of_several_is_refused()
    {
        // The softmax of (0, z) is (1 - sigmoid(z), sigmoid(z)).
        WriteClassifier("both.onnx", zeros: 1);
        WriteClassifier("one.onnx", end: ["Sigmoid"], classes: 1);
        JsonNode[] expected = Predicted("both.onnx");
        Assert.Contains(expected, static line => Math.Abs(Dog(line) - 0.5) > 0.01);
        AssertSame(expected, Predicted("one.onnx"));
        WriteClassifier("each.onnx", end: ["Sigmoid"]);
        Assert.Contains("\"each.onnx\", which ends with a sigmoid: it says yes or no to each of 2 classes.",
            _folder.Fail(2, "predict each.onnx photos --mean 0.5 --std 0.25"), StringComparison.Ordinal);
    }

    private JsonNode[] Predicted(string file)
    {
        _folder.Write("names.txt", "cat\ndog\n");
        DrawnData.Pets(_folder.PathOf("photos"), perClass: 3, seed: 1);
        return Lines(_folder.Run($"predict {file} photos --mean 0.5 --std 0.25 --classes names.txt --json"));
    }

    private static void AssertSame(JsonNode[] expected, JsonNode[] got) => Assert.All(
        got.Zip(expected), static pair => Assert.Equal(Dog(pair.Second), Dog(pair.First), 1e-5));

    private static double Cat(JsonNode line) => (double)line["probabilities"]!["cat"]!;

    private static double Dog(JsonNode line) => (double)line["probabilities"]!["dog"]!;

    private float[] FirstMean(string file)
    {
        string path = _folder.PathOf(file);
        TensorArchive archive = path.EndsWith(".onnx", StringComparison.Ordinal)
            ? OnnxModel.Load(path).Tensors()
            : TensorFile.Read(path);
        return archive.Tensor(archive.Names.First(static name =>
            name.EndsWith("running_mean", StringComparison.Ordinal))).ToArray<float>();
    }

    private static JsonNode[] Lines(string output) =>
        [.. output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(static line => JsonNode.Parse(line)!)];
}
