using System.Diagnostics;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Evenkeel.Kernels;

/// <summary>
/// Loops over the columns of a row-major matrix: every lane is a column of its own, so packs run down the rows. Four
/// packs (a stripe) go together where there are enough columns, for whole cache lines and independent chains; a single
/// pack does the rest, in the same order of additions.
/// </summary>
internal static unsafe class Columns
{
    /// <summary>Columns of a stripe of four packs.</summary>
    public static int StripeColumns<T>() where T : unmanaged => 4 * Vector512<T>.Count;

    /// <summary>
    /// How many rows ahead a stripe is asked for, in a matrix larger than the second-level cache: its rows are far
    /// apart, which no hardware prefetcher follows.
    /// </summary>
    private const int PrefetchRows = 16;

    /// <summary>Rows a lane accumulates in T before it goes into double.</summary>
    private const int BlockRows = 64;

    /// <summary>
    /// Σu (row 0 of <paramref name="sums"/>) and Σu·w (row 1) of each column of a stripe, or of a single pack.
    /// </summary>
    /// <param name="lanes">
    /// Columns: a stripe's, a pack's, or fewer where the matrix has fewer columns than a pack.
    /// </param>
    public static void Sum<T, TTerm>(
        T* x, T* dy, int rows, nint stride, int lanes, Constants<T> constants, double* sums, double* products)
        where T : unmanaged, IFloatingPointIeee754<T>
        where TTerm : struct, ITerm<T>, IGroupwise<TTerm, T> =>
        Sum<T, TTerm, NoMask<T>>(x, dy, rows, stride, lanes, constants, sums, products, default);

    /// <inheritdoc cref="Sum{T, TTerm}"/>
    public static void Sum<T, TTerm, TMask>(
        T* x, T* dy, int rows, nint stride, int lanes, Constants<T> constants, double* sums, double* products,
        TMask mask)
        where T : unmanaged, IFloatingPointIeee754<T>
        where TTerm : struct, ITerm<T>, IGroupwise<TTerm, T>
        where TMask : struct, IPositionMask<T, TMask>
    {
        int width = Vector512<T>.Count;
        Debug.Assert(lanes == 4 * width || (lanes >= 1 && lanes <= width), "a stripe, a pack or a part of one");
        Debug.Assert(rows <= 1 || stride >= lanes, "the rows overlap");
        if (lanes == 4 * width)
        {
            SumStripe<T, TTerm, TMask>(x, dy, rows, stride, constants, sums, products, mask);
            return;
        }

        if (lanes == width) SumPack<T, TTerm, TMask>(x, dy, rows, stride, constants, sums, products, mask);
        else SumPartial<T, TTerm, TMask>(x, dy, rows, stride, lanes, constants, sums, products, mask);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void SumPack<T, TTerm, TMask>(
        T* x, T* dy, int rows, nint stride, Constants<T> constants, double* sums, double* products, TMask mask)
        where T : unmanaged, IFloatingPointIeee754<T>
        where TTerm : struct, ITerm<T>, IGroupwise<TTerm, T>
        where TMask : struct, IPositionMask<T, TMask>
    {
        TTerm term = TTerm.Of<GroupPerLane>(constants);
        Vector512<double> sumLow = default, sumHigh = default, productLow = default, productHigh = default;
        for (int block = 0; block < rows; block += BlockRows)
        {
            int end = Math.Min(rows, block + BlockRows);
            Vector512<T> s = default, p = default;
            for (int row = block; row < end; row++)
            {
                Vector512<T> w = term.W(Simd.Load(x + row * stride));
                if (!TMask.IsNone) w &= mask.Run(row).Load(0);
                Vector512<T> u = term.U(w, TTerm.UsesDy ? Simd.Load(dy + row * stride) : default);
                s += u;
                if (TTerm.HasProduct) p = Simd.Fma(u, w, p);
            }

            Widen.Add(s, ref sumLow, ref sumHigh);
            if (TTerm.HasProduct) Widen.Add(p, ref productLow, ref productHigh);
        }

        StoreSums<T>(sums, sumLow, sumHigh);
        if (TTerm.HasProduct) StoreSums<T>(products, productLow, productHigh);
    }

    /// <summary>A matrix of fewer columns than a pack.</summary>
    private static void SumPartial<T, TTerm, TMask>(
        T* x, T* dy, int rows, nint stride, int lanes, Constants<T> constants, double* sums, double* products,
        TMask mask)
        where T : unmanaged, IFloatingPointIeee754<T>
        where TTerm : struct, ITerm<T>, IGroupwise<TTerm, T>
        where TMask : struct, IPositionMask<T, TMask>
    {
        TTerm term = TTerm.Of<GroupPerLane>(constants);
        Vector512<double> sumLow = default, sumHigh = default, productLow = default, productHigh = default;
        for (int block = 0; block < rows; block += BlockRows)
        {
            Vector512<T> s = default, p = default;
            for (int row = block; row < Math.Min(rows, block + BlockRows); row++)
            {
                Vector512<T> w = term.W(Simd.LoadPartial(x + row * stride, lanes));
                if (!TMask.IsNone) w &= mask.Run(row).Load(0);
                Vector512<T> u = term.U(w, TTerm.UsesDy ? Simd.LoadPartial(dy + row * stride, lanes) : default);
                s += u;
                if (TTerm.HasProduct) p = Simd.Fma(u, w, p);
            }

            Widen.Add(s, ref sumLow, ref sumHigh);
            Widen.Add(p, ref productLow, ref productHigh);
        }

        StoreSums<T>(sums, sumLow, sumHigh);
        if (TTerm.HasProduct) StoreSums<T>(products, productLow, productHigh);
    }

    /// <summary>result = map(x, dy) down a stripe of columns, or a single pack.</summary>
    public static void Map<T, TMap>(T* x, T* dy, T* result, int rows, nint stride, int lanes, Constants<T> constants)
        where T : unmanaged, IFloatingPointIeee754<T>
        where TMap : struct, IMap<T>, IGroupwise<TMap, T> =>
        Map<T, TMap, NoMask<T>>(x, dy, result, rows, stride, lanes, constants, default);

    /// <inheritdoc cref="Map{T, TMap}"/>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Map<T, TMap, TMask>(
        T* x, T* dy, T* result, int rows, nint stride, int lanes, Constants<T> constants, TMask mask)
        where T : unmanaged, IFloatingPointIeee754<T>
        where TMap : struct, IMap<T>, IGroupwise<TMap, T>
        where TMask : struct, IPositionMask<T, TMask>
    {
        int width = Vector512<T>.Count;
        Debug.Assert(lanes == 4 * width || (lanes >= 1 && lanes <= width), "a stripe, a pack or a part of one");
        Debug.Assert(rows <= 1 || stride >= lanes, "the rows overlap");
        Debug.Assert(Contracts.AreApart(result, ((rows - 1) * stride) + lanes, x, ((rows - 1) * stride) + lanes));
        TMap m0 = TMap.Of<GroupPerLane>(constants);
        if (lanes == 4 * width)
        {
            TMap m1 = TMap.Of<GroupPerLane>(constants.From(width)),
                m2 = TMap.Of<GroupPerLane>(constants.From(2 * width)),
                m3 = TMap.Of<GroupPerLane>(constants.From(3 * width));
            for (int row = 0; row < rows; row++)
            {
                T* from = x + row * stride;
                T* dyAt = TMap.UsesDy ? dy + row * stride : x;
                T* to = result + row * stride;
                Vector512<T> x0 = Simd.Load(from), d0 = TMap.UsesDy ? Simd.Load(dyAt) : default;
                Vector512<T> x1 = Simd.Load(from + width), d1 = TMap.UsesDy ? Simd.Load(dyAt + width) : default;
                Vector512<T> x2 = Simd.Load(from + 2 * width), d2 = TMap.UsesDy ? Simd.Load(dyAt + 2 * width) : default;
                Vector512<T> x3 = Simd.Load(from + 3 * width), d3 = TMap.UsesDy ? Simd.Load(dyAt + 3 * width) : default;
                Vector512<T> counts = TMask.IsNone ? default : mask.Run(row).Load(0);
                Simd.Store(to, TMask.IsNone ? m0.Invoke(x0, d0) : m0.Invoke(x0, d0, counts));
                Simd.Store(to + width, TMask.IsNone ? m1.Invoke(x1, d1) : m1.Invoke(x1, d1, counts));
                Simd.Store(to + 2 * width, TMask.IsNone ? m2.Invoke(x2, d2) : m2.Invoke(x2, d2, counts));
                Simd.Store(to + 3 * width, TMask.IsNone ? m3.Invoke(x3, d3) : m3.Invoke(x3, d3, counts));
            }
        }
        else if (lanes == width)
        {
            for (int row = 0; row < rows; row++)
            {
                Vector512<T> v = Simd.Load(x + row * stride), d = TMap.UsesDy ? Simd.Load(dy + row * stride) : default;
                Simd.Store(
                    result + row * stride, TMask.IsNone ? m0.Invoke(v, d) : m0.Invoke(v, d, mask.Run(row).Load(0)));
            }
        }
        else
        {
            MapPartial(x, dy, result, rows, stride, lanes, m0, mask);
        }
    }

    /// <summary>A matrix of fewer columns than a pack.</summary>
    private static void MapPartial<T, TMap, TMask>(
        T* x, T* dy, T* result, int rows, nint stride, int lanes, TMap map, TMask mask)
        where T : unmanaged, IFloatingPointIeee754<T>
        where TMap : struct, IMap<T>
        where TMask : struct, IPositionMask<T, TMask>
    {
        for (int row = 0; row < rows; row++)
        {
            Vector512<T> v = Simd.LoadPartial(x + row * stride, lanes),
                d = TMap.UsesDy ? Simd.LoadPartial(dy + row * stride, lanes) : default;
            Simd.StorePartial(result + row * stride,
                TMask.IsNone ? map.Invoke(v, d) : map.Invoke(v, d, mask.Run(row).Load(0)), lanes);
        }
    }

    /// <summary>Elements from a row to the one that is asked for; 0 where none is.</summary>
    private static nint Ahead<T>(int rows, nint stride) where T : unmanaged =>
        rows * stride * sizeof(T) > CacheSizes.BeyondSecondLevel ? PrefetchRows * stride : 0;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void SumStripe<T, TTerm, TMask>(
        T* x, T* dy, int rows, nint stride, Constants<T> constants, double* sums, double* products, TMask mask)
        where T : unmanaged, IFloatingPointIeee754<T>
        where TTerm : struct, ITerm<T>, IGroupwise<TTerm, T>
        where TMask : struct, IPositionMask<T, TMask>
    {
        int width = Vector512<T>.Count;
        nint ahead = Ahead<T>(rows, stride);
        TTerm t0 = TTerm.Of<GroupPerLane>(constants), t1 = TTerm.Of<GroupPerLane>(constants.From(width)),
            t2 = TTerm.Of<GroupPerLane>(constants.From(2 * width)),
            t3 = TTerm.Of<GroupPerLane>(constants.From(3 * width));
        new Span<double>(sums, 4 * width).Clear();
        if (TTerm.HasProduct) new Span<double>(products, 4 * width).Clear();
        for (int block = 0; block < rows; block += BlockRows)
        {
            int end = Math.Min(rows, block + BlockRows);
            Vector512<T> s0 = default, s1 = default, s2 = default, s3 = default, p0 = default, p1 = default,
                p2 = default, p3 = default;
            for (int row = block; row < end; row++)
            {
                T* at = x + row * stride;
                T* dyAt = TTerm.UsesDy ? dy + row * stride : x;
                if (ahead != 0)
                {
                    for (int line = 0; line < 4 * width; line += width)
                    {
                        Simd.Prefetch(at + ahead + line);
                        if (TTerm.UsesDy) Simd.Prefetch(dyAt + ahead + line);
                    }
                }

                Vector512<T> w0 = t0.W(Simd.Load(at)), w1 = t1.W(Simd.Load(at + width)),
                    w2 = t2.W(Simd.Load(at + 2 * width)), w3 = t3.W(Simd.Load(at + 3 * width));
                if (!TMask.IsNone)
                {
                    Vector512<T> counts = mask.Run(row).Load(0);
                    w0 &= counts;
                    w1 &= counts;
                    w2 &= counts;
                    w3 &= counts;
                }

                Vector512<T> u0 = t0.U(w0, TTerm.UsesDy ? Simd.Load(dyAt) : default);
                Vector512<T> u1 = t1.U(w1, TTerm.UsesDy ? Simd.Load(dyAt + width) : default);
                Vector512<T> u2 = t2.U(w2, TTerm.UsesDy ? Simd.Load(dyAt + 2 * width) : default);
                Vector512<T> u3 = t3.U(w3, TTerm.UsesDy ? Simd.Load(dyAt + 3 * width) : default);
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
            }

            AddSums(sums, s0);
            AddSums(sums + width, s1);
            AddSums(sums + 2 * width, s2);
            AddSums(sums + 3 * width, s3);
            if (TTerm.HasProduct)
            {
                AddSums(products, p0);
                AddSums(products + width, p1);
                AddSums(products + 2 * width, p2);
                AddSums(products + 3 * width, p3);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddSums<T>(double* sums, Vector512<T> v) where T : unmanaged
    {
        if (typeof(T) == typeof(float))
        {
            Simd.Store(sums, Simd.Load(sums) + Vector512.WidenLower(v.AsSingle()));
            Simd.Store(sums + Vector512<double>.Count,
                Simd.Load(sums + Vector512<double>.Count) + Vector512.WidenUpper(v.AsSingle()));
        }
        else
        {
            Simd.Store(sums, Simd.Load(sums) + v.AsDouble());
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreSums<T>(double* sums, Vector512<double> low, Vector512<double> high) where T : unmanaged
    {
        Simd.Store(sums, low);
        if (typeof(T) == typeof(float)) Simd.Store(sums + Vector512<double>.Count, high);
    }
}
