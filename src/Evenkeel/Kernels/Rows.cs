using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Evenkeel.Kernels;

/// <summary>
/// The loops of a norm over the rows of a matrix, whose gamma and beta belong to the columns. One row at a time; it stays in the first-level cache between passes, and while it is written the next one is asked for.
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
    /// <param name="stream">Store past the caches; only where y is aligned to a pack and a row is whole packs.</param>
    public static void Normalize<T, TEpilogue>(T* x, T* gamma, T* beta, T* y, int length, Row<T> row, bool stream)
        where T : unmanaged, IFloatingPointIeee754<T>
        where TEpilogue : struct, IEpilogue
    {
        if (length >= Vector512<T>.Count)
        {
            NormalizeLong<T, TEpilogue>(x, gamma, beta, y, length, row, stream);
            return;
        }

        Vector512<T> value = Simd.Fma(row.XHat(Simd.LoadPartial(x, length)), Simd.LoadPartial(gamma, length), Simd.LoadPartial(beta, length));
        Simd.StorePartial(y, TEpilogue.Apply(value), length);
    }

    /// <summary>
    /// Σg and Σg·xhat of a row, g = gamma·dy; adds dy·xhat to <paramref name="dgamma"/> and dy to <paramref name="dbeta"/>, column by column.
    /// </summary>
    public static (double Sum, double ProductSum) Cotangent<T, TEpilogue>(T* x, T* dy, T* gamma, T* beta, T* dgamma, T* dbeta, int length, Row<T> row)
        where T : unmanaged, IFloatingPointIeee754<T>
        where TEpilogue : struct, IEpilogue
    {
        if (length >= Vector512<T>.Count) return CotangentLong<T, TEpilogue>(x, dy, gamma, beta, dgamma, dbeta, length, row);
        Vector512<T> gammas = Simd.LoadPartial(gamma, length);
        Vector512<T> xhat = row.XHat(Simd.LoadPartial(x, length));
        Vector512<T> fresh = TEpilogue.Backward(Simd.Fma(xhat, gammas, Simd.LoadPartial(beta, length)), Simd.LoadPartial(dy, length)) & Simd.HeadMask<T>(length);
        Vector512<T> g = fresh * gammas;
        Simd.StorePartial(dgamma, Simd.Fma(fresh, xhat, Simd.LoadPartial(dgamma, length)), length);
        Simd.StorePartial(dbeta, Simd.LoadPartial(dbeta, length) + fresh, length);
        return (Simd.SumLanes(g), Simd.SumLanes(g * xhat));
    }

    /// <summary>dx = rstd·g + b·(x - pivot) + c.</summary>
    /// <param name="stream">Store past the caches; only where dx is aligned to a pack and a row is whole packs.</param>
    public static void Gradient<T, TEpilogue>(T* x, T* dy, T* gamma, T* beta, T* dx, int length, Row<T> row, Vector512<T> b, Vector512<T> c, bool stream)
        where T : unmanaged, IFloatingPointIeee754<T>
        where TEpilogue : struct, IEpilogue
    {
        if (length >= Vector512<T>.Count)
        {
            GradientLong<T, TEpilogue>(x, dy, gamma, beta, dx, length, row, b, c, stream);
            return;
        }

        Vector512<T> xs = Simd.LoadPartial(x, length), gammas = Simd.LoadPartial(gamma, length);
        Vector512<T> fresh = TEpilogue.Backward(Simd.Fma(row.XHat(xs), gammas, Simd.LoadPartial(beta, length)), Simd.LoadPartial(dy, length));
        Simd.StorePartial(dx, Simd.Fma(row.Rstd, fresh * gammas, Simd.Fma(b, xs - row.Pivot, c)), length);
    }

    // No call stands in the loops below: one would force what they keep in registers out of them.

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void NormalizeLong<T, TEpilogue>(T* x, T* gamma, T* beta, T* y, int length, Row<T> argument, bool stream)
        where T : unmanaged, IFloatingPointIeee754<T>
        where TEpilogue : struct, IEpilogue
    {
        Row<T> row = argument;
        int width = Vector512<T>.Count;
        if (stream)
        {
            for (int i = 0; i < length; i += width)
            {
                Simd.Prefetch(x + length + i);
                Simd.StoreStream(y + i, TEpilogue.Apply(Simd.Fma(row.XHat(Simd.Load(x + i)), Simd.Load(gamma + i), Simd.Load(beta + i))));
            }

            return;
        }

        for (int i = 0; i < length; i += width)
        {
            int at = Math.Min(i, length - width);
            Simd.Store(y + at, TEpilogue.Apply(Simd.Fma(row.XHat(Simd.Load(x + at)), Simd.Load(gamma + at), Simd.Load(beta + at))));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static (double Sum, double ProductSum) CotangentLong<T, TEpilogue>(T* x, T* dy, T* gamma, T* beta, T* dgamma, T* dbeta, int length, Row<T> argument)
        where T : unmanaged, IFloatingPointIeee754<T>
        where TEpilogue : struct, IEpilogue
    {
        Row<T> row = argument;
        int width = Vector512<T>.Count;
        Vector512<T> s0 = default, s1 = default, p0 = default, p1 = default;
        Vector512<double> sumLow = default, sumHigh = default, productLow = default, productHigh = default;
        Vector512<T> all = Vector512<T>.AllBitsSet;
        int i = 0;
        while (i <= length - 2 * width)
        {
            int end = Math.Min(length - 2 * width, i + (BlockSteps - 1) * 2 * width);
            for (; i <= end; i += 2 * width)
            {
                Step<T, TEpilogue>(x + i, dy + i, gamma + i, beta + i, dgamma + i, dbeta + i, row, all, ref s0, ref p0);
                int j = i + width;
                Step<T, TEpilogue>(x + j, dy + j, gamma + j, beta + j, dgamma + j, dbeta + j, row, all, ref s1, ref p1);
            }

            Widen.Add(s0 + s1, ref sumLow, ref sumHigh);
            Widen.Add(p0 + p1, ref productLow, ref productHigh);
            s0 = s1 = p0 = p1 = default;
        }

        // What is left is one or two packs; in an overlapping last one the lanes already counted are masked off.
        for (; i < length; i += width)
        {
            int j = Math.Min(i, length - width);
            Step<T, TEpilogue>(x + j, dy + j, gamma + j, beta + j, dgamma + j, dbeta + j, row, Simd.TailMask<T>(Math.Min(width, length - i)), ref s0, ref p0);
        }

        Widen.Add(s0 + s1, ref sumLow, ref sumHigh);
        Widen.Add(p0 + p1, ref productLow, ref productHigh);
        return (Simd.SumLanes(sumLow + sumHigh), Simd.SumLanes(productLow + productHigh));
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void GradientLong<T, TEpilogue>(T* x, T* dy, T* gamma, T* beta, T* dx, int length, Row<T> argument, Vector512<T> b, Vector512<T> c, bool stream)
        where T : unmanaged, IFloatingPointIeee754<T>
        where TEpilogue : struct, IEpilogue
    {
        Row<T> row = argument;
        Vector512<T> slope = b, offset = c;
        int width = Vector512<T>.Count;
        for (int i = 0; i < length; i += width)
        {
            int at = Math.Min(i, length - width);
            Simd.Prefetch(x + length + i);
            Simd.Prefetch(dy + length + i);
            Vector512<T> xs = Simd.Load(x + at), gammas = Simd.Load(gamma + at);
            Vector512<T> fresh = TEpilogue.Backward(Simd.Fma(row.XHat(xs), gammas, Simd.Load(beta + at)), Simd.Load(dy + at));
            Vector512<T> gradient = Simd.Fma(row.Rstd, fresh * gammas, Simd.Fma(slope, xs - row.Pivot, offset));
            if (stream) Simd.StoreStream(dx + at, gradient);
            else Simd.Store(dx + at, gradient);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Step<T, TEpilogue>(
        T* x, T* dy, T* gamma, T* beta, T* dgamma, T* dbeta, Row<T> row, Vector512<T> mask, ref Vector512<T> sum, ref Vector512<T> product)
        where T : unmanaged, IFloatingPointIeee754<T>
        where TEpilogue : struct, IEpilogue
    {
        Vector512<T> xhat = row.XHat(Simd.Load(x)), gammas = Simd.Load(gamma);
        Vector512<T> fresh = TEpilogue.Backward(Simd.Fma(xhat, gammas, Simd.Load(beta)), Simd.Load(dy)) & mask;
        Vector512<T> g = fresh * gammas;
        sum += g;
        product = Simd.Fma(g, xhat, product);
        Simd.Store(dgamma, Simd.Fma(fresh, xhat, Simd.Load(dgamma)));
        Simd.Store(dbeta, Simd.Load(dbeta) + fresh);
    }
}
