using System.Diagnostics;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Evenkeel.Kernels;

/// <summary>What a norm over rows consists of: a type, so that the loops are compiled with it.</summary>
internal interface IRowNorm
{
    /// <summary>
    /// False: nothing is subtracted and nothing added. There is no mean, so the pivot, the offset and the constant part
    /// of dx are 0, and no beta.
    /// </summary>
    static abstract bool HasMean { get; }
}

/// <summary>
/// The loops of a norm over the rows of a matrix, whose gamma and beta belong to the columns. One row at a time; it
/// stays in the first-level cache between passes, and while it is written the next one is asked for.
/// </summary>
internal static unsafe class Rows
{
    /// <summary>Steps (of two packs) that a lane accumulates in T before it goes into double.</summary>
    private const int BlockSteps = 32;

    /// <summary>The constants of one row: xhat = (x - Pivot)·Rstd + Offset, Offset = -low·rstd.</summary>
    internal readonly record struct Row<T>(Vector512<T> Pivot, Vector512<T> Rstd, Vector512<T> Offset)
        where T : unmanaged
    {
        /// <summary>The constants of a row, from its pivot, scale (rstd) and shift (offset).</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static unsafe Row<T> Of(Constants<T> constants) =>
            new(Simd.Broadcast(*constants.Pivot), Simd.Broadcast(*constants.Scale), Simd.Broadcast(*constants.Shift));

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<T> XHat<TNorm>(Vector512<T> x) where TNorm : struct, IRowNorm =>
            TNorm.HasMean ? Simd.Fma(x - Pivot, Rstd, Offset) : x * Rstd;

        /// <summary>What the epilogue is applied to.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<T> Y<TNorm>(Vector512<T> xhat, Vector512<T> gamma, Vector512<T> beta)
            where TNorm : struct, IRowNorm =>
            TNorm.HasMean ? Simd.Fma(xhat, gamma, beta) : xhat * gamma;

        /// <summary>dx = rstd·g + b·(x - pivot) + c.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<T> Gradient<TNorm>(Vector512<T> x, Vector512<T> g, Vector512<T> b, Vector512<T> c)
            where TNorm : struct, IRowNorm =>
            Simd.Fma(Rstd, g, TNorm.HasMean ? Simd.Fma(b, x - Pivot, c) : b * x);
    }

    /// <summary>y = epilogue(xhat·gamma + beta).</summary>
    /// <param name="stream">Store past the caches; only where y is aligned to a pack and a row is whole packs.</param>
    public static void Normalize<T, TNorm, TEpilogue>(
        T* x, T* gamma, T* beta, T* y, int length, Constants<T> constants, bool stream)
        where T : unmanaged, IFloatingPointIeee754<T>
        where TNorm : struct, IRowNorm
        where TEpilogue : struct, IEpilogue
    {
        Debug.Assert(Contracts.AreApart(y, length, x, length), "y overlaps x");
        Debug.Assert(!stream || (length % Vector512<T>.Count == 0 && Contracts.IsAligned(y)));
        if (length >= Vector512<T>.Count)
        {
            NormalizeLong<T, TNorm, TEpilogue>(x, gamma, beta, y, length, constants, stream);
            return;
        }

        var row = Row<T>.Of(constants);
        Vector512<T> value = Row<T>.Y<TNorm>(row.XHat<TNorm>(Simd.LoadPartial(x, length)),
            Simd.LoadPartial(gamma, length), TNorm.HasMean ? Simd.LoadPartial(beta, length) : default);
        Simd.StorePartial(y, TEpilogue.Apply(value), length);
    }

    /// <summary>
    /// Σg and Σg·xhat of a row, g = gamma·dy; adds dy·xhat to <paramref name="dgamma"/> and dy to
    /// <paramref name="dbeta"/>, column by column.
    /// </summary>
    public static (double Sum, double ProductSum) Cotangent<T, TNorm, TEpilogue>(
        T* x, T* dy, T* gamma, T* beta, T* dgamma, T* dbeta, int length, Constants<T> constants)
        where T : unmanaged, IFloatingPointIeee754<T>
        where TNorm : struct, IRowNorm
        where TEpilogue : struct, IEpilogue
    {
        Debug.Assert(Contracts.AreApart(dgamma, length, dbeta, length), "dgamma overlaps dbeta");
        if (length >= Vector512<T>.Count)
            return CotangentLong<T, TNorm, TEpilogue>(x, dy, gamma, beta, dgamma, dbeta, length, constants);
        var row = Row<T>.Of(constants);
        Vector512<T> gammas = Simd.LoadPartial(gamma, length);
        Vector512<T> xhat = row.XHat<TNorm>(Simd.LoadPartial(x, length));
        Vector512<T> y = Row<T>.Y<TNorm>(xhat, gammas, TNorm.HasMean ? Simd.LoadPartial(beta, length) : default);
        Vector512<T> fresh = TEpilogue.Backward(y, Simd.LoadPartial(dy, length)) & Simd.HeadMask<T>(length);
        Vector512<T> g = fresh * gammas;
        Simd.StorePartial(dgamma, Simd.Fma(fresh, xhat, Simd.LoadPartial(dgamma, length)), length);
        if (TNorm.HasMean) Simd.StorePartial(dbeta, Simd.LoadPartial(dbeta, length) + fresh, length);
        return (Simd.SumLanes(g), Simd.SumLanes(g * xhat));
    }

    /// <summary>dx = rstd·g + b·(x - pivot) + c.</summary>
    /// <param name="stream">Store past the caches; only where dx is aligned to a pack and a row is whole packs.</param>
    public static void Gradient<T, TNorm, TEpilogue>(
        T* x, T* dy, T* gamma, T* beta, T* dx, int length, Constants<T> constants, bool stream)
        where T : unmanaged, IFloatingPointIeee754<T>
        where TNorm : struct, IRowNorm
        where TEpilogue : struct, IEpilogue
    {
        Debug.Assert(Contracts.AreApart(dx, length, x, length), "dx overlaps x");
        Debug.Assert(Contracts.AreApart(dx, length, dy, length), "dx overlaps dy");
        Debug.Assert(!stream || (length % Vector512<T>.Count == 0 && Contracts.IsAligned(dx)));
        if (length >= Vector512<T>.Count)
        {
            GradientLong<T, TNorm, TEpilogue>(x, dy, gamma, beta, dx, length, constants, stream);
            return;
        }

        var row = Row<T>.Of(constants);
        Vector512<T> b = Simd.Broadcast(*constants.B), c = Simd.Broadcast(*constants.C);
        Vector512<T> xs = Simd.LoadPartial(x, length), gammas = Simd.LoadPartial(gamma, length);
        Vector512<T> y = Row<T>.Y<TNorm>(
            row.XHat<TNorm>(xs), gammas, TNorm.HasMean ? Simd.LoadPartial(beta, length) : default);
        Vector512<T> fresh = TEpilogue.Backward(y, Simd.LoadPartial(dy, length));
        Simd.StorePartial(dx, row.Gradient<TNorm>(xs, fresh * gammas, b, c), length);
    }

    // No call stands in the loops below: one would force what they keep in registers out of them.

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void NormalizeLong<T, TNorm, TEpilogue>(
        T* x, T* gamma, T* beta, T* y, int length, Constants<T> constants, bool stream)
        where T : unmanaged, IFloatingPointIeee754<T>
        where TNorm : struct, IRowNorm
        where TEpilogue : struct, IEpilogue
    {
        var row = Row<T>.Of(constants);
        int width = Vector512<T>.Count;
        if (stream)
        {
            for (int i = 0; i < length; i += width)
            {
                Simd.Prefetch(x + length + i);
                Simd.StoreStream(y + i, TEpilogue.Apply(Row<T>.Y<TNorm>(row.XHat<TNorm>(Simd.Load(x + i)),
                    Simd.Load(gamma + i), TNorm.HasMean ? Simd.Load(beta + i) : default)));
            }

            return;
        }

        for (int i = 0; i < length; i += width)
        {
            int at = Math.Min(i, length - width);
            Simd.Store(y + at, TEpilogue.Apply(Row<T>.Y<TNorm>(row.XHat<TNorm>(Simd.Load(x + at)),
                Simd.Load(gamma + at), TNorm.HasMean ? Simd.Load(beta + at) : default)));
        }
    }

    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static (double Sum, double ProductSum) CotangentLong<T, TNorm, TEpilogue>(
        T* x, T* dy, T* gamma, T* beta, T* dgamma, T* dbeta, int length, Constants<T> constants)
        where T : unmanaged, IFloatingPointIeee754<T>
        where TNorm : struct, IRowNorm
        where TEpilogue : struct, IEpilogue
    {
        var row = Row<T>.Of(constants);
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
                Step<T, TNorm, TEpilogue>(
                    x + i, dy + i, gamma + i, beta + i, dgamma + i, dbeta + i, row, all, ref s0, ref p0);
                int j = i + width;
                Step<T, TNorm, TEpilogue>(
                    x + j, dy + j, gamma + j, beta + j, dgamma + j, dbeta + j, row, all, ref s1, ref p1);
            }

            Widen.Add(s0 + s1, ref sumLow, ref sumHigh);
            Widen.Add(p0 + p1, ref productLow, ref productHigh);
            s0 = s1 = p0 = p1 = default;
        }

        // What is left is one or two packs; in an overlapping last one the lanes already counted are masked off.
        for (; i < length; i += width)
        {
            int j = Math.Min(i, length - width);
            Step<T, TNorm, TEpilogue>(x + j, dy + j, gamma + j,
                beta + j, dgamma + j, dbeta + j, row, Simd.TailMask<T>(Math.Min(width, length - i)), ref s0, ref p0);
        }

        Widen.Add(s0 + s1, ref sumLow, ref sumHigh);
        Widen.Add(p0 + p1, ref productLow, ref productHigh);
        return (Simd.SumLanes(sumLow + sumHigh), Simd.SumLanes(productLow + productHigh));
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void GradientLong<T, TNorm, TEpilogue>(
        T* x, T* dy, T* gamma, T* beta, T* dx, int length, Constants<T> constants, bool stream)
        where T : unmanaged, IFloatingPointIeee754<T>
        where TNorm : struct, IRowNorm
        where TEpilogue : struct, IEpilogue
    {
        var row = Row<T>.Of(constants);
        Vector512<T> b = Simd.Broadcast(*constants.B), c = Simd.Broadcast(*constants.C);
        int width = Vector512<T>.Count;
        for (int i = 0; i < length; i += width)
        {
            int at = Math.Min(i, length - width);
            Simd.Prefetch(x + length + i);
            Simd.Prefetch(dy + length + i);
            Vector512<T> xs = Simd.Load(x + at), gammas = Simd.Load(gamma + at);
            Vector512<T> y = Row<T>.Y<TNorm>(
                row.XHat<TNorm>(xs), gammas, TNorm.HasMean ? Simd.Load(beta + at) : default);
            Vector512<T> fresh = TEpilogue.Backward(y, Simd.Load(dy + at));
            Vector512<T> gradient = row.Gradient<TNorm>(xs, fresh * gammas, b, c);
            if (stream) Simd.StoreStream(dx + at, gradient);
            else Simd.Store(dx + at, gradient);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Step<T, TNorm, TEpilogue>(
        T* x, T* dy, T* gamma, T* beta, T* dgamma, T* dbeta, Row<T> row, Vector512<T> mask, ref Vector512<T> sum,
        ref Vector512<T> product)
        where T : unmanaged, IFloatingPointIeee754<T>
        where TNorm : struct, IRowNorm
        where TEpilogue : struct, IEpilogue
    {
        Vector512<T> xhat = row.XHat<TNorm>(Simd.Load(x)), gammas = Simd.Load(gamma);
        Vector512<T> y = Row<T>.Y<TNorm>(xhat, gammas, TNorm.HasMean ? Simd.Load(beta) : default);
        Vector512<T> fresh = TEpilogue.Backward(y, Simd.Load(dy)) & mask;
        Vector512<T> g = fresh * gammas;
        sum += g;
        product = Simd.Fma(g, xhat, product);
        Simd.Store(dgamma, Simd.Fma(fresh, xhat, Simd.Load(dgamma)));
        if (TNorm.HasMean) Simd.Store(dbeta, Simd.Load(dbeta) + fresh);
    }
}
