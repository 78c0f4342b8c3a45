using System.Diagnostics;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Evenkeel.Kernels;

/// <summary>
/// The machine model: a pack is a <see cref="Vector512{T}"/> (16 floats or 8 doubles) on every machine. The pack
/// determines the result. The hardware determines only the speed.
/// </summary>
/// <remarks>
/// Kernels use only + - * /, sqrt, fused multiply-add, comparisons, conversions, scaling by powers of two and bit
/// operations. Each of them is correctly rounded, so its bits are the same with AVX-512, AVX2, SSE or none. Only
/// <c>Load</c> and <c>Store</c> touch memory, so a 16-bit storage type can be added in one place.
/// </remarks>
internal static unsafe class Simd
{
    /// <summary>Alignment of every buffer, in bytes: one pack, one cache line.</summary>
    public const int Alignment = 64;

    /// <summary>The first address from p on that is aligned to a pack; for scratch memory on the stack.</summary>
    public static double* Align(double* p) => (double*)(((nint)p + Alignment - 1) & -Alignment);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<T> Load<T>(T* p) where T : unmanaged => Vector512.Load(p);

    /// <summary>Eight ints as longs.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<long> LoadLongs(int* p)
    {
        (Vector256<long> low, Vector256<long> high) = Vector256.Widen(Vector256.Load(p));
        return Vector512.Create(low, high);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store<T>(T* p, Vector512<T> v) where T : unmanaged => v.Store(p);

    /// <summary>
    /// Stores past the caches; <paramref name="p"/> must be aligned to a pack. It is faster only if the output is
    /// larger than the last-level cache. The bits do not depend on it. Call <see cref="StreamFence"/> once after the
    /// last store.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreStream<T>(T* p, Vector512<T> v) where T : unmanaged
    {
        Debug.Assert(Contracts.IsAligned(p));
        v.StoreAlignedNonTemporal(p);
    }

    /// <summary>Orders non-temporal stores before the stores that follow.</summary>
    public static void StreamFence()
    {
        if (Sse.IsSupported) Sse.StoreFence();
        else Thread.MemoryBarrier();
    }

    /// <summary>
    /// Requests a cache line into the second-level cache before it is needed, if the hardware can do that. It never
    /// faults, whatever the address.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Prefetch(void* p)
    {
        if (Sse.IsSupported) Sse.Prefetch1(p);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<T> Broadcast<T>(T value) => Vector512.Create(value);

    /// <summary>a·b + c, rounded once.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<T> Fma<T>(Vector512<T> a, Vector512<T> b, Vector512<T> c)
    {
        if (typeof(T) == typeof(float))
            return Vector512.FusedMultiplyAdd(a.AsSingle(), b.AsSingle(), c.AsSingle()).As<float, T>();
        return Vector512.FusedMultiplyAdd(a.AsDouble(), b.AsDouble(), c.AsDouble()).As<double, T>();
    }

    /// <summary>a·b + c for half a pack, rounded once.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<T> Fma<T>(Vector256<T> a, Vector256<T> b, Vector256<T> c)
    {
        if (typeof(T) == typeof(float))
            return Vector256.FusedMultiplyAdd(a.AsSingle(), b.AsSingle(), c.AsSingle()).As<float, T>();
        return Vector256.FusedMultiplyAdd(a.AsDouble(), b.AsDouble(), c.AsDouble()).As<double, T>();
    }

    /// <summary>a·b + c for one value, rounded once.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Fma<T>(T a, T b, T c) where T : IFloatingPointIeee754<T> => T.FusedMultiplyAdd(a, b, c);

    // The numbers of the lanes. Vector512.Indices counts them in a loop where registers are narrower.
    private static Vector512<int> IntLanes
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => Vector512.Create(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    }

    private static Vector512<long> LongLanes
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => Vector512.Create(0L, 1, 2, 3, 4, 5, 6, 7);
    }

    /// <summary>
    /// All ones in the last <paramref name="fresh"/> lanes, zero before. An overlapping last pack has these lanes still
    /// to count. 0 ≤ fresh ≤ pack width.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<T> TailMask<T>(int fresh) where T : unmanaged
    {
        Debug.Assert(fresh >= 0 && fresh <= Vector512<T>.Count);
        if (sizeof(T) == 4)
        {
            return Vector512.GreaterThanOrEqual(IntLanes, Vector512.Create(Vector512<int>.Count - fresh)).As<int, T>();
        }

        return Vector512
            .GreaterThanOrEqual(LongLanes, Vector512.Create((long)(Vector512<long>.Count - fresh)))
            .As<long, T>();
    }

    /// <summary>All ones in the first <paramref name="count"/> lanes, zero after.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<T> HeadMask<T>(int count) where T : unmanaged
    {
        if (sizeof(T) == 4)
            return Vector512.LessThan(IntLanes, Vector512.Create(count)).As<int, T>();
        return Vector512.LessThan(LongLanes, Vector512.Create((long)count)).As<long, T>();
    }

    /// <summary>All ones in the lanes of a pack whose places, from <paramref name="at"/> on, are 0 up to a count.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<T> Within<T>(int at, int count) where T : unmanaged =>
        TailMask<T>(Math.Clamp(at + Vector512<T>.Count, 0, Vector512<T>.Count))
        & HeadMask<T>(Math.Clamp(count - at, 0, Vector512<T>.Count));

    /// <summary>0 in place of values up to a limit: 0 for max(y, 0), NaN for all values as they are.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<T> ZeroUpTo<T>(Vector512<T> y, Vector512<T> limit) =>
        Vector512.AndNot(y, Vector512.LessThanOrEqual(y, limit));

    /// <summary>
    /// Loads <paramref name="count"/> &lt; pack values and fills the other lanes with <paramref name="fill"/>. It reads
    /// no memory beyond the values.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<T> LoadPartial<T>(T* p, int count, T fill = default) where T : unmanaged
    {
        Debug.Assert(count >= 0 && count <= Vector512<T>.Count);
        Vector512<T> buffer = Vector512.Create(fill);
        if (Avx512F.IsSupported)
        {
            Vector512<T> mask = HeadMask<T>(count);
            return sizeof(T) == 4
                ? Avx512F.MaskLoad((int*)p, mask.AsInt32(), buffer.AsInt32()).As<int, T>()
                : Avx512F.MaskLoad((long*)p, mask.AsInt64(), buffer.AsInt64()).As<long, T>();
        }

        Buffer.MemoryCopy(p, &buffer, (long)count * sizeof(T), (long)count * sizeof(T));
        return buffer;
    }

    /// <summary>A pack, or the values there are, if they are fewer, with <paramref name="fill"/> behind them.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<T> LoadUpTo<T>(T* p, int count, T fill = default) where T : unmanaged =>
        count >= Vector512<T>.Count ? Load(p) : LoadPartial(p, count, fill);

    /// <summary>Stores a pack, or its first lanes, if there are fewer places.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreUpTo<T>(T* p, Vector512<T> v, int count) where T : unmanaged
    {
        if (count >= Vector512<T>.Count) Store(p, v);
        else StorePartial(p, v, count);
    }

    /// <summary>
    /// Stores the first <paramref name="count"/> &lt; pack lanes. It writes no memory beyond them.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StorePartial<T>(T* p, Vector512<T> v, int count) where T : unmanaged
    {
        Debug.Assert(count >= 0 && count <= Vector512<T>.Count);
        if (Avx512F.IsSupported)
        {
            Vector512<T> mask = HeadMask<T>(count);
            if (sizeof(T) == 4) Avx512F.MaskStore((int*)p, mask.AsInt32(), v.AsInt32());
            else Avx512F.MaskStore((long*)p, mask.AsInt64(), v.AsInt64());
            return;
        }

        Vector512<T> buffer = v;
        Buffer.MemoryCopy(&buffer, p, (long)count * sizeof(T), (long)count * sizeof(T));
    }

    /// <summary>
    /// The sum of the lanes in double, in the fixed order of a halving tree: lane i with lane i + half.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static double SumLanes<T>(Vector512<T> v)
    {
        if (typeof(T) == typeof(float))
        {
            Vector512<float> f = v.AsSingle();
            Vector512<double> low = Vector512.WidenLower(f), high = Vector512.WidenUpper(f);
            return SumLanes(low + high);
        }

        Vector512<double> d = v.AsDouble();
        Vector256<double> four = d.GetLower() + d.GetUpper();
        Vector128<double> two = four.GetLower() + four.GetUpper();
        return two.GetElement(0) + two.GetElement(1);
    }
}
