using Evenkeel.Kernels;
using Evenkeel.Tests.Reference;
using Xunit;

namespace Evenkeel.Tests.Kernels;

/// <summary>
/// Winograd's products of dense windows of 3x3, bit for bit against the same sums one value at a time, and near the
/// naive twin, with guards at both ends of every operand, of the results and of the scratch memory.
/// </summary>
public sealed unsafe class WinogradTests
{
    private const int Side = 4;

    // images, groups, channels per group, filters per group, depth, height, width, slices of the window, padding
    public static TheoryData<int, int, int, int, int, int, int, int, int> Shapes => new()
    {
        // Whole tiles and halves, rows shorter and longer than a block, with and without zeros around them.
        { 1, 1, 32, 32, 1, 8, 8, 1, 1 },
        { 3, 1, 32, 33, 1, 7, 9, 1, 1 },
        { 2, 1, 48, 40, 1, 6, 7, 1, 0 },
        { 1, 1, 32, 32, 1, 4, 35, 1, 1 },
        { 1, 1, 32, 48, 1, 5, 5, 1, 2 },
        { 1, 1, 33, 32, 1, 3, 18, 1, 4 },

        // A last pack of channels that overlaps, filters of one pack and of many panels, several chunks of terms.
        { 2, 1, 17, 300, 1, 4, 5, 1, 1 },
        { 1, 1, 300, 17, 1, 4, 5, 1, 1 },
        { 1, 1, 530, 34, 1, 4, 4, 1, 1 },
        { 1, 2, 70, 33, 1, 7, 7, 1, 1 },

        // Units that end within an image, and images that are less than a unit.
        { 2, 1, 32, 64, 1, 37, 28, 1, 1 },
        { 40, 1, 32, 32, 1, 4, 4, 1, 1 },

        // Volumes.
        { 2, 1, 16, 32, 4, 5, 6, 3, 1 },
        { 1, 1, 20, 40, 3, 4, 18, 2, 0 },
        { 2, 1, 32, 32, 3, 6, 6, 1, 0 },
    };

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Results_are_the_sums_of_their_tile(
        int images, int groups, int channels, int filters, int depth, int height, int width, int slices, int padding)
    {
        ConvolutionShape shape = ShapeOf(
            images, groups, channels, filters, depth, height, width, slices, padding);
        Assert.True(Winograd.Applies<float>(PlaneMap.Forward(shape), filters), "the kernel does not take this shape");
        foreach (bool fuseReLU in new[] { false, true })
        {
            Fence fence = fuseReLU ? Fence.Before : Fence.Behind;
            GuardedBuffer<float> x = Buffer(images * shape.Channels * shape.Volume, 1, fence),
                w = Buffer(shape.Filters * shape.Taps, 2, fence), bias = Buffer(shape.Filters, 3, fence),
                y = Buffer(images * shape.Filters * shape.OutVolume, 4, fence),
                scratch = new(Convolution.ForwardScratch<float>(shape), 8);
            Convolution.Forward(shape, x.Pointer, w.Pointer, bias.Pointer, y.Pointer, scratch.Pointer, fuseReLU);
            y.Check();
            scratch.Check();
            PlaneMap map = PlaneMap.Forward(shape);
            double[] naive = Naive(shape).Run(Tensor.From(x.Values, Sizes(shape)), Tensor.From(w.Values, Window(shape)),
                Tensor.From(bias.Values, [shape.Filters]), _ => 0, out _).Y;
            for (int i = 0; i < y.Count; i++)
            {
                int filter = i / shape.OutVolume % shape.Filters, group = filter / filters;
                int start = ((i / shape.OutVolume / shape.Filters * groups) + group) * channels * shape.Volume;
                float expected = One(map, x.Values[start..], w.Values[(filter * shape.Taps)..], i % shape.OutVolume)
                    + bias.Values[filter];
                if (fuseReLU && expected <= 0) expected = 0;
                Assert.True(expected == y.Values[i], $"{i}: expected {expected:r}, got {y.Values[i]:r} ({shape})");
                if (!fuseReLU) Assert.Equal(naive[i], y.Values[i], shape.Taps * 2e-7);
            }
        }
    }

    /// <summary>The gradient of the input is the same map with the weights turned.</summary>
    [Theory]
    [MemberData(nameof(Shapes))]
    public void Gradients_are_the_sums_of_their_tile(
        int images, int groups, int channels, int filters, int depth, int height, int width, int slices, int padding)
    {
        ConvolutionShape shape = ShapeOf(
            images, groups, channels, filters, depth, height, width, slices, padding);
        foreach (Phases phases in new PhaseList(shape))
        {
            PlaneMap map = PlaneMap.Backward(shape, phases);
            if (!Winograd.Applies<float>(map, channels)) continue;
            GuardedBuffer<float> dy = Buffer(images * shape.Filters * shape.OutVolume, 1),
                w = Buffer(shape.Filters * shape.Taps, 2), dx = Buffer(images * shape.Channels * shape.Volume, 4),
                scratch = new(Convolution.InputScratch<float>(shape), 8);
            Convolution.InputGradient(shape, dy.Pointer, w.Pointer, null, dx.Pointer, scratch.Pointer);
            dx.Check();
            scratch.Check();
            float[] turned = new float[filters * shape.Window];
            for (int i = 0; i < dx.Count; i++)
            {
                int channel = i / shape.Volume % shape.Channels, group = channel / channels;
                if (i % shape.Volume == 0)
                {
                    for (int t = 0; t < turned.Length; t++)
                    {
                        (int filter, int tap) = Math.DivRem(t, shape.Window);
                        turned[t] = w.Values[(((((group * filters) + filter) * channels) + (channel % channels))
                            * shape.Window) + shape.Window - 1 - tap];
                    }
                }

                int start = ((i / shape.Volume / shape.Channels * groups) + group) * filters * shape.OutVolume;
                float expected = One(map, dy.Values[start..], turned, i % shape.Volume);
                Assert.True(expected == dx.Values[i], $"{i}: expected {expected:r}, got {dx.Values[i]:r} ({shape})");
            }
        }
    }

    /// <summary>An image alone has the bits that it has among others.</summary>
    [Fact]
    public void Images_do_not_change_each_other()
    {
        ConvolutionShape many = ShapeOf(5, 1, 40, 48, 1, 9, 10, 1, 1), one = many with { Images = 1 };
        GuardedBuffer<float> x = Buffer(5 * many.Channels * many.Volume, 1), w = Buffer(many.Filters * many.Taps, 2),
            all = Buffer(5 * many.Filters * many.OutVolume, 4), alone = Buffer(many.Filters * many.OutVolume, 5),
            scratch = new(Convolution.ForwardScratch<float>(many), 8);
        Convolution.Forward(many, x.Pointer, w.Pointer, null, all.Pointer, scratch.Pointer);
        for (int image = 0; image < 5; image++)
        {
            Convolution.Forward(one, x.Pointer + (image * many.Channels * many.Volume), w.Pointer, null, alone.Pointer,
                scratch.Pointer);
            Assert.Equal(all.Values.Slice(image * alone.Count, alone.Count), alone.Values);
        }
    }

    /// <summary>A NaN shows in the results whose windows read it, and in no others.</summary>
    [Fact]
    public void Values_reach_their_own_windows_only()
    {
        ConvolutionShape shape = ShapeOf(1, 1, 32, 32, 1, 8, 8, 1, 1);
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

    /// <summary>One result: the sums of its tile, in the order of the kernel.</summary>
    private static float One(in PlaneMap map, ReadOnlySpan<float> x, ReadOnlySpan<float> w, int at)
    {
        (int slice, int place) = Math.DivRem(at, map.Rows * map.Columns);
        (int row, int column) = Math.DivRem(place, map.Columns);
        int terms = map.Channels * map.KernelDepth, chunks = Convolution.DivideUp(terms, Convolution.TapChunk);
        Span<float> d = stackalloc float[16], g = stackalloc float[16], chain = stackalloc float[16],
            sums = stackalloc float[16];
        for (int chunk = 0; chunk < chunks; chunk++)
        {
            chain.Clear();
            int end = Convolution.Cut(terms, chunk + 1, chunks);
            for (int term = Convolution.Cut(terms, chunk, chunks); term < end; term++)
            {
                (int tap, int channel) = Math.DivRem(term, map.Channels);
                Values(map, x, channel, slice + tap - map.Front, (row & ~1) - map.Top, (column & ~1) - map.Left, d);
                Weights(w.Slice(((channel * map.KernelDepth) + tap) * 9, 9), g);
                for (int point = 0; point < 16; point++)
                    chain[point] = float.FusedMultiplyAdd(d[point], g[point], chain[point]);
            }

            for (int point = 0; point < 16; point++)
                sums[point] = chunk == 0 ? chain[point] : sums[point] + chain[point];
        }

        Span<float> down = stackalloc float[Side];
        for (int j = 0; j < Side; j++)
        {
            float m0 = sums[j], m1 = sums[4 + j], m2 = sums[8 + j], m3 = sums[12 + j];
            down[j] = (row & 1) == 0 ? m0 + m1 + m2 : m1 - m2 - m3;
        }

        return (column & 1) == 0 ? down[0] + down[1] + down[2] : down[1] - down[2] - down[3];
    }

    /// <summary>Bᵀ·d·B.</summary>
    private static void Values(
        in PlaneMap map, ReadOnlySpan<float> x, int channel, int slice, int row, int column, Span<float> v)
    {
        for (int i = 0; i < 16; i++)
        {
            int h = row + (i / Side), j = column + (i % Side);
            bool isInside = slice >= 0 && slice < map.Depth && h >= 0 && h < map.Height && j >= 0 && j < map.Width;
            v[i] = isInside ? x[(((((channel * map.Depth) + slice) * map.Height) + h) * map.Width) + j] : 0;
        }

        for (int j = 0; j < Side; j++)
            (v[j], v[4 + j], v[8 + j], v[12 + j]) = Differences(v[j], v[4 + j], v[8 + j], v[12 + j]);
        for (int i = 0; i < 16; i += Side)
            (v[i], v[i + 1], v[i + 2], v[i + 3]) = Differences(v[i], v[i + 1], v[i + 2], v[i + 3]);
    }

    private static (float, float, float, float) Differences(float d0, float d1, float d2, float d3) =>
        (d0 - d2, d1 + d2, d2 - d1, d1 - d3);

    /// <summary>G·g·Gᵀ.</summary>
    private static void Weights(ReadOnlySpan<float> w, Span<float> u)
    {
        Span<float> down = stackalloc float[12];
        for (int j = 0; j < 3; j++)
            (down[j], down[3 + j], down[6 + j], down[9 + j]) = Halves(w[j], w[3 + j], w[6 + j]);
        for (int i = 0; i < Side; i++)
        {
            (u[4 * i], u[(4 * i) + 1], u[(4 * i) + 2], u[(4 * i) + 3]) =
                Halves(down[3 * i], down[(3 * i) + 1], down[(3 * i) + 2]);
        }
    }

    private static (float, float, float, float) Halves(float a, float b, float c) =>
        (a, 0.5f * (a + c + b), 0.5f * (a + c - b), c);

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
        return new NaiveConvolution(1, around, around, 1, shape.Groups);
    }

    private static Shape Sizes(in ConvolutionShape shape) =>
        [shape.Images, shape.Channels, shape.Depth, shape.Height, shape.Width];

    private static Shape Window(in ConvolutionShape shape) =>
        [shape.Filters, shape.GroupChannels, shape.KernelDepth, shape.KernelHeight, shape.KernelWidth];

    private static ConvolutionShape ShapeOf(
        int images, int groups, int channels, int filters, int depth, int height, int width, int slices, int padding)
    {
        int front = slices > 1 ? padding : 0;
        return new()
        {
            Images = images,
            Channels = groups * channels,
            Depth = depth,
            Height = height,
            Width = width,
            Filters = groups * filters,
            KernelDepth = slices,
            KernelHeight = 3,
            KernelWidth = 3,
            StrideDepth = 1,
            StrideHeight = 1,
            StrideWidth = 1,
            DilationDepth = 1,
            DilationHeight = 1,
            DilationWidth = 1,
            Front = front,
            Top = padding,
            Left = padding,
            Groups = groups,
            OutDepth = depth + (2 * front) - slices + 1,
            OutHeight = height + (2 * padding) - 2,
            OutWidth = width + (2 * padding) - 2,
        };
    }
}
