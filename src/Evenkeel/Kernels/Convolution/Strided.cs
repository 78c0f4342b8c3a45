using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Evenkeel.Kernels;

/// <summary>
/// Copies rows whose values lie a stride apart. A stride of 2 takes packs, if the hardware can.
/// </summary>
internal static unsafe class Strided
{
    /// <summary>
    /// <c>to[k] = from[k·stride]</c> for <paramref name="count"/> values. Up to a pack of zeros is written behind them.
    /// </summary>
    /// <param name="from">The first value.</param>
    /// <param name="end">The end of the memory that may be read.</param>
    /// <param name="stride">Distance of two values, 1 or more.</param>
    /// <param name="to">The copy.</param>
    /// <param name="count">Number of values, 0 or more.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Gather<T>(T* from, T* end, int stride, T* to, int count) where T : unmanaged
    {
        Debug.Assert(stride >= 1 && count >= 0);
        int width = Vector512<T>.Count, k = 0;
        if (stride <= 2 && (stride == 1 || Avx2.IsSupported))
        {
            for (; k < count && end - from >= 2 * width; k += width, from += stride * width)
            {
                Vector512<T> pack = stride == 1 ? Simd.Load(from) : Even(Simd.Load(from), Simd.Load(from + width));
                Simd.Store(to + k, k + width <= count ? pack : pack & Simd.HeadMask<T>(count - k));
            }
        }

        for (; k < count; k++, from += stride) to[k] = *from;
    }

    /// <summary><c>to[k·stride] = from[k]</c>. The values between stay. Whole packs of the source are read.</summary>
    /// <param name="from">The first value.</param>
    /// <param name="to">The place of the first value.</param>
    /// <param name="stride">Distance of two places, 1 or more.</param>
    /// <param name="count">Number of values, 0 or more.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Scatter<T>(T* from, T* to, int stride, int count) where T : unmanaged
    {
        Debug.Assert(stride >= 1 && count >= 0);
        int width = Vector512<T>.Count, k = 0;
        if (stride == 2 && Avx512F.IsSupported)
        {
            for (; k < count; k += width, to += 2 * width)
            {
                Vector512<T> pack = Simd.Load(from + k);
                int places = Math.Min((2 * (count - k)) - 1, 2 * width);
                StoreEven(to, LowTwice(pack), Math.Min(places, width));
                if (places > width) StoreEven(to + width, HighTwice(pack), places - width);
            }

            return;
        }

        if (stride == 2 && Avx2.IsSupported)
        {
            // The values between are written as they were. The one behind the last value may be another thread's.
            for (int half = Vector256<T>.Count; k + half < count; k += half, to += 2 * half)
                MergeEven(to, Vector256.Load(from + k));
        }

        for (; k < count; k++, to += stride) *to = from[k];
    }

    /// <summary>The even lanes of two packs side by side.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<T> Even<T>(Vector512<T> low, Vector512<T> high) where T : unmanaged
    {
        if (!Avx512F.IsSupported)
            return Vector512.Create(Even(low.GetLower(), low.GetUpper()), Even(high.GetLower(), high.GetUpper()));
        if (sizeof(T) == 4)
        {
            return Avx512F.PermuteVar16x32x2(low.AsInt32(),
                Vector512.Create(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30), high.AsInt32())
                .As<int, T>();
        }

        return Avx512F.PermuteVar8x64x2(
            low.AsInt64(), Vector512.Create(0L, 2, 4, 6, 8, 10, 12, 14), high.AsInt64()).As<long, T>();
    }

    /// <summary>The even lanes of two halves of packs side by side.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<T> Even<T>(Vector256<T> low, Vector256<T> high) where T : unmanaged
    {
        // Each half gives two lanes of 64 bits in turn: the middle ones change places.
        Vector256<long> turns = sizeof(T) == 4
            ? Avx.Shuffle(low.AsSingle(), high.AsSingle(), 0b10_00_10_00).AsInt64()
            : Avx2.UnpackLow(low.AsInt64(), high.AsInt64());
        return Avx2.Permute4x64(turns, 0b11_01_10_00).As<long, T>();
    }

    /// <summary>The lanes of the lower half, each twice.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<T> LowTwice<T>(Vector512<T> v) where T : unmanaged => sizeof(T) == 4
        ? Avx512F.PermuteVar16x32(v.AsInt32(), Vector512.Create(0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7))
            .As<int, T>()
        : Avx512F.PermuteVar8x64(v.AsInt64(), Vector512.Create(0L, 0, 1, 1, 2, 2, 3, 3)).As<long, T>();

    /// <summary>The lanes of the upper half, each twice.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<T> HighTwice<T>(Vector512<T> v) where T : unmanaged => sizeof(T) == 4
        ? Avx512F.PermuteVar16x32(
            v.AsInt32(), Vector512.Create(8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13, 14, 14, 15, 15)).As<int, T>()
        : Avx512F.PermuteVar8x64(v.AsInt64(), Vector512.Create(4L, 4, 5, 5, 6, 6, 7, 7)).As<long, T>();

    /// <summary>Puts the lanes of half a pack at every second place.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void MergeEven<T>(T* to, Vector256<T> v) where T : unmanaged
    {
        T* second = to + Vector256<T>.Count;
        if (sizeof(T) == 4)
        {
            Vector256<float> low = Avx2.PermuteVar8x32(v.AsSingle(), Vector256.Create(0, 0, 1, 1, 2, 2, 3, 3)),
                high = Avx2.PermuteVar8x32(v.AsSingle(), Vector256.Create(4, 4, 5, 5, 6, 6, 7, 7));
            Avx.Blend(Vector256.Load((float*)to), low, 0b0101_0101).Store((float*)to);
            Avx.Blend(Vector256.Load((float*)second), high, 0b0101_0101).Store((float*)second);
        }
        else
        {
            Vector256<double> low = Avx2.Permute4x64(v.AsDouble(), 0b01_01_00_00),
                high = Avx2.Permute4x64(v.AsDouble(), 0b11_11_10_10);
            Avx.Blend(Vector256.Load((double*)to), low, 0b0101).Store((double*)to);
            Avx.Blend(Vector256.Load((double*)second), high, 0b0101).Store((double*)second);
        }
    }

    /// <summary>Stores the even lanes among the first ones; nothing else is written.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreEven<T>(T* to, Vector512<T> v, int lanes) where T : unmanaged
    {
        Vector512<T> mask = Simd.HeadMask<T>(lanes);
        if (sizeof(T) == 4)
        {
            Avx512F.MaskStore((int*)to,
                mask.AsInt32() & Vector512.Create(-1, 0, -1, 0, -1, 0, -1, 0, -1, 0, -1, 0, -1, 0, -1, 0), v.AsInt32());
        }
        else
        {
            Avx512F.MaskStore(
                (long*)to, mask.AsInt64() & Vector512.Create(-1L, 0, -1, 0, -1, 0, -1, 0), v.AsInt64());
        }
    }
}
