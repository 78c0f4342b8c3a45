using System.Diagnostics;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Evenkeel.Kernels;

/// <summary>
/// Loops over neighbouring runs of equal length (the planes of a sample), each with constants of its own: where
/// <see cref="Segments"/> treats one group that lies in many runs, these treat many groups of one run. All runs are one
/// call: a plane of 7x7 is four packs, and a call would cost more than they do.
/// </summary>
internal static unsafe class Planes
{
    /// <summary>Packs a lane accumulates in T before it goes into double, as in <see cref="Segments"/>.</summary>
    private const int BlockPacks = 64;

    /// <summary>
    /// Packs of the longest run that <see cref="SumBlock"/> sums: it stays in the first-level cache for a second walk,
    /// and no lane accumulates more than <see cref="BlockPacks"/>.
    /// </summary>
    private const int ShortPacks = 64;

    /// <summary>
    /// Packs of the sample whose mean is a run's first pivot: one for every so many packs of the run, at most
    /// <see cref="MaxSamples"/>.
    /// </summary>
    private const int SampleEvery = 8;
    private const int MaxSamples = 8;

    /// <summary>Σu and Σu·w of every run.</summary>
    /// <param name="constants">A place per run.</param>
    /// <param name="sums">Receives Σu, one value per run.</param>
    /// <param name="products">Receives Σu·w, one value per run.</param>
    /// <remarks>
    /// With 256-bit registers SumLong keeps some accumulators on the stack. Frames are aligned to 16 bytes, and half of
    /// those accumulators may straddle cache lines, which takes twice as long. So this frame ends at a multiple of 32;
    /// two arguments of SumLong are on it.
    /// </remarks>
    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Sum<T, TTerm>(
        T* x, T* dy, int runs, int length, Constants<T> constants, double* sums, double* products)
        where T : unmanaged, IFloatingPointIeee754<T>
        where TTerm : struct, ITerm<T>, IGroupwise<TTerm, T>
    {
        Debug.Assert(runs >= 0 && length >= 0);
        if (length < Vector512<T>.Count)
        {
            SumShort<T, TTerm>(x, dy, runs, length, constants, sums, products);
            return;
        }

        if (length <= ShortPacks * Vector512<T>.Count)
        {
            SumBlock<T, TTerm>(x, dy, runs, length, constants, sums, products);
            return;
        }

        if (!Vector512.IsHardwareAccelerated)
        {
            byte* end = stackalloc byte[16 - (runs >> 31)];
            *end = 0;
            if (((nint)end & 16) == 0)
            {
                byte* lower = stackalloc byte[16 - (runs >> 31)];
                *lower = 0;
            }
        }

        SumLong<T, TTerm>(x, dy, runs, length, constants, sums, products);
    }

    /// <summary>
    /// result = map(x, dy) over every run; <paramref name="result"/> must not be the memory of x or dy:
    /// overlapping packs read them twice.
    /// </summary>
    /// <param name="constants">A place per run.</param>
    /// <param name="ahead">
    /// Elements from a value to the one that is asked for while it is mapped: the length of a chunk of runs, if the
    /// next chunk follows. The ends of the runs are asked for too: they are a third of a plane of 7x7.
    /// </param>
    /// <param name="stream">
    /// Store past the caches: for results that outgrow them. Used only where every run is aligned; call
    /// <see cref="Simd.StreamFence"/> after the last map of a chunk.
    /// </param>
    public static void Map<T, TMap>(
        T* x, T* dy, T* result, int runs, int length, Constants<T> constants, int ahead, bool stream)
        where T : unmanaged, IFloatingPointIeee754<T>
        where TMap : struct, IMap<T>, IGroupwise<TMap, T>
    {
        int width = Vector512<T>.Count;
        Debug.Assert(runs >= 0 && length >= 0 && ahead >= 0);
        Debug.Assert(Contracts.AreApart(result, (long)runs * length, x, (long)runs * length), "the result overlaps x");
        if (length < width) MapShort<T, TMap>(x, dy, result, runs, length, constants);
        else if (stream && length % width == 0 && (nint)result % Simd.Alignment == 0)
            MapStream<T, TMap>(x, dy, result, runs, length, constants, ahead);
        else MapLong<T, TMap>(x, dy, result, runs, length, constants, ahead);
    }

    /// <summary>
    /// The mean of a sample of each run (all of it where it is shorter than a pack), rounded to T: its first pivot.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void SampleMeans<T>(T* x, int runs, int length, double* pivots)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        int width = Vector512<T>.Count;
        Debug.Assert(runs >= 0 && length >= 1, "no values have no mean");
        if (length < width)
        {
            for (int run = 0; run < runs; run++)
                pivots[run] = Widen.Round<T>(Simd.SumLanes(Simd.LoadPartial(x + (nint)run * length, length)) / length);
            return;
        }

        // Evenly spaced packs; of a short run one will do, from its middle.
        int samples = Math.Clamp(length / (SampleEvery * width), 1, MaxSamples);
        int step = length / samples, start = (step - width) / 2;
        double share = 1.0 / (samples * width);
        for (int run = 0; run < runs; run++)
        {
            T* at = x + (nint)run * length + start;
            Vector512<T> sum = Simd.Load(at);
            for (int k = 1; k < samples; k++) sum += Simd.Load(at + k * step);
            pivots[run] = Widen.Round<T>(Simd.SumLanes(sum) * share);
        }
    }

    // No call stands in the loops below: one would force what they keep in registers out of them.

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void SumLong<T, TTerm>(
        T* x, T* dy, int runs, int length, Constants<T> constants, double* sums, double* products)
        where T : unmanaged, IFloatingPointIeee754<T>
        where TTerm : struct, ITerm<T>, IGroupwise<TTerm, T>
    {
        int width = Vector512<T>.Count;
        Vector512<T> tail = Simd.TailMask<T>(length % width);
        for (int run = 0; run < runs; run++)
        {
            TTerm term = TTerm.Of<GroupPerPack>(constants.From(run));
            T* xr = x + (nint)run * length;
            T* dyr = TTerm.UsesDy ? dy + (nint)run * length : x;
            Vector512<T> s0 = default, s1 = default, s2 = default, s3 = default, p0 = default, p1 = default,
                p2 = default, p3 = default;
            Vector512<double> sumLow = default, sumHigh = default, productLow = default, productHigh = default;
            int i = 0;
            while (i <= length - 4 * width)
            {
                int end = Math.Min(length - 4 * width, i + (BlockPacks - 1) * 4 * width);
                for (; i <= end; i += 4 * width)
                {
                    Step(term, xr + i, dyr + i, ref s0, ref p0);
                    Step(term, xr + i + width, dyr + i + width, ref s1, ref p1);
                    Step(term, xr + i + 2 * width, dyr + i + 2 * width, ref s2, ref p2);
                    Step(term, xr + i + 3 * width, dyr + i + 3 * width, ref s3, ref p3);
                }

                if (i > length - 4 * width) break;
                Flush(ref s0, ref s1, ref s2, ref s3, ref sumLow, ref sumHigh);
                Flush(ref p0, ref p1, ref p2, ref p3, ref productLow, ref productHigh);
            }

            for (; i <= length - width; i += width) Step(term, xr + i, dyr + i, ref s1, ref p1);

            // What is left is one overlapping pack whose already counted lanes are masked off.
            if (i < length)
            {
                Vector512<T> w = term.W(Simd.Load(xr + length - width));
                Vector512<T> u = term.U(w, TTerm.UsesDy ? Simd.Load(dyr + length - width) : default) & tail;
                s2 += u;
                p2 = Simd.Fma(u, w, p2);
            }

            Flush(ref s0, ref s1, ref s2, ref s3, ref sumLow, ref sumHigh);
            Flush(ref p0, ref p1, ref p2, ref p3, ref productLow, ref productHigh);
            sums[run] = Simd.SumLanes(sumLow + sumHigh);
            products[run] = Simd.SumLanes(productLow + productHigh);
        }
    }

    /// <summary>
    /// Runs of one block, which go into double once. With narrower registers the accumulators of two packs fit, but not
    /// those of four: then it is two walks over a run, each of which takes two packs of four. The order of a sum's
    /// terms is that of SumLong.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void SumBlock<T, TTerm>(
        T* x, T* dy, int runs, int length, Constants<T> constants, double* sums, double* products)
        where T : unmanaged, IFloatingPointIeee754<T>
        where TTerm : struct, ITerm<T>, IGroupwise<TTerm, T>
    {
        int width = Vector512<T>.Count;
        Vector512<T> tail = Simd.TailMask<T>(length % width);
        for (int run = 0; run < runs; run++)
        {
            TTerm term = TTerm.Of<GroupPerPack>(constants.From(run));
            T* xr = x + (nint)run * length;
            T* dyr = TTerm.UsesDy ? dy + (nint)run * length : x;
            Vector512<T> s0 = default, s1 = default, s2 = default, s3 = default, p0 = default, p1 = default,
                p2 = default, p3 = default;
            int i = 0;
            for (; i <= length - 4 * width; i += 4 * width)
            {
                Step(term, xr + i, dyr + i, ref s0, ref p0);
                Step(term, xr + i + width, dyr + i + width, ref s1, ref p1);
                if (!Vector512.IsHardwareAccelerated) continue;
                Step(term, xr + i + 2 * width, dyr + i + 2 * width, ref s2, ref p2);
                Step(term, xr + i + 3 * width, dyr + i + 3 * width, ref s3, ref p3);
            }

            for (; i <= length - width; i += width) Step(term, xr + i, dyr + i, ref s1, ref p1);
            Vector512<T> sum = s0 + s1, product = p0 + p1;
            if (!Vector512.IsHardwareAccelerated)
            {
                s2 = s3 = p2 = p3 = default;
                for (int k = 2 * width; k <= length - 2 * width; k += 4 * width)
                {
                    Step(term, xr + k, dyr + k, ref s2, ref p2);
                    Step(term, xr + k + width, dyr + k + width, ref s3, ref p3);
                }
            }

            if (i < length)
            {
                Vector512<T> w = term.W(Simd.Load(xr + length - width));
                Vector512<T> u = term.U(w, TTerm.UsesDy ? Simd.Load(dyr + length - width) : default) & tail;
                s2 += u;
                p2 = Simd.Fma(u, w, p2);
            }

            sums[run] = Simd.SumLanes(sum + (s2 + s3));
            products[run] = Simd.SumLanes(product + (p2 + p3));
        }
    }

    /// <summary>Runs shorter than a pack: each is one partial pack.</summary>
    private static void SumShort<T, TTerm>(
        T* x, T* dy, int runs, int length, Constants<T> constants, double* sums, double* products)
        where T : unmanaged, IFloatingPointIeee754<T>
        where TTerm : struct, ITerm<T>, IGroupwise<TTerm, T>
    {
        Vector512<T> head = Simd.HeadMask<T>(length);
        for (int run = 0; run < runs; run++)
        {
            TTerm term = TTerm.Of<GroupPerPack>(constants.From(run));
            nint at = (nint)run * length;
            Vector512<T> w = term.W(Simd.LoadPartial(x + at, length));
            Vector512<T> u = term.U(w, TTerm.UsesDy ? Simd.LoadPartial(dy + at, length) : default) & head;
            sums[run] = Simd.SumLanes(u);
            products[run] = Simd.SumLanes(u * w);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void MapStream<T, TMap>(
        T* x, T* dy, T* result, int runs, int length, Constants<T> constants, int ahead)
        where T : unmanaged, IFloatingPointIeee754<T>
        where TMap : struct, IMap<T>, IGroupwise<TMap, T>
    {
        int width = Vector512<T>.Count;
        for (int run = 0; run < runs; run++)
        {
            TMap map = TMap.Of<GroupPerPack>(constants.From(run));
            T* xr = x + (nint)run * length;
            T* dyr = TMap.UsesDy ? dy + (nint)run * length : x;
            T* rr = result + (nint)run * length;
            for (int i = 0; i < length; i += width)
            {
                Ask<T, TMap>(xr + i + ahead, dyr + i + ahead);
                Simd.StoreStream(rr + i, map.Invoke(Simd.Load(xr + i), TMap.UsesDy ? Simd.Load(dyr + i) : default));
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void MapLong<T, TMap>(
        T* x, T* dy, T* result, int runs, int length, Constants<T> constants, int ahead)
        where T : unmanaged, IFloatingPointIeee754<T>
        where TMap : struct, IMap<T>, IGroupwise<TMap, T>
    {
        int width = Vector512<T>.Count;
        for (int run = 0; run < runs; run++)
        {
            TMap map = TMap.Of<GroupPerPack>(constants.From(run));
            T* xr = x + (nint)run * length;
            T* dyr = TMap.UsesDy ? dy + (nint)run * length : x;
            T* rr = result + (nint)run * length;
            int i = 0;
            for (; i <= length - 2 * width; i += 2 * width)
            {
                Ask<T, TMap>(xr + i + ahead, dyr + i + ahead);
                Ask<T, TMap>(xr + i + width + ahead, dyr + i + width + ahead);
                Vector512<T> r0 = map.Invoke(Simd.Load(xr + i), TMap.UsesDy ? Simd.Load(dyr + i) : default);
                Vector512<T> r1 = map.Invoke(
                    Simd.Load(xr + i + width), TMap.UsesDy ? Simd.Load(dyr + i + width) : default);
                Simd.Store(rr + i, r0);
                Simd.Store(rr + i + width, r1);
            }

            // What is left is done by one or two packs, the last of which overlaps.
            for (; i < length; i += width)
            {
                Ask<T, TMap>(xr + i + ahead, dyr + i + ahead);
                int at = Math.Min(i, length - width);
                Simd.Store(rr + at, map.Invoke(Simd.Load(xr + at), TMap.UsesDy ? Simd.Load(dyr + at) : default));
            }
        }
    }

    /// <summary>Runs shorter than a pack: each is one partial pack.</summary>
    private static void MapShort<T, TMap>(T* x, T* dy, T* result, int runs, int length, Constants<T> constants)
        where T : unmanaged, IFloatingPointIeee754<T>
        where TMap : struct, IMap<T>, IGroupwise<TMap, T>
    {
        for (int run = 0; run < runs; run++)
        {
            TMap map = TMap.Of<GroupPerPack>(constants.From(run));
            nint at = (nint)run * length;
            Simd.StorePartial(
                result + at,
                map.Invoke(Simd.LoadPartial(x + at, length), TMap.UsesDy ? Simd.LoadPartial(dy + at, length) : default),
                length);
        }
    }

    /// <summary>Asks for a pack of each input.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Ask<T, TMap>(T* x, T* dy) where T : unmanaged where TMap : struct, IMap<T>
    {
        Simd.Prefetch(x);
        if (TMap.UsesDy) Simd.Prefetch(dy);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Step<T, TTerm>(TTerm term, T* x, T* dy, ref Vector512<T> sum, ref Vector512<T> product)
        where T : unmanaged
        where TTerm : struct, ITerm<T>
    {
        Vector512<T> w = term.W(Simd.Load(x));
        Vector512<T> u = term.U(w, TTerm.UsesDy ? Simd.Load(dy) : default);
        sum += u;
        product = Simd.Fma(u, w, product);
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
