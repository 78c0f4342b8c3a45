using System.Diagnostics;
using System.Runtime.CompilerServices;

namespace Evenkeel.Kernels;

/// <summary>Copies a tensor with its dimensions in another order.</summary>
internal static unsafe class Permute
{
    private const int MaxRank = 6;
    private const int Tile = 32;
    private const int ChunkElements = 1 << 15;

    /// <summary>
    /// Fills y, contiguous and of the given sizes, from x. <paramref name="steps"/> holds the distances between x's
    /// elements along each dimension of y.
    /// </summary>
    public static void Run<T>(T* x, T* y, ReadOnlySpan<int> sizes, ReadOnlySpan<int> steps) where T : unmanaged
    {
        // The walk is over squares of two dimensions, the innermost one of y and the innermost one of x. So both sides
        // use whole cache lines.
        int count = 1;
        foreach (int size in sizes) count *= size;
        Debug.Assert(sizes.Length == steps.Length);
        Debug.Assert(Contracts.AreApart(x, 1, y, count), "y overlaps x");
        if (count == 0) return;
        var job = new Job<T> { X = x, Y = y, Columns = 1, Rows = 1 };
        int columns = -1, rows = -1;
        for (int i = sizes.Length - 1; i >= 0; i--)
        {
            if (sizes[i] == 1) continue;
            if (columns < 0) columns = i;
            else if (rows < 0 || steps[i] == 1) rows = i;
        }

        int step = 1;
        for (int i = sizes.Length - 1; i >= 0; i--)
        {
            if (i == columns) (job.Columns, job.ColumnStep) = (sizes[i], steps[i]);
            else if (i == rows) (job.Rows, job.RowStepX, job.RowStepY) = (sizes[i], steps[i], step);
            else if (sizes[i] != 1) job.Add(sizes[i], steps[i], step);
            step *= sizes[i];
        }

        job.Bands = (job.Rows + Tile - 1) / Tile;
        int units = count / job.Rows / job.Columns * job.Bands;
        int perChunk = Math.Max(1, ChunkElements / Math.Max(1, Math.Min(job.Rows, Tile) * job.Columns));
        (job.Units, job.PerChunk) = (units, perChunk);
        Workers.Run((units + perChunk - 1) / perChunk, job);
    }

    private struct Job<T> : IJob where T : unmanaged
    {
        public T* X, Y;
        public int Columns, ColumnStep, Rows, RowStepX, RowStepY, Bands, Units, PerChunk;
        private int _rank;
        private fixed int _sizes[MaxRank];
        private fixed int _stepsX[MaxRank];
        private fixed int _stepsY[MaxRank];

        public void Add(int size, int stepX, int stepY)
        {
            Debug.Assert(_rank < MaxRank);
            (_sizes[_rank], _stepsX[_rank], _stepsY[_rank]) = (size, stepX, stepY);
            _rank++;
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Invoke(int chunk)
        {
            int end = Math.Min(Units, (chunk + 1) * PerChunk);
            for (int unit = chunk * PerChunk; unit < end; unit++)
            {
                int index = unit / Bands;
                int firstRow = (unit - (index * Bands)) * Tile, endRow = Math.Min(Rows, firstRow + Tile);
                T* x = X;
                T* y = Y;
                for (int i = 0; i < _rank; i++)
                {
                    int next = index / _sizes[i], at = index - (next * _sizes[i]);
                    x += (long)at * _stepsX[i];
                    y += (long)at * _stepsY[i];
                    index = next;
                }

                if (ColumnStep == 1)
                {
                    for (int row = firstRow; row < endRow; row++)
                    {
                        Buffer.MemoryCopy(x + ((long)row * RowStepX),
                            y + ((long)row * RowStepY), (long)Columns * sizeof(T), (long)Columns * sizeof(T));
                    }

                    continue;
                }

                for (int first = 0; first < Columns; first += Tile)
                {
                    int endColumn = Math.Min(Columns, first + Tile);
                    for (int row = firstRow; row < endRow; row++)
                    {
                        T* from = x + ((long)row * RowStepX);
                        T* to = y + ((long)row * RowStepY);
                        for (int column = first; column < endColumn; column++)
                            to[column] = from[(long)column * ColumnStep];
                    }
                }
            }
        }
    }
}
