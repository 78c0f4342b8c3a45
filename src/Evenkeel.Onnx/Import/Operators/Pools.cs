namespace Evenkeel.Onnx.Import.Operators;

/// <summary>Pooling over windows and over everything.</summary>
internal static class Pools
{
    public static void AddTo(Dictionary<string, Factory> all)
    {
        all["MaxPool"] = Max;
        all["AveragePool"] = Average;
        all["GlobalAveragePool"] = static _ => Activations.Kernel(
            static x => x.Shape.Rank == 2 ? x : x.Mean([.. Enumerable.Range(2, x.Shape.Rank - 2)], keepDims: true));
        all["GlobalMaxPool"] = static _ => Activations.Kernel(static x =>
        {
            for (int axis = 2; axis < x.Shape.Rank; axis++) x = x.Max(axis, keepDims: true);
            return x;
        });
    }

    private static Window Sized(Node node)
    {
        var window = new Window(node);
        return window.Kernel.Length > 0 ? window : throw new Refusal("it has no kernel_shape");
    }

    private static Operation Max(Node node)
    {
        Window window = Sized(node);
        bool ceil = node.Int("ceil_mode", 0) != 0;
        node.Ignore("storage_order");
        if (node.Wants(1)) throw new Refusal("the places of its maxima are used, which are not computed here");
        return (Kernel)(x =>
        {
            // Whole numbers up to 2^53 are as good as doubles.
            Tensor input = x[0].IsFloat ? x.Float(0) : x[0].Tensor.To(DType.Float64);
            Tensor y = MaxPoolOp.Apply(input, Settings("MaxPool", window, input.Shape, ceil, x.Pass));
            return [x[0].With(x[0].IsFloat ? y
                : Tensor.From([.. y.ToArray<double>().Select(static value => (long)value)], y.Shape))];
        });
    }

    private static Operation Average(Node node)
    {
        Window window = Sized(node);
        bool ceil = node.Int("ceil_mode", 0) != 0, counts = node.Int("count_include_pad", 0) != 0;
        return (Kernel)(x => [x[0].With(AveragePoolOp.Apply(
            x.Float(0), Settings("AveragePool", window, x[0].Shape, ceil, x.Pass), counts, divisorOverride: null))]);
    }

    private static PoolSettings Settings(string name, Window window, Shape x, bool ceil, Pass pass)
    {
        int[] k = window.Kernel, s = window.Strides, d = window.Dilations;
        Padding padding = window.For(x);
        PoolSettings settings = k.Length switch
        {
            1 => PoolSettings.Rows(name, k[0], s[0], padding, d[0], ceil),
            2 => PoolSettings.Planes(name, (k[0], k[1]), new Size2(s[0], s[1]), padding, new Size2(d[0], d[1]), ceil),
            _ => PoolSettings.Volumes(name, (k[0], k[1], k[2]), new Size3(s[0], s[1], s[2]), padding,
                new Size3(d[0], d[1], d[2]), ceil),
        };
        settings.Checked().Windows(x, out Shape output);
        pass.Fitting(output);
        return settings;
    }
}
