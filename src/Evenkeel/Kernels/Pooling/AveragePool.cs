using System.Diagnostics;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Evenkeel.Kernels;

/// <summary>What the sum of a window is divided by.</summary>
/// <param name="IncludePadding">Whether padding counts in the size of a window.</param>
/// <param name="Number">The divisor; 0 takes the size of the window.</param>
internal readonly record struct AverageDivisor(bool IncludePadding, int Number)
{
    /// <summary>The divisor of a window.</summary>
    /// <param name="inside">Its places inside the input.</param>
    /// <param name="padded">Its places inside the input and the padding.</param>
    public double Of(double inside, double padded) => Number != 0 ? Number : IncludePadding ? padded : inside;
}

/// <summary>
/// The mean of each window: its sum over a divisor. A window without inputs has the mean 0.
/// </summary>
internal static unsafe class AveragePool
{
    /// <summary>y from x.</summary>
    /// <param name="x">The volumes.</param>
    /// <param name="y">The results.</param>
    /// <param name="shape">The sizes and the windows.</param>
    /// <param name="divisor">What the sums are divided by.</param>
    public static void Forward<T>(T* x, T* y, in PoolShape shape, AverageDivisor divisor)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        Debug.Assert(shape.IsSound);
        if (shape.IsQuads && divisor.Number == 0) Quads.Forward<T, Rule>(x, y, shape);
        else if (typeof(T) == typeof(float) && WholePool.Fits(shape))
            WholePool.Mean((float*)x, (float*)y, shape, divisor);
        else if (typeof(T) != typeof(float) || !AveragePoolRows.TryForward((float*)x, (float*)y, shape, divisor))
        {
            Workers.Run(shape.Chunks, new ForwardJob<T>
            {
                X = x,
                Y = y,
                Volumes = shape,
                Divisor = divisor,
            });
        }
    }

    /// <summary>dx from dy: each input gets a share of dy of every window that covers it.</summary>
    /// <param name="dy">The gradients of the results.</param>
    /// <param name="dx">The gradients of the volumes.</param>
    /// <param name="shape">The sizes and the windows.</param>
    /// <param name="divisor">As in the forward pass.</param>
    public static void Backward<T>(T* dy, T* dx, in PoolShape shape, AverageDivisor divisor)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        Debug.Assert(shape.IsSound);
        Debug.Assert(Contracts.AreApart(
            dx, (long)shape.Count * shape.InputSize, dy, (long)shape.Count * shape.OutputSize), "dx overlaps dy");
        if (shape.IsQuadsExactly && divisor.Number == 0) Quads.Backward<T, Rule>(dy, dx, dx, shape);
        else if (typeof(T) == typeof(float) && WholePool.Fits(shape))
            WholePool.MeanBackward((float*)dy, (float*)dx, shape, divisor);
        else if (typeof(T) != typeof(float) || !AveragePoolRows.TryBackward((float*)dy, (float*)dx, shape, divisor))
        {
            Workers.Run(shape.Chunks, new BackwardJob<T>
            {
                Dy = dy,
                Dx = dx,
                Volumes = shape,
                Divisor = divisor,
            });
        }
    }

    private struct ForwardJob<T> : IJob where T : unmanaged, IFloatingPointIeee754<T>
    {
        public T* X, Y;
        public PoolShape Volumes;
        public AverageDivisor Divisor;

        public readonly void Invoke(int chunk)
        {
            int end = Math.Min(Volumes.Count, (chunk + 1) * Volumes.PerChunk);
            for (int volume = chunk * Volumes.PerChunk; volume < end; volume++)
            {
                Volume(
                    X + ((long)volume * Volumes.InputSize), Y + ((long)volume * Volumes.OutputSize), Volumes, Divisor);
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private static void Volume(T* x, T* y, in PoolShape shape, AverageDivisor divisor)
        {
            int width = shape.Columns.Input, height = shape.Rows.Input, sliceStep = shape.Slices.Dilation,
                rowStep = shape.Rows.Dilation, columnStep = shape.Columns.Dilation;
            for (int slice = 0; slice < shape.Slices.Output; slice++)
            {
                shape.Slices.Window(slice, out int firstSlice, out int slices, out int countedSlices);
                for (int row = 0; row < shape.Rows.Output; row++)
                {
                    shape.Rows.Window(row, out int firstRow, out int rows, out int countedRows);
                    int first = ((firstSlice * height) + firstRow) * width;
                    for (int column = 0; column < shape.Columns.Output; column++, y++)
                    {
                        shape.Columns.Window(column, out int firstColumn, out int columns, out int countedColumns);

                        // The sum is in double, so the mean of a whole plane is as accurate as that of a few values. It
                        // runs row by row, so the additions of one row do not wait for those of the last one.
                        double sum = 0;
                        for (int d = 0; d < slices; d++)
                        {
                            for (int h = 0; h < rows; h++)
                            {
                                T* from = x + first + (((d * sliceStep * height) + (h * rowStep)) * width)
                                    + firstColumn;
                                double rowSum = 0;
                                for (int w = 0; w < columns; w++, from += columnStep)
                                    rowSum += typeof(T) == typeof(float) ? *(float*)from : *(double*)from;
                                sum += rowSum;
                            }
                        }

                        *y = Math.Min(slices, Math.Min(rows, columns)) == 0
                            ? T.Zero
                            : T.CreateTruncating(
                                sum / divisor.Of((long)slices * rows * columns,
                                    (double)countedSlices * countedRows * countedColumns));
                    }
                }
            }
        }
    }

    private struct BackwardJob<T> : IJob where T : unmanaged, IFloatingPointIeee754<T>
    {
        public T* Dy, Dx;
        public PoolShape Volumes;
        public AverageDivisor Divisor;

        public readonly void Invoke(int chunk)
        {
            int end = Math.Min(Volumes.Count, (chunk + 1) * Volumes.PerChunk);
            for (int volume = chunk * Volumes.PerChunk; volume < end; volume++)
            {
                Volume(Dy + ((long)volume * Volumes.OutputSize), Dx + ((long)volume * Volumes.InputSize), Volumes,
                    Divisor);
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private static void Volume(T* dy, T* dx, in PoolShape shape, AverageDivisor divisor)
        {
            int width = shape.Columns.Input, height = shape.Rows.Input, sliceStep = shape.Slices.Dilation,
                rowStep = shape.Rows.Dilation, columnStep = shape.Columns.Dilation;
            new Span<T>(dx, shape.InputSize).Clear();
            for (int slice = 0; slice < shape.Slices.Output; slice++)
            {
                shape.Slices.Window(slice, out int firstSlice, out int slices, out int countedSlices);
                for (int row = 0; row < shape.Rows.Output; row++)
                {
                    shape.Rows.Window(row, out int firstRow, out int rows, out int countedRows);
                    int first = ((firstSlice * height) + firstRow) * width;
                    for (int column = 0; column < shape.Columns.Output; column++, dy++)
                    {
                        shape.Columns.Window(column, out int firstColumn, out int columns, out int countedColumns);
                        T share = *dy / T.CreateTruncating(divisor.Of((long)slices * rows * columns,
                            (double)countedSlices * countedRows * countedColumns));
                        for (int d = 0; d < slices; d++)
                        {
                            for (int h = 0; h < rows; h++)
                            {
                                T* to = dx + first + (((d * sliceStep * height) + (h * rowStep)) * width)
                                    + firstColumn;
                                for (int w = 0; w < columns; w++, to += columnStep) *to += share;
                            }
                        }
                    }
                }
            }
        }
    }

    /// <summary>
    /// Forward: the sum of the columns' sums, divided by four. Backward: a quarter of dy for each input.
    /// </summary>
    private readonly struct Rule : IQuadRule
    {
        public static bool ReadsX => false;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<ulong> Forward(Vector512<float> top, Vector512<float> bottom)
        {
            Vector512<float> sums = top + bottom;
            return ((sums + (sums.AsUInt64() >>> 32).AsSingle()) * Vector512.Create(0.25f)).AsUInt64();
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector128<double> Forward(Vector128<double> top, Vector128<double> bottom)
        {
            Vector128<double> sums = top + bottom;
            return (sums + Vector128.Shuffle(sums, Vector128.Create(1L, 1L))) * Vector128.Create(0.25);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static float Forward(float topLeft, float topRight, float bottomLeft, float bottomRight) =>
            ((topLeft + bottomLeft) + (topRight + bottomRight)) * 0.25f;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static void Backward(
            Vector512<ulong> dy, Vector512<float> top, Vector512<float> bottom, out Vector512<ulong> dTop,
            out Vector512<ulong> dBottom)
        {
            // 0·0.25 is 0, so the high halves stay zero.
            Vector512<ulong> share = (dy.AsSingle() * Vector512.Create(0.25f)).AsUInt64();
            dTop = dBottom = share | (share << 32);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static void Backward(
            Vector128<double> dy, Vector128<double> top, Vector128<double> bottom, out Vector128<double> dTop,
            out Vector128<double> dBottom) =>
            dTop = dBottom = dy * Vector128.Create(0.25);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static void Backward(float dy, float* top, float* bottom, float* dTop, float* dBottom) =>
            dTop[0] = dTop[1] = dBottom[0] = dBottom[1] = dy * 0.25f;
    }
}
