using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Evenkeel.Kernels;

/// <content>Lanes along neighbouring results, and how they get to their places.</content>
internal unsafe partial struct PlaneJob<T>
{
    /// <summary>
    /// The sums of some results in the rows of a band: loops over chunks of taps, tiles of packs, tiles of filters. The
    /// sums of a result lie in rows, with the pitch of the stage.
    /// </summary>
    /// <param name="stage">The copy of the source.</param>
    /// <param name="filter">The first result, counted over all groups.</param>
    /// <param name="sums">Where the sums go; those of the next result are <see cref="SumsRow"/> behind.</param>
    /// <param name="rows">Rows of the band.</param>
    /// <param name="results">Number of results.</param>
    /// <param name="slice">The slice of results.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public readonly void Sum(T* stage, nint filter, T* sums, int rows, int results, int slice)
    {
        T* weight = Weight + (filter * Map.Taps);
        nint sumsRow = SumsRow;
        int length = ((rows - 1) * Stage.Pitch) + Map.Columns;
        (int firstTap, int used) = TapsOf(slice);
        int packs = Convolution.DivideUp(length, Width), taps = Map.Taps,
            chunks = Convolution.DivideUp(used, Convolution.TapChunk);
        (int tilePacks, int tileRows) = TileOf(results);
        int tiles = Convolution.DivideUp(results, tileRows);
        for (int chunk = 0; chunk < chunks; chunk++)
        {
            int at = Convolution.Cut(used, chunk, chunks), count = Convolution.Cut(used, chunk + 1, chunks) - at,
                t0 = firstTap + at;

            // With few taps several tiles run side by side: the values that they read stay in a first-level cache.
            int run = Math.Max(1, RunTaps / count);
            for (int pack = 0; pack < packs;)
            {
                int here = packs - pack >= tilePacks ? tilePacks : packs - pack >= 2 ? 2 : 1,
                    side = Math.Min(run, (packs - pack) / here);
                for (int tile = 0; tile < tiles; tile++)
                {
                    int i = Convolution.Cut(results, tile, tiles), high = Convolution.Cut(results, tile + 1, tiles) - i;
                    Tiles(here, high, side, count, Offsets + t0, weight + ((nint)i * taps) + t0, taps,
                        stage + ((nint)pack * Width), here * Width, sums + (i * sumsRow) + ((nint)pack * Width),
                        sumsRow, here * Width, chunk > 0, shift: null, limit: default);
                }

                pack += here * side;
            }
        }
    }

    /// <summary>
    /// The same, straight to their places, if their rows are whole packs and their taps one chunk: tiles of packs walk
    /// down the rows.
    /// </summary>
    /// <param name="stage">The copy of the source.</param>
    /// <param name="filter">The first result, counted over all groups.</param>
    /// <param name="to">The place of the first result in the first row.</param>
    /// <param name="rows">Rows of the band.</param>
    /// <param name="results">Number of results.</param>
    /// <param name="slice">The slice of results.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private readonly void SumInPlace(T* stage, nint filter, T* to, int rows, int results, int slice)
    {
        T* zeros = stackalloc T[ShortRows], weight = Weight + (filter * Map.Taps);
        new Span<T>(zeros, ShortRows).Clear();
        (int t0, int count) = TapsOf(slice);
        (int tilePacks, int tileRows) = TileOf(results);
        int tiles = Convolution.DivideUp(results, tileRows), packs = Map.Columns / Width, taps = Map.Taps;
        for (int pack = 0, here; pack < packs; pack += here)
        {
            here = packs - pack >= tilePacks ? tilePacks : packs - pack >= 2 ? 2 : 1;
            nint at = (nint)pack * Width;
            for (int tile = 0; tile < tiles; tile++)
            {
                int i = Convolution.Cut(results, tile, tiles), high = Convolution.Cut(results, tile + 1, tiles) - i;
                Tiles(here, high, rows, count, Offsets + t0, weight + ((nint)i * taps) + t0, taps, stage + at,
                    Stage.Pitch, to + ((nint)i * ResultVolume) + at, ResultVolume, ResultWidth, add: false,
                    Bias == null ? zeros : Bias + filter + i, Limit);
            }
        }
    }

    /// <summary>Packs and rows of the tiles for a number of results.</summary>
    public static (int Packs, int Rows) TileOf(int results) => (Gemm.IsWide, results) switch
    {
        (true, <= LongRows) => (4, LongRows),
        (true, _) => (2, ShortRows),

        // Eight sums hide the latency of an FMA: with 16 registers, four packs of a single result.
        (false, 1) => (4, 1),
        (false, 2) => (2, 2),
        _ => (1, NarrowRows),
    };

    /// <summary>Tiles side by side, or one below the other (<see cref="ConvolutionMicro.Planes"/>).</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Tiles(
        int packs, int rows, nint tiles, nint taps, nint* offsets, T* w, nint wRow, T* x, nint xStep, T* c, nint cRow,
        nint cStep, bool add, T* shift, T limit)
    {
        if (packs == 4)
        {
            switch (rows)
            {
                case 1:
                    ConvolutionMicro.Planes<T, Count1, Count4>(
                        tiles, taps, offsets, w, wRow, x, xStep, c, cRow, cStep, add, shift, limit);
                    return;
                case 2:
                    ConvolutionMicro.Planes<T, Count2, Count4>(
                        tiles, taps, offsets, w, wRow, x, xStep, c, cRow, cStep, add, shift, limit);
                    return;
                case 3:
                    ConvolutionMicro.Planes<T, Count3, Count4>(
                        tiles, taps, offsets, w, wRow, x, xStep, c, cRow, cStep, add, shift, limit);
                    return;
                default:
                    ConvolutionMicro.Planes<T, Count4, Count4>(
                        tiles, taps, offsets, w, wRow, x, xStep, c, cRow, cStep, add, shift, limit);
                    return;
            }
        }

        if (packs == 2)
        {
            switch (rows)
            {
                case 1:
                    ConvolutionMicro.Planes<T, Count1, Count2>(
                        tiles, taps, offsets, w, wRow, x, xStep, c, cRow, cStep, add, shift, limit);
                    return;
                case 2:
                    ConvolutionMicro.Planes<T, Count2, Count2>(
                        tiles, taps, offsets, w, wRow, x, xStep, c, cRow, cStep, add, shift, limit);
                    return;
                case 3:
                    ConvolutionMicro.Planes<T, Count3, Count2>(
                        tiles, taps, offsets, w, wRow, x, xStep, c, cRow, cStep, add, shift, limit);
                    return;
                case 4:
                    ConvolutionMicro.Planes<T, Count4, Count2>(
                        tiles, taps, offsets, w, wRow, x, xStep, c, cRow, cStep, add, shift, limit);
                    return;
                case 5:
                    ConvolutionMicro.Planes<T, Count5, Count2>(
                        tiles, taps, offsets, w, wRow, x, xStep, c, cRow, cStep, add, shift, limit);
                    return;
                case 6:
                    ConvolutionMicro.Planes<T, Count6, Count2>(
                        tiles, taps, offsets, w, wRow, x, xStep, c, cRow, cStep, add, shift, limit);
                    return;
                case 7:
                    ConvolutionMicro.Planes<T, Count7, Count2>(
                        tiles, taps, offsets, w, wRow, x, xStep, c, cRow, cStep, add, shift, limit);
                    return;
                default:
                    ConvolutionMicro.Planes<T, Count8, Count2>(
                        tiles, taps, offsets, w, wRow, x, xStep, c, cRow, cStep, add, shift, limit);
                    return;
            }
        }

        switch (rows)
        {
            case 1:
                ConvolutionMicro.Planes<T, Count1, Count1>(
                    tiles, taps, offsets, w, wRow, x, xStep, c, cRow, cStep, add, shift, limit);
                return;
            case 2:
                ConvolutionMicro.Planes<T, Count2, Count1>(
                    tiles, taps, offsets, w, wRow, x, xStep, c, cRow, cStep, add, shift, limit);
                return;
            case 3:
                ConvolutionMicro.Planes<T, Count3, Count1>(
                    tiles, taps, offsets, w, wRow, x, xStep, c, cRow, cStep, add, shift, limit);
                return;
            case 4:
                ConvolutionMicro.Planes<T, Count4, Count1>(
                    tiles, taps, offsets, w, wRow, x, xStep, c, cRow, cStep, add, shift, limit);
                return;
            case 5:
                ConvolutionMicro.Planes<T, Count5, Count1>(
                    tiles, taps, offsets, w, wRow, x, xStep, c, cRow, cStep, add, shift, limit);
                return;
            case 6:
                ConvolutionMicro.Planes<T, Count6, Count1>(
                    tiles, taps, offsets, w, wRow, x, xStep, c, cRow, cStep, add, shift, limit);
                return;
            case 7:
                ConvolutionMicro.Planes<T, Count7, Count1>(
                    tiles, taps, offsets, w, wRow, x, xStep, c, cRow, cStep, add, shift, limit);
                return;
            default:
                ConvolutionMicro.Planes<T, Count8, Count1>(
                    tiles, taps, offsets, w, wRow, x, xStep, c, cRow, cStep, add, shift, limit);
                return;
        }
    }

    /// <summary>Copies the sums, whose rows lie a pitch apart, into the result plane.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private readonly void CopyOut(T* sums, T* result, int rows, T bias)
    {
        int columns = Map.Columns, pitch = Stage.Pitch;
        nint resultRow = ResultWidth;
        // With nothing between them the rows are one long row.
        if (pitch == columns && resultRow == columns) (rows, columns) = (1, rows * columns);
        if (columns >= Width)
        {
            CopyLongRows(sums, pitch, result, resultRow, rows, columns, bias);
            return;
        }

        // A pack may run over into the next rows, which are written later. It must not run beyond the last row, because
        // that memory belongs to another chunk.
        int free = resultRow == columns ? Math.Max(0, rows - ((Width + columns - 1) / columns) + 1) : 0;
        CopyShortRows(sums, pitch, result, resultRow, free, bias);
        Vector512<T> shift = Simd.Broadcast(bias), limit = Simd.Broadcast(Limit);
        for (int i = free; i < rows; i++)
        {
            Vector512<T> y = Simd.Load(sums + ((nint)i * pitch)) + shift;
            Simd.StorePartial(result + (i * resultRow), Simd.ZeroUpTo(y, limit), columns);
        }
    }

    /// <summary>
    /// Puts the sums at their places between those of other phases; the bias and a ReLU are applied to packs of sums
    /// before.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private readonly void Spread(T* sums, T* result, int rows, T bias)
    {
        int columns = Map.Columns, pitch = Stage.Pitch, length = ((rows - 1) * pitch) + columns;
        nint rowStep = (nint)RowStep * ResultWidth;
        Vector512<T> shift = Simd.Broadcast(bias), limit = Simd.Broadcast(Limit);
        for (int j = 0; j < length; j += Width)
        {
            Simd.Store(sums + j, Simd.ZeroUpTo(Simd.Load(sums + j) + shift, limit));
        }

        for (; rows > 0; rows--, sums += pitch, result += rowStep)
            Strided.Scatter(sums, result, ColumnStep, columns);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private readonly void CopyLongRows(T* sums, nint pitch, T* result, nint resultRow, int rows, int columns, T bias)
    {
        int width = Vector512<T>.Count;
        Vector512<T> shift = Simd.Broadcast(bias), limit = Simd.Broadcast(Limit);
        for (; rows > 0; rows--, sums += pitch, result += resultRow)
        {
            for (int j = 0; j <= columns - width; j += width)
                Simd.Store(result + j, Simd.ZeroUpTo(Simd.Load(sums + j) + shift, limit));
            Simd.Store(result + columns - width, Simd.ZeroUpTo(Simd.Load(sums + columns - width) + shift, limit));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private readonly void CopyShortRows(T* sums, nint pitch, T* result, nint resultRow, int rows, T bias)
    {
        Vector512<T> shift = Simd.Broadcast(bias), limit = Simd.Broadcast(Limit);
        for (; rows > 0; rows--, sums += pitch, result += resultRow)
            Simd.Store(result, Simd.ZeroUpTo(Simd.Load(sums) + shift, limit));
    }
}
