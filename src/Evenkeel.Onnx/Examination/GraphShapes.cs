using Evenkeel.Onnx.Format;
using Evenkeel.Onnx.Import;

namespace Evenkeel.Onnx.Examining;

/// <summary>
/// The shapes of values as far as the file says them, and as far as they follow from inputs over convolutions, pools
/// and operators that keep a shape. A size that is not fixed is null.
/// </summary>
internal static class GraphShapes
{
    private static readonly HashSet<string> s_keep = new(StringComparer.Ordinal)
    {
        "BatchNormalization", "InstanceNormalization", "GroupNormalization", "LayerNormalization", "RMSNormalization",
        "Relu", "Clip", "HardSwish", "HardSigmoid", "LeakyRelu", "Elu", "Selu", "Sigmoid", "Tanh", "Swish", "Gelu",
        "Mish", "Softplus", "Identity", "Dropout", "LRN", "Cast",
    };

    /// <summary>The shapes by the names of the values.</summary>
    public static Dictionary<string, IReadOnlyList<long?>> Of(
        OnnxModel model, IReadOnlyList<Node> nodes, GraphConstants constants)
    {
        var shapes = new Dictionary<string, IReadOnlyList<long?>>(StringComparer.Ordinal);
        GraphProto graph = model.Proto.Graph;
        foreach (OnnxValueInfo value in graph.ValueInfo.Concat(graph.Output).Select(OnnxValueInfo.Of)
            .Concat(model.Inputs))
        {
            if (value.Shape is { } shape) shapes.TryAdd(value.Name, [.. shape.Select(static one => Known(one.Size))]);
        }

        foreach (Node node in nodes)
        {
            if (node.Outputs.Length == 0 || shapes.ContainsKey(node.Outputs[0]) || !node.Has(0)
                || !shapes.TryGetValue(node.Inputs[0], out IReadOnlyList<long?>? x)) continue;
            if (Next(node, x, shapes, constants) is { } shape) shapes[node.Outputs[0]] = shape;
        }

        return shapes;
    }

    private static long? Known(long? size) => size is > 0 ? size : null;

    private static IReadOnlyList<long?>? Next(Node node, IReadOnlyList<long?> x,
        Dictionary<string, IReadOnlyList<long?>> shapes, GraphConstants constants)
    {
        if (s_keep.Contains(node.Op)) return x;
        if (node.Op is "Add" or "Mul" or "Sub" or "Div" && node.Has(1))
        {
            if (constants.Floats(node.Inputs[1]) is { } constant)
                return constant.Dimensions.Length <= x.Count ? x : null;
            return shapes.TryGetValue(node.Inputs[1], out IReadOnlyList<long?>? y) && y.SequenceEqual(x) ? x : null;
        }

        if (x.Count < 3) return null;
        if (node.Op is "GlobalAveragePool" or "GlobalMaxPool")
            return [x[0], x[1], .. Enumerable.Repeat<long?>(1, x.Count - 2)];
        if (node.Op is not ("Conv" or "MaxPool" or "AveragePool")) return null;
        long[]? weight = node.Op == "Conv" && node.Has(1) ? constants.Floats(node.Inputs[1])?.Dimensions : null;
        if (node.Op == "Conv" && weight?.Length != x.Count) return null;
        long[]? kernel = weight?[2..] ?? node.Ints("kernel_shape");
        if (kernel?.Length != x.Count - 2) return null;
        var sizes = new List<long?> { x[0], weight is null ? x[1] : weight[0] };
        for (int i = 0; i < kernel.Length; i++) sizes.Add(Size(node, x[i + 2], kernel[i], i, kernel.Length));
        return sizes;
    }

    private static long? Size(Node node, long? size, long kernel, int axis, int axes)
    {
        long stride = At(node.Ints("strides"), axis, 1), dilation = At(node.Ints("dilations"), axis, 1);
        if (size is not { } known || stride < 1 || dilation < 1) return null;
        string pad = node.Text("auto_pad", "NOTSET");
        if (pad.StartsWith("SAME", StringComparison.Ordinal)) return (known + stride - 1) / stride;
        long[]? pads = pad == "NOTSET" ? node.Ints("pads") : null;
        long free = known + At(pads, axis, 0) + At(pads, axis + axes, 0) - (((kernel - 1) * dilation) + 1);
        bool isUp = node.Int("ceil_mode", 0) != 0;
        return free < 0 ? null : ((free + (isUp ? stride - 1 : 0)) / stride) + 1;
    }

    private static long At(long[]? values, int place, long otherwise) =>
        values is not null && place < values.Length ? values[place] : otherwise;
}
