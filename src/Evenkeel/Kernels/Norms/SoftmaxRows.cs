using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Evenkeel.Kernels;

/// <summary>
/// Softmax and its relatives along the innermost dimension. The largest score is subtracted first, so that
/// no exponential overflows.
/// </summary>
/// <remarks>Sums of exponentials add up in lanes over at most 64 packs, and the packs' sums in double.</remarks>
internal static unsafe class SoftmaxRows
{
    private const int ChunkElements = 1 << 13;
    private const int BlockPacks = 64;

    /// <summary>What is written for each row.</summary>
    private enum Result
    {
        /// <summary>exp(x - max) / s.</summary>
        Probabilities,

        /// <summary>(x - max) - ln s.</summary>
        Logarithms,
    }

    /// <summary>y = softmax(x) for each row.</summary>
    public static void Softmax<T>(T* x, T* y, int rows, int columns) where T : unmanaged, IFloatingPointIeee754<T> =>
        Run(x, null, y, null, rows, columns, Result.Probabilities);

    /// <summary>y = ln softmax(x) for each row.</summary>
    public static void LogSoftmax<T>(T* x, T* y, int rows, int columns) where T : unmanaged, IFloatingPointIeee754<T> =>
        Run(x, null, y, null, rows, columns, Result.Logarithms);

    /// <summary>y = softmax(x), losses[r] = -ln y[r, labels[r]] for each row.</summary>
    public static void CrossEntropy<T>(T* x, long* labels, T* y, double* losses, int rows, int columns)
        where T : unmanaged, IFloatingPointIeee754<T> =>
        Run(x, labels, y, losses, rows, columns, Result.Probabilities);

    /// <summary>dx = y·(dy - Σ dy·y) for each row: the way back through softmax.</summary>
    public static void SoftmaxBackward<T>(T* y, T* dy, T* dx, int rows, int columns)
        where T : unmanaged, IFloatingPointIeee754<T> =>
        Back(y, dy, dx, rows, columns, Result.Probabilities);

    /// <summary>dx = dy - exp(y)·Σ dy for each row: the way back through log-softmax.</summary>
    public static void LogSoftmaxBackward<T>(T* y, T* dy, T* dx, int rows, int columns)
        where T : unmanaged, IFloatingPointIeee754<T> =>
        Back(y, dy, dx, rows, columns, Result.Logarithms);

    private static void Run<T>(T* x, long* labels, T* y, double* losses, int rows, int columns, Result result)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        if (rows == 0 || columns == 0) return;
        int rowsPerChunk = Math.Max(1, ChunkElements / columns);
        Workers.Run((rows + rowsPerChunk - 1) / rowsPerChunk, new ForwardJob<T>
        {
            X = x,
            Labels = labels,
            Y = y,
            Losses = losses,
            Rows = rows,
            Columns = columns,
            RowsPerChunk = rowsPerChunk,
            Result = result,
        });
    }

    private static void Back<T>(T* y, T* dy, T* dx, int rows, int columns, Result result)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        if (rows == 0 || columns == 0) return;
        int rowsPerChunk = Math.Max(1, ChunkElements / columns);
        Workers.Run((rows + rowsPerChunk - 1) / rowsPerChunk, new BackwardJob<T>
        {
            Y = y,
            Dy = dy,
            Dx = dx,
            Rows = rows,
            Columns = columns,
            RowsPerChunk = rowsPerChunk,
            Result = result,
        });
    }

    private struct ForwardJob<T> : IJob where T : unmanaged, IFloatingPointIeee754<T>
    {
        public T* X, Y;
        public long* Labels;
        public double* Losses;
        public int Rows, Columns, RowsPerChunk;
        public Result Result;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public readonly void Invoke(int chunk)
        {
            int end = Math.Min(Rows, (chunk + 1) * RowsPerChunk);
            for (int row = chunk * RowsPerChunk; row < end; row++)
            {
                T* x = X + ((long)row * Columns);
                T* y = Y + ((long)row * Columns);
                if (Columns <= Vector512<T>.Count && Result == Result.Probabilities)
                {
                    OnePack(x, y, row);
                    continue;
                }

                T max = Max(x, Columns);
                double sum = Exponentials(x, y, Columns, max);
                if (Result == Result.Probabilities) Divide(y, Columns, T.CreateTruncating(1 / sum));
                else Shift(x, y, Columns, max, T.CreateTruncating(VectorMath.Log(sum)));
                if (Labels is not null)
                {
                    Losses[row] =
                        VectorMath.Log(sum) - (double.CreateTruncating(x[Labels[row]]) - double.CreateTruncating(max));
                }
            }
        }

        /// <summary>The same for a row that fits a pack: it stays in registers.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private readonly void OnePack(T* x, T* y, int row)
        {
            Vector512<T> v = Simd.LoadUpTo(x, Columns, T.NegativeInfinity);
            T max = MaxLane(v);
            Vector512<T> e = VectorMath.Exp(v - Simd.Broadcast(max));
            double sum = Simd.SumLanes(e);
            Simd.StoreUpTo(y, e * Simd.Broadcast(T.CreateTruncating(1 / sum)), Columns);
            if (Labels is not null)
            {
                Losses[row] =
                    VectorMath.Log(sum) - (double.CreateTruncating(x[Labels[row]]) - double.CreateTruncating(max));
            }
        }
    }

    private struct BackwardJob<T> : IJob where T : unmanaged, IFloatingPointIeee754<T>
    {
        public T* Y, Dy, Dx;
        public int Rows, Columns, RowsPerChunk;
        public Result Result;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public readonly void Invoke(int chunk)
        {
            int width = Vector512<T>.Count;
            int end = Math.Min(Rows, (chunk + 1) * RowsPerChunk);
            for (int row = chunk * RowsPerChunk; row < end; row++)
            {
                T* y = Y + ((long)row * Columns);
                T* dy = Dy + ((long)row * Columns);
                T* dx = Dx + ((long)row * Columns);
                bool probabilities = Result == Result.Probabilities;
                double total = 0;
                for (int i = 0; i < Columns;)
                {
                    Vector512<T> sum = default;
                    int stop = Math.Min(Columns, i + (BlockPacks * width));
                    for (; i < stop; i += width)
                    {
                        int count = Math.Min(width, Columns - i);
                        Vector512<T> g = Simd.LoadUpTo(dy + i, count);
                        sum += probabilities ? g * Simd.LoadUpTo(y + i, count) : g;
                    }

                    total += Simd.SumLanes(sum);
                }

                Vector512<T> all = Simd.Broadcast(T.CreateTruncating(total));
                for (int i = 0; i < Columns; i += width)
                {
                    int count = Math.Min(width, Columns - i);
                    Vector512<T> g = Simd.LoadUpTo(dy + i, count), v = Simd.LoadUpTo(y + i, count);
                    Simd.StoreUpTo(dx + i, probabilities ? v * (g - all) : g - (VectorMath.Exp(v) * all), count);
                }
            }
        }
    }

    /// <summary>The largest value; NaN where there is one.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static T Max<T>(T* x, int columns) where T : unmanaged, IFloatingPointIeee754<T>
    {
        int width = Vector512<T>.Count;
        Vector512<T> max = Simd.Broadcast(T.NegativeInfinity);
        for (int i = 0; i < columns; i += width)
            max = VectorMath.Max(max, Simd.LoadUpTo(x + i, Math.Min(width, columns - i), T.NegativeInfinity));
        return MaxLane(max);
    }

    /// <summary>The largest lane; NaN where there is one.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static T MaxLane<T>(Vector512<T> v) where T : unmanaged, IFloatingPointIeee754<T>
    {
        Vector256<T> eight = Vector256.Max(v.GetLower(), v.GetUpper());
        Vector128<T> four = Vector128.Max(eight.GetLower(), eight.GetUpper());
        T result = four.GetElement(0);
        for (int i = 1; i < Vector128<T>.Count; i++) result = T.Max(result, four.GetElement(i));
        return result;
    }

    /// <summary>y = exp(x - max); returns the sum.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static double Exponentials<T>(T* x, T* y, int columns, T max) where T : unmanaged, IFloatingPointIeee754<T>
    {
        int width = Vector512<T>.Count;
        Vector512<T> shift = Simd.Broadcast(max);
        double total = 0;
        for (int i = 0; i < columns;)
        {
            Vector512<T> sum = default;
            int stop = Math.Min(columns, i + (BlockPacks * width));
            for (; i < stop; i += width)
            {
                int count = Math.Min(width, columns - i);
                Vector512<T> e = VectorMath.Exp(Simd.LoadUpTo(x + i, count, T.NegativeInfinity) - shift);
                Simd.StoreUpTo(y + i, e, count);
                sum += e;
            }

            total += Simd.SumLanes(sum);
        }

        return total;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Divide<T>(T* y, int columns, T reciprocal) where T : unmanaged, IFloatingPointIeee754<T>
    {
        int width = Vector512<T>.Count;
        Vector512<T> scale = Simd.Broadcast(reciprocal);
        for (int i = 0; i < columns; i += width)
        {
            int count = Math.Min(width, columns - i);
            Simd.StoreUpTo(y + i, Simd.LoadUpTo(y + i, count) * scale, count);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Shift<T>(T* x, T* y, int columns, T max, T logSum) where T : unmanaged, IFloatingPointIeee754<T>
    {
        int width = Vector512<T>.Count;
        Vector512<T> first = Simd.Broadcast(max), second = Simd.Broadcast(logSum);
        for (int i = 0; i < columns; i += width)
        {
            int count = Math.Min(width, columns - i);
            Simd.StoreUpTo(y + i, Simd.LoadUpTo(x + i, count) - first - second, count);
        }
    }
}
