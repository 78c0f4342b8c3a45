using System.Numerics;
using Evenkeel.Kernels;
using Xunit;

namespace Evenkeel.Tests.Kernels;

/// <summary>
/// Maximum and mean pooling, forward and backward, of planes of 0 to 257 columns, against a loop over all inputs of all
/// windows, with guards at both ends. Windows of two by two side by side go through <see cref="Quads"/>.
/// </summary>
public sealed unsafe class PoolKernelTests
{
    /// <summary>Few volumes, which are pooled row by row.</summary>
    private const int Few = 2;

    /// <summary>Two groups of sixteen volumes, which are pooled a lane each, and three more.</summary>
    private const int Many = 35;

    /// <summary>Kernel, stride, padding.</summary>
    public static TheoryData<int, int, int> Windows => new()
    {
        { 2, 2, 0 }, { 3, 2, 1 }, { 2, 1, 0 }, { 1, 1, 0 }, { 4, 3, 2 },
    };

    [Theory]
    [MemberData(nameof(Windows))]
    public void Maxima_are_those_of_a_plain_loop(int kernel, int stride, int pad)
    {
        EachPlane(kernel, stride, pad, dilation: 1, Maxima<float>);
        EachPlane(kernel, stride, pad, dilation: 1, Maxima<double>);
        EachPlane(kernel, stride, pad, dilation: 2, Maxima<float>);
    }

    [Theory]
    [MemberData(nameof(Windows))]
    public void Means_are_those_of_a_plain_loop(int kernel, int stride, int pad)
    {
        EachPlane(kernel, stride, pad, dilation: 1,
            (planes, fence) => Means<float>(planes, fence, includePadding: true, divisor: 0));
        EachPlane(kernel, stride, pad, dilation: 1,
            (planes, fence) => Means<double>(planes, fence, includePadding: false, divisor: 0));
        EachPlane(kernel, stride, pad, dilation: 3,
            (planes, fence) => Means<float>(planes, fence, includePadding: false, divisor: 0));
    }

    [Fact]
    public void Means_by_a_given_divisor_are_those_of_a_plain_loop() =>
        EachPlane(3, 2, 1, 1, (planes, fence) => Means<float>(planes, fence, includePadding: false, divisor: 5));

    [Theory]
    [InlineData(13, 6, 13, 6)]
    [InlineData(28, 7, 28, 7)]
    [InlineData(9, 9, 9, 9)]
    [InlineData(70, 5, 70, 5)]
    [InlineData(1, 1, 400, 2)]
    [InlineData(512, 1, 4, 2)]
    public void Many_volumes_have_the_means_and_maxima_of_each_alone(
        int height, int rowsOfWindows, int width, int windowsPerRow)
    {
        PoolAxis rows = PoolAxis.Adaptive(height, rowsOfWindows), columns = PoolAxis.Adaptive(width, windowsPerRow);
        PoolShape many = new(Many, PoolAxis.Single, rows, columns), one = new(1, PoolAxis.Single, rows, columns);
        GuardedBuffer<float> x = new(Many * one.InputSize, 1), means = new(Many * one.OutputSize, 2),
            mean = new(one.OutputSize, 3), maxima = new(means.Count, 4), maximum = new(mean.Count, 5);
        var divisor = new AverageDivisor(IncludePadding: false, Number: 0);
        AveragePool.Forward(x.Pointer, means.Pointer, many, divisor);
        MaxPool.Forward(x.Pointer, maxima.Pointer, null, many);
        for (int volume = 0; volume < Many; volume++)
        {
            float* from = x.Pointer + (volume * one.InputSize);
            AveragePool.Forward(from, mean.Pointer, one, divisor);
            MaxPool.Forward(from, maximum.Pointer, null, one);
            int at = volume * mean.Count;
            Assert.Equal(mean.Values.ToArray(), means.Values.Slice(at, mean.Count).ToArray());
            Assert.Equal(maximum.Values.ToArray(), maxima.Values.Slice(at, mean.Count).ToArray());
        }
    }

    [Fact]
    public void Means_of_a_high_plane_are_those_of_a_plain_loop()
    {
        PoolAxis rows = new(900, 900, 3, 1, 1, 1, 1), columns = new(70, 35, 3, 2, 1, 1, 1);
        PoolShape planes = new(Few, PoolAxis.Single, rows, columns);
        Means<float>(planes, Fence.Behind, includePadding: true, divisor: 0);
    }

    [Fact]
    public void The_mean_of_a_plane_does_not_overflow_if_its_values_do_not()
    {
        PoolAxis axis = PoolAxis.Adaptive(16, 1);
        GuardedBuffer<float> x = new(256, 1), y = new(1, 2);
        x.Values.Fill(1e38f);
        AveragePool.Forward(x.Pointer, y.Pointer, new PoolShape(1, PoolAxis.Single, axis, axis),
            new AverageDivisor(IncludePadding: false, Number: 0));
        Assert.Equal(1e38f, y.Values[0]);
    }

    [Fact]
    public void Adaptive_means_are_those_of_a_plain_loop()
    {
        for (int columns = 1; columns <= KernelSweep.Longest; columns++)
        {
            var planes = new PoolShape(columns % 3 == 1 ? Many : Few, PoolAxis.Single, PoolAxis.Adaptive(3, 2),
                PoolAxis.Adaptive(columns, (columns + 4) / 3));
            Means<float>(planes, (Fence)(columns % 2), includePadding: false, divisor: 0);
            Means<double>(planes, (Fence)(columns % 2), includePadding: false, divisor: 0);
        }
    }

    /// <summary>A gradient that is NaN reaches the inputs of its window, and no others.</summary>
    [Theory]
    [InlineData(13, 6)]
    [InlineData(28, 7)]
    [InlineData(9, 9)]
    public void A_gradient_of_a_mean_that_is_NaN_stays_in_its_window(int size, int windows)
    {
        const int Volumes = 11;
        PoolAxis axis = PoolAxis.Adaptive(size, windows);
        PoolShape shape = new(Volumes, PoolAxis.Single, axis, axis);
        for (int window = 0; window < windows * windows; window++)
        {
            GuardedBuffer<float> dy = new(Volumes * shape.OutputSize, 1), dx = new(Volumes * shape.InputSize, 2);
            dy.Values[(3 * shape.OutputSize) + window] = float.NaN;
            AveragePool.Backward(dy.Pointer, dx.Pointer, shape, new AverageDivisor(IncludePadding: false, Number: 0));
            axis.Window(window / windows, out int top, out int rows, out _);
            axis.Window(window % windows, out int left, out int columns, out _);
            for (int i = 0; i < dx.Count; i++)
            {
                (int row, int column) = Math.DivRem(i % shape.InputSize, size);
                bool isCovered = i / shape.InputSize == 3 && row >= top && row < top + rows && column >= left
                    && column < left + columns;
                Assert.True(isCovered == float.IsNaN(dx.Values[i]), $"window {window}: {dx.Values[i]} at {i}");
            }
        }
    }

    /// <summary>One window over the whole volume, of fewer values than a pack and of more.</summary>
    [Theory]
    [InlineData(Few)]
    [InlineData(Many)]
    public void A_window_over_the_whole_volume_is_a_plain_loop(int count)
    {
        for (int columns = 1; columns <= KernelSweep.Longest; columns++)
        {
            PoolAxis slices = columns % 5 == 3 ? PoolAxis.Adaptive(2, 1) : PoolAxis.Single;
            var volumes = new PoolShape(
                count, slices, PoolAxis.Adaptive(1 + (columns % 3), 1), PoolAxis.Adaptive(columns, 1));
            Maxima<float>(volumes, (Fence)(columns % 2));
            Maxima<float>(volumes, (Fence)(columns % 2), nanEvery: int.MaxValue);
            Means<float>(volumes, (Fence)(columns % 2), includePadding: false, divisor: 0);
            if (columns > 40) continue;
            Maxima<double>(volumes, (Fence)(columns % 2));
            Means<double>(volumes, (Fence)(columns % 2), includePadding: false, divisor: 0);
        }
    }

    [Fact]
    public void Adaptive_maxima_are_those_of_a_plain_loop()
    {
        for (int columns = 1; columns <= 70; columns++)
        {
            Maxima<float>(
                new PoolShape(columns % 3 == 1 ? Few : Many, PoolAxis.Single, PoolAxis.Adaptive(5, 3),
                    PoolAxis.Adaptive(columns, (columns + 4) / 3)), (Fence)(columns % 2));
        }
    }

    /// <summary>
    /// Volumes of 2 to 5 rows and every number of columns, of one slice and of three, with the same padding on both
    /// sides and with more behind; both ends are fenced in turn.
    /// </summary>
    private static void EachPlane(int kernel, int stride, int pad, int dilation, Action<PoolShape, Fence> check)
    {
        int reach = ((kernel - 1) * dilation) + 1;
        for (int columns = 0; columns <= KernelSweep.Longest; columns++)
        {
            // Rows even and odd, and each end fenced, in all pairs.
            PoolAxis slices = columns % 5 == 3 ? Axis(3, pad) : PoolAxis.Single;
            int after = columns % 7 == 4 ? pad + reach : pad;
            var planes = new PoolShape(Few, slices, Axis(2 + (columns / 2 % 4), pad), Axis(columns, after));
            check(planes, (Fence)(columns / 8 % 2));
            if (columns < 40 || columns % 16 == 3)
                check(planes with { Count = Many }, (Fence)(1 - (columns / 8 % 2)));
            if (columns < 40) check(planes, (Fence)(1 - (columns / 8 % 2)));
        }

        PoolAxis Axis(int size, int after) => new(
            size, size + pad + after < reach ? 0 : ((size + pad + after - reach) / stride) + 1, kernel, stride, pad,
            after, dilation);
    }

    private static void Maxima<T>(PoolShape planes, Fence fence) where T : unmanaged, IFloatingPointIeee754<T> =>
        Maxima<T>(planes, fence, nanEvery: 31);

    private static void Maxima<T>(PoolShape planes, Fence fence, int nanEvery)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        string name = planes.ToString();
        int[][] windows = Inputs(planes);
        int inputs = planes.Count * planes.InputSize, outputs = planes.Count * planes.OutputSize;
        GuardedBuffer<T> x = new(inputs, 1, fence), y = new(outputs, 2, fence), dy = new(outputs, 3, fence),
            dx = new(inputs, 4, fence);
        GuardedBuffer<float> winners = new(outputs, 5, fence);

        // Some equal values, and some NaN: the first of equal values wins, and the last NaN.
        for (int i = 0; i < inputs; i++)
        {
            if (i % 3 == 1) x.Values[i] = T.One;
            if (i % nanEvery is 5 or 6 && nanEvery < inputs) x.Values[i] = T.NaN;
        }

        int[] expectedWinners = new int[outputs];
        double[] expectedY = new double[outputs], expectedDx = new double[inputs];
        for (int o = 0; o < outputs; o++)
        {
            double largest = double.NegativeInfinity;
            int winner = -1, plane = o / planes.OutputSize * planes.InputSize;
            foreach (int i in windows[o % planes.OutputSize])
            {
                double value = x[plane + i];
                if (winner < 0 || value > largest || double.IsNaN(value)) (largest, winner) = (value, i);
            }

            (expectedY[o], expectedWinners[o]) = (largest, winner);
            if (winner >= 0) expectedDx[plane + winner] += dy[o];
        }

        // Winners are ints in a buffer of floats: any bits but those of a NaN, which is no place.
        int* places = (int*)winners.Pointer;
        MaxPool.Forward(x.Pointer, y.Pointer, places, planes);
        winners.Check();
        Assert.Equal(expectedWinners, new ReadOnlySpan<int>(places, outputs).ToArray());
        CheckY();
        y.Values.Fill(T.Zero);
        MaxPool.Forward(x.Pointer, y.Pointer, null, planes);
        CheckY();
        MaxPool.Backward(dy.Pointer, places, dx.Pointer, planes);
        CheckDx();
        if (!planes.IsQuadsExactly) return;
        dx.Values.Fill(T.NaN);
        MaxPool.QuadsBackward(dy.Pointer, x.Pointer, dx.Pointer, planes);
        CheckDx();

        void CheckY()
        {
            y.Check();
            for (int o = 0; o < outputs; o++) Assert.True(expectedY[o].Equals(y[o]), name);
        }

        void CheckDx()
        {
            dx.Check();
            for (int i = 0; i < inputs; i++) KernelSweep.Near<T>(expectedDx[i], dx[i], name, i, terms: 4);
        }
    }

    private static void Means<T>(PoolShape planes, Fence fence, bool includePadding, int divisor)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        string name = planes.ToString();
        int[][] windows = Inputs(planes);
        int inputs = planes.Count * planes.InputSize, outputs = planes.Count * planes.OutputSize;
        GuardedBuffer<T> x = new(inputs, 1, fence), y = new(outputs, 2, fence), dy = new(outputs, 3, fence),
            dx = new(inputs, 4, fence);
        AveragePool.Forward(x.Pointer, y.Pointer, planes, new(includePadding, divisor));
        AveragePool.Backward(dy.Pointer, dx.Pointer, planes, new(includePadding, divisor));
        foreach (GuardedBuffer<T> buffer in new[] { x, y, dy, dx }) buffer.Check();
        double[] expectedDx = new double[inputs];
        for (int o = 0; o < outputs; o++)
        {
            int plane = o / planes.OutputSize * planes.InputSize;
            int[] window = windows[o % planes.OutputSize];
            double sum = 0, size = divisor != 0 ? divisor : includePadding ? Padded(planes, o) : window.Length;
            foreach (int i in window)
            {
                sum += x[plane + i];
                expectedDx[plane + i] += dy[o] / size;
            }

            KernelSweep.Near<T>(window.Length == 0 ? 0 : sum / size, y[o], name, o, terms: 2);
        }

        for (int i = 0; i < inputs; i++) KernelSweep.Near<T>(expectedDx[i], dx[i], name, i, terms: 4);
    }

    /// <summary>The inputs of each result of a volume, slice by slice, row by row.</summary>
    private static int[][] Inputs(PoolShape planes)
    {
        int[][] slices = [.. Enumerable.Range(0, planes.Slices.Output).Select(o => Inputs(planes.Slices, o))],
            rows = [.. Enumerable.Range(0, planes.Rows.Output).Select(o => Inputs(planes.Rows, o))],
            columns = [.. Enumerable.Range(0, planes.Columns.Output).Select(o => Inputs(planes.Columns, o))];
        return [.. from ds in slices from hs in rows from ws in columns
            select (from d in ds from h in hs from w in ws
                select (((d * planes.Rows.Input) + h) * planes.Columns.Input) + w).ToArray()];
    }

    /// <summary>The inputs of window <paramref name="o"/> along a dimension.</summary>
    private static int[] Inputs(PoolAxis axis, int o)
    {
        // An input belongs to every adaptive part that it touches: i + 1 > o·input/output, i < (o + 1)·input/output.
        IEnumerable<int> places = axis.Kernel == 0
            ? Enumerable.Range(0, axis.Input)
                .Where(i => (i + 1) * axis.Output > o * axis.Input && i * axis.Output < (o + 1) * axis.Input)
            : Enumerable.Range(0, axis.Kernel).Select(u => (o * axis.Stride) - axis.Before + (u * axis.Dilation));
        return [.. places.Where(i => i >= 0 && i < axis.Input)];
    }

    /// <summary>The size of a window with the padding that it covers; it ends where the padding ends.</summary>
    private static int Padded(PoolShape planes, int o)
    {
        return Size(planes.Slices, o / planes.Columns.Output / planes.Rows.Output % planes.Slices.Output)
            * Size(planes.Rows, o / planes.Columns.Output % planes.Rows.Output)
            * Size(planes.Columns, o % planes.Columns.Output);

        static int Size(PoolAxis axis, int o) => Enumerable.Range(0, axis.Kernel)
            .Count(u => (o * axis.Stride) - axis.Before + (u * axis.Dilation) < axis.Input + axis.After);
    }
}
