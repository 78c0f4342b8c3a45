using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Evenkeel.Kernels;

/// <summary>
/// The inner loops of <see cref="Convolution"/> for 16 registers of half a pack. The halves of a pack have names of
/// their own: then the compiler adds into a sum's register, without a copy.
/// </summary>
internal static unsafe class ConvolutionNarrow
{
    /// <summary>
    /// Tiles of results, one after the other: rows are results anywhere in the copy, lanes are one pack of filters.
    /// <c>c[i·width + lane] = start[i·width + lane] + Σ_t x[place i + offset t]·w[t·width + lane]</c>. Each element is
    /// one FMA chain in the order of t, which begins with the value at <paramref name="start"/>, or with 0 if that is
    /// null. With <paramref name="add"/> the chain is added to c at its end. Places and offsets are in bytes.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Places<T, TRows>(
        nint tiles, nint* places, nint taps, nint* offsets, T* w, T* x, T* start, T* c, bool add)
        where T : unmanaged, IFloatingPointIeee754<T>
        where TRows : ICount
    {
        int half = Vector256<T>.Count;
        nint* end = offsets + taps;
        for (; tiles > 0; tiles--, places += TRows.Value, c += TRows.Value * 2 * half)
        {
            Vector256<T> s0 = default, s1 = default, s2 = default, s3 = default, s4 = default, s5 = default;
            Vector256<T> t0 = default, t1 = default, t2 = default, t3 = default, t4 = default, t5 = default;
            if (start != null)
            {
                (s0, t0) = (Vector256.Load(start), Vector256.Load(start + half));
                if (TRows.Value > 1)
                    (s1, t1) = (Vector256.Load(start + (2 * half)), Vector256.Load(start + (3 * half)));
                if (TRows.Value > 2)
                    (s2, t2) = (Vector256.Load(start + (4 * half)), Vector256.Load(start + (5 * half)));
                if (TRows.Value > 3)
                    (s3, t3) = (Vector256.Load(start + (6 * half)), Vector256.Load(start + (7 * half)));
                if (TRows.Value > 4)
                    (s4, t4) = (Vector256.Load(start + (8 * half)), Vector256.Load(start + (9 * half)));
                if (TRows.Value > 5)
                    (s5, t5) = (Vector256.Load(start + (10 * half)), Vector256.Load(start + (11 * half)));
                start += TRows.Value * 2 * half;
            }

            byte* x0 = (byte*)x + places[0], x1 = TRows.Value > 1 ? (byte*)x + places[1] : null;
            byte* x2 = TRows.Value > 2 ? (byte*)x + places[2] : null;
            byte* x3 = TRows.Value > 3 ? (byte*)x + places[3] : null;
            byte* x4 = TRows.Value > 4 ? (byte*)x + places[4] : null;
            byte* x5 = TRows.Value > 5 ? (byte*)x + places[5] : null;
            T* from = w;
            for (nint* offset = offsets; offset < end; offset++, from += 2 * half)
            {
                nint at = *offset;
                Vector256<T> low = Vector256.Load(from), high = Vector256.Load(from + half);
                Vector256<T> v = Vector256.Create(*(T*)(x0 + at));
                s0 = Simd.Fma(v, low, s0);
                t0 = Simd.Fma(v, high, t0);
                if (TRows.Value > 1)
                {
                    v = Vector256.Create(*(T*)(x1 + at));
                    s1 = Simd.Fma(v, low, s1);
                    t1 = Simd.Fma(v, high, t1);
                }

                if (TRows.Value > 2)
                {
                    v = Vector256.Create(*(T*)(x2 + at));
                    s2 = Simd.Fma(v, low, s2);
                    t2 = Simd.Fma(v, high, t2);
                }

                if (TRows.Value > 3)
                {
                    v = Vector256.Create(*(T*)(x3 + at));
                    s3 = Simd.Fma(v, low, s3);
                    t3 = Simd.Fma(v, high, t3);
                }

                if (TRows.Value > 4)
                {
                    v = Vector256.Create(*(T*)(x4 + at));
                    s4 = Simd.Fma(v, low, s4);
                    t4 = Simd.Fma(v, high, t4);
                }

                if (TRows.Value > 5)
                {
                    v = Vector256.Create(*(T*)(x5 + at));
                    s5 = Simd.Fma(v, low, s5);
                    t5 = Simd.Fma(v, high, t5);
                }
            }

            Put(c, s0, t0, add);
            if (TRows.Value > 1) Put(c + (2 * half), s1, t1, add);
            if (TRows.Value > 2) Put(c + (4 * half), s2, t2, add);
            if (TRows.Value > 3) Put(c + (6 * half), s3, t3, add);
            if (TRows.Value > 4) Put(c + (8 * half), s4, t4, add);
            if (TRows.Value > 5) Put(c + (10 * half), s5, t5, add);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Put<T>(T* c, Vector256<T> low, Vector256<T> high, bool add) where T : unmanaged
    {
        if (add)
        {
            low = Vector256.Load(c) + low;
            high = Vector256.Load(c + Vector256<T>.Count) + high;
        }

        low.Store(c);
        high.Store(c + Vector256<T>.Count);
    }
}
