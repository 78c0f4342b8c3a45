using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Evenkeel.Kernels;

/// <summary>
/// The largest values of windows of floats in narrow planes and volumes, from registers. The order of the comparisons
/// is that of one by one. Chunks with a NaN are pooled one by one.
/// </summary>
internal static unsafe class MaxPoolNarrow
{
    /// <summary>y and, if wanted, the winners from x. False if the planes are not narrow.</summary>
    /// <param name="x">The planes.</param>
    /// <param name="y">The results.</param>
    /// <param name="winners">Receives one place per result, or null.</param>
    /// <param name="shape">The sizes and the windows.</param>
    [SkipLocalsInit]
    public static bool TryForward(float* x, float* y, int* winners, in PoolShape shape)
    {
        int* numbers = stackalloc int[NarrowPlan.Numbers];
        if (NarrowPlan.HasEmptyWindows(shape) || !NarrowPlan.TryCreate(shape, numbers, out NarrowPlan plan))
            return false;
        Workers.Run(shape.Chunks, new Job { X = x, Y = y, Winners = winners, Planes = shape, Plan = plan });
        return true;
    }

    private interface IKeeping
    {
        /// <summary>Whether the places of the largest values are kept.</summary>
        static abstract bool KeepsWinners { get; }
    }

    private readonly struct Winning : IKeeping
    {
        public static bool KeepsWinners => true;
    }

    private readonly struct ValuesAlone : IKeeping
    {
        public static bool KeepsWinners => false;
    }

    private struct Job : IJob
    {
        public float* X, Y;
        public int* Winners;
        public PoolShape Planes;
        public NarrowPlan Plan;

        public readonly void Invoke(int chunk)
        {
            int first = chunk * Planes.PerChunk, end = Math.Min(Planes.Count, first + Planes.PerChunk);
            // Packs would reach beyond the last plane of all.
            int direct = end == Planes.Count && NarrowPlan.RunsOver(Planes) ? end - 1 : end;
            if (Numbers(X + ((nint)first * Planes.InputSize), first, direct, end)
                && (direct == end || LastOfAll(direct, end)))
            {
                return;
            }

            long at = (long)first * Planes.OutputSize;
            MaxPool.OneByOne(X + ((long)first * Planes.InputSize), Y + at, Winners is null ? null : Winners + at,
                end - first, Planes);
        }

        [SkipLocalsInit]
        private readonly bool LastOfAll(int plane, int end)
        {
            int size = Planes.InputSize;
            float* stage = stackalloc float[NarrowPlan.StageSize];
            new ReadOnlySpan<float>(X + ((nint)plane * size), size).CopyTo(new Span<float>(stage, size));
            new Span<float>(stage + size, PoolTap.Lanes).Clear();
            return Numbers(stage, plane, plane + 1, end);
        }

        /// <summary>Pools some planes, which are at x. False if there is a NaN among them.</summary>
        private readonly bool Numbers(float* x, int first, int stop, int end)
        {
            nint at = (nint)first * Planes.OutputSize;
            float* limit = Y + ((nint)end * Planes.OutputSize);
            return Winners is null
                ? Each<ValuesAlone>(Plan, x, Planes.InputSize, stop - first, Y + at, null, limit)
                : Each<Winning>(Plan, x, Planes.InputSize, stop - first, Y + at, Winners + at, limit);
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private static bool Each<TKeeping>(
            in NarrowPlan plan, float* x, int size, int count, float* y, int* winners, float* limit)
            where TKeeping : struct, IKeeping
        {
            const int Pack = PoolTap.Lanes;
            int depth = plan.Depth, steps = plan.Steps, longest = plan.Longest;
            Vector512<int> index0 = Simd.Load(plan.Index), index1 = Simd.Load(plan.Index + Pack),
                index2 = Simd.Load(plan.Index + (2 * Pack)), index3 = Simd.Load(plan.Index + (3 * Pack));
            Vector512<int> column0 = Simd.Load(plan.Column), column1 = Simd.Load(plan.Column + Pack),
                column2 = Simd.Load(plan.Column + (2 * Pack)), column3 = Simd.Load(plan.Column + (3 * Pack));
            ulong notNumbers = 0;
            for (int plane = 0; plane < count; plane++, x += size)
            {
                int* offsets = plan.Offsets, places = plan.Places;
                for (int step = 0; step < steps; step++, offsets += 2 * longest, places += longest)
                {
                    int reads = plan.Reads[step];
                    Vector512<float> largest = Vector512.Create(float.NegativeInfinity);
                    Vector512<int> winner = column0;
                    for (int read = 0; read < reads; read++)
                    {
                        Vector512<float> near = Simd.Load(x + offsets[2 * read]);
                        Vector512<float> far = Simd.Load(x + offsets[(2 * read) + 1]);
                        notNumbers |= Avx512F.CompareUnordered(near, far).ExtractMostSignificantBits();
                        Vector512<int> here = Vector512.Create(places[read]);
                        Take<TKeeping>(NarrowPlan.Pick(near, index0, far), column0 + here, ref largest, ref winner);
                        if (depth > 1)
                            Take<TKeeping>(NarrowPlan.Pick(near, index1, far), column1 + here, ref largest, ref winner);
                        if (depth > 2)
                            Take<TKeeping>(NarrowPlan.Pick(near, index2, far), column2 + here, ref largest, ref winner);
                        if (depth > 3)
                            Take<TKeeping>(NarrowPlan.Pick(near, index3, far), column3 + here, ref largest, ref winner);
                    }

                    winner += Simd.Load(plan.First + (step * Pack));
                    int lanes = plan.Lanes[step];
                    // The lanes of no use are written over by what is written next.
                    if (limit - y >= Pack)
                    {
                        Simd.Store(y, largest);
                        if (TKeeping.KeepsWinners) Simd.Store(winners, winner);
                    }
                    else
                    {
                        Simd.StorePartial(y, largest, lanes);
                        if (TKeeping.KeepsWinners) Simd.StorePartial(winners, winner, lanes);
                    }

                    y += lanes;
                    if (TKeeping.KeepsWinners) winners += lanes;
                }
            }

            return notNumbers == 0;
        }

        /// <summary>Takes the values that are larger than those before them. No value is a NaN.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static void Take<TKeeping>(
            Vector512<float> value, Vector512<int> place, ref Vector512<float> largest, ref Vector512<int> winner)
            where TKeeping : struct, IKeeping
        {
            if (TKeeping.KeepsWinners)
            {
                winner = Vector512.ConditionalSelect(
                    Vector512.GreaterThan(value, largest).AsInt32(), place, winner);
            }

            largest = Avx512F.Max(value, largest);
        }
    }
}
