using Evenkeel.Kernels;
using Evenkeel.Tests.Reference;
using Xunit;

namespace Evenkeel.Tests.Kernels;

/// <summary>
/// Winograd's products of dense windows, bit for bit against the same sums one value at a time, and near the naive
/// twin, with guards at both ends of every operand, of the results and of the scratch memory.
/// </summary>
public sealed unsafe class WinogradTests
{
    // images, groups, channels per group, filters per group, depth, height, width, slices of the window, padding
    public static TheoryData<int, int, int, int, int, int, int, int, int> Shapes => new()
    {
        // Whole tiles and halves, rows shorter and longer than a block, with and without zeros around them.
        { 1, 1, 32, 32, 1, 8, 8, 1, 1 },
        { 3, 1, 32, 47, 1, 7, 9, 1, 1 },
        { 2, 1, 48, 40, 1, 6, 7, 1, 0 },
        { 1, 1, 32, 32, 1, 4, 35, 1, 1 },
        { 1, 1, 32, 48, 1, 5, 5, 1, 2 },
        { 1, 1, 33, 32, 1, 3, 18, 1, 4 },

        // A last pack of channels that overlaps, filters of one pack and of many panels, several chunks of terms.
        { 2, 1, 17, 300, 1, 4, 5, 1, 1 },
        { 1, 1, 300, 29, 1, 4, 5, 1, 1 },
        { 1, 1, 530, 34, 1, 4, 4, 1, 1 },
        { 1, 2, 70, 46, 1, 7, 7, 1, 1 },

        // Units that end within an image, and images that are less than a unit.
        { 2, 1, 32, 64, 1, 37, 28, 1, 1 },
        { 40, 1, 32, 32, 1, 4, 4, 1, 1 },

        // Volumes.
        { 2, 1, 16, 32, 4, 5, 6, 3, 1 },
        { 1, 1, 20, 40, 3, 4, 18, 2, 0 },
        { 2, 1, 32, 32, 3, 6, 6, 1, 0 },
    };

    // images, groups, channels per group, filters per group, depth, height, width, slices of the window, window
    public static TheoryData<int, int, int, int, int, int, int, int, int> StridedShapes => new()
    {
        { 1, 1, 64, 64, 1, 16, 16, 1, 3 },
        { 2, 1, 64, 90, 1, 15, 24, 1, 3 },
        { 1, 2, 64, 63, 1, 16, 39, 1, 3 },
        { 1, 1, 64, 64, 1, 16, 16, 1, 4 },
        { 3, 1, 47, 48, 1, 15, 17, 1, 4 },
        { 2, 1, 48, 32, 1, 17, 40, 1, 4 },
        { 1, 2, 32, 33, 1, 12, 12, 1, 4 },
        { 1, 1, 32, 64, 4, 16, 16, 3, 3 },
        { 2, 1, 48, 32, 5, 8, 9, 4, 4 },
    };

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Results_are_the_sums_of_their_tile(
        int images, int groups, int channels, int filters, int depth, int height, int width, int slices, int padding) =>
        Forward(ShapeOf(images, groups, channels, filters, depth, height, width, slices, 3, 1, padding),
            WinogradTwin.ThreeByOne);

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Gradients_are_the_sums_of_their_tile(
        int images, int groups, int channels, int filters, int depth, int height, int width, int slices, int padding)
    {
        ConvolutionShape shape = ShapeOf(
            images, groups, channels, filters, depth, height, width, slices, 3, 1, padding);
        foreach (Phases phases in new PhaseList(shape))
        {
            PlaneMap map = PlaneMap.Backward(shape, phases);
            if (Winograd.Applies<float>(map, channels)) Gradient(shape, [map], WinogradTwin.ThreeByOne);
        }
    }

    [Theory]
    [MemberData(nameof(StridedShapes))]
    public void Strided_results_and_gradients_are_the_sums_of_their_tile(
        int images, int groups, int channels, int filters, int depth, int height, int width, int slices, int window)
    {
        ConvolutionShape shape = ShapeOf(
            images, groups, channels, filters, depth, height, width, slices, window, 2, 1);
        if (window == 3) Forward(shape, WinogradTwin.ThreeByTwo);
        List<PlaneMap> maps = [];
        foreach (Phases phases in new PhaseList(shape with { StrideHeight = 1, StrideWidth = 1 }))
            maps.Add(PlaneMap.Transposed(shape, phases));
        Gradient(shape, maps, window == 3 ? WinogradTwin.ThreeTransposed : WinogradTwin.FourTransposed);
    }

    private static void Forward(ConvolutionShape shape, WinogradTwin twin)
    {
        PlaneMap map = PlaneMap.Forward(shape);
        Assert.True(Winograd.Applies<float>(map, shape.GroupFilters), "the kernel does not take this shape");
        foreach (bool fuseReLU in new[] { false, true })
        {
            Fence fence = fuseReLU ? Fence.Before : Fence.Behind;
            GuardedBuffer<float> x = Buffer(shape.Images * shape.Channels * shape.Volume, 1, fence),
                w = Buffer(shape.Filters * shape.Taps, 2, fence), bias = Buffer(shape.Filters, 3, fence),
                y = Buffer(shape.Images * shape.Filters * shape.OutVolume, 4, fence),
                scratch = new(Convolution.ForwardScratch<float>(shape), 8);
            Convolution.Forward(shape, x.Pointer, w.Pointer, bias.Pointer, y.Pointer, scratch.Pointer, fuseReLU);
            y.Check();
            scratch.Check();
            double[] naive = Naive(shape).Run(Tensor.From(x.Values, Sizes(shape)), Tensor.From(w.Values, Window(shape)),
                Tensor.From(bias.Values, [shape.Filters]), _ => 0, out _).Y;
            float[] sums = twin.Run(map, shape.Images, shape.Groups, shape.GroupFilters, x.Values, w.Values);
            for (int i = 0; i < y.Count; i++)
            {
                float expected = sums[i] + bias.Values[i / shape.OutVolume % shape.Filters];
                if (fuseReLU && expected <= 0) expected = 0;
                Assert.True(expected == y.Values[i], $"{i}: expected {expected:r}, got {y.Values[i]:r} ({shape})");
                if (!fuseReLU) Assert.Equal(naive[i], y.Values[i], shape.Taps * 2e-7);
            }
        }
    }

    /// <summary>The gradient of the input is a map of dy with the weights turned, or one map per phase of slices.
    /// </summary>
    private static void Gradient(ConvolutionShape shape, List<PlaneMap> maps, WinogradTwin twin)
    {
        GuardedBuffer<float> dy = Buffer(shape.Images * shape.Filters * shape.OutVolume, 1),
            w = Buffer(shape.Filters * shape.Taps, 2), bias = Buffer(shape.Channels, 3),
            dx = Buffer(shape.Images * shape.Channels * shape.Volume, 4),
            shifted = Buffer(dx.Count, 5), scratch = new(Convolution.InputScratch<float>(shape), 8);
        Convolution.InputGradient(
            shape, dy.Pointer, w.Pointer, bias.Pointer, shifted.Pointer, scratch.Pointer, fuseReLU: true);
        Convolution.InputGradient(shape, dy.Pointer, w.Pointer, null, dx.Pointer, scratch.Pointer);
        dx.Check();
        shifted.Check();
        scratch.Check();
        double[] values = [.. dy.Values.ToArray().Select(static value => (double)value)];
        double[] naive = Naive(shape).Run(Tensor.Zeros(Sizes(shape)), Tensor.From(w.Values, Window(shape)),
            Tensor.Zeros([shape.Filters]), i => values[i], out _).Dx;
        int phase = 0;
        foreach (Phases phases in new PhaseList(shape with { StrideHeight = 1, StrideWidth = 1 }))
        {
            PlaneMap map = maps[phase++];
            Assert.True(Winograd.Applies<float>(map, shape.GroupChannels), "the kernel does not take this shape");
            float[] sums = twin.Run(map, shape.Images, shape.Groups, shape.GroupChannels, dy.Values,
                Turned(shape, phases.Slices, w.Values));
            for (int i = 0; i < sums.Length; i++)
            {
                (int volume, int at) = Math.DivRem(i, map.Slices * shape.Plane);
                (int slice, int place) = Math.DivRem(at, shape.Plane);
                int target = (volume * shape.Volume) + place
                    + ((phases.Slices.First + (slice * shape.StrideDepth)) * shape.Plane);
                Assert.True(sums[i] == dx.Values[target],
                    $"{target}: expected {sums[i]:r}, got {dx.Values[target]:r} ({shape})");
                Assert.Equal(naive[target], dx.Values[target], shape.GroupFilters * shape.Window * 2e-7);
                float sum = sums[i] + bias.Values[volume % shape.Channels];
                Assert.Equal(sum <= 0 ? 0 : sum, shifted.Values[target]);
            }
        }
    }

    /// <summary>The weights of a phase of slices: [group][channel][filter][tap from the last to the first].</summary>
    private static float[] Turned(in ConvolutionShape shape, in Phase slices, ReadOnlySpan<float> w)
    {
        int plane = shape.KernelHeight * shape.KernelWidth;
        var turned = new List<float>();
        for (int channel = 0; channel < shape.Channels; channel++)
        {
            (int group, int own) = Math.DivRem(channel, shape.GroupChannels);
            for (int filter = 0; filter < shape.GroupFilters; filter++)
            {
                int first = ((((group * shape.GroupFilters) + filter) * shape.GroupChannels) + own) * shape.Window;
                for (int k = 0; k < slices.Taps; k++)
                {
                    int slice = first + ((slices.LastTap - (k * slices.TapStep)) * plane);
                    for (int tap = plane - 1; tap >= 0; tap--) turned.Add(w[slice + tap]);
                }
            }
        }

        return [.. turned];
    }

    /// <summary>An image alone has the bits that it has among others.</summary>
    [Theory]
    [InlineData(40, 48, 9, 10, 1)]
    [InlineData(16, 16, 8, 8, 0)]
    [InlineData(64, 64, 14, 14, 0)]
    public void Images_do_not_change_each_other(int channels, int filters, int height, int width, int padding)
    {
        const int Images = 9;
        ConvolutionShape many = ShapeOf(Images, 1, channels, filters, 1, height, width, 1, 3, 1, padding),
            one = many with { Images = 1 };
        int input = many.Channels * many.Volume, output = many.Filters * many.OutVolume;
        GuardedBuffer<float> x = Buffer(Images * input, 1), w = Buffer(many.Filters * many.Taps, 2),
            y = Buffer(Images * output, 4), dx = Buffer(Images * input, 5), alone = Buffer(output, 6),
            gradient = Buffer(input, 7), scratch = new(Convolution.ForwardScratch<float>(many), 8),
            back = new(Convolution.InputScratch<float>(many), 9);
        Convolution.Forward(many, x.Pointer, w.Pointer, null, y.Pointer, scratch.Pointer);
        Convolution.InputGradient(many, y.Pointer, w.Pointer, null, dx.Pointer, back.Pointer);
        for (int image = 0; image < Images; image++)
        {
            Convolution.Forward(one, x.Pointer + (image * input), w.Pointer, null, alone.Pointer, scratch.Pointer);
            Convolution.InputGradient(
                one, y.Pointer + (image * output), w.Pointer, null, gradient.Pointer, back.Pointer);
            Assert.Equal(y.Values.Slice(image * output, output), alone.Values);
            Assert.Equal(dx.Values.Slice(image * input, input), gradient.Values);
        }
    }

    /// <summary>A NaN shows in the results whose windows read it, and in no others.</summary>
    [Fact]
    public void Values_reach_their_own_windows_only()
    {
        ConvolutionShape shape = ShapeOf(1, 1, 32, 32, 1, 8, 8, 1, 3, 1, 1);
        GuardedBuffer<float> x = Buffer(shape.Channels * shape.Volume, 1), w = Buffer(shape.Filters * shape.Taps, 2),
            y = Buffer(shape.Filters * shape.OutVolume, 4), scratch = new(Convolution.ForwardScratch<float>(shape), 8);
        x.Values[(3 * shape.Volume) + (4 * 8) + 5] = float.NaN;
        Convolution.Forward(shape, x.Pointer, w.Pointer, null, y.Pointer, scratch.Pointer);
        for (int i = 0; i < y.Count; i++)
        {
            (int row, int column) = Math.DivRem(i % shape.OutVolume, 8);
            Assert.Equal(Math.Abs(row - 4) <= 1 && Math.Abs(column - 5) <= 1, float.IsNaN(y.Values[i]));
        }
    }

    /// <summary>Values from -1 to 1: sums of both signs.</summary>
    private static GuardedBuffer<float> Buffer(int count, ulong seed, Fence fence = Fence.Behind)
    {
        var buffer = new GuardedBuffer<float>(count, seed, fence);
        foreach (ref float value in buffer.Values) value = (2 * value) - 2;
        return buffer;
    }

    private static NaiveConvolution Naive(in ConvolutionShape shape)
    {
        Size3 around = new(shape.Front, shape.Top, shape.Left);
        return new NaiveConvolution(
            (shape.StrideDepth, shape.StrideHeight, shape.StrideWidth), around, around, 1, shape.Groups);
    }

    private static Shape Sizes(in ConvolutionShape shape) =>
        [shape.Images, shape.Channels, shape.Depth, shape.Height, shape.Width];

    private static Shape Window(in ConvolutionShape shape) =>
        [shape.Filters, shape.GroupChannels, shape.KernelDepth, shape.KernelHeight, shape.KernelWidth];

    private static ConvolutionShape ShapeOf(int images, int groups, int channels, int filters, int depth, int height,
        int width, int slices, int window, int stride, int padding)
    {
        int front = slices > 1 ? padding : 0, strideDepth = slices > 1 ? stride : 1;
        return new()
        {
            Images = images,
            Channels = groups * channels,
            Depth = depth,
            Height = height,
            Width = width,
            Filters = groups * filters,
            KernelDepth = slices,
            KernelHeight = window,
            KernelWidth = window,
            StrideDepth = strideDepth,
            StrideHeight = stride,
            StrideWidth = stride,
            DilationDepth = 1,
            DilationHeight = 1,
            DilationWidth = 1,
            Front = front,
            Top = padding,
            Left = padding,
            Groups = groups,
            OutDepth = ((depth + (2 * front) - slices) / strideDepth) + 1,
            OutHeight = ((height + (2 * padding) - window) / stride) + 1,
            OutWidth = ((width + (2 * padding) - window) / stride) + 1,
        };
    }
}
