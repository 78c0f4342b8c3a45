using System.Diagnostics;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Evenkeel.Kernels;

/// <summary>Rows of a table by their numbers: copied out, and their gradients added up.</summary>
internal static unsafe class RowTable
{
    private const int ChunkElements = 1 << 15;

    /// <summary>Most chunks of the way back: each of them reads all numbers.</summary>
    private const int MostChunks = 16;

    /// <summary>y[k] = table[numbers[k]], row by row.</summary>
    /// <param name="table">The rows.</param>
    /// <param name="numbers">The row of each result.</param>
    /// <param name="y">The results.</param>
    /// <param name="count">Number of results.</param>
    /// <param name="width">Values per row.</param>
    public static void Pick<T>(T* table, int* numbers, T* y, int count, int width)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        Debug.Assert(count >= 0 && width >= 1);
        int perChunk = Math.Max(1, ChunkElements / width);
        Workers.Run((int)(((long)count + perChunk - 1) / perChunk), new PickJob<T>
        {
            Table = table,
            Numbers = numbers,
            Y = y,
            Count = count,
            Width = width,
            PerChunk = perChunk,
        });
    }

    /// <summary>
    /// dtable[n] = Σ dy[k] over all k with numbers[k] = n, in the order of k; 0 for a row that is not picked.
    /// </summary>
    /// <param name="dy">The gradients of the results.</param>
    /// <param name="numbers">The row of each result.</param>
    /// <param name="dtable">The gradients of the rows.</param>
    /// <param name="count">Number of results.</param>
    /// <param name="rows">Number of rows.</param>
    /// <param name="width">Values per row.</param>
    /// <param name="skipped">A row without a gradient; -1 is none.</param>
    public static void Add<T>(T* dy, int* numbers, T* dtable, int count, int rows, int width, int skipped)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        Debug.Assert(count >= 0 && rows >= 1 && width >= 1);
        Debug.Assert(Contracts.AreApart(dy, (long)count * width, dtable, (long)rows * width), "dtable overlaps dy");
        // A chunk has a range of rows: nobody else writes them, and their sums run in the order of the results.
        long work = ((long)count + rows) * width;
        int chunks = (int)Math.Clamp(work / ChunkElements, 1, Math.Min(MostChunks, rows));
        Workers.Run(chunks, new AddJob<T>
        {
            Dy = dy,
            Numbers = numbers,
            Table = dtable,
            Count = count,
            Rows = rows,
            Width = width,
            Skipped = skipped,
            Chunks = chunks,
        });
    }

    private struct PickJob<T> : IJob where T : unmanaged
    {
        public T* Table, Y;
        public int* Numbers;
        public int Count, Width, PerChunk;

        public readonly void Invoke(int chunk)
        {
            long bytes = (long)Width * sizeof(T);
            int end = Math.Min(Count, (chunk * PerChunk) + PerChunk);
            for (int k = chunk * PerChunk; k < end; k++)
                Buffer.MemoryCopy(Table + ((long)Numbers[k] * Width), Y + ((long)k * Width), bytes, bytes);
        }
    }

    private struct AddJob<T> : IJob where T : unmanaged, IFloatingPointIeee754<T>
    {
        public T* Dy, Table;
        public int* Numbers;
        public int Count, Rows, Width, Skipped, Chunks;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public readonly void Invoke(int chunk)
        {
            int first = (int)((long)Rows * chunk / Chunks), end = (int)((long)Rows * (chunk + 1) / Chunks);
            for (int row = first; row < end; row++) new Span<T>(Table + ((long)row * Width), Width).Clear();
            for (int k = 0; k < Count; k++)
            {
                int row = Numbers[k];
                if (row < first || row >= end || row == Skipped) continue;
                T* from = Dy + ((long)k * Width), to = Table + ((long)row * Width);
                int i = 0;
                for (; i <= Width - Vector512<T>.Count; i += Vector512<T>.Count)
                    Simd.Store(to + i, Simd.Load(to + i) + Simd.Load(from + i));
                for (; i < Width; i++) to[i] += from[i];
            }
        }
    }
}
