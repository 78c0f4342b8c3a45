using System.Diagnostics;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Evenkeel.Kernels;

/// <summary>The three products of a convolution: forward, gradient of the input, gradient of the weights.</summary>
/// <remarks>
/// <para>Forward: a band of slices and rows of an image is copied with its zeros (<see cref="Stage"/>). A tile of
/// results (filters by packs of neighbouring results) is a set of sums in registers. Each term is a weight times the
/// pack under its tap. No column matrix is made. The gradient of the input is the same map with channels and filters
/// exchanged and the taps in reverse order. There is one such map per phase of the stride.</para>
/// <para>Every element is one FMA chain over its taps in the order (slice, channel, row, column), without the taps of
/// slices that are zeros beside the source. The chain is cut into even chunks of at most <see cref="TapChunk"/>, which
/// are added in order. Images are cut into chunks that depend on the shape only. The sums over images and places are
/// added in the order of the chunks. So the bits depend on the shape only. Dense windows of 3x3 and 4x4 in Float32 have
/// other sums: <see cref="Winograd"/>.</para>
/// </remarks>
internal static unsafe class Convolution
{
    /// <summary>Longest chunk of taps: the values that a tile reads stay in a first-level cache.</summary>
    public const int TapChunk = 512;

    /// <summary>The smallest number of multiplications and additions per chunk of work.</summary>
    private const double ChunkWork = 500e3;

    /// <summary>Elements of scratch memory that <see cref="Forward"/> needs.</summary>
    public static int ForwardScratch<T>(in ConvolutionShape shape) where T : unmanaged, IFloatingPointIeee754<T>
    {
        if (DenseWindow.Applies(shape)) return 0;
        int thinned = Thins<T>(shape) ? Thinning.Count(shape) : 0;
        int ordered = SlicesJob<T>.Applies(shape) ? Align(shape.Filters * shape.Taps) : 0;
        return thinned + OffsetCount(shape.Taps) + ordered
            + PanelCount<T>(PlaneMap.Forward(shape), shape.Groups, shape.GroupFilters);
    }

    /// <summary>Elements of scratch memory that <see cref="InputGradient"/> needs.</summary>
    public static int InputScratch<T>(in ConvolutionShape shape) where T : unmanaged, IFloatingPointIeee754<T>
    {
        if (DenseWindow.Applies(shape)) return Align(shape.Taps);
        if (SpreadPlanes<T>.Applies(shape)) return 0;
        bool isTransposed = IsTransposed<T>(shape);
        if (!isTransposed && Scatters<T>(shape)) return ScatterJob<T>.ScratchCount(shape);
        int taps = shape.GroupFilters * shape.Window, panels = 0;
        foreach (Phases phases in isTransposed ? new PhaseList(OfSlices(shape)) : new PhaseList(shape))
        {
            PlaneMap map = isTransposed
                ? PlaneMap.Transposed(shape, phases) : PlaneMap.Backward(shape, phases);
            panels = Math.Max(panels, PanelCount<T>(map, shape.Groups, shape.GroupChannels));
        }

        return OffsetCount(taps) + Align(shape.Filters * shape.Taps) + panels;
    }

    /// <summary>y = x ⋆ weight + bias, or max(y, 0).</summary>
    public static void Forward<T>(
        in ConvolutionShape shape, T* x, T* weight, T* bias, T* y, T* scratch, bool fuseReLU = false)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        if (shape.Images == 0) return;
        Debug.Assert(shape.IsSound);
        Debug.Assert(Contracts.IsAligned(scratch));
        Debug.Assert(Contracts.AreApart(x, (long)shape.Images * shape.Channels * shape.Volume,
            y, (long)shape.Images * shape.Filters * shape.OutVolume), "y overlaps x");
        if (DenseWindow.Applies(shape))
        {
            DenseWindow.Forward(shape, x, weight, bias, y, fuseReLU);
            return;
        }

        if (Thins<T>(shape))
        {
            Thinning.Run(shape, x, scratch);
            Forward(Thinning.Thinned(shape), scratch, weight, bias, y, scratch + Thinning.Count(shape), fuseReLU);
            return;
        }

        var job = new PlaneJob<T>
        {
            Map = PlaneMap.Forward(shape),
            Images = shape.Images,
            Groups = shape.Groups,
            Results = shape.GroupFilters,
            Source = x,
            SourceEnd = x + ((nint)shape.Images * shape.Channels * shape.Volume),
            Weight = weight,
            Bias = bias,
            Result = y,
            ResultVolume = shape.OutVolume,
            ResultPlane = shape.OutPlane,
            ResultWidth = shape.OutWidth,
            SliceStep = 1,
            RowStep = 1,
            ColumnStep = 1,
            Offsets = (nint*)scratch,
            FuseReLU = fuseReLU,
        };
        T* panels = scratch + OffsetCount(shape.Taps);
        if (SlicesJob<T>.Applies(shape))
        {
            job.Weight = panels;
            panels += Align(shape.Filters * shape.Taps);
            Workers.Run(shape.Filters, new SlicesJob<T> { Sizes = shape, Weight = weight, Target = job.Weight });
        }

        Run(ref job, panels);
    }

    /// <summary>
    /// dx from dy and the weights. A transposed convolution is the same map as its forward pass: then dx + bias, or
    /// max(dx + bias, 0), is its result.
    /// </summary>
    public static void InputGradient<T>(
        in ConvolutionShape shape, T* dy, T* weight, T* bias, T* dx, T* scratch, bool fuseReLU = false)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        if (shape.Images == 0) return;
        Debug.Assert(shape.IsSound);
        Debug.Assert(Contracts.IsAligned(scratch));
        Debug.Assert(Contracts.AreApart(dx, (long)shape.Images * shape.Channels * shape.Volume,
            dy, (long)shape.Images * shape.Filters * shape.OutVolume), "dx overlaps dy");
        if (DenseWindow.Applies(shape))
        {
            DenseWindow.InputGradient(shape, dy, weight, bias, dx, scratch, fuseReLU);
            return;
        }

        if (SpreadPlanes<T>.Applies(shape))
        {
            SpreadPlanes<T>.Run(shape, dy, weight, bias, dx, fuseReLU);
            return;
        }

        bool isTransposed = IsTransposed<T>(shape);
        if (!isTransposed && Scatters<T>(shape))
        {
            ScatterJob<T>.Run(shape, dy, weight, bias, dx, scratch, fuseReLU);
            return;
        }

        // A stride may skip pixels that no window covers.
        if (!(Phase.ReachAll(shape.KernelDepth, shape.StrideDepth, shape.DilationDepth)
            && Phase.ReachAll(shape.KernelHeight, shape.StrideHeight, shape.DilationHeight)
            && Phase.ReachAll(shape.KernelWidth, shape.StrideWidth, shape.DilationWidth)))
        {
            Workers.Run(shape.Images * shape.Channels,
                new FillJob<T> { Sizes = shape, Bias = bias, Target = dx, FuseReLU = fuseReLU });
        }

        T* turned = scratch + OffsetCount(shape.GroupFilters * shape.Window),
            panels = turned + Align(shape.Filters * shape.Taps);
        var offsets = (nint*)scratch;
        if (isTransposed)
        {
            foreach (Phases phases in new PhaseList(OfSlices(shape)))
            {
                PlaneJob<T> job = GradientJob(shape, phases, dy, turned, bias, dx, fuseReLU);
                job.Map = PlaneMap.Transposed(shape, phases);
                job.RowStep = job.ColumnStep = 1;
                Turn(shape, phases, weight, turned);
                Run(ref job, panels);
            }

            return;
        }

        bool areTwins = TwinJob<T>.Applies(shape);
        PlaneJob<T> twin = default;
        foreach (Phases phases in new PhaseList(shape))
        {
            bool isSecond = areTwins && twin.Source != null;
            PlaneJob<T> job = GradientJob(
                shape, phases, dy, isSecond ? turned + twin.Map.Taps * shape.Channels : turned, bias, dx, fuseReLU);
            job.Offsets = isSecond ? offsets + twin.Map.Taps : offsets;
            Turn(shape, phases, weight, job.Weight);
            if (!areTwins) Run(ref job, panels);
            else if (!isSecond) twin = job;
            else
            {
                if (phases.Columns.First == 1) TwinJob<T>.Run(twin, job);
                else TwinJob<T>.Run(job, twin);
                twin = default;
            }
        }
    }

    /// <summary>The weights of a phase in the order in which its map reads them.</summary>
    private static void Turn<T>(in ConvolutionShape shape, in Phases phases, T* weight, T* turned) where T : unmanaged
    {
        var job = new TurnJob<T> { Sizes = shape, Phases = phases, Weight = weight, Turned = turned };
        Workers.Run(job.Chunks, job);
    }

    /// <summary>The gradient of the input in the pixels of one phase.</summary>
    private static PlaneJob<T> GradientJob<T>(
        in ConvolutionShape shape, in Phases phases, T* dy, T* turned, T* bias, T* dx, bool fuseReLU)
        where T : unmanaged, IFloatingPointIeee754<T> => new()
        {
            Map = PlaneMap.Backward(shape, phases),
            Images = shape.Images,
            Groups = shape.Groups,
            Results = shape.GroupChannels,
            Source = dy,
            SourceEnd = dy + ((nint)shape.Images * shape.Filters * shape.OutVolume),
            Weight = turned,
            Bias = bias,
            Result = dx + ((nint)phases.Slices.First * shape.Plane) + ((nint)phases.Rows.First * shape.Width)
                + phases.Columns.First,
            ResultVolume = shape.Volume,
            ResultPlane = shape.Plane,
            ResultWidth = shape.Width,
            SliceStep = shape.StrideDepth,
            RowStep = shape.StrideHeight,
            ColumnStep = shape.StrideWidth,
            FuseReLU = fuseReLU,
        };

    /// <summary>max(y, 0) in place.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Clip<T>(T* y, int count) where T : unmanaged, IFloatingPointIeee754<T>
    {
        int width = Vector512<T>.Count;
        if (count < width)
        {
            Simd.StorePartial(y, ReLUEpilogue.Apply(Simd.LoadPartial(y, count)), count);
            return;
        }

        for (int j = 0; j <= count - width; j += width) Simd.Store(y + j, ReLUEpilogue.Apply(Simd.Load(y + j)));
        // The overlap of the last pack is clipped twice, which changes nothing.
        Simd.Store(y + count - width, ReLUEpilogue.Apply(Simd.Load(y + count - width)));
    }

    /// <summary>Elements of memory that a table of offsets takes, for any element size.</summary>
    public static int OffsetCount(int taps) => Align(2 * taps);

    /// <summary>Number of panels of two packs for the results of a group.</summary>
    public static int Panels<T>(int results) => DivideUp(results, 2 * Vector512<T>.Count);

    /// <summary>Units of work per chunk.</summary>
    public static int UnitsPerChunk(double work) => (int)Math.Clamp(ChunkWork / Math.Max(1, work), 1, 64);

    public static int DivideUp(int x, int by) => (x + by - 1) / by;

    public static int Cut(int size, int index, int parts) => (int)((long)size * index / parts);

    /// <summary>
    /// Multiplications of packs per image with lanes along results. Those between rows are wasted, unless rows are
    /// whole packs. A single row of weights waits for the loads.
    /// </summary>
    private static double ResultCost<T>(in PlaneMap map, int images, int results, bool areSideBySide)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        if (areSideBySide && PlaneJob<T>.HasWholePacks(map))
        {
            return (double)map.Slices * map.Rows * (results == 1 ? 2 : results) * (map.Columns / Vector512<T>.Count)
                * (map.Taps + 2);
        }

        var bands = Bands.Create(map, images);
        int width = Vector512<T>.Count, pitch = Stage.Create(map, bands, width, overrun: 0).Pitch;
        return (double)map.Slices * DivideUp(map.Rows, bands.Rows) * (results == 1 ? 2 : results) * DivideUp(
            ((bands.Rows - 1) * pitch) + map.Columns, width) * (map.Taps + 2);
    }

    /// <summary>
    /// Multiplications of packs per image with lanes along filters. Those beyond the last filter are wasted, and the
    /// results must be transposed.
    /// </summary>
    private static double FilterCost<T>(in PlaneMap map, int results) =>
        (double)DivideUp(results, Vector512<T>.Count) * map.Slices * map.Rows * map.Columns * (map.Taps + 6);

    /// <summary>Whether <see cref="PointJob{T}"/> computes a map whose results lie side by side.</summary>
    private static bool IsPoint<T>(in PlaneMap map, int images, int results)
        where T : unmanaged, IFloatingPointIeee754<T> =>
        PointJob<T>.Applies(map, images) && PointJob<T>.Cost(map, results) < FilterCost<T>(map, results);

    /// <summary>Whether the values that windows read are copied together before the forward pass.</summary>
    private static bool Thins<T>(in ConvolutionShape shape) where T : unmanaged, IFloatingPointIeee754<T> =>
        Thinning.Applies(shape) && !IsPoint<T>(PlaneMap.Forward(shape), shape.Images, shape.GroupFilters);

    /// <summary>Whether <see cref="ScatterJob{T}"/> computes the gradient of the input.</summary>
    private static bool Scatters<T>(in ConvolutionShape shape) where T : unmanaged, IFloatingPointIeee754<T>
    {
        if (SpreadPlanes<T>.HasForm(shape)) return false;
        bool isOnePhase = shape is { StrideHeight: 1, StrideWidth: 1 };
        double scatter = ScatterJob<T>.Cost(shape), gather = 0;
        foreach (Phases phases in new PhaseList(shape))
        {
            PlaneMap map = PlaneMap.Backward(shape, phases);
            if (isOnePhase && Winograd.Applies<T>(map, shape.GroupChannels)) return false;
            double one = ResultCost<T>(map, shape.Images, shape.GroupChannels, isOnePhase);
            if (isOnePhase) one = Math.Min(one, FilterCost<T>(map, shape.GroupChannels));
            gather += shape.Groups * one;
            if (gather > scatter) break;
        }

        return scatter < gather;
    }

    /// <summary>
    /// Whether <see cref="Winograd"/> computes the gradient of the input at all phases of rows and columns together.
    /// </summary>
    private static bool IsTransposed<T>(in ConvolutionShape shape)
    {
        if (shape is not { StrideHeight: 2, StrideWidth: 2, Top: 1, Left: 1 }) return false;
        foreach (Phases phases in new PhaseList(OfSlices(shape)))
        {
            if (!Winograd.Applies<T>(PlaneMap.Transposed(shape, phases), shape.GroupChannels)) return false;
        }

        return true;
    }

    /// <summary>The shape whose phases are those of the slices alone, with all taps of rows and columns.</summary>
    private static ConvolutionShape OfSlices(in ConvolutionShape shape) =>
        shape with { StrideHeight = 1, StrideWidth = 1 };

    private static int Align(int count) => (count + 15) / 16 * 16;

    /// <summary>Elements of the weights in the order in which a map reads them.</summary>
    private static int PanelCount<T>(in PlaneMap map, int groups, int results) => Winograd.Applies<T>(map, results)
        ? Winograd.WeightCount(map, groups, results)
        : groups * Panels<T>(results) * map.Taps * 2 * Vector512<T>.Count;

    private static void Run<T>(ref PlaneJob<T> job, T* panels) where T : unmanaged, IFloatingPointIeee754<T>
    {
        int width = Vector512<T>.Count;
        PlaneMap map = job.Map;
        if (job is { SliceStep: 1, RowStep: 1, ColumnStep: 1 })
        {
            if (SinglePlanes<T>.Applies(map, job.Results))
            {
                SinglePlanes<T>.Run(job);
                return;
            }

            if (IsPoint<T>(map, job.Images, job.Results))
            {
                PointJob<T>.Run(job);
                return;
            }
        }

        if (job is { RowStep: 1, ColumnStep: 1 } && Winograd.Applies<T>(map, job.Results))
        {
            Winograd.Run(job, (float*)panels);
            return;
        }

        job.Bands = Bands.Create(map, job.Images);
        job.Stage = Stage.Create(map, job.Bands, width, overrun: PlaneJob<T>.MaxPacks * width);
        job.Stage.Offsets(job.Offsets, sizeof(T), slicesFirst: true);
        job.AlongFilters = job is { RowStep: 1, ColumnStep: 1 }
            && FilterCost<T>(map, job.Results) < ResultCost<T>(map, job.Images, job.Results, areSideBySide: true);
        job.Together = job.AlongFilters && !Gemm.IsWide ? job.ImagesPerBlock() : 1;
        job.Cut();
        if (job.AlongFilters)
        {
            Workers.Run(job.Groups * Panels<T>(job.Results),
                new PanelJob<T> { Weight = job.Weight, Target = panels, Results = job.Results, Taps = map.Taps });
            job.Weight = panels;
        }

        Workers.Run(DivideUp(job.Units, job.PerChunk), job);
    }

    /// <summary>All volumes get the value of the pixels that no window covers.</summary>
    private struct FillJob<T> : IJob where T : unmanaged, IFloatingPointIeee754<T>
    {
        public ConvolutionShape Sizes;
        public T* Bias, Target;
        public bool FuseReLU;

        public readonly void Invoke(int chunk)
        {
            Vector512<T> value = Simd.Broadcast(Bias == null ? T.Zero : Bias[chunk % Sizes.Channels]);
            if (FuseReLU) value = ReLUEpilogue.Apply(value);
            new Span<T>(Target + ((nint)chunk * Sizes.Volume), Sizes.Volume).Fill(value[0]);
        }
    }

    /// <summary>
    /// The weights of a window of several slices, reordered from (filter, channel, slice, row, column) to (filter,
    /// slice, channel, row, column). A chunk is a filter.
    /// </summary>
    private struct SlicesJob<T> : IJob where T : unmanaged
    {
        public ConvolutionShape Sizes;
        public T* Weight, Target;

        /// <summary>Whether the orders differ.</summary>
        public static bool Applies(in ConvolutionShape shape) => shape is { KernelDepth: > 1, GroupChannels: > 1 };

        public readonly void Invoke(int chunk)
        {
            int slice = Sizes.KernelHeight * Sizes.KernelWidth;
            T* from = Weight + ((nint)chunk * Sizes.Taps), to = Target + ((nint)chunk * Sizes.Taps);
            for (int t = 0; t < Sizes.KernelDepth; t++)
            {
                T* at = from + (t * slice);
                for (int c = 0; c < Sizes.GroupChannels; c++, at += Sizes.Window, to += slice)
                {
                    for (int i = 0; i < slice; i++) to[i] = at[i];
                }
            }
        }
    }

    /// <summary>
    /// The weights as panels of two packs of filters: [group][panel][tap][lane]. The last panel may have one pack: its
    /// taps lie a pack apart, so that they take half of the cache. With 16 registers a panel has its packs one after
    /// the other, as a tile reads one: [group][panel][pack][tap][lane].
    /// </summary>
    private struct PanelJob<T> : IJob where T : unmanaged
    {
        private const int PanelTaps = 128;

        public T* Weight, Target;
        public int Results, Taps;

        public readonly void Invoke(int chunk)
        {
            int width = Vector512<T>.Count, panels = Panels<T>(Results), group = chunk / panels,
                filter = chunk % panels * 2 * width;
            T* from = Weight + ((((nint)group * Results) + filter) * Taps),
                to = Target + ((nint)chunk * Taps * 2 * width);
            // Each line of the panel is written in several steps, so a stretch of it stays in a first-level cache.
            bool areSideBySide = Gemm.IsWide && Results - filter > width;
            nint row = areSideBySide ? 2 * width : width, second = areSideBySide ? width : (nint)width * Taps;
            for (int t = 0; t < Taps; t += PanelTaps, from += PanelTaps, to += PanelTaps * row)
            {
                int taps = Math.Min(PanelTaps, Taps - t);
                GemmPacking.TransposedPack(from, Taps, Math.Min(width, Results - filter), to, row, taps);
                if (Results - filter > width)
                {
                    GemmPacking.TransposedPack(from + ((nint)width * Taps), Taps,
                        Math.Min(width, Results - filter - width), to + second, row, taps);
                }
            }
        }
    }
}
