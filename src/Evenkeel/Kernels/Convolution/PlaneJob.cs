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
internal unsafe partial struct PlaneJob<T> : IJob where T : unmanaged, IFloatingPointIeee754<T>
{
    /// <summary>Packs of the longest tile.</summary>
    public const int MaxPacks = 4;

    /// <summary>Units of work below which the results of a band are cut into blocks.</summary>
    private const int LeastUnits = 8;

    /// <summary>The smallest number of products that a staged value is a factor of, in each block.</summary>
    private const int LeastUses = 32;

    /// <summary>Rows of a tile of two packs, and of a tile of four packs: both take 16 of 32 registers.</summary>
    public const int ShortRows = 8, LongRows = 4;

    /// <summary>Rows of the tile of one pack if there are 16 registers and a pack takes two.</summary>
    private const int NarrowRows = 6;

    /// <summary>
    /// Bytes that the taps of a part may read if there are 16 registers: they stay in a first-level cache while the
    /// tiles of a block read them.
    /// </summary>
    private const int PartBytes = 27 << 10;

    /// <summary>Up to this number of taps, several tiles run side by side.</summary>
    private const int RunTaps = 256;

    /// <summary>Results of a tile with lanes along filters: 28 of 32 registers.</summary>
    private const int FilterRows = 14;

    /// <summary>The largest number of staged elements of several images together.</summary>
    private const int StageElements = 1 << 18;

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

    /// <summary>
    /// Images of a unit. Small images that are one block each share the reading of the weights, if the tiles are those
    /// for 16 registers.
    /// </summary>
    public int Together;

    public int ResultVolume, ResultPlane, ResultWidth, SliceStep, RowStep, ColumnStep;

    /// <summary>
    /// True if lanes are filters, false if they are neighbouring results. If true, the weights are panels of two packs,
    /// or of one at the end: [group][panel][tap][lane].
    /// </summary>
    public bool AlongFilters;

    /// <summary>Whether max(y, 0) is stored.</summary>
    public bool FuseReLU;

    /// <summary>The operands; the weights are in the order (result, slice, channel, row, column).</summary>
    public T* Source, SourceEnd, Weight, Bias, Result;

    public nint* Offsets;

    private static int Width => Vector512<T>.Count;

    /// <summary>Results up to it are stored as 0: no value is less than or equal to NaN.</summary>
    public readonly T Limit => FuseReLU ? T.Zero : T.NaN;

    /// <summary>Elements of the sums of a result in a band, with room for the packs that run over its end.</summary>
    public readonly nint SumsRow => ((nint)Bands.Rows * Stage.Pitch) + ((MaxPacks + 1) * Width);

    /// <summary>Multiplications and additions per unit.</summary>
    public readonly double UnitWork =>
        (double)Together * Bands.Slices * Bands.Rows * Map.Columns * Map.Taps * Results * Groups / Blocks;

    /// <summary>Cuts the work into units, with lanes along results; it depends on the shape only.</summary>
    public void Plan(in Bands bands)
    {
        Bands = bands;
        Stage = Stage.Create(Map, bands, Width, overrun: MaxPacks * Width, readsInPlace: true);
        Stage.Offsets(Offsets, sizeof(T), slicesFirst: true);
        AlongFilters = false;
        Together = 1;
        Cut();
    }

    /// <summary>Cuts the images and the results of a group into units.</summary>
    public void Cut()
    {
        int bands = Convolution.DivideUp(Images, Together) * Bands.Count(Map), window = Map.Taps / Map.Channels;
        Blocks = Math.Clamp(Math.Min(Results * window / LeastUses, Convolution.DivideUp(LeastUnits, bands)),
            1, Convolution.Panels<T>(Results));
        Units = bands * Blocks;
        PerChunk = Convolution.UnitsPerChunk(UnitWork);
    }

    /// <summary>Images whose results are one block, if each image is one band.</summary>
    public readonly int ImagesPerBlock() => Bands.Count(Map) > 1
        ? 1 : Math.Clamp(Math.Min(BlockResults / (Map.Rows * Map.Columns), (int)(StageElements / Stage.Count)), 1, 8);

    /// <summary>The largest number of rows whose sums with lanes along filters are computed before they are copied out.
    /// </summary>
    private readonly int BlockRows(int rows) => Math.Clamp(BlockResults / Map.Columns, 1, rows);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public readonly void Invoke(int chunk)
    {
        nint stageCount = (Stage.Count + Width - 1) & -Width;
        int panel = 2 * Width, panels = Convolution.Panels<T>(Results);
        nint blockResults = (nint)BlockRows(Bands.Rows) * Map.Columns * Together;
        nint sumsCount = AlongFilters
            ? blockResults * panel
            : SumsRow * Math.Min(Results, Convolution.DivideUp(panels, Blocks) * panel);
        nint bytes = ((stageCount * Together) + sumsCount) * sizeof(T);
        bool places = AlongFilters && !Gemm.IsWide;
        byte* scratch = GemmPacking.Scratch(bytes + (places ? blockResults * sizeof(nint) : 0));
        T* stage = (T*)scratch, sums = stage + (stageCount * Together);
        if (places) FindPlaces((nint*)(scratch + bytes), stageCount);
        int bands = Bands.Count(Map), parts = Convolution.DivideUp(Images, Together),
            end = Math.Min(Units, (chunk + 1) * PerChunk);
        for (int unit = chunk * PerChunk; unit < end; unit++)
        {
            (int place, int block) = Math.DivRem(unit, Blocks);
            (int part, int number) = Math.DivRem(place, bands);
            int image = Convolution.Cut(Images, part, parts), images = Convolution.Cut(Images, part + 1, parts) - image;
            Band band = Bands.At(Map, number);
            int first = Convolution.Cut(panels, block, Blocks) * panel,
                count = Math.Min(Results, Convolution.Cut(panels, block + 1, Blocks) * panel) - first;
            for (int group = 0; group < Groups; group++)
            {
                nint volume = ((nint)image * Groups) + group;
                for (int i = 0; i < images; i++)
                {
                    nint source = (volume + ((nint)i * Groups)) * Map.SourceVolume;
                    Stage.Copy(Source + source, SourceEnd, stage + (i * stageCount), band);
                }

                for (int slice = 0; slice < band.Slices; slice++)
                {
                    T* result = Result + (((volume * Results) + first) * ResultVolume)
                        + ((nint)(band.Slice0 + slice) * SliceStep * ResultPlane)
                        + ((nint)band.Row0 * RowStep * ResultWidth);
                    T* x = stage + (slice * Stage.SliceStep);
                    int at = band.Slice0 + slice;
                    if (places)
                    {
                        SumPlaces(
                            x, sums, (nint*)(scratch + bytes), result, images, band.Rows, group, first, count, at);
                        continue;
                    }

                    SumSlice(x, sums, result, band.Rows, group, first, count, at);
                }
            }
        }
    }

    /// <summary>Some results of a group, in a band's rows of one slice.</summary>
    private readonly void SumSlice(
        T* stage, T* sums, T* result, int rows, int group, int first, int count, int slice)
    {
        nint filter = ((nint)group * Results) + first;
        T* bias = Bias == null ? null : Bias + filter;
        if (AlongFilters)
        {
            SumFilters(stage, Panel(group, first), sums, result, rows, count, bias, slice);
            return;
        }

        if (IsInPlace)
        {
            SumInPlace(stage, filter, result, rows, count, slice);
            return;
        }

        Sum(stage, filter, sums, rows, count, slice);
        for (int i = 0; i < count; i++)
        {
            T shift = bias == null ? T.Zero : bias[i];
            T* target = result + ((nint)i * ResultVolume), from = sums + (i * SumsRow);
            if (RowStep == 1 && ColumnStep == 1) CopyOut(from, target, rows, shift);
            else Spread(from, target, rows, shift);
        }
    }

    /// <summary>Whether sums are stored at the places of their results.</summary>
    private readonly bool IsInPlace => RowStep == 1 && ColumnStep == 1 && HasWholePacks(Map);

    /// <summary>
    /// Whether the rows of results of a map are two whole packs or more, and their taps are one chunk, so that no sum
    /// is added to another.
    /// </summary>
    public static bool HasWholePacks(in PlaneMap map) =>
        map.Columns >= 2 * Width && map.Columns % Width == 0 && map.Taps <= Convolution.TapChunk;

    /// <summary>The taps of a slice of results: the first one, and their number.</summary>
    private readonly (int First, int Count) TapsOf(int slice)
    {
        (int first, int end) = Map.TapSlices(slice);
        return (first * Map.SliceTaps, (end - first) * Map.SliceTaps);
    }

    /// <summary>The panel that begins with a filter of a group.</summary>
    private readonly T* Panel(int group, int filter) => Weight
        + ((((nint)group * Convolution.Panels<T>(Results)) + (filter / (2 * Width))) * Map.Taps * 2 * Width);
}
