using System.Numerics;
using Evenkeel.Kernels;
using Evenkeel.Tests.Reference;
using Xunit;

namespace Evenkeel.Tests.Kernels;

public sealed unsafe class ResampleTests
{
    [Fact]
    public void Every_width_in_float() => Sweep<float>();

    [Fact]
    public void Every_width_in_double() => Sweep<double>();

    /// <summary>More rows than are made together, and chunks that end within a plane.</summary>
    [Theory]
    [InlineData(37, 74)]
    [InlineData(40, 20)]
    [InlineData(61, 90)]
    [InlineData(300, 11)]
    [InlineData(7, 200)]
    public void Many_rows(int rows, int outputRows)
    {
        foreach ((int width, int output) in new[] { (30, 60), (60, 30), (17, 26), (400, 800), (5, 40) })
        {
            foreach (bool blends in new[] { false, true })
            {
                Compare<float>(rows, outputRows, width, output, blends, Fence.Behind);
                Compare<double>(rows, outputRows, width, output, blends, Fence.Before);
            }
        }
    }

    /// <summary>A gradient that is NaN reaches the inputs that its output reads, and no others.</summary>
    [Theory]
    [InlineData(20, 40, false)]
    [InlineData(40, 20, true)]
    [InlineData(20, 40, true)]
    [InlineData(30, 41, true)]
    public void A_gradient_that_is_NaN_stays_at_its_inputs(int size, int output, bool blends)
    {
        var axis = new ResampleAxis(size, output, blends, false, 0);
        for (int o = 0; o < output; o += 3)
        {
            axis.Sources(o, out int first, out int second, out _);
            axis.Sources(output - 1 - o, out int firstRow, out int secondRow, out _);
            var tape = new Tape();
            Tensor x = tape.Input(Tensor.Zeros([2, 2, size, size]), requiresGradient: true), dy =
                Tensor.Ones([2, 2, output, output]);
            dy.AsSpan<float>()[(output * output) + ((output - 1 - o) * output) + o] = float.NaN;
            x.Upsample((output, output), mode: blends ? UpsampleMode.Bilinear : UpsampleMode.Nearest).Backward(dy);
            float[] dx = x.Gradient!.ToArray<float>();
            for (int i = 0; i < dx.Length; i++)
            {
                (int row, int column) = Math.DivRem(i % (size * size), size);
                bool isRead = i / (size * size) == 1 && (row == firstRow || row == secondRow)
                    && (column == first || column == second);
                Assert.True(isRead == float.IsNaN(dx[i]), $"output {o}: {dx[i]} at row {row}, column {column}");
            }
        }
    }

    [Fact]
    public void Every_width_of_a_frame()
    {
        for (int width = 0; width <= KernelSweep.Longest; width++)
        {
            foreach ((int left, int right) in new[] { (0, 0), (3, 2), (-2, 1), (1, -2), (-300, 300) })
            {
                int columns = Math.Max(0, width + left + right);
                GuardedBuffer<float> x = new(2 * width, 1), y = new(2 * 4 * columns, 2);
                PlaneFrame.Copy(x.Pointer, 1, width, y.Pointer, 4, columns, planes: 2, top: 2, left);
                for (int i = 0; i < y.Count; i++)
                {
                    int c = (i % columns) - left, plane = i / columns / 4;
                    float expected = i / columns % 4 == 2 && c >= 0 && c < width ? x.Values[(plane * width) + c] : 0;
                    Assert.Equal(expected, y.Values[i]);
                }

                y.Check();
            }
        }
    }

    [Fact]
    public void Every_width_of_a_table_of_rows()
    {
        int[] numbers = [4, 0, 1, 4, 1, 1, 3];
        for (int width = 1; width <= KernelSweep.Longest; width++)
        {
            GuardedBuffer<float> table = new(5 * width, 1), y = new(7 * width, 2), gradient = new(5 * width, 3);
            fixed (int* at = numbers)
            {
                RowTable.Pick(table.Pointer, at, y.Pointer, 7, width);
                for (int i = 0; i < y.Count; i++)
                    Assert.Equal(table.Values[(numbers[i / width] * width) + (i % width)], y.Values[i]);
                RowTable.Add(y.Pointer, at, gradient.Pointer, 7, 5, width, skipped: 1);
            }

            float[] sums = new float[5 * width];
            for (int i = 0; i < y.Count; i++)
            {
                if (numbers[i / width] != 1) sums[(numbers[i / width] * width) + (i % width)] += y.Values[i];
            }

            Assert.Equal(sums, gradient.Values.ToArray());
            y.Check();
            gradient.Check();
        }
    }

    private static void Sweep<T>() where T : unmanaged, IFloatingPointIeee754<T>
    {
        for (int width = 1; width <= KernelSweep.Longest; width++)
        {
            foreach (int output in new[] { width, 2 * width, ((3 * width) + 1) / 2, (width + 1) / 2, 17, 1 })
            {
                foreach (bool blends in new[] { false, true })
                {
                    foreach (Fence fence in new[] { Fence.Behind, Fence.Before })
                        Compare<T>(3, 5, width, output, blends, fence);
                }
            }
        }
    }

    private static void Compare<T>(int inputRows, int outputRows, int width, int output, bool blends, Fence fence)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        ResampleAxis rows = new(inputRows, outputRows, blends, false, 0),
            columns = new(width, output, blends, false, 0);
        int[] ints = new int[ResampleTable<T>.Ints(rows) + ResampleTable<T>.Ints(columns)];
        T[] values = new T[ResampleTable<T>.Values(rows) + ResampleTable<T>.Values(columns)];
        GuardedBuffer<T> x = new(2 * inputRows * width, 1, fence), y = new(2 * outputRows * output, 2, fence),
            dx = new(x.Count, 3, fence);
        double[] dy;
        fixed (int* places = ints)
        fixed (T* weights = values)
        {
            ResampleTable<T> rowTable = ResampleTable<T>.Create(rows, places, weights), columnTable =
                ResampleTable<T>.Create(
                    columns, places + ResampleTable<T>.Ints(rows), weights + ResampleTable<T>.Values(rows));
            Resample.Forward(x.Pointer, y.Pointer, 2, rowTable, columnTable);
            dy = [.. Enumerable.Range(0, y.Count).Select(i => y[i])];
            Resample.Backward(y.Pointer, dx.Pointer, 2, rowTable, columnTable);
        }

        y.Check();
        dx.Check();
        var naive = new NaiveResample(inputRows, width, outputRows, output, blends, AlignCorners: false, Scale: 0);
        for (int plane = 0; plane < 2; plane++)
        {
            int from = plane * inputRows * width, to = plane * outputRows * output;
            double[] expected = naive.Forward([.. Enumerable.Range(from, inputRows * width).Select(i => x[i])]);
            double[] gradient = naive.Backward(dy[to..(to + expected.Length)]);
            double terms = ((4.0 * output / width) + 4) * Math.Max(1, (double)outputRows / inputRows);
            string where = $"{width} to {output}, {(blends ? "blend" : "nearest")}";
            for (int i = 0; i < expected.Length; i++) KernelSweep.Near<T>(expected[i], y[to + i], where, i);
            for (int i = 0; i < gradient.Length; i++)
                KernelSweep.Near<T>(gradient[i], dx[from + i], where, i, terms);
        }
    }
}
