using Evenkeel.Nn;

namespace Evenkeel.Tests.Nn;

/// <summary>A convolution with all its settings, and the shape of its input.</summary>
/// <param name="Spatial">Dimensions of the window: 1, 2 or 3.</param>
/// <param name="Input">(N, C, ...); without N for a single sample.</param>
/// <param name="OutChannels">Channels of the output.</param>
/// <param name="Kernel">Points of the window; of 1 where there is no dimension.</param>
internal sealed record ConvolutionCase(int Spatial, int[] Input, int OutChannels, Size3 Kernel)
{
    public bool IsTransposed { get; init; }

    public Size3 Stride { get; init; } = 1;

    public Padding Padding { get; init; }

    public Size3 Dilation { get; init; } = 1;

    public Size3 OutputPadding { get; init; }

    public int Groups { get; init; } = 1;

    public bool Bias { get; init; } = true;

    public PaddingMode Mode { get; init; }

    public int InChannels => Input[^(Spatial + 1)];

    /// <summary>The shape of the weight.</summary>
    public int[] Weight
    {
        get
        {
            int[] channels = IsTransposed ? [InChannels, OutChannels / Groups] : [OutChannels, InChannels / Groups];
            int[] window = [Kernel.Depth, Kernel.Height, Kernel.Width];
            return [.. channels, .. window[(3 - Spatial)..]];
        }
    }

    /// <summary>The layer.</summary>
    public Module Create() => (Spatial, IsTransposed) switch
    {
        (1, false) => new Conv1d(
            InChannels, OutChannels, Kernel.Width, Stride.Width, Padding, Dilation.Width, Groups, Bias, Mode),
        (2, false) => new Conv2d(
            InChannels, OutChannels, Plane(Kernel), Plane(Stride), Padding, Plane(Dilation), Groups, Bias, Mode),
        (3, false) => new Conv3d(InChannels, OutChannels, Kernel, Stride, Padding, Dilation, Groups, Bias, Mode),
        (1, true) => new ConvTranspose1d(InChannels, OutChannels, Kernel.Width, Stride.Width, Padding,
            OutputPadding.Width, Groups, Bias, Dilation.Width),
        (2, true) => new ConvTranspose2d(InChannels, OutChannels, Plane(Kernel), Plane(Stride), Padding,
            Plane(OutputPadding), Groups, Bias, Plane(Dilation)),
        _ => new ConvTranspose3d(
            InChannels, OutChannels, Kernel, Stride, Padding, OutputPadding, Groups, Bias, Dilation),
    };

    private static Size2 Plane(Size3 size) => new(size.Height, size.Width);
}

/// <summary>
/// The cases of the golden family "convolutions": each option of each layer. Values and gradients are compared with
/// PyTorch's (tests/Evenkeel.Interop.Tests has its side of each name) and with the naive twin, and the gradients with
/// differences.
/// </summary>
internal static class ConvolutionCases
{
    private static readonly int[] s_rows = [2, 4, 9], s_planes = [2, 4, 5, 6], s_volumes = [2, 2, 4, 3, 5];

    public static readonly IReadOnlyDictionary<string, ConvolutionCase> All =
        new Dictionary<string, ConvolutionCase>(StringComparer.Ordinal)
        {
            ["conv1d"] = new(1, s_rows, 3, Rows(3)),
            ["conv1d sample"] = new(1, [4, 9], 3, Rows(3)),
            ["conv1d all"] = new(1, s_rows, 6, Rows(3))
            {
                Stride = Rows(2),
                Padding = 3,
                Dilation = Rows(2),
                Groups = 2,
                Bias = false,
            },
            ["conv1d same"] = new(1, s_rows, 3, Rows(4)) { Padding = Padding.Same, Dilation = Rows(3) },
            ["conv1d valid"] = new(1, s_rows, 3, Rows(4)) { Padding = Padding.Valid, Stride = Rows(3) },
            ["conv1d sides"] = new(1, s_rows, 3, Rows(3)) { Padding = Padding.Sides(4, 0), Dilation = Rows(2) },
            ["conv1d reflect"] = new(1, s_rows, 3, Rows(3)) { Padding = 8, Mode = PaddingMode.Reflect },
            ["conv1d replicate"] =
                new(1, s_rows, 3, Rows(3)) { Padding = 11, Mode = PaddingMode.Replicate, Stride = Rows(2) },
            ["conv1d circular"] = new(1, s_rows, 3, Rows(3)) { Padding = 9, Mode = PaddingMode.Circular },
            ["conv1d same reflect"] =
                new(1, s_rows, 3, Rows(4)) { Padding = Padding.Same, Mode = PaddingMode.Reflect, Groups = 1 },
            ["conv1d one value"] = new(1, [3, 2, 1], 3, Rows(3)) { Padding = 1 },
            ["conv2d"] = new(2, s_planes, 3, Planes(3, 2)),
            ["conv2d all"] = new(2, s_planes, 6, Planes(2, 3))
            {
                Stride = Planes(2, 1),
                Padding = (1, 2),
                Dilation = Planes(2, 1),
                Groups = 2,
                Bias = false,
            },
            ["conv2d depthwise"] = new(2, s_planes, 4, Planes(3, 3)) { Groups = 4, Padding = 1 },
            ["conv2d same"] = new(2, s_planes, 3, Planes(2, 4)) { Padding = Padding.Same, Dilation = Planes(3, 1) },
            ["conv2d valid"] = new(2, s_planes, 3, Planes(2, 4)) { Padding = Padding.Valid, Stride = Planes(1, 2) },
            ["conv2d sides"] = new(2, s_planes, 3, Planes(3, 3)) { Padding = Padding.Sides(0, 2, 3, 1) },
            ["conv2d sides stride"] =
                new(2, s_planes, 3, Planes(3, 3)) { Padding = Padding.Sides(0, 1, 0, 1), Stride = Planes(2, 2) },
            ["conv2d reflect"] = new(2, s_planes, 3, Planes(3, 3))
            {
                Padding = (4, 5),
                Mode = PaddingMode.Reflect,
                Stride = Planes(3, 2),
            },
            ["conv2d replicate"] = new(2, s_planes, 2, Planes(3, 3)) { Padding = (1, 2), Mode = PaddingMode.Replicate },
            ["conv2d circular"] = new(2, s_planes, 2, Planes(3, 3)) { Padding = (2, 1), Mode = PaddingMode.Circular },
            ["conv2d sides reflect"] =
                new(2, s_planes, 2, Planes(3, 3)) { Padding = Padding.Sides(0, 2, 1, 3), Mode = PaddingMode.Reflect },
            ["conv2d same circular"] =
                new(2, s_planes, 2, Planes(2, 4)) { Padding = Padding.Same, Mode = PaddingMode.Circular },
            ["conv3d"] = new(3, s_volumes, 3, (2, 3, 2)),
            ["conv3d sample"] = new(3, s_volumes[1..], 3, (2, 3, 2)),
            ["conv3d all"] = new(3, s_volumes, 4, (2, 3, 2))
            {
                Stride = (2, 1, 3),
                Padding = (1, 2, 0),
                Dilation = (1, 2, 3),
                Groups = 2,
                Bias = false,
            },
            ["conv3d one number"] = new(3, s_volumes, 2, 3) { Padding = 1, Stride = 2 },
            ["conv3d depthwise"] = new(3, s_volumes, 4, 2) { Groups = 2, Padding = (0, 1, 1), Dilation = (3, 1, 1) },
            ["conv3d same"] = new(3, s_volumes, 2, (4, 1, 2)) { Padding = Padding.Same },
            ["conv3d valid"] = new(3, s_volumes, 2, (4, 1, 2)) { Padding = Padding.Valid },
            ["conv3d sides"] = new(3, s_volumes, 2, 2) { Padding = Padding.Sides(1, 0, 0, 2, 2, 1) },
            ["conv3d reflect"] =
                new(3, s_volumes, 2, 3) { Padding = (3, 2, 1), Mode = PaddingMode.Reflect, Stride = (3, 2, 2) },
            ["conv3d replicate"] =
                new(3, s_volumes, 2, 3) { Padding = (0, 4, 1), Mode = PaddingMode.Replicate, Stride = (1, 3, 2) },
            ["conv3d circular"] =
                new(3, s_volumes, 2, 2) { Padding = (1, 3, 0), Mode = PaddingMode.Circular, Stride = (2, 3, 1) },
            ["conv3d planes"] = new(3, s_volumes, 3, (1, 3, 3)) { Padding = (0, 1, 1), Stride = (2, 1, 1) },
            ["conv3d one slice"] = new(3, [1, 3, 1, 4, 3], 2, (3, 2, 2)) { Padding = (1, 0, 0) },
            ["conv_transpose1d"] = new(1, s_rows, 3, Rows(3)) { IsTransposed = true },
            ["conv_transpose1d sample"] = new(1, [4, 9], 3, Rows(3)) { IsTransposed = true, Stride = Rows(2) },
            ["conv_transpose1d all"] = new(1, s_rows, 6, Rows(3))
            {
                IsTransposed = true,
                Stride = Rows(3),
                Padding = 2,
                OutputPadding = Rows(1, 0),
                Dilation = Rows(2),
                Groups = 2,
                Bias = false,
            },
            ["conv_transpose1d dilation"] = new(1, s_rows, 2, Rows(2))
            {
                IsTransposed = true,
                OutputPadding = Rows(2, 0),
                Dilation = Rows(3),
            },
            ["conv_transpose1d gaps"] = new(1, s_rows, 2, Rows(2)) { IsTransposed = true, Stride = Rows(4) },
            ["conv_transpose1d cut"] = new(1, s_rows, 2, Rows(2)) { IsTransposed = true, Padding = 4 },
            ["conv_transpose1d one value"] =
                new(1, [2, 2, 1], 3, Rows(4)) { IsTransposed = true, Stride = Rows(5), OutputPadding = Rows(4, 0) },
            ["conv_transpose2d"] = new(2, s_planes, 3, Planes(3, 2)) { IsTransposed = true },
            ["conv_transpose2d double"] =
                new(2, s_planes, 3, Planes(4, 4)) { IsTransposed = true, Stride = Planes(2, 2), Padding = 1 },
            ["conv_transpose2d all"] = new(2, s_planes, 4, Planes(2, 3))
            {
                IsTransposed = true,
                Stride = Planes(1, 2),
                Padding = (0, 1),
                OutputPadding = new(0, 1, 1),
                Dilation = Planes(2, 1),
                Groups = 2,
                Bias = false,
            },
            ["conv_transpose2d depthwise"] =
                new(2, s_planes, 4, Planes(3, 3)) { IsTransposed = true, Groups = 4, Stride = Planes(2, 1) },
            ["conv_transpose2d gaps"] =
                new(2, s_planes, 2, Planes(1, 2)) { IsTransposed = true, Stride = Planes(3, 3), Padding = (0, 1) },
            ["conv_transpose3d"] = new(3, s_volumes, 2, (2, 1, 2)) { IsTransposed = true },
            ["conv_transpose3d all"] = new(3, s_volumes, 4, (2, 3, 2))
            {
                IsTransposed = true,
                Stride = (2, 1, 1),
                Padding = (1, 2, 1),
                OutputPadding = (1, 0, 1),
                Dilation = (1, 2, 2),
                Groups = 2,
                Bias = false,
            },
        };

    /// <summary>Input i. All numbers are the same in both element types, and so are their sums.</summary>
    public static double Input(int i) => (((i * 37) % 23) - 11) / 8.0;

    /// <summary>Weight i.</summary>
    public static double Weight(int i) => (((i * 13) % 17) - 8) / 8.0;

    /// <summary>Bias i.</summary>
    public static double Bias(int i) => (((i * 5) % 7) - 3) / 4.0;

    /// <summary>The gradient of output i.</summary>
    public static double Cotangent(int i) => (((i * 29) % 19) - 9) / 8.0;

    /// <summary>The output; then the gradients of the input, the weight and the bias.</summary>
    public static double[] Run(string name, DType dtype)
    {
        ConvolutionCase one = All[name];
        Module layer = one.Create();
        layer.To(dtype);
        layer.Parameters()[0].CopyFrom(Values(new Shape(one.Weight), Weight, dtype));
        if (one.Bias) layer.Parameters()[1].CopyFrom(Values([one.OutChannels], Bias, dtype));
        Tensor x = new Tape().Input(Values(new Shape(one.Input), Input, dtype), requiresGradient: true);
        Tensor y = layer.Forward(x);
        y.Backward(Values(y.Shape, Cotangent, dtype));
        return [.. Doubles(y), .. Doubles(x.Gradient!), .. layer.Parameters().SelectMany(p => Doubles(p.Gradient!))];
    }

    public static Tensor Values(Shape shape, Func<int, double> value, DType dtype) =>
        Tensor.From(Enumerable.Range(0, shape.Count).Select(value).ToArray(), shape).To(dtype);

    private static double[] Doubles(Tensor tensor) => tensor.To(DType.Float64).ToArray<double>();

    private static Size3 Rows(int width, int other = 1) => new(other, other, width);

    private static Size3 Planes(int height, int width) => new(1, height, width);
}
