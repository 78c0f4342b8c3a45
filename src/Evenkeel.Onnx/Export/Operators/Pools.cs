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

    private static string OnBatch(
        GraphWriter graph, TracedOp op, Func<GraphWriter, string, TracedOp, PoolAxis[], string> write)
    {
        PoolAxis[] axes = Axes(op);
        return Convolutions.InBatch(graph, graph.Name(op.Operands[0]), op.Operands[0].Shape.Rank == axes.Length + 1,
            x => write(graph, x, op, axes));
    }

    private static string Max(GraphWriter graph, string x, TracedOp op, PoolAxis[] axes)
    {
        if (Array.TrueForAll(axes, IsWhole)) return graph.Node("GlobalMaxPool", [x]);
        if (Array.Exists(axes, static axis => axis.Kernel == 0)) return MaxOfParts(graph, x, axes);
        int[] before = Array.ConvertAll(axes, static axis => axis.Before), after = Array.ConvertAll(axes, After);
        if (!IsBelowWindow(axes, before, after))
        {
            string least = graph.Number(double.NegativeInfinity);
            x = Shapes.Padded(graph, x, axes.Length + 2, before, after, least);
            before = after = new int[axes.Length];
        }

        return graph.Node("MaxPool", [x], [.. Windows(axes, before, after),
            Attributes.Of("dilations", axes.Select(static axis => axis.Dilation))]);
    }

    /// <summary>Windows of different sizes: each by itself, along one dimension after the other.</summary>
    private static string MaxOfParts(GraphWriter graph, string x, PoolAxis[] axes)
    {
        for (int i = 0; i < axes.Length; i++)
        {
            if (axes[i].IsIdentity) continue;
            string[] parts = new string[axes[i].Output];
            for (int o = 0; o < parts.Length; o++)
            {
                axes[i].Window(o, out int first, out int count, out _);
                parts[o] = graph.Reduce("ReduceMax", graph.Slice(x, i + 2, first, first + count), [i + 2], keep: true);
            }

            x = graph.Node("Concat", parts, Attributes.Of("axis", i + 2L));
        }

        return x;
    }

    private static string Average(GraphWriter graph, string x, TracedOp op, PoolAxis[] axes)
    {
        bool includes = op.Settings.Flag("countIncludePad");
        int divisor = op.Settings.Integer("divisor");
        if (Array.TrueForAll(axes, IsWhole) && divisor == 0) return graph.Node("GlobalAveragePool", [x]);
        bool isDilated = Array.Exists(axes, static axis => axis.Dilation > 1);
        int[] before = Array.ConvertAll(axes, static axis => axis.Before), after = Array.ConvertAll(axes, After);
        if (Array.Exists(axes, static axis => axis.Kernel == 0) || !IsBelowWindow(axes, before, after)
            || (isDilated && !graph.Has(19, "dilated averages")))
        {
            return MeansOfParts(graph, x, op, axes, new AverageDivisor(includes, divisor));
        }

        double[] factors = Factors(axes, new AverageDivisor(includes, divisor), out bool isWhole, out bool hasEmpty);
        bool isExcluding = !includes && divisor == 0 && !hasEmpty && !isWhole;
        Format.AttributeProto[] dilations =
            isDilated ? [Attributes.Of("dilations", axes.Select(static axis => axis.Dilation))] : [];
        string y = graph.Node("AveragePool", [x], [.. Windows(axes, before, after), .. dilations,
            Attributes.Of("count_include_pad", isExcluding ? 0L : 1L)]);
        return isExcluding || isWhole
            ? y
            : graph.Node("Mul", [y, graph.Numbers(factors, [.. axes.Select(static axis => axis.Output)])]);
    }

    /// <summary>Means as products with matrices: a window's sum is a sum of sums along each dimension.</summary>
    private static string MeansOfParts(
        GraphWriter graph, string x, TracedOp op, PoolAxis[] axes, AverageDivisor divisor)
    {
        int channels = op.Output.Shape[-axes.Length - 1];
        for (int i = 0; i < axes.Length; i++)
        {
            PoolAxis axis = axes[i];
            if (axis.IsIdentity) continue;
            int behind = axes.Length - 1 - i;
            string matrix = graph.Numbers(Shares(axis, divisor, isLast: behind == 0),
                behind == 0 ? [axis.Input, axis.Output] : [axis.Output, axis.Input]);
            if (behind < 2)
            {
                x = behind == 0 ? graph.Node("MatMul", [x, matrix]) : graph.Node("MatMul", [matrix, x]);
                continue;
            }

            string rows = graph.Reshape(x, [0, channels, axis.Input, -1]);
            x = graph.Reshape(graph.Node("MatMul", [matrix, rows]),
                [0, channels, axis.Output, axes[i + 1].Input, axes[i + 2].Input]);
        }

        return divisor.Number == 0 ? x : graph.Node("Div", [x, graph.Number(divisor.Number)]);
    }

    private static double[] Shares(PoolAxis axis, AverageDivisor divisor, bool isLast)
    {
        double[] shares = new double[axis.Input * axis.Output];
        for (int o = 0; o < axis.Output; o++)
        {
            axis.Window(o, out int first, out int count, out int counted);
            double share = divisor.Number != 0 ? 1 : 1.0 / divisor.Of(count, counted);
            for (int k = 0; k < count; k++)
            {
                int i = first + (k * axis.Dilation);
                shares[isLast ? (i * axis.Output) + o : (o * axis.Input) + i] = share;
            }
        }

        return shares;
    }

    /// <summary>
    /// For each place the size of a whole window, which ONNX divides by, over the number that the library divides by.
    /// </summary>
    /// <param name="axes">The windows.</param>
    /// <param name="divisor">What the library divides by.</param>
    /// <param name="isWhole">Whether all are 1.</param>
    /// <param name="hasEmpty">Whether some window has no value of the input.</param>
    private static double[] Factors(PoolAxis[] axes, AverageDivisor divisor, out bool isWhole, out bool hasEmpty)
    {
        double whole = axes.Aggregate(1.0, static (product, axis) => product * axis.Kernel);
        double[] factors = new double[axes.Aggregate(1, static (product, axis) => product * axis.Output)];
        (isWhole, hasEmpty) = (true, false);
        for (int i = 0; i < factors.Length; i++)
        {
            double inside = 1, padded = 1;
            int place = i;
            for (int a = axes.Length - 1; a >= 0; a--)
            {
                axes[a].Window(place % axes[a].Output, out _, out int count, out int counted);
                (inside, padded) = (inside * count, padded * counted);
                place /= axes[a].Output;
            }

            factors[i] = inside == 0 ? 1 : whole / divisor.Of(inside, padded);
            hasEmpty |= inside == 0;
            isWhole &= factors[i] == 1;
        }

        return factors;
    }

    private static Format.AttributeProto[] Windows(PoolAxis[] axes, int[] before, int[] after) =>
    [
        Attributes.Of("kernel_shape", axes.Select(static axis => axis.Kernel)),
        Attributes.Of("strides", axes.Select(static axis => axis.Stride)),
        Attributes.Of("pads", [.. before, .. after]),
    ];

    /// <summary>Whether runtimes take the padding as an attribute: they ask for less than a window.</summary>
    private static bool IsBelowWindow(PoolAxis[] axes, int[] before, int[] after) =>
        !axes.Where((axis, i) => before[i] >= axis.Kernel || after[i] >= axis.Kernel).Any()
        || (Array.TrueForAll(before, static pad => pad == 0) && Array.TrueForAll(after, static pad => pad == 0));

    private static bool IsWhole(PoolAxis axis) => axis.Output == 1 && axis.Kernel == axis.Input
        && axis.Dilation == 1 && axis.Before == 0 && axis.After == 0;

    /// <summary>Padding at the end so that rounding down gives all windows, and no more.</summary>
    private static int After(PoolAxis axis)
    {
        int needed = ((axis.Output - 1) * axis.Stride) + axis.Span - axis.Input - axis.Before;
        // One window more would fit from here on.
        int limit = needed + axis.Stride - 1;
        return Math.Max(0, Math.Min(Math.Max(needed, axis.After), limit));
    }

    private static PoolAxis[] Axes(TracedOp op)
    {
        OpSettings settings = op.Settings;
        int[] kernel = settings.Integers("kernel"), stride = settings.Integers("stride"),
            before = settings.Integers("before"), after = settings.Integers("after"),
            dilation = settings.Integers("dilation");
        Shape from = op.Operands[0].Shape, to = op.Output.Shape;
        return [.. kernel.Select((size, i) => new PoolAxis(from[i - kernel.Length], to[i - kernel.Length], size,
            stride[i], before[i], after[i], dilation[i]))];
    }
}
