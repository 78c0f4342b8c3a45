using System.Numerics;
using Evenkeel.Kernels;
using Evenkeel.Tests.Reference;
using Xunit;

namespace Evenkeel.Tests.Kernels;

/// <summary>
/// The jobs of a convolution, each by itself: the map of planes, the scattered gradient of the input and the gradient
/// of the weights. Rows of 1 to 257 values, and 1 to 257 lanes of filters or taps, against the naive twin, with guards
/// at both ends of every operand, of the results and of the scratch memory.
/// </summary>
public sealed unsafe class ConvolutionJobTests
{
    /// <summary>Filters, kernel, stride, padding, dilation.</summary>
    public static TheoryData<int, int, int, int, int> Windows => new()
    {
        { 1, 3, 1, 1, 1 }, { 3, 1, 1, 0, 1 }, { 2, 3, 2, 1, 1 }, { 7, 2, 1, 1, 2 },
    };

    [Theory]
    [MemberData(nameof(Windows))]
    public void Rows_of_every_length(int filters, int kernel, int stride, int pad, int dilation)
    {
        for (int width = 1; width <= KernelSweep.Longest; width++)
        {
            ConvolutionShape? shape = ConvolutionStageTests.ShapeOf(
                1, 2, 2, width, filters, kernel, stride, pad, dilation);
            if (shape is null) continue;
            if (width % 2 == 0 || width < 40) Check<float>(shape.Value, (Fence)(width / 2 % 2));
            if (width % 2 != 0 || width < 40) Check<double>(shape.Value, (Fence)(width / 2 % 2));
        }
    }

    [Theory]
    [InlineData(3, 2, 1, 1, 1)]
    [InlineData(17, 3, 2, 1, 1)]
    [InlineData(1, 2, 1, 0, 2)]
    public void Rows_of_volumes_of_every_length(int filters, int kernel, int stride, int pad, int dilation)
    {
        for (int width = 1; width <= KernelSweep.Longest; width += width < 40 ? 1 : 5)
        {
            if (ConvolutionStageTests.ShapeOf(1, 2, 2, width, filters, 2, 1, 1, 1) is not { } flat) continue;
            ConvolutionShape shape = flat with
            {
                Depth = 4,
                KernelDepth = kernel,
                StrideDepth = stride,
                DilationDepth = dilation,
                Front = pad,
                OutDepth = ((4 + (2 * pad) - (dilation * (kernel - 1)) - 1) / stride) + 1,
            };
            if (width % 2 == 0 || width < 40) Check<float>(shape, (Fence)(width / 2 % 2));
            if (width % 2 != 0 || width < 40) Check<double>(shape, (Fence)(width / 2 % 2));
        }
    }

    /// <summary>One plane per filter: the planes at the ends of the tensor, and one between them.</summary>
    [Theory]
    [InlineData(1, 0)]
    [InlineData(1, 1)]
    [InlineData(2, 0)]
    [InlineData(2, 1)]
    [InlineData(1, 5)]
    [InlineData(2, 4)]
    public void Rows_of_planes_of_every_length(int stride, int pad)
    {
        for (int width = 1; width <= KernelSweep.Longest; width += width < 70 ? 1 : 7)
        {
            int height = 1 + (width % 6);
            if (ConvolutionStageTests.ShapeOf(3, 3, height, width, 3, 3, stride, pad, 1) is not { } any) continue;
            int outHeight = ((height + (2 * pad) - 3) / stride) + 1;
            if (height + (2 * pad) < 3) continue;
            ConvolutionShape shape = any with { KernelHeight = 3, Groups = 3, OutHeight = outHeight };
            Check<float>(shape, (Fence)(width % 2));
            Check<double>(shape, (Fence)(width / 2 % 2));
        }
    }

    /// <summary>
    /// The last row and column of a plane are read by no window. What they hold reaches no gradient of a weight.
    /// </summary>
    [Fact]
    public void A_value_that_no_window_reads_reaches_no_gradient_of_a_weight()
    {
        foreach (int width in new[] { 4, 8, 20, 34, 70 })
        {
            ConvolutionShape any = ConvolutionStageTests.ShapeOf(3, 2, 6, width, 2, 3, 2, 0, 1)!.Value,
                shape = any with { KernelHeight = 3, Groups = 2, OutHeight = 2 };
            GuardedBuffer<float> x = new(3 * 2 * 6 * width, 1), dy = new(3 * 2 * 2 * shape.OutWidth, 2),
                dweight = new(2 * 9, 3), scratch = new(WeightJob<float>.ScratchCount(shape), 4);
            for (int i = 0; i < x.Count; i++)
            {
                if (i % width == width - 1 || i / width % 6 == 5) x.Values[i] = float.NaN;
            }

            WeightJob<float>.Run(shape, dy.Pointer, x.Pointer, dweight.Pointer, scratch.Pointer);
            Assert.All(dweight.Values.ToArray(), value => Assert.True(float.IsFinite(value)));
        }
    }

    [Fact]
    public void Every_number_of_filters_in_float() => Filters<float>();

    [Fact]
    public void Every_number_of_filters_in_double() => Filters<double>();

    [Fact]
    public void Every_number_of_channels_in_float() => Channels<float>();

    [Fact]
    public void Every_number_of_channels_in_double() => Channels<double>();

    private static void Filters<T>() where T : unmanaged, IFloatingPointIeee754<T>
    {
        for (int filters = 1; filters <= KernelSweep.Longest; filters++)
            Check<T>(ConvolutionStageTests.ShapeOf(2, 1, 3, 4, filters, 2, 1, 0, 1)!.Value, (Fence)(filters % 2));
    }

    private static void Channels<T>() where T : unmanaged, IFloatingPointIeee754<T>
    {
        for (int channels = 1; channels <= KernelSweep.Longest; channels++)
            Check<T>(ConvolutionStageTests.ShapeOf(2, channels, 2, 3, 2, 2, 1, 1, 1)!.Value, (Fence)(channels % 2));
    }

    private static void Check<T>(ConvolutionShape shape, Fence fence) where T : unmanaged, IFloatingPointIeee754<T>
    {
        int inputs = shape.Images * shape.Channels * shape.Volume, weights = shape.Filters * shape.Taps,
            outputs = shape.Images * shape.Filters * shape.OutVolume;
        GuardedBuffer<T> x = new(inputs, 1, fence), weight = new(weights, 2, fence),
            bias = new(shape.Filters, 3, fence), y = new(outputs, 4, fence),
            dy = new(outputs, 5, fence), dx = new(inputs, 6, fence), dweight = new(weights, 7, fence),
            shift = new(shape.Channels, 9, fence);
        for (int i = 0; i < weights; i++) weight.Values[i] -= T.One;
        for (int i = 0; i < shape.Filters; i++) bias.Values[i] -= T.One;
        for (int i = 0; i < shape.Channels; i++) shift.Values[i] -= T.One;
        Size3 around = new(shape.Front, shape.Top, shape.Left);
        var naive = new NaiveConvolution((shape.StrideDepth, shape.StrideHeight, shape.StrideWidth), around, around,
            (shape.DilationDepth, shape.DilationHeight, shape.DilationWidth), shape.Groups);
        (double[] expectedY, double[] expectedDx, double[] expectedDweight, _) = naive.Run(
            Tensor.From<T>(x.Values, [shape.Images, shape.Channels, shape.Depth, shape.Height, shape.Width]),
            Tensor.From<T>(weight.Values,
                [shape.Filters, shape.GroupChannels, shape.KernelDepth, shape.KernelHeight, shape.KernelWidth]),
            Tensor.From<T>(bias.Values, [shape.Filters]), i => dy[i], out Shape output);
        Assert.Equal([shape.Images, shape.Filters, shape.OutDepth, shape.OutHeight, shape.OutWidth], output);
        string name = shape.ToString();

        Scratch(Convolution.ForwardScratch<T>(shape), scratch =>
            Convolution.Forward(shape, x.Pointer, weight.Pointer, bias.Pointer, y.Pointer, scratch.Pointer));
        Near(expectedY, y, shape.Taps);
        Scratch(Convolution.ForwardScratch<T>(shape), scratch => Convolution.Forward(
            shape, x.Pointer, weight.Pointer, bias.Pointer, y.Pointer, scratch.Pointer, fuseReLU: true));
        Near([.. expectedY.Select(value => Math.Max(0, value))], y, shape.Taps);
        double[] clipped = [.. expectedDx.Select((value, i) =>
            Math.Max(0, value + double.CreateTruncating(shift.Values[i / shape.Volume % shape.Channels])))];
        Scratch(Convolution.InputScratch<T>(shape), scratch =>
            Convolution.InputGradient(shape, dy.Pointer, weight.Pointer, null, dx.Pointer, scratch.Pointer));
        Near(expectedDx, dx, shape.GroupFilters * shape.Window);
        Scratch(Convolution.InputScratch<T>(shape), scratch => Convolution.InputGradient(
            shape, dy.Pointer, weight.Pointer, shift.Pointer, dx.Pointer, scratch.Pointer, fuseReLU: true));
        Near(clipped, dx, shape.Filters * shape.Window);
        if (shape.IsFlat)
        {
            Scratch(ScatterJob<T>.ScratchCount(shape), scratch =>
                ScatterJob<T>.Run(shape, dy.Pointer, weight.Pointer, null, dx.Pointer, scratch.Pointer, false));
            Near(expectedDx, dx, shape.Filters * shape.Window);
            Scratch(ScatterJob<T>.ScratchCount(shape), scratch => ScatterJob<T>.Run(
                shape, dy.Pointer, weight.Pointer, shift.Pointer, dx.Pointer, scratch.Pointer, true));
            Near(clipped, dx, shape.Filters * shape.Window);
        }

        Scratch(WeightJob<T>.ScratchCount(shape), scratch =>
            WeightJob<T>.Run(shape, dy.Pointer, x.Pointer, dweight.Pointer, scratch.Pointer));
        Near(expectedDweight, dweight, shape.Images * shape.OutVolume);

        void Scratch(int count, Action<GuardedBuffer<T>> act)
        {
            var scratch = new GuardedBuffer<T>(count, 8, fence);
            act(scratch);
            scratch.Check();
        }

        void Near(double[] expected, GuardedBuffer<T> actual, int terms)
        {
            actual.Check();
            for (int i = 0; i < expected.Length; i++)
                KernelSweep.Near<T>(expected[i], actual[i], name, i, terms + 1);
            actual.Values.Fill(T.NaN);
        }
    }
}
