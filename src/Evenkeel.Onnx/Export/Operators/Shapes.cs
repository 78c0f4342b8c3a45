namespace Evenkeel.Onnx.Export.Operators;

/// <summary>Operations that move values.</summary>
internal static class Shapes
{
    public static void AddTo(Dictionary<string, Write> all)
    {
        all.Add("Reshape", static (graph, op) =>
            graph.Reshape(graph.Name(op.Operands[0]), graph.Target(op.Output, op.Operands[0])));
        all.Add("Reinterpret", static (graph, op) => graph.Name(op.Operands[0]));
        all.Add("Permute", static (graph, op) => graph.Node("Transpose", [graph.Name(op.Operands[0])],
            Attributes.Of("perm", op.Settings.Integers("axes"))));
        all.Add("Concat", static (graph, op) => graph.Node("Concat",
            [.. op.Operands.Select(graph.Name)], Attributes.Of("axis", (long)op.Settings.Integer("axis"))));
        all.Add("Slice", Slice);
        all.Add("Pad", Pad);
        all.Add("ZeroPad2d", ZeroPad2d);
        all.Add("Gather", static (graph, op) => graph.Node("GatherElements",
            [graph.Name(op.Operands[0]), graph.Name(op.Settings.TensorOf("index")!)],
            Attributes.Of("axis", (long)op.Settings.Integer("axis"))));
        all.Add("Embedding", static (graph, op) => graph.Node("Gather",
            [graph.Name(op.Operands[0]), graph.Name(op.Settings.TensorOf("rows")!)], Attributes.Of("axis", 0L)));
        all.Add("OneHot", OneHot);
        all.Add("Upsample", Resampling.Upsample);
        all.Add("PixelShuffle", PixelShuffle);
    }

    /// <summary>Values around the last dimensions.</summary>
    /// <param name="graph">Where the node goes.</param>
    /// <param name="x">The tensor that is padded.</param>
    /// <param name="rank">Its rank.</param>
    /// <param name="before">Values before, along the last dimensions.</param>
    /// <param name="after">Values behind.</param>
    /// <param name="value">The value; null for zeros.</param>
    public static string Padded(
        GraphWriter graph, string x, int rank, ReadOnlySpan<int> before, ReadOnlySpan<int> after, string? value = null)
    {
        string pads = graph.Integers(Pads(rank, before, after));
        return value is null ? graph.Node("Pad", [x, pads]) : graph.Node("Pad", [x, pads, value]);
    }

    private static long[] Pads(int rank, ReadOnlySpan<int> before, ReadOnlySpan<int> after)
    {
        long[] pads = new long[2 * rank];
        for (int i = 1; i <= Math.Min(rank, before.Length); i++)
        {
            pads[rank - i] = before[^i];
            pads[(2 * rank) - i] = after[^i];
        }

        return pads;
    }

    private static string Slice(GraphWriter graph, TracedOp op)
    {
        int axis = op.Settings.Integer("axis"), start = op.Settings.Integer("start");
        // To the end, however far that is.
        long end = NetworkTrace.ReachesEnd(op) ? long.MaxValue : start + op.Settings.Integer("length");
        return graph.Slice(graph.Name(op.Operands[0]), axis, start, end);
    }

    private static string Pad(GraphWriter graph, TracedOp op)
    {
        string x = graph.Name(op.Operands[0]), mode = op.Settings.Text("mode");
        int[] before = op.Settings.Integers("before"), after = op.Settings.Integers("after");
        Shape shape = op.Operands[0].Shape;
        if (mode == "Circular" && !graph.Has(19, "circular padding")) return Circular(graph, x, shape, before, after);
        string word = mode switch { "Reflect" => "reflect", "Replicate" => "edge", _ => "wrap" };
        return graph.Node(
            "Pad", [x, graph.Integers(Pads(shape.Rank, before, after))], Attributes.Of("mode", word));
    }

    /// <summary>The end of each dimension before it, and its beginning behind it.</summary>
    private static string Circular(GraphWriter graph, string x, Shape shape, int[] before, int[] after)
    {
        for (int i = 1; i <= Math.Min(shape.Rank, before.Length); i++)
        {
            int axis = shape.Rank - i;
            var parts = new List<string>();
            if (before[^i] > 0) parts.Add(graph.Slice(x, axis, shape[axis] - before[^i], shape[axis]));
            parts.Add(x);
            if (after[^i] > 0) parts.Add(graph.Slice(x, axis, 0, after[^i]));
            if (parts.Count > 1) x = graph.Node("Concat", [.. parts], Attributes.Of("axis", (long)axis));
        }

        return x;
    }

    private static string ZeroPad2d(GraphWriter graph, TracedOp op)
    {
        string x = graph.Name(op.Operands[0]);
        Shape shape = op.Operands[0].Shape;
        int[] before = op.Settings.Integers("before"), after = op.Settings.Integers("after");
        for (int i = 0; i < 2; i++)
        {
            int axis = shape.Rank - 2 + i;
            if (before[i] >= 0 && after[i] >= 0) continue;
            x = graph.Slice(x, axis, Math.Max(0, -before[i]), shape[axis] - Math.Max(0, -after[i]));
        }

        return Padded(graph, x, shape.Rank, [Math.Max(0, before[0]), Math.Max(0, before[1])],
            [Math.Max(0, after[0]), Math.Max(0, after[1])]);
    }

    private static string PixelShuffle(GraphWriter graph, TracedOp op)
    {
        Tensor input = op.Operands[0];
        Shape shape = input.Shape;
        string x = graph.Name(input);
        if (shape.Rank != 4) x = graph.Reshape(x, [-1, shape[-3], shape[-2], shape[-1]]);
        string y = graph.Node("DepthToSpace", [x], Attributes.Of("blocksize", (long)op.Settings.Integer("factor")),
            Attributes.Of("mode", "CRD"));
        return shape.Rank == 4 ? y : graph.Reshape(y, graph.Target(op.Output));
    }

    /// <summary>Rows of the identity matrix.</summary>
    private static string OneHot(GraphWriter graph, TracedOp op)
    {
        int count = op.Output.Shape[^1];
        double[] rows = new double[count * count];
        for (int i = 0; i < count; i++) rows[(i * count) + i] = 1;
        return graph.Node("Gather", [graph.Numbers(rows, [count, count]), graph.Name(op.Operands[0])],
            Attributes.Of("axis", 0L));
    }
}
