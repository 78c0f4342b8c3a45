using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Evenkeel.Kernels;

/// <summary>
/// The means of windows of floats and their gradients, by packs of neighbouring results. Each row is summed once along
/// its columns. The additions of a result are in the order of one by one, so the bits are the same.
/// </summary>
internal static unsafe class AveragePoolRows
{
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
        if (!PoolPlan.TryCreate(shape, isBackward: false, sizeof(double), numbers, taps, out PoolPlan plan))
            return false;
        double* numbers64 = stackalloc double[WindowSizes.Most];
        var sizes = WindowSizes.Create(shape, divisor, numbers64);
        float* end = x + ((long)shape.Count * shape.InputSize);
        Workers.Run(
            shape.Chunks, new ForwardJob { X = x, End = end, Y = y, Divisors = sizes, Plan = plan });
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
        double* numbers64 = stackalloc double[WindowSizes.Most];
        var sizes = WindowSizes.Create(shape, divisor, numbers64);
        float* end = dy + ((long)shape.Count * shape.OutputSize);
        Workers.Run(shape.Chunks, new BackwardJob { Dy = dy, End = end, Dx = dx, Divisors = sizes, Plan = plan });
        return true;
    }

    private struct ForwardJob : IJob
    {
        public float* X, End, Y;
        public WindowSizes Divisors;
        public PoolPlan Plan;

        [SkipLocalsInit]
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public readonly void Invoke(int chunk)
        {
            PoolShape shape = Plan.Volumes;
            int slicesRead = Plan.Slices.Longest, ring = Plan.Ring, length = Plan.RowLength,
                height = shape.Rows.Input, width = shape.Columns.Input,
                end = Math.Min(shape.Count, shape.PerChunk * (chunk + 1));
            double* memory = stackalloc double[(Plan.ScratchRows * length) + PoolTap.Lanes];
            double* scratch = Simd.Align(memory);
            int* next = stackalloc int[slicesRead + 1];
            double** rows = stackalloc double*[Plan.MostReads + 1];
            float* stage = stackalloc float[PoolTap.Lanes];
            float* endY = Y + ((long)end * shape.OutputSize);
            for (int volume = chunk * shape.PerChunk; volume < end; volume++)
            {
                float* x = X + ((long)volume * shape.InputSize), y = Y + ((long)volume * shape.OutputSize);
                for (int slice = 0; slice < shape.Slices.Output; slice++)
                {
                    for (int d = 0; d < slicesRead; d++) next[d] = 0;
                    for (int row = 0; row < shape.Rows.Output; row++, y += shape.Columns.Output)
                    {
                        int count = 0, rowsRead = Plan.Rows.Length(row);
                        for (int d = 0; d < Plan.Slices.Length(slice) && rowsRead > 0; d++)
                        {
                            int from = Plan.Slices.At(slice, d) * height, last = Plan.To[row];
                            double* slot = scratch + ((long)d * ring * length);
                            for (int h = Math.Max(next[d], Plan.From[row]); h <= last; h++)
                            {
                                float* source = x + ((long)(from + h) * width);
                                if (width < PoolTap.Lanes && source + PoolTap.Lanes > End)
                                {
                                    Unsafe.CopyBlockUnaligned(stage, source, (uint)(width * sizeof(float)));
                                    source = stage;
                                }

                                SumRow(Plan.Columns, source, slot + ((long)(h % ring) * length));
                            }

                            next[d] = Math.Max(next[d], last + 1);
                            for (int i = 0; i < rowsRead; i++, count++)
                                rows[count] = slot + ((long)(Plan.Rows.At(row, i) % ring) * length);
                        }

                        // Windows of padding alone have no rows, so their sums are zeros, which any number divides.
                        double factor = count == 0 ? 1 : Divisors.Of(slice, row);
                        Combine(Plan.Columns, rows, count, Divisors.Columns, factor, y, endY);
                    }
                }
            }
        }
    }

    private struct BackwardJob : IJob
    {
        public float* Dy, End, Dx;
        public WindowSizes Divisors;
        public PoolPlan Plan;

        [SkipLocalsInit]
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public readonly void Invoke(int chunk)
        {
            PoolShape shape = Plan.Volumes;
            int slicesRead = Plan.Slices.Longest, ring = Plan.Ring, length = Plan.RowLength,
                height = shape.Rows.Output, width = shape.Columns.Output,
                end = Math.Min(shape.Count, shape.PerChunk * (chunk + 1));
            float* memory = stackalloc float[(Plan.ScratchRows * length) + PoolTap.Lanes];
            var scratch = (float*)Simd.Align((double*)memory);
            int* next = stackalloc int[slicesRead + 1];
            float** rows = stackalloc float*[Plan.MostReads + 1];
            float* stage = stackalloc float[PoolTap.Lanes];
            float* endDx = Dx + ((long)end * shape.InputSize);
            for (int volume = chunk * shape.PerChunk; volume < end; volume++)
            {
                float* dy = Dy + ((long)volume * shape.OutputSize), dx = Dx + ((long)volume * shape.InputSize);
                for (int slice = 0; slice < shape.Slices.Input; slice++)
                {
                    for (int d = 0; d < slicesRead; d++) next[d] = 0;
                    for (int row = 0; row < shape.Rows.Input; row++, dx += shape.Columns.Input)
                    {
                        int count = 0, rowsRead = Plan.Rows.Length(row);
                        for (int d = 0; d < Plan.Slices.Length(slice) && rowsRead > 0; d++)
                        {
                            int from = Plan.Slices.At(slice, d), last = Plan.To[row];
                            float* slot = scratch + ((long)d * ring * length);
                            for (int h = Math.Max(next[d], Plan.From[row]); h <= last; h++)
                            {
                                float* source = dy + ((((long)from * height) + h) * width);
                                if (width < PoolTap.Lanes && source + PoolTap.Lanes > End)
                                {
                                    Unsafe.CopyBlockUnaligned(stage, source, (uint)(width * sizeof(float)));
                                    source = stage;
                                }

                                Share(source, Divisors.Columns, Divisors.Of(from, h),
                                    slot + ((long)(h % ring) * length), width);
                            }

                            next[d] = Math.Max(next[d], last + 1);
                            for (int i = 0; i < rowsRead; i++, count++)
                                rows[count] = slot + ((long)(Plan.Rows.At(row, i) % ring) * length);
                        }

                        Spread(Plan.Columns, rows, count, dx, endDx);
                    }
                }
            }
        }
    }

    /// <summary>The sums of a row's windows.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void SumRow(in PoolTaps taps, float* row, double* to)
    {
        int depth = taps.Depth, blocks = taps.Blocks;
        for (int block = 0; block < blocks; block++)
        {
            PoolTap* tap = taps.Block(block);
            Vector512<double> low = default, high = default;
            for (int t = 0; t < depth; t++, tap++)
                Widen.Add(PoolTap.Load(tap, row, default), ref low, ref high);
            double* at = to + taps.Lane(block);
            low.Store(at);
            high.Store(at + Vector512<double>.Count);
        }
    }

    /// <summary>A row of results: the sums of summed rows, divided.</summary>
    /// <param name="taps">The windows.</param>
    /// <param name="rows">The summed rows.</param>
    /// <param name="count">Number of rows.</param>
    /// <param name="sizes">What the columns of each window count.</param>
    /// <param name="factor">What its rows and slices count.</param>
    /// <param name="y">Receives the means.</param>
    /// <param name="endY">Where the memory of the chunk ends.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Combine(
        in PoolTaps taps, double** rows, int count, double* sizes, double factor, float* y, float* endY)
    {
        int lanes = taps.Count, blocks = taps.Blocks;
        bool isFull = lanes >= PoolTap.Lanes || y + PoolTap.Lanes <= endY;
        for (int block = 0; block < blocks; block++)
        {
            int lane = taps.Lane(block), upper = lane + Vector512<double>.Count;
            Vector512<double> low = default, high = default, scale = Vector512.Create(factor);
            for (int i = 0; i < count; i++)
            {
                low += Vector512.Load(rows[i] + lane);
                high += Vector512.Load(rows[i] + upper);
            }

            // One division for each window of a volume, whatever the number of volumes: the lanes of the other walk
            // share it.
            Vector512<double> one = Vector512.Create(1.0);
            Vector512<float> mean = Widen.Narrow(
                low * (one / (Vector512.Load(sizes + lane) * scale)),
                high * (one / (Vector512.Load(sizes + upper) * scale)));
            if (isFull) mean.Store(y + lane);
            else Simd.StorePartial(y, mean, lanes);
        }
    }

    /// <summary>The share of each input of a window in its gradient.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Share(float* dy, double* sizes, double factor, float* to, int count)
    {
        Vector512<double> scale = Vector512.Create(factor);
        int last = Math.Max(0, count - PoolTap.Lanes);
        for (int i = 0; ; i += PoolTap.Lanes)
        {
            int at = Math.Min(i, last);
            Vector512<float> size = Widen.Narrow(Vector512.Load(sizes + at) * scale,
                Vector512.Load(sizes + at + Vector512<double>.Count) * scale);
            (Vector512.Load(dy + at) / size).Store(to + at);
            if (i >= last) break;
        }
    }

    /// <summary>The gradients of a row: the shares of the windows that cover each input.</summary>
    /// <param name="taps">The windows that cover each input.</param>
    /// <param name="rows">Rows of shares.</param>
    /// <param name="count">Number of rows.</param>
    /// <param name="dx">Receives the gradients.</param>
    /// <param name="endDx">Where the memory of the chunk ends.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Spread(in PoolTaps taps, float** rows, int count, float* dx, float* endDx)
    {
        int lanes = taps.Count, depth = taps.Depth, blocks = taps.Blocks;
        bool isFull = lanes >= PoolTap.Lanes || dx + PoolTap.Lanes <= endDx;
        for (int block = 0; block < blocks; block++)
        {
            PoolTap* tap = taps.Block(block);
            Vector512<float> sum = default;
            for (int i = 0; i < count; i++)
            {
                for (int t = 0; t < depth; t++) sum += PoolTap.Load(tap + t, rows[i], default);
            }

            int lane = taps.Lane(block);
            if (isFull) sum.Store(dx + lane);
            else Simd.StorePartial(dx, sum, lanes);
        }
    }
}
