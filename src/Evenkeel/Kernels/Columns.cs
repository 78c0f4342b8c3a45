using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Evenkeel.Kernels;

/// <summary>A term or map whose constants differ from column to column: it loads them for one pack of columns.</summary>
internal unsafe interface IColumnwise<TSelf>
{
    /// <summary>The formula for the pack that begins at <paramref name="column"/> of a block of coefficients.</summary>
    static abstract TSelf At(double* coefficients, int column);
}

/// <summary>
/// Loops over the columns of a row-major matrix: every lane is a column of its own, so packs run down the rows. Four packs (a stripe) go together where there
/// are enough columns, for whole cache lines and independent chains; a single pack does the rest, in the same order of additions.
/// </summary>
internal static unsafe class Columns
{
    /// <summary>Columns of a stripe of four packs.</summary>
    public static int StripeColumns<T>() where T : unmanaged => 4 * Vector512<T>.Count;

    /// <summary>Doubles from one row of a block of coefficients (one value a column of a stripe) to the next.</summary>
    public const int Row = 64;

    /// <summary>How many rows ahead a stripe is asked for, in a matrix larger than the second-level cache: its rows are far apart, which no hardware prefetcher follows.</summary>
    private const int PrefetchRows = 16;

    private const long PrefetchElements = 1 << 20;

    /// <summary>Rows a lane accumulates in T before it goes into double.</summary>
    private const int BlockRows = 64;

    /// <summary>Σu (row 0 of <paramref name="sums"/>) and Σu·w (row 1) of each column of a stripe, or of a single pack.</summary>
    /// <param name="lanes">Columns: a stripe's, a pack's, or fewer where the matrix has fewer columns than a pack.</param>
    public static void Sum<T, TTerm>(T* x, T* dy, int rows, nint stride, int lanes, double* coefficients, double* sums)
        where T : unmanaged, IFloatingPointIeee754<T>
        where TTerm : struct, ITerm<T>, IColumnwise<TTerm>
    {
        int width = Vector512<T>.Count;
        if (lanes == 4 * width)
        {
            SumStripe<T, TTerm>(x, dy, rows, stride, coefficients, sums);
            return;
        }

        if (lanes == width) SumPack<T, TTerm>(x, dy, rows, stride, coefficients, sums);
        else SumPartial<T, TTerm>(x, dy, rows, stride, lanes, coefficients, sums);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void SumPack<T, TTerm>(T* x, T* dy, int rows, nint stride, double* coefficients, double* sums)
        where T : unmanaged, IFloatingPointIeee754<T>
        where TTerm : struct, ITerm<T>, IColumnwise<TTerm>
    {
        TTerm term = TTerm.At(coefficients, 0);
        Vector512<double> sumLow = default, sumHigh = default, productLow = default, productHigh = default;
        for (int block = 0; block < rows; block += BlockRows)
        {
            int end = Math.Min(rows, block + BlockRows);
            Vector512<T> s = default, p = default;
            for (int row = block; row < end; row++)
            {
                Vector512<T> w = term.W(Simd.Load(x + row * stride));
                Vector512<T> u = term.U(w, TTerm.UsesDy ? Simd.Load(dy + row * stride) : default);
                s += u;
                if (TTerm.HasProduct) p = Simd.Fma(u, w, p);
            }

            Widen.Add(s, ref sumLow, ref sumHigh);
            if (TTerm.HasProduct) Widen.Add(p, ref productLow, ref productHigh);
        }

        StoreSums<T>(sums, sumLow, sumHigh);
        if (TTerm.HasProduct) StoreSums<T>(sums + Row, productLow, productHigh);
    }

    /// <summary>A matrix of fewer columns than a pack.</summary>
    private static void SumPartial<T, TTerm>(T* x, T* dy, int rows, nint stride, int lanes, double* coefficients, double* sums)
        where T : unmanaged, IFloatingPointIeee754<T>
        where TTerm : struct, ITerm<T>, IColumnwise<TTerm>
    {
        TTerm term = TTerm.At(coefficients, 0);
        Vector512<double> sumLow = default, sumHigh = default, productLow = default, productHigh = default;
        for (int block = 0; block < rows; block += BlockRows)
        {
            Vector512<T> s = default, p = default;
            for (int row = block; row < Math.Min(rows, block + BlockRows); row++)
            {
                Vector512<T> w = term.W(Simd.LoadPartial(x + row * stride, lanes));
                Vector512<T> u = term.U(w, TTerm.UsesDy ? Simd.LoadPartial(dy + row * stride, lanes) : default);
                s += u;
                if (TTerm.HasProduct) p = Simd.Fma(u, w, p);
            }

            Widen.Add(s, ref sumLow, ref sumHigh);
            Widen.Add(p, ref productLow, ref productHigh);
        }

        StoreSums<T>(sums, sumLow, sumHigh);
        if (TTerm.HasProduct) StoreSums<T>(sums + Row, productLow, productHigh);
    }

    /// <summary>result = map(x, dy) down a stripe of columns, or a single pack.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Map<T, TMap>(T* x, T* dy, T* result, int rows, nint stride, int lanes, double* coefficients)
        where T : unmanaged, IFloatingPointIeee754<T>
        where TMap : struct, IMap<T>, IColumnwise<TMap>
    {
        int width = Vector512<T>.Count;
        TMap m0 = TMap.At(coefficients, 0);
        if (lanes == 4 * width)
        {
            TMap m1 = TMap.At(coefficients, width), m2 = TMap.At(coefficients, 2 * width), m3 = TMap.At(coefficients, 3 * width);
            for (int row = 0; row < rows; row++)
            {
                T* from = x + row * stride;
                T* dyAt = TMap.UsesDy ? dy + row * stride : x;
                T* to = result + row * stride;
                Simd.Store(to, m0.Invoke(Simd.Load(from), TMap.UsesDy ? Simd.Load(dyAt) : default));
                Simd.Store(to + width, m1.Invoke(Simd.Load(from + width), TMap.UsesDy ? Simd.Load(dyAt + width) : default));
                Simd.Store(to + 2 * width, m2.Invoke(Simd.Load(from + 2 * width), TMap.UsesDy ? Simd.Load(dyAt + 2 * width) : default));
                Simd.Store(to + 3 * width, m3.Invoke(Simd.Load(from + 3 * width), TMap.UsesDy ? Simd.Load(dyAt + 3 * width) : default));
            }
        }
        else if (lanes == width)
        {
            for (int row = 0; row < rows; row++)
                Simd.Store(result + row * stride, m0.Invoke(Simd.Load(x + row * stride), TMap.UsesDy ? Simd.Load(dy + row * stride) : default));
        }
        else
        {
            MapPartial(x, dy, result, rows, stride, lanes, m0);
        }
    }

    /// <summary>A matrix of fewer columns than a pack.</summary>
    private static void MapPartial<T, TMap>(T* x, T* dy, T* result, int rows, nint stride, int lanes, TMap map)
        where T : unmanaged, IFloatingPointIeee754<T>
        where TMap : struct, IMap<T>
    {
        for (int row = 0; row < rows; row++)
            Simd.StorePartial(result + row * stride, map.Invoke(Simd.LoadPartial(x + row * stride, lanes), TMap.UsesDy ? Simd.LoadPartial(dy + row * stride, lanes) : default), lanes);
    }

    /// <summary>Elements from a row to the one that is asked for; 0 where none is.</summary>
    private static nint Ahead(int rows, nint stride) => rows * stride > PrefetchElements ? PrefetchRows * stride : 0;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void SumStripe<T, TTerm>(T* x, T* dy, int rows, nint stride, double* coefficients, double* sums)
        where T : unmanaged, IFloatingPointIeee754<T>
        where TTerm : struct, ITerm<T>, IColumnwise<TTerm>
    {
        int width = Vector512<T>.Count;
        nint ahead = Ahead(rows, stride);
        TTerm t0 = TTerm.At(coefficients, 0), t1 = TTerm.At(coefficients, width), t2 = TTerm.At(coefficients, 2 * width), t3 = TTerm.At(coefficients, 3 * width);
        new Span<double>(sums, Row).Clear();
        if (TTerm.HasProduct) new Span<double>(sums + Row, Row).Clear();
        for (int block = 0; block < rows; block += BlockRows)
        {
            int end = Math.Min(rows, block + BlockRows);
            Vector512<T> s0 = default, s1 = default, s2 = default, s3 = default, p0 = default, p1 = default, p2 = default, p3 = default;
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

                Vector512<T> w0 = t0.W(Simd.Load(at)), w1 = t1.W(Simd.Load(at + width)), w2 = t2.W(Simd.Load(at + 2 * width)), w3 = t3.W(Simd.Load(at + 3 * width));
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
                AddSums(sums + Row, p0);
                AddSums(sums + Row + width, p1);
                AddSums(sums + Row + 2 * width, p2);
                AddSums(sums + Row + 3 * width, p3);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddSums<T>(double* sums, Vector512<T> v) where T : unmanaged
    {
        if (typeof(T) == typeof(float))
        {
            Simd.Store(sums, Simd.Load(sums) + Vector512.WidenLower(v.AsSingle()));
            Simd.Store(sums + Vector512<double>.Count, Simd.Load(sums + Vector512<double>.Count) + Vector512.WidenUpper(v.AsSingle()));
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
