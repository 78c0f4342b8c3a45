using System.Numerics;

namespace Evenkeel.Kernels;

/// <summary>The three products of a convolution: forward, gradient of the input, gradient of the weights.</summary>
/// <remarks>
/// <para>Forward: a band of rows of an image is copied with its zeros (<see cref="Stage"/>), then a tile of results, filters by packs of neighbouring results, is a sum in registers: a weight times the pack under
/// its tap. No column matrix is ever made. The gradient of the input is the same map with the roles of channels and filters exchanged and the taps in reverse order, one map for each phase of the stride.</para>
/// <para>Every element is one FMA chain over its taps in the order (channel, row, column), cut into even chunks of at most <see cref="TapChunk"/>, which are added in order. Images are cut into chunks that
/// depend on the shape only, and the sums over images and places are added in the order of the chunks. So the bits depend on the shape only.</para>
/// </remarks>
internal static unsafe class Convolution
{
    /// <summary>Longest chunk of taps: what a tile reads stays in a first-level cache.</summary>
    public const int TapChunk = 512;

    /// <summary>Elements of a staged band, at most (a row of results at least): it stays in a second-level cache.</summary>
    private const int BandElements = 1 << 17;

    /// <summary>Multiplications and additions of a chunk of work, at least.</summary>
    private const double ChunkWork = 500e3;

    /// <summary>Elements of scratch memory that <see cref="Forward"/> needs.</summary>
    public static int ForwardScratch(in ConvolutionShape shape) => OffsetCount(shape.Taps);

    /// <summary>Elements of scratch memory that <see cref="InputGradient"/> needs.</summary>
    public static int InputScratch(in ConvolutionShape shape) => OffsetCount(shape.GroupFilters * shape.Window) + (shape.Filters * shape.Taps);

    /// <summary>y = x ⋆ weight + bias.</summary>
    public static void Forward<T>(in ConvolutionShape shape, T* x, T* weight, T* bias, T* y, T* scratch) where T : unmanaged, IFloatingPointIeee754<T>
    {
        if (shape.Images == 0) return;
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
        };
        Run(ref job);
    }

    /// <summary>dx, made of dy and the weights.</summary>
    public static void InputGradient<T>(in ConvolutionShape shape, T* dy, T* weight, T* dx, T* scratch) where T : unmanaged, IFloatingPointIeee754<T>
    {
        if (shape.Images == 0) return;

        // A stride may step over pixels: no window sees them.
        if (shape.StrideHeight > 1 || shape.StrideWidth > 1) new Span<T>(dx, shape.Images * shape.Channels * shape.Plane).Clear();
        T* turned = scratch + OffsetCount(shape.GroupFilters * shape.Window);
        for (int rowPhase = 0; rowPhase < shape.StrideHeight; rowPhase++)
        {
            var rows = Phase.Create(rowPhase, shape.Height, shape.KernelHeight, shape.StrideHeight, shape.DilationHeight, shape.Top);
            if (rows.Count == 0) continue;
            for (int columnPhase = 0; columnPhase < shape.StrideWidth; columnPhase++)
            {
                var columns = Phase.Create(columnPhase, shape.Width, shape.KernelWidth, shape.StrideWidth, shape.DilationWidth, shape.Left);
                if (columns.Count == 0 || rows.Taps == 0 || columns.Taps == 0) continue;
                Workers.Run(shape.Channels, new TurnJob<T> { Shape = shape, Rows = rows, Columns = columns, Weight = weight, Turned = turned });
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
                Run(ref job);
            }
        }
    }

    /// <summary>Elements that a table of offsets takes, whatever their size.</summary>
    public static int OffsetCount(int taps) => ((2 * taps) + 15) / 16 * 16;

    /// <summary>Rows of results that are computed from one staged band.</summary>
    public static int BandRows(in PlaneMap map)
    {
        double row = (double)map.Channels * map.ColumnsUnder;
        int rows = map.Rows;
        while (rows > 1 && map.RowsUnder(rows) * row > BandElements) rows = DivideUp(rows, 2);
        return rows;
    }

    /// <summary>Units of work in a chunk.</summary>
    public static int UnitsPerChunk(double work) => (int)Math.Clamp(ChunkWork / Math.Max(1, work), 1, 64);

    public static int DivideUp(int x, int by) => (x + by - 1) / by;

    public static int Cut(int size, int index, int parts) => (int)((long)size * index / parts);

    private static void Run<T>(ref PlaneJob<T> job) where T : unmanaged, IFloatingPointIeee754<T>
    {
        int width = System.Runtime.Intrinsics.Vector512<T>.Count;
        PlaneMap map = job.Map;
        job.BandRows = BandRows(map);
        job.Bands = DivideUp(map.Rows, job.BandRows);
        job.Stage = Stage.Create(map, job.BandRows, width, overrun: PlaneJob<T>.MaxPacks * width);
        job.Stage.Offsets(job.Offsets, sizeof(T));
        job.Units = job.Images * job.Bands;
        job.PerChunk = UnitsPerChunk((double)job.BandRows * map.Columns * map.Taps * job.Results * job.Groups);
        Workers.Run(DivideUp(job.Units, job.PerChunk), job);
    }

    /// <summary>The weights of a phase, from (filter, channel, tap) to (channel, filter, tap from the last to the first).</summary>
    private struct TurnJob<T> : IJob where T : unmanaged
    {
        public ConvolutionShape Shape;
        public Phase Rows, Columns;
        public T* Weight, Turned;

        public readonly void Invoke(int chunk)
        {
            int group = chunk / Shape.GroupChannels, channel = chunk % Shape.GroupChannels, window = Rows.Taps * Columns.Taps;
            T* to = Turned + ((nint)chunk * Shape.GroupFilters * window);
            T* from = Weight + ((nint)group * Shape.GroupFilters * Shape.Taps) + ((nint)channel * Shape.Window);
            for (int filter = 0; filter < Shape.GroupFilters; filter++, from += Shape.Taps)
            {
                for (int u = Rows.LastTap, i = 0; i < Rows.Taps; i++, u -= Rows.TapStep)
                {
                    for (int v = Columns.LastTap, j = 0; j < Columns.Taps; j++, v -= Columns.TapStep) *to++ = from[(u * Shape.KernelWidth) + v];
                }
            }
        }
    }
}
