using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Evenkeel.Kernels;

/// <summary>
/// Computes one <see cref="PlaneMap"/> over all images and groups. A unit is a block of the results of a band, a chunk
/// is some units.
/// </summary>
[StructLayout(LayoutKind.Auto)]
internal unsafe struct PlaneJob<T> : IJob where T : unmanaged, IFloatingPointIeee754<T>
{
    /// <summary>Packs of the longest tile.</summary>
    public const int MaxPacks = 4;

    /// <summary>Rows of a tile of two packs, and of a tile of four packs: both take 16 of 32 registers.</summary>
    private const int ShortRows = 8, LongRows = 4;

    /// <summary>Rows of the tile of one pack if there are 16 registers and a pack takes two.</summary>
    private const int NarrowRows = 6;

    /// <summary>
    /// Longest part of a chunk of taps if there are 16 registers: the weights of a pack of filters stay in a
    /// first-level cache while the tiles of a block read them.
    /// </summary>
    private const int PartTaps = 288;

    /// <summary>Up to this number of taps, several tiles run side by side.</summary>
    private const int RunTaps = 256;

    /// <summary>Results of a tile with lanes along filters: 28 of 32 registers.</summary>
    private const int FilterRows = 14;

    /// <summary>Results whose sums with lanes along filters lie in a first-level cache until they are copied out.
    /// </summary>
    private const int BlockResults = 256;

    public PlaneMap Map;
    public Stage Stage;
    public Bands Bands;
    public int Images, Groups, Results, Units, PerChunk;

    /// <summary>Blocks into which the results of a group are cut, so that few bands are work for several threads.
    /// </summary>
    public int Blocks;

    public int ResultVolume, ResultPlane, ResultWidth, SliceStep, RowStep, ColumnStep;

    /// <summary>
    /// True if lanes are filters, false if they are neighbouring results. If true, the weights are panels of two packs:
    /// [group][panel][tap][lane].
    /// </summary>
    public bool AlongFilters;

    /// <summary>Whether max(y, 0) is stored.</summary>
    public bool FuseReLU;

    public T* Source, SourceEnd, Weight, Bias, Result;
    public nint* Offsets;

    private static int Width => Vector512<T>.Count;

    /// <summary>The largest number of rows whose sums with lanes along filters are computed before they are copied out.
    /// </summary>
    private readonly int BlockRows(int rows) => Math.Clamp(BlockResults / Map.Columns, 1, rows);

    public readonly void Invoke(int chunk)
    {
        nint sumsRow = ((nint)Bands.Rows * Stage.Pitch) + ((MaxPacks + 1) * Width);
        nint stageBytes = ((Stage.Count * sizeof(T)) + Simd.Alignment - 1) & -Simd.Alignment;
        int panel = 2 * Width, panels = Convolution.Panels<T>(Results);
        nint blockResults = (nint)BlockRows(Bands.Rows) * Map.Columns;
        nint sumsBytes = sizeof(T) * (AlongFilters
            ? blockResults * panel
            : sumsRow * Math.Min(Results, Convolution.DivideUp(panels, Blocks) * panel));
        byte* scratch = GemmPacking.Scratch(
            stageBytes + sumsBytes + (AlongFilters && !Gemm.IsWide ? blockResults * sizeof(nint) : 0));
        T* stage = (T*)scratch, sums = (T*)(scratch + stageBytes);
        nint* places = (nint*)(scratch + stageBytes + sumsBytes);
        if (AlongFilters && !Gemm.IsWide) FindPlaces(places, BlockRows(Bands.Rows));
        int bands = Bands.Count(Map), end = Math.Min(Units, (chunk + 1) * PerChunk);
        for (int unit = chunk * PerChunk; unit < end; unit++)
        {
            (int place, int block) = Math.DivRem(unit, Blocks);
            (int image, int number) = Math.DivRem(place, bands);
            Band band = Bands.At(Map, number);
            int first = Convolution.Cut(panels, block, Blocks) * panel,
                count = Math.Min(Results, Convolution.Cut(panels, block + 1, Blocks) * panel) - first;
            for (int group = 0; group < Groups; group++)
            {
                nint volume = ((nint)image * Groups) + group;
                Stage.Copy(Source + (volume * Map.Channels * Map.Depth * Map.Height * Map.Width),
                    SourceEnd, stage, band);
                for (int slice = 0; slice < band.Slices; slice++)
                {
                    T* result = Result + (volume * Results * ResultVolume)
                        + ((nint)(band.Slice0 + slice) * SliceStep * ResultPlane)
                        + ((nint)band.Row0 * RowStep * ResultWidth);
                    SumSlice(stage + (slice * Stage.SliceStep), sums, sumsRow, places,
                        result + ((nint)first * ResultVolume), band.Rows, group, first, count);
                }
            }
        }
    }

    /// <summary>Some results of a group, in a band's rows of one slice.</summary>
    private readonly void SumSlice(
        T* stage, T* sums, nint sumsRow, nint* places, T* result, int rows, int group, int first, int count)
    {
        nint filter = ((nint)group * Results) + first;
        T* bias = Bias == null ? null : Bias + filter;
        if (AlongFilters)
        {
            nint panel = ((nint)group * Convolution.Panels<T>(Results)) + (first / (2 * Width));
            T* weight = Weight + (panel * Map.Taps * 2 * Width);
            if (Gemm.IsWide) SumFilters(stage, weight, sums, result, rows, count, bias);
            else SumPlaces(stage, weight, sums, places, result, rows, count, bias);
        }
        else
        {
            int length = ((rows - 1) * Stage.Pitch) + Map.Columns;
            Sum(stage, Weight + (filter * Map.Taps), sums, sumsRow, length, count);
            for (int i = 0; i < count; i++)
            {
                T shift = bias == null ? T.Zero : bias[i];
                T* target = result + ((nint)i * ResultVolume);
                if (RowStep == 1 && ColumnStep == 1) CopyOut(sums + (i * sumsRow), target, rows, shift);
                else Spread(sums + (i * sumsRow), target, rows, length, shift);
            }
        }

        if (!FuseReLU || RowStep != 1 || ColumnStep != 1) return;
        // The results have just been written, so they are in the cache.
        for (int i = 0; i < count; i++) Convolution.Clip(result + ((nint)i * ResultVolume), rows * ResultWidth);
    }

    /// <summary>All sums of a band: loops over chunks of taps, tiles of packs, tiles of filters.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private readonly void Sum(T* stage, T* weight, T* sums, nint sumsRow, int length, int results)
    {
        bool wide = Gemm.IsWide;
        int packs = Convolution.DivideUp(length, Width), taps = Map.Taps,
            chunks = Convolution.DivideUp(taps, Convolution.TapChunk);
        int tilePacks = !wide ? 1 : results <= LongRows ? 4 : 2;
        int tiles = Convolution.DivideUp(results, !wide ? NarrowRows : tilePacks == 4 ? LongRows : ShortRows);
        for (int chunk = 0; chunk < chunks; chunk++)
        {
            int t0 = Convolution.Cut(taps, chunk, chunks), count = Convolution.Cut(taps, chunk + 1, chunks) - t0;

            // With few taps several tiles run side by side: the values that they read stay in a first-level cache.
            int run = Math.Max(1, RunTaps / count);
            for (int pack = 0; pack < packs;)
            {
                int here = packs - pack >= tilePacks ? tilePacks : packs - pack >= 2 ? 2 : 1,
                    side = Math.Min(run, (packs - pack) / here);
                for (int tile = 0; tile < tiles; tile++)
                {
                    int i = Convolution.Cut(results, tile, tiles), rows = Convolution.Cut(results, tile + 1, tiles) - i;
                    Tiles(here, rows, side, count, Offsets + t0, weight + ((nint)i * taps) + t0, taps,
                        stage + ((nint)pack * Width), sums + (i * sumsRow) + ((nint)pack * Width), sumsRow, chunk > 0);
                }

                pack += here * side;
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tiles(
        int packs, int rows, nint tiles, nint taps, nint* offsets, T* w, nint wRow, T* x, T* c, nint cRow, bool add)
    {
        if (packs == 4)
        {
            switch (rows)
            {
                case 1:
                    ConvolutionMicro.Planes<T, Count1, Count4>(tiles, taps, offsets, w, wRow, x, c, cRow, add);
                    return;
                case 2:
                    ConvolutionMicro.Planes<T, Count2, Count4>(tiles, taps, offsets, w, wRow, x, c, cRow, add);
                    return;
                case 3:
                    ConvolutionMicro.Planes<T, Count3, Count4>(tiles, taps, offsets, w, wRow, x, c, cRow, add);
                    return;
                default:
                    ConvolutionMicro.Planes<T, Count4, Count4>(tiles, taps, offsets, w, wRow, x, c, cRow, add);
                    return;
            }
        }

        if (packs == 2)
        {
            switch (rows)
            {
                case 1:
                    ConvolutionMicro.Planes<T, Count1, Count2>(tiles, taps, offsets, w, wRow, x, c, cRow, add);
                    return;
                case 2:
                    ConvolutionMicro.Planes<T, Count2, Count2>(tiles, taps, offsets, w, wRow, x, c, cRow, add);
                    return;
                case 3:
                    ConvolutionMicro.Planes<T, Count3, Count2>(tiles, taps, offsets, w, wRow, x, c, cRow, add);
                    return;
                case 4:
                    ConvolutionMicro.Planes<T, Count4, Count2>(tiles, taps, offsets, w, wRow, x, c, cRow, add);
                    return;
                case 5:
                    ConvolutionMicro.Planes<T, Count5, Count2>(tiles, taps, offsets, w, wRow, x, c, cRow, add);
                    return;
                case 6:
                    ConvolutionMicro.Planes<T, Count6, Count2>(tiles, taps, offsets, w, wRow, x, c, cRow, add);
                    return;
                case 7:
                    ConvolutionMicro.Planes<T, Count7, Count2>(tiles, taps, offsets, w, wRow, x, c, cRow, add);
                    return;
                default:
                    ConvolutionMicro.Planes<T, Count8, Count2>(tiles, taps, offsets, w, wRow, x, c, cRow, add);
                    return;
            }
        }

        switch (rows)
        {
            case 1: ConvolutionMicro.Planes<T, Count1, Count1>(tiles, taps, offsets, w, wRow, x, c, cRow, add); return;
            case 2: ConvolutionMicro.Planes<T, Count2, Count1>(tiles, taps, offsets, w, wRow, x, c, cRow, add); return;
            case 3: ConvolutionMicro.Planes<T, Count3, Count1>(tiles, taps, offsets, w, wRow, x, c, cRow, add); return;
            case 4: ConvolutionMicro.Planes<T, Count4, Count1>(tiles, taps, offsets, w, wRow, x, c, cRow, add); return;
            case 5: ConvolutionMicro.Planes<T, Count5, Count1>(tiles, taps, offsets, w, wRow, x, c, cRow, add); return;
            case 6: ConvolutionMicro.Planes<T, Count6, Count1>(tiles, taps, offsets, w, wRow, x, c, cRow, add); return;
            case 7: ConvolutionMicro.Planes<T, Count7, Count1>(tiles, taps, offsets, w, wRow, x, c, cRow, add); return;
            default: ConvolutionMicro.Planes<T, Count8, Count1>(tiles, taps, offsets, w, wRow, x, c, cRow, add); return;
        }
    }

    /// <summary>
    /// All results of a band with lanes along filters: loops over panels of filters, blocks of rows, chunks of taps,
    /// rows, tiles of a row.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private readonly void SumFilters(T* stage, T* weight, T* sums, T* result, int rows, int results, T* bias)
    {
        bool wide = Gemm.IsWide;
        int taps = Map.Taps, chunks = Convolution.DivideUp(taps, Convolution.TapChunk), columns = Map.Columns;
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
                    int t0 = Convolution.Cut(taps, chunk, chunks),
                        terms = Convolution.Cut(taps, chunk + 1, chunks) - t0;
                    SumFilterRows(stage + ((nint)row0 * Stage.Pitch), weight + ((nint)t0 * 2 * Width), sums,
                        row1 - row0, tiles, terms, Offsets + t0, two, wide, chunk > 0);
                }

                PlaneTranspose.Run(sums, 2 * Width, (row1 - row0) * columns, count,
                    result + ((nint)filter * ResultVolume) + ((nint)row0 * columns), ResultVolume, shift);
            }
        }
    }

    /// <summary>The places of the results of a block in the copy, in bytes from its first one.</summary>
    private readonly void FindPlaces(nint* places, int rows)
    {
        for (int row = 0; row < rows; row++)
        {
            for (int j = 0; j < Map.Columns; j++) *places++ = (((nint)row * Stage.Pitch) + j) * sizeof(T);
        }
    }

    /// <summary>
    /// All results of a band with lanes along one pack of filters, for 16 registers: loops over packs of filters,
    /// blocks of rows, chunks of taps and their parts, tiles of results.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private readonly void SumPlaces(
        T* stage, T* weight, T* sums, nint* places, T* result, int rows, int results, T* bias)
    {
        int taps = Map.Taps, chunks = Convolution.DivideUp(taps, Convolution.TapChunk), columns = Map.Columns;
        int blockRows = BlockRows(rows), blocks = Convolution.DivideUp(rows, blockRows);
        T* chain = sums + ((nint)blockRows * columns * Width);
        for (int filter = 0; filter < results; filter += Width, weight += (nint)taps * Width)
        {
            T* shift = bias == null ? null : bias + filter;
            for (int block = 0; block < blocks; block++)
            {
                int row0 = Convolution.Cut(rows, block, blocks), row1 = Convolution.Cut(rows, block + 1, blocks),
                    count = (row1 - row0) * columns;
                T* x = stage + ((nint)row0 * Stage.Pitch);
                for (int chunk = 0; chunk < chunks; chunk++)
                {
                    int t0 = Convolution.Cut(taps, chunk, chunks), t1 = Convolution.Cut(taps, chunk + 1, chunks),
                        parts = Convolution.DivideUp(t1 - t0, PartTaps);
                    for (int part = 0; part < parts; part++)
                    {
                        int first = t0 + Convolution.Cut(t1 - t0, part, parts),
                            last = t0 + Convolution.Cut(t1 - t0, part + 1, parts);

                        // The parts of a chunk are one chain. The chains of later chunks are added to the sums.
                        T* target = chunk == 0 || part == parts - 1 ? sums : chain;
                        T* start = part == 0 ? null : chunk == 0 ? sums : chain;
                        Places(count, places, last - first, Offsets + first, weight + ((nint)first * Width), x, start,
                            target, chunk > 0 && part == parts - 1);
                    }
                }

                PlaneTranspose.Run(sums, Width, count, Math.Min(results - filter, Width),
                    result + ((nint)filter * ResultVolume) + ((nint)row0 * columns), ResultVolume, shift);
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

    /// <summary>Copies the sums, whose rows lie a pitch apart, into the result plane.</summary>
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
        Vector512<T> shift = Simd.Broadcast(bias);
        for (int i = free; i < rows; i++)
            Simd.StorePartial(result + (i * resultRow), Simd.Load(sums + ((nint)i * pitch)) + shift, columns);
    }

    /// <summary>
    /// Puts the sums at their places between those of other phases; the bias and a ReLU are applied to packs of sums
    /// before.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private readonly void Spread(T* sums, T* result, int rows, int length, T bias)
    {
        int columns = Map.Columns, pitch = Stage.Pitch;
        nint rowStep = (nint)RowStep * ResultWidth;
        Vector512<T> shift = Simd.Broadcast(bias);
        for (int j = 0; j < length; j += Width)
        {
            Vector512<T> y = Simd.Load(sums + j) + shift;
            Simd.Store(sums + j, FuseReLU ? ReLUEpilogue.Apply(y) : y);
        }

        for (; rows > 0; rows--, sums += pitch, result += rowStep)
            Strided.Scatter(sums, result, ColumnStep, columns);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void CopyLongRows(T* sums, nint pitch, T* result, nint resultRow, int rows, int columns, T bias)
    {
        int width = Vector512<T>.Count;
        Vector512<T> shift = Simd.Broadcast(bias);
        for (; rows > 0; rows--, sums += pitch, result += resultRow)
        {
            for (int j = 0; j <= columns - width; j += width) Simd.Store(result + j, Simd.Load(sums + j) + shift);
            Simd.Store(result + columns - width, Simd.Load(sums + columns - width) + shift);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void CopyShortRows(T* sums, nint pitch, T* result, nint resultRow, int rows, T bias)
    {
        Vector512<T> shift = Simd.Broadcast(bias);
        for (; rows > 0; rows--, sums += pitch, result += resultRow) Simd.Store(result, Simd.Load(sums) + shift);
    }
}
