namespace Evenkeel.Onnx.Export.Operators;

/// <summary>Norms, and what stands in their place.</summary>
internal static class Norms
{
    public static void AddTo(Dictionary<string, Write> all)
    {
        all.Add("FixedNorm", WithReLU(Fixed));
        all.Add("BatchNorm", WithReLU(OfBatch));
        all.Add("GroupNorm", WithReLU(Group));
        all.Add("LayerNorm", WithReLU(Layer));
        all.Add("RMSNorm", WithReLU(RootMeanSquare));
        all.Add("FilterResponseNorm", FilterResponse);
        all.Add("LocalResponseNorm", LocalResponse);
        all.Add("Normalize", Normalize);
        all.Add("PlaneAffine", PlaneAffine);
        all.Add("DynamicTanh", static (graph, op) => Dynamic(graph, op, "Tanh"));
        all.Add("DynamicErf", static (graph, op) => Dynamic(graph, op, "Erf"));
    }

    private static Write WithReLU(Write norm) => (graph, op) =>
    {
        string y = norm(graph, op);
        return op.Settings.Flag("relu") ? graph.Node("Relu", [y]) : y;
    };

    /// <summary>The attributes of an operator that normalizes.</summary>
    private static Format.AttributeProto Epsilon(TracedOp op) =>
        Attributes.Of("epsilon", op.Settings.Number("eps"));

    private static string OrFilled(GraphWriter graph, Tensor? values, double value, int count) =>
        values is null ? graph.Filled(value, count) : graph.Name(values);

    private static string Fixed(GraphWriter graph, TracedOp op)
    {
        Tensor mean = op.Settings.TensorOf("mean")!;
        graph.NoteStatistics(mean);
        return graph.Node("BatchNormalization",
            [graph.Name(op.Operands[0]), OrFilled(graph, op.Settings.TensorOf("gamma"), 1, mean.Count),
                OrFilled(graph, op.Settings.TensorOf("beta"), 0, mean.Count), graph.Name(mean),
                graph.Name(op.Settings.TensorOf("variance")!)],
            Epsilon(op), Attributes.Of("momentum", 1 - Momentum(graph, mean)));
    }

    /// <summary>The weight of a new value in the running statistics: ONNX has that of the old one.</summary>
    private static double Momentum(GraphWriter graph, Tensor mean)
    {
        foreach ((_, Nn.Module module) in graph.Trace.Model.NamedModules())
        {
            if (module is Nn.ITrackingNorm { Running: { } running } norm
                && ReferenceEquals(running.Mean.Value, mean))
            {
                return norm.Average.IsCumulative ? 0.1 : norm.Average.WeightOfNew;
            }
        }

        return 0.1;
    }

    private static string OfBatch(GraphWriter graph, TracedOp op)
    {
        graph.NoteBatchStatistics();
        if (op.Settings.Flag("isParted"))
            graph.Refuse("it cuts the batch into parts, or corrects its statistics, which no operator of ONNX does");
        Tensor x = op.Operands[0];
        int[] axes = [0, .. Enumerable.Range(2, x.Shape.Rank - 2)];
        return PerChannelAffine(graph, op, x.Shape.Rank, Standardized(graph, op, graph.Name(x), axes));
    }

    private static string Standardized(GraphWriter graph, TracedOp op, string x, int[] axes)
    {
        (string centered, string variance) = Reductions.Moments(graph, x, axes, keep: true);
        string added = graph.Node("Add", [variance, graph.Number(op.Settings.Number("eps"))]);
        return graph.Node("Div", [centered, graph.Node("Sqrt", [added])]);
    }

    private static string PerChannelAffine(GraphWriter graph, TracedOp op, int rank, string y)
    {
        if (op.Settings.TensorOf("gamma") is { } gamma)
            y = graph.Node("Mul", [y, graph.PerChannel(gamma, rank)]);
        return op.Settings.TensorOf("beta") is { } beta
            ? graph.Node("Add", [y, graph.PerChannel(beta, rank)])
            : y;
    }

    /// <summary>
    /// Before opset 21: the groups as channels of an instance norm, (N, G, all else), then gamma and beta.
    /// </summary>
    private static string Group(GraphWriter graph, TracedOp op)
    {
        Tensor input = op.Operands[0];
        string x = graph.Name(input);
        int channels = input.Shape[1], groups = op.Settings.Integer("groups"), rank = input.Shape.Rank;
        Tensor? gamma = op.Settings.TensorOf("gamma"), beta = op.Settings.TensorOf("beta");
        if (groups == channels && rank > 2)
        {
            return graph.Node("InstanceNormalization",
                [x, OrFilled(graph, gamma, 1, channels), OrFilled(graph, beta, 0, channels)], Epsilon(op));
        }

        // Runtimes take it with dimensions behind the channels.
        if (rank > 2 && graph.Has(21, "GroupNorm"))
        {
            return graph.Node("GroupNormalization",
                [x, OrFilled(graph, gamma, 1, channels), OrFilled(graph, beta, 0, channels)],
                Epsilon(op), Attributes.Of("num_groups", (long)groups));
        }

        string y = graph.Node("InstanceNormalization",
            [graph.Reshape(x, [0, groups, -1]), graph.Filled(1, groups), graph.Filled(0, groups)], Epsilon(op));
        return PerChannelAffine(graph, op, rank, graph.Reshape(y, graph.Target(op.Output)));
    }

    private static string Layer(GraphWriter graph, TracedOp op)
    {
        Shape normalized = Normalized(op);
        string scale = Scale(graph, op.Settings.TensorOf("gamma"), normalized);
        string x = graph.Name(op.Operands[0]);
        return graph.Node("LayerNormalization",
            op.Settings.TensorOf("beta") is { } beta ? [x, scale, graph.Name(beta)] : [x, scale],
            Attributes.Of("axis", -(long)normalized.Rank), Epsilon(op));
    }

    private static string RootMeanSquare(GraphWriter graph, TracedOp op)
    {
        Shape normalized = Normalized(op);
        Tensor? gamma = op.Settings.TensorOf("gamma");
        string x = graph.Name(op.Operands[0]);
        if (graph.Has(23, "RMSNorm"))
        {
            return graph.Node("RMSNormalization", [x, Scale(graph, gamma, normalized)],
                Attributes.Of("axis", -(long)normalized.Rank), Epsilon(op));
        }

        int rank = op.Operands[0].Shape.Rank;
        string y = DividedByRoot(graph, op, x, [.. Enumerable.Range(rank - normalized.Rank, normalized.Rank)]);
        return gamma is null ? y : graph.Node("Mul", [y, graph.Name(gamma)]);
    }

    /// <summary>x/sqrt(mean(x²) + eps).</summary>
    private static string DividedByRoot(GraphWriter graph, TracedOp op, string x, int[] axes)
    {
        string square = graph.Reduce("ReduceMean", graph.Node("Mul", [x, x]), axes, keep: true);
        string added = graph.Node("Add", [square, graph.Number(op.Settings.Number("eps"))]);
        return graph.Node("Div", [x, graph.Node("Sqrt", [added])]);
    }

    private static string Scale(GraphWriter graph, Tensor? gamma, Shape normalized)
    {
        if (gamma is not null) return graph.Name(gamma);
        double[] ones = new double[normalized.Count];
        Array.Fill(ones, 1);
        return graph.Numbers(ones, normalized.ToArray());
    }

    /// <summary>The trailing dimensions of a row.</summary>
    private static Shape Normalized(TracedOp op)
    {
        if ((op.Settings.TensorOf("gamma") ?? op.Settings.TensorOf("beta")) is { } affine) return affine.Shape;
        int[] sizes = op.Operands[0].Shape.ToArray();
        int length = op.Settings.Integer("length"), first = sizes.Length - 1;
        for (int count = sizes[first]; count != length; count *= sizes[first]) first--;
        return Shape.Create(sizes.AsSpan(first));
    }

    private static string FilterResponse(GraphWriter graph, TracedOp op)
    {
        Tensor x = op.Operands[0];
        string y = DividedByRoot(graph, op, graph.Name(x), [.. Enumerable.Range(2, x.Shape.Rank - 2)]);
        y = PerChannelAffine(graph, op, x.Shape.Rank, y);
        return op.Settings.TensorOf("tau") is { } tau
            ? graph.Node("Max", [y, graph.PerChannel(tau, x.Shape.Rank)])
            : y;
    }

    /// <summary>ONNX's window has its larger half behind, the library's before: even sizes are written out.</summary>
    private static string LocalResponse(GraphWriter graph, TracedOp op)
    {
        Tensor input = op.Operands[0];
        string x = graph.Name(input);
        int size = op.Settings.Integer("size"), rank = input.Shape.Rank, channels = input.Shape[1];
        double alpha = op.Settings.Number("alpha"), beta = op.Settings.Number("beta"), k = op.Settings.Number("k");
        if (size % 2 == 1)
        {
            string planes = rank == 4 ? x : graph.Reshape(x, [0, channels, -1, 1]);
            string y = graph.Node("LRN", [planes], Attributes.Of("size", (long)size), Attributes.Of("alpha", alpha),
                Attributes.Of("beta", beta), Attributes.Of("bias", k));
            return rank == 4 ? y : graph.Reshape(y, graph.Target(op.Output));
        }

        string squares = graph.Reshape(graph.Node("Mul", [x, x]), [0, 1, channels, -1]);
        squares = Shapes.Padded(graph, squares, 4, [size / 2, 0], [(size - 1) / 2, 0]);
        string means = graph.Node("AveragePool", [squares], Attributes.Of("kernel_shape", [size, 1]),
            Attributes.Of("strides", [1, 1]));
        string divisor = graph.Node("Add", [graph.Node("Mul", [means, graph.Number(alpha)]), graph.Number(k)]);
        divisor = graph.Node("Pow", [divisor, graph.Number(beta)]);
        return graph.Node("Div", [x, graph.Reshape(divisor, graph.Target(op.Output))]);
    }

    /// <summary>x/max((Σ|x|ᵖ)^(1/p), eps).</summary>
    private static string Normalize(GraphWriter graph, TracedOp op)
    {
        string x = graph.Name(op.Operands[0]);
        double p = op.Settings.Number("p"), eps = op.Settings.Number("eps");
        int[] axes = op.Settings.Integers("axes");
        string norm = p switch
        {
            2 => graph.Node("Sqrt", [graph.Reduce("ReduceSum", graph.Node("Mul", [x, x]), axes, keep: true)]),
            1 => graph.Reduce("ReduceSum", graph.Node("Abs", [x]), axes, keep: true),
            _ => graph.Node("Pow", [
                graph.Reduce("ReduceSum", graph.Node("Pow", [graph.Node("Abs", [x]), graph.Number(p)]), axes, true),
                graph.Number(1 / p)]),
        };
        // A group of zeros gives zeros.
        double least = Math.Max(eps, graph.Type == DType.Float64 ? 2.2250738585072014e-308 : 1.17549435e-38);
        return graph.Node("Div", [x, graph.Node("Max", [norm, graph.Number(least)])]);
    }

    /// <summary>gamma·x + beta with numbers of each sample and channel.</summary>
    private static string PlaneAffine(GraphWriter graph, TracedOp op)
    {
        long[] sizes = new long[op.Output.Shape.Rank];
        Array.Fill(sizes, 1);
        (sizes[0], sizes[1]) = (0, op.Output.Shape[1]);
        string[] names = [.. op.Operands.Select(graph.Name)];
        if (sizes.Length > 2) names = [names[0], graph.Reshape(names[1], sizes), graph.Reshape(names[2], sizes)];
        return graph.Node("Add", [graph.Node("Mul", [names[0], names[1]]), names[2]]);
    }

    private static string Dynamic(GraphWriter graph, TracedOp op, string curve)
    {
        string u = graph.Node("Mul", [graph.Name(op.Operands[0]), graph.Name(op.Settings.TensorOf("alpha")!)]);
        if (op.Settings.TensorOf("shift") is { } shift) u = graph.Node("Add", [u, graph.Name(shift)]);
        string y = graph.Node(curve, [u]);
        if (!op.Settings.Flag("channelsLast")) return PerChannelAffine(graph, op, op.Output.Shape.Rank, y);
        y = graph.Node("Mul", [y, graph.Name(op.Settings.TensorOf("gamma")!)]);
        return graph.Node("Add", [y, graph.Name(op.Settings.TensorOf("beta")!)]);
    }
}
