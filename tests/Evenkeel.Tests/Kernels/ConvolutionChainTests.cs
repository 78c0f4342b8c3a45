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
        { 1, 1, 40, 17, 9, 10, 5, 1, 2 },
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

        // Windows of one point: in place and copied, with last packs that overlap, several chunks and a stride.
        { 2, 1, 20, 40, 7, 9, 1, 1, 0 },
        { 1, 2, 6, 3, 16, 16, 1, 1, 0 },
        { 1, 1, 600, 16, 8, 8, 1, 1, 0 },
        { 2, 2, 9, 33, 15, 13, 1, 2, 0 },
        { 3, 1, 5, 17, 40, 37, 1, 2, 0 },
        { 1, 1, 4, 16, 20, 19, 1, 3, 0 },
    };

    // groups, channels per group, filters per group, depth, height, width, kernel, stride, padding
    public static TheoryData<int, int, int, int, int, int, int, int, int> Volumes => new()
    {
        // One volume per result: walked, and copied; the first and last ones, and windows without a slice.
        { 3, 1, 1, 4, 9, 20, 3, 1, 1 },
        { 2, 1, 1, 5, 8, 18, 5, 1, 2 },
        { 4, 1, 1, 6, 11, 37, 3, 2, 1 },
        { 3, 1, 1, 2, 5, 6, 3, 1, 3 },
        { 2, 1, 1, 3, 7, 19, 4, 1, 2 },

        // Lanes along filters, and along results.
        { 1, 12, 20, 4, 7, 7, 3, 1, 1 },
        { 1, 40, 32, 4, 6, 6, 3, 2, 1 },
        { 2, 3, 5, 5, 6, 21, 3, 1, 1 },
        { 1, 2, 3, 2, 3, 17, 2, 1, 3 },

        // Windows of one point.
        { 1, 6, 8, 3, 5, 7, 1, 1, 0 },
        { 1, 6, 40, 5, 9, 11, 1, 2, 0 },
    };

    [Theory]
    [MemberData(nameof(Shapes))]
    public void A_result_is_its_chain_in_float(
        int images, int groups, int channels, int filters, int height, int width, int kernel, int stride, int padding)
        => Check<float>(Planes(images, groups, channels, filters, height, width, kernel, stride, padding));

    [Theory]
    [MemberData(nameof(Shapes))]
    public void A_result_is_its_chain_in_double(
        int images, int groups, int channels, int filters, int height, int width, int kernel, int stride, int padding)
        => Check<double>(Planes(images, groups, channels, filters, height, width, kernel, stride, padding));

    [Theory]
    [MemberData(nameof(Volumes))]
    public void A_result_of_a_volume_is_its_chain_in_float(
        int groups, int channels, int filters, int depth, int height, int width, int kernel, int stride, int padding)
        => Check<float>(Deep(Planes(2, groups, channels, filters, height, width, kernel, stride, padding), depth));

    [Theory]
    [MemberData(nameof(Volumes))]
    public void A_result_of_a_volume_is_its_chain_in_double(
        int groups, int channels, int filters, int depth, int height, int width, int kernel, int stride, int padding)
        => Check<double>(Deep(Planes(2, groups, channels, filters, height, width, kernel, stride, padding), depth));

    private static ConvolutionShape Deep(in ConvolutionShape planes, int depth) => planes with
    {
        Depth = depth,
        KernelDepth = planes.KernelHeight,
        StrideDepth = planes.StrideHeight,
        Front = planes.Top,
        OutDepth = ((depth + (2 * planes.Top) - planes.KernelHeight) / planes.StrideHeight) + 1,
    };

    private static ConvolutionShape Planes(
        int images, int groups, int channels, int filters, int height, int width, int kernel, int stride, int padding)
        => new()
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

    private static void Check<T>(in ConvolutionShape shape) where T : unmanaged, IFloatingPointIeee754<T>
    {
        foreach (bool fuseReLU in new[] { false, true })
        {
            Fence fence = fuseReLU ? Fence.Before : Fence.Behind;
            GuardedBuffer<T> x = new(shape.Images * shape.Channels * shape.Volume, 1, fence),
                w = new(shape.Filters * shape.Taps, 2, fence), bias = new(shape.Filters, 3, fence),
                y = new(shape.Images * shape.Filters * shape.OutVolume, 4, fence);

            // Values of both signs: a ReLU then clips some results.
            for (int i = 0; i < w.Count; i++) w.Values[i] -= T.One;
            T[] scratch = GC.AllocateUninitializedArray<T>(Convolution.ForwardScratch<T>(shape) + 64, pinned: true);
            fixed (T* memory = scratch)
            {
                var aligned = (T*)(((nint)memory + Simd.Alignment - 1) & -Simd.Alignment);
                Convolution.Forward(shape, x.Pointer, w.Pointer, bias.Pointer, y.Pointer, aligned, fuseReLU);
            }

            y.Check();
            for (int at = 0; at < y.Count; at++)
            {
                int filter = at / shape.OutVolume % shape.Filters;
                T expected = Chain(shape, x.Values, w.Values, at) + bias.Values[filter];
                if (fuseReLU && expected <= T.Zero) expected = T.Zero;
                if (y.Values[at] != expected)
                    Assert.Fail($"result {at}: expected {expected}, got {y.Values[at]} ({shape})");
            }
        }
    }

    private static T Chain<T>(in ConvolutionShape shape, ReadOnlySpan<T> x, ReadOnlySpan<T> w, int result)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        List<(int Tap, int Place)> terms = Terms(shape, result);
        int filter = result / shape.OutVolume % shape.Filters,
            chunks = Convolution.DivideUp(terms.Count, Convolution.TapChunk);
        T sum = T.Zero;
        for (int chunk = 0; chunk < chunks; chunk++)
        {
            T chain = T.Zero;
            int end = Convolution.Cut(terms.Count, chunk + 1, chunks);
            for (int i = Convolution.Cut(terms.Count, chunk, chunks); i < end; i++)
            {
                T value = terms[i].Place < 0 ? T.Zero : x[terms[i].Place];
                chain = T.FusedMultiplyAdd(w[(filter * shape.Taps) + terms[i].Tap], value, chain);
            }

            sum = chunk == 0 ? chain : sum + chain;
        }

        return sum;
    }

    /// <summary>
    /// The taps of a result by slices of the window, without the slices outside, and the places that they read; -1 is a
    /// zero beside the plane.
    /// </summary>
    private static List<(int Tap, int Place)> Terms(in ConvolutionShape shape, int result)
    {
        (int volume, int place) = Math.DivRem(result, shape.OutVolume);
        (int image, int filter) = Math.DivRem(volume, shape.Filters);
        (int slice, int at) = Math.DivRem(place, shape.OutPlane);
        (int row, int column) = Math.DivRem(at, shape.OutWidth);
        int first = (image * shape.Channels) + (filter / shape.GroupFilters * shape.GroupChannels);
        var terms = new List<(int, int)>();
        for (int t = 0; t < shape.KernelDepth; t++)
        {
            int d = (slice * shape.StrideDepth) + t - shape.Front;
            for (int i = 0; i < shape.Taps / shape.KernelDepth && d >= 0 && d < shape.Depth; i++)
            {
                (int channel, int point) = Math.DivRem(i, shape.KernelHeight * shape.KernelWidth);
                (int u, int v) = Math.DivRem(point, shape.KernelWidth);
                int h = (row * shape.StrideHeight) + u - shape.Top, k = (column * shape.StrideWidth) + v - shape.Left;
                bool isInside = h >= 0 && h < shape.Height && k >= 0 && k < shape.Width;
                int plane = ((first + channel) * shape.Depth) + d;
                terms.Add(((((((channel * shape.KernelDepth) + t) * shape.KernelHeight) + u) * shape.KernelWidth) + v,
                    isInside ? (((plane * shape.Height) + h) * shape.Width) + k : -1));
            }
        }

        return terms;
    }
}
