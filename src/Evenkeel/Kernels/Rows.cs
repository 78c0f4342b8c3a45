using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Evenkeel.Kernels;

/// <summary>
/// The loops of a norm over the rows of a matrix, whose gamma and beta belong to the columns. One row at a time; it stays in the first-level cache between passes.
/// </summary>
internal static unsafe class Rows
{
    /// <summary>Steps (of two packs) that a lane accumulates in T before it goes into double.</summary>
    private const int BlockSteps = 32;

    /// <summary>The constants of one row: xhat = (x - Pivot)·Rstd + Offset, Offset = -low·rstd.</summary>
    internal readonly record struct Row<T>(Vector512<T> Pivot, Vector512<T> Rstd, Vector512<T> Offset) where T : unmanaged
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<T> XHat(Vector512<T> x) => Simd.Fma(x - Pivot, Rstd, Offset);
    }

    /// <summary>y = epilogue(xhat·gamma + beta).</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Normalize<T, TEpilogue>(T* x, T* gamma, T* beta, T* y, int length, Row<T> row)
        where T : unmanaged, IFloatingPointIeee754<T>
        where TEpilogue : struct, IEpilogue
    {
        int width = Vector512<T>.Count;
        if (length < width)
        {
            Vector512<T> value = Simd.Fma(row.XHat(Simd.LoadPartial(x, length)), Simd.LoadPartial(gamma, length), Simd.LoadPartial(beta, length));
            Simd.StorePartial(y, TEpilogue.Apply(value), length);
            return;
        }

        for (int i = 0; i < length; i += width)
        {
            if (i > length - width) i = length - width;
            Simd.Store(y + i, TEpilogue.Apply(Simd.Fma(row.XHat(Simd.Load(x + i)), Simd.Load(gamma + i), Simd.Load(beta + i))));
        }
    }

    /// <summary>
    /// Σg and Σg·xhat of a row, g = gamma·dy; adds dy·xhat to <paramref name="dgamma"/> and dy to <paramref name="dbeta"/>, column by column.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static (double Sum, double ProductSum) Cotangent<T, TEpilogue>(T* x, T* dy, T* gamma, T* beta, T* dgamma, T* dbeta, int length, Row<T> row)
        where T : unmanaged, IFloatingPointIeee754<T>
        where TEpilogue : struct, IEpilogue
    {
        int width = Vector512<T>.Count;
        Vector512<T> s0 = default, s1 = default, p0 = default, p1 = default;
        Vector512<double> sumLow = default, sumHigh = default, productLow = default, productHigh = default;
        int i = 0;
        while (i <= length - 2 * width)
        {
            int end = Math.Min(length - 2 * width, i + (BlockSteps - 1) * 2 * width);
            for (; i <= end; i += 2 * width)
            {
                Step<T, TEpilogue>(Simd.Load(x + i), Simd.Load(dy + i), Simd.Load(gamma + i), Simd.Load(beta + i), dgamma + i, dbeta + i, row, ref s0, ref p0);
                int j = i + width;
                Step<T, TEpilogue>(Simd.Load(x + j), Simd.Load(dy + j), Simd.Load(gamma + j), Simd.Load(beta + j), dgamma + j, dbeta + j, row, ref s1, ref p1);
            }

            Widen.Add(s0 + s1, ref sumLow, ref sumHigh);
            Widen.Add(p0 + p1, ref productLow, ref productHigh);
            s0 = s1 = p0 = p1 = default;
        }

        if (i <= length - width)
        {
            Step<T, TEpilogue>(Simd.Load(x + i), Simd.Load(dy + i), Simd.Load(gamma + i), Simd.Load(beta + i), dgamma + i, dbeta + i, row, ref s0, ref p0);
            i += width;
        }

        if (i < length)
        {
            int rest = length - i;
            if (length >= width)
            {
                int j = length - width;
                Vector512<T> y = Simd.Fma(row.XHat(Simd.Load(x + j)), Simd.Load(gamma + j), Simd.Load(beta + j));
                Vector512<T> fresh = TEpilogue.Backward(y, Simd.Load(dy + j)) & Simd.TailMask<T>(rest);
                StepMasked(Simd.Load(x + j), fresh, Simd.Load(gamma + j), dgamma + j, dbeta + j, row, ref s1, ref p1);
            }
            else
            {
                Vector512<T> xs = Simd.LoadPartial(x, length), gammas = Simd.LoadPartial(gamma, length);
                Vector512<T> xhat = row.XHat(xs);
                Vector512<T> fresh = TEpilogue.Backward(Simd.Fma(xhat, gammas, Simd.LoadPartial(beta, length)), Simd.LoadPartial(dy, length)) & Simd.HeadMask<T>(length);
                Vector512<T> g = fresh * gammas;
                s1 += g;
                p1 = Simd.Fma(g, xhat, p1);
                Simd.StorePartial(dgamma, Simd.Fma(fresh, xhat, Simd.LoadPartial(dgamma, length)), length);
                Simd.StorePartial(dbeta, Simd.LoadPartial(dbeta, length) + fresh, length);
            }
        }

        Widen.Add(s0 + s1, ref sumLow, ref sumHigh);
        Widen.Add(p0 + p1, ref productLow, ref productHigh);
        return (Simd.SumLanes(sumLow + sumHigh), Simd.SumLanes(productLow + productHigh));
    }

    /// <summary>dx = rstd·g + b·(x - pivot) + c.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Gradient<T, TEpilogue>(T* x, T* dy, T* gamma, T* beta, T* dx, int length, Row<T> row, Vector512<T> b, Vector512<T> c)
        where T : unmanaged, IFloatingPointIeee754<T>
        where TEpilogue : struct, IEpilogue
    {
        int width = Vector512<T>.Count;
        if (length < width)
        {
            Vector512<T> xs = Simd.LoadPartial(x, length), gammas = Simd.LoadPartial(gamma, length);
            Vector512<T> fresh = TEpilogue.Backward(Simd.Fma(row.XHat(xs), gammas, Simd.LoadPartial(beta, length)), Simd.LoadPartial(dy, length));
            Simd.StorePartial(dx, Simd.Fma(row.Rstd, fresh * gammas, Simd.Fma(b, xs - row.Pivot, c)), length);
            return;
        }

        for (int i = 0; i < length; i += width)
        {
            if (i > length - width) i = length - width;
            Vector512<T> xs = Simd.Load(x + i), gammas = Simd.Load(gamma + i);
            Vector512<T> fresh = TEpilogue.Backward(Simd.Fma(row.XHat(xs), gammas, Simd.Load(beta + i)), Simd.Load(dy + i));
            Simd.Store(dx + i, Simd.Fma(row.Rstd, fresh * gammas, Simd.Fma(b, xs - row.Pivot, c)));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Step<T, TEpilogue>(Vector512<T> x, Vector512<T> dy, Vector512<T> gamma, Vector512<T> beta, T* dgamma, T* dbeta, Row<T> row, ref Vector512<T> sum, ref Vector512<T> product)
        where T : unmanaged, IFloatingPointIeee754<T>
        where TEpilogue : struct, IEpilogue
    {
        Vector512<T> xhat = row.XHat(x);
        Vector512<T> fresh = TEpilogue.Backward(Simd.Fma(xhat, gamma, beta), dy);
        Vector512<T> g = fresh * gamma;
        sum += g;
        product = Simd.Fma(g, xhat, product);
        Simd.Store(dgamma, Simd.Fma(fresh, xhat, Simd.Load(dgamma)));
        Simd.Store(dbeta, Simd.Load(dbeta) + fresh);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StepMasked<T>(Vector512<T> x, Vector512<T> fresh, Vector512<T> gamma, T* dgamma, T* dbeta, Row<T> row, ref Vector512<T> sum, ref Vector512<T> product)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        Vector512<T> xhat = row.XHat(x);
        Vector512<T> g = fresh * gamma;
        sum += g;
        product = Simd.Fma(g, xhat, product);
        Simd.Store(dgamma, Simd.Fma(fresh, xhat, Simd.Load(dgamma)));
        Simd.Store(dbeta, Simd.Load(dbeta) + fresh);
    }
}
