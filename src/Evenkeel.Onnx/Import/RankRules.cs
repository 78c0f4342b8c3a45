namespace Evenkeel.Onnx.Import;

/// <summary>How many dimensions the outputs of a node have, where its inputs tell it.</summary>
internal static class RankRules
{
    private static readonly HashSet<string> s_broadcast = new(StringComparer.Ordinal)
    {
        "Add", "Sub", "Mul", "Div", "Pow", "Sum", "Max", "Min", "Mean", "Where", "PRelu",
    };

    private static readonly HashSet<string> s_other = new(StringComparer.Ordinal)
    {
        "Unsqueeze", "Squeeze", "Gather", "Shape", "Size", "Constant", "ConstantOfShape", "Expand", "Range",
        "MatMul", "ArgMax",
    };

    /// <summary>Notes the ranks of a node's outputs.</summary>
    public static void Note(Node node, Dictionary<string, int> ranks)
    {
        if (RankOf(node) is not { } rank) return;
        foreach (string output in node.Outputs)
        {
            if (output.Length > 0) ranks.TryAdd(output, rank);
        }
    }

    private static int? RankOf(Node node)
    {
        int? first = node.Ranks.Length > 0 ? node.Ranks[0] : null;
        if (node.Op is "Conv" or "ConvTranspose") return node.Ranks[1] ?? first;
        if (node.Op is "Flatten" or "Gemm") return 2;
        if (node.Op == "Reshape") return node.Constant(1)?.Shape.Count;
        if (s_broadcast.Contains(node.Op))
            return node.Ranks.All(static rank => rank is not null) ? node.Ranks.Max() : null;
        if (node.Op.StartsWith("Reduce", StringComparison.Ordinal)) return node.Int("keepdims", 1) != 0 ? first : null;
        if (node.Op == "Unsqueeze") return null;
        return s_other.Contains(node.Op) ? null : first;
    }
}
