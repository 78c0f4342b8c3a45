using Evenkeel.Onnx;
using Evenkeel.Onnx.Format;
using Evenkeel.Tests.Onnx;
using Google.Protobuf;

namespace Evenkeel.Fuzz;

/// <summary>Files of ONNX: read, made a network, and run on small inputs if that works.</summary>
internal static class OnnxFormat
{
    /// <summary>What a value of a pass, and what constants of a file may take here.</summary>
    private const long MostBytes = 1 << 20;

    private const int MostInput = 1 << 14;

    public static FuzzFormat Format { get; } = new("onnx", ".onnx", Read, Valid)
    {
        Change = static (file, random) => new OnnxMutator(random).Mutate(file),
        MostAnyway = 64 << 20,
    };

    private static void Read(string path)
    {
        var model = OnnxModel.Load(path);
        model.MostComputed = 2 * MostBytes;
        _ = model.Operators;
        _ = model.UnknownOperators();
        try
        {
            model.TensorsByName();
        }
        catch (InvalidDataException damaged) when (damaged.Message.Contains(path, StringComparison.Ordinal))
        {
            // The graph may be whole all the same.
        }

        OnnxModule module;
        try
        {
            module = model.ToModule();
        }
        catch (OnnxNotSupportedException refused)
        {
            throw new InvalidDataException(refused.Message, refused);
        }

        module.MostBytes = MostBytes;
        if (Inputs(model) is { } inputs) Run(module, inputs);
    }

    /// <summary>The same values with and without memory that goes back within the pass.</summary>
    private static void Run(OnnxModule module, Dictionary<string, Tensor> inputs)
    {
        IReadOnlyDictionary<string, Tensor> expected;
        try
        {
            expected = module.Run(inputs);
        }
        catch (Exception refused) when (refused is InvalidOperationException or ArgumentException)
        {
            return;
        }

        var tape = new Tape(Mode.Eval, recordGradients: false);
        IReadOnlyDictionary<string, Tensor> got =
            module.Run(inputs.ToDictionary(static entry => entry.Key, entry => tape.Input(entry.Value)));
        foreach ((string name, Tensor value) in expected)
        {
            if (value.Shape != got[name].Shape || !Numbers(value).AsSpan().SequenceEqual(Numbers(got[name])))
                throw new ArithmeticException($"\"{name}\" differs on a tape");
        }
    }

    private static long[] Numbers(Tensor x) => x.DType == DType.Int64
        ? x.ToArray<long>()
        : Array.ConvertAll(x.Detach().To(DType.Float64).ToArray<double>(), BitConverter.DoubleToInt64Bits);

    /// <summary>Small inputs; null if the file asks for large ones.</summary>
    private static Dictionary<string, Tensor>? Inputs(OnnxModel model)
    {
        var inputs = new Dictionary<string, Tensor>();
        foreach (OnnxValueInfo input in model.Inputs)
        {
            long[] sizes = [.. (input.Shape ?? []).Select(static dimension => dimension.Size ?? 2)];
            if (sizes.Length > 6 || sizes.Any(static size => size is < 0 or > MostInput)
                || sizes.Aggregate(1.0, static (product, size) => product * size) > MostInput) return null;
            Shape shape = new([.. sizes.Select(static size => (int)size)]);
            double[] values = [.. Enumerable.Range(0, shape.Count).Select(static i => (i * 7 % 13) - 5.5)];
            inputs[input.Name] = input.Type switch
            {
                "double" => Tensor.From(values, shape),
                "float" or "float16" or "bfloat16" => Tensor.From(values, shape).To(DType.Float32),
                _ => Tensor.From([.. values.Select(static value => (long)Math.Abs(value))], shape),
            };
        }

        return inputs;
    }

    private static OnnxGraph Graph(long opset = 17) => new OnnxGraph(opset).Output("y");

    private static OnnxGraph Planes(long opset = 17) => Graph(opset).Input("x", -1, 2, 4, 4);

    private static OnnxGraph Rows(long opset = 17) => Graph(opset).Input("x", -1, 3, 4);

    private static byte[][] Valid() => [.. Graphs().Select(static graph => graph.ToBytes())];

    private static IEnumerable<OnnxGraph> Graphs()
    {
        yield return Planes().Weight("conv.weight", 3, 2, 3, 3).Weight("conv.bias", 3).Weight("bn.weight", 3)
            .Weight("bn.bias", 3).Weight("bn.running_mean", 3).Weight("bn.running_var", [3], 1, 2, 3)
            .Node("Conv", ["x", "conv.weight", "conv.bias"], ["a"], OnnxGraph.Ints("pads", 1, 1, 1, 1),
                OnnxGraph.Ints("strides", 1, 1), OnnxGraph.Ints("dilations", 1, 1), OnnxGraph.Int("group", 1))
            .Node("BatchNormalization", ["a", "bn.weight", "bn.bias", "bn.running_mean", "bn.running_var"], ["b"],
                OnnxGraph.Float("epsilon", 1e-5f), OnnxGraph.Float("momentum", 0.9f))
            .Node("Relu", "b", "c").Node("MaxPool", "c", "d", OnnxGraph.Ints("kernel_shape", 2, 2),
                OnnxGraph.Ints("strides", 2, 2), OnnxGraph.Int("ceil_mode", 0))
            .Node("GlobalAveragePool", "d", "e").Node("Flatten", "e", "f").Weight("fc.weight", 3, 3).Weight("fc.bias",
                3)
            .Node("Gemm", ["f", "fc.weight", "fc.bias"], ["g"], OnnxGraph.Int("transB", 1)).Node("Softmax", "g", "y");
        yield return Planes().Weight("w", 2, 3, 2, 2).Node("ConvTranspose", ["x", "w"], ["a"],
                OnnxGraph.Ints("strides", 2, 2), OnnxGraph.Ints("output_padding", 1, 1), OnnxGraph.Ints("pads", 0, 0,
                    0, 0))
            .Node("AveragePool", "a", "y", OnnxGraph.Ints("kernel_shape", 3, 3), OnnxGraph.Ints("pads", 1, 1, 1, 1),
                OnnxGraph.Int("count_include_pad", 1), OnnxGraph.Text("auto_pad", "NOTSET"));
        yield return Planes().Weight("w", 2, 3, 2, 2).Node("ConvTranspose", ["x", "w"], ["a"],
            OnnxGraph.Ints("output_shape", 9, 9), OnnxGraph.Ints("strides", 2, 2)).Weight("v", 2, 3, 3, 3)
            .Node("Conv", ["a", "v"], ["y"], OnnxGraph.Text("auto_pad", "SAME_UPPER"), OnnxGraph.Ints("strides", 2, 2));
        yield return Rows().Longs("two", 2).Weight("eps", [], 1e-5f).Weight("exponent", [], 2).Weight("gamma", 4)
            .Weight("beta", 4).Node("ReduceMean", "x", "mean", OnnxGraph.Ints("axes", -1))
            .Node("Sub", ["x", "mean"], ["d"]).Node("Pow", ["d", "exponent"], ["s"])
            .Node("ReduceMean", "s", "var", OnnxGraph.Ints("axes", -1)).Node("Add", ["var", "eps"], ["v"])
            .Node("Sqrt", "v", "std").Node("Div", ["d", "std"], ["n"]).Node("Mul", ["n", "gamma"], ["m"])
            .Node("Add", ["m", "beta"], ["y"]);
        yield return Rows().Weight("w", 4, 5).Weight("b", 5).Weight("half", [], 0.5f).Weight("one", [], 1)
            .Weight("root", [], 1.4142135f).Node("MatMul", ["x", "w"], ["a"]).Node("Add", ["b", "a"], ["c"])
            .Node("Div", ["c", "root"], ["d"]).Node("Erf", "d", "e").Node("Add", ["e", "one"], ["p"])
            .Node("Mul", ["c", "p"], ["m"]).Node("Mul", ["m", "half"], ["y"]);
        yield return Rows().Node("Shape", "x", "s").Longs("zero", 0).Longs("one", 1).Longs("open", -1)
            .Node("Gather", ["s", "zero"], ["n"], OnnxGraph.Int("axis", 0))
            .Node("Concat", ["n", "open"], ["t"], OnnxGraph.Int("axis", 0)).Node("Reshape", ["x", "t"], ["r"])
            .Node("Unsqueeze", ["r", "one"], ["u"]).Node("Squeeze", ["u", "one"], ["q"])
            .Node("Transpose", "q", "y", OnnxGraph.Ints("perm", 1, 0));
        yield return Planes().Weight("scales", [4], 1, 1, 2, 2).Node("Resize", ["x", "", "scales"], ["a"],
                OnnxGraph.Text("mode", "nearest"), OnnxGraph.Text("coordinate_transformation_mode", "asymmetric"),
                OnnxGraph.Text("nearest_mode", "floor")).Longs("sizes", 2, 2, 5, 7)
            .Node("Resize", ["a", "", "", "sizes"], ["y"], OnnxGraph.Text("mode", "linear"));
        yield return Rows().Longs("starts", 0, 3).Longs("ends", 9, -9).Longs("axes", 1, 2).Longs("steps", 2, -1)
            .Node("Slice", ["x", "starts", "ends", "axes", "steps"], ["a"]).Longs("pads", 0, 1, 1, 0, 1, 2)
            .Weight("zero", [], 0.5f).Node("Pad", ["a", "pads", "zero"], ["b"], OnnxGraph.Text("mode", "constant"))
            .Longs("repeats", 1, 2, 1).Node("Tile", ["b", "repeats"], ["c"]).Longs("wide", 2, 1, 1, 1)
            .Node("Expand", ["c", "wide"], ["y"]);
        yield return Graph().Input("x", -1, 4).Longs("shape", 4).Longs("i", 0, 2, 1)
            .Node("ConstantOfShape", ["shape"], ["k"]).Node("Add", ["x", "k"], ["a"])
            .Node("Gather", ["a", "i"], ["b"], OnnxGraph.Int("axis", 1))
            .Node("Split", ["b"], ["p", "q", "r"], OnnxGraph.Int("axis", 1))
            .Node("Sum", ["p", "q", "r"], ["y"]);
        yield return Graph().Input("x", -1, 4).Node("Constant", [], ["from"], OnnxGraph.Int("value_int", 0))
            .Node("Constant", [], ["to"], OnnxGraph.Int("value_int", 4))
            .Node("Constant", [], ["by"], OnnxGraph.Int("value_int", 1)).Node("Range", ["from", "to", "by"], ["r"])
            .Node("Cast", "r", "f", OnnxGraph.Int("to", 1)).Node("Less", ["x", "f"], ["less"])
            .Node("Not", "less", "not").Node("Where", ["not", "x", "f"], ["a"])
            .Node("ReduceSum", "a", "y", OnnxGraph.Int("keepdims", 1));
        yield return Planes().Node("LRN", "x", "a", OnnxGraph.Int("size", 3)).Weight("s", 2).Weight("t", 2)
            .Node("InstanceNormalization", ["a", "s", "t"], ["b"])
            .Node("MeanVarianceNormalization", "b", "c").Node("LpNormalization", "c", "d", OnnxGraph.Int("axis", 1))
            .Weight("slope", 2, 1, 1).Node("PRelu", ["d", "slope"], ["e"])
            .Node("SpaceToDepth", "e", "f", OnnxGraph.Int("blocksize", 2))
            .Node("DepthToSpace", "f", "y", OnnxGraph.Int("blocksize", 2), OnnxGraph.Text("mode", "DCR"));
        yield return Rows().Weight("g", 4).Node("LayerNormalization", ["x", "g"], ["a"], OnnxGraph.Int("axis", -1))
            .Node("Dropout", ["a"], ["b"]).Node("ArgMax", "b", "i", OnnxGraph.Int("axis", -1))
            .Node("Cast", "i", "f", OnnxGraph.Int("to", 1)).Node("Mul", ["b", "f"], ["y"]);
        yield return Rows(21).Weight("g", 3).Weight("b", 3)
            .Node("GroupNormalization", ["x", "g", "b"], ["a"], OnnxGraph.Int("num_groups", 3))
            .Node("Clip", ["a"], ["c"]).Node("ReduceMax", "c", "d").Node("ReduceProd", "d", "e")
            .Node("Tanh", "e", "f").Node("Add", ["f", "x"], ["y"]);
        foreach (string op in new[] { "Exp", "Softplus", "Elu", "HardSigmoid", "LeakyRelu", "Selu", "Floor", "Gelu" })
            yield return Rows(20).Node(op, "x", "a").Node("Identity", "a", "b").Node("Abs", "b", "y");
        yield return Loose();
    }

    /// <summary>Weights in every form.</summary>
    private static OnnxGraph Loose()
    {
        OnnxGraph graph = Graph().Input("x", 3);
        float[] values = [1, -2, 0.5f];
        TensorProto[] tensors =
        [
            new() { DataType = 1, FloatData = Bytes(values) },
            new() { DataType = 11, DoubleData = Bytes<double>([1, 2, 3]) },
            new() { DataType = 10, Int32Data = ByteString.CopyFrom([0x80, 0x78, 0x80, 0x80, 0x03, 0x80, 0x70]) },
            new() { DataType = 16, RawData = Bytes<ushort>([0x3F80, 0xC000, 0x3F00]) },
            new() { DataType = 6, Int32Data = ByteString.CopyFrom([1, 2, 3]) },
            new() { DataType = 13, Uint64Data = ByteString.CopyFrom([1, 2, 3]) },
        ];
        string sum = "x";
        for (int i = 0; i < tensors.Length; i++)
        {
            tensors[i].Name = $"w{i}";
            tensors[i].Dims.Add(3);
            graph.Proto.Graph.Initializer.Add(tensors[i]);
            graph.Node("Cast", $"w{i}", $"c{i}", OnnxGraph.Int("to", 1)).Node("Add", [sum, $"c{i}"], [$"s{i}"]);
            sum = $"s{i}";
        }

        var external = new TensorProto { Name = "outside", DataType = 1, DataLocation = 1, Dims = { 3 } };
        external.ExternalData.Add(new StringStringEntryProto { Key = "location", Value = "weights.bin" });
        external.ExternalData.Add(new StringStringEntryProto { Key = "offset", Value = "4" });
        external.ExternalData.Add(new StringStringEntryProto { Key = "length", Value = "12" });
        graph.Proto.Graph.Initializer.Add(external);
        var constant = new AttributeProto { Name = "value", T = tensors[0].Clone() };
        return graph.Node("Constant", [], ["k"], constant).Node("Mul", [sum, "k"], ["y"]);
    }

    private static ByteString Bytes<T>(T[] values) where T : unmanaged =>
        ByteString.CopyFrom(System.Runtime.InteropServices.MemoryMarshal.AsBytes(values.AsSpan()).ToArray());
}
