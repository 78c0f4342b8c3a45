using System.Diagnostics;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Evenkeel.Kernels;

/// <summary>The three products of a convolution: forward, gradient of the input, gradient of the weights.</summary>
/// <remarks>
/// <para>Forward: a band of rows of an image is copied with its zeros (<see cref="Stage"/>). A tile of results (filters
/// by packs of neighbouring results) is a set of sums in registers. Each term is a weight times the pack under its tap.
/// No column matrix is made. The gradient of the input is the same map with channels and filters exchanged and the taps
/// in reverse order. There is one such map per phase of the stride.</para>
/// <para>Every element is one FMA chain over its taps in the order (channel, row, column). The chain is cut into even
/// chunks of at most <see cref="TapChunk"/>, which are added in order. Images are cut into chunks that depend on the
/// shape only. The sums over images and places are added in the order of the chunks. So the bits depend on the shape
/// only.</para>
/// </remarks>
internal static unsafe class Convolution
{
    /// <summary>Longest chunk of taps: the values that a tile reads stay in a first-level cache.</summary>
    public const int TapChunk = 512;

    /// <summary>
    /// The largest number of elements of a staged band (but a band has at least one row of results). It stays in a
    /// second-level cache.
    /// </summary>
    private const int BandElements = 1 << 17;

    /// <summary>The smallest number of multiplications and additions per chunk of work.</summary>
    private const double ChunkWork = 500e3;

    /// <summary>Elements of scratch memory that <see cref="Forward"/> needs.</summary>
    public static int ForwardScratch<T>(in ConvolutionShape shape) =>
        OffsetCount(shape.Taps) + PanelCount<T>(shape.Groups, shape.GroupFilters, shape.Taps);

    /// <summary>Elements of scratch memory that <see cref="InputGradient"/> needs.</summary>
    public static int InputScratch<T>(in ConvolutionShape shape) where T : unmanaged, IFloatingPointIeee754<T>
    {
        if (Scatters<T>(shape)) return ScatterJob<T>.ScratchCount(shape);
        int taps = shape.GroupFilters * shape.Window;
        return OffsetCount(taps) + Align(shape.Filters * shape.Taps) + PanelCount<T>(
            shape.Groups, shape.GroupChannels, taps);
    }

    /// <summary>y = x ⋆ weight + bias, or max(y, 0).</summary>
    public static void Forward<T>(
        in ConvolutionShape shape, T* x, T* weight, T* bias, T* y, T* scratch, bool fuseReLU = false)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        if (shape.Images == 0) return;
        Debug.Assert(shape.IsSound);
        Debug.Assert(Contracts.IsAligned(scratch));
        Debug.Assert(Contracts.AreApart(x, (long)shape.Images * shape.Channels * shape.Plane,
            y, (long)shape.Images * shape.Filters * shape.OutPlane), "y overlaps x");
        var job = new PlaneJob<T>
        {
            Map = PlaneMap.Forward(shape),
            Images = shape.Images,
            Groups = shape.Groups,
            Results = shape.GroupFilters,
            Source = x,
            SourceEnd = x + ((nint)shape.Images * shape.Channels * shape.Plane),
            Weight = weight,
            Bias = bias,
            Result = y,
            ResultPlane = shape.OutPlane,
            ResultWidth = shape.OutWidth,
            RowStep = 1,
            ColumnStep = 1,
            Offsets = (nint*)scratch,
            FuseReLU = fuseReLU,
        };
        Run(ref job, scratch + OffsetCount(shape.Taps));
    }

    /// <summary>dx from dy and the weights.</summary>
    public static void InputGradient<T>(in ConvolutionShape shape, T* dy, T* weight, T* dx, T* scratch)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        if (shape.Images == 0) return;
        Debug.Assert(shape.IsSound);
        Debug.Assert(Contracts.IsAligned(scratch));
        Debug.Assert(Contracts.AreApart(dx, (long)shape.Images * shape.Channels * shape.Plane,
            dy, (long)shape.Images * shape.Filters * shape.OutPlane), "dx overlaps dy");
        if (Scatters<T>(shape))
        {
            ScatterJob<T>.Run(shape, dy, weight, dx, scratch);
            return;
        }

        // A stride may skip pixels that no window covers. Their gradient is zero.
        if (shape.StrideHeight > 1 || shape.StrideWidth > 1)
            new Span<T>(dx, shape.Images * shape.Channels * shape.Plane).Clear();
        T* turned = scratch + OffsetCount(shape.GroupFilters * shape.Window);
        for (int rowPhase = 0; rowPhase < shape.StrideHeight; rowPhase++)
        {
            var rows = Phase.Create(
                rowPhase, shape.Height, shape.KernelHeight, shape.StrideHeight, shape.DilationHeight, shape.Top);
            if (rows.Count == 0 || rows.Taps == 0) continue;
            for (int columnPhase = 0; columnPhase < shape.StrideWidth; columnPhase++)
            {
                var columns = Phase.Create(
                    columnPhase, shape.Width, shape.KernelWidth, shape.StrideWidth, shape.DilationWidth, shape.Left);
                if (columns.Count == 0 || columns.Taps == 0) continue;
                Workers.Run(shape.Channels,
                    new TurnJob<T> { Sizes = shape, Rows = rows, Columns = columns, Weight = weight, Turned = turned });
                var job = new PlaneJob<T>
                {
                    Map = PlaneMap.Backward(shape, rows, columns),
                    Images = shape.Images,
                    Groups = shape.Groups,
                    Results = shape.GroupChannels,
                    Source = dy,
                    SourceEnd = dy + ((nint)shape.Images * shape.Filters * shape.OutPlane),
                    Weight = turned,
                    Bias = null,
                    Result = dx + ((nint)rows.First * shape.Width) + columns.First,
                    ResultPlane = shape.Plane,
                    ResultWidth = shape.Width,
                    RowStep = shape.StrideHeight,
                    ColumnStep = shape.StrideWidth,
                    Offsets = (nint*)scratch,
                };
                Run(ref job, turned + Align(shape.Filters * shape.Taps));
            }
        }
    }

    /// <summary>Elements of memory that a table of offsets takes, for any element size.</summary>
    public static int OffsetCount(int taps) => Align(2 * taps);

    /// <summary>Number of panels of two packs for the results of a group.</summary>
    public static int Panels<T>(int results) => DivideUp(results, 2 * Vector512<T>.Count);

    /// <summary>Rows of results that are computed from one staged band.</summary>
    public static int BandRows(in PlaneMap map)
    {
        double row = (double)map.Channels * map.ColumnsUnder;
        int rows = map.Rows;
        while (rows > 1 && map.RowsUnder(rows) * row > BandElements) rows = DivideUp(rows, 2);
        return rows;
    }

    /// <summary>Units of work per chunk.</summary>
    public static int UnitsPerChunk(double work) => (int)Math.Clamp(ChunkWork / Math.Max(1, work), 1, 64);

    public static int DivideUp(int x, int by) => (x + by - 1) / by;

    public static int Cut(int size, int index, int parts) => (int)((long)size * index / parts);

    /// <summary>
    /// Multiplications of packs per image with lanes along results. Those between rows are wasted. A single row of
    /// weights waits for the loads.
    /// </summary>
    private static double ResultCost<T>(in PlaneMap map, int results)
    {
        int bandRows = BandRows(map), width = Vector512<T>.Count,
            pitch = Stage.Create(map, bandRows, width, overrun: 0).Pitch;
        return (double)DivideUp(map.Rows, bandRows) * (results == 1 ? 2 : results) * DivideUp(
            ((bandRows - 1) * pitch) + map.Columns, width) * (map.Taps + 2);
    }

    /// <summary>
    /// Multiplications of packs per image with lanes along filters. Those beyond the last filter are wasted, and the
    /// results must be transposed.
    /// </summary>
    private static double FilterCost<T>(in PlaneMap map, int results) =>
        (double)DivideUp(results, Vector512<T>.Count) * map.Rows * map.Columns * (map.Taps + 6);

    /// <summary>Whether <see cref="ScatterJob{T}"/> computes the gradient of the input.</summary>
    private static bool Scatters<T>(in ConvolutionShape shape) where T : unmanaged, IFloatingPointIeee754<T>
    {
        double scatter = ScatterJob<T>.Cost(shape), phases = 0;
        for (int rowPhase = 0; rowPhase < shape.StrideHeight && phases <= scatter; rowPhase++)
        {
            var rows = Phase.Create(
                rowPhase, shape.Height, shape.KernelHeight, shape.StrideHeight, shape.DilationHeight, shape.Top);
            if (rows.Count == 0 || rows.Taps == 0) continue;
            for (int columnPhase = 0; columnPhase < shape.StrideWidth; columnPhase++)
            {
                var columns = Phase.Create(
                    columnPhase, shape.Width, shape.KernelWidth, shape.StrideWidth, shape.DilationWidth, shape.Left);
                if (columns.Count == 0 || columns.Taps == 0) continue;
                PlaneMap map = PlaneMap.Backward(shape, rows, columns);
                double one = ResultCost<T>(map, shape.GroupChannels);
                if (shape is { StrideHeight: 1, StrideWidth: 1 })
                    one = Math.Min(one, FilterCost<T>(map, shape.GroupChannels));
                phases += shape.Groups * one;
            }
        }

        return scatter < phases;
    }

    private static int Align(int count) => (count + 15) / 16 * 16;

    private static int PanelCount<T>(int groups, int results, int taps) =>
        groups * Panels<T>(results) * taps * 2 * Vector512<T>.Count;

    private static void Run<T>(ref PlaneJob<T> job, T* panels) where T : unmanaged, IFloatingPointIeee754<T>
    {
        int width = Vector512<T>.Count;
        PlaneMap map = job.Map;
        job.BandRows = BandRows(map);
        job.Bands = DivideUp(map.Rows, job.BandRows);
        job.Stage = Stage.Create(map, job.BandRows, width, overrun: PlaneJob<T>.MaxPacks * width);
        job.Stage.Offsets(job.Offsets, sizeof(T));
        job.Units = job.Images * job.Bands;
        job.PerChunk = UnitsPerChunk((double)job.BandRows * map.Columns * map.Taps * job.Results * job.Groups);

        if (job is { RowStep: 1, ColumnStep: 1 } && FilterCost<T>(map, job.Results) < ResultCost<T>(map, job.Results))
        {
            job.AlongFilters = true;
            Workers.Run(job.Groups * Panels<T>(job.Results),
                new PanelJob<T> { Weight = job.Weight, Target = panels, Results = job.Results, Taps = map.Taps });
            job.Weight = panels;
        }

        Workers.Run(DivideUp(job.Units, job.PerChunk), job);
    }

    /// <summary>The weights as panels of two packs of filters: [group][panel][tap][lane].</summary>
    private struct PanelJob<T> : IJob where T : unmanaged
    {
        public T* Weight, Target;
        public int Results, Taps;

        public readonly void Invoke(int chunk)
        {
            int width = Vector512<T>.Count, panels = Panels<T>(Results), group = chunk / panels,
                filter = chunk % panels * 2 * width;
            T* from = Weight + ((((nint)group * Results) + filter) * Taps),
                to = Target + ((nint)chunk * Taps * 2 * width);
            GemmPacking.TransposedPack(from, Taps, Math.Min(width, Results - filter), to, Taps);
            if (Results - filter > width)
            {
                GemmPacking.TransposedPack(
                    from + ((nint)width * Taps), Taps, Math.Min(width, Results - filter - width), to + width, Taps);
            }
        }
    }

    /// <summary>
    /// The weights of a phase, reordered from (filter, channel, tap) to (channel, filter, tap from the last to the
    /// first).
    /// </summary>
    private struct TurnJob<T> : IJob where T : unmanaged
    {
        public ConvolutionShape Sizes;
        public Phase Rows, Columns;
        public T* Weight, Turned;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public readonly void Invoke(int chunk)
        {
            int group = chunk / Sizes.GroupChannels, channel = chunk % Sizes.GroupChannels,
                window = Rows.Taps * Columns.Taps;
            T* to = Turned + ((nint)chunk * Sizes.GroupFilters * window);
            T* from = Weight + ((nint)group * Sizes.GroupFilters * Sizes.Taps) + ((nint)channel * Sizes.Window);
            for (int filter = 0; filter < Sizes.GroupFilters; filter++, from += Sizes.Taps)
            {
                for (int u = Rows.LastTap, i = 0; i < Rows.Taps; i++, u -= Rows.TapStep)
                {
                    for (int v = Columns.LastTap, j = 0; j < Columns.Taps; j++, v -= Columns.TapStep)
                        *to++ = from[(u * Sizes.KernelWidth) + v];
                }
            }
        }
    }
}
