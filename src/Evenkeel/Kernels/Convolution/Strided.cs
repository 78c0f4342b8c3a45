using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using System.Numerics;
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
    /// How far ahead a row is requested, in bytes. The rows of a volume lie one behind the other, and a short row is no
    /// stream that the hardware foresees.
    /// </summary>
    private const int Ahead = 4096;

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

    /// <summary>
    /// Copies rows of values a stride apart into rows one behind the other. Up to a pack of zeros is written behind
    /// them.
    /// </summary>
    /// <param name="from">The first value of the first row.</param>
    /// <param name="fromRow">Distance of the rows that are read.</param>
    /// <param name="end">The end of the memory that may be read.</param>
    /// <param name="stride">Distance of two values, 1 or more.</param>
    /// <param name="to">The rows that are written.</param>
    /// <param name="count">Number of values of a row that is written.</param>
    /// <param name="rows">Number of rows.</param>
    public static void Thin<T>(T* from, nint fromRow, T* end, int stride, T* to, int count, int rows)
        where T : unmanaged
    {
        if (stride == 2 && CanHalve(from + ((rows - 1) * fromRow), end, count))
        {
            Halve(from, fromRow, to, count, rows);
            return;
        }

        // With nothing between them the rows are one long row.
        if (stride == 1 && fromRow == count) (count, rows) = (count * rows, 1);
        for (; rows > 0; rows--, from += fromRow, to += count) Gather(from, end, stride, to, count);
    }

    /// <summary>
    /// Whether <see cref="Halve"/> can copy rows of so many values: whole packs are picked by permutations, and none
    /// reads beyond the memory.
    /// </summary>
    public static bool CanHalve<T>(T* lastRow, T* end, int count) where T : unmanaged =>
        Avx2.IsSupported && count >= Vector512<T>.Count && lastRow + (2 * count) <= end;

    /// <summary><c>to[k] = from[2k]</c> for some rows. Nothing is written behind them.</summary>
    /// <param name="from">The first value of the first row.</param>
    /// <param name="fromRow">Distance of the rows that are read.</param>
    /// <param name="to">The rows that are written, one behind the other.</param>
    /// <param name="count">Number of values of a row that is written, a pack or more.</param>
    /// <param name="rows">Number of rows.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Halve<T>(T* from, nint fromRow, T* to, int count, int rows) where T : unmanaged
    {
        int width = Vector512<T>.Count, last = count - width;
        Debug.Assert(last >= 0);
        for (int i = 0; ; i += width)
        {
            // The last pack overlaps the one before.
            int at = Math.Min(i, last);
            T* x = from + (2 * at), y = to + at;
            for (int row = 0; row < rows; row++, x += fromRow, y += count)
                Simd.Store(y, Even(Simd.Load(x), Simd.Load(x + width)));
            if (i >= last) return;
        }
    }

    /// <summary>
    /// Deals the values of rows to two rows each in turn: <c>even[k] = from[2k]</c>, <c>odd[k] = from[2k + 1]</c>.
    /// Nothing is written behind the rows.
    /// </summary>
    /// <param name="from">The first value of the first row.</param>
    /// <param name="fromRow">Distance of the rows that are read.</param>
    /// <param name="end">The end of the memory that may be read.</param>
    /// <param name="even">The first row of even values.</param>
    /// <param name="odd">The first row of odd values.</param>
    /// <param name="toRow">Distance of the rows that are written.</param>
    /// <param name="count">Number of values of a row that is read, 0 or more.</param>
    /// <param name="rows">Number of rows that are read.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Deal<T>(T* from, nint fromRow, T* end, T* even, T* odd, nint toRow, int count, int rows)
        where T : unmanaged
    {
        Debug.Assert(count >= 0);
        int width = Vector512<T>.Count, ahead = Ahead / sizeof(T);
        for (; rows > 0; rows--, from += fromRow, even += toRow, odd += toRow)
        {
            int k = 0;
            if (Avx2.IsSupported)
            {
                T* at = from;
                for (; count - (2 * k) > 0 && end - at >= 2 * width; at += 2 * width, k += width)
                {
                    Simd.Prefetch(at + ahead);
                    Simd.Prefetch(at + ahead + width);
                    Vector512<T> low = Simd.Load(at), high = Simd.Load(at + width);
                    int left = count - (2 * k);
                    if (left >= 2 * width)
                    {
                        Simd.Store(even + k, Even(low, high));
                        Simd.Store(odd + k, Odd(low, high));
                        continue;
                    }

                    Simd.StorePartial(even + k, Even(low, high), (left + 1) / 2);
                    Simd.StorePartial(odd + k, Odd(low, high), left / 2);
                }
            }

            for (; 2 * k < count; k++)
            {
                even[k] = from[2 * k];
                if ((2 * k) + 1 < count) odd[k] = from[(2 * k) + 1];
            }
        }
    }

    /// <summary>
    /// Merges rows in pairs: <c>to[2k] = even[k] + shift</c>, <c>to[2k + 1] = odd[k] + shift</c>, or 0 in place of
    /// values up to <paramref name="limit"/>. Whole packs of the rows are read; nothing is written behind the values.
    /// </summary>
    /// <param name="even">The first row of even values.</param>
    /// <param name="evenRow">Distance of the rows of even values.</param>
    /// <param name="odd">The first row of odd values.</param>
    /// <param name="oddRow">Distance of the rows of odd values.</param>
    /// <param name="to">The place of the first value.</param>
    /// <param name="toRow">Distance of the rows that are written.</param>
    /// <param name="count">Number of values of a row that is written, 0 or more.</param>
    /// <param name="rows">Number of rows that are written.</param>
    /// <param name="shift">What is added to all values.</param>
    /// <param name="limit">0 for max(y, 0), NaN for all values as they are.</param>
    public static void Merge<T>(
        T* even, nint evenRow, T* odd, nint oddRow, T* to, nint toRow, int count, int rows, T shift, T limit)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        Debug.Assert(count >= 0);
        int width = Vector512<T>.Count;
        for (; count > 0; count -= 2 * width, even += width, odd += width, to += 2 * width)
        {
            if (count >= 2 * width)
                MergePacks<T, WholePack>(even, evenRow, odd, oddRow, to, toRow, width, width, rows, shift, limit);
            else
            {
                MergePacks<T, PartOfPack>(even, evenRow, odd, oddRow, to, toRow, Math.Min(width, count),
                    Math.Max(0, count - width), rows, shift, limit);
            }
        }
    }

    /// <summary>Two packs of each row: the first values of one, and of the other.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void MergePacks<T, TStore>(
        T* even, nint evenRow, T* odd, nint oddRow, T* to, nint toRow, int near, int far, int rows, T shift, T limit)
        where T : unmanaged, IFloatingPointIeee754<T>
        where TStore : IPackStore
    {
        Vector512<T> add = Simd.Broadcast(shift), most = Simd.Broadcast(limit);
        for (; rows > 0; rows--, even += evenRow, odd += oddRow, to += toRow)
        {
            MergePack<T, TStore>(Simd.Load(even), Simd.Load(odd), add, most, to, near, far);
        }
    }

    /// <summary>The same for a pack of either, in registers.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void MergePack<T, TStore>(
        Vector512<T> even, Vector512<T> odd, Vector512<T> shift, Vector512<T> limit, T* to, int near, int far)
        where T : unmanaged
        where TStore : IPackStore
    {
        (Vector512<T> low, Vector512<T> high) = Interleave(
            Simd.ZeroUpTo(even + shift, limit), Simd.ZeroUpTo(odd + shift, limit));
        TStore.Put(to, low, near);
        TStore.Put(to + Vector512<T>.Count, high, far);
    }

    /// <summary>The lanes of two packs in turn: those of the lower halves, and those of the upper ones.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (Vector512<T> Low, Vector512<T> High) Interleave<T>(Vector512<T> a, Vector512<T> b)
        where T : unmanaged
    {
        if (Avx512F.IsSupported && sizeof(T) == 4)
        {
            return (
                Pick(a, b, Vector512.Create(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23).As<int, T>()),
                Pick(a, b, Vector512.Create(8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31)
                    .As<int, T>()));
        }

        if (Avx512F.IsSupported)
        {
            return (Pick(a, b, Vector512.Create(0L, 8, 1, 9, 2, 10, 3, 11).As<long, T>()),
                Pick(a, b, Vector512.Create(4L, 12, 5, 13, 6, 14, 7, 15).As<long, T>()));
        }

        if (Avx2.IsSupported)
        {
            return (Interleave(a.GetLower(), b.GetLower()), Interleave(a.GetUpper(), b.GetUpper()));
        }

        Vector512<T> low = default, high = default;
        for (int i = 0, half = Vector512<T>.Count / 2; i < half; i++)
        {
            low = low.WithElement(2 * i, a[i]).WithElement((2 * i) + 1, b[i]);
            high = high.WithElement(2 * i, a[half + i]).WithElement((2 * i) + 1, b[half + i]);
        }

        return (low, high);
    }

    /// <summary>The lanes of two halves of packs in turn.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<T> Interleave<T>(Vector256<T> a, Vector256<T> b) where T : unmanaged
    {
        Vector256<T> low, high;
        if (sizeof(T) == 4)
        {
            low = Avx2.UnpackLow(a.AsInt32(), b.AsInt32()).As<int, T>();
            high = Avx2.UnpackHigh(a.AsInt32(), b.AsInt32()).As<int, T>();
        }
        else
        {
            low = Avx2.UnpackLow(a.AsInt64(), b.AsInt64()).As<long, T>();
            high = Avx2.UnpackHigh(a.AsInt64(), b.AsInt64()).As<long, T>();
        }

        // The instructions take the halves of 128 bits apart.
        return Vector512.Create(Vector256.Create(low.GetLower(), high.GetLower()),
            Vector256.Create(low.GetUpper(), high.GetUpper()));
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
    public static Vector512<T> Even<T>(Vector512<T> low, Vector512<T> high) where T : unmanaged
    {
        if (!Avx2.IsSupported) return OneByOne(low, high, 0);
        if (!Avx512F.IsSupported)
        {
            return Vector512.Create(Turns(low.GetLower(), low.GetUpper(), isOdd: false),
                Turns(high.GetLower(), high.GetUpper(), isOdd: false));
        }

        return sizeof(T) == 4
            ? Pick(low, high, Vector512.Create(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30).As<int, T>())
            : Pick(low, high, Vector512.Create(0L, 2, 4, 6, 8, 10, 12, 14).As<long, T>());
    }

    /// <summary>The odd lanes of two packs side by side.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<T> Odd<T>(Vector512<T> low, Vector512<T> high) where T : unmanaged
    {
        if (!Avx2.IsSupported) return OneByOne(low, high, 1);
        if (!Avx512F.IsSupported)
        {
            return Vector512.Create(Turns(low.GetLower(), low.GetUpper(), isOdd: true),
                Turns(high.GetLower(), high.GetUpper(), isOdd: true));
        }

        return sizeof(T) == 4
            ? Pick(low, high, Vector512.Create(1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31).As<int, T>())
            : Pick(low, high, Vector512.Create(1L, 3, 5, 7, 9, 11, 13, 15).As<long, T>());
    }

    /// <summary>
    /// For each tap of a row of three, the lanes that read a value of a row, in a pack of windows two apart.
    /// </summary>
    /// <param name="at">The place that the first lane reads at the first tap.</param>
    /// <param name="width">Values of the row.</param>
    /// <param name="in0">All ones in the lanes of the first tap.</param>
    /// <param name="in1">All ones in the lanes of the second tap.</param>
    /// <param name="in2">All ones in the lanes of the third tap.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void ThreeWithin<T>(
        int at, int width, out Vector512<T> in0, out Vector512<T> in1, out Vector512<T> in2) where T : unmanaged
    {
        int pack = Vector512<T>.Count;
        Vector512<T> near = Simd.Within<T>(at, width), far = Simd.Within<T>(at + pack, width);
        in0 = Even(near, far);
        in1 = Odd(near, far);
        in2 = Even(Simd.Within<T>(at + 2, width), Simd.Within<T>(at + 2 + pack, width));
    }

    /// <summary>
    /// The values at <c>x[2·lane]</c>, <c>x[2·lane + 1]</c> and <c>x[2·lane + 2]</c> in the lanes of
    /// <see cref="ThreeWithin"/>, zeros in the others. Three packs can be read.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Three<T>(T* x, Vector512<T> in0, Vector512<T> in1, Vector512<T> in2,
        out Vector512<T> first, out Vector512<T> second, out Vector512<T> third) where T : unmanaged
    {
        int pack = Vector512<T>.Count;
        Vector512<T> near = Simd.Load(x), far = Simd.Load(x + pack), even = Even(near, far);
        first = even & in0;
        second = Odd(near, far) & in1;
        third = in2 & (Avx512F.IsSupported
            ? Behind(even, x[2 * pack]) : Even(Simd.Load(x + 2), Simd.Load(x + 2 + pack)));
    }

    /// <summary>The lanes from the second one on, and a value behind them, with AVX-512.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<T> Behind<T>(Vector512<T> v, T last) where T : unmanaged => sizeof(T) == 4
        ? Avx512F.AlignRight32(Vector512.CreateScalarUnsafe(last).AsInt32(), v.AsInt32(), 1).As<int, T>()
        : Avx512F.AlignRight64(Vector512.CreateScalarUnsafe(last).AsInt64(), v.AsInt64(), 1).As<long, T>();

    /// <summary>Each second lane of two packs, without a permutation.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static Vector512<T> OneByOne<T>(Vector512<T> low, Vector512<T> high, int first) where T : unmanaged
    {
        int width = Vector512<T>.Count;
        T* values = stackalloc T[3 * width];
        Simd.Store(values, low);
        Simd.Store(values + width, high);
        for (int i = 0; i < width; i++) values[(2 * width) + i] = values[(2 * i) + first];
        return Simd.Load(values + (2 * width));
    }

    /// <summary>Lanes of two packs by their number: those of the second come after those of the first.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<T> Pick<T>(Vector512<T> low, Vector512<T> high, Vector512<T> numbers)
        where T : unmanaged => sizeof(T) == 4
        ? Avx512F.PermuteVar16x32x2(low.AsInt32(), numbers.AsInt32(), high.AsInt32()).As<int, T>()
        : Avx512F.PermuteVar8x64x2(low.AsInt64(), numbers.AsInt64(), high.AsInt64()).As<long, T>();

    /// <summary>The even or the odd lanes of two halves of packs side by side.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<T> Turns<T>(Vector256<T> low, Vector256<T> high, [ConstantExpected] bool isOdd)
        where T : unmanaged
    {
        // Each half gives two lanes of 64 bits in turn: the middle ones change places.
        Vector256<long> turns = (sizeof(T) == 4, isOdd) switch
        {
            (true, false) => Avx.Shuffle(low.AsSingle(), high.AsSingle(), 0b10_00_10_00).AsInt64(),
            (true, true) => Avx.Shuffle(low.AsSingle(), high.AsSingle(), 0b11_01_11_01).AsInt64(),
            (false, false) => Avx2.UnpackLow(low.AsInt64(), high.AsInt64()),
            (false, true) => Avx2.UnpackHigh(low.AsInt64(), high.AsInt64()),
        };
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
