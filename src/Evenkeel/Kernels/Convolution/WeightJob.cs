using System.Diagnostics;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Evenkeel.Kernels;

/// <summary>
/// The gradient of the weights. A chunk is some bands of some images, for a block of filters.
/// </summary>
/// <remarks>
/// There are two forms, beside <see cref="SingleWeights{T}"/>; the shape chooses. Lanes along filters: dy is
/// transposed, and a term is a tap's value times a pack of filters. The sums are finished. Lanes along results, for few
/// filters: dy is copied with the pitch of the stage and with zeros between its rows, and a term is a filter's pack
/// times the pack under a tap. The lanes are added at the very end. A chunk adds up its bands in order, and the chunks
/// are added in order.
/// </remarks>
[StructLayout(LayoutKind.Auto)]
internal unsafe struct WeightJob<T> : IJob where T : unmanaged, IFloatingPointIeee754<T>
{
    /// <summary>
    /// Results per chain of additions in the first form: two packs of them fill a first-level cache.
    /// </summary>
    private const int ChainLength = 256;

    private const int MaxChunks = 16;

    /// <summary>The largest number of elements of partial sums, unless one chunk alone has more.</summary>
    private const long PartialElements = 1 << 22;

    private PlaneMap _map;
    private Stage _stage;
    private ConvolutionShape _shape;
    private bool _alongResults;
    private Bands _bands;
    private int _units, _chunks, _blocks;
    private nint _partialCount;
    private T* _x, _xEnd, _dy, _partials;
    private nint* _offsets;

    private static int Width => Vector512<T>.Count;

    /// <summary>Number of pairs of packs for the filters of a group.</summary>
    private readonly int Panels => Convolution.Panels<T>(_shape.GroupFilters);

    /// <summary>Elements of the partial sums of a group.</summary>
    private readonly nint GroupCount => _partialCount / _shape.Groups;

    /// <summary>Elements of scratch memory that <see cref="Run"/> needs.</summary>
    public static int ScratchCount(in ConvolutionShape shape)
    {
        if (DenseWindow.Applies(shape)) return 0;
        if (SingleWeights<T>.Applies(shape)) return SingleWeights<T>.ScratchCount(shape);
        var job = new WeightJob<T>();
        job.Plan(shape);
        return (int)(Convolution.OffsetCount(shape.Taps) + (job._chunks * job._partialCount));
    }

    /// <summary>dweight from dy and x.</summary>
    public static void Run(in ConvolutionShape shape, T* dy, T* x, T* dweight, T* scratch)
    {
        if (shape.Images == 0)
        {
            new Span<T>(dweight, shape.Filters * shape.Taps).Clear();
            return;
        }

        Debug.Assert(shape.IsSound);
        Debug.Assert(Contracts.IsAligned(scratch));
        Debug.Assert(Contracts.AreApart(dweight, (long)shape.Filters * shape.Taps,
            x, (long)shape.Images * shape.Channels * shape.Volume), "dweight overlaps x");
        if (DenseWindow.Applies(shape))
        {
            DenseWindow.WeightGradient(shape, dy, x, dweight);
            return;
        }

        if (SingleWeights<T>.Applies(shape))
        {
            SingleWeights<T>.Run(shape, dy, x, dweight, scratch);
            return;
        }

        var job = new WeightJob<T>();
        job.Plan(shape);
        job._x = x;
        job._xEnd = x + ((nint)shape.Images * shape.Channels * shape.Volume);
        job._dy = dy;
        job._offsets = (nint*)scratch;
        job._partials = scratch + Convolution.OffsetCount(shape.Taps);
        job._stage.Offsets(job._offsets, sizeof(T));
        Workers.Run(job._chunks * job._blocks, job);
        if (!job._alongResults)
        {
            var combine = new CombineFiltersJob { Weights = job, Target = dweight };
            Workers.Run(combine.Chunks, combine);
            return;
        }

        int filters = Math.Max(1, (1 << 15) / Math.Max(1, shape.Taps));
        Workers.Run(Convolution.DivideUp(shape.Filters, filters),
            new CombineLanesJob { Weights = job, Target = dweight, PerChunk = filters });
    }

    private void Plan(in ConvolutionShape shape)
    {
        _shape = shape;
        _map = PlaneMap.Forward(shape);
        _bands = Bands.Create(_map, shape.Images);
        _stage = Stage.Create(_map, _bands, Width, overrun: 0);
        _units = shape.Images * _bands.Count(_map);
        int filters = shape.GroupFilters, taps = shape.Taps;
        double packs = Convolution.DivideUp(((_map.Rows - 1) * _stage.Pitch) + _map.Columns, Width);
        double resultCost =
            (double)filters * taps * _map.Slices * (packs + (4 * Convolution.DivideUp(_map.Rows, _bands.Rows)));
        double filterCost =
            (double)Convolution.DivideUp(filters, Width) * _map.Slices * _map.Rows * _map.Columns * (taps + 4);
        _alongResults = (long)filters * taps <= 1 << 14 && resultCost < filterCost;
        // With lanes along results the values behind a plane are multiplied by zeros, so they must be finite.
        if (!_alongResults) _stage = Stage.Create(_map, _bands, Width, overrun: 0, readsInPlace: true);
        _partialCount = shape.Groups * (_alongResults ? (nint)filters * taps * Width : (nint)Panels * taps * 2 * Width);
        _chunks = Math.Max(1, (int)Math.Min(Math.Min(_units, MaxChunks), PartialElements / Math.Max(1, _partialCount)));
        _blocks = _alongResults ? 1 : Math.Min(Panels, Convolution.DivideUp(MaxChunks, _chunks));
    }

    public readonly void Invoke(int index)
    {
        int chunk = index / _blocks, block = index % _blocks;
        nint stageBytes = Align(_stage.Count * sizeof(T));
        nint dyRow = Convolution.DivideUp(_bands.Rows * _stage.Pitch, Width) * Width;
        int chainRows = Math.Clamp(ChainLength / _map.Columns, 1, _bands.Rows);
        int panel0 = Convolution.Cut(Panels, block, _blocks), panel1 = Convolution.Cut(Panels, block + 1, _blocks);
        nint dyCount = _alongResults
            ? (dyRow * _shape.GroupFilters) + Width
            : 2 * Width * (nint)chainRows * _map.Columns;
        byte* scratch = GemmPacking.Scratch(stageBytes + (dyCount * sizeof(T)));
        T* stage = (T*)scratch, dy = (T*)(scratch + stageBytes);
        T* partial = _partials + (chunk * _partialCount);
        int first = Convolution.Cut(_units, chunk, _chunks), end = Convolution.Cut(_units, chunk + 1, _chunks),
            bands = _bands.Count(_map);
        for (int unit = first; unit < end; unit++)
        {
            (int image, int number) = Math.DivRem(unit, bands);
            Band band = _bands.At(_map, number);
            for (int group = 0; group < _shape.Groups; group++)
            {
                nint volume = ((nint)image * _shape.Groups) + group;
                T* source = _stage.Read(_x + (volume * _map.Channels * _shape.Volume), _xEnd, stage, band);
                T* sums = partial + (group * GroupCount);
                for (int slice = 0; slice < band.Slices; slice++)
                {
                    T* x = source + (slice * _stage.SliceStep);
                    T* from = _dy + (volume * _shape.GroupFilters * _shape.OutVolume)
                        + ((nint)(band.Slice0 + slice) * _shape.OutPlane) + ((nint)band.Row0 * _map.Columns);
                    bool add = unit > first || slice > 0;
                    if (_alongResults) AlongResults(x, from, dy, dyRow, band.Rows, sums, add);
                    else AlongFilters(x, from, dy, band.Rows, chainRows, sums, panel0, panel1, add);
                }
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private readonly void AlongFilters(
        T* stage, T* from, T* dy, int rows, int chainRows, T* sums, int panel0, int panel1, bool add)
    {
        bool wide = Gemm.IsWide;
        int taps = _map.Taps, columns = _map.Columns, tiles = Convolution.DivideUp(taps, wide ? 8 : 6);
        for (int row = 0; row < rows; row += chainRows, add = true)
        {
            int here = Math.Min(chainRows, rows - row);
            for (int panel = panel0; panel < panel1; panel++)
            {
                int filter = 2 * Width * panel, filters = _shape.GroupFilters - filter;
                T* dyRows = from + ((nint)filter * _shape.OutVolume) + ((nint)row * columns);
                GemmPacking.TransposedPack(
                    dyRows, _shape.OutVolume, Math.Min(filters, Width), dy, 2 * Width, here * columns);
                bool two = filters > Width;
                if (two)
                {
                    GemmPacking.TransposedPack(dyRows + ((nint)Width * _shape.OutVolume),
                        _shape.OutVolume, Math.Min(filters - Width, Width), dy + Width, 2 * Width, here * columns);
                }

                T* target = sums + ((nint)panel * taps * 2 * Width);
                for (int tile = 0; tile < tiles; tile++)
                {
                    int t = Convolution.Cut(taps, tile, tiles), count = Convolution.Cut(taps, tile + 1, tiles) - t;
                    T* c = target + ((nint)t * 2 * Width), x = stage + ((nint)row * _stage.Pitch);
                    if (wide)
                    {
                        Outer(two ? 2 : 1, count, here, columns, x, _offsets + t, _stage.Pitch, dy, c, add);
                        continue;
                    }

                    Outer(1, count, here, columns, x, _offsets + t, _stage.Pitch, dy, c, add);
                    if (two) Outer(1, count, here, columns, x, _offsets + t, _stage.Pitch, dy + Width, c + Width, add);
                }
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private readonly void AlongResults(T* stage, T* from, T* dy, nint dyRow, int rows, T* sums, bool add)
    {
        bool wide = Gemm.IsWide;
        int taps = _map.Taps, filters = _shape.GroupFilters,
            length = Convolution.DivideUp(((rows - 1) * _stage.Pitch) + _map.Columns, Width) * Width;
        Spread(from, _dy + ((nint)_shape.Images * _shape.Filters * _shape.OutVolume), dy, dyRow, rows);
        int tapTiles = Convolution.DivideUp(taps, wide ? 4 : 3),
            filterTiles = Convolution.DivideUp(filters, wide ? 6 : 2);
        for (int filterTile = 0; filterTile < filterTiles; filterTile++)
        {
            int o = Convolution.Cut(filters, filterTile, filterTiles),
                height = Convolution.Cut(filters, filterTile + 1, filterTiles) - o;
            for (int tapTile = 0; tapTile < tapTiles; tapTile++)
            {
                int t = Convolution.Cut(taps, tapTile, tapTiles),
                    count = Convolution.Cut(taps, tapTile + 1, tapTiles) - t;
                Lanes(count, height, length, dy + (o * dyRow),
                    dyRow, stage, _offsets + t, sums + ((((nint)o * taps) + t) * Width), (nint)taps * Width, add);
            }
        }
    }

    /// <summary>
    /// Copies rows of dy with the stage's pitch, and with zeros between them and behind the last one.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private readonly void Spread(T* from, T* end, T* dy, nint dyRow, int rows)
    {
        int columns = _map.Columns, pitch = _stage.Pitch, width = Width;
        for (int filter = 0; filter < _shape.GroupFilters; filter++, from += _shape.OutVolume, dy += dyRow)
        {
            T* source = from, to = dy;
            for (int row = 0; row < rows; row++, source += columns, to += pitch)
            {
                if (source + columns + width > end)
                {
                    for (int j = 0; j < columns; j++) to[j] = source[j];
                }
                else
                {
                    for (int j = 0; j < columns; j += width) Simd.Store(to + j, Simd.Load(source + j));
                }

                // The gap between rows. Behind the last row it is everything that the packs reach.
                T* stop = row == rows - 1 ? dy + dyRow : to + pitch;
                for (T* zero = to + columns; zero < stop; zero += width) Simd.Store(zero, Vector512<T>.Zero);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Outer(
        int packs, int rows, nint resultRows, nint columns, T* x, nint* offsets, nint pitch, T* dy, T* c, bool add)
    {
        if (packs == 2)
        {
            switch (rows)
            {
                case 1:
                    ConvolutionMicro.Outer<T, Count1, Count2>(resultRows, columns, x, offsets, pitch, dy, c, add);
                    return;
                case 2:
                    ConvolutionMicro.Outer<T, Count2, Count2>(resultRows, columns, x, offsets, pitch, dy, c, add);
                    return;
                case 3:
                    ConvolutionMicro.Outer<T, Count3, Count2>(resultRows, columns, x, offsets, pitch, dy, c, add);
                    return;
                case 4:
                    ConvolutionMicro.Outer<T, Count4, Count2>(resultRows, columns, x, offsets, pitch, dy, c, add);
                    return;
                case 5:
                    ConvolutionMicro.Outer<T, Count5, Count2>(resultRows, columns, x, offsets, pitch, dy, c, add);
                    return;
                case 6:
                    ConvolutionMicro.Outer<T, Count6, Count2>(resultRows, columns, x, offsets, pitch, dy, c, add);
                    return;
                case 7:
                    ConvolutionMicro.Outer<T, Count7, Count2>(resultRows, columns, x, offsets, pitch, dy, c, add);
                    return;
                default:
                    ConvolutionMicro.Outer<T, Count8, Count2>(resultRows, columns, x, offsets, pitch, dy, c, add);
                    return;
            }
        }

        switch (rows)
        {
            case 1:
                ConvolutionMicro.Outer<T, Count1, Count1>(resultRows, columns, x, offsets, pitch, dy, c, add);
                return;
            case 2:
                ConvolutionMicro.Outer<T, Count2, Count1>(resultRows, columns, x, offsets, pitch, dy, c, add);
                return;
            case 3:
                ConvolutionMicro.Outer<T, Count3, Count1>(resultRows, columns, x, offsets, pitch, dy, c, add);
                return;
            case 4:
                ConvolutionMicro.Outer<T, Count4, Count1>(resultRows, columns, x, offsets, pitch, dy, c, add);
                return;
            case 5:
                ConvolutionMicro.Outer<T, Count5, Count1>(resultRows, columns, x, offsets, pitch, dy, c, add);
                return;
            case 6:
                ConvolutionMicro.Outer<T, Count6, Count1>(resultRows, columns, x, offsets, pitch, dy, c, add);
                return;
            case 7:
                ConvolutionMicro.Outer<T, Count7, Count1>(resultRows, columns, x, offsets, pitch, dy, c, add);
                return;
            default:
                ConvolutionMicro.Outer<T, Count8, Count1>(resultRows, columns, x, offsets, pitch, dy, c, add);
                return;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Lanes(
        int taps, int rows, nint length, T* dy, nint dyRow, T* x, nint* offsets, T* c, nint cRow, bool add)
    {
        if (taps == 4)
        {
            switch (rows)
            {
                case 1: ConvolutionMicro.Lanes<T, Count1, Count4>(length, dy, dyRow, x, offsets, c, cRow, add); return;
                case 2: ConvolutionMicro.Lanes<T, Count2, Count4>(length, dy, dyRow, x, offsets, c, cRow, add); return;
                case 3: ConvolutionMicro.Lanes<T, Count3, Count4>(length, dy, dyRow, x, offsets, c, cRow, add); return;
                case 4: ConvolutionMicro.Lanes<T, Count4, Count4>(length, dy, dyRow, x, offsets, c, cRow, add); return;
                case 5: ConvolutionMicro.Lanes<T, Count5, Count4>(length, dy, dyRow, x, offsets, c, cRow, add); return;
                default: ConvolutionMicro.Lanes<T, Count6, Count4>(length, dy, dyRow, x, offsets, c, cRow, add); return;
            }
        }

        if (taps == 3)
        {
            switch (rows)
            {
                case 1: ConvolutionMicro.Lanes<T, Count1, Count3>(length, dy, dyRow, x, offsets, c, cRow, add); return;
                case 2: ConvolutionMicro.Lanes<T, Count2, Count3>(length, dy, dyRow, x, offsets, c, cRow, add); return;
                case 3: ConvolutionMicro.Lanes<T, Count3, Count3>(length, dy, dyRow, x, offsets, c, cRow, add); return;
                case 4: ConvolutionMicro.Lanes<T, Count4, Count3>(length, dy, dyRow, x, offsets, c, cRow, add); return;
                case 5: ConvolutionMicro.Lanes<T, Count5, Count3>(length, dy, dyRow, x, offsets, c, cRow, add); return;
                default: ConvolutionMicro.Lanes<T, Count6, Count3>(length, dy, dyRow, x, offsets, c, cRow, add); return;
            }
        }

        if (taps == 2)
        {
            switch (rows)
            {
                case 1: ConvolutionMicro.Lanes<T, Count1, Count2>(length, dy, dyRow, x, offsets, c, cRow, add); return;
                case 2: ConvolutionMicro.Lanes<T, Count2, Count2>(length, dy, dyRow, x, offsets, c, cRow, add); return;
                case 3: ConvolutionMicro.Lanes<T, Count3, Count2>(length, dy, dyRow, x, offsets, c, cRow, add); return;
                case 4: ConvolutionMicro.Lanes<T, Count4, Count2>(length, dy, dyRow, x, offsets, c, cRow, add); return;
                case 5: ConvolutionMicro.Lanes<T, Count5, Count2>(length, dy, dyRow, x, offsets, c, cRow, add); return;
                default: ConvolutionMicro.Lanes<T, Count6, Count2>(length, dy, dyRow, x, offsets, c, cRow, add); return;
            }
        }

        switch (rows)
        {
            case 1: ConvolutionMicro.Lanes<T, Count1, Count1>(length, dy, dyRow, x, offsets, c, cRow, add); return;
            case 2: ConvolutionMicro.Lanes<T, Count2, Count1>(length, dy, dyRow, x, offsets, c, cRow, add); return;
            case 3: ConvolutionMicro.Lanes<T, Count3, Count1>(length, dy, dyRow, x, offsets, c, cRow, add); return;
            case 4: ConvolutionMicro.Lanes<T, Count4, Count1>(length, dy, dyRow, x, offsets, c, cRow, add); return;
            case 5: ConvolutionMicro.Lanes<T, Count5, Count1>(length, dy, dyRow, x, offsets, c, cRow, add); return;
            default: ConvolutionMicro.Lanes<T, Count6, Count1>(length, dy, dyRow, x, offsets, c, cRow, add); return;
        }
    }

    private static nint Align(nint bytes) => (bytes + Simd.Alignment - 1) & -Simd.Alignment;

    /// <summary>Adds packs of sums, <paramref name="count"/> elements apart, and then their lanes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void AddLanes(T* partial, int chunks, nint count, int taps, T* target)
    {
        for (int t = 0; t < taps; t++, partial += Width)
        {
            Vector512<T> sum = Simd.Load(partial);
            for (int chunk = 1; chunk < chunks; chunk++) sum += Simd.Load(partial + (chunk * count));
            target[t] = T.CreateTruncating(Simd.SumLanes(sum));
        }
    }

    /// <summary>Adds the sums of the chunks, and then their lanes. A chunk of this job is some filters.</summary>
    private struct CombineLanesJob : IJob
    {
        public WeightJob<T> Weights;
        public T* Target;
        public int PerChunk;

        public readonly void Invoke(int chunk)
        {
            ConvolutionShape shape = Weights._shape;
            int end = Math.Min(shape.Filters, (chunk + 1) * PerChunk), taps = shape.Taps;
            for (int filter = chunk * PerChunk; filter < end; filter++)
            {
                (int group, int o) = Math.DivRem(filter, shape.GroupFilters);
                AddLanes(Weights._partials + (group * Weights.GroupCount) + ((nint)o * taps * Width), Weights._chunks,
                    Weights._partialCount, taps, Target + ((nint)filter * taps));
            }
        }
    }

    /// <summary>
    /// Adds the sums of the chunks, whose lanes are filters, and puts them in the order of the weights. A chunk of this
    /// job is some taps of a panel.
    /// </summary>
    private struct CombineFiltersJob : IJob
    {
        /// <summary>Taps of a chunk: 64 of two packs lie in a first-level cache until they are transposed.</summary>
        private const int Taps = 64;

        public WeightJob<T> Weights;
        public T* Target;

        private readonly int Blocks => Convolution.DivideUp(Weights._shape.Taps, Taps);

        public readonly int Chunks => Weights._shape.Groups * Weights.Panels * Blocks;

        public readonly void Invoke(int chunk)
        {
            ConvolutionShape shape = Weights._shape;
            (int place, int block) = Math.DivRem(chunk, Blocks);
            (int group, int panel) = Math.DivRem(place, Weights.Panels);
            int tap = block * Taps, taps = Math.Min(Taps, shape.Taps - tap), row = 2 * Width, first = panel * row,
                filters = Math.Min(row, shape.GroupFilters - first);
            T* sums = (T*)GemmPacking.Scratch((nint)Taps * row * sizeof(T));
            Add(Weights._partials + (group * Weights.GroupCount) + ((((nint)panel * shape.Taps) + tap) * row),
                Weights._chunks, Weights._partialCount, (filters > Width ? row : Width), taps, sums);
            PlaneTranspose.Run(sums, row, taps, filters,
                Target + ((((nint)group * shape.GroupFilters) + first) * shape.Taps) + tap, shape.Taps, bias: null);
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private static void Add(T* partial, int chunks, nint count, int lanes, int taps, T* sums)
        {
            for (; taps > 0; taps--, partial += 2 * Width, sums += 2 * Width)
            {
                for (int lane = 0; lane < lanes; lane += Width)
                {
                    Vector512<T> sum = Simd.Load(partial + lane);
                    for (int chunk = 1; chunk < chunks; chunk++) sum += Simd.Load(partial + lane + (chunk * count));
                    Simd.Store(sums + lane, sum);
                }
            }
        }
    }
}
