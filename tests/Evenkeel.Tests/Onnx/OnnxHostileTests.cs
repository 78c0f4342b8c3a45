using System.Diagnostics;
using Evenkeel.Onnx;
using Evenkeel.Onnx.Format;
using Evenkeel.Tests.Serialization;
using Google.Protobuf;
using Xunit;

namespace Evenkeel.Tests.Onnx;

/// <summary>Graphs that ask for what nobody has, and files made to do harm.</summary>
public sealed class OnnxHostileTests
{
    private const long Huge = 1_000_000_000;

    /// <summary>Small files that ask for a result of gigabytes.</summary>
    private static Dictionary<string, Func<OnnxGraph>> Absurd { get; } = new()
    {
        ["Pad"] = static () => Planes().Longs("p", 0, 0, 0, Huge, 0, 0, 0, Huge).Node("Pad", ["x", "p"], ["y"]),
        ["Pad by all"] = static () => Planes().Longs("p", 0, 0, 0, long.MaxValue, 0, 0, 0, long.MaxValue)
            .Node("Pad", ["x", "p"], ["y"]),
        ["Tile"] = static () => Planes().Longs("t", 1, 1, Huge, 1).Node("Tile", ["x", "t"], ["y"]),
        ["Tile that wraps"] = static () => Planes().Longs("t", 1, 1, 1L << 62, 1).Node("Tile", ["x", "t"], ["y"]),
        ["Expand"] = static () => Planes().Longs("t", Huge, 1, 1, 1, 1).Node("Expand", ["x", "t"], ["y"]),
        ["ConstantOfShape"] = static () => Planes().Longs("t", 40_000, 40_000).Node("ConstantOfShape", "t", "c")
            .Node("Add", ["x", "c"], ["y"]),
        ["Range"] = static () => Planes().Node("Constant", [], ["a"], OnnxGraph.Int("value_int", 0))
            .Node("Constant", [], ["b"], OnnxGraph.Int("value_int", long.MaxValue))
            .Node("Constant", [], ["c"], OnnxGraph.Int("value_int", 1)).Node("Range", ["a", "b", "c"], ["y"]),
        ["Resize"] = static () => Planes().Longs("s", 1, 2, 40_000, 40_000)
            .Node("Resize", ["x", "", "", "s"], ["y"], OnnxGraph.Text("mode", "linear")),
        ["Conv"] = static () => Planes().Weight("w", 1, 2, 1, 1)
            .Node("Conv", ["x", "w"], ["y"], OnnxGraph.Ints("pads", 20_000, 20_000, 20_000, 20_000)),
        ["ConvTranspose"] = static () => Planes().Weight("w", 2, 1, 1, 1)
            .Node("ConvTranspose", ["x", "w"], ["y"], OnnxGraph.Ints("strides", 20_000, 20_000)),
        ["ConvTranspose by its output"] = static () => Planes().Weight("w", 2, 1, 1, 1).Node("ConvTranspose",
            ["x", "w"], ["y"], OnnxGraph.Ints("output_shape", 40_000, 40_000), OnnxGraph.Ints("strides", 2, 2)),
        ["AveragePool"] = static () => Planes().Node("AveragePool", "x", "y", OnnxGraph.Ints("kernel_shape", 41_000,
            41_000),
            OnnxGraph.Ints("pads", 40_000, 40_000, 40_000, 40_000)),
        ["Split"] = static () => Planes(18).Node("Split", ["x"], ["y"], OnnxGraph.Int("num_outputs", Huge)),
        ["broadcast"] = static () => Planes().Longs("long", 1, 40_000).Longs("high", 40_000, 1)
            .Weight("one", [], 1).Node("Expand", ["one", "long"], ["a"]).Node("Expand", ["one", "high"], ["b"])
            .Node("Add", ["a", "b"], ["c"]).Node("Add", ["x", "c"], ["y"]),
        ["product"] = static () => Planes().Longs("long", 1, 40_000).Longs("high", 40_000, 1)
            .Weight("one", [], 1).Node("Expand", ["one", "long"], ["a"]).Node("Expand", ["one", "high"], ["b"])
            .Node("MatMul", ["b", "a"], ["c"]).Node("Add", ["x", "c"], ["y"]),
        ["doubling"] = static () => Enumerable.Range(0, 40).Aggregate(Planes(), static (graph, i) =>
            graph.Node("Concat", [$"{(i == 0 ? "x" : $"c{i}")}", $"{(i == 0 ? "x" : $"c{i}")}"], [i == 39 ? "y"
                : $"c{i + 1}"],
                OnnxGraph.Int("axis", 3))),
    };

    public static TheoryData<string> Names => [.. Absurd.Keys];

    private static OnnxGraph Planes(long opset = 17) => new OnnxGraph(opset).Input("x", 1, 2, 4, 4).Output("y");

    [Theory]
    [MemberData(nameof(Names))]
    public void A_small_file_cannot_ask_for_gigabytes(string name)
    {
        OnnxModel model = Absurd[name]().ToModel();
        model.MostComputed = 64 << 20;
        long before = GC.GetAllocatedBytesForCurrentThread();
        long start = Stopwatch.GetTimestamp();
        Exception? refused = Record.Exception(() =>
        {
            OnnxModule module = model.ToModule();
            if (name == "doubling") module.MostBytes = 1 << 20;
            module.Forward(Tensor.Ones([1, 2, 4, 4]));
        });
        Assert.True(refused is OnnxNotSupportedException or InvalidOperationException, $"{refused}");
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 256L << 20);
        Assert.InRange(Stopwatch.GetElapsedTime(start).TotalSeconds, 0, 5);
    }

    [Fact]
    public void Attributes_and_inner_graphs_do_not_fill_the_memory()
    {
        foreach (byte field in new byte[] { 0x2A, 0x32 })
        {
            // A node of empty attributes, or an attribute whose graph has empty nodes.
            byte[] inner = new byte[1_000_000];
            for (int i = 0; i < inner.Length; i += 2) inner[i] = field == 0x2A ? (byte)0x2A : (byte)0x0A;
            byte[] node = field == 0x2A ? inner : Wrapped(0x2A, Wrapped(0x32, inner));
            byte[] model = Wrapped(0x3A, Wrapped(0x0A, node));
            long before = GC.GetAllocatedBytesForCurrentThread();
            Assert.Contains("fill the memory", Assert.Throws<InvalidDataException>(
                () => OnnxModel.Read(new MemoryStream(model))).Message, StringComparison.Ordinal);
            Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 64L * model.Length);
        }
    }

    private static byte[] Wrapped(byte tag, byte[] content)
    {
        using var stream = new MemoryStream();
        var output = new CodedOutputStream(stream);
        output.WriteRawTag(tag);
        output.WriteBytes(ByteString.CopyFrom(content));
        output.Flush();
        return stream.ToArray();
    }

    [Fact]
    public void Names_of_many_levels_and_equal_names_are_taken()
    {
        string deep = string.Concat(Enumerable.Repeat("a/", 50_000)) + "w";
        OnnxGraph graph = new OnnxGraph().Input("x", 2, 3).Output("y").Weight(deep, 3).Node("Add", ["x", deep], ["y"]);
        OnnxModule module = graph.ToModule();
        Assert.Equal([2, 3], module.Forward(Tensor.Ones([2, 3])).Shape.ToArray());
        Assert.Single(module.StateDict());

        graph = new OnnxGraph().Input("x", 2, 3).Output("v20000");
        for (int i = 0; i < 20_000; i++)
        {
            graph.Node("Dropout", i == 0 ? "x" : $"v{i}", $"v{i + 1}");
            graph.Proto.Graph.Node[i].Name = "same";
        }

        long start = Stopwatch.GetTimestamp();
        graph.ToModule().Forward(new Tape(Mode.Eval, recordGradients: false).Input(Tensor.Ones([2, 3])));
        Assert.InRange(Stopwatch.GetElapsedTime(start).TotalSeconds, 0, 10);
    }

    [Fact]
    public void What_is_damaged_names_the_model()
    {
        var large = new TensorProto
        {
            Name = "w",
            DataType = 13,
            RawData = ByteString.CopyFrom([.. Enumerable.Repeat((byte)255, 16)]),
        };
        large.Dims.Add(2);
        OnnxGraph graph = new OnnxGraph().Input("x", 2).Output("y").Node("Cast", "w", "c", OnnxGraph.Int("to", 13))
            .Node("Gather", ["x", "c"], ["y"]);
        graph.Proto.Graph.Initializer.Add(large);
        Named(graph);

        graph = new OnnxGraph().Input("x", 2).Output("y").Node("Elu", "x", "y", OnnxGraph.Float("alpha", 1),
            OnnxGraph.Float("alpha", 2));
        Named(graph);

        graph = new OnnxGraph().Input("x", 2).Output("y").Node("Elu", "x", "y",
            new AttributeProto { Name = "alpha", RefAttrName = "outer" });
        Named(graph);

        graph = new OnnxGraph().Input("x", 2).Output("y").Node("Div", ["x"], ["y"]);
        Named(graph);

        static void Named(OnnxGraph graph)
        {
            Exception? refused = Record.Exception(() => graph.ToModel().ToModule());
            Assert.True(refused is OnnxNotSupportedException or InvalidDataException, $"{refused}");
            Assert.StartsWith("OnnxModel \"test\": expected", refused.Message, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("hop")]
    [InlineData("chain")]
    [InlineData("up/../hop")]
    [InlineData("./.././w.bin")]
    [InlineData("//w.bin")]
    [InlineData("C:\\w.bin")]
    [InlineData("C:w.bin")]
    [InlineData("loop")]
    [InlineData(".")]
    public void Links_over_links_do_not_lead_out_of_the_folder(string location)
    {
        using var folder = new TempFolder();
        string inner = Directory.CreateDirectory(folder.File("inner")).FullName;
        File.WriteAllBytes(folder.File("w.bin"), new byte[12]);
        // "up" leaves the folder; "hop" and "chain" reach the file over it.
        Directory.CreateSymbolicLink(Path.Combine(inner, "up"), "..");
        File.CreateSymbolicLink(Path.Combine(inner, "hop"), "up/w.bin");
        File.CreateSymbolicLink(Path.Combine(inner, "chain"), "hop");
        File.CreateSymbolicLink(Path.Combine(inner, "loop"), "loop");
        string path = Path.Combine(inner, "m.onnx");
        File.WriteAllBytes(path, External(location).ToBytes());
        Assert.Contains("not a file in the model's folder", Assert.Throws<InvalidDataException>(
            () => OnnxModel.Load(path).ToModule()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Links_within_the_folder_are_followed()
    {
        using var folder = new TempFolder();
        Directory.CreateDirectory(folder.File("parts"));
        File.WriteAllBytes(folder.File("parts/w.bin"), [.. BitConverter.GetBytes(1f), .. new byte[8]]);
        Directory.CreateSymbolicLink(folder.File("other"), "parts");
        File.CreateSymbolicLink(folder.File("w"), "other/w.bin");
        File.WriteAllBytes(folder.File("m.onnx"), External("w").ToBytes());
        Assert.Equal([1f, 0, 0],
            OnnxModel.Load(folder.File("m.onnx")).ToModule().Forward(Tensor.Zeros([3])).ToArray<float>());
    }

    [Fact]
    public void One_file_cannot_be_the_weights_of_everything()
    {
        using var folder = new TempFolder();
        File.WriteAllBytes(folder.File("w.bin"), new byte[4 << 20]);
        OnnxGraph graph = new OnnxGraph().Input("x", 1 << 20).Output("y");
        for (int i = 0; i < 100; i++)
        {
            var weight = new TensorProto { Name = $"w{i}", DataType = 1, DataLocation = 1 };
            weight.Dims.Add(1 << 20);
            weight.ExternalData.Add(new StringStringEntryProto { Key = "location", Value = "w.bin" });
            graph.Proto.Graph.Initializer.Add(weight);
            graph.Node("Add", [i == 0 ? "x" : $"s{i}", $"w{i}"], [i == 99 ? "y" : $"s{i + 1}"]);
        }

        File.WriteAllBytes(folder.File("m.onnx"), graph.ToBytes());
        OnnxModel model = OnnxModel.Load(folder.File("m.onnx"));
        Assert.Contains("fill the memory", Assert.Throws<InvalidDataException>(() => model.ToModule()).Message,
            StringComparison.Ordinal);
        Assert.Contains("fill the memory", Assert.Throws<InvalidDataException>(() => model.Tensors()).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Many_threads_run_one_network()
    {
        OnnxGraph graph = new OnnxGraph().Input("x", -1, 2, 9, 9).Output("y").Weight("w", 4, 2, 3, 3).Weight("s", 4)
            .Weight("b", 4).Node("Identity", "w", "v").Node("Conv", ["x", "v"], ["a"], OnnxGraph.Text("auto_pad",
                "SAME_UPPER"))
            .Node("InstanceNormalization", ["a", "s", "b"], ["n"]).Node("Relu", "n", "r")
            .Node("MaxPool", "r", "p", OnnxGraph.Ints("kernel_shape", 3, 3)).Node("Add", ["p", "p"], ["y"]);
        OnnxModule module = graph.ToModule();
        Tensor x = Tensor.RandomNormal([3, 2, 9, 9], new Evenkeel.Random.Philox(1, "x"));
        float[] expected = module.Forward(x).ToArray<float>();
        Parallel.For(0, 64, _ => Assert.Equal(expected, module.Predict(x).ToArray<float>()));
    }

    private static OnnxGraph External(string location)
    {
        OnnxGraph graph = new OnnxGraph().Input("x", 3).Output("y").Node("Add", ["x", "w"], ["y"]);
        var weight = new TensorProto { Name = "w", DataType = 1, DataLocation = 1 };
        weight.Dims.Add(3);
        weight.ExternalData.Add(new StringStringEntryProto { Key = "location", Value = location });
        graph.Proto.Graph.Initializer.Add(weight);
        return graph;
    }

    [Fact]
    public void Nodes_whose_outputs_nobody_takes_are_run()
    {
        OnnxGraph graph = new OnnxGraph().Input("x", 2, 3).Output("y").Weight("w", 3, 4).Node("MatMul", ["x", "w"],
            ["a"])
            .Node("MatMul", ["x", "w"], ["b"]).Node("Relu", "b", "c").Node("Relu", "x", "y");
        Assert.Equal(new float[6], graph.ToModule().Forward(Tensor.Full([2, 3], -1)).ToArray<float>());
    }
}
