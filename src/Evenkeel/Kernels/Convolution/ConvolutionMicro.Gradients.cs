using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Evenkeel.Kernels;

/// <content>The gradient of the weights, and the scattered gradient of the input.</content>
internal static unsafe partial class ConvolutionMicro
{
    /// <summary>
    /// A tile of the gradient of the weights: rows are taps, lanes are filters.
    /// <c>c[i·cRow + lane] (+)= Σ x[offset i + row·pitch + column]·dy[(row·columns + column)·2·width + lane]</c> over a
    /// block of results. Each element is one FMA chain in the order of the results.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Outer<T, TRows, TPacks>(
        nint rows, nint columns, T* x, nint* offsets, nint pitch, T* dy, T* c, bool add)
        where T : unmanaged, IFloatingPointIeee754<T>
        where TRows : ICount
        where TPacks : ICount
    {
        int width = Vector512<T>.Count;
        Vector512<T> s00 = default, s01 = default;
        Vector512<T> s10 = default, s11 = default;
        Vector512<T> s20 = default, s21 = default;
        Vector512<T> s30 = default, s31 = default;
        Vector512<T> s40 = default, s41 = default;
        Vector512<T> s50 = default, s51 = default;
        Vector512<T> s60 = default, s61 = default;
        Vector512<T> s70 = default, s71 = default;
        T* x0 = (T*)((byte*)x + offsets[0]);
        T* x1 = TRows.Value > 1 ? (T*)((byte*)x + offsets[1]) : null;
        T* x2 = TRows.Value > 2 ? (T*)((byte*)x + offsets[2]) : null;
        T* x3 = TRows.Value > 3 ? (T*)((byte*)x + offsets[3]) : null;
        T* x4 = TRows.Value > 4 ? (T*)((byte*)x + offsets[4]) : null;
        T* x5 = TRows.Value > 5 ? (T*)((byte*)x + offsets[5]) : null;
        T* x6 = TRows.Value > 6 ? (T*)((byte*)x + offsets[6]) : null;
        T* x7 = TRows.Value > 7 ? (T*)((byte*)x + offsets[7]) : null;
        nint surplus = pitch - columns;
        nint at = 0;
        for (; rows > 0; rows--, at += surplus)
        {
            for (nint end = at + columns; at < end; at++, dy += 2 * width)
            {
                Vector512<T> d0 = Simd.Load(dy), d1 = TPacks.Value > 1 ? Simd.Load(dy + width) : default;
                Vector512<T> v0 = Simd.Broadcast(x0[at]);
                s00 = Simd.Fma(v0, d0, s00);
                if (TPacks.Value > 1) s01 = Simd.Fma(v0, d1, s01);

                if (TRows.Value > 1)
                {
                    Vector512<T> v = Simd.Broadcast(x1[at]);
                    s10 = Simd.Fma(v, d0, s10);
                    if (TPacks.Value > 1) s11 = Simd.Fma(v, d1, s11);
                }

                if (TRows.Value > 2)
                {
                    Vector512<T> v = Simd.Broadcast(x2[at]);
                    s20 = Simd.Fma(v, d0, s20);
                    if (TPacks.Value > 1) s21 = Simd.Fma(v, d1, s21);
                }

                if (TRows.Value > 3)
                {
                    Vector512<T> v = Simd.Broadcast(x3[at]);
                    s30 = Simd.Fma(v, d0, s30);
                    if (TPacks.Value > 1) s31 = Simd.Fma(v, d1, s31);
                }

                if (TRows.Value > 4)
                {
                    Vector512<T> v = Simd.Broadcast(x4[at]);
                    s40 = Simd.Fma(v, d0, s40);
                    if (TPacks.Value > 1) s41 = Simd.Fma(v, d1, s41);
                }

                if (TRows.Value > 5)
                {
                    Vector512<T> v = Simd.Broadcast(x5[at]);
                    s50 = Simd.Fma(v, d0, s50);
                    if (TPacks.Value > 1) s51 = Simd.Fma(v, d1, s51);
                }

                if (TRows.Value > 6)
                {
                    Vector512<T> v = Simd.Broadcast(x6[at]);
                    s60 = Simd.Fma(v, d0, s60);
                    if (TPacks.Value > 1) s61 = Simd.Fma(v, d1, s61);
                }

                if (TRows.Value > 7)
                {
                    Vector512<T> v = Simd.Broadcast(x7[at]);
                    s70 = Simd.Fma(v, d0, s70);
                    if (TPacks.Value > 1) s71 = Simd.Fma(v, d1, s71);
                }
            }
        }

        Put<T, TPacks>(c + (0 * 2 * width), s00, s01, default, default, add);
        if (TRows.Value > 1) Put<T, TPacks>(c + (1 * 2 * width), s10, s11, default, default, add);
        if (TRows.Value > 2) Put<T, TPacks>(c + (2 * 2 * width), s20, s21, default, default, add);
        if (TRows.Value > 3) Put<T, TPacks>(c + (3 * 2 * width), s30, s31, default, default, add);
        if (TRows.Value > 4) Put<T, TPacks>(c + (4 * 2 * width), s40, s41, default, default, add);
        if (TRows.Value > 5) Put<T, TPacks>(c + (5 * 2 * width), s50, s51, default, default, add);
        if (TRows.Value > 6) Put<T, TPacks>(c + (6 * 2 * width), s60, s61, default, default, add);
        if (TRows.Value > 7) Put<T, TPacks>(c + (7 * 2 * width), s70, s71, default, default, add);
    }

    /// <summary>
    /// A tile of the gradient of the weights: rows are filters, columns are taps, lanes are neighbouring results. The
    /// lanes of <c>Σ dy[i·dyRow + q]·x[offset j + q]</c> are stored, or added, at <c>c[i·cRow + j·width]</c>. The
    /// caller adds up the lanes later.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Lanes<T, TRows, TTaps>(
        nint length, T* dy, nint dyRow, T* x, nint* offsets, T* c, nint cRow, bool add)
        where T : unmanaged, IFloatingPointIeee754<T>
        where TRows : ICount
        where TTaps : ICount
    {
        int width = Vector512<T>.Count;
        Vector512<T> s00 = default, s01 = default, s02 = default, s03 = default;
        Vector512<T> s10 = default, s11 = default, s12 = default, s13 = default;
        Vector512<T> s20 = default, s21 = default, s22 = default, s23 = default;
        Vector512<T> s30 = default, s31 = default, s32 = default, s33 = default;
        Vector512<T> s40 = default, s41 = default, s42 = default, s43 = default;
        Vector512<T> s50 = default, s51 = default, s52 = default, s53 = default;
        T* x0 = (T*)((byte*)x + offsets[0]);
        T* x1 = TTaps.Value > 1 ? (T*)((byte*)x + offsets[1]) : null;
        T* x2 = TTaps.Value > 2 ? (T*)((byte*)x + offsets[2]) : null;
        T* x3 = TTaps.Value > 3 ? (T*)((byte*)x + offsets[3]) : null;
        T* dy2 = dy + (2 * dyRow), dy4 = dy + (4 * dyRow);
        for (nint q = 0; q < length; q += width)
        {
            Vector512<T> v0 = Simd.Load(x0 + q);
            Vector512<T> v1 = TTaps.Value > 1 ? Simd.Load(x1 + q) : default;
            Vector512<T> v2 = TTaps.Value > 2 ? Simd.Load(x2 + q) : default;
            Vector512<T> v3 = TTaps.Value > 3 ? Simd.Load(x3 + q) : default;
            Vector512<T> d0 = Simd.Load(dy + q);
            s00 = Simd.Fma(d0, v0, s00);
            if (TTaps.Value > 1) s01 = Simd.Fma(d0, v1, s01);
            if (TTaps.Value > 2) s02 = Simd.Fma(d0, v2, s02);
            if (TTaps.Value > 3) s03 = Simd.Fma(d0, v3, s03);

            if (TRows.Value > 1)
            {
                Vector512<T> d = Simd.Load(dy + dyRow + q);
                s10 = Simd.Fma(d, v0, s10);
                if (TTaps.Value > 1) s11 = Simd.Fma(d, v1, s11);
                if (TTaps.Value > 2) s12 = Simd.Fma(d, v2, s12);
                if (TTaps.Value > 3) s13 = Simd.Fma(d, v3, s13);
            }

            if (TRows.Value > 2)
            {
                Vector512<T> d = Simd.Load(dy2 + q);
                s20 = Simd.Fma(d, v0, s20);
                if (TTaps.Value > 1) s21 = Simd.Fma(d, v1, s21);
                if (TTaps.Value > 2) s22 = Simd.Fma(d, v2, s22);
                if (TTaps.Value > 3) s23 = Simd.Fma(d, v3, s23);
            }

            if (TRows.Value > 3)
            {
                Vector512<T> d = Simd.Load(dy2 + dyRow + q);
                s30 = Simd.Fma(d, v0, s30);
                if (TTaps.Value > 1) s31 = Simd.Fma(d, v1, s31);
                if (TTaps.Value > 2) s32 = Simd.Fma(d, v2, s32);
                if (TTaps.Value > 3) s33 = Simd.Fma(d, v3, s33);
            }

            if (TRows.Value > 4)
            {
                Vector512<T> d = Simd.Load(dy4 + q);
                s40 = Simd.Fma(d, v0, s40);
                if (TTaps.Value > 1) s41 = Simd.Fma(d, v1, s41);
                if (TTaps.Value > 2) s42 = Simd.Fma(d, v2, s42);
                if (TTaps.Value > 3) s43 = Simd.Fma(d, v3, s43);
            }

            if (TRows.Value > 5)
            {
                Vector512<T> d = Simd.Load(dy4 + dyRow + q);
                s50 = Simd.Fma(d, v0, s50);
                if (TTaps.Value > 1) s51 = Simd.Fma(d, v1, s51);
                if (TTaps.Value > 2) s52 = Simd.Fma(d, v2, s52);
                if (TTaps.Value > 3) s53 = Simd.Fma(d, v3, s53);
            }
        }

        Put<T, TTaps>(c + (0 * cRow), s00, s01, s02, s03, add);
        if (TRows.Value > 1) Put<T, TTaps>(c + (1 * cRow), s10, s11, s12, s13, add);
        if (TRows.Value > 2) Put<T, TTaps>(c + (2 * cRow), s20, s21, s22, s23, add);
        if (TRows.Value > 3) Put<T, TTaps>(c + (3 * cRow), s30, s31, s32, s33, add);
        if (TRows.Value > 4) Put<T, TTaps>(c + (4 * cRow), s40, s41, s42, s43, add);
        if (TRows.Value > 5) Put<T, TTaps>(c + (5 * cRow), s50, s51, s52, s53, add);
    }

    /// <summary>
    /// Tiles of the scattered gradient of the input, one per result of <paramref name="columns"/> neighbouring columns:
    /// rows are results of a column, lanes are taps.
    /// <c>c[i·cRow + lane] += Σ_p a[i·aRow + p·aColumn]·b[p·bRow + lane]</c>. Each sum is one FMA chain in the order of
    /// p. For the next tile a advances by 1 and c by <paramref name="cStep"/>.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Scatter<T, TRows, TPacks>(
        nint columns, nint terms, T* a, nint aRow, nint aColumn, T* b, nint bRow, T* c, nint cRow, nint cStep)
        where T : unmanaged, IFloatingPointIeee754<T>
        where TRows : ICount
        where TPacks : ICount
    {
        int width = Vector512<T>.Count;
        nint twoRows = 2 * aRow;
        for (; columns > 0; columns--, a++, c += cStep)
        {
            Vector512<T> s00 = default, s01 = default;
            Vector512<T> s10 = default, s11 = default;
            Vector512<T> s20 = default, s21 = default;
            Vector512<T> s30 = default, s31 = default;
            Vector512<T> s40 = default, s41 = default;
            Vector512<T> s50 = default, s51 = default;
            Vector512<T> s60 = default, s61 = default;
            Vector512<T> s70 = default, s71 = default;
            Vector512<T> s80 = default, s81 = default;
            Vector512<T> s90 = default, s91 = default;

            // There is a pointer for every third row. One and two strides address the rows between, so all pointers fit
            // the integer registers.
            T* a0 = a, a3 = a + (3 * aRow), a6 = a + (6 * aRow), a9 = a + (9 * aRow);
            T* from = b;
            for (nint left = terms; left > 0; left--, from += bRow)
            {
                Vector512<T> b0 = Simd.Load(from), b1 = TPacks.Value > 1 ? Simd.Load(from + width) : default;
                Vector512<T> v0 = Simd.Broadcast(*a0);
                s00 = Simd.Fma(v0, b0, s00);
                if (TPacks.Value > 1) s01 = Simd.Fma(v0, b1, s01);

                if (TRows.Value > 1)
                {
                    Vector512<T> v = Simd.Broadcast(*(a0 + aRow));
                    s10 = Simd.Fma(v, b0, s10);
                    if (TPacks.Value > 1) s11 = Simd.Fma(v, b1, s11);
                }

                if (TRows.Value > 2)
                {
                    Vector512<T> v = Simd.Broadcast(*(a0 + twoRows));
                    s20 = Simd.Fma(v, b0, s20);
                    if (TPacks.Value > 1) s21 = Simd.Fma(v, b1, s21);
                }

                if (TRows.Value > 3)
                {
                    Vector512<T> v = Simd.Broadcast(*a3);
                    s30 = Simd.Fma(v, b0, s30);
                    if (TPacks.Value > 1) s31 = Simd.Fma(v, b1, s31);
                }

                if (TRows.Value > 4)
                {
                    Vector512<T> v = Simd.Broadcast(*(a3 + aRow));
                    s40 = Simd.Fma(v, b0, s40);
                    if (TPacks.Value > 1) s41 = Simd.Fma(v, b1, s41);
                }

                if (TRows.Value > 5)
                {
                    Vector512<T> v = Simd.Broadcast(*(a3 + twoRows));
                    s50 = Simd.Fma(v, b0, s50);
                    if (TPacks.Value > 1) s51 = Simd.Fma(v, b1, s51);
                }

                if (TRows.Value > 6)
                {
                    Vector512<T> v = Simd.Broadcast(*a6);
                    s60 = Simd.Fma(v, b0, s60);
                    if (TPacks.Value > 1) s61 = Simd.Fma(v, b1, s61);
                }

                if (TRows.Value > 7)
                {
                    Vector512<T> v = Simd.Broadcast(*(a6 + aRow));
                    s70 = Simd.Fma(v, b0, s70);
                    if (TPacks.Value > 1) s71 = Simd.Fma(v, b1, s71);
                }

                if (TRows.Value > 8)
                {
                    Vector512<T> v = Simd.Broadcast(*(a6 + twoRows));
                    s80 = Simd.Fma(v, b0, s80);
                    if (TPacks.Value > 1) s81 = Simd.Fma(v, b1, s81);
                }

                if (TRows.Value > 9)
                {
                    Vector512<T> v = Simd.Broadcast(*a9);
                    s90 = Simd.Fma(v, b0, s90);
                    if (TPacks.Value > 1) s91 = Simd.Fma(v, b1, s91);
                }

                a0 += aColumn;
                if (TRows.Value > 3) a3 += aColumn;
                if (TRows.Value > 6) a6 += aColumn;
                if (TRows.Value > 9) a9 += aColumn;
            }

            Put<T, TPacks>(c + (0 * cRow), s00, s01, default, default, true);
            if (TRows.Value > 1) Put<T, TPacks>(c + (1 * cRow), s10, s11, default, default, true);
            if (TRows.Value > 2) Put<T, TPacks>(c + (2 * cRow), s20, s21, default, default, true);
            if (TRows.Value > 3) Put<T, TPacks>(c + (3 * cRow), s30, s31, default, default, true);
            if (TRows.Value > 4) Put<T, TPacks>(c + (4 * cRow), s40, s41, default, default, true);
            if (TRows.Value > 5) Put<T, TPacks>(c + (5 * cRow), s50, s51, default, default, true);
            if (TRows.Value > 6) Put<T, TPacks>(c + (6 * cRow), s60, s61, default, default, true);
            if (TRows.Value > 7) Put<T, TPacks>(c + (7 * cRow), s70, s71, default, default, true);
            if (TRows.Value > 8) Put<T, TPacks>(c + (8 * cRow), s80, s81, default, default, true);
            if (TRows.Value > 9) Put<T, TPacks>(c + (9 * cRow), s90, s91, default, default, true);
        }
    }
}
