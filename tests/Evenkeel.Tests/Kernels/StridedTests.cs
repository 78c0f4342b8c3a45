using Evenkeel.Kernels;
using Xunit;

namespace Evenkeel.Tests.Kernels;

public sealed unsafe class StridedTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Gathered_values_are_those_a_stride_apart_and_zeros_behind_reach_less_than_a_pack(int stride)
    {
        for (int count = 1; count <= KernelSweep.Longest; count++)
        {
            foreach (Fence fence in new[] { Fence.Behind, Fence.Before })
            {
                GuardedBuffer<float> x = new(((count - 1) * stride) + 1, 1, fence);
                float[] y = new float[count + 16];
                Array.Fill(y, 7);
                fixed (float* to = y) Strided.Gather(x.Pointer, x.Pointer + x.Count, stride, to, count);
                for (int k = 0; k < count; k++) Assert.Equal(x.Values[k * stride], y[k]);
                for (int k = count; k < y.Length; k++) Assert.True(y[k] is 0 or 7, $"{y[k]} at {k} of {count}");
                Assert.Equal(7, y[^1]);
            }
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Scattered_values_leave_the_places_between_as_they_are(int stride)
    {
        Scatter<float>(stride);
        Scatter<double>(stride);
    }

    [Fact]
    public void Values_are_dealt_to_two_rows_in_turn()
    {
        Deal<float>();
        Deal<double>();
    }

    [Theory]
    [InlineData(double.NaN)]
    [InlineData(0.0)]
    public void Two_rows_are_merged_with_a_shift_and_a_limit(double limit)
    {
        Merge<float>(limit);
        Merge<double>(limit);
    }

    [Fact]
    public void Two_rows_of_pixels_of_every_width_there_and_back()
    {
        for (int factor = 1; factor <= 3; factor++)
        {
            for (int width = 1; width <= KernelSweep.Longest; width++)
            {
                Shuffle<float>(factor, width);
                Shuffle<double>(factor, width);
            }
        }
    }

    private static void Scatter<T>(int stride) where T : unmanaged, System.Numerics.IFloatingPointIeee754<T>
    {
        for (int count = 1; count <= KernelSweep.Longest; count++)
        {
            foreach (Fence fence in new[] { Fence.Behind, Fence.Before })
            {
                T[] x = [.. Enumerable.Range(0, count + 16).Select(i => T.CreateTruncating(100 + i))];
                GuardedBuffer<T> y = new(((count - 1) * stride) + 1, 2, fence);
                T[] before = y.Values.ToArray();
                fixed (T* from = x) Strided.Scatter(from, y.Pointer, stride, count);
                for (int i = 0; i < y.Count; i++)
                    Assert.Equal(i % stride == 0 ? x[i / stride] : before[i], y.Values[i]);
                y.Check();
            }
        }
    }

    private static void Deal<T>() where T : unmanaged, System.Numerics.IFloatingPointIeee754<T>
    {
        for (int count = 1; count <= 2 * KernelSweep.Longest; count++)
        {
            foreach (Fence fence in new[] { Fence.Behind, Fence.Before })
            {
                const int Rows = 3;
                int evens = (count + 1) / 2, odds = count / 2;
                GuardedBuffer<T> x = new(Rows * count, 1, fence), even = new(Rows * evens, 2, fence),
                    odd = new(Rows * evens, 3, fence);
                T[] between = odd.Values.ToArray();
                Strided.Deal(
                    x.Pointer, count, x.Pointer + x.Count, even.Pointer, odd.Pointer, evens, count, Rows);
                for (int row = 0; row < Rows; row++)
                {
                    for (int i = 0; i < count; i++)
                    {
                        Assert.Equal(
                            x.Values[(row * count) + i], (i % 2 == 0 ? even : odd).Values[(row * evens) + (i / 2)]);
                    }

                    if (odds < evens)
                        Assert.Equal(between[(row * evens) + odds], odd.Values[(row * evens) + odds]);
                }

                even.Check();
                odd.Check();
            }
        }
    }

    private static void Merge<T>(double limit) where T : unmanaged, System.Numerics.IFloatingPointIeee754<T>
    {
        T shift = T.CreateChecked(0.25), zero = T.CreateChecked(limit);
        for (int count = 1; count <= 2 * KernelSweep.Longest; count++)
        {
            foreach (Fence fence in new[] { Fence.Behind, Fence.Before })
            {
                T[] even = [.. Enumerable.Range(0, (3 * count) + 16).Select(i => T.CreateTruncating(i - 40))],
                    odd = [.. Enumerable.Range(0, (2 * count) + 16).Select(i => T.CreateTruncating(30 - i))];
                GuardedBuffer<T> y = new((2 * count) + 3, 1, fence);
                T[] between = y.Values.Slice(count, 3).ToArray();
                fixed (T* a = even, b = odd)
                {
                    Strided.Merge(a, 2 * count, b, count, y.Pointer, count + 3, count, rows: 2, shift, zero);
                }

                for (int i = 0; i < 2 * count; i++)
                {
                    (int row, int k) = Math.DivRem(i, count);
                    T value = (k % 2 == 0 ? even[(row * 2 * count) + (k / 2)] : odd[(row * count) + (k / 2)]) + shift;
                    Assert.Equal(value <= zero ? T.Zero : value, y.Values[(row * (count + 3)) + k]);
                }

                Assert.Equal(between, y.Values.Slice(count, 3).ToArray());

                y.Check();
            }
        }
    }

    private static void Shuffle<T>(int factor, int width)
        where T : unmanaged, System.Numerics.IFloatingPointIeee754<T>
    {
        const int Groups = 2, Height = 2;
        int count = Groups * factor * factor * Height * width;
        GuardedBuffer<T> x = new(count, 1), y = new(count, 2), back = new(count, 3);
        PixelRows.Run(x.Pointer, y.Pointer, Groups, factor, Height, width, back: false);
        for (int at = 0; at < count; at++)
        {
            (int row, int column) = Math.DivRem(at, width * factor);
            (int tall, int i) = Math.DivRem(row, factor);
            (int group, int h) = Math.DivRem(tall, Height);
            int from = (((((group * factor) + i) * factor) + (column % factor)) * Height) + h;
            Assert.Equal(x.Values[(from * width) + (column / factor)], y.Values[at]);
        }

        PixelRows.Run(back.Pointer, y.Pointer, Groups, factor, Height, width, back: true);
        Assert.Equal(x.Values.ToArray(), back.Values.ToArray());
        y.Check();
        back.Check();
    }
}
