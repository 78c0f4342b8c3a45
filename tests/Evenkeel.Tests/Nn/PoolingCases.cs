using Evenkeel.Nn;

namespace Evenkeel.Tests.Nn;

/// <summary>A pooling with all its settings, and the shape of its input.</summary>
/// <param name="Spatial">Dimensions of the window: 1, 2 or 3.</param>
/// <param name="Input">(N, C, ...); without N for a single sample.</param>
/// <param name="Kernel">Places of the window, 1 where there is no dimension; the output's sizes if adaptive.</param>
internal sealed record PoolingCase(int Spatial, int[] Input, Size3 Kernel)
{
    public bool IsMax { get; init; }

    public bool IsAdaptive { get; init; }

    /// <summary>Whether an adaptive pooling keeps the last dimension, whatever the output's size.</summary>
    public bool KeepsWidth { get; init; }

    public Size3? Stride { get; init; }

    public Padding Padding { get; init; }

    public Size3 Dilation { get; init; } = 1;

    public bool CeilMode { get; init; }

    public bool CountIncludePad { get; init; } = true;

    public int? Divisor { get; init; }

    /// <summary>The layer.</summary>
    public Module Create() => (Spatial, IsMax, IsAdaptive) switch
    {
        (1, true, true) => new AdaptiveMaxPool1d(Kernel.Width),
        (1, false, true) => new AdaptiveAvgPool1d(Kernel.Width),
        (2, true, true) => new AdaptiveMaxPool2d((Kernel.Height, Width)),
        (2, false, true) => new AdaptiveAvgPool2d((Kernel.Height, Width)),
        (_, true, true) => new AdaptiveMaxPool3d((Kernel.Depth, Kernel.Height, Width)),
        (_, false, true) => new AdaptiveAvgPool3d((Kernel.Depth, Kernel.Height, Width)),
        (1, true, _) => new MaxPool1d(Kernel.Width, Stride?.Width, Padding, Dilation.Width, CeilMode),
        (2, true, _) => new MaxPool2d(Plane(Kernel), Steps, Padding, Plane(Dilation), CeilMode),
        (_, true, _) => new MaxPool3d(Kernel, Stride, Padding, Dilation, CeilMode),
        (1, _, _) => new AvgPool1d(Kernel.Width, Stride?.Width, Padding, CeilMode, CountIncludePad, Dilation.Width),
        (2, _, _) => new AvgPool2d(
            Plane(Kernel), Steps, Padding, CeilMode, CountIncludePad, Divisor, Plane(Dilation)),
        _ => new AvgPool3d(Kernel, Stride, Padding, CeilMode, CountIncludePad, Divisor, Dilation),
    };

    private int? Width => KeepsWidth ? null : Kernel.Width;

    private Size2? Steps => Stride is { } stride ? Plane(stride) : null;

    private static Size2 Plane(Size3 size) => new(size.Height, size.Width);
}

/// <summary>
/// Every option of every pooling, with its output and its gradient. The comparison with PyTorch uses this file too, so
/// it names nothing but the library.
/// </summary>
internal static class PoolingCases
{
    private static readonly int[] s_rows = [2, 3, 11], s_planes = [2, 3, 7, 9], s_volumes = [2, 2, 5, 6, 7];

    public static IReadOnlyDictionary<string, PoolingCase> All { get; } = new OrderedDictionary<string, PoolingCase>
    {
        ["max_pool1d"] = new(1, s_rows, Row(2)) { IsMax = true },
        ["max_pool1d sample"] = new(1, s_rows[1..], Row(3)) { IsMax = true, Stride = Row(1) },
        ["max_pool1d all"] = new(1, s_rows, Row(3))
        {
            IsMax = true,
            Stride = Row(2),
            Padding = 1,
            Dilation = Row(2),
            CeilMode = true,
        },
        ["max_pool1d sides"] = new(1, s_rows, Row(3)) { IsMax = true, Stride = Row(2), Padding = Padding.Sides(0, 2) },
        ["max_pool2d"] = new(2, s_planes, Plane(3, 2)) { IsMax = true },
        ["max_pool2d quads"] = new(2, s_planes, Plane(2, 2)) { IsMax = true },
        ["max_pool2d quads ceil"] = new(2, s_planes, Plane(2, 2)) { IsMax = true, CeilMode = true },
        ["max_pool2d stem"] = new(2, s_planes, Plane(3, 3)) { IsMax = true, Stride = Plane(2, 2), Padding = 1 },
        ["max_pool2d all"] = new(2, s_planes, Plane(3, 4))
        {
            IsMax = true,
            Stride = Plane(2, 3),
            Padding = (1, 2),
            Dilation = Plane(2, 1),
            CeilMode = true,
        },
        ["max_pool2d one step"] = new(2, s_planes, Plane(5, 5)) { IsMax = true, Stride = Plane(1, 1), Padding = 2 },
        ["max_pool2d gaps"] = new(2, s_planes, Plane(1, 2)) { IsMax = true, Stride = Plane(3, 4) },
        ["max_pool2d sides"] =
            new(2, s_planes, Plane(3, 3)) { IsMax = true, Stride = Plane(2, 1), Padding = Padding.Sides(0, 2, 1, 2) },
        ["max_pool2d channel"] = new(2, [1, 1, 4, 40], Plane(3, 3)) { IsMax = true, Stride = Plane(1, 2), Padding = 1 },
        ["max_pool3d"] = new(3, s_volumes, (2, 3, 2)) { IsMax = true },
        ["max_pool3d sample"] = new(3, s_volumes[1..], 2) { IsMax = true, Stride = 1 },
        ["max_pool3d all"] = new(3, s_volumes, (3, 2, 3))
        {
            IsMax = true,
            Stride = (2, 1, 3),
            Padding = (1, 0, 1),
            Dilation = (1, 3, 2),
            CeilMode = true,
        },
        ["max_pool3d planes"] = new(3, s_volumes, (1, 2, 2)) { IsMax = true },
        ["max_pool3d sides"] =
            new(3, s_volumes, 3) { IsMax = true, Stride = 2, Padding = Padding.Sides(1, 0, 0, 1, 2, 1) },
        ["avg_pool1d"] = new(1, s_rows, Row(2)),
        ["avg_pool1d sample"] = new(1, s_rows[1..], Row(3)) { Stride = Row(1) },
        ["avg_pool1d all"] = new(1, s_rows, Row(4))
        {
            Stride = Row(3),
            Padding = 2,
            CeilMode = true,
            CountIncludePad = false,
        },
        ["avg_pool1d ceil"] = new(1, s_rows, Row(4)) { Stride = Row(3), Padding = 1, CeilMode = true },
        ["avg_pool1d sides"] = new(1, s_rows, Row(3)) { Stride = Row(2), Padding = Padding.Sides(0, 2) },
        ["avg_pool2d"] = new(2, s_planes, Plane(3, 2)),
        ["avg_pool2d quads"] = new(2, s_planes, Plane(2, 2)),
        ["avg_pool2d stem"] = new(2, s_planes, Plane(3, 3)) { Stride = Plane(2, 2), Padding = 1 },
        ["avg_pool2d ceil"] =
            new(2, s_planes, Plane(3, 4)) { Stride = Plane(2, 3), Padding = (1, 2), CeilMode = true },
        ["avg_pool2d ceil inside"] = new(2, s_planes, Plane(3, 4))
        {
            Stride = Plane(2, 3),
            Padding = (1, 2),
            CeilMode = true,
            CountIncludePad = false,
        },
        ["avg_pool2d divisor"] = new(2, s_planes, Plane(3, 2)) { Stride = Plane(1, 2), Padding = 1, Divisor = 7 },
        ["avg_pool2d negative divisor"] = new(2, s_planes, Plane(2, 2)) { Divisor = -3 },
        ["avg_pool2d sides"] =
            new(2, s_planes, Plane(3, 3)) { Stride = Plane(2, 1), Padding = Padding.Sides(0, 2, 1, 2) },
        ["avg_pool2d sides inside"] = new(2, s_planes, Plane(3, 3))
        {
            Stride = Plane(2, 1),
            Padding = Padding.Sides(0, 2, 1, 2),
            CountIncludePad = false,
        },
        ["avg_pool2d dilation"] = new(2, s_planes, Plane(3, 2)) { Stride = Plane(1, 2), Dilation = Plane(2, 3) },
        ["avg_pool3d"] = new(3, s_volumes, (2, 3, 2)),
        ["avg_pool3d sample"] = new(3, s_volumes[1..], 2) { Stride = 1 },
        ["avg_pool3d ceil"] =
            new(3, s_volumes, (3, 2, 3)) { Stride = (2, 1, 3), Padding = (1, 0, 1), CeilMode = true },
        ["avg_pool3d ceil inside"] = new(3, s_volumes, (3, 2, 3))
        {
            Stride = (2, 1, 3),
            Padding = (1, 0, 1),
            CeilMode = true,
            CountIncludePad = false,
        },
        ["avg_pool3d divisor"] = new(3, s_volumes, (1, 3, 3)) { Stride = (1, 2, 2), Padding = (0, 1, 1), Divisor = 2 },
        ["avg_pool3d sides inside"] =
            new(3, s_volumes, 3) { Stride = 2, Padding = Padding.Sides(1, 0, 0, 1, 2, 1), CountIncludePad = false },
        ["adaptive_avg_pool1d"] = new(1, s_rows, Row(4)) { IsAdaptive = true },
        ["adaptive_avg_pool1d larger"] = new(1, s_rows, Row(17)) { IsAdaptive = true },
        ["adaptive_avg_pool2d"] = new(2, s_planes, Plane(3, 4)) { IsAdaptive = true },
        ["adaptive_avg_pool2d one"] = new(2, s_planes, Plane(1, 1)) { IsAdaptive = true },
        ["adaptive_avg_pool2d keep"] = new(2, s_planes, Plane(2, 0)) { IsAdaptive = true, KeepsWidth = true },
        ["adaptive_avg_pool2d even"] = new(2, s_planes, Plane(7, 3)) { IsAdaptive = true },
        ["adaptive_avg_pool3d"] = new(3, s_volumes, (3, 4, 2)) { IsAdaptive = true },
        ["adaptive_avg_pool3d one"] = new(3, s_volumes, 1) { IsAdaptive = true },
        ["adaptive_avg_pool3d keep"] = new(3, s_volumes, (2, 3, 0)) { IsAdaptive = true, KeepsWidth = true },
        ["adaptive_max_pool1d"] = new(1, s_rows, Row(4)) { IsMax = true, IsAdaptive = true },
        ["adaptive_max_pool1d one"] = new(1, s_rows, Row(1)) { IsMax = true, IsAdaptive = true },
        ["adaptive_max_pool2d"] = new(2, s_planes, Plane(3, 4)) { IsMax = true, IsAdaptive = true },
        ["adaptive_max_pool2d one"] = new(2, s_planes, Plane(1, 1)) { IsMax = true, IsAdaptive = true },
        ["adaptive_max_pool2d keep"] =
            new(2, s_planes, Plane(2, 0)) { IsMax = true, IsAdaptive = true, KeepsWidth = true },
        ["adaptive_max_pool3d"] = new(3, s_volumes, (3, 4, 2)) { IsMax = true, IsAdaptive = true },
        ["adaptive_max_pool3d one"] = new(3, s_volumes, 1) { IsMax = true, IsAdaptive = true },
        ["adaptive_max_pool3d larger"] = new(3, s_volumes, (7, 6, 9)) { IsMax = true, IsAdaptive = true },
    };

    /// <summary>Input i. Some are equal, and all are the same in both element types.</summary>
    public static double Input(int i) => (((i * 37) % 23) - 11) / 8.0;

    /// <summary>The gradient of output i.</summary>
    public static double Cotangent(int i) => (((i * 29) % 19) - 9) / 8.0;

    /// <summary>The output, then the gradient of the input.</summary>
    public static double[] Run(string name, DType dtype)
    {
        PoolingCase one = All[name];
        Tensor x = new Tape().Input(Values(new Shape(one.Input), Input, dtype), requiresGradient: true);
        Tensor y = one.Create().Forward(x);
        y.Backward(Values(y.Shape, Cotangent, dtype));
        return [.. Doubles(y), .. Doubles(x.Gradient!)];
    }

    private static Tensor Values(Shape shape, Func<int, double> value, DType dtype) =>
        Tensor.From(Enumerable.Range(0, shape.Count).Select(value).ToArray(), shape).To(dtype);

    private static double[] Doubles(Tensor tensor) => tensor.To(DType.Float64).ToArray<double>();

    private static Size3 Row(int width) => new(1, 1, width);

    private static Size3 Plane(int height, int width) => new(1, height, width);
}
