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
}

/// <summary>
/// Loops over a group of elements that lies in memory as equally long runs at a fixed distance: a channel of NC… (one run a sample), a row of a matrix (one run).
/// </summary>
/// <remarks>
/// Sums: four packs of lanes accumulate in T over at most <see cref="BlockPacks"/> packs each, then go into double lanes; the order depends on the group's
/// shape only. A run ends with one overlapping pack whose already counted lanes are masked off; runs shorter than a pack are loaded partially.
/// </remarks>
internal static unsafe class Segments
{
    /// <summary>Packs a lane accumulates in T before it goes into double: bounds the rounding error by 64 half-ulps of the partial sum.</summary>
    private const int BlockPacks = 64;

    public static (double Sum, double ProductSum) Sum<T, TTerm>(T* x, T* dy, int runs, nint stride, int length, TTerm term)
        where T : unmanaged, IFloatingPointIeee754<T>
        where TTerm : struct, ITerm<T> =>
        length < Vector512<T>.Count ? SumShort(x, dy, runs, stride, length, term) : SumLong(x, dy, runs, stride, length, term);

    /// <summary>The mean of a sample: one pack each of up to <paramref name="packs"/> evenly spaced runs, or evenly spaced packs of a single run.</summary>
    public static double SampleMean<T>(T* x, int runs, nint stride, int length, int packs) where T : unmanaged, IFloatingPointIeee754<T>
    {
        int width = Vector512<T>.Count;
        double sum = 0;
        if (length < width)
        {
            int count = Math.Min(runs, packs);
            for (int k = 0; k < count; k++) sum += Simd.SumLanes(Simd.LoadPartial(x + (int)((long)k * runs / count) * stride, length));
            return sum / ((double)count * length);
        }

        // Of one run two packs will do: its values are independent features, or it is short.
        int samples = runs == 1 ? Math.Min(2, length / width) : Math.Min(runs, packs);
        for (int k = 0; k < samples; k++)
        {
            T* at = runs == 1 ? x + k * (length / samples) : x + (int)((long)k * runs / samples) * stride;
            sum += Simd.SumLanes(Simd.Load(at));
        }

        return sum / ((double)samples * width);
    }

    // No call stands in this method: one would force the accumulators out of their registers.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static (double Sum, double ProductSum) SumLong<T, TTerm>(T* x, T* dy, int runs, nint stride, int length, TTerm argument)
        where T : unmanaged, IFloatingPointIeee754<T>
        where TTerm : struct, ITerm<T>
    {
        TTerm term = argument;
        int width = Vector512<T>.Count;
        Vector512<T> s0 = default, s1 = default, s2 = default, s3 = default, p0 = default, p1 = default, p2 = default, p3 = default;
        Vector512<double> sumLow = default, sumHigh = default, productLow = default, productHigh = default;
        Vector512<T> tail = Simd.TailMask<T>(length % width);
        int counted = 0;
        for (int run = 0; run < runs; run++)
        {
            T* xr = x + run * stride;
            T* dyr = TTerm.UsesDy ? dy + run * stride : x;
            int i = 0;
            while (i <= length - 4 * width)
            {
                int end = Math.Min(length - 4 * width, i + (BlockPacks - 1 - counted) * 4 * width);
                for (; i <= end; i += 4 * width)
                {
                    Vector512<T> w0 = term.W(Simd.Load(xr + i));
                    Vector512<T> w1 = term.W(Simd.Load(xr + i + width));
                    Vector512<T> w2 = term.W(Simd.Load(xr + i + 2 * width));
                    Vector512<T> w3 = term.W(Simd.Load(xr + i + 3 * width));
                    Vector512<T> u0 = term.U(w0, TTerm.UsesDy ? Simd.Load(dyr + i) : default);
                    Vector512<T> u1 = term.U(w1, TTerm.UsesDy ? Simd.Load(dyr + i + width) : default);
                    Vector512<T> u2 = term.U(w2, TTerm.UsesDy ? Simd.Load(dyr + i + 2 * width) : default);
                    Vector512<T> u3 = term.U(w3, TTerm.UsesDy ? Simd.Load(dyr + i + 3 * width) : default);
                    s0 += u0;
                    s1 += u1;
                    s2 += u2;
                    s3 += u3;
                    if (TTerm.HasProduct)
                    {
                        p0 = Simd.Fma(u0, w0, p0);
                        p1 = Simd.Fma(u1, w1, p1);
                        p2 = Simd.Fma(u2, w2, p2);
                        p3 = Simd.Fma(u3, w3, p3);
                    }

                    counted++;
                }

                if (counted >= BlockPacks)
                {
                    Flush(ref s0, ref s1, ref s2, ref s3, ref sumLow, ref sumHigh);
                    if (TTerm.HasProduct) Flush(ref p0, ref p1, ref p2, ref p3, ref productLow, ref productHigh);
                    counted = 0;
                }
            }

            for (; i <= length - width; i += width)
            {
                Vector512<T> w = term.W(Simd.Load(xr + i));
                Vector512<T> u = term.U(w, TTerm.UsesDy ? Simd.Load(dyr + i) : default);
                s1 += u;
                if (TTerm.HasProduct) p1 = Simd.Fma(u, w, p1);
            }

            if (i < length)
            {
                Vector512<T> w = term.W(Simd.Load(xr + length - width));
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
    private static (double Sum, double ProductSum) SumShort<T, TTerm>(T* x, T* dy, int runs, nint stride, int length, TTerm term)
        where T : unmanaged, IFloatingPointIeee754<T>
        where TTerm : struct, ITerm<T>
    {
        Vector512<T> s = default, p = default, none = default;
        Vector512<double> sumLow = default, sumHigh = default, productLow = default, productHigh = default;
        Vector512<T> head = Simd.HeadMask<T>(length);
        for (int run = 0; run < runs; run++)
        {
            Vector512<T> w = term.W(Simd.LoadPartial(x + run * stride, length));
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

    /// <summary>result = map(x, dy) over the group; <paramref name="result"/> must not be the memory of x or dy: overlapping packs read them twice.</summary>
    /// <param name="ahead">What lies behind each run belongs to the next group (the next channel): ask for it while this one is mapped.</param>
    /// <param name="stream">Store past the caches: for results that outgrow them. Used only where every run is aligned; call <see cref="Simd.StreamFence"/> after the last map of a chunk.</param>
    public static void Map<T, TMap>(T* x, T* dy, T* result, int runs, nint stride, int length, TMap map, bool stream, bool ahead)
        where T : unmanaged, IFloatingPointIeee754<T>
        where TMap : struct, IMap<T>
    {
        int width = Vector512<T>.Count;
        if (length < width) MapShort(x, dy, result, runs, stride, length, map);
        else if (stream && length % width == 0 && stride % width == 0 && (nint)result % Simd.Alignment == 0) MapStream(x, dy, result, runs, stride, length, map, ahead);
        else MapLong(x, dy, result, runs, stride, length, map, ahead);
    }

    // next: from a pack to the one that is asked for. Without "ahead" it is the pack itself, which costs nothing.

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void MapStream<T, TMap>(T* x, T* dy, T* result, int runs, nint stride, int length, TMap argument, bool ahead)
        where T : unmanaged, IFloatingPointIeee754<T>
        where TMap : struct, IMap<T>
    {
        TMap map = argument;
        int next = ahead ? length : 0;
        int width = Vector512<T>.Count;
        for (int run = 0; run < runs; run++)
        {
            T* xr = x + run * stride;
            T* dyr = TMap.UsesDy ? dy + run * stride : x;
            T* rr = result + run * stride;
            for (int i = 0; i < length; i += width)
            {
                Simd.Prefetch(xr + next + i);
                if (TMap.UsesDy) Simd.Prefetch(dyr + next + i);
                Simd.StoreStream(rr + i, map.Invoke(Simd.Load(xr + i), TMap.UsesDy ? Simd.Load(dyr + i) : default));
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void MapLong<T, TMap>(T* x, T* dy, T* result, int runs, nint stride, int length, TMap argument, bool ahead)
        where T : unmanaged, IFloatingPointIeee754<T>
        where TMap : struct, IMap<T>
    {
        TMap map = argument;
        int next = ahead ? length : 0;
        int width = Vector512<T>.Count;
        for (int run = 0; run < runs; run++)
        {
            T* xr = x + run * stride;
            T* dyr = TMap.UsesDy ? dy + run * stride : x;
            T* rr = result + run * stride;
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

                Vector512<T> r0 = map.Invoke(Simd.Load(xr + i), TMap.UsesDy ? Simd.Load(dyr + i) : default);
                Vector512<T> r1 = map.Invoke(Simd.Load(xr + i + width), TMap.UsesDy ? Simd.Load(dyr + i + width) : default);
                Simd.Store(rr + i, r0);
                Simd.Store(rr + i + width, r1);
            }

            // What is left is done by one or two packs, the last of which overlaps.
            for (; i < length; i += width)
            {
                int at = Math.Min(i, length - width);
                Simd.Store(rr + at, map.Invoke(Simd.Load(xr + at), TMap.UsesDy ? Simd.Load(dyr + at) : default));
            }
        }
    }

    /// <summary>Runs shorter than a pack: each is one partial pack.</summary>
    private static void MapShort<T, TMap>(T* x, T* dy, T* result, int runs, nint stride, int length, TMap map)
        where T : unmanaged, IFloatingPointIeee754<T>
        where TMap : struct, IMap<T>
    {
        for (int run = 0; run < runs; run++)
        {
            nint at = run * stride;
            Simd.StorePartial(result + at, map.Invoke(Simd.LoadPartial(x + at, length), TMap.UsesDy ? Simd.LoadPartial(dy + at, length) : default), length);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Flush<T>(ref Vector512<T> a0, ref Vector512<T> a1, ref Vector512<T> a2, ref Vector512<T> a3, ref Vector512<double> low, ref Vector512<double> high)
        where T : unmanaged
    {
        Widen.Add((a0 + a1) + (a2 + a3), ref low, ref high);
        a0 = a1 = a2 = a3 = default;
    }
}
