using System.Numerics;
using System.Runtime.Intrinsics;
using Evenkeel.Kernels;
using Xunit;

namespace Evenkeel.Tests.Kernels;

/// <summary>
/// The parts of a convolution by themselves: the staged copy under its taps, the phases of a stride and the transpose
/// of planes, at widths from 0 or 1 to 257, with guards at both ends.
/// </summary>
public sealed unsafe class ConvolutionStageTests
{
    /// <summary>Kernel, stride, padding, dilation: of rows and columns alike, but with a kernel of two rows.</summary>
    public static TheoryData<int, int, int, int> Windows => new()
    {
        { 3, 1, 1, 1 }, { 1, 1, 0, 1 }, { 5, 1, 4, 1 }, { 3, 1, 0, 2 }, { 3, 2, 1, 1 }, { 2, 3, 2, 2 },
    };

    [Theory]
    [MemberData(nameof(Windows))]
    public void A_stage_holds_the_padded_value_under_every_tap(int kernel, int stride, int pad, int dilation)
    {
        for (int width = 1; width <= KernelSweep.Longest; width++)
        {
            if (ShapeOf(1, 2, 3, width, 2, kernel, stride, pad, dilation) is not { } shape) continue;
            PlaneMap map = PlaneMap.Forward(shape);
            Fence fence = (Fence)(width % 2);
            Check<float>(map, new Band(0, 1, 0, map.Rows), fence);
            Check<double>(map, new Band(0, 1, map.Rows - 1, 1), 1 - fence);
            foreach (Phases phases in new PhaseList(shape))
            {
                PlaneMap backward = PlaneMap.Backward(shape, phases);
                Check<float>(backward, new Band(0, 1, 0, backward.Rows), fence);
            }
        }
    }

    [Theory]
    [InlineData(2, 1, 1, 1)]
    [InlineData(3, 1, 2, 1)]
    [InlineData(2, 2, 0, 3)]
    [InlineData(1, 3, 1, 1)]
    public void A_stage_of_volumes_holds_the_padded_value_under_every_tap(int kernel, int stride, int pad, int dilation)
    {
        for (int width = 1; width <= KernelSweep.Longest; width += width < 40 ? 1 : 7)
        {
            if (ShapeOf(1, 2, 3, width, 2, 2, 2, 1, 1) is not { } flat) continue;
            int depth = 5, slices = ((depth + (2 * pad) - (dilation * (kernel - 1)) - 1) / stride) + 1;
            ConvolutionShape shape = flat with
            {
                Depth = depth,
                KernelDepth = kernel,
                StrideDepth = stride,
                DilationDepth = dilation,
                Front = pad,
                OutDepth = slices,
            };
            PlaneMap map = PlaneMap.Forward(shape);
            Fence fence = (Fence)(width % 2);
            Check<float>(map, new Band(0, slices, 0, map.Rows), fence);
            Check<double>(map, new Band(slices - 1, 1, map.Rows - 1, 1), 1 - fence);
            foreach (Phases phases in new PhaseList(shape))
            {
                PlaneMap backward = PlaneMap.Backward(shape, phases);
                Check<float>(backward, new Band(0, backward.Slices, 0, backward.Rows), fence);
            }
        }
    }

    /// <summary>
    /// h + padding = i·stride + u·dilation: each phase holds the pixels and taps of exactly these (h, u, i).
    /// </summary>
    [Fact]
    public void Phases_hold_every_pixel_and_tap_once()
    {
        foreach (int stride in new[] { 1, 2, 3, 4 })
        {
            foreach (int dilation in new[] { 1, 2, 3 })
            {
                foreach (int padding in new[] { 0, 1, 3 })
                {
                    foreach (int kernel in new[] { 1, 2, 3, 5 }) Check(stride, dilation, padding, kernel, size: 23);
                }
            }
        }

        static void Check(int stride, int dilation, int padding, int kernel, int size)
        {
            var expected = new HashSet<(int, int, int)>();
            for (int h = 0; h < size; h++)
            {
                for (int u = 0; u < kernel; u++)
                {
                    int rest = h + padding - (u * dilation);
                    if (rest % stride == 0) expected.Add((h, u, rest / stride));
                }
            }

            for (int number = 0; number < stride; number++)
            {
                var phase = Phase.Create(number, size, kernel, stride, dilation, padding);
                for (int n = 0; n < phase.Count; n++)
                {
                    for (int t = 0; t < phase.Taps; t++)
                    {
                        // The map's result n reads, under tap t, place n + t·dilation - before.
                        (int, int, int) found = (phase.First + (n * stride), phase.LastTap - (t * phase.TapStep),
                            n + (t * phase.Dilation) - phase.Before);
                        Assert.True(expected.Remove(found), $"{found} of phase {number} of stride {stride}");
                    }
                }
            }

            Assert.Empty(expected);
        }
    }

    [Fact]
    public void A_transpose_of_planes_is_a_plain_loop_in_float() => Transposes<float>();

    [Fact]
    public void A_transpose_of_planes_is_a_plain_loop_in_double() => Transposes<double>();

    private static void Transposes<T>() where T : unmanaged, IFloatingPointIeee754<T>
    {
        for (int count = 0; count <= KernelSweep.Longest; count++)
        {
            foreach (int channels in new[] { 1, 3, 4, 5, 9 })
            {
                int row = channels + 2, plane = count + 1;
                Fence fence = (Fence)((count + channels) % 2);
                GuardedBuffer<T> source = new GuardedBuffer<T>(
                        Math.Max(0, ((count - 1) * row) + channels), 1, fence).WithGaps(channels, row),
                    result = new GuardedBuffer<T>(((channels - 1) * plane) + count, 2, fence).WithGaps(count, plane),
                    bias = new(channels, 3, fence);
                foreach (bool hasBias in new[] { false, true })
                {
                    PlaneTranspose.Run(source.Pointer, row, count, channels, result.Pointer, plane,
                        hasBias ? bias.Pointer : null);
                    result.Check(count, plane);
                    for (int c = 0; c < channels; c++)
                    {
                        for (int p = 0; p < count; p++)
                        {
                            T expected = source.Values[(p * row) + c] + (hasBias ? bias.Values[c] : T.Zero);
                            Assert.Equal(expected, result.Values[(c * plane) + p]);
                        }
                    }
                }
            }
        }
    }

    /// <summary>Stages one band and reads it back through the table of offsets.</summary>
    private static void Check<T>(PlaneMap map, Band band, Fence fence)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        int width = Vector512<T>.Count;
        Stage stage = Stage.Create(map, new Bands(band.Slices, band.Rows), width, overrun: 0);
        GuardedBuffer<T> source = new(map.Channels * map.Depth * map.Height * map.Width, 1, fence),
            copy = new((int)stage.Count, 2, fence);
        stage.Copy(source.Pointer, source.Pointer + source.Count, copy.Pointer, band);
        copy.Check();
        nint[] offsets = new nint[map.Taps];
        fixed (nint* table = offsets) stage.Offsets(table, sizeof(T));
        int last = ((band.Rows - 1) * stage.Pitch) + map.Columns - 1;
        for (int tap = 0; tap < map.Taps; tap++)
        {
            int v = tap % map.KernelWidth, u = tap / map.KernelWidth % map.KernelHeight,
                t = tap / (map.KernelWidth * map.KernelHeight) % map.KernelDepth,
                c = tap / (map.KernelWidth * map.KernelHeight * map.KernelDepth);
            for (int k = 0; k < band.Slices; k++)
            {
                int offset = ((int)offsets[tap] / sizeof(T)) + (int)(k * stage.SliceStep),
                    d = ((band.Slice0 + k) * map.StrideDepth) + (t * map.DilationDepth) - map.Front;
                Assert.InRange(offset + last + width, 0, copy.Count);
                for (int i = 0; i < band.Rows; i++)
                {
                    int h = ((band.Row0 + i) * map.StrideHeight) + (u * map.DilationHeight) - map.Top;
                    for (int j = 0; j < map.Columns; j++)
                    {
                        int w = (j * map.StrideWidth) + (v * map.DilationWidth) - map.Left;
                        T expected = d < 0 || d >= map.Depth || h < 0 || h >= map.Height || w < 0 || w >= map.Width
                            ? T.Zero
                            : source.Values[(((((c * map.Depth) + d) * map.Height) + h) * map.Width) + w];
                        if (copy.Values[offset + (i * stage.Pitch) + j] != expected)
                            Assert.Fail($"{map}: result ({k}, {i}, {j}) reads a wrong value at tap {tap}.");
                    }
                }
            }
        }
    }

    /// <summary>A convolution with a window of two rows; null if the window does not fit.</summary>
    internal static ConvolutionShape? ShapeOf(
        int images, int channels, int height, int width, int filters, int kernel, int stride, int pad, int dilation)
    {
        const int KernelHeight = 2;
        int outHeight = Out(height, KernelHeight), outWidth = Out(width, kernel);
        if (outHeight < 1 || outWidth < 1) return null;
        return new ConvolutionShape
        {
            Images = images,
            Channels = channels,
            Depth = 1,
            Height = height,
            Width = width,
            Filters = filters,
            KernelDepth = 1,
            KernelHeight = KernelHeight,
            KernelWidth = kernel,
            StrideDepth = 1,
            StrideHeight = stride,
            StrideWidth = stride,
            DilationDepth = 1,
            DilationHeight = dilation,
            DilationWidth = dilation,
            Top = pad,
            Left = pad,
            Groups = 1,
            OutDepth = 1,
            OutHeight = outHeight,
            OutWidth = outWidth,
        };

        int Out(int size, int window)
        {
            int room = size + (2 * pad) - ((window - 1) * dilation) - 1;
            return room < 0 ? 0 : (room / stride) + 1;
        }
    }
}
