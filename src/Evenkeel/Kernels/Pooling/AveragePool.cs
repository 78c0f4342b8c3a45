using System.Diagnostics;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Evenkeel.Kernels;

/// <summary>
/// The mean of each window: its sum over a divisor. The divisor is the window's size, with or without the padding it
/// covers, or a number from the caller.
/// </summary>
internal static unsafe class AveragePool
{
    /// <summary>y from x.</summary>
    /// <param name="x">The planes.</param>
    /// <param name="y">The results.</param>
    /// <param name="planes">The sizes and the windows.</param>
    /// <param name="includePadding">Whether padding counts in the size of a window.</param>
    /// <param name="divisor">The divisor; 0 takes the size of the window.</param>
    public static void Forward<T>(T* x, T* y, in PoolPlanes planes, bool includePadding, int divisor)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        Debug.Assert(planes.IsSound);
        if (planes.IsQuads && divisor == 0) Quads.Forward<T, Rule>(x, y, planes);
        else
        {
            Workers.Run(planes.Chunks, new ForwardJob<T>
            {
                X = x,
                Y = y,
                Planes = planes,
                IncludePadding = includePadding,
                Divisor = divisor,
            });
        }
    }

    /// <summary>dx from dy: each input gets a share of dy of every window that covers it.</summary>
    /// <param name="dy">The gradients of the results.</param>
    /// <param name="dx">The gradients of the planes.</param>
    /// <param name="planes">The sizes and the windows.</param>
    /// <param name="includePadding">As in the forward pass.</param>
    /// <param name="divisor">As in the forward pass.</param>
    public static void Backward<T>(T* dy, T* dx, in PoolPlanes planes, bool includePadding, int divisor)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        Debug.Assert(planes.IsSound);
        Debug.Assert(Contracts.AreApart(
            dx, (long)planes.Count * planes.InputSize, dy, (long)planes.Count * planes.OutputSize), "dx overlaps dy");
        if (planes.IsQuadsExactly && divisor == 0) Quads.Backward<T, Rule>(dy, dx, dx, planes);
        else
        {
            Workers.Run(planes.Chunks, new BackwardJob<T>
            {
                Dy = dy,
                Dx = dx,
                Planes = planes,
                IncludePadding = includePadding,
                Divisor = divisor,
            });
        }
    }

    private struct ForwardJob<T> : IJob where T : unmanaged, IFloatingPointIeee754<T>
    {
        public T* X, Y;
        public PoolPlanes Planes;
        public bool IncludePadding;
        public int Divisor;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Invoke(int chunk)
        {
            int endPlane = Math.Min(Planes.Count, (chunk + 1) * Planes.PerChunk), width = Planes.Columns.Input;
            for (int plane = chunk * Planes.PerChunk; plane < endPlane; plane++)
            {
                T* x = X + ((long)plane * Planes.InputSize);
                T* y = Y + ((long)plane * Planes.OutputSize);
                for (int row = 0; row < Planes.Rows.Output; row++)
                {
                    Planes.Rows.Window(row, out int firstRow, out int endRow, out int paddedRows);
                    for (int column = 0; column < Planes.Columns.Output; column++, y++)
                    {
                        Planes.Columns.Window(column, out int firstColumn, out int endColumn, out int paddedColumns);

                        // The sum is in double, so the mean of a whole plane is as accurate as that of a few values. It
                        // runs row by row, so the additions of one row do not wait for those of the last one.
                        double sum = 0;
                        for (int h = firstRow; h < endRow; h++)
                        {
                            T* from = x + ((long)h * width);
                            double rowSum = 0;
                            for (int w = firstColumn; w < endColumn; w++)
                                rowSum += typeof(T) == typeof(float) ? *(float*)(from + w) : *(double*)(from + w);
                            sum += rowSum;
                        }

                        long size = Size(firstRow,
                            endRow, paddedRows, firstColumn, endColumn, paddedColumns, IncludePadding, Divisor);
                        *y = size == 0 ? T.Zero : T.CreateTruncating(sum / size);
                    }
                }
            }
        }
    }

    private struct BackwardJob<T> : IJob where T : unmanaged, IFloatingPointIeee754<T>
    {
        public T* Dy, Dx;
        public PoolPlanes Planes;
        public bool IncludePadding;
        public int Divisor;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Invoke(int chunk)
        {
            int endPlane = Math.Min(Planes.Count, (chunk + 1) * Planes.PerChunk), width = Planes.Columns.Input;
            for (int plane = chunk * Planes.PerChunk; plane < endPlane; plane++)
            {
                T* dx = Dx + ((long)plane * Planes.InputSize);
                T* dy = Dy + ((long)plane * Planes.OutputSize);
                new Span<T>(dx, Planes.InputSize).Clear();
                for (int row = 0; row < Planes.Rows.Output; row++)
                {
                    Planes.Rows.Window(row, out int firstRow, out int endRow, out int paddedRows);
                    for (int column = 0; column < Planes.Columns.Output; column++, dy++)
                    {
                        Planes.Columns.Window(column, out int firstColumn, out int endColumn, out int paddedColumns);
                        long size = Size(firstRow,
                            endRow, paddedRows, firstColumn, endColumn, paddedColumns, IncludePadding, Divisor);
                        if (size == 0) continue;
                        T share = *dy / T.CreateTruncating(size);
                        for (int h = firstRow; h < endRow; h++)
                        {
                            T* to = dx + ((long)h * width);
                            for (int w = firstColumn; w < endColumn; w++) to[w] += share;
                        }
                    }
                }
            }
        }
    }

    /// <summary>The divisor of a window's sum; 0 for a window without inputs, whose result is 0.</summary>
    private static long Size(
        int firstRow, int endRow, int paddedRows, int firstColumn, int endColumn, int paddedColumns,
        bool includePadding, int divisor)
    {
        if (firstRow >= endRow || firstColumn >= endColumn) return 0;
        if (divisor != 0) return divisor;
        return includePadding
            ? (long)paddedRows * paddedColumns
            : (long)(endRow - firstRow) * (endColumn - firstColumn);
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
