using Evenkeel.Examination;
using Evenkeel.Onnx.Format;
using Evenkeel.Onnx.Import;

namespace Evenkeel.Onnx.Examining;

/// <summary>The constants of a graph: what can be read of them, and what is wrong with the others.</summary>
internal sealed class GraphConstants
{
    /// <summary>The most values of a vector of channels.</summary>
    private const int MostChannels = 1 << 20;

    private readonly Dictionary<string, TensorContent> _contents = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string> _problems = new(StringComparer.Ordinal);

    public GraphConstants(OnnxModel model, IReadOnlyList<Node> nodes)
    {
        ExternalData? external = model.External?.Again();
        foreach (TensorProto tensor in model.Proto.Graph.Initializer) Add(tensor.Name, () => tensor, external);
        foreach (Node node in nodes)
        {
            if (node.Outputs.Length == 0) continue;
            string output = node.Outputs[0];
            if (node.Op == "Constant") Add(node, output, external);
            // A weight that is shared is handed on by name.
            else if (node.Op == "Identity" && node.Has(0) && _contents.TryGetValue(node.Inputs[0], out var content))
                _contents.TryAdd(output, content);
        }
    }

    /// <summary>The constants that a tensor of the library holds, as the import has them.</summary>
    public Dictionary<string, Value> Values()
    {
        var values = new Dictionary<string, Value>(StringComparer.Ordinal);
        foreach ((string name, TensorContent content) in _contents)
        {
            try
            {
                values.Add(name, new Value(content, name));
            }
            catch (InvalidDataException)
            {
                // No operator that is looked for has such a constant.
            }
        }

        return values;
    }

    /// <summary>Whether a value is constant, also if it cannot be read.</summary>
    public bool Has(string name) => _contents.ContainsKey(name) || _problems.ContainsKey(name);

    /// <summary>What is wrong with a constant; null if nothing is.</summary>
    public string? ProblemOf(string name) => _problems.GetValueOrDefault(name);

    /// <summary>The content of a constant of floating-point numbers; null if it is none.</summary>
    public TensorContent? Floats(string name) =>
        _contents.TryGetValue(name, out TensorContent? content) && content.Type.IsFloat ? content : null;

    /// <summary>The values of a vector in double; null if it is none.</summary>
    public double[]? Vector(string name)
    {
        if (Floats(name) is not { } content) return null;
        if (content.Count is 0 or > MostChannels) return null;
        return WideVector.Of(content.Type.Element!.Widen(content.Bytes.Span, [(int)content.Count]));
    }

    /// <summary>One pass over a constant.</summary>
    public static FilterScan Scan(TensorContent content, FilterLayout layout) => FilterScan.Of(content.Type.Element!,
        layout, (offset, to) => content.Bytes.Span.Slice((int)offset, to.Length).CopyTo(to));

    /// <summary>The constants of floating-point numbers, by name.</summary>
    public IEnumerable<(string Name, TensorContent Content)> AllFloats() =>
        _contents.Where(static pair => pair.Value.Type.IsFloat).Select(static pair => (pair.Key, pair.Value));

    private void Add(Node node, string output, ExternalData? external)
    {
        AttributeProto? Find(string name) => node.Proto.Attribute.FirstOrDefault(one => one.Name == name);
        if (Find("value")?.T is { } tensor)
        {
            Add(output, () => tensor, external);
        }
        else if (Find("value_float") is { HasF: true } number)
        {
            Add(output, () => Single([number.F], []), external);
        }
        else if (Find("value_floats") is { } numbers)
        {
            Add(output, () => Single([.. numbers.Floats], [numbers.Floats.Count]), external);
        }
    }

    private void Add(string name, Func<TensorProto> tensor, ExternalData? external)
    {
        if (name.Length == 0) return;
        try
        {
            TensorProto proto = tensor();
            if (TensorType.Find(proto.DataType) is { Element: null }) return;
            if (!_contents.TryAdd(name, TensorContent.Of(proto, external)))
                _problems[name] = $"two tensors have the name \"{name}\"";
        }
        catch (InvalidDataException damaged)
        {
            _problems[name] = damaged.Message;
        }
    }

    private static TensorProto Single(float[] values, long[] dimensions)
    {
        var tensor = new TensorProto { DataType = TensorType.Float.Number };
        tensor.Dims.AddRange(dimensions);
        tensor.RawData = Google.Protobuf.ByteString.CopyFrom(
            System.Runtime.InteropServices.MemoryMarshal.AsBytes(values.AsSpan()));
        return tensor;
    }
}
