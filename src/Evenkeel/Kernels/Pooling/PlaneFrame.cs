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

    /// <summary>Rows of a plane that are copied together.</summary>
    private const int BlockRows = 16;

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
            int width = Vector512<T>.Count, last = Math.Max(0, ColumnsY - width);
            int end = Math.Min(RowCount, (chunk * PerChunk) + PerChunk);
            T* limit = Y + ((nint)end * ColumnsY);
            for (int at = chunk * PerChunk; at < end;)
            {
                (int plane, int row) = Math.DivRem(at, RowsY);
                int here = Math.Min(Math.Min(BlockRows, RowsY - row), end - at), begin = row - Top;
                T* x = X + ((((nint)plane * RowsX) + begin) * ColumnsX) - Left, y = Y + ((nint)at * ColumnsY);
                int first = Math.Clamp(-begin, 0, here), stop = Math.Clamp(RowsX - begin, first, here);
                bool isInside = x + ((nint)first * ColumnsX) >= X
                    && x + ((nint)(stop - 1) * ColumnsX) + Math.Max(ColumnsY, width) <= EndX;
                if (!isInside)
                {
                    Rows(x, y, first, stop, here);
                }
                else
                {
                    // The last pack overlaps the one before, so that none runs over its row.
                    for (int i = 0; ; i += width)
                    {
                        int c = Math.Min(i, last);
                        Column(x + c, y + c, limit, c - Left, first, stop, here);
                        if (i >= last) break;
                    }
                }

                at += here;
            }
        }

        /// <summary>
        /// A pack of columns of some rows, which begin at column <paramref name="at"/> of x. Rows from
        /// <paramref name="first"/> to <paramref name="stop"/> have values. The pack of a narrow row runs over into the
        /// row that is written next, up to <paramref name="limit"/>.
        /// </summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private readonly void Column(T* x, T* y, T* limit, int at, int first, int stop, int rows)
        {
            int width = Vector512<T>.Count;
            Vector512<T> mask = Simd.Within<T>(at, ColumnsX);
            x += (nint)first * ColumnsX;
            for (int row = 0; row < rows; row++, y += ColumnsY)
            {
                Vector512<T> values = default;
                if (row >= first && row < stop)
                {
                    values = Simd.Load(x) & mask;
                    x += ColumnsX;
                }

                if (limit - y >= width) Simd.Store(y, values);
                else Simd.StorePartial(y, values, ColumnsY);
            }
        }

        /// <summary>Some rows one by one: those from which packs would reach beyond the tensor.</summary>
        private readonly void Rows(T* x, T* y, int first, int stop, int rows)
        {
            int begin = Math.Clamp(Left, 0, ColumnsY), end = (int)Math.Clamp((long)Left + ColumnsX, begin, ColumnsY);
            for (int row = 0; row < rows; row++, y += ColumnsY)
            {
                var target = new Span<T>(y, ColumnsY);
                if (row < first || row >= stop)
                {
                    target.Clear();
                    continue;
                }

                target[..begin].Clear();
                new ReadOnlySpan<T>(x + ((nint)row * ColumnsX) + begin, end - begin).CopyTo(target[begin..]);
                target[end..].Clear();
            }
        }
    }
}
