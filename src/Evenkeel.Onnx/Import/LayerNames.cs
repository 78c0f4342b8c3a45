namespace Evenkeel.Onnx.Import;

/// <summary>Names of layers from those that a file gives to nodes and weights.</summary>
internal static class LayerNames
{
    private static readonly string[] s_endings =
    [
        "weight", "bias", "running_mean", "running_var", "weights", "biases", "scale", "gamma", "beta", "mean",
        "variance", "kernel", "moving_mean", "moving_variance", "W", "B",
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

    /// <summary>A weight's name without its last part, if that part says what it is.</summary>
    private static string PlaceOf(string weight)
    {
        string name = Cleaned(weight);
        int dot = name.LastIndexOf('.');
        // Names like onnx::Conv_123, batch_norm_0.w_1 and conv1_weights.
        if (dot > 0) return name[..dot];
        foreach (string ending in s_endings)
        {
            if (name.Length > ending.Length + 1 && name.EndsWith(ending, StringComparison.Ordinal)
                && name[^(ending.Length + 1)] is '_' or '-')
                return name[..^(ending.Length + 1)];
        }

        return "";
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
            if (path.Count > 0 && part.StartsWith(path[^1] + ".", StringComparison.Ordinal)) path.RemoveAt(path.Count - 1);
            path.Add(part);
        }

        string place = Cleaned(string.Join('.', path));
        return place.Length == 0 ? node.Op : place;
    }
}
