namespace Evenkeel.Onnx.Export.Operators;

/// <summary>Convolutions.</summary>
internal static class Convolutions
{
    public static void AddTo(Dictionary<string, Write> all)
    {
        all.Add("Conv", static (graph, op) => Convolve(graph, op, "Conv"));
        all.Add("ConvTranspose", static (graph, op) => Convolve(graph, op, "ConvTranspose"));
    }

    /// <summary>Runs something that takes batches on a sample outside a batch.</summary>
    /// <param name="graph">Where the nodes go.</param>
    /// <param name="x">The name of the input.</param>
    /// <param name="isSample">Whether it is such a sample.</param>
    /// <param name="write">Writes what takes batches.</param>
    public static string InBatch(GraphWriter graph, string x, bool isSample, Func<string, string> write)
    {
        if (!isSample) return write(x);
        string first = graph.Integers(0);
        return graph.Node("Squeeze", [write(graph.Node("Unsqueeze", [x, first])), first]);
    }

    private static string Convolve(GraphWriter graph, TracedOp op, string kind)
    {
        OpSettings settings = op.Settings;
        Tensor weight = op.Operands[1];
        int[] stride = settings.Integers("stride"), after = [.. settings.Integers("after")], extra = [];
        string[] rest = [.. op.Operands.Skip(1).Select(graph.Name)];
        List<Format.AttributeProto> attributes =
        [
            Attributes.Of("kernel_shape", weight.Shape.ToArray()[2..]),
            Attributes.Of("strides", stride),
            Attributes.Of("dilations", settings.Integers("dilation")),
            Attributes.Of("group", (long)settings.Integer("groups")),
        ];
        if (kind == "ConvTranspose")
        {
            int[] added = [.. settings.Integers("outputPadding")];
            extra = Beyond(stride, after, added);
            attributes.Add(Attributes.Of("output_padding", added));
        }

        attributes.Add(Attributes.Of("pads", [.. settings.Integers("before"), .. after]));
        string y = InBatch(graph, graph.Name(op.Operands[0]), op.Operands[0].Shape.Rank == stride.Length + 1,
            x => Array.TrueForAll(extra, static places => places == 0)
                ? graph.Node(kind, [x, .. rest], [.. attributes])
                : Extended(graph.Node(kind, [x, rest[0]], [.. attributes])));
        return settings.Flag("relu") ? graph.Node("Relu", [y]) : y;

        string Extended(string result)
        {
            result = Shapes.Padded(graph, result, stride.Length + 2, new int[extra.Length], extra);
            return op.Operands.Count == 2
                ? result
                : graph.Node("Add", [result, graph.PerChannel(op.Operands[2], stride.Length + 2)]);
        }
    }

    /// <summary>
    /// Runtimes take an output padding below the stride only. A larger one is less cropping at the end, and where
    /// nothing is cropped, places that no window reaches.
    /// </summary>
    /// <returns>The number of such places along each dimension.</returns>
    private static int[] Beyond(int[] stride, int[] after, int[] added)
    {
        int[] extra = new int[stride.Length];
        for (int i = 0; i < stride.Length; i++)
        {
            if (added[i] < stride[i]) continue;
            extra[i] = Math.Max(0, added[i] - after[i]);
            (after[i], added[i]) = (Math.Max(0, after[i] - added[i]), 0);
        }

        return extra;
    }
}
