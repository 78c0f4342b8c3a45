using Evenkeel.Kernels;

namespace Evenkeel.Onnx.Export.Operators;

/// <summary>Planes in another size.</summary>
internal static class Resampling
{
    public static string Upsample(GraphWriter graph, TracedOp op)
    {
        string x = graph.Name(op.Operands[0]);
        Shape from = op.Operands[0].Shape, to = op.Output.Shape;
        bool blends = op.Settings.Flag("blends"), aligned = op.Settings.Flag("alignCorners");
        ResampleAxis rows = Axis(2, "rowScale"), columns = Axis(3, "columnScale");
        if (blends && IsRatio(rows) && IsRatio(columns))
        {
            return Resize(graph, x, "linear", aligned ? "align_corners" : "half_pixel", rows, columns);
        }

        if (!blends && IsRepetition(rows) && IsRepetition(columns))
            return Resize(graph, x, "nearest", "asymmetric", rows, columns);
        // ONNX computes other places from a factor that is not the ratio of the sizes, or rounds them otherwise.
        return blends
            ? Products.Between(graph, x, Weights(graph, rows, transposed: false), Weights(graph, columns, true))
            : Picked(graph, Picked(graph, x, rows, 2), columns, 3);

        ResampleAxis Axis(int axis, string scale) =>
            new(from[axis], to[axis], blends, aligned, op.Settings.Number(scale));
    }

    private static string Resize(
        GraphWriter graph, string x, string mode, string places, ResampleAxis rows, ResampleAxis columns)
    {
        double[] scales = [1, 1, (double)rows.Output / rows.Input, (double)columns.Output / columns.Input];
        return graph.Node("Resize", [x, "", graph.Scales(scales)], Attributes.Of("mode", mode),
            Attributes.Of("coordinate_transformation_mode", places), Attributes.Of("nearest_mode", "floor"));
    }

    /// <summary>Whether places follow the ratio of the sizes, and the sizes the ratio rounded to float32.</summary>
    private static bool IsRatio(ResampleAxis axis)
    {
        double ratio = (double)axis.Output / axis.Input;
        bool isOwn = axis.AlignCorners || axis.Scale == 0 || axis.Scale == ratio;
        return isOwn && (int)Math.Floor(axis.Input * (double)(float)ratio) == axis.Output;
    }

    /// <summary>Whether each value is repeated, each as often.</summary>
    private static bool IsRepetition(ResampleAxis axis)
    {
        if (axis.Output % axis.Input != 0) return false;
        int times = axis.Output / axis.Input;
        return Enumerable.Range(0, axis.Output).All(o => First(axis, o) == o / times);
    }

    private static string Picked(GraphWriter graph, string x, ResampleAxis axis, int dimension)
    {
        long[] places = [.. Enumerable.Range(0, axis.Output).Select(o => (long)First(axis, o))];
        return graph.Node("Gather", [x, graph.Integers(places)], Attributes.Of("axis", (long)dimension));
    }

    private static int First(ResampleAxis axis, int o)
    {
        axis.Sources(o, out int first, out _, out _);
        return first;
    }

    /// <summary>The matrix from inputs to outputs.</summary>
    private static string Weights(GraphWriter graph, ResampleAxis axis, bool transposed)
    {
        double[] weights = new double[axis.Input * axis.Output];
        for (int o = 0; o < axis.Output; o++)
        {
            axis.Sources(o, out int first, out int second, out double lambda);
            weights[At(first, o)] += 1 - lambda;
            weights[At(second, o)] += lambda;
        }

        return graph.Numbers(weights, transposed ? [axis.Input, axis.Output] : [axis.Output, axis.Input]);

        int At(int input, int o) => transposed ? (input * axis.Output) + o : (o * axis.Input) + input;
    }
}
