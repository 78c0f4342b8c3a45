using Evenkeel.Kernels;

namespace Evenkeel.Onnx.Export.Operators;

/// <summary>Poolings. Sizes are known, so windows that reach beyond the end are padding at the end.</summary>
internal static class Pools
{
    public static void AddTo(Dictionary<string, Write> all)
    {
        all.Add("MaxPool", static (graph, op) => OnBatch(graph, op, Max));
        all.Add("AvgPool", static (graph, op) => OnBatch(graph, op, Average));
    }

    private static string OnBatch(GraphWriter graph, TracedOp op, Func<GraphWriter, string, TracedOp, string> write) =>
        Convolutions.InBatch(graph, graph.Name(op.Operands[0]),
            op.Operands[0].Shape.Rank == op.Settings.Integers("kernel").Length + 1, x => write(graph, x, op));

    private static string Max(GraphWriter graph, string x, TracedOp op)
    {
        PoolAxis[] axes = Axes(op);
        int[] before = [.. axes.Select(static axis => axis.Pad)], after = [.. axes.Select(After)];
        // No runtime takes padding as large as a window.
        if (axes.Where((axis, i) => after[i] >= axis.Kernel).Any())
        {
            int rank = axes.Length + 2;
            x = Shapes.Padded(graph, x, rank, before, after, graph.Number(double.NegativeInfinity));
            before = after = new int[axes.Length];
        }

        return graph.Node("MaxPool", [x],
            Attributes.Of("kernel_shape", axes.Select(static axis => axis.Kernel)),
            Attributes.Of("strides", axes.Select(static axis => axis.Stride)),
            Attributes.Of("dilations", axes.Select(static axis => axis.Dilation)),
            Attributes.Of("pads", [.. before, .. after]));
    }

    private static string Average(GraphWriter graph, string x, TracedOp op)
    {
        PoolAxis[] axes = Axes(op);
        if (op.Settings.Flag("isAdaptive"))
        {
            if (axes.All(static axis => axis.Output == 1)) return graph.Node("GlobalAveragePool", [x]);
            if (!axes.All(static axis => axis.Input % axis.Output == 0))
                return Products.Between(graph, x, Shares(graph, axes[0], false), Shares(graph, axes[1], true));
            axes = Array.ConvertAll(axes, static axis => new PoolAxis(axis.Input, axis.Output,
                axis.Input / axis.Output, axis.Input / axis.Output, 0, 1));
        }

        bool includes = op.Settings.Flag("countIncludePad");
        int divisor = op.Settings.Integer("divisor");
        int[] before = [.. axes.Select(static axis => axis.Pad)], after = [.. axes.Select(After)];
        bool reachesBeyond = axes.Where((axis, i) => after[i] > axis.Pad).Any();
        bool isPlain = divisor == 0 && !reachesBeyond;
        string y = graph.Node("AveragePool", [x],
            Attributes.Of("kernel_shape", axes.Select(static axis => axis.Kernel)),
            Attributes.Of("strides", axes.Select(static axis => axis.Stride)),
            Attributes.Of("pads", [.. before, .. after]),
            Attributes.Of("count_include_pad", includes || !isPlain ? 1L : 0L));
        return isPlain ? y : graph.Node("Mul", [y, Corrections(graph, axes, includes, divisor)]);
    }

    /// <summary>
    /// For each place the size of a whole window, which ONNX divides by, over the number that the library divides by.
    /// </summary>
    private static string Corrections(GraphWriter graph, PoolAxis[] axes, bool includes, int divisor)
    {
        int[] sizes = [.. axes.Select(static axis => axis.Output)];
        double whole = axes.Aggregate(1.0, static (product, axis) => product * axis.Kernel);
        double[] factors = new double[sizes.Aggregate(1, static (product, size) => product * size)];
        for (int i = 0; i < factors.Length; i++)
        {
            double count = 1;
            int place = i;
            for (int a = axes.Length - 1; a >= 0; a--)
            {
                axes[a].Window(place % sizes[a], out int first, out int end, out int padded);
                count *= includes ? padded : end - first;
                place /= sizes[a];
            }

            factors[i] = whole / (divisor == 0 ? count : divisor);
        }

        return graph.Numbers(factors, sizes);
    }

    /// <summary>The matrix that takes the means of windows of different sizes.</summary>
    private static string Shares(GraphWriter graph, PoolAxis axis, bool transposed)
    {
        double[] shares = new double[axis.Input * axis.Output];
        for (int o = 0; o < axis.Output; o++)
        {
            axis.Window(o, out int first, out int end, out _);
            for (int i = first; i < end; i++)
                shares[transposed ? (i * axis.Output) + o : (o * axis.Input) + i] = 1.0 / (end - first);
        }

        return graph.Numbers(shares, transposed ? [axis.Input, axis.Output] : [axis.Output, axis.Input]);
    }

    /// <summary>Padding at the end so that rounding down gives all windows, and no more.</summary>
    private static int After(PoolAxis axis)
    {
        int needed = ((axis.Output - 1) * axis.Stride) + (axis.Dilation * (axis.Kernel - 1)) + 1
            - axis.Input - axis.Pad;
        // One window more would fit from here on.
        int limit = needed + axis.Stride - 1;
        return Math.Max(0, Math.Min(Math.Max(needed, axis.Pad), limit));
    }

    private static PoolAxis[] Axes(TracedOp op)
    {
        OpSettings settings = op.Settings;
        int[] kernel = settings.Integers("kernel"), stride = settings.Integers("stride"),
            padding = settings.Integers("padding"), dilation = settings.Integers("dilation");
        Shape from = op.Operands[0].Shape, to = op.Output.Shape;
        return [.. kernel.Select((size, i) => new PoolAxis(from[i - kernel.Length], to[i - kernel.Length], size,
            stride[i], padding[i], dilation[i]))];
    }
}
