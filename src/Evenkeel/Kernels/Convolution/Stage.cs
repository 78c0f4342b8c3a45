using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Evenkeel.Kernels;

/// <summary>
/// The layout of a copy of source volumes, or of a band of their slices and rows. In it every tap reads at a fixed
/// offset, and neighbouring results read neighbouring values.
/// </summary>
/// <remarks>
/// <para>Rows lie one after the other, <see cref="Pitch"/> apart, with the zeros beside the source. Result (i, j) has
/// number q = i·pitch + j, and its tap reads at q + offset. So packs of results run over the ends of rows, and only the
/// few results between two rows are computed in vain.</para>
/// <para>With a stride of 1 the zeros right of a row are those left of the next one. With a larger stride the rows and
/// columns of a plane are split into stride x stride smaller planes (phases), in which the window moves by 1.</para>
/// <para>The slices of a channel lie one behind the other, those of zeros too. The results of a slice are computed by
/// themselves: they begin at the first slice under their window.</para>
/// </remarks>
internal readonly unsafe record struct Stage
{
    private PlaneMap Map { get; init; }

    /// <summary>Distance from a row of results to the next.</summary>
    public int Pitch { get; private init; }

    /// <summary>Whether the copy would be the source as it is.</summary>
    private bool IsSource { get; init; }

    private int PhasePlane { get; init; }

    private nint SliceStride { get; init; }

    private nint ChannelStride { get; init; }

    /// <summary>Distance from the first value under a slice of results to that under the next.</summary>
    public nint SliceStep => Map.StrideDepth * SliceStride;

    /// <summary>Elements of the copy, with room for a last pack that runs over its end.</summary>
    public nint Count { get; private init; }

    /// <param name="map">The map that reads the copy.</param>
    /// <param name="band">The results that are computed from one copy.</param>
    /// <param name="width">Elements per pack.</param>
    /// <param name="overrun">Elements behind the last result that may be read and are ignored.</param>
    /// <param name="readsInPlace">
    /// Whether no copy is needed if the window is one point: see <see cref="Read"/>. Then a pack that begins with the
    /// last result runs over into the next slice, and not into zeros.
    /// </param>
    public static Stage Create(in PlaneMap map, in Bands band, int width, int overrun, bool readsInPlace = false)
    {
        Debug.Assert(band.Slices >= 1 && band.Slices <= map.Slices);
        Debug.Assert(band.Rows >= 1 && band.Rows <= map.Rows && map.Columns >= 1);
        Debug.Assert(width >= 1 && overrun >= 0);
        int rowsUnder = map.RowsUnder(band.Rows), columnsUnder = map.ColumnsUnder;
        bool isUnit = map is { StrideHeight: 1, StrideWidth: 1 };
        int right = columnsUnder - map.Left - map.Width;
        int pitch = !isUnit ? DivideUp(columnsUnder, map.StrideWidth)
            : map.Left < 0 || right < 0 ? columnsUnder
            : Math.Max(map.Width + Math.Max(map.Left, right), map.Columns);
        int phasePlane = DivideUp(rowsUnder, map.StrideHeight) * pitch;

        // The zeros right of the last row, and a pack that begins with the last result, stay within the slice.
        nint slice = ((nint)phasePlane * map.StrideHeight * map.StrideWidth) + columnsUnder
            - Math.Min(columnsUnder, pitch) + width;
        readsInPlace &= isUnit && map is
        {
            KernelDepth: 1, KernelHeight: 1, KernelWidth: 1, StrideDepth: 1, Front: 0, Top: 0, Left: 0,
        } && (map.Slices, map.Rows, map.Columns) == (map.Depth, map.Height, map.Width)
            && (band.Slices, band.Rows) == (map.Slices, map.Rows);
        if (readsInPlace) slice = phasePlane;
        return new Stage
        {
            Map = map,
            IsSource = readsInPlace,
            Pitch = pitch,
            PhasePlane = phasePlane,
            SliceStride = slice,
            ChannelStride = slice * map.SlicesUnder(band.Slices),
            Count = (slice * map.SlicesUnder(band.Slices) * map.Channels) + overrun + width,
        };
    }

    /// <summary>
    /// Fills the table of the taps' offsets, in bytes, in the order (channel, slice, row, column) of the weights, or in
    /// the order (slice, channel, row, column).
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Offsets(nint* offsets, int elementSize, bool slicesFirst = false)
    {
        for (int slice = 0; slice < Map.Channels * Map.KernelDepth; slice++)
        {
            (int t, int c) = Math.DivRem(slice, Map.Channels);
            if (!slicesFirst) (c, t) = Math.DivRem(slice, Map.KernelDepth);
            nint first = (c * ChannelStride) + ((nint)t * Map.DilationDepth * SliceStride);
            for (int u = 0; u < Map.KernelHeight; u++)
            {
                (int row, int rowPhase) = Math.DivRem(u * Map.DilationHeight, Map.StrideHeight);
                for (int v = 0; v < Map.KernelWidth; v++)
                {
                    (int column, int columnPhase) = Math.DivRem(v * Map.DilationWidth, Map.StrideWidth);
                    *offsets++ = elementSize
                        * (first + ((nint)((rowPhase * Map.StrideWidth) + columnPhase) * PhasePlane)
                            + ((nint)row * Pitch) + column);
                }
            }
        }
    }

    /// <summary>
    /// The source of the results of a band: in place, if it is the copy and packs do not reach beyond the tensor; or
    /// copied.
    /// </summary>
    /// <param name="source">The first channel.</param>
    /// <param name="end">The end of the memory that may be read.</param>
    /// <param name="target">Memory for the copy.</param>
    /// <param name="band">The band of results.</param>
    public T* Read<T>(T* source, T* end, T* target, in Band band) where T : unmanaged
    {
        if (IsSource && end - source >= Count) return source;
        Copy(source, end, target, band);
        return target;
    }

    /// <summary>
    /// Copies the source of the results of a band.
    /// </summary>
    /// <param name="source">The first channel.</param>
    /// <param name="end">The end of the memory that may be read.</param>
    /// <param name="target">The copy.</param>
    /// <param name="band">The band of results.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Copy<T>(T* source, T* end, T* target, in Band band) where T : unmanaged
    {
        int top = Map.Top - (band.Row0 * Map.StrideHeight), rowsUnder = Map.RowsUnder(band.Rows);
        int front = Map.Front - (band.Slice0 * Map.StrideDepth), slicesUnder = Map.SlicesUnder(band.Slices);
        nint plane = (nint)Map.Height * Map.Width;
        Debug.Assert(band.Row0 >= 0 && band.Rows >= 1 && band.Row0 + band.Rows <= Map.Rows);
        Debug.Assert(band.Slice0 >= 0 && band.Slices >= 1 && band.Slice0 + band.Slices <= Map.Slices);
        Debug.Assert(DivideUp(rowsUnder, Map.StrideHeight) * Pitch <= PhasePlane, "more rows than the stage holds");
        Debug.Assert(slicesUnder * SliceStride <= ChannelStride, "more slices than the stage holds");
        Debug.Assert(source + (Map.Channels * Map.Depth * plane) <= end, "the source passes its end");
        bool isUnit = Map is { StrideHeight: 1, StrideWidth: 1 };
        for (int c = 0; c < Map.Channels; c++, source += Map.Depth * plane, target += ChannelStride)
        {
            for (int slice = 0; slice < slicesUnder; slice++)
            {
                T* from = source + ((slice - front) * plane), to = target + (slice * SliceStride);
                if (slice < front || slice >= front + Map.Depth) new Span<T>(to, (int)SliceStride).Clear();
                else if (isUnit) CopyRows(from, end, to, top, rowsUnder);
                else if (Map.StrideWidth == 2) CopyTurns(from, end, to, top, rowsUnder);
                else CopyPhases(from, end, to, top, rowsUnder);
            }
        }
    }

    /// <summary>
    /// Copies rows with their zeros, in rising order: a pack may run over into the row that is written next.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void CopyRows<T>(T* source, T* end, T* target, int top, int rows) where T : unmanaged
    {
        int width = Vector512<T>.Count, pitch = Pitch;
        int skip = Math.Max(0, -Map.Left), left = Math.Min(Math.Max(0, Map.Left), pitch),
            length = Math.Max(0, Math.Min(Map.Width - skip, pitch - left)), gap = pitch - left - length;
        int first = Math.Max(0, Math.Min(rows, top)), last = Math.Max(first, Math.Min(rows, top + Map.Height));
        T* to = target;
        T* stop = target + ((nint)first * pitch) + left;
        for (; to < stop; to += width) Simd.Store(to, Vector512<T>.Zero);
        to = stop;
        int room = gap + left;
        for (int row = first; row < last; row++)
        {
            T* from = source + ((nint)(row - top) * Map.Width) + skip;
            if (from + length + width > end)
            {
                for (int i = 0; i < length; i++) to[i] = from[i];
            }
            else
            {
                for (int i = 0; i < length; i += width) Simd.Store(to + i, Simd.Load(from + i));
            }

            to += length;
            for (int i = 0; i < room; i += width) Simd.Store(to + i, Vector512<T>.Zero);
            to += room;
        }

        stop = target + SliceStride;
        for (; to < stop; to += width) Simd.Store(to, Vector512<T>.Zero);
    }

    /// <summary>
    /// Copies the phases of the rows, in rising order: the zeros behind a row may run over into the next one.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void CopyPhases<T>(T* source, T* end, T* target, int top, int rows) where T : unmanaged
    {
        new Span<T>(target, (int)SliceStride).Clear();
        int columns = Math.Min(Map.ColumnsUnder, Map.Left + Map.Width);
        int first = Math.Max(0, top), last = Math.Min(rows, top + Map.Height);
        for (int phase = 0; phase < Map.StrideHeight * Map.StrideWidth; phase++, target += PhasePlane)
        {
            (int rowPhase, int columnPhase) = Math.DivRem(phase, Map.StrideWidth);
            int skip = Math.Max(0, DivideUp(Map.Left - columnPhase, Map.StrideWidth)),
                column = columnPhase + (skip * Map.StrideWidth),
                count = Math.Max(0, DivideUp(columns - column, Map.StrideWidth));
            int stagedRow = Math.Max(0, DivideUp(first - rowPhase, Map.StrideHeight));
            for (int row = rowPhase + (stagedRow * Map.StrideHeight); row < last; row += Map.StrideHeight, stagedRow++)
            {
                Strided.Gather(source + ((nint)(row - top) * Map.Width) + column - Map.Left, end,
                    Map.StrideWidth, target + ((nint)stagedRow * Pitch) + skip, count);
            }
        }
    }

    /// <summary>Copies rows whose values belong to two phases in turn.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void CopyTurns<T>(T* source, T* end, T* target, int top, int rows) where T : unmanaged
    {
        new Span<T>(target, (int)SliceStride).Clear();
        int skip = Math.Max(0, -Map.Left), left = Math.Max(0, Map.Left),
            count = Math.Max(0, Math.Min(Map.Width - skip, Map.ColumnsUnder - left));
        nint even = ((left % 2) * (nint)PhasePlane) + (left / 2),
            odd = ((nint)(left + 1) % 2 * PhasePlane) + ((left + 1) / 2);
        int last = Math.Min(rows, top + Map.Height);
        for (int rowPhase = 0; rowPhase < Map.StrideHeight; rowPhase++, target += 2 * (nint)PhasePlane)
        {
            int stagedRow = Math.Max(0, DivideUp(top - rowPhase, Map.StrideHeight)),
                row = rowPhase + (stagedRow * Map.StrideHeight);
            T* to = target + ((nint)stagedRow * Pitch);
            Strided.Deal(source + skip + ((nint)(row - top) * Map.Width), (nint)Map.StrideHeight * Map.Width, end,
                to + even, to + odd, Pitch, count, Math.Max(0, DivideUp(last - row, Map.StrideHeight)));
        }
    }

    private static int DivideUp(int x, int by) => (x + by - 1) / by;
}
