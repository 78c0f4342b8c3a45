using System.Diagnostics;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Evenkeel.Kernels;

/// <summary>
/// The terms of two sums over the same elements: Σu and Σu·w, where u and w are made of x and dy pack by pack.
/// </summary>
internal interface ITerm<T> where T : unmanaged
{
    /// <summary>False where u depends on x only; then dy is not read.</summary>
    static abstract bool UsesDy { get; }

    /// <summary>False where only Σu is wanted.</summary>
    static abstract bool HasProduct { get; }

    /// <summary>w: the second factor of the product.</summary>
    Vector512<T> W(Vector512<T> x);

    /// <summary>u: the first factor, made of w and dy. Lanes that do not count are set to zero in it.</summary>
    Vector512<T> U(Vector512<T> w, Vector512<T> dy);
}

/// <summary>One result element made of x and dy at the same place.</summary>
internal interface IMap<T> where T : unmanaged
{
    /// <summary>False where dy is not read.</summary>
    static abstract bool UsesDy { get; }

    /// <summary>The formula.</summary>
    Vector512<T> Invoke(Vector512<T> x, Vector512<T> dy);

    /// <summary>
    /// The formula where the statistics are those of the lanes of <paramref name="counts"/> alone: all ones or zero.
    /// </summary>
    Vector512<T> Invoke(Vector512<T> x, Vector512<T> dy, Vector512<T> counts);
}

/// <summary>
/// Loops over a group of elements that lies in memory as equally long runs at a fixed distance: a channel of NC… (one
/// run a sample), a row of a matrix (one run).
/// </summary>
/// <remarks>
/// Sums: four packs of lanes accumulate in T over at most <see cref="BlockPacks"/> packs each, then go into double
/// lanes; the order depends on the group's shape only. A run ends with one overlapping pack whose already counted lanes
/// are masked off; runs shorter than a pack are loaded partially.
/// </remarks>
internal static unsafe class Segments
{
    /// <summary>
    /// Packs a lane accumulates in T before it goes into double: bounds the rounding error by 64
    /// half-ulps of the partial sum.
    /// </summary>
    private const int BlockPacks = 64;

    /// <summary>
    /// Steps of four packs before the other two packs' turn, where two are taken at a time: few, so that both walks
    /// find the same memory near.
    /// </summary>
    private static int StepsAtATime => Vector512.IsHardwareAccelerated ? BlockPacks : 4;

    /// <summary>Σu and Σu·w of the group.</summary>
    /// <param name="constants">
    /// What the term is made of. Not the term itself: packs as arguments are copied at each call.
    /// </param>
    public static (double Sum, double ProductSum) Sum<T, TTerm, TMask>(
        T* x, T* dy, int runs, nint stride, int length, Constants<T> constants, TMask mask)
        where T : unmanaged, IFloatingPointIeee754<T>
        where TTerm : struct, ITerm<T>, IGroupwise<TTerm, T>
        where TMask : struct, IPositionMask<T, TMask>
    {
        Debug.Assert(runs >= 0 && length >= 0);
        Debug.Assert(runs <= 1 || stride >= length, "the runs overlap");
        return length < Vector512<T>.Count
            ? SumShort<T, TTerm, TMask>(x, dy, runs, stride, length, constants, mask)
            : SumLong<T, TTerm, TMask>(x, dy, runs, stride, length, constants, mask);
    }

    /// <summary>
    /// The mean of a sample: one pack each of up to <paramref name="packs"/> evenly spaced runs, or evenly spaced packs
    /// of a single run. 0 where nothing in it counts: any number is a pivot, and a poor one moves.
    /// </summary>
    public static double SampleMean<T, TMask>(T* x, int runs, nint stride, int length, int packs, TMask mask)
        where T : unmanaged, IFloatingPointIeee754<T>
        where TMask : struct, IPositionMask<T, TMask>
    {
        int width = Vector512<T>.Count, taken = Math.Min(length, width);
        // Of one run two packs will do: its values are independent features, or it is short.
        int samples = length < width || runs > 1 ? Math.Min(runs, packs) : Math.Min(2, length / width);
        double sum = 0, count = 0;
        for (int k = 0; k < samples; k++)
        {
            int run = runs == 1 ? 0 : (int)((long)k * runs / samples), place = runs == 1 ? k * (length / samples) : 0;
            T* at = x + run * stride + place;
            Vector512<T> values = taken < width ? Simd.LoadPartial(at, taken) : Simd.Load(at);
            if (TMask.IsNone)
            {
                sum += Simd.SumLanes(values);
                count += taken;
                continue;
            }

            Vector512<T> counts = mask.Run(run).Load(place) & Simd.HeadMask<T>(taken);
            sum += Simd.SumLanes(values & counts);
            count += ulong.PopCount(counts.ExtractMostSignificantBits());
        }

        return count == 0 ? 0 : sum / count;
    }

    // No call stands in this method: one would force the accumulators out of their registers.
    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static (double Sum, double ProductSum) SumLong<T, TTerm, TMask>(
        T* x, T* dy, int runs, nint stride, int length, Constants<T> constants, TMask mask)
        where T : unmanaged, IFloatingPointIeee754<T>
        where TTerm : struct, ITerm<T>, IGroupwise<TTerm, T>
        where TMask : struct, IPositionMask<T, TMask>
    {
        TTerm term = TTerm.Of<GroupPerPack>(constants);
        int width = Vector512<T>.Count;
        Vector512<T> s0 = default, s1 = default, s2 = default, s3 = default, p0 = default, p1 = default, p2 = default,
            p3 = default;
        Vector512<double> sumLow = default, sumHigh = default, productLow = default, productHigh = default;
        Vector512<T> tail = Simd.TailMask<T>(length % width);
        int counted = 0;
        for (int run = 0; run < runs; run++)
        {
            T* xr = x + run * stride;
            T* dyr = TTerm.UsesDy ? dy + run * stride : x;
            TMask counts = mask.Run(run);
            int i = 0;
            while (i <= length - 4 * width)
            {
                int steps = Math.Min(BlockPacks - counted, StepsAtATime);
                int end = Math.Min(length - 4 * width, i + (steps - 1) * 4 * width);
                if (Vector512.IsHardwareAccelerated)
                {
                    for (; i <= end; i += 4 * width, counted++)
                    {
                        Step(term, counts, xr, dyr, i, ref s0, ref p0);
                        Step(term, counts, xr, dyr, i + width, ref s1, ref p1);
                        Step(term, counts, xr, dyr, i + 2 * width, ref s2, ref p2);
                        Step(term, counts, xr, dyr, i + 3 * width, ref s3, ref p3);
                    }
                }
                else
                {
                    // Two packs at a time: with narrower registers the accumulators of four do not fit, and go over the
                    // stack. The order of a sum's terms is the same.
                    int from = i;
                    for (; i <= end; i += 4 * width, counted++)
                    {
                        Step(term, counts, xr, dyr, i, ref s0, ref p0);
                        Step(term, counts, xr, dyr, i + width, ref s1, ref p1);
                    }

                    for (i = from; i <= end; i += 4 * width)
                    {
                        Step(term, counts, xr, dyr, i + 2 * width, ref s2, ref p2);
                        Step(term, counts, xr, dyr, i + 3 * width, ref s3, ref p3);
                    }
                }

                if (counted >= BlockPacks)
                {
                    Flush(ref s0, ref s1, ref s2, ref s3, ref sumLow, ref sumHigh);
                    if (TTerm.HasProduct) Flush(ref p0, ref p1, ref p2, ref p3, ref productLow, ref productHigh);
                    counted = 0;
                }
            }

            for (; i <= length - width; i += width) Step(term, counts, xr, dyr, i, ref s1, ref p1);
            if (i < length)
            {
                Vector512<T> w = term.W(Simd.Load(xr + length - width));
                if (!TMask.IsNone) w &= counts.Load(length - width);
                Vector512<T> u = term.U(w, TTerm.UsesDy ? Simd.Load(dyr + length - width) : default) & tail;
                s2 += u;
                if (TTerm.HasProduct) p2 = Simd.Fma(u, w, p2);
            }

            // The rest of a run adds at most three packs to a lane.
            counted += 3;
            if (counted >= BlockPacks)
            {
                Flush(ref s0, ref s1, ref s2, ref s3, ref sumLow, ref sumHigh);
                if (TTerm.HasProduct) Flush(ref p0, ref p1, ref p2, ref p3, ref productLow, ref productHigh);
                counted = 0;
            }
        }

        Flush(ref s0, ref s1, ref s2, ref s3, ref sumLow, ref sumHigh);
        double sum = Simd.SumLanes(sumLow + sumHigh);
        if (!TTerm.HasProduct) return (sum, 0);
        Flush(ref p0, ref p1, ref p2, ref p3, ref productLow, ref productHigh);
        return (sum, Simd.SumLanes(productLow + productHigh));
    }

    /// <summary>Runs shorter than a pack: each is one partial pack.</summary>
    private static (double Sum, double ProductSum) SumShort<T, TTerm, TMask>(
        T* x, T* dy, int runs, nint stride, int length, Constants<T> constants, TMask mask)
        where T : unmanaged, IFloatingPointIeee754<T>
        where TTerm : struct, ITerm<T>, IGroupwise<TTerm, T>
        where TMask : struct, IPositionMask<T, TMask>
    {
        TTerm term = TTerm.Of<GroupPerPack>(constants);
        Vector512<T> s = default, p = default, none = default;
        Vector512<double> sumLow = default, sumHigh = default, productLow = default, productHigh = default;
        Vector512<T> head = Simd.HeadMask<T>(length);
        for (int run = 0; run < runs; run++)
        {
            Vector512<T> w = term.W(Simd.LoadPartial(x + run * stride, length));
            if (!TMask.IsNone) w &= mask.Run(run).Load(0);
            Vector512<T> u = term.U(w, TTerm.UsesDy ? Simd.LoadPartial(dy + run * stride, length) : default) & head;
            s += u;
            if (TTerm.HasProduct) p = Simd.Fma(u, w, p);
            if ((run + 1) % BlockPacks != 0) continue;
            Widen.Add(s, ref sumLow, ref sumHigh);
            Widen.Add(p, ref productLow, ref productHigh);
            s = p = none;
        }

        Widen.Add(s, ref sumLow, ref sumHigh);
        Widen.Add(p, ref productLow, ref productHigh);
        return (Simd.SumLanes(sumLow + sumHigh), TTerm.HasProduct ? Simd.SumLanes(productLow + productHigh) : 0);
    }

    /// <summary>
    /// result = map(x, dy) over the group; <paramref name="result"/> must not be the memory of x or dy:
    /// overlapping packs read them twice.
    /// </summary>
    /// <param name="ahead">
    /// What lies behind each run belongs to the next group (the next channel): ask for it while this one is mapped.
    /// </param>
    /// <param name="stream">
    /// Store past the caches: for results that outgrow them. Used only where every run is aligned; call
    /// <see cref="Simd.StreamFence"/> after the last map of a chunk.
    /// </param>
    public static void Map<T, TMap, TMask>(
        T* x, T* dy, T* result, int runs, nint stride, int length, Constants<T> constants, TMask mask, bool stream,
        bool ahead)
        where T : unmanaged, IFloatingPointIeee754<T>
        where TMap : struct, IMap<T>, IGroupwise<TMap, T>
        where TMask : struct, IPositionMask<T, TMask>
    {
        int width = Vector512<T>.Count;
        Debug.Assert(runs >= 0 && length >= 0);
        Debug.Assert(runs <= 1 || stride >= length, "the runs overlap");
        Debug.Assert(Contracts.AreApart(result, ((runs - 1) * stride) + length, x, ((runs - 1) * stride) + length));
        if (length < width) MapShort<T, TMap, TMask>(x, dy, result, runs, stride, length, constants, mask);
        else if (stream && length % width == 0 && stride % width == 0 && (nint)result % Simd.Alignment == 0)
            MapStream<T, TMap, TMask>(x, dy, result, runs, stride, length, constants, mask, ahead);
        else MapLong<T, TMap, TMask>(x, dy, result, runs, stride, length, constants, mask, ahead);
    }

    // next: from a pack to the one that is asked for. Without "ahead" it is the pack itself, which costs nothing.

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void MapStream<T, TMap, TMask>(
        T* x, T* dy, T* result, int runs, nint stride, int length, Constants<T> constants, TMask mask, bool ahead)
        where T : unmanaged, IFloatingPointIeee754<T>
        where TMap : struct, IMap<T>, IGroupwise<TMap, T>
        where TMask : struct, IPositionMask<T, TMask>
    {
        TMap map = TMap.Of<GroupPerPack>(constants);
        int next = ahead ? length : 0;
        int width = Vector512<T>.Count;
        for (int run = 0; run < runs; run++)
        {
            T* xr = x + run * stride;
            T* dyr = TMap.UsesDy ? dy + run * stride : x;
            T* rr = result + run * stride;
            TMask counts = mask.Run(run);
            for (int i = 0; i < length; i += width)
            {
                Simd.Prefetch(xr + next + i);
                if (TMap.UsesDy) Simd.Prefetch(dyr + next + i);
                Vector512<T> d = TMap.UsesDy ? Simd.Load(dyr + i) : default;
                Simd.StoreStream(rr + i,
                    TMask.IsNone ? map.Invoke(Simd.Load(xr + i), d) : map.Invoke(Simd.Load(xr + i), d, counts.Load(i)));
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void MapLong<T, TMap, TMask>(
        T* x, T* dy, T* result, int runs, nint stride, int length, Constants<T> constants, TMask mask, bool ahead)
        where T : unmanaged, IFloatingPointIeee754<T>
        where TMap : struct, IMap<T>, IGroupwise<TMap, T>
        where TMask : struct, IPositionMask<T, TMask>
    {
        TMap map = TMap.Of<GroupPerPack>(constants);
        int next = ahead ? length : 0;
        int width = Vector512<T>.Count;
        for (int run = 0; run < runs; run++)
        {
            T* xr = x + run * stride;
            T* dyr = TMap.UsesDy ? dy + run * stride : x;
            T* rr = result + run * stride;
            TMask counts = mask.Run(run);
            int i = 0;
            for (; i <= length - 2 * width; i += 2 * width)
            {
                Simd.Prefetch(xr + next + i);
                Simd.Prefetch(xr + next + i + width);
                if (TMap.UsesDy)
                {
                    Simd.Prefetch(dyr + next + i);
                    Simd.Prefetch(dyr + next + i + width);
                }

                Vector512<T> x0 = Simd.Load(xr + i), d0 = TMap.UsesDy ? Simd.Load(dyr + i) : default;
                Vector512<T> r0 = TMask.IsNone ? map.Invoke(x0, d0) : map.Invoke(x0, d0, counts.Load(i));
                Vector512<T> x1 = Simd.Load(xr + i + width), d1 = TMap.UsesDy ? Simd.Load(dyr + i + width) : default;
                Vector512<T> r1 = TMask.IsNone ? map.Invoke(x1, d1) : map.Invoke(x1, d1, counts.Load(i + width));
                Simd.Store(rr + i, r0);
                Simd.Store(rr + i + width, r1);
            }

            // What is left is done by one or two packs, the last of which overlaps.
            for (; i < length; i += width)
            {
                Simd.Prefetch(xr + next + i);
                if (TMap.UsesDy) Simd.Prefetch(dyr + next + i);
                int at = Math.Min(i, length - width);
                Vector512<T> d = TMap.UsesDy ? Simd.Load(dyr + at) : default;
                Simd.Store(rr + at, TMask.IsNone
                    ? map.Invoke(Simd.Load(xr + at), d)
                    : map.Invoke(Simd.Load(xr + at), d, counts.Load(at)));
            }
        }
    }

    /// <summary>Runs shorter than a pack: each is one partial pack.</summary>
    private static void MapShort<T, TMap, TMask>(
        T* x, T* dy, T* result, int runs, nint stride, int length, Constants<T> constants, TMask mask)
        where T : unmanaged, IFloatingPointIeee754<T>
        where TMap : struct, IMap<T>, IGroupwise<TMap, T>
        where TMask : struct, IPositionMask<T, TMask>
    {
        TMap map = TMap.Of<GroupPerPack>(constants);
        for (int run = 0; run < runs; run++)
        {
            nint at = run * stride;
            Vector512<T> v = Simd.LoadPartial(x + at, length),
                d = TMap.UsesDy ? Simd.LoadPartial(dy + at, length) : default;
            Simd.StorePartial(
                result + at, TMask.IsNone ? map.Invoke(v, d) : map.Invoke(v, d, mask.Run(run).Load(0)), length);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Step<T, TTerm, TMask>(
        TTerm term, TMask counts, T* x, T* dy, int i, ref Vector512<T> sum, ref Vector512<T> product)
        where T : unmanaged, IFloatingPointIeee754<T>
        where TTerm : struct, ITerm<T>
        where TMask : struct, IPositionMask<T, TMask>
    {
        Vector512<T> w = term.W(Simd.Load(x + i));
        if (!TMask.IsNone) w &= counts.Load(i);
        Vector512<T> u = term.U(w, TTerm.UsesDy ? Simd.Load(dy + i) : default);
        sum += u;
        if (TTerm.HasProduct) product = Simd.Fma(u, w, product);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Flush<T>(
        ref Vector512<T> a0, ref Vector512<T> a1, ref Vector512<T> a2, ref Vector512<T> a3, ref Vector512<double> low,
        ref Vector512<double> high)
        where T : unmanaged
    {
        Widen.Add((a0 + a1) + (a2 + a3), ref low, ref high);
        a0 = a1 = a2 = a3 = default;
    }
}
