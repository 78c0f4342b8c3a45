using System.Diagnostics;
using System.Runtime.CompilerServices;

namespace Evenkeel.Kernels;

/// <content>Lanes along filters.</content>
internal unsafe partial struct PlaneJob<T>
{
    /// <summary>
    /// All results of a band with lanes along filters: loops over panels of filters, blocks of rows, chunks of taps,
    /// rows, tiles of a row.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private readonly void SumFilters(
        T* stage, T* weight, T* sums, T* result, int rows, int results, T* bias, int slice)
    {
        bool wide = Gemm.IsWide;
        (int firstTap, int used) = TapsOf(slice);
        int taps = Map.Taps, chunks = Convolution.DivideUp(used, Convolution.TapChunk), columns = Map.Columns;
        int tiles = Convolution.DivideUp(columns, wide ? FilterRows : NarrowRows),
            blocks = Convolution.DivideUp(rows, BlockRows(rows));
        for (int filter = 0; filter < results; filter += 2 * Width, weight += (nint)taps * 2 * Width)
        {
            bool two = results - filter > Width;
            int count = Math.Min(results - filter, 2 * Width);
            T* shift = bias == null ? null : bias + filter;
            for (int block = 0; block < blocks; block++)
            {
                int row0 = Convolution.Cut(rows, block, blocks), row1 = Convolution.Cut(rows, block + 1, blocks);
                for (int chunk = 0; chunk < chunks; chunk++)
                {
                    int at = Convolution.Cut(used, chunk, chunks),
                        terms = Convolution.Cut(used, chunk + 1, chunks) - at, t0 = firstTap + at;
                    SumFilterRows(stage + ((nint)row0 * Stage.Pitch), weight + ((nint)t0 * 2 * Width), sums,
                        row1 - row0, tiles, terms, Offsets + t0, two, wide, chunk > 0);
                }

                PlaneTranspose.Run(sums, 2 * Width, (row1 - row0) * columns, count,
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
    private readonly void SumFilterRows(
        T* stage, T* w, T* sums, int rows, int tiles, nint taps, nint* offsets, bool two, bool wide, bool add)
    {
        int columns = Map.Columns, row = 0;
        if (columns == FilterRows / 2 && wide)
        {
            // Two rows are one tile.
            for (; row <= rows - 2; row += 2)
            {
                FilterTile(two ? 2 : 1, FilterRows, taps, offsets, w, stage + ((nint)row * Stage.Pitch),
                    Stage.Pitch - columns, sums + ((nint)row * columns * 2 * Width), add);
            }
        }

        for (; row < rows; row++)
        {
            for (int tile = 0; tile < tiles; tile++)
            {
                int j = Convolution.Cut(columns, tile, tiles), here = Convolution.Cut(columns, tile + 1, tiles) - j;
                T* x = stage + ((nint)row * Stage.Pitch) + j, c = sums + ((((nint)row * columns) + j) * 2 * Width);
                FilterTile(two && wide ? 2 : 1, here, taps, offsets, w, x, jump: 0, c, add);
                if (two && !wide) FilterTile(1, here, taps, offsets, w + Width, x, jump: 0, c + Width, add);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void FilterTile(
        int packs, int rows, nint taps, nint* offsets, T* w, T* x, nint jump, T* c, bool add)
    {
        if (packs == 2)
        {
            switch (rows)
            {
                case 1: ConvolutionMicro.Filters<T, Count1, Count2>(taps, offsets, w, x, jump, c, add); return;
                case 2: ConvolutionMicro.Filters<T, Count2, Count2>(taps, offsets, w, x, jump, c, add); return;
                case 3: ConvolutionMicro.Filters<T, Count3, Count2>(taps, offsets, w, x, jump, c, add); return;
                case 4: ConvolutionMicro.Filters<T, Count4, Count2>(taps, offsets, w, x, jump, c, add); return;
                case 5: ConvolutionMicro.Filters<T, Count5, Count2>(taps, offsets, w, x, jump, c, add); return;
                case 6: ConvolutionMicro.Filters<T, Count6, Count2>(taps, offsets, w, x, jump, c, add); return;
                case 7: ConvolutionMicro.Filters<T, Count7, Count2>(taps, offsets, w, x, jump, c, add); return;
                case 8: ConvolutionMicro.Filters<T, Count8, Count2>(taps, offsets, w, x, jump, c, add); return;
                case 9: ConvolutionMicro.Filters<T, Count9, Count2>(taps, offsets, w, x, jump, c, add); return;
                case 10: ConvolutionMicro.Filters<T, Count10, Count2>(taps, offsets, w, x, jump, c, add); return;
                case 11: ConvolutionMicro.Filters<T, Count11, Count2>(taps, offsets, w, x, jump, c, add); return;
                case 12: ConvolutionMicro.Filters<T, Count12, Count2>(taps, offsets, w, x, jump, c, add); return;
                case 13: ConvolutionMicro.Filters<T, Count13, Count2>(taps, offsets, w, x, jump, c, add); return;
                default: ConvolutionMicro.Filters<T, Count14, Count2>(taps, offsets, w, x, jump, c, add); return;
            }
        }

        switch (rows)
        {
            case 1: ConvolutionMicro.Filters<T, Count1, Count1>(taps, offsets, w, x, jump, c, add); return;
            case 2: ConvolutionMicro.Filters<T, Count2, Count1>(taps, offsets, w, x, jump, c, add); return;
            case 3: ConvolutionMicro.Filters<T, Count3, Count1>(taps, offsets, w, x, jump, c, add); return;
            case 4: ConvolutionMicro.Filters<T, Count4, Count1>(taps, offsets, w, x, jump, c, add); return;
            case 5: ConvolutionMicro.Filters<T, Count5, Count1>(taps, offsets, w, x, jump, c, add); return;
            case 6: ConvolutionMicro.Filters<T, Count6, Count1>(taps, offsets, w, x, jump, c, add); return;
            case 7: ConvolutionMicro.Filters<T, Count7, Count1>(taps, offsets, w, x, jump, c, add); return;
            case 8: ConvolutionMicro.Filters<T, Count8, Count1>(taps, offsets, w, x, jump, c, add); return;
            case 9: ConvolutionMicro.Filters<T, Count9, Count1>(taps, offsets, w, x, jump, c, add); return;
            case 10: ConvolutionMicro.Filters<T, Count10, Count1>(taps, offsets, w, x, jump, c, add); return;
            case 11: ConvolutionMicro.Filters<T, Count11, Count1>(taps, offsets, w, x, jump, c, add); return;
            case 12: ConvolutionMicro.Filters<T, Count12, Count1>(taps, offsets, w, x, jump, c, add); return;
            case 13: ConvolutionMicro.Filters<T, Count13, Count1>(taps, offsets, w, x, jump, c, add); return;
            default: ConvolutionMicro.Filters<T, Count14, Count1>(taps, offsets, w, x, jump, c, add); return;
        }
    }
}
