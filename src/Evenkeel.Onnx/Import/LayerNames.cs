namespace Evenkeel.Onnx.Import;

/// <summary>Names of layers from those that a file gives to nodes and weights.</summary>
internal static class LayerNames
{
    /// <summary>What says the part that a weight plays: words of PyTorch, Keras, Paddle and Caffe2. Longer ones first.
    /// </summary>
    private static readonly string[] s_endings =
    [
        "moving_variance", "running_mean", "running_var", "moving_mean", "variance", "weights", "biases", "kernel",
        "weight", "gamma", "scale", "beta", "bias", "mean", "riv_0", "rm_0", "w_0", "w_1", "w_2", "b_0", "s_0", "W",
        "B", "w", "b",
    ];

    /// <summary>
    /// The place of a layer: what the names of its weights have in common (<c>layer1.0.conv1.weight</c> and
    /// <c>layer1.0.conv1.bias</c>), or the scope in the name of the node (<c>/layer1/layer1.0/conv1/Conv</c>).
    /// </summary>
    /// <param name="node">The node.</param>
    /// <param name="weights">The names of its weights.</param>
    public static string PathOf(Node node, IEnumerable<string> weights)
    {
        string? common = null;
        foreach (string weight in weights)
        {
            string place = PlaceOf(weight);
            if (place.Length == 0 || (common is not null && common != place)) return Scope(node);
            common = place;
        }

        return common ?? Scope(node);
    }

    /// <summary>A name as parts of a key: without '/', and without empty parts.</summary>
    public static string Cleaned(string name) => string.Join('.', name.Replace("::", "_", StringComparison.Ordinal)
        .Split(['/', '.', ':'], StringSplitOptions.RemoveEmptyEntries));

    /// <summary>
    /// A weight's name without what says its part: <c>conv1</c> of <c>conv1.weight</c>, <c>conv1_weights</c> and
    /// <c>conv1_w_0</c>. Empty if the name says no part and has no levels: then it may be anything.
    /// </summary>
    private static string PlaceOf(string weight)
    {
        string name = Cleaned(weight);
        foreach (string ending in s_endings)
        {
            int length = name.Length - ending.Length - 1;
            if (length > 0 && name.EndsWith(ending, StringComparison.Ordinal) && name[length] is '.' or '_' or '-')
                return name[..length];
        }

        return name.LastIndexOf('.') is var dot and > 0 ? name[..dot] : "";
    }

    private static string Scope(Node node)
    {
        string name = node.Proto.Name.Length > 0 ? node.Proto.Name : node.Proto.Output.FirstOrDefault("");
        string[] parts = name.Replace("::", "_", StringComparison.Ordinal)
            .Split(['/', ':'], StringSplitOptions.RemoveEmptyEntries);
        // PyTorch ends with the operator, and repeats a container's name in those of its layers.
        if (parts.Length > 1 && parts[^1].StartsWith(node.Op, StringComparison.Ordinal)) parts = parts[..^1];
        var path = new List<string>();
        foreach (string part in parts)
        {
            bool repeats = path.Count > 0 && part.StartsWith(path[^1] + ".", StringComparison.Ordinal);
            if (repeats) path.RemoveAt(path.Count - 1);
            path.Add(part);
        }

        string place = Cleaned(string.Join('.', path));
        return place.Length == 0 ? node.Op : place;
    }
}
