using System.Diagnostics;
using System.Runtime.CompilerServices;

namespace Evenkeel.Kernels;

/// <content>Lanes along filters.</content>
internal unsafe partial struct PlaneJob<T>
{
    /// <summary>
    /// All results of a band with lanes along filters, for 32 registers: loops over panels of filters, blocks of rows,
    /// chunks of taps, rows, tiles of a row.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private readonly void SumFilters(
        T* stage, T* weight, T* sums, T* result, int rows, int results, T* bias, int slice)
    {
        (int firstTap, int used) = TapsOf(slice);
        int taps = Map.Taps, chunks = Convolution.DivideUp(used, Convolution.TapChunk), columns = Map.Columns;
        int blocks = Convolution.DivideUp(rows, BlockRows(rows));
        for (int filter = 0; filter < results; filter += 2 * Width, weight += (nint)taps * 2 * Width)
        {
            int packs = results - filter > Width ? 2 : 1, line = packs * Width;
            T* shift = bias == null ? null : bias + filter;
            for (int block = 0; block < blocks; block++)
            {
                int row0 = Convolution.Cut(rows, block, blocks), row1 = Convolution.Cut(rows, block + 1, blocks);
                T* x = stage + ((nint)row0 * Stage.Pitch);
                for (int chunk = 0; chunk < chunks; chunk++)
                {
                    int at = Convolution.Cut(used, chunk, chunks),
                        terms = Convolution.Cut(used, chunk + 1, chunks) - at, t0 = firstTap + at;
                    T* w = weight + ((nint)t0 * line);
                    if (packs == 2) SumFilterRows<Count2>(x, w, sums, row1 - row0, terms, Offsets + t0, chunk > 0);
                    else SumFilterRows<Count1>(x, w, sums, row1 - row0, terms, Offsets + t0, chunk > 0);
                }

                PlaneTranspose.Run(sums, line, (row1 - row0) * columns, Math.Min(results - filter, line),
                    result + ((nint)filter * ResultVolume) + ((nint)row0 * columns), ResultVolume, shift, FuseReLU);
            }
        }
    }

    /// <summary>
    /// The largest number of taps of a part. A tap reads a line of weights. A row of the window in a phase of columns
    /// takes a third more than a line of the copy.
    /// </summary>
    private readonly int PartTaps
    {
        get
        {
            double lines = 4.0 / 3 * Math.Min(Map.KernelWidth, Map.StrideWidth) / Map.KernelWidth;
            return Math.Max(64, (int)(PartBytes / ((1 + lines) * Simd.Alignment)));
        }
    }

    /// <summary>
    /// The places of the results of a block in the copies of its images, in bytes from its first one.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private readonly void FindPlaces(nint* places, nint stageCount)
    {
        int rows = BlockRows(Bands.Rows);
        for (int image = 0; image < Together; image++)
        {
            for (int row = 0; row < rows; row++)
            {
                nint first = (image * stageCount) + ((nint)row * Stage.Pitch);
                for (int j = 0; j < Map.Columns; j++) *places++ = (first + j) * sizeof(T);
            }
        }
    }

    /// <summary>
    /// All results of a band with lanes along one pack of filters, for 16 registers: loops over packs of filters,
    /// blocks of rows, chunks of taps and their parts, tiles of results.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private readonly void SumPlaces(
        T* stage, T* sums, nint* places, T* result, int images, int rows, int group, int first, int results,
        int slice)
    {
        (int firstTap, int used) = TapsOf(slice);
        int taps = Map.Taps, chunks = Convolution.DivideUp(used, Convolution.TapChunk), columns = Map.Columns;
        int blockRows = BlockRows(rows), blocks = Convolution.DivideUp(rows, blockRows), partTaps = PartTaps;
        Debug.Assert(images == 1 || blocks == 1, "the places of several images are those of all their rows");
        T* chain = sums + ((nint)blockRows * columns * images * Width), weight = Panel(group, first);
        T* bias = Bias == null ? null : Bias + ((nint)group * Results) + first;
        nint imageStep = (nint)Groups * Results * ResultVolume;
        for (int filter = 0; filter < results; filter += Width, weight += (nint)taps * Width)
        {
            for (int block = 0; block < blocks; block++)
            {
                int row0 = Convolution.Cut(rows, block, blocks),
                    count = (Convolution.Cut(rows, block + 1, blocks) - row0) * columns;
                T* x = stage + ((nint)row0 * Stage.Pitch);
                for (int chunk = 0; chunk < chunks; chunk++)
                {
                    int t0 = firstTap + Convolution.Cut(used, chunk, chunks),
                        t1 = firstTap + Convolution.Cut(used, chunk + 1, chunks),
                        parts = Convolution.DivideUp(t1 - t0, partTaps);
                    for (int part = 0; part < parts; part++)
                    {
                        int t = t0 + Convolution.Cut(t1 - t0, part, parts),
                            terms = t0 + Convolution.Cut(t1 - t0, part + 1, parts) - t;

                        // The parts of a chunk are one chain. The chains of later chunks are added to the sums.
                        T* target = chunk == 0 || part == parts - 1 ? sums : chain;
                        T* start = part == 0 ? null : chunk == 0 ? sums : chain;
                        Places(count * images, places, terms, Offsets + t, weight + ((nint)t * Width), x, start,
                            target, chunk > 0 && part == parts - 1);
                    }
                }

                T* to = result + ((nint)filter * ResultVolume) + ((nint)row0 * columns);
                for (int image = 0; image < images; image++, to += imageStep)
                {
                    PlaneTranspose.Run(sums + ((nint)image * count * Width), Width, count,
                        Math.Min(results - filter, Width), to, ResultVolume, bias == null ? null : bias + filter,
                        FuseReLU);
                }
            }
        }
    }

    /// <summary>A part of a chain of taps for some results: even tiles of at most six.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Places(
        int count, nint* places, nint taps, nint* offsets, T* w, T* x, T* start, T* c, bool add)
    {
        int tiles = Convolution.DivideUp(count, NarrowRows), small = count / tiles, large = count - (small * tiles);
        for (int rows = small + 1, of = large; rows >= small; rows--, of = tiles - large)
        {
            if (of == 0) continue;
            switch (rows)
            {
                case 1: ConvolutionNarrow.Places<T, Count1>(of, places, taps, offsets, w, x, start, c, add); break;
                case 2: ConvolutionNarrow.Places<T, Count2>(of, places, taps, offsets, w, x, start, c, add); break;
                case 3: ConvolutionNarrow.Places<T, Count3>(of, places, taps, offsets, w, x, start, c, add); break;
                case 4: ConvolutionNarrow.Places<T, Count4>(of, places, taps, offsets, w, x, start, c, add); break;
                case 5: ConvolutionNarrow.Places<T, Count5>(of, places, taps, offsets, w, x, start, c, add); break;
                default: ConvolutionNarrow.Places<T, Count6>(of, places, taps, offsets, w, x, start, c, add); break;
            }

            places += of * rows;
            c += (nint)of * rows * Width;
            if (start != null) start += (nint)of * rows * Width;
        }
    }

    /// <summary>One chunk of taps of some rows, with lanes along a panel of filters.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private readonly void SumFilterRows<TPacks>(
        T* stage, T* w, T* sums, int rows, nint taps, nint* offsets, bool add) where TPacks : ICount
    {
        int columns = Map.Columns, tiles = Convolution.DivideUp(columns, FilterRows), row = 0;
        nint pitch = Stage.Pitch, line = TPacks.Value * Width;
        if (columns == FilterRows / 2)
        {
            // Two rows are one tile.
            for (; row <= rows - 2; row += 2)
            {
                FilterTile<TPacks>(FilterRows, taps, offsets, w, stage + (row * pitch), pitch - columns,
                    sums + (row * columns * line), add);
            }
        }

        for (; row < rows; row++)
        {
            for (int tile = 0; tile < tiles; tile++)
            {
                int j = Convolution.Cut(columns, tile, tiles), here = Convolution.Cut(columns, tile + 1, tiles) - j;
                FilterTile<TPacks>(here, taps, offsets, w, stage + (row * pitch) + j, jump: 0,
                    sums + (((row * columns) + j) * line), add);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void FilterTile<TPacks>(
        int rows, nint taps, nint* offsets, T* w, T* x, nint jump, T* c, bool add) where TPacks : ICount
    {
        switch (rows)
        {
            case 1: ConvolutionMicro.Filters<T, Count1, TPacks>(taps, offsets, w, x, jump, c, add); return;
            case 2: ConvolutionMicro.Filters<T, Count2, TPacks>(taps, offsets, w, x, jump, c, add); return;
            case 3: ConvolutionMicro.Filters<T, Count3, TPacks>(taps, offsets, w, x, jump, c, add); return;
            case 4: ConvolutionMicro.Filters<T, Count4, TPacks>(taps, offsets, w, x, jump, c, add); return;
            case 5: ConvolutionMicro.Filters<T, Count5, TPacks>(taps, offsets, w, x, jump, c, add); return;
            case 6: ConvolutionMicro.Filters<T, Count6, TPacks>(taps, offsets, w, x, jump, c, add); return;
            case 7: ConvolutionMicro.Filters<T, Count7, TPacks>(taps, offsets, w, x, jump, c, add); return;
            case 8: ConvolutionMicro.Filters<T, Count8, TPacks>(taps, offsets, w, x, jump, c, add); return;
            case 9: ConvolutionMicro.Filters<T, Count9, TPacks>(taps, offsets, w, x, jump, c, add); return;
            case 10: ConvolutionMicro.Filters<T, Count10, TPacks>(taps, offsets, w, x, jump, c, add); return;
            case 11: ConvolutionMicro.Filters<T, Count11, TPacks>(taps, offsets, w, x, jump, c, add); return;
            case 12: ConvolutionMicro.Filters<T, Count12, TPacks>(taps, offsets, w, x, jump, c, add); return;
            case 13: ConvolutionMicro.Filters<T, Count13, TPacks>(taps, offsets, w, x, jump, c, add); return;
            default: ConvolutionMicro.Filters<T, Count14, TPacks>(taps, offsets, w, x, jump, c, add); return;
        }
    }
}
