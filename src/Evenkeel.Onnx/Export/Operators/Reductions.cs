namespace Evenkeel.Onnx.Export.Operators;

/// <summary>Sums, means, maxima, and what is made of them.</summary>
internal static class Reductions
{
    public static void AddTo(Dictionary<string, Write> all)
    {
        all.Add("Sum", static (graph, op) => Reduced(graph, "ReduceSum", op));
        all.Add("Mean", static (graph, op) => Reduced(graph, "ReduceMean", op));
        all.Add("Max", static (graph, op) => graph.Reduce(
            "ReduceMax", graph.Name(op.Operands[0]), [op.Settings.Integer("axis")], Keeps(op)));
        all.Add("Variance", Variance);
        all.Add("ArgMax", static (graph, op) => graph.Node("ArgMax", [graph.Name(op.Operands[0])],
            Attributes.Of("axis", (long)op.Settings.Integer("axis")), Attributes.Of("keepdims", Keeps(op) ? 1L : 0L)));
        foreach (string kind in new[] { "Softmax", "LogSoftmax" })
        {
            all.Add(kind, (graph, op) =>
                graph.Node(kind, [graph.Name(op.Operands[0])], Attributes.Of("axis", -1L)));
        }

        all.Add("GLU", GLU);
    }

    /// <summary>The mean of squares of the distances to the mean, and the distances.</summary>
    /// <param name="graph">Where the nodes go.</param>
    /// <param name="x">The values.</param>
    /// <param name="axes">The dimensions of a group.</param>
    /// <param name="keep">Whether the variance keeps them with size 1.</param>
    public static (string Centered, string Variance) Moments(
        GraphWriter graph, string x, ReadOnlySpan<int> axes, bool keep)
    {
        string centered = graph.Node("Sub", [x, graph.Reduce("ReduceMean", x, axes, keep: true)]);
        return (centered, graph.Reduce("ReduceMean", graph.Node("Mul", [centered, centered]), axes, keep));
    }

    private static bool Keeps(TracedOp op) => op.Output.Shape.Rank == op.Operands[0].Shape.Rank;

    private static string Reduced(GraphWriter graph, string operation, TracedOp op) =>
        graph.Reduce(operation, graph.Name(op.Operands[0]), op.Settings.Integers("axes"), Keeps(op));

    private static string Variance(GraphWriter graph, TracedOp op)
    {
        Tensor x = op.Operands[0];
        int[] axes = op.Settings.Integers("axes");
        string variance = Moments(graph, graph.Name(x), axes, Keeps(op)).Variance;
        if (op.Settings.Integer("correction") == 0) return variance;
        double count = 1;
        foreach (int axis in axes)
        {
            if (graph.Trace.Dimensions(x)[axis] < 0)
            {
                graph.Refuse("the divisor of an unbiased variance follows the number of samples. Take correction 0, or "
                    + "set DynamicBatch = false");
            }

            count *= x.Shape[axis];
        }

        return graph.Node("Mul", [variance, graph.Number(count / (count - 1))]);
    }

    /// <summary>The first half of a dimension, times the sigmoid of the second.</summary>
    private static string GLU(GraphWriter graph, TracedOp op)
    {
        string x = graph.Name(op.Operands[0]);
        int axis = op.Settings.Integer("axis"), half = op.Output.Shape[axis];
        string gate = graph.Node("Sigmoid", [graph.Slice(x, axis, half, 2L * half)]);
        return graph.Node("Mul", [graph.Slice(x, axis, 0, half), gate]);
    }
}
