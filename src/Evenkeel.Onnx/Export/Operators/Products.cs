namespace Evenkeel.Onnx.Export.Operators;

/// <summary>Products of matrices.</summary>
internal static class Products
{
    public static void AddTo(Dictionary<string, Write> all)
    {
        all.Add("Linear", Linear);
        all.Add("MatMul", MatMul);
    }

    /// <summary>left·x·right for each plane of x.</summary>
    /// <param name="graph">Where the nodes go.</param>
    /// <param name="x">(N, C, H, W).</param>
    /// <param name="left">(H', H).</param>
    /// <param name="right">(W, W').</param>
    public static string Between(GraphWriter graph, string x, string left, string right) =>
        graph.Node("MatMul", [graph.Node("MatMul", [left, x]), right]);

    private static string Linear(GraphWriter graph, TracedOp op)
    {
        string x = graph.Name(op.Operands[0]), weight = graph.Name(op.Operands[1]);
        string? bias = op.Operands.Count > 2 ? graph.Name(op.Operands[2]) : null;
        if (op.Operands[0].Shape.Rank == 2)
            return graph.Node("Gemm", bias is null ? [x, weight] : [x, weight, bias], Attributes.Of("transB", 1L));
        string y = graph.Node("MatMul", [x, graph.Node("Transpose", [weight], Attributes.Of("perm", [1, 0]))]);
        return bias is null ? y : graph.Node("Add", [y, bias]);
    }

    private static string MatMul(GraphWriter graph, TracedOp op)
    {
        return graph.Node("MatMul", [Side(0, "transposeA"), Side(1, "transposeB")]);

        string Side(int index, string flag)
        {
            string name = graph.Name(op.Operands[index]);
            if (!op.Settings.Flag(flag)) return name;
            int[] order = [.. Enumerable.Range(0, op.Operands[index].Shape.Rank)];
            (order[^1], order[^2]) = (order[^2], order[^1]);
            return graph.Node("Transpose", [name], Attributes.Of("perm", order));
        }
    }
}
