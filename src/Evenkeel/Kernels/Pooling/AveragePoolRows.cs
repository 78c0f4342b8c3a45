using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Evenkeel.Kernels;

/// <summary>
/// The means of windows of floats and their gradients, by packs of neighbouring results. The rows of a window are added
/// first, then the columns of their sum.
/// </summary>
internal static unsafe class AveragePoolRows
{
    /// <summary>
    /// Values and rows of sums that are made before the first one is read, so that no read waits for a store.
    /// </summary>
    private const int BandValues = 2048, MostBandRows = 64;

    /// <summary>y from x. False if the windows are too large for it.</summary>
    /// <param name="x">The volumes.</param>
    /// <param name="y">The results.</param>
    /// <param name="shape">The sizes and the windows.</param>
    /// <param name="divisor">What the sums are divided by.</param>
    [SkipLocalsInit]
    public static bool TryForward(float* x, float* y, in PoolShape shape, AverageDivisor divisor)
    {
        if (!PoolPlan.Fits(shape)) return false;
        int* numbers = stackalloc int[PoolPlan.Numbers];
        PoolTap* memory = stackalloc PoolTap[PoolTaps.Most + 1];
        var taps = (PoolTap*)Simd.Align((double*)memory);
        if (!PoolPlan.TryCreate(shape, isBackward: false, valueSize: 0, numbers, taps, out PoolPlan plan)) return false;
        // Which windows are added this way depends on them alone, and not on the number of volumes.
        if (AveragePoolLanes.TryForward(x, y, shape, divisor)) return true;
        float* memoryOfSizes = stackalloc float[WindowSizes.Most];
        WindowSizes sizes = WindowSizes.Create(shape, divisor, memoryOfSizes);
        if (AveragePoolNarrow.TryForward(x, y, shape, sizes)) return true;
        Workers.Run(shape.Chunks, new ForwardJob
        {
            X = x,
            End = x + ((long)shape.Count * shape.InputSize),
            Y = y,
            Sizes = sizes,
            Plan = plan,
            IsFar = (long)shape.Count * shape.InputSize * sizeof(float) > CacheSizes.LastLevel,
            Streams = IsStreamed(y, (long)shape.Count * shape.OutputSize, shape.Columns.Output),
        });
        return true;
    }

    /// <summary>dx from dy. False if the windows are too large for it.</summary>
    /// <param name="dy">The gradients of the results.</param>
    /// <param name="dx">The gradients of the volumes.</param>
    /// <param name="shape">The sizes and the windows.</param>
    /// <param name="divisor">As in the forward pass.</param>
    [SkipLocalsInit]
    public static bool TryBackward(float* dy, float* dx, in PoolShape shape, AverageDivisor divisor)
    {
        if (!PoolPlan.Fits(shape)) return false;
        int* numbers = stackalloc int[PoolPlan.Numbers];
        PoolTap* memory = stackalloc PoolTap[PoolTaps.Most + 1];
        var taps = (PoolTap*)Simd.Align((double*)memory);
        if (!PoolPlan.TryCreate(shape, isBackward: true, sizeof(float), numbers, taps, out PoolPlan plan))
            return false;
        float* memoryOfSizes = stackalloc float[WindowSizes.Most];
        WindowSizes sizes = WindowSizes.Create(shape, divisor, memoryOfSizes);
        if (AveragePoolSpread.TryBackward(dy, dx, shape, sizes, plan.Rows, plan.ColumnLists)) return true;
        Workers.Run(shape.Chunks, new BackwardJob
        {
            Dy = dy,
            End = dy + ((long)shape.Count * shape.OutputSize),
            Dx = dx,
            Streams = IsStreamed(dx, (long)shape.Count * shape.InputSize, shape.Columns.Input),
            Sizes = sizes,
            Plan = plan,
        });
        return true;
    }

    /// <summary>Whether values fit no cache, and their rows are whole packs.</summary>
    private static bool IsStreamed(float* values, long count, int row) =>
        count * sizeof(float) > CacheSizes.LastLevel && row % PoolTap.Lanes == 0 && Contracts.IsAligned(values);

    /// <summary>Values of a row of sums: whole packs.</summary>
    private static int RowLength(int width) => (width + PoolTap.Lanes - 1) & -PoolTap.Lanes;

    private static int BandRows(int length) => Math.Clamp(BandValues / length, 1, MostBandRows);

    private struct ForwardJob : IJob
    {
        /// <summary>
        /// How far ahead values are requested that come from memory: two pages. The hardware stops at each.
        /// </summary>
        private const int Ahead = 2048;

        public float* X, End, Y;

        /// <summary>Whether the values come from memory.</summary>
        public bool IsFar;

        /// <summary>Whether results are stored past the caches.</summary>
        public bool Streams;

        public WindowSizes Sizes;
        public PoolPlan Plan;

        [SkipLocalsInit]
        public readonly void Invoke(int chunk)
        {
            PoolShape shape = Plan.Volumes;
            int width = shape.Columns.Input, columns = shape.Columns.Output, length = RowLength(width);
            int band = BandRows(length), waiting = 0, end = Math.Min(shape.Count, shape.PerChunk * (chunk + 1));
            float* memory = stackalloc float[(band * length) + PoolTap.Lanes], factors = stackalloc float[band];
            float* sums = (float*)Simd.Align((double*)memory);
            float* y = Y + ((nint)chunk * shape.PerChunk * shape.OutputSize);
            float* limit = Y + ((nint)end * shape.OutputSize);
            Mean mean = new(Sizes.Columns, factors);
            for (int volume = chunk * shape.PerChunk; volume < end; volume++)
            {
                float* x = X + ((nint)volume * shape.InputSize);
                for (int slice = 0; slice < shape.Slices.Output; slice++)
                {
                    for (int row = 0; row < shape.Rows.Output;)
                    {
                        int here = Math.Min(band - waiting, shape.Rows.Output - row);
                        AddRows(x, slice, row, here, sums + (waiting * length), length, factors + waiting);
                        (row, waiting) = (row + here, waiting + here);
                        if (waiting < band) continue;
                        TapSums.Run(Plan.Columns, sums, length, waiting, y, limit, Streams, mean);
                        y += waiting * columns;
                        waiting = 0;
                    }
                }
            }

            TapSums.Run(Plan.Columns, sums, length, waiting, y, limit, Streams, mean);
            if (Streams) Simd.StreamFence();
        }

        /// <summary>The sums of the rows of some windows, and what the rows count.</summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private readonly void AddRows(float* x, int slice, int row, int count, float* sums, int length, float* factors)
        {
            int width = Plan.Volumes.Columns.Input, slices = Plan.Slices.Length(slice);
            int last = Math.Max(0, width - PoolTap.Lanes);
            nint plane = (nint)Plan.Volumes.Rows.Input * width, sliceStep = plane * Plan.Volumes.Slices.Dilation,
                rowStep = (nint)width * Plan.Volumes.Rows.Dilation;
            if (slices > 0) x += Plan.Slices.At(slice, 0) * plane;
            for (int end = row + count; row < end; row++, sums += length)
            {
                int rows = slices == 0 ? 0 : Plan.Rows.Length(row);
                float* first = rows == 0 ? x : x + ((nint)Plan.Rows.At(row, 0) * width);
                // Windows of padding alone have no rows, so their sums are zeros, which any number divides.
                *factors++ = rows == 0 ? 1 : Sizes.Of(slice, row);
                bool isPartial = width < PoolTap.Lanes
                    && first + ((slices - 1) * sliceStep) + ((rows - 1) * rowStep) + PoolTap.Lanes > End;
                for (int i = 0; ; i += PoolTap.Lanes)
                {
                    int at = Math.Min(i, last);
                    Vector512<float> sum = default;
                    if (IsFar)
                    {
                        Simd.Prefetch(first + at + Ahead);
                        Simd.Prefetch(first + at + width + Ahead);
                    }

                    for (int d = 0; d < slices; d++)
                    {
                        float* from = first + (d * sliceStep) + at;
                        for (int h = 0; h < rows; h++, from += rowStep)
                            sum += isPartial ? Simd.LoadPartial(from, width) : Vector512.Load(from);
                    }

                    sum.Store(sums + at);
                    if (i >= last) break;
                }
            }
        }
    }

    /// <summary>A mean is the sum over the size of the window.</summary>
    private readonly struct Mean(float* columns, float* factors) : ITapResult
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<float> Of(Vector512<float> sums, int row, int lane) =>
            sums / (Vector512.Load(columns + lane) * Vector512.Create(factors[row]));
    }

    private struct BackwardJob : IJob
    {
        /// <summary>Whether gradients are stored past the caches.</summary>
        public bool Streams;

        public float* Dy, End, Dx;
        public WindowSizes Sizes;
        public PoolPlan Plan;

        [SkipLocalsInit]
        public readonly void Invoke(int chunk)
        {
            PoolShape shape = Plan.Volumes;
            int columns = shape.Columns.Input, length = Plan.RowLength;
            int band = BandRows(length), waiting = 0, end = Math.Min(shape.Count, shape.PerChunk * (chunk + 1));
            float* memory = stackalloc float[(band * length) + PoolTap.Lanes];
            float* sums = (float*)Simd.Align((double*)memory);
            float* shares = (float*)GemmPacking.Scratch(PoolPlan.MostScratch);
            float* dx = Dx + ((nint)chunk * shape.PerChunk * shape.InputSize);
            float* limit = Dx + ((nint)end * shape.InputSize);
            for (int volume = chunk * shape.PerChunk; volume < end; volume++)
            {
                float* dy = Dy + ((nint)volume * shape.OutputSize);
                for (int slice = 0; slice < shape.Slices.Input; slice++)
                {
                    for (int row = 0; row < shape.Rows.Input;)
                    {
                        int here = RowsThatFit(slice, row, Math.Min(band - waiting, shape.Rows.Input - row));
                        Share(dy, slice, row, here, shares);
                        AddRows(shares, slice, row, here, sums + (waiting * length));
                        (row, waiting) = (row + here, waiting + here);
                        if (waiting < band) continue;
                        TapSums.Run(Plan.Columns, sums, length, waiting, dx, limit, Streams, default(Sum));
                        dx += waiting * columns;
                        waiting = 0;
                    }
                }
            }

            TapSums.Run(Plan.Columns, sums, length, waiting, dx, limit, Streams, default(Sum));
            if (Streams) Simd.StreamFence();
        }

        /// <summary>The rows of windows that cover some rows of inputs, in each slice.</summary>
        private readonly int Span(int row, int count) => Math.Max(0, Plan.To[row + count - 1] - Plan.From[row] + 1);

        /// <summary>So many rows, up to a number, that the shares of the windows over them fit the memory.</summary>
        private readonly int RowsThatFit(int slice, int row, int most)
        {
            long size = (long)Plan.Slices.Length(slice) * Plan.RowLength * sizeof(float);
            while (most > 1 && size * Span(row, most) > PoolPlan.MostScratch) most = (most + 1) / 2;
            return most;
        }

        /// <summary>The shares of the inputs of the windows that cover some rows.</summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private readonly void Share(float* dy, int slice, int row, int count, float* shares)
        {
            int width = Plan.Volumes.Columns.Output, last = Math.Max(0, width - PoolTap.Lanes), length = Plan.RowLength;
            int first = Plan.From[row], span = Span(row, count);
            for (int d = 0; d < Plan.Slices.Length(slice) && span > 0; d++)
            {
                int from = Plan.Slices.At(slice, d);
                float* source = dy + ((((nint)from * Plan.Volumes.Rows.Output) + first) * width);
                for (int h = first; h < first + span; h++, source += width, shares += length)
                {
                    var factor = Vector512.Create(Sizes.Of(from, h));
                    for (int i = 0; ; i += PoolTap.Lanes)
                    {
                        int at = Math.Min(i, last);
                        Vector512<float> values = source + at + PoolTap.Lanes <= End
                            ? Vector512.Load(source + at) : Simd.LoadPartial(source + at, width);
                        (values / (Vector512.Load(Sizes.Columns + at) * factor)).Store(shares + at);
                        if (i >= last) break;
                    }
                }
            }
        }

        /// <summary>The sums of the rows of shares of the windows that cover some rows.</summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private readonly void AddRows(float* shares, int slice, int row, int count, float* sums)
        {
            int slices = Plan.Slices.Length(slice), length = Plan.RowLength, first = Plan.From[row];
            nint sliceStep = (nint)Span(row, count) * length;
            for (int end = row + count; row < end; row++, sums += length)
            {
                int rows = Plan.Rows.Length(row);
                int* rowsRead = Plan.Rows.Begin(row);
                for (int at = 0; at < length; at += PoolTap.Lanes)
                {
                    Vector512<float> sum = default;
                    for (int d = 0; d < slices; d++)
                    {
                        float* from = shares + (d * sliceStep) + at;
                        for (int h = 0; h < rows; h++)
                            sum += Vector512.Load(from + ((nint)(rowsRead[h] - first) * length));
                    }

                    sum.Store(sums + at);
                }
            }
        }
    }

    /// <summary>A gradient is the sum of the shares.</summary>
    private readonly struct Sum : ITapResult
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<float> Of(Vector512<float> sums, int row, int lane) => sums;
    }
}
