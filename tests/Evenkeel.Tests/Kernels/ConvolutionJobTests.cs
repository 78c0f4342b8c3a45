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
            if (Depthwise(3, 3, 1 + (width % 6), width, stride, pad) is not { } shape) continue;
            Check<float>(shape, (Fence)(width % 2));
            Check<double>(shape, (Fence)(width / 2 % 2));
        }
    }

    /// <summary>Planes of more rows than a block has, and of one image.</summary>
    [Theory]
    [InlineData(1, 1)]
    [InlineData(2, 1)]
    [InlineData(2, 0)]
    public void Planes_of_several_blocks_of_rows(int stride, int pad)
    {
        int height = (2 * stride * SingleWeights<float>.BlockRows) + 5;
        foreach (int width in new[] { 3, 18 })
        {
            ConvolutionShape shape = Depthwise(1, 2, height, width, stride, pad)!.Value;
            Assert.True(shape.OutHeight > 2 * SingleWeights<float>.BlockRows);
            Check<float>(shape, Fence.Before);
            Check<double>(shape, Fence.Behind);
        }
    }

    /// <summary>
    /// A column more or less on the right than the same padding gives: zeros on the left alone, and results behind the
    /// last window.
    /// </summary>
    [Fact]
    public void Planes_with_other_padding_on_the_right()
    {
        foreach (int width in new[] { 1, 2, 3, 8, 15, 16, 17, 18, 31, 32, 33, 34, 35, 65, 66 })
        {
            ConvolutionShape shape = Depthwise(3, 2, 5, width, 2, 1)!.Value;
            Check<float>(shape with { OutWidth = shape.OutWidth + 1 }, Fence.Behind);
            Check<double>(shape with { OutWidth = shape.OutWidth + 1, OutHeight = 4 }, Fence.Before);
            if (width % 2 == 0 || width == 1) continue;
            Check<float>(shape with { OutWidth = shape.OutWidth - 1, OutHeight = 2 }, Fence.Behind);
            Check<double>(shape with { OutWidth = shape.OutWidth - 1 }, Fence.Before);
        }
    }

    /// <summary>Windows that read each value once: of one point, and of two by two side by side.</summary>
    [Theory]
    [InlineData(1, 1)]
    [InlineData(2, 2)]
    public void Windows_side_by_side(int kernel, int stride)
    {
        for (int width = 1; width <= 70; width++)
        {
            foreach (int filters in new[] { 3, 17, 40 })
            {
                ConvolutionShape? any = ConvolutionStageTests.ShapeOf(2, 3, 4, width, filters, kernel, stride, 0, 1);
                if (any is not { } shape) continue;
                shape = shape with { KernelHeight = kernel, OutHeight = 4 / stride };
                Check<float>(shape, (Fence)(width % 2));
                if (width < 20) Check<double>(shape, (Fence)(width % 2));
            }
        }
    }

    private static ConvolutionShape? Depthwise(int images, int channels, int height, int width, int stride, int pad)
    {
        if (height + (2 * pad) < 3) return null;
        ConvolutionShape? any = ConvolutionStageTests.ShapeOf(
            images, channels, height, width, channels, 3, stride, pad, 1);
        return any is { } shape
            ? shape with
            {
                KernelHeight = 3,
                Groups = channels,
                OutHeight = ((height + (2 * pad) - 3) / stride) + 1,
            }
            : null;
    }

    /// <summary>
    /// The last row and column of a plane are read by no window. What they hold reaches no gradient of a weight.
    /// </summary>
    [Fact]
    public void A_value_that_no_window_reads_reaches_no_gradient_of_a_weight()
    {
        foreach (int width in new[] { 4, 8, 20, 34, 70 })
        {
            ConvolutionShape shape = Depthwise(3, 2, 6, width, 2, 0)!.Value;
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

    /// <summary>
    /// A gradient that is infinite reaches the inputs of its window, and no others: not those of the windows beside.
    /// </summary>
    [Theory]
    [InlineData(1, 1)]
    [InlineData(2, 2)]
    [InlineData(5, 40)]
    [InlineData(9, 33)]
    public void An_infinite_gradient_stays_in_its_window(int height, int width)
    {
        ConvolutionShape shape = Depthwise(9, 2, height, width, 2, 1)!.Value;
        GuardedBuffer<float> dy = new(9 * 2 * shape.OutPlane, 1), weight = new(2 * 9, 2),
            dx = new(9 * 2 * shape.Plane, 3), scratch = new(Convolution.InputScratch<float>(shape), 4);
        for (int place = 0; place < shape.OutPlane; place += 5)
        {
            int at = (4 * shape.OutPlane) + place;
            float before = dy.Values[at];
            dy.Values[at] = float.PositiveInfinity;
            Convolution.InputGradient(shape, dy.Pointer, weight.Pointer, null, dx.Pointer, scratch.Pointer);
            dy.Values[at] = before;
            (int top, int left) = Math.DivRem(place, shape.OutWidth);
            for (int i = 0; i < dx.Count; i++)
            {
                (int row, int column) = Math.DivRem(i % shape.Plane, width);
                bool isCovered = i / shape.Plane == 4 && Math.Abs(row - (2 * top)) <= 1
                    && Math.Abs(column - (2 * left)) <= 1;
                Assert.True(isCovered == !float.IsFinite(dx.Values[i]), $"dy {place}: {dx.Values[i]} at {i}");
            }
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
        int depth = Reach(shape.OutDepth, shape.StrideDepth, shape.KernelDepth, shape.DilationDepth),
            height = Reach(shape.OutHeight, shape.StrideHeight, shape.KernelHeight, shape.DilationHeight),
            width = Reach(shape.OutWidth, shape.StrideWidth, shape.KernelWidth, shape.DilationWidth);
        Size3 before = new(shape.Front, shape.Top, shape.Left), after = new(depth - shape.Depth - shape.Front,
            height - shape.Height - shape.Top, width - shape.Width - shape.Left);
        var naive = new NaiveConvolution((shape.StrideDepth, shape.StrideHeight, shape.StrideWidth), before, after,
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
        Near(clipped, dx, shape.GroupFilters * shape.Window);
        if (shape.IsFlat)
        {
            Scratch(ScatterJob<T>.ScratchCount(shape), scratch =>
                ScatterJob<T>.Run(shape, dy.Pointer, weight.Pointer, null, dx.Pointer, scratch.Pointer, false));
            Near(expectedDx, dx, shape.GroupFilters * shape.Window);
            Scratch(ScatterJob<T>.ScratchCount(shape), scratch => ScatterJob<T>.Run(
                shape, dy.Pointer, weight.Pointer, shift.Pointer, dx.Pointer, scratch.Pointer, true));
            Near(clipped, dx, shape.GroupFilters * shape.Window);
        }

        Scratch(WeightJob<T>.ScratchCount(shape), scratch =>
            WeightJob<T>.Run(shape, dy.Pointer, x.Pointer, dweight.Pointer, scratch.Pointer));
        Near(expectedDweight, dweight, shape.Images * shape.OutVolume);

        static int Reach(int results, int stride, int kernel, int dilation) =>
            ((results - 1) * stride) + ((kernel - 1) * dilation) + 1;

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
