using System.Diagnostics;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Evenkeel.Kernels;

/// <summary>
/// Computes one <see cref="PlaneMap"/> in which every result volume reads one source volume: a depthwise convolution,
/// or the gradient of its input. A chunk is some volumes.
/// </summary>
/// <remarks>
/// A volume is copied with its zeros. A tile is the same columns of some rows, so one weight serves all its sums, and
/// the sums go to their places at once. Each result is one FMA chain in the order of the taps. Taps whose whole slice
/// is zeros are left out.
/// </remarks>
[StructLayout(LayoutKind.Auto)]
internal unsafe partial struct SinglePlanes<T> : IJob where T : unmanaged, IFloatingPointIeee754<T>
{
    /// <summary>Rows of a tile: with 32 registers of a pack eight sums, with 16 of half a pack four.</summary>
    private const int WideRows = 8, NarrowRows = 4;

    private PlaneMap _map;
    private Stage _stage;
    private Bands _bands;
    private int _groups, _volumes, _perChunk;
    private bool _fuseReLU;

    /// <summary>How a band of one slice is walked without a copy.</summary>
    private Walk _walk;

    private T* _source, _sourceEnd, _weight, _bias, _result;
    private nint* _offsets;

    /// <summary>Whether a map has that form; its results must lie side by side.</summary>
    public static bool Applies(in PlaneMap map, int results) =>
        results == 1 && map.Channels == 1 && map.Taps <= Convolution.TapChunk;

    /// <summary>Computes all volumes of a job whose map has that form.</summary>
    public static void Run(in PlaneJob<T> of)
    {
        Debug.Assert(Applies(of.Map, of.Results) && of is { SliceStep: 1, RowStep: 1, ColumnStep: 1 });
        PlaneMap map = of.Map;
        Walk walk = WalkOf(map);
        var bands = Bands.Create(map, of.Images);
        var job = new SinglePlanes<T>
        {
            _map = map,
            _bands = walk == Walk.None ? bands : bands with { Slices = 1 },
            _groups = of.Groups,
            _volumes = of.Images * of.Groups,
            _perChunk = Convolution.UnitsPerChunk((double)map.Slices * map.Rows * map.Columns * map.Taps),
            _fuseReLU = of.FuseReLU,
            _walk = walk,
            _source = of.Source,
            _sourceEnd = of.SourceEnd,
            _weight = of.Weight,
            _bias = of.Bias,
            _result = of.Result,
            _offsets = of.Offsets,
        };
        job._stage = Stage.Create(map, job._bands, Vector512<T>.Count, overrun: Vector512<T>.Count);
        job._stage.Offsets(job._offsets, sizeof(T));
        Workers.Run(Convolution.DivideUp(job._volumes, job._perChunk), job);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public readonly void Invoke(int chunk)
    {
        T* stage = (T*)GemmPacking.Scratch(_stage.Count * sizeof(T));
        int end = Math.Min(_volumes, (chunk + 1) * _perChunk), bands = _bands.Count(_map), taps = _map.Taps;
        nint plane = (nint)_map.Rows * _map.Columns, volume = _map.Slices * plane;
        T* stop = _result + (end * volume);
        for (int index = chunk * _perChunk; index < end; index++)
        {
            int group = index % _groups;
            T bias = _bias == null ? T.Zero : _bias[group];
            T* from = _source + (index * _map.SourceVolume), weight = _weight + ((nint)group * taps);
            for (int number = 0; number < bands; number++)
            {
                Band band = _bands.At(_map, number);
                T* to = _result + (index * volume) + (band.Slice0 * plane) + ((nint)band.Row0 * _map.Columns);
                if (CanWalk(from, band))
                {
                    SumByWalks(from, weight, bias, to, band);
                    continue;
                }

                _stage.Copy(from, _sourceEnd, stage, band);
                for (int slice = 0; slice < band.Slices; slice++)
                {
                    SumRows(stage + (slice * _stage.SliceStep), weight, bias, to + (slice * plane), stop, band.Rows,
                        band.Slice0 + slice);
                }
            }
        }
    }

    /// <summary>The rows of a band, in even tiles.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private readonly void SumRows(T* stage, T* weight, T bias, T* to, T* stop, int rows, int slice)
    {
        (int first, int end) = _map.TapSlices(slice);
        int window = _map.KernelHeight * _map.KernelWidth;
        nint* offsets = _offsets + (first * window);
        weight += first * window;
        int most = Gemm.IsWide ? WideRows : NarrowRows, tiles = Convolution.DivideUp(rows, most), small = rows / tiles,
            large = rows - (small * tiles), columns = _map.Columns, width = Vector512<T>.Count;
        T* spare = stackalloc T[WideRows * width];
        nint taps = (end - first) * window, pitch = _stage.Pitch;
        T limit = _fuseReLU ? T.Zero : T.NaN;
        for (int tile = 0; tile < tiles; tile++)
        {
            int here = tile < large ? small + 1 : small;

            // Rows shorter than a pack must not run over the end of the chunk's volumes, as the memory behind is
            // another chunk's.
            bool apart = columns < width && stop - to < (((nint)here - 1) * columns) + width;
            T* c = apart ? spare : to;
            nint row = apart ? width : columns;
            Tile(here, taps, offsets, weight, stage, pitch, c, row, columns, bias, limit);
            for (int i = 0; apart && i < here; i++)
                new Span<T>(spare + (i * width), columns).CopyTo(new Span<T>(to + ((nint)i * columns), columns));
            stage += here * pitch;
            to += (nint)here * columns;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tile(int rows, nint taps, nint* offsets, T* weight, T* x, nint pitch, T* to, nint toRow,
        int columns, T bias, T limit)
    {
        switch (rows)
        {
            case 1: Tile<Count1>(taps, offsets, weight, x, pitch, to, toRow, columns, bias, limit); break;
            case 2: Tile<Count2>(taps, offsets, weight, x, pitch, to, toRow, columns, bias, limit); break;
            case 3: Tile<Count3>(taps, offsets, weight, x, pitch, to, toRow, columns, bias, limit); break;
            case 4: Tile<Count4>(taps, offsets, weight, x, pitch, to, toRow, columns, bias, limit); break;
            case 5: Tile<Count5>(taps, offsets, weight, x, pitch, to, toRow, columns, bias, limit); break;
            case 6: Tile<Count6>(taps, offsets, weight, x, pitch, to, toRow, columns, bias, limit); break;
            case 7: Tile<Count7>(taps, offsets, weight, x, pitch, to, toRow, columns, bias, limit); break;
            default: Tile<Count8>(taps, offsets, weight, x, pitch, to, toRow, columns, bias, limit); break;
        }
    }

    /// <summary>
    /// Some rows of results, pack by pack: <c>to[i·toRow + j] = bias + Σ_t w[t]·x[i·pitch + j + offset t]</c>, or 0
    /// in place of values up to <paramref name="limit"/>. The last pack of a row overlaps the one before. A row shorter
    /// than a pack runs over into the next one, which is written later. Without a call no sum leaves its register.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tile<TRows>(
        nint taps, nint* offsets, T* weight, T* x, nint pitch, T* to, nint toRow, int columns, T bias, T limit)
        where TRows : ICount
    {
        int width = Vector512<T>.Count;
        nint* end = offsets + taps;
        nint step = pitch * sizeof(T);
        for (int column = 0; column < columns; column += width)
        {
            int j = column > columns - width ? Math.Max(0, columns - width) : column;
            Vector512<T> s0 = default, s1 = default, s2 = default, s3 = default;
            Vector512<T> s4 = default, s5 = default, s6 = default, s7 = default;
            byte* x0 = (byte*)(x + j), x1 = x0 + step, x2 = x1 + step, x3 = x2 + step;
            byte* x4 = x3 + step, x5 = x4 + step, x6 = x5 + step, x7 = x6 + step;
            T* w = weight;
            for (nint* offset = offsets; offset < end; offset++, w++)
            {
                nint at = *offset;
                Vector512<T> v = Simd.Broadcast(*w);
                s0 = Simd.Fma(v, Simd.Load((T*)(x0 + at)), s0);
                if (TRows.Value > 1) s1 = Simd.Fma(v, Simd.Load((T*)(x1 + at)), s1);
                if (TRows.Value > 2) s2 = Simd.Fma(v, Simd.Load((T*)(x2 + at)), s2);
                if (TRows.Value > 3) s3 = Simd.Fma(v, Simd.Load((T*)(x3 + at)), s3);
                if (TRows.Value > 4) s4 = Simd.Fma(v, Simd.Load((T*)(x4 + at)), s4);
                if (TRows.Value > 5) s5 = Simd.Fma(v, Simd.Load((T*)(x5 + at)), s5);
                if (TRows.Value > 6) s6 = Simd.Fma(v, Simd.Load((T*)(x6 + at)), s6);
                if (TRows.Value > 7) s7 = Simd.Fma(v, Simd.Load((T*)(x7 + at)), s7);
            }

            Vector512<T> shift = Simd.Broadcast(bias), most = Simd.Broadcast(limit);
            T* c = to + j;
            Put(c, s0 + shift, most);
            if (TRows.Value > 1) Put(c + toRow, s1 + shift, most);
            if (TRows.Value > 2) Put(c + (2 * toRow), s2 + shift, most);
            if (TRows.Value > 3) Put(c + (3 * toRow), s3 + shift, most);
            if (TRows.Value > 4) Put(c + (4 * toRow), s4 + shift, most);
            if (TRows.Value > 5) Put(c + (5 * toRow), s5 + shift, most);
            if (TRows.Value > 6) Put(c + (6 * toRow), s6 + shift, most);
            if (TRows.Value > 7) Put(c + (7 * toRow), s7 + shift, most);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Put(T* to, Vector512<T> y, Vector512<T> limit) =>
        Simd.Store(to, Simd.ZeroUpTo(y, limit));
}
