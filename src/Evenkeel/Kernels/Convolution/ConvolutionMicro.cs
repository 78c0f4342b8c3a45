using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Evenkeel.Kernels;

/// <summary>
/// The inner loops of <see cref="Convolution"/>: a tile of results with its sums in registers. The sizes of a tile are
/// type arguments, as in <see cref="GemmMicro"/>. A table of offsets (in bytes) into a <see cref="Stage"/> addresses
/// the taps.
/// </summary>
internal static unsafe partial class ConvolutionMicro
{
    /// <summary>
    /// Tiles of results: rows are filters, packs are neighbouring results.
    /// <c>c[i·cRow + j] (+)= Σ_t w[i·wRow + t]·x[offset t + j]</c>. Each element is one FMA chain in the order of t.
    /// The next tile reads <paramref name="xStep"/> and writes <paramref name="cStep"/> elements behind. With a
    /// <paramref name="shift"/>, shift i is added at the end, and values up to a limit become 0.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Planes<T, TRows, TPacks>(
        nint tiles, nint taps, nint* table, T* w, nint wRow, T* x, nint xStep, T* c, nint cRow, nint cStep, bool add,
        T* shift, T limit)
        where T : unmanaged, IFloatingPointIeee754<T>
        where TRows : ICount
        where TPacks : ICount
    {
        int width = Vector512<T>.Count;
        nint* end = table + taps;
        for (; tiles > 0; tiles--, x += xStep, c += cStep)
        {
            Vector512<T> s00 = default, s01 = default, s02 = default, s03 = default;
            Vector512<T> s10 = default, s11 = default, s12 = default, s13 = default;
            Vector512<T> s20 = default, s21 = default, s22 = default, s23 = default;
            Vector512<T> s30 = default, s31 = default, s32 = default, s33 = default;
            Vector512<T> s40 = default, s41 = default, s42 = default, s43 = default;
            Vector512<T> s50 = default, s51 = default, s52 = default, s53 = default;
            Vector512<T> s60 = default, s61 = default, s62 = default, s63 = default;
            Vector512<T> s70 = default, s71 = default, s72 = default, s73 = default;

            // There is a pointer for every second filter. The stride addresses the filter between, so all pointers fit
            // the integer registers.
            T* w0 = w, w2 = w + (2 * wRow), w4 = w + (4 * wRow), w6 = w + (6 * wRow);
            for (nint* offset = table; offset < end; offset++)
            {
                T* at = (T*)((byte*)x + *offset);
                Vector512<T> x0 = Simd.Load(at), x1 = TPacks.Value > 1 ? Simd.Load(at + width) : default;
                Vector512<T> x2 = TPacks.Value > 2 ? Simd.Load(at + (2 * width)) : default,
                    x3 = TPacks.Value > 3 ? Simd.Load(at + (3 * width)) : default;
                Vector512<T> v0 = Simd.Broadcast(*w0);
                s00 = Simd.Fma(v0, x0, s00);
                if (TPacks.Value > 1) s01 = Simd.Fma(v0, x1, s01);
                if (TPacks.Value > 2) s02 = Simd.Fma(v0, x2, s02);
                if (TPacks.Value > 3) s03 = Simd.Fma(v0, x3, s03);

                if (TRows.Value > 1)
                {
                    Vector512<T> v = Simd.Broadcast(*(w0 + wRow));
                    s10 = Simd.Fma(v, x0, s10);
                    if (TPacks.Value > 1) s11 = Simd.Fma(v, x1, s11);
                    if (TPacks.Value > 2) s12 = Simd.Fma(v, x2, s12);
                    if (TPacks.Value > 3) s13 = Simd.Fma(v, x3, s13);
                }

                if (TRows.Value > 2)
                {
                    Vector512<T> v = Simd.Broadcast(*w2);
                    s20 = Simd.Fma(v, x0, s20);
                    if (TPacks.Value > 1) s21 = Simd.Fma(v, x1, s21);
                    if (TPacks.Value > 2) s22 = Simd.Fma(v, x2, s22);
                    if (TPacks.Value > 3) s23 = Simd.Fma(v, x3, s23);
                }

                if (TRows.Value > 3)
                {
                    Vector512<T> v = Simd.Broadcast(*(w2 + wRow));
                    s30 = Simd.Fma(v, x0, s30);
                    if (TPacks.Value > 1) s31 = Simd.Fma(v, x1, s31);
                    if (TPacks.Value > 2) s32 = Simd.Fma(v, x2, s32);
                    if (TPacks.Value > 3) s33 = Simd.Fma(v, x3, s33);
                }

                if (TRows.Value > 4)
                {
                    Vector512<T> v = Simd.Broadcast(*w4);
                    s40 = Simd.Fma(v, x0, s40);
                    if (TPacks.Value > 1) s41 = Simd.Fma(v, x1, s41);
                    if (TPacks.Value > 2) s42 = Simd.Fma(v, x2, s42);
                    if (TPacks.Value > 3) s43 = Simd.Fma(v, x3, s43);
                }

                if (TRows.Value > 5)
                {
                    Vector512<T> v = Simd.Broadcast(*(w4 + wRow));
                    s50 = Simd.Fma(v, x0, s50);
                    if (TPacks.Value > 1) s51 = Simd.Fma(v, x1, s51);
                    if (TPacks.Value > 2) s52 = Simd.Fma(v, x2, s52);
                    if (TPacks.Value > 3) s53 = Simd.Fma(v, x3, s53);
                }

                if (TRows.Value > 6)
                {
                    Vector512<T> v = Simd.Broadcast(*w6);
                    s60 = Simd.Fma(v, x0, s60);
                    if (TPacks.Value > 1) s61 = Simd.Fma(v, x1, s61);
                    if (TPacks.Value > 2) s62 = Simd.Fma(v, x2, s62);
                    if (TPacks.Value > 3) s63 = Simd.Fma(v, x3, s63);
                }

                if (TRows.Value > 7)
                {
                    Vector512<T> v = Simd.Broadcast(*(w6 + wRow));
                    s70 = Simd.Fma(v, x0, s70);
                    if (TPacks.Value > 1) s71 = Simd.Fma(v, x1, s71);
                    if (TPacks.Value > 2) s72 = Simd.Fma(v, x2, s72);
                    if (TPacks.Value > 3) s73 = Simd.Fma(v, x3, s73);
                }

                w0++;
                if (TRows.Value > 2) w2++;
                if (TRows.Value > 4) w4++;
                if (TRows.Value > 6) w6++;
            }

            Put<T, TPacks>(c + (0 * cRow), s00, s01, s02, s03, add, shift, 0, limit);
            if (TRows.Value > 1) Put<T, TPacks>(c + (1 * cRow), s10, s11, s12, s13, add, shift, 1, limit);
            if (TRows.Value > 2) Put<T, TPacks>(c + (2 * cRow), s20, s21, s22, s23, add, shift, 2, limit);
            if (TRows.Value > 3) Put<T, TPacks>(c + (3 * cRow), s30, s31, s32, s33, add, shift, 3, limit);
            if (TRows.Value > 4) Put<T, TPacks>(c + (4 * cRow), s40, s41, s42, s43, add, shift, 4, limit);
            if (TRows.Value > 5) Put<T, TPacks>(c + (5 * cRow), s50, s51, s52, s53, add, shift, 5, limit);
            if (TRows.Value > 6) Put<T, TPacks>(c + (6 * cRow), s60, s61, s62, s63, add, shift, 6, limit);
            if (TRows.Value > 7) Put<T, TPacks>(c + (7 * cRow), s70, s71, s72, s73, add, shift, 7, limit);
        }
    }

    /// <summary>
    /// A tile of results: rows are neighbouring results, lanes are filters.
    /// <c>c[i·row + lane] (+)= Σ_t x[offset t + i]·w[t·row + lane]</c>, where a row is one pack or two.
    /// From row 7 on, x is read <paramref name="jump"/> elements further: two rows of seven results are one tile, too.
    /// Each element is one FMA chain in the order of t.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Filters<T, TRows, TPacks>(nint taps, nint* offsets, T* w, T* x, nint jump, T* c, bool add)
        where T : unmanaged, IFloatingPointIeee754<T>
        where TRows : ICount
        where TPacks : ICount
    {
        int width = Vector512<T>.Count, row = TPacks.Value * width;
        nint far = (7 + jump) * sizeof(T);
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
        Vector512<T> sa0 = default, sa1 = default;
        Vector512<T> sb0 = default, sb1 = default;
        Vector512<T> sc0 = default, sc1 = default;
        Vector512<T> sd0 = default, sd1 = default;
        for (nint* end = offsets + taps; offsets < end; offsets++, w += row)
        {
            T* at = (T*)((byte*)x + *offsets);
            Vector512<T> w0 = Simd.Load(w), w1 = TPacks.Value > 1 ? Simd.Load(w + width) : default;
            Vector512<T> v0 = Simd.Broadcast(at[0]);
            s00 = Simd.Fma(v0, w0, s00);
            if (TPacks.Value > 1) s01 = Simd.Fma(v0, w1, s01);
            if (TRows.Value > 1)
            {
                Vector512<T> v = Simd.Broadcast(at[1]);
                s10 = Simd.Fma(v, w0, s10);
                if (TPacks.Value > 1) s11 = Simd.Fma(v, w1, s11);
            }

            if (TRows.Value > 2)
            {
                Vector512<T> v = Simd.Broadcast(at[2]);
                s20 = Simd.Fma(v, w0, s20);
                if (TPacks.Value > 1) s21 = Simd.Fma(v, w1, s21);
            }

            if (TRows.Value > 3)
            {
                Vector512<T> v = Simd.Broadcast(at[3]);
                s30 = Simd.Fma(v, w0, s30);
                if (TPacks.Value > 1) s31 = Simd.Fma(v, w1, s31);
            }

            if (TRows.Value > 4)
            {
                Vector512<T> v = Simd.Broadcast(at[4]);
                s40 = Simd.Fma(v, w0, s40);
                if (TPacks.Value > 1) s41 = Simd.Fma(v, w1, s41);
            }

            if (TRows.Value > 5)
            {
                Vector512<T> v = Simd.Broadcast(at[5]);
                s50 = Simd.Fma(v, w0, s50);
                if (TPacks.Value > 1) s51 = Simd.Fma(v, w1, s51);
            }

            if (TRows.Value > 6)
            {
                Vector512<T> v = Simd.Broadcast(at[6]);
                s60 = Simd.Fma(v, w0, s60);
                if (TPacks.Value > 1) s61 = Simd.Fma(v, w1, s61);
            }

            if (TRows.Value > 7) at = (T*)((byte*)at + far);
            if (TRows.Value > 7)
            {
                Vector512<T> v = Simd.Broadcast(at[0]);
                s70 = Simd.Fma(v, w0, s70);
                if (TPacks.Value > 1) s71 = Simd.Fma(v, w1, s71);
            }

            if (TRows.Value > 8)
            {
                Vector512<T> v = Simd.Broadcast(at[1]);
                s80 = Simd.Fma(v, w0, s80);
                if (TPacks.Value > 1) s81 = Simd.Fma(v, w1, s81);
            }

            if (TRows.Value > 9)
            {
                Vector512<T> v = Simd.Broadcast(at[2]);
                s90 = Simd.Fma(v, w0, s90);
                if (TPacks.Value > 1) s91 = Simd.Fma(v, w1, s91);
            }

            if (TRows.Value > 10)
            {
                Vector512<T> v = Simd.Broadcast(at[3]);
                sa0 = Simd.Fma(v, w0, sa0);
                if (TPacks.Value > 1) sa1 = Simd.Fma(v, w1, sa1);
            }

            if (TRows.Value > 11)
            {
                Vector512<T> v = Simd.Broadcast(at[4]);
                sb0 = Simd.Fma(v, w0, sb0);
                if (TPacks.Value > 1) sb1 = Simd.Fma(v, w1, sb1);
            }

            if (TRows.Value > 12)
            {
                Vector512<T> v = Simd.Broadcast(at[5]);
                sc0 = Simd.Fma(v, w0, sc0);
                if (TPacks.Value > 1) sc1 = Simd.Fma(v, w1, sc1);
            }

            if (TRows.Value > 13)
            {
                Vector512<T> v = Simd.Broadcast(at[6]);
                sd0 = Simd.Fma(v, w0, sd0);
                if (TPacks.Value > 1) sd1 = Simd.Fma(v, w1, sd1);
            }
        }

        Put<T, TPacks>(c + (0 * row), s00, s01, default, default, add);
        if (TRows.Value > 1) Put<T, TPacks>(c + (1 * row), s10, s11, default, default, add);
        if (TRows.Value > 2) Put<T, TPacks>(c + (2 * row), s20, s21, default, default, add);
        if (TRows.Value > 3) Put<T, TPacks>(c + (3 * row), s30, s31, default, default, add);
        if (TRows.Value > 4) Put<T, TPacks>(c + (4 * row), s40, s41, default, default, add);
        if (TRows.Value > 5) Put<T, TPacks>(c + (5 * row), s50, s51, default, default, add);
        if (TRows.Value > 6) Put<T, TPacks>(c + (6 * row), s60, s61, default, default, add);
        if (TRows.Value > 7) Put<T, TPacks>(c + (7 * row), s70, s71, default, default, add);
        if (TRows.Value > 8) Put<T, TPacks>(c + (8 * row), s80, s81, default, default, add);
        if (TRows.Value > 9) Put<T, TPacks>(c + (9 * row), s90, s91, default, default, add);
        if (TRows.Value > 10) Put<T, TPacks>(c + (10 * row), sa0, sa1, default, default, add);
        if (TRows.Value > 11) Put<T, TPacks>(c + (11 * row), sb0, sb1, default, default, add);
        if (TRows.Value > 12) Put<T, TPacks>(c + (12 * row), sc0, sc1, default, default, add);
        if (TRows.Value > 13) Put<T, TPacks>(c + (13 * row), sd0, sd1, default, default, add);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Put<T, TPacks>(
        T* c, Vector512<T> v0, Vector512<T> v1, Vector512<T> v2, Vector512<T> v3, bool add)
        where T : unmanaged
        where TPacks : ICount => Put<T, TPacks>(c, v0, v1, v2, v3, add, shift: null, row: 0, limit: default);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Put<T, TPacks>(
        T* c, Vector512<T> v0, Vector512<T> v1, Vector512<T> v2, Vector512<T> v3, bool add, T* shift, int row, T limit)
        where T : unmanaged
        where TPacks : ICount
    {
        int width = Vector512<T>.Count;
        if (add)
        {
            v0 = Simd.Load(c) + v0;
            if (TPacks.Value > 1) v1 = Simd.Load(c + width) + v1;
            if (TPacks.Value > 2) v2 = Simd.Load(c + (2 * width)) + v2;
            if (TPacks.Value > 3) v3 = Simd.Load(c + (3 * width)) + v3;
        }

        if (shift != null)
        {
            Vector512<T> b = Simd.Broadcast(shift[row]), most = Simd.Broadcast(limit);
            v0 = Simd.ZeroUpTo(v0 + b, most);
            if (TPacks.Value > 1) v1 = Simd.ZeroUpTo(v1 + b, most);
            if (TPacks.Value > 2) v2 = Simd.ZeroUpTo(v2 + b, most);
            if (TPacks.Value > 3) v3 = Simd.ZeroUpTo(v3 + b, most);
        }

        Simd.Store(c, v0);
        if (TPacks.Value > 1) Simd.Store(c + width, v1);
        if (TPacks.Value > 2) Simd.Store(c + (2 * width), v2);
        if (TPacks.Value > 3) Simd.Store(c + (3 * width), v3);
    }
}
