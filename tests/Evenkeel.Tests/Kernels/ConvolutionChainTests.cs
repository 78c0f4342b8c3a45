using System.Numerics;
using Evenkeel.Kernels;
using Xunit;

namespace Evenkeel.Tests.Kernels;

/// <summary>
/// Results of the forward pass, bit for bit: each is one chain of fused multiply-adds over its taps, cut into even
/// chunks whose sums are added in order, whatever loop computes it. Winograd's products are not such chains:
/// <see cref="WinogradTests"/>.
/// </summary>
public sealed unsafe class ConvolutionChainTests
{
    // images, groups, channels per group, filters per group, height, width, kernel, stride, padding
    public static TheoryData<int, int, int, int, int, int, int, int, int> Shapes => new()
    {
        // One plane per result: rows shorter and longer than a pack, and the last ones of a chunk of planes.
        { 1, 3, 1, 1, 1, 1, 1, 1, 0 },
        { 2, 5, 1, 1, 7, 7, 5, 1, 2 },
        { 1, 40, 1, 1, 14, 14, 3, 1, 1 },
        { 3, 2, 1, 1, 9, 16, 3, 1, 1 },
        { 1, 4, 1, 1, 13, 17, 3, 2, 1 },
        { 1, 3, 1, 1, 28, 35, 5, 2, 2 },
        { 2, 1, 1, 1, 5, 3, 7, 1, 3 },
        { 1, 2, 1, 1, 61, 50, 1, 1, 0 },
        { 1, 1, 1, 1, 400, 401, 3, 1, 1 },

        // Lanes along filters: parts of a chunk of taps, several chunks, a filter too many, images together.
        { 1, 1, 40, 17, 9, 10, 3, 1, 1 },
        { 5, 1, 26, 32, 7, 7, 5, 1, 2 },
        { 9, 2, 64, 33, 3, 3, 3, 1, 1 },
        { 1, 1, 600, 16, 6, 7, 1, 1, 0 },
        { 3, 1, 48, 48, 15, 13, 3, 2, 1 },
        { 2, 1, 1100, 20, 3, 3, 1, 1, 0 },
        { 1, 1, 3, 64, 40, 40, 7, 2, 3 },

        // Lanes along results: one, two and more filters.
        { 2, 1, 4, 1, 12, 30, 3, 1, 1 },
        { 2, 1, 4, 2, 12, 30, 3, 1, 1 },
        { 2, 3, 5, 7, 12, 30, 3, 1, 1 },
    };

    [Theory]
    [MemberData(nameof(Shapes))]
    public void A_result_is_its_chain_in_float(
        int images, int groups, int channels, int filters, int height, int width, int kernel, int stride, int padding)
        => Check<float>(images, groups, channels, filters, height, width, kernel, stride, padding);

    [Theory]
    [MemberData(nameof(Shapes))]
    public void A_result_is_its_chain_in_double(
        int images, int groups, int channels, int filters, int height, int width, int kernel, int stride, int padding)
        => Check<double>(images, groups, channels, filters, height, width, kernel, stride, padding);

    private static void Check<T>(
        int images, int groups, int channels, int filters, int height, int width, int kernel, int stride, int padding)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        var shape = new ConvolutionShape
        {
            Images = images,
            Channels = groups * channels,
            Depth = 1,
            Height = height,
            Width = width,
            Filters = groups * filters,
            KernelDepth = 1,
            KernelHeight = kernel,
            KernelWidth = kernel,
            StrideDepth = 1,
            StrideHeight = stride,
            StrideWidth = stride,
            DilationDepth = 1,
            DilationHeight = 1,
            DilationWidth = 1,
            Top = padding,
            Left = padding,
            Groups = groups,
            OutDepth = 1,
            OutHeight = ((height + (2 * padding) - kernel) / stride) + 1,
            OutWidth = ((width + (2 * padding) - kernel) / stride) + 1,
        };
        foreach (bool fuseReLU in new[] { false, true })
        {
            Fence fence = fuseReLU ? Fence.Before : Fence.Behind;
            GuardedBuffer<T> x = new(images * shape.Channels * shape.Volume, 1, fence),
                w = new(shape.Filters * shape.Taps, 2, fence), bias = new(shape.Filters, 3, fence),
                y = new(images * shape.Filters * shape.OutVolume, 4, fence);

            // Values of both signs: a ReLU then clips some results.
            for (int i = 0; i < w.Count; i++) w.Values[i] -= T.One;
            T[] scratch = GC.AllocateUninitializedArray<T>(Convolution.ForwardScratch<T>(shape) + 64, pinned: true);
            fixed (T* memory = scratch)
            {
                var aligned = (T*)(((nint)memory + Simd.Alignment - 1) & -Simd.Alignment);
                Convolution.Forward(shape, x.Pointer, w.Pointer, bias.Pointer, y.Pointer, aligned, fuseReLU);
            }

            y.Check();
            int at = 0;
            for (int image = 0; image < images; image++)
            {
                for (int filter = 0; filter < shape.Filters; filter++)
                {
                    for (int row = 0; row < shape.OutHeight; row++)
                    {
                        for (int column = 0; column < shape.OutWidth; column++)
                        {
                            T expected = Chain(shape, x.Values, w.Values, image, filter, row, column)
                                + bias.Values[filter];
                            if (fuseReLU && expected <= T.Zero) expected = T.Zero;
                            if (y.Values[at++] != expected)
                            {
                                Assert.Fail($"image {image}, filter {filter}, row {row}, column {column}: expected "
                                    + $"{expected}, got {y.Values[at - 1]} ({shape})");
                            }
                        }
                    }
                }
            }
        }
    }

    private static T Chain<T>(
        in ConvolutionShape shape, ReadOnlySpan<T> x, ReadOnlySpan<T> w, int image, int filter, int row, int column)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        int group = filter / shape.GroupFilters, chunks = Convolution.DivideUp(shape.Taps, Convolution.TapChunk);
        T sum = T.Zero;
        for (int chunk = 0; chunk < chunks; chunk++)
        {
            T chain = T.Zero;
            int end = Convolution.Cut(shape.Taps, chunk + 1, chunks);
            for (int tap = Convolution.Cut(shape.Taps, chunk, chunks); tap < end; tap++)
            {
                (int channel, int place) = Math.DivRem(tap, shape.Window);
                int h = (row * shape.StrideHeight) + (place / shape.KernelWidth) - shape.Top,
                    v = (column * shape.StrideWidth) + (place % shape.KernelWidth) - shape.Left;
                bool isInside = h >= 0 && h < shape.Height && v >= 0 && v < shape.Width;
                int plane = (image * shape.Channels) + (group * shape.GroupChannels) + channel;
                T value = isInside ? x[(((plane * shape.Height) + h) * shape.Width) + v] : T.Zero;
                chain = T.FusedMultiplyAdd(w[(filter * shape.Taps) + tap], value, chain);
            }

            sum = chunk == 0 ? chain : sum + chain;
        }

        return sum;
    }
}
