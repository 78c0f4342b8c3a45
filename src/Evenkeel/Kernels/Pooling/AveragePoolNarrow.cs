using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Evenkeel.Kernels;

/// <summary>
/// The means of windows of floats in narrow planes, from registers. The additions of a result are in the same order as
/// in <see cref="AveragePoolRows"/>, so the bits are the same.
/// </summary>
internal static unsafe class AveragePoolNarrow
{
    /// <summary>y from x. False if the planes are not narrow.</summary>
    /// <param name="x">The planes.</param>
    /// <param name="y">The results.</param>
    /// <param name="shape">The sizes and the windows.</param>
    /// <param name="sizes">What each window counts.</param>
    [SkipLocalsInit]
    public static bool TryForward(float* x, float* y, in PoolShape shape, in WindowSizes sizes)
    {
        int* numbers = stackalloc int[NarrowPlan.Numbers];
        if (shape.Slices != PoolAxis.Single || !NarrowPlan.TryCreate(shape, numbers, out NarrowPlan plan))
            return false;
        float* divisors = stackalloc float[plan.Steps * PoolTap.Lanes];
        Fill(plan, shape, sizes, divisors);
        Workers.Run(shape.Chunks, new Job { X = x, Y = y, Divisors = divisors, Planes = shape, Plan = plan });
        return true;
    }

    /// <summary>The divisor of each lane of each step.</summary>
    private static void Fill(in NarrowPlan plan, in PoolShape shape, in WindowSizes sizes, float* divisors)
    {
        new Span<float>(divisors, plan.Steps * PoolTap.Lanes).Fill(1);
        for (int row = 0; row < shape.Rows.Output; row++)
        {
            (int step, int half) = Math.DivRem(row, plan.RowsPerStep);
            // The sum of a window of padding alone is zero, which any number divides.
            float factor = plan.Counts[(2 * step) + half] == 0 ? 1 : sizes.Of(0, row);
            float* to = divisors + (step * PoolTap.Lanes) + (half * shape.Columns.Output);
            for (int column = 0; column < shape.Columns.Output; column++) to[column] = sizes.Columns[column] * factor;
        }
    }

    private struct Job : IJob
    {
        public float* X, Y, Divisors;
        public PoolShape Planes;
        public NarrowPlan Plan;

        [SkipLocalsInit]
        public readonly void Invoke(int chunk)
        {
            int first = chunk * Planes.PerChunk, end = Math.Min(Planes.Count, first + Planes.PerChunk);
            int size = Planes.InputSize;
            int direct = end == Planes.Count && NarrowPlan.RunsOver(Planes) ? end - 1 : end;
            float* y = Y + ((nint)first * Planes.OutputSize), limit = Y + ((nint)end * Planes.OutputSize);
            y = Each(Plan, X + ((nint)first * size), size, direct - first, Divisors, y, limit);
            if (direct == end) return;
            // Packs would reach beyond the last plane.
            float* stage = stackalloc float[NarrowPlan.StageSize];
            new ReadOnlySpan<float>(X + ((nint)direct * size), size).CopyTo(new Span<float>(stage, size));
            new Span<float>(stage + size, PoolTap.Lanes).Clear();
            Each(Plan, stage, size, 1, Divisors, y, limit);
        }

        /// <summary>The means of some planes. Returns the place behind them.</summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private static float* Each(
            in NarrowPlan plan, float* x, int size, int count, float* divisors, float* y, float* limit)
        {
            const int Pack = PoolTap.Lanes;
            int depth = plan.Depth, steps = plan.Steps, longest = 2 * plan.Longest;
            Vector512<int> index0 = Simd.Load(plan.Index), index1 = Simd.Load(plan.Index + Pack),
                index2 = Simd.Load(plan.Index + (2 * Pack)), index3 = Simd.Load(plan.Index + (3 * Pack));
            Vector512<float> mask0 = Simd.Load(plan.Mask).AsSingle(), mask1 = Simd.Load(plan.Mask + Pack).AsSingle(),
                mask2 = Simd.Load(plan.Mask + (2 * Pack)).AsSingle(),
                mask3 = Simd.Load(plan.Mask + (3 * Pack)).AsSingle();
            for (int plane = 0; plane < count; plane++, x += size)
            {
                int* offsets = plan.Offsets;
                for (int step = 0; step < steps; step++, offsets += longest)
                {
                    int nearRows = plan.Counts[2 * step], farRows = plan.Counts[(2 * step) + 1], row = 0;
                    Vector512<float> near = default, far = default;
                    for (; row < Math.Min(nearRows, farRows); row++)
                    {
                        near += Simd.Load(x + offsets[2 * row]);
                        far += Simd.Load(x + offsets[(2 * row) + 1]);
                    }

                    for (; row < nearRows; row++) near += Simd.Load(x + offsets[2 * row]);
                    for (; row < farRows; row++) far += Simd.Load(x + offsets[(2 * row) + 1]);
                    Vector512<float> sum = NarrowPlan.Pick(near, index0, far) & mask0;
                    if (depth > 1) sum += NarrowPlan.Pick(near, index1, far) & mask1;
                    if (depth > 2) sum += NarrowPlan.Pick(near, index2, far) & mask2;
                    if (depth > 3) sum += NarrowPlan.Pick(near, index3, far) & mask3;
                    Vector512<float> mean = sum / Simd.Load(divisors + (step * Pack));
                    int lanes = plan.Lanes[step];
                    // The lanes of no use are written over by what is written next.
                    if (limit - y >= Pack) Simd.Store(y, mean);
                    else Simd.StorePartial(y, mean, lanes);
                    y += lanes;
                }
            }

            return y;
        }
    }
}
