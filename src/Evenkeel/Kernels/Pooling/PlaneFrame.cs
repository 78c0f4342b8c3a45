using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Evenkeel.Kernels;

/// <summary>
/// Planes moved into planes of another size: y[r, c] = x[r - top, c - left] where x has that place, else 0. A negative
/// top or left cuts rows or columns off. With both negated the same copy goes back.
/// </summary>
internal static unsafe class PlaneFrame
{
    private const int ChunkElements = 1 << 15;

    /// <summary>y from x.</summary>
    /// <param name="x">The planes, one after the other.</param>
    /// <param name="rowsX">Rows of a plane of x.</param>
    /// <param name="columnsX">Columns of a plane of x.</param>
    /// <param name="y">The planes in their new size.</param>
    /// <param name="rowsY">Rows of a plane of y.</param>
    /// <param name="columnsY">Columns of a plane of y.</param>
    /// <param name="planes">Number of planes.</param>
    /// <param name="top">The row of y that the first row of x comes to.</param>
    /// <param name="left">The column of y that the first column of x comes to.</param>
    public static void Copy<T>(
        T* x, int rowsX, int columnsX, T* y, int rowsY, int columnsY, int planes, int top, int left)
        where T : unmanaged
    {
        Debug.Assert(planes >= 0 && rowsX >= 0 && columnsX >= 0 && rowsY >= 0 && columnsY >= 0);
        Debug.Assert(
            Contracts.AreApart(x, (long)planes * rowsX * columnsX, y, (long)planes * rowsY * columnsY), "y overlaps x");
        if (columnsY == 0) return;
        int perChunk = Math.Max(1, ChunkElements / columnsY);
        Workers.Run((int)((((long)planes * rowsY) + perChunk - 1) / perChunk), new Job<T>
        {
            X = x,
            EndX = x + ((long)planes * rowsX * columnsX),
            Y = y,
            RowsX = rowsX,
            ColumnsX = columnsX,
            RowsY = rowsY,
            ColumnsY = columnsY,
            RowCount = planes * rowsY,
            PerChunk = perChunk,
            Top = top,
            Left = left,
        });
    }

    private struct Job<T> : IJob where T : unmanaged
    {
        public T* X, EndX, Y;
        public int RowsX, ColumnsX, RowsY, ColumnsY, RowCount, PerChunk, Top, Left;

        public readonly void Invoke(int chunk)
        {
            // The columns of y that x has.
            int begin = Math.Clamp(Left, 0, ColumnsY), end = (int)Math.Clamp((long)Left + ColumnsX, begin, ColumnsY);
            int stop = Math.Min(RowCount, (chunk * PerChunk) + PerChunk);
            T* last = Y + ((long)stop * ColumnsY);
            int first = chunk * PerChunk, plane = first / RowsY, row = first - (plane * RowsY) - Top;
            T* y = Y + ((long)first * ColumnsY);
            for (int at = first; at < stop; at++, row++, y += ColumnsY)
            {
                if (row == RowsY - Top) (plane, row) = (plane + 1, -Top);
                T* x = X + ((((long)plane * RowsX) + row) * ColumnsX) + (begin - Left);
                if (row < 0 || row >= RowsX)
                    new Span<T>(y, ColumnsY).Clear();
                else if (last - y >= ColumnsY + Vector512<T>.Count && EndX - x >= end - begin + Vector512<T>.Count)
                    CopyRow(x, y, begin, end);
                else
                {
                    new Span<T>(y, begin).Clear();
                    new ReadOnlySpan<T>(x, end - begin).CopyTo(new Span<T>(y + begin, end - begin));
                    new Span<T>(y + end, ColumnsY - end).Clear();
                }
            }
        }

        /// <summary>A row by packs. Each part may run over into what is written next: up to a pack behind the row.
        /// </summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private readonly void CopyRow(T* x, T* y, int begin, int end)
        {
            int width = Vector512<T>.Count;
            for (int i = 0; i < begin; i += width) Simd.Store(y + i, Vector512<T>.Zero);
            for (int i = begin; i < end; i += width) Simd.Store(y + i, Simd.Load(x + i - begin));
            for (int i = end; i < ColumnsY; i += width) Simd.Store(y + i, Vector512<T>.Zero);
        }
    }
}
