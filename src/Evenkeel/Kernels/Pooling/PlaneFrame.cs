using System.Diagnostics;

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
        public T* X, Y;
        public int RowsX, ColumnsX, RowsY, ColumnsY, RowCount, PerChunk, Top, Left;

        public readonly void Invoke(int chunk)
        {
            // The columns of y that x has.
            int begin = Math.Clamp(Left, 0, ColumnsY), end = (int)Math.Clamp((long)Left + ColumnsX, begin, ColumnsY);
            int stop = Math.Min(RowCount, (chunk * PerChunk) + PerChunk);
            for (int at = chunk * PerChunk; at < stop; at++)
            {
                int plane = at / RowsY, row = at - (plane * RowsY) - Top;
                var y = new Span<T>(Y + ((long)at * ColumnsY), ColumnsY);
                if (row < 0 || row >= RowsX)
                {
                    y.Clear();
                    continue;
                }

                y[..begin].Clear();
                y[end..].Clear();
                T* x = X + ((((long)plane * RowsX) + row) * ColumnsX) + (begin - Left);
                new ReadOnlySpan<T>(x, end - begin).CopyTo(y[begin..]);
            }
        }
    }
}
