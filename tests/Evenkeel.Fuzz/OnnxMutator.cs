using Evenkeel.Onnx.Format;
using Evenkeel.Onnx.Import;
using Google.Protobuf;
using Google.Protobuf.Collections;

namespace Evenkeel.Fuzz;

/// <summary>
/// Damages a graph where a byte would not: numbers in attributes and dimensions, names, operators, the order of nodes.
/// </summary>
internal sealed class OnnxMutator(System.Random random)
{
    private static readonly long[] s_numbers =
    [
        0, 1, -1, 2, 3, 5, 7, 64, 1000, 65_536, 100_000, 1_000_000, 1_000_000_000, int.MaxValue, int.MinValue,
        1L << 32, (1L << 32) + 2, 1L << 40, 1L << 62, long.MaxValue - 1, long.MaxValue, long.MinValue, -2, -3, -1000,
    ];

    private static readonly float[] s_floats =
        [0, -0f, 1, -1, 0.5f, 2, 1e-30f, 1e30f, float.NaN, float.PositiveInfinity, float.NegativeInfinity];

    private static readonly string[] s_attributes =
    [
        "axis", "axes", "keepdims", "noop_with_empty_axes", "pads", "strides", "dilations", "kernel_shape", "group",
        "auto_pad", "ceil_mode", "epsilon", "momentum", "training_mode", "mode", "blocksize", "num_outputs", "perm",
        "to", "value_ints", "size", "num_groups", "output_shape", "output_padding", "start", "end", "allowzero",
        "scales", "split", "ratio", "alpha", "beta", "fmod", "p", "approximate", "min", "max", "broadcast", "spatial",
    ];

    private static readonly string[] s_texts = ["", "linear", "wrap", "SAME_LOWER", "VALID", "CRD", "half_pixel", "no"];

    private static readonly string[] s_operators = [.. OperatorTable.Names, "If", "Loop", "LSTM", "Nothing"];

    public byte[] Mutate(byte[] file)
    {
        ModelProto model = ModelProto.Parser.ParseFrom(file);
        for (int times = random.Next(1, 6); times > 0; times--) Once(model);
        return model.ToByteArray();
    }

    private T Any<T>(IReadOnlyList<T> values) => values[random.Next(values.Count)];

    private long Number() => Any(s_numbers);

    private void Once(ModelProto model)
    {
        GraphProto graph = model.Graph;
        switch (random.Next(24))
        {
            case 0: model.OpsetImport[0].Version = random.Next(4) == 0 ? Number() : random.Next(6, 27); return;
            case 1 when graph.Input.Count > 0:
                RepeatedField<TensorShapeProto.Types.Dimension>? sizes = Any(graph.Input).Type?.TensorType?.Shape?.Dim;
                if (sizes is { Count: > 0 }) sizes[random.Next(sizes.Count)].DimValue = random.Next(2) == 0 ? Number()
                    : 0;
                return;
            case 2 when graph.Input.Count > 0:
                if (Any(graph.Input).Type?.TensorType is { } type) type.ElemType = random.Next(0, 28);
                return;
            case 3: graph.Output.Add(new ValueInfoProto { Name = Name(graph) }); return;
            case 4 or 5 when graph.Initializer.Count > 0: Change(graph, Any(graph.Initializer)); return;
            case 6 when graph.Input.Count > 0:
                RepeatedField<TensorShapeProto.Types.Dimension>? all = Any(graph.Input).Type?.TensorType?.Shape?.Dim;
                if (all is { Count: > 0 } && random.Next(2) == 0) all.RemoveAt(random.Next(all.Count));
                else all?.Add(new TensorShapeProto.Types.Dimension { DimValue = random.Next(4) });
                return;
        }

        if (graph.Node.Count == 0) return;
        int at = random.Next(graph.Node.Count);
        NodeProto node = graph.Node[at];
        switch (random.Next(15))
        {
            case 0: graph.Node.RemoveAt(at); return;
            case 1:
                NodeProto again = node.Clone();
                for (int i = 0; i < again.Output.Count; i++) again.Output[i] += "'";
                graph.Node.Insert(random.Next(graph.Node.Count + 1), again);
                return;
            case 2:
                graph.Node.RemoveAt(at);
                graph.Node.Insert(random.Next(graph.Node.Count + 1), node);
                return;
            case 3 or 4: node.OpType = Any(s_operators); return;
            case 5 or 6 when node.Input.Count > 0: node.Input[random.Next(node.Input.Count)] = Name(graph); return;
            case 7 when node.Input.Count > 0: node.Input.RemoveAt(random.Next(node.Input.Count)); return;
            case 8: node.Input.Add(Name(graph)); return;
            case 9 when node.Output.Count > 0 && random.Next(2) == 0:
                node.Output[random.Next(node.Output.Count)] = Name(graph);
                return;
            case 9: node.Output.Add($"more{node.Output.Count}"); return;
            case 10: node.Name = string.Concat(Enumerable.Repeat("a/", random.Next(40))) + "b.c::d"; return;
            case 11 when random.Next(4) == 0: graph.Node[at] = Nested(node, random.Next(1, 60)); return;
            default: Change(node); return;
        }
    }

    /// <summary>A node in a graph in a graph.</summary>
    private static NodeProto Nested(NodeProto node, int depth)
    {
        NodeProto outer = node;
        for (int i = 0; i < depth; i++)
        {
            var attribute = new AttributeProto { Name = "body", G = new GraphProto { Node = { outer } } };
            outer = new NodeProto
            {
                OpType = i % 2 == 0 ? "If" : "Loop",
                Input = { node.Input },
                Output = { node.Output },
                Attribute = { attribute },
            };
        }

        return outer;
    }

    private string Name(GraphProto graph)
    {
        if (random.Next(12) == 0) return "";
        string[] names =
        [
            .. graph.Node.SelectMany(static node => node.Output), .. graph.Input.Select(static value => value.Name),
            .. graph.Initializer.Select(static tensor => tensor.Name),
        ];
        return names.Length == 0 ? "x" : Any(names);
    }

    private void Change(NodeProto node)
    {
        if (node.Attribute.Count == 0 || random.Next(4) == 0)
        {
            var added = new AttributeProto { Name = Any(s_attributes) };
            if (random.Next(4) == 0) added.F = Any(s_floats);
            else if (random.Next(3) == 0) added.S = ByteString.CopyFromUtf8(Any(s_texts));
            else if (random.Next(2) == 0) added.I = Number();
            else added.Ints.Add(Enumerable.Range(0, random.Next(7)).Select(_ => Number()));
            node.Attribute.Add(added);
            return;
        }

        AttributeProto attribute = Any(node.Attribute);
        switch (random.Next(8))
        {
            case 0: node.Attribute.Remove(attribute); return;
            case 1: attribute.Name = Any(s_attributes); return;
            case 2: attribute.RefAttrName = random.Next(2) == 0 ? "other" : ""; return;
            case 3 when attribute.T is not null: Change(new GraphProto(), attribute.T); return;
        }

        if (attribute.HasI) attribute.I = Number();
        if (attribute.HasF) attribute.F = Any(s_floats);
        if (attribute.HasS) attribute.S = ByteString.CopyFromUtf8(Any(s_texts));
        if (attribute.Ints.Count > 0)
        {
            if (random.Next(4) == 0) attribute.Ints.Add(Number());
            else attribute.Ints[random.Next(attribute.Ints.Count)] = random.Next(2) == 0 ? Number() : random.Next(-3,
                6);
        }
    }

    private void Change(GraphProto graph, TensorProto tensor)
    {
        switch (random.Next(8))
        {
            case 0 when tensor.Dims.Count > 0: tensor.Dims[random.Next(tensor.Dims.Count)] = Number(); return;
            case 1: tensor.Dims.Add(random.Next(2)); return;
            case 2: tensor.DataType = random.Next(28); return;
            case 3: tensor.Name = Name(graph); return;
            case 4:
                tensor.DataLocation = 1;
                tensor.ExternalData.Add(new StringStringEntryProto
                {
                    Key = random.Next(2) == 0 ? "location" : "offset",
                    Value = random.Next(2) == 0 ? "../../etc/passwd" : Number().ToString(),
                });
                return;
            case 5 when tensor.Dims.Count > 0: tensor.Dims.RemoveAt(random.Next(tensor.Dims.Count)); return;
        }

        if (tensor.DataType != 7 || !tensor.HasRawData || tensor.RawData.Length < 8) return;
        byte[] bytes = tensor.RawData.ToByteArray();
        long number = random.Next(2) == 0 ? Number() : random.Next(-3, 6);
        BitConverter.TryWriteBytes(bytes.AsSpan(8 * random.Next(bytes.Length / 8)), number);
        tensor.RawData = ByteString.CopyFrom(bytes);
    }
}
