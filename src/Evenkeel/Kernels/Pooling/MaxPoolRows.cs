using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Evenkeel.Kernels;

/// <summary>
/// The largest values of windows of floats, by packs of neighbouring results. Each row of the input is pooled once
/// along its columns; a row of results is the largest of its rows. The order of the comparisons is that of one by one.
/// </summary>
internal static unsafe class MaxPoolRows
{
    /// <summary>y and, if wanted, the winners from x. False if the windows are too large for it.</summary>
    /// <param name="x">The volumes.</param>
    /// <param name="y">The results.</param>
    /// <param name="winners">Receives one place per result, or null.</param>
    /// <param name="shape">The sizes and the windows.</param>
    [SkipLocalsInit]
    public static bool TryForward(float* x, float* y, int* winners, in PoolShape shape)
    {
        if (!PoolPlan.Fits(shape)) return false;
        int* numbers = stackalloc int[PoolPlan.Numbers];
        PoolTap* memory = stackalloc PoolTap[PoolTaps.Most + 1];
        var taps = (PoolTap*)Simd.Align((double*)memory);
        if (!PoolPlan.TryCreate(shape, isBackward: false, 2 * sizeof(float), numbers, taps, out PoolPlan plan))
            return false;
        float* end = x + ((long)shape.Count * shape.InputSize);
        Workers.Run(shape.Chunks, new Job { X = x, End = end, Y = y, Winners = winners, Plan = plan });
        return true;
    }

    private struct Job : IJob
    {
        public float* X, End, Y;
        public int* Winners;
        public PoolPlan Plan;

        [SkipLocalsInit]
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public readonly void Invoke(int chunk)
        {
            PoolShape shape = Plan.Volumes;
            int slicesRead = Plan.Slices.Longest, ring = Plan.Ring, length = Plan.RowLength,
                height = shape.Rows.Input, width = shape.Columns.Input, end = shape.PerChunk * (chunk + 1);
            int* memory = stackalloc int[(2 * Plan.ScratchRows * length) + PoolTap.Lanes];
            var scratch = (int*)Simd.Align((double*)memory);
            int* next = stackalloc int[slicesRead + 1], bases = stackalloc int[Plan.MostReads + 1];
            float** rows = stackalloc float*[Plan.MostReads + 1];
            float* stage = stackalloc float[PoolTap.Lanes];
            end = Math.Min(end, shape.Count);
            float* endY = Y + ((long)end * shape.OutputSize);
            for (int volume = chunk * shape.PerChunk; volume < end; volume++)
            {
                float* x = X + ((long)volume * shape.InputSize);
                long at = (long)volume * shape.OutputSize;
                for (int slice = 0; slice < shape.Slices.Output; slice++)
                {
                    for (int d = 0; d < slicesRead; d++) next[d] = 0;
                    for (int row = 0; row < shape.Rows.Output; row++, at += shape.Columns.Output)
                    {
                        int count = 0, rowsRead = Plan.Rows.Length(row);
                        for (int d = 0; d < Plan.Slices.Length(slice) && rowsRead > 0; d++)
                        {
                            int from = Plan.Slices.At(slice, d) * height, last = Plan.To[row];
                            float* slot = (float*)scratch + (2L * d * ring * length);
                            for (int h = Math.Max(next[d], Plan.From[row]); h <= last; h++)
                            {
                                float* source = x + ((long)(from + h) * width);
                                if (width < PoolTap.Lanes && source + PoolTap.Lanes > End)
                                {
                                    Unsafe.CopyBlockUnaligned(stage, source, (uint)(width * sizeof(float)));
                                    source = stage;
                                }

                                PoolRow(Plan.Columns, source, slot + (2L * (h % ring) * length), length,
                                    Winners is null ? null : Plan.Firsts);
                            }

                            next[d] = Math.Max(next[d], last + 1);
                            for (int i = 0; i < rowsRead; i++, count++)
                            {
                                int h = Plan.Rows.At(row, i);
                                rows[count] = slot + (2L * (h % ring) * length);
                                bases[count] = (from + h) * width;
                            }
                        }

                        Combine(Plan, rows, bases, count, Y + at, endY, Winners is null ? null : Winners + at);
                    }
                }
            }
        }
    }

    /// <summary>The largest values of a row's windows, and behind them the columns where they are.</summary>
    /// <param name="taps">The windows.</param>
    /// <param name="row">The row.</param>
    /// <param name="to">Receives the values.</param>
    /// <param name="length">From the values to the columns.</param>
    /// <param name="firsts">The first column of each window, or null if the columns are not wanted.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void PoolRow(in PoolTaps taps, float* row, float* to, int length, int* firsts)
    {
        Vector512<float> least = Vector512.Create(float.NegativeInfinity);
        int depth = taps.Depth, blocks = taps.Blocks;
        for (int block = 0; block < blocks; block++)
        {
            PoolTap* tap = taps.Block(block);
            Vector512<float> largest = least;
            if (firsts is not null)
            {
                Vector512<int> column = Vector512.Load(firsts + taps.Lane(block));
                for (int t = 0; t < depth; t++, tap++)
                {
                    Vector512<float> value = PoolTap.Load(tap, row, least);
                    Vector512<float> beats = Beats(value, largest);
                    largest = Vector512.ConditionalSelect(beats, value, largest);
                    column = Vector512.ConditionalSelect(beats.AsInt32(), PoolTap.Sources(tap), column);
                }

                column.Store((int*)to + length + taps.Lane(block));
            }
            else
            {
                for (int t = 0; t < depth; t++, tap++)
                {
                    Vector512<float> value = PoolTap.Load(tap, row, least);
                    largest = Vector512.ConditionalSelect(Beats(value, largest), value, largest);
                }
            }

            largest.Store(to + taps.Lane(block));
        }
    }

    /// <summary>A row of results: the largest of pooled rows.</summary>
    /// <param name="plan">The windows.</param>
    /// <param name="rows">The pooled rows, in the order of memory.</param>
    /// <param name="bases">The place of the first column of each.</param>
    /// <param name="count">Number of rows; 0 if the windows have padding alone.</param>
    /// <param name="y">Receives the values.</param>
    /// <param name="endY">Where the memory of the chunk ends.</param>
    /// <param name="winners">Receives the places, or null.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Combine(
        in PoolPlan plan, float** rows, int* bases, int count, float* y, float* endY, int* winners)
    {
        PoolTaps taps = plan.Columns;
        Vector512<float> least = Vector512.Create(float.NegativeInfinity);
        int lanes = taps.Count, blocks = taps.Blocks, length = plan.RowLength;
        bool isFull = lanes >= PoolTap.Lanes || y + PoolTap.Lanes <= endY;
        for (int block = 0; block < blocks; block++)
        {
            int lane = taps.Lane(block);
            Vector512<float> largest = least;
            if (winners is not null)
            {
                Vector512<int> winner = count == 0
                    ? Vector512.Create(-1) : Vector512.Load(plan.Firsts + lane) + Vector512.Create(bases[0]);
                for (int i = 0; i < count; i++)
                {
                    Vector512<float> value = Vector512.Load(rows[i] + lane);
                    Vector512<float> beats = Beats(value, largest);
                    largest = Vector512.ConditionalSelect(beats, value, largest);
                    winner = Vector512.ConditionalSelect(beats.AsInt32(),
                        Vector512.Load((int*)rows[i] + length + lane) + Vector512.Create(bases[i]), winner);
                }

                if (isFull) winner.Store(winners + lane);
                else Simd.StorePartial(winners, winner, lanes);
            }
            else
            {
                for (int i = 0; i < count; i++)
                {
                    Vector512<float> value = Vector512.Load(rows[i] + lane);
                    largest = Vector512.ConditionalSelect(Beats(value, largest), value, largest);
                }
            }

            if (isFull) largest.Store(y + lane);
            else Simd.StorePartial(y, largest, lanes);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Beats(Vector512<float> later, Vector512<float> earlier) =>
        Vector512.GreaterThan(later, earlier) | ~Vector512.Equals(later, later);
}
