using System.Diagnostics;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Evenkeel.Kernels;

/// <summary>
/// Computes maps with dense windows by Winograd's minimal filtering: a tile of results takes fewer products than its
/// windows have weights.
/// </summary>
/// <remarks>
/// <para>With d the values under a tile and g the weights, the tile is Aᵀ·(Σ (G·g·Gᵀ) ⊙ (Bᵀ·d·B))·A, where the
/// <see cref="IWinogradScheme"/> has the matrices. The sum goes over channels and slices of the window, so each point
/// is a matrix product: tiles by channels times channels by filters. See docs/derivations/convolution.md.</para>
/// <para>Only Float32 is computed this way, and the choice depends on the sizes of an image alone.</para>
/// <para>The source is A. Lavin and S. Gray, "Fast algorithms for convolutional neural networks", CVPR 2016.</para>
/// </remarks>
internal static unsafe class Winograd
{
    /// <summary>Whether a map, or a transposed one, has a scheme that pays.</summary>
    public static bool Applies<T>(in PlaneMap map, int results)
    {
        if (typeof(T) != typeof(float) || map.DilationHeight != 1 || map.DilationWidth != 1
            || map.StrideHeight != map.StrideWidth || map.KernelHeight != map.KernelWidth)
        {
            return false;
        }

        return (map.IsTransposed, map.KernelHeight, map.StrideHeight) switch
        {
            (false, 3, 1) => Winograd<ThreeByOne>.Applies(map, results),
            (false, 3, 2) => Winograd<ThreeByTwo>.Applies(map, results),
            (true, 3, 1) => Winograd<ThreeTransposed>.Applies(map, results),
            (true, 4, 1) => Winograd<FourTransposed>.Applies(map, results),
            _ => false,
        };
    }

    /// <summary>Elements of the transformed weights.</summary>
    public static int WeightCount(in PlaneMap map, int groups, int results) =>
        (map.IsTransposed, map.KernelHeight, map.StrideHeight) switch
        {
            (false, _, 1) => Winograd<ThreeByOne>.WeightCount(map, groups, results),
            (false, _, _) => Winograd<ThreeByTwo>.WeightCount(map, groups, results),
            (true, 3, _) => Winograd<ThreeTransposed>.WeightCount(map, groups, results),
            (true, _, _) => Winograd<FourTransposed>.WeightCount(map, groups, results),
        };

    /// <summary>Computes a job whose map has a scheme; its weights are transformed into scratch memory.</summary>
    public static void Run<T>(in PlaneJob<T> of, float* weights) where T : unmanaged, IFloatingPointIeee754<T>
    {
        Debug.Assert(Applies<T>(of.Map, of.Results));
        switch (of.Map.IsTransposed, of.Map.KernelHeight, of.Map.StrideHeight)
        {
            case (false, _, 1): Winograd<ThreeByOne>.Run(of, weights); break;
            case (false, _, _): Winograd<ThreeByTwo>.Run(of, weights); break;
            case (true, 3, _): Winograd<ThreeTransposed>.Run(of, weights); break;
            case (true, _, _): Winograd<FourTransposed>.Run(of, weights); break;
        }
    }
}

/// <summary>One map by one scheme.</summary>
/// <remarks>
/// <para>A unit is some rows of tiles of all images, and some filters. It transforms its values (lanes are channels),
/// multiplies point by point (lanes are filters), and transforms the results back.</para>
/// <para>Each element of a product is one FMA chain over even chunks of at most <see cref="Convolution.TapChunk"/>
/// terms, which are added in order. Nothing depends on the units, so the bits of an image depend on its shape only.
/// </para>
/// </remarks>
[StructLayout(LayoutKind.Auto)]
internal unsafe partial struct Winograd<TScheme> : IJob where TScheme : IWinogradScheme
{
    /// <summary>Channels or filters of a pack.</summary>
    private const int Lanes = 16;

    /// <summary>
    /// Transformed values and sums of a unit that stay in a second-level cache, and the limits of its tiles: few would
    /// read the weights too often.
    /// </summary>
    private const int UnitElements = 1 << 17, LeastTiles = 96, MostTiles = 192;

    /// <summary>The largest number of transformed values and sums of a row of tiles.</summary>
    private const int MostElements = 1 << 22;

    /// <summary>Tiles of an image below which the transformed weights cost more than they save.</summary>
    private const int LeastImageTiles = 4;

    /// <summary>Products that take the time of a transformation, and the share of time that is a gain.</summary>
    private const double Transformation = 5, Gain = 0.9;

    /// <summary>Units below which filters are cut into blocks, so that threads have work.</summary>
    private const int LeastUnits = 16;

    /// <summary>Results of a plane that lie in a first-level cache until they are transposed.</summary>
    private const int BlockResults = 256;

    /// <summary>Products of a tile, per channel and filter.</summary>
    private static int Points => TScheme.Points * TScheme.Points;

    private PlaneMap _map;
    private int _images, _groups, _results, _parts, _blocks;
    private nint _resultVolume, _slice;
    private bool _fuseReLU;
    private float* _source, _sourceEnd, _weight, _bias, _result;

    /// <summary>
    /// Whether the products that a map saves outweigh the transformations, and a row of tiles fits the memory of a
    /// unit. Filters are computed by packs.
    /// </summary>
    public static bool Applies(in PlaneMap map, int results)
    {
        int tiles = TilesOf(map.Rows) * TilesOf(map.Columns);
        double terms = (double)map.Channels * map.KernelDepth, packed = Convolution.DivideUp(results, Lanes) * Lanes,
            taps = (double)TScheme.Window * TScheme.Window / (map.IsTransposed ? 4 : 1),
            products = (double)Points * tiles * ((terms * packed) + (Transformation * (terms + packed)));
        return map.Channels >= Lanes && tiles >= LeastImageTiles
            && Points * TilesOf(map.Columns) * (terms + packed) <= MostElements
            && products < Gain * taps * map.Rows * map.Columns * terms * results;
    }

    /// <summary>Elements of the transformed weights.</summary>
    public static int WeightCount(in PlaneMap map, int groups, int results) =>
        checked(groups * Points * PointCount(map, results));

    /// <summary>Computes a job whose map has that form; its weights are transformed into scratch memory.</summary>
    public static void Run<T>(in PlaneJob<T> of, float* weights) where T : unmanaged, IFloatingPointIeee754<T>
    {
        PlaneMap map = of.Map;
        var turn = new WeightTransform
        {
            Map = map,
            Results = of.Results,
            Source = (float*)of.Weight,
            Target = weights,
        };
        Workers.Run(of.Groups * turn.Chunks, turn);
        var job = new Winograd<TScheme>
        {
            _map = map,
            _images = of.Images,
            _groups = of.Groups,
            _results = of.Results,
            _resultVolume = of.ResultVolume,
            _slice = (nint)of.SliceStep * of.ResultPlane,
            _fuseReLU = of.FuseReLU,
            _source = (float*)of.Source,
            _sourceEnd = (float*)of.SourceEnd,
            _weight = weights,
            _bias = (float*)of.Bias,
            _result = (float*)of.Result,
        };
        job.Cut();
        Workers.Run(job._parts * job._blocks, job);
    }

    private static int TilesOf(int results) => Convolution.DivideUp(results, TScheme.Results);

    private static int PointCount(in PlaneMap map, int results) =>
        checked((Convolution.Panels<float>(results) * 2 * Lanes * map.Channels * map.KernelDepth) + Lanes);

    private readonly int TileRows => TilesOf(_map.Rows);

    private readonly int TileColumns => TilesOf(_map.Columns);

    private readonly int Panels => Convolution.Panels<float>(_results);

    /// <summary>Rows of tiles in all images: [image][slice][row].</summary>
    private readonly int AllRows => _images * _map.Slices * TileRows;

    /// <summary>Terms of an element of a product: [slice of the window][channel].</summary>
    private readonly int Terms => _map.Channels * _map.KernelDepth;

    /// <summary>Cuts the rows of tiles and the filters into units.</summary>
    private void Cut()
    {
        int tiles = Math.Clamp(UnitElements / (Points * (Terms + _results)), LeastTiles, MostTiles);
        _parts = Convolution.DivideUp(AllRows, Math.Max(1, tiles / TileColumns));
        _blocks = Math.Clamp(LeastUnits / _parts, 1, Math.Max(1, Panels / 2));
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public readonly void Invoke(int chunk)
    {
        (int part, int block) = Math.DivRem(chunk, _blocks);
        int first = Convolution.Cut(AllRows, part, _parts), rows = Convolution.Cut(AllRows, part + 1, _parts) - first;
        int panel = Convolution.Cut(Panels, block, _blocks),
            panels = Convolution.Cut(Panels, block + 1, _blocks) - panel;
        int tiles = rows * TileColumns, together = Math.Min(rows, TileRows);
        nint valueRow = Terms + Lanes, sumRow = ((nint)panels * 2 * Lanes) + Lanes,
            valuePoint = (tiles * valueRow) + Lanes, sumPoint = (tiles * sumRow) + Lanes;
        nint count = (Points * (valuePoint + sumPoint)) + LineCount
            + Math.Max(StageCount(together), BlockCount(together));
        float* memory = (float*)GemmPacking.Scratch(count * sizeof(float));
        var values = new TileMatrices(memory, valueRow, valuePoint);
        var sums = new TileMatrices(values.At(Points), sumRow, sumPoint);
        for (int group = 0; group < _groups; group++)
        {
            TransformValues(first, rows, group, values, sums.At(Points));
            Multiply(group, panel, panels, tiles, values, sums);
            TransformSums(first, rows, group, panel, panels, sums, sums.At(Points));
        }
    }

    /// <summary>The products of all points of a unit.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private readonly void Multiply(
        int group, int panel, int panels, int tiles, in TileMatrices values, in TileMatrices sums)
    {
        bool wide = Gemm.IsWide;
        int most = wide ? GemmMicro.WideRows : GemmMicro.NarrowRows, step = wide ? 2 : 1;
        int parts = Convolution.DivideUp(tiles, most), small = tiles / parts, large = tiles - (small * parts);
        int terms = Terms, chunks = Convolution.DivideUp(terms, Convolution.TapChunk);
        int packs = Math.Min(2 * panels, Convolution.DivideUp(_results - (panel * 2 * Lanes), Lanes));
        nint weightRow = step * Lanes, second = wide ? Lanes : (nint)Lanes * terms,
            pointCount = PointCount(_map, _results);
        float* weight = _weight + (group * Points * pointCount) + ((nint)panel * 2 * Lanes * terms);
        for (int point = 0; point < Points; point++, weight += pointCount)
        {
            for (int chunk = 0; chunk < chunks; chunk++)
            {
                int from = Convolution.Cut(terms, chunk, chunks), to = Convolution.Cut(terms, chunk + 1, chunks);
                for (int pack = 0; pack < packs; pack += step)
                {
                    float* w = weight + ((nint)pack * Lanes * terms) + (from * weightRow);
                    float* a = values.At(point) + from, c = sums.At(point) + ((nint)pack * Lanes);
                    for (int i = 0; i < parts; i++)
                    {
                        int height = i < large ? small + 1 : small;
                        GemmMicro.Tile(wide, height, Math.Min(step, packs - pack), to - from, a, values.Row, 1, w,
                            weightRow, second, c, sums.Row, Lanes, null, chunk > 0);
                        a += height * values.Row;
                        c += height * sums.Row;
                    }
                }
            }
        }
    }

    /// <summary>A matrix per point of a tile, whose rows are tiles.</summary>
    /// <param name="first">The first row of the first point.</param>
    /// <param name="row">Distance of the tiles. Lines of powers of two would compete for the same places of a cache.
    /// </param>
    /// <param name="point">Distance of the points.</param>
    private readonly struct TileMatrices(float* first, nint row, nint point)
    {
        public readonly nint Row = row, Point = point;

        /// <summary>The matrix of a point.</summary>
        public float* At(nint number) => first + (number * Point);
    }

    /// <summary>Neighbouring rows of tiles in one slice of an image.</summary>
    /// <param name="Image">The image.</param>
    /// <param name="Slice">The slice of results.</param>
    /// <param name="Row">The first row of tiles.</param>
    /// <param name="Count">Number of rows.</param>
    private readonly record struct Stretch(int Image, int Slice, int Row, int Count);

    /// <summary>The rows from a number on, up to the end of their slice.</summary>
    private readonly Stretch At(int number, int end)
    {
        (int slice, int row) = Math.DivRem(number, TileRows);
        (int image, slice) = Math.DivRem(slice, _map.Slices);
        return new Stretch(image, slice, row, Math.Min(end - number, TileRows - row));
    }
}
