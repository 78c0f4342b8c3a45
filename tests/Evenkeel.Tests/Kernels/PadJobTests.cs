using System.Numerics;
using Evenkeel.Kernels;
using Evenkeel.Tests.Reference;
using Xunit;

namespace Evenkeel.Tests.Kernels;

/// <summary>Padding with values of the input, on rows of 1 to 257 values, with guards at both ends.</summary>
public sealed unsafe class PadJobTests
{
    [Theory]
    [InlineData(PaddingMode.Reflect)]
    [InlineData(PaddingMode.Replicate)]
    [InlineData(PaddingMode.Circular)]
    public void Rows_of_every_length(PaddingMode mode)
    {
        for (int width = 1; width <= KernelSweep.Longest; width++)
        {
            Check<float>(mode, width, (Fence)(width % 2));
            Check<double>(mode, width, (Fence)((width + 1) % 2));
        }
    }

    private static void Check<T>(PaddingMode mode, int width, Fence fence)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        const int Volumes = 2, Depth = 2, Height = 3;
        PadKind kind = mode switch
        {
            PaddingMode.Reflect => PadKind.Reflect,
            PaddingMode.Replicate => PadKind.Replicate,
            _ => PadKind.Circular,
        };
        int most = mode == PaddingMode.Reflect ? width - 1 : width, left = Math.Min(most, 17),
            right = Math.Min(most, 5);
        PadAxis slices = new(kind, Depth, 1, 0), rows = new(kind, Height, 0, 2),
            columns = new(kind, width, left, right);
        int outer = Volumes * slices.Output * rows.Output * columns.Output, inner = Volumes * Depth * Height * width;
        GuardedBuffer<T> x = new(inner, 1, fence), y = new(outer, 2, fence), dy = new(outer, 3, fence),
            dx = new(inner, 4, fence);
        PadJob<T>.Forward(slices, rows, columns, Volumes, x.Pointer, y.Pointer);
        PadJob<T>.Backward(slices, rows, columns, Volumes, dy.Pointer, dx.Pointer);
        x.Check();
        y.Check();
        dy.Check();
        dx.Check();

        // The place of each value, padded as the values are, says where its gradient goes.
        Tensor places = Tensor.From(
            Enumerable.Range(0, inner).Select(static i => (double)i).ToArray(), [1, Volumes, Depth, Height, width]);
        double[] sources = NaiveOps.Doubles(
            NaiveConvolution.Pad(places, (1, 0, left), (0, 2, right), mode));
        double[] expected = new double[inner];
        int[] terms = new int[inner];
        for (int i = 0; i < outer; i++)
        {
            Assert.Equal(x.Values[(int)sources[i]], y.Values[i]);
            expected[(int)sources[i]] += dy[i];
            terms[(int)sources[i]]++;
        }

        for (int i = 0; i < inner; i++) KernelSweep.Near<T>(expected[i], dx[i], $"{mode} of {width}", i, terms[i]);
    }
}
