using System.Diagnostics;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Evenkeel.Kernels;

/// <summary>
/// Computes one <see cref="PlaneMap"/> whose window is one point without zeros, with lanes along results: a product of
/// matrices for each image and group.
/// </summary>
/// <remarks>
/// The values are read where they are, and the results go to their places at once. With a stride, a band of what the
/// window reads is copied together first. The last pack of results overlaps the one before. Each result is the same
/// chain as in <see cref="PlaneJob{T}"/>: the bits are the same.
/// </remarks>
[StructLayout(LayoutKind.Auto)]
internal unsafe struct PointJob<T> : IJob where T : unmanaged, IFloatingPointIeee754<T>
{
    /// <summary>Packs of values, over all channels, that stay in a first-level cache.</summary>
    private const int RunPacks = 512;

    /// <summary>Packs of results of a unit whose values are read where they are.</summary>
    private const int UnitPacks = 8;

    /// <summary>Units of work below which the results of a group are cut into blocks.</summary>
    private const int LeastUnits = 8;

    /// <summary>Channels that lie a multiple of this many bytes apart share few lines of a cache.</summary>
    private const int SharedLines = 1024;

    private PlaneJob<T> _of;
    private Bands _bands;
    private int _parts, _pitch;
    private bool _isInPlace;

    private static int Width => Vector512<T>.Count;

    /// <summary>Whether a map has that form; its results must lie side by side.</summary>
    public static bool Applies(in PlaneMap map, int images)
    {
        if (map is not { KernelDepth: 1, KernelHeight: 1, KernelWidth: 1, Front: 0, Top: 0, Left: 0 }
            || map.SlicesUnder(map.Slices) > map.Depth || map.RowsUnder(map.Rows) > map.Height
            || map.ColumnsUnder > map.Width)
        {
            return false;
        }

        var bands = Bands.Create(map, images);
        int least = (map.Slices / Convolution.DivideUp(map.Slices, bands.Slices))
            * (map.Rows / Convolution.DivideUp(map.Rows, bands.Rows)) * map.Columns;
        return least >= Width;
    }

    /// <summary>Multiplications of packs per image and group, with what the ends of chains take.</summary>
    public static double Cost(in PlaneMap map, int results) =>
        (double)Convolution.DivideUp(map.Slices * map.Rows * map.Columns, Width) * (results == 1 ? 2 : results)
        * (map.Taps + 2);

    /// <summary>Computes a job whose map has that form.</summary>
    public static void Run(in PlaneJob<T> of)
    {
        Debug.Assert(Applies(of.Map, of.Images) && of is { RowStep: 1, ColumnStep: 1, SliceStep: 1 });
        var job = new PointJob<T> { _of = of };
        job.Plan();
        Workers.Run(Convolution.DivideUp(job._of.Units, job._of.PerChunk), job);
    }

    /// <summary>Cuts the work into units, and finds the channels; it depends on the shape only.</summary>
    private void Plan()
    {
        PlaneMap map = _of.Map;
        int places = map.Slices * map.Rows * map.Columns, volume = map.Depth * map.Height * map.Width;
        _bands = Bands.Create(map, _of.Images);
        _isInPlace = places == volume && volume * sizeof(T) % SharedLines != 0;
        _parts = _isInPlace ? Math.Max(1, places / (UnitPacks * Width)) : _bands.Count(map);

        // Strided copies write up to a pack of zeros behind a channel.
        _pitch = (_bands.Slices * _bands.Rows * map.Columns / Width * Width) + (3 * Width);
        int units = _of.Images * _parts, channel = _isInPlace ? volume : _pitch;
        _of.Blocks = Math.Clamp(Convolution.DivideUp(LeastUnits, units), 1, Convolution.Panels<T>(_of.Results));
        _of.Units = units * _of.Blocks;
        _of.PerChunk = Convolution.UnitsPerChunk(
            (double)places / _parts * map.Taps * _of.Results * _of.Groups / _of.Blocks);
        for (int c = 0; c < map.Channels; c++) _of.Offsets[c] = (nint)c * channel * sizeof(T);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public readonly void Invoke(int chunk)
    {
        PlaneMap map = _of.Map;
        T* stage = _isInPlace ? null : (T*)GemmPacking.Scratch((nint)map.Channels * _pitch * sizeof(T));
        int panel = 2 * Width, panels = Convolution.Panels<T>(_of.Results), plane = map.Rows * map.Columns,
            end = Math.Min(_of.Units, (chunk + 1) * _of.PerChunk);
        for (int unit = chunk * _of.PerChunk; unit < end; unit++)
        {
            (int place, int block) = Math.DivRem(unit, _of.Blocks);
            (int image, int part) = Math.DivRem(place, _parts);
            int first = Convolution.Cut(panels, block, _of.Blocks) * panel,
                count = Math.Min(_of.Results, Convolution.Cut(panels, block + 1, _of.Blocks) * panel) - first;
            for (int group = 0; group < _of.Groups; group++)
            {
                nint volume = ((nint)image * _of.Groups) + group;
                T* x = _of.Source + (volume * map.SourceVolume);
                int from = part * UnitPacks * Width,
                    places = (part == _parts - 1 ? map.Slices * plane : from + (UnitPacks * Width)) - from;
                if (_isInPlace) x += from;
                else
                {
                    Band band = _bands.At(map, part);
                    Copy(x, stage, band);
                    x = stage;
                    from = (band.Slice0 * plane) + (band.Row0 * map.Columns);
                    places = band.Slices * band.Rows * map.Columns;
                }

                Sum(x, ((nint)group * _of.Results) + first,
                    _of.Result + (((volume * _of.Results) + first) * _of.ResultVolume) + from, places, count);
            }
        }
    }

    /// <summary>Copies the values under a band of results, channel by channel.</summary>
    private readonly void Copy(T* source, T* stage, in Band band)
    {
        PlaneMap map = _of.Map;
        nint plane = (nint)map.Height * map.Width;
        source += ((nint)band.Slice0 * map.StrideDepth * plane) + ((nint)band.Row0 * map.StrideHeight * map.Width);
        for (int c = 0; c < map.Channels; c++, source += map.Depth * plane, stage += _pitch)
        {
            for (int slice = 0; slice < band.Slices; slice++)
            {
                Strided.Thin(source + (slice * map.StrideDepth * plane), map.StrideHeight * map.Width, _of.SourceEnd,
                    map.StrideWidth, stage + ((nint)slice * band.Rows * map.Columns), map.Columns, band.Rows);
            }
        }
    }

    /// <summary>
    /// Some results at neighbouring places: loops over runs of packs, chunks of taps, tiles of results.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private readonly void Sum(T* x, nint filter, T* to, int places, int results)
    {
        int taps = _of.Map.Taps, chunks = Convolution.DivideUp(taps, Convolution.TapChunk);
        (int tilePacks, int tileRows) = PlaneJob<T>.TileOf(results);
        int tiles = Convolution.DivideUp(results, tileRows), run = Math.Max(tilePacks, RunPacks * chunks / taps);
        T* weight = _of.Weight + (filter * taps);
        T* zeros = stackalloc T[PlaneJob<T>.ShortRows];
        new Span<T>(zeros, PlaneJob<T>.ShortRows).Clear();
        for (int place = 0; place < places;)
        {
            int packs = Math.Min(run, (places - place) / Width),
                here = packs >= tilePacks ? tilePacks : packs >= 2 ? 2 : 1, side = Math.Max(1, packs / here);

            // The last pack overlaps the one before, which has been computed with all chunks.
            int at = packs == 0 ? places - Width : place;
            for (int chunk = 0; chunk < chunks; chunk++)
            {
                int t0 = Convolution.Cut(taps, chunk, chunks), count = Convolution.Cut(taps, chunk + 1, chunks) - t0;
                for (int tile = 0; tile < tiles; tile++)
                {
                    int i = Convolution.Cut(results, tile, tiles), high = Convolution.Cut(results, tile + 1, tiles) - i;
                    T* shift = chunk < chunks - 1 ? null : _of.Bias == null ? zeros : _of.Bias + filter + i;
                    PlaneJob<T>.Tiles(here, high, side, count, _of.Offsets + t0, weight + ((nint)i * taps) + t0, taps,
                        x + at, here * Width, to + ((nint)i * _of.ResultVolume) + at, _of.ResultVolume, here * Width,
                        chunk > 0, shift, _of.Limit);
                }
            }

            place = at + (here * side * Width);
        }
    }
}
