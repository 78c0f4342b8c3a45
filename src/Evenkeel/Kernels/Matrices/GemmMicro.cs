using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Evenkeel.Kernels;

/// <summary>A number that the JIT knows when it compiles a kernel, so branches on it cost nothing.</summary>
internal interface ICount
{
    static abstract int Value { get; }
}

internal readonly struct Count1 : ICount
{
    public static int Value
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => 1;
    }
}

internal readonly struct Count2 : ICount
{
    public static int Value
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => 2;
    }
}

internal readonly struct Count3 : ICount
{
    public static int Value
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => 3;
    }
}

internal readonly struct Count4 : ICount
{
    public static int Value
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => 4;
    }
}

internal readonly struct Count5 : ICount
{
    public static int Value
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => 5;
    }
}

internal readonly struct Count6 : ICount
{
    public static int Value
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => 6;
    }
}

internal readonly struct Count7 : ICount
{
    public static int Value
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => 7;
    }
}

internal readonly struct Count8 : ICount
{
    public static int Value
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => 8;
    }
}

internal readonly struct Count9 : ICount
{
    public static int Value
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => 9;
    }
}

internal readonly struct Count10 : ICount
{
    public static int Value
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => 10;
    }
}

internal readonly struct Count11 : ICount
{
    public static int Value
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => 11;
    }
}

internal readonly struct Count12 : ICount
{
    public static int Value
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => 12;
    }
}

internal readonly struct Count13 : ICount
{
    public static int Value
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => 13;
    }
}

internal readonly struct Count14 : ICount
{
    public static int Value
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => 14;
    }
}

/// <summary>
/// The inner loops of <see cref="Gemm"/>: one tile of C with its sums in registers. The rows and packs of a tile are
/// type arguments. So one source gives every size, and the compiler removes the sums that a size does not use.
/// </summary>
internal static unsafe partial class GemmMicro
{
    /// <summary>
    /// Rows of the widest tile: 8 x 2 packs take 16 of 32 registers. That is twice the number that hides the latency of
    /// an FMA.
    /// </summary>
    public const int WideRows = 8;

    /// <summary>Rows of the narrow tile of one pack: if a pack takes two registers, 6 packs take 12 of 16.</summary>
    public const int NarrowRows = 6;

    /// <summary>
    /// Columns of a dot-product tile, and its rows if there are 32 registers: 25 sums, 5 packs of B and one of A.
    /// </summary>
    public const int DotSide = 5;

    /// <summary>
    /// C (+)= A·B (+ bias) over <paramref name="k"/> terms. Each element is one FMA chain in the order of k. Element
    /// (i, p) of A is <c>a[i·aRow + p·aColumn]</c>. The packs of row p of B are at <c>b + p·bRow</c> and
    /// <paramref name="second"/> behind it. The packs of C lie <paramref name="cSecond"/> apart.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Tile<T, TRows, TPacks>(
        nint k, T* a, nint aRow, nint aColumn, T* b, nint bRow, nint second, T* c, nint cRow, nint cSecond, T* bias,
        bool add)
        where T : unmanaged, IFloatingPointIeee754<T>
        where TRows : ICount
        where TPacks : ICount
    {
        Vector512<T> s00 = default, s01 = default;
        Vector512<T> s10 = default, s11 = default;
        Vector512<T> s20 = default, s21 = default;
        Vector512<T> s30 = default, s31 = default;
        Vector512<T> s40 = default, s41 = default;
        Vector512<T> s50 = default, s51 = default;
        Vector512<T> s60 = default, s61 = default;
        Vector512<T> s70 = default, s71 = default;

        // There is a pointer for every second row. The stride addresses the row between, so all pointers fit the
        // integer registers.
        T* a0 = a, a2 = a + (2 * aRow), a4 = a + (4 * aRow), a6 = a + (6 * aRow);
        T* p = b;
        for (nint left = k; left > 0; left--)
        {
            Vector512<T> b0 = Simd.Load(p), b1 = TPacks.Value > 1 ? Simd.Load(p + second) : default;
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
                Vector512<T> v = Simd.Broadcast(*a2);
                s20 = Simd.Fma(v, b0, s20);
                if (TPacks.Value > 1) s21 = Simd.Fma(v, b1, s21);
            }

            if (TRows.Value > 3)
            {
                Vector512<T> v = Simd.Broadcast(*(a2 + aRow));
                s30 = Simd.Fma(v, b0, s30);
                if (TPacks.Value > 1) s31 = Simd.Fma(v, b1, s31);
            }

            if (TRows.Value > 4)
            {
                Vector512<T> v = Simd.Broadcast(*a4);
                s40 = Simd.Fma(v, b0, s40);
                if (TPacks.Value > 1) s41 = Simd.Fma(v, b1, s41);
            }

            if (TRows.Value > 5)
            {
                Vector512<T> v = Simd.Broadcast(*(a4 + aRow));
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

            p += bRow;
            a0 += aColumn;
            if (TRows.Value > 2) a2 += aColumn;
            if (TRows.Value > 4) a4 += aColumn;
            if (TRows.Value > 6) a6 += aColumn;
        }

        Put<T, TPacks>(c + (0 * cRow), cSecond, s00, s01, bias, add);
        if (TRows.Value > 1) Put<T, TPacks>(c + (1 * cRow), cSecond, s10, s11, bias, add);
        if (TRows.Value > 2) Put<T, TPacks>(c + (2 * cRow), cSecond, s20, s21, bias, add);
        if (TRows.Value > 3) Put<T, TPacks>(c + (3 * cRow), cSecond, s30, s31, bias, add);
        if (TRows.Value > 4) Put<T, TPacks>(c + (4 * cRow), cSecond, s40, s41, bias, add);
        if (TRows.Value > 5) Put<T, TPacks>(c + (5 * cRow), cSecond, s50, s51, bias, add);
        if (TRows.Value > 6) Put<T, TPacks>(c + (6 * cRow), cSecond, s60, s61, bias, add);
        if (TRows.Value > 7) Put<T, TPacks>(c + (7 * cRow), cSecond, s70, s71, bias, add);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Put<T, TPacks>(T* c, nint second, Vector512<T> v0, Vector512<T> v1, T* bias, bool add)
        where T : unmanaged
        where TPacks : ICount
    {
        Put(c, v0, bias, add);
        if (TPacks.Value > 1) Put(c + second, v1, bias == null ? null : bias + second, add);
    }

    /// <summary>Writes a finished pack: C = v (+ bias) or C = C + v.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Put<T>(T* c, Vector512<T> v, T* bias, bool add) where T : unmanaged
    {
        if (bias != null) v += Simd.Load(bias);
        if (add) v = Simd.Load(c) + v;
        Simd.Store(c, v);
    }

    /// <summary>
    /// The dot products of TRows rows of A with five rows of B over <paramref name="k"/> ≥ one pack of terms, into
    /// <c>result[5·i + j]</c>. Lane l of a sum takes the terms l, l + width, and so on. Then the lanes are added as a
    /// halving tree.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Dot<T, TRows>(nint k, T* a, nint aRow, T* b0, T* b1, T* b2, T* b3, T* b4, T* result)
        where T : unmanaged, IFloatingPointIeee754<T>
        where TRows : ICount
    {
        Vector512<T> s00 = default, s01 = default, s02 = default, s03 = default, s04 = default;
        Vector512<T> s10 = default, s11 = default, s12 = default, s13 = default, s14 = default;
        Vector512<T> s20 = default, s21 = default, s22 = default, s23 = default, s24 = default;
        Vector512<T> s30 = default, s31 = default, s32 = default, s33 = default, s34 = default;
        Vector512<T> s40 = default, s41 = default, s42 = default, s43 = default, s44 = default;
        T* a0 = a, a1 = a + aRow, a2 = a + (2 * aRow), a3 = a + (3 * aRow), a4 = a + (4 * aRow);
        nint whole = k - (k % Vector512<T>.Count);
        nint p = 0;
        for (; p < whole; p += Vector512<T>.Count)
        {
            Vector512<T> v0 = Simd.Load(b0 + p), v1 = Simd.Load(b1 + p), v2 = Simd.Load(b2 + p), v3 = Simd.Load(b3 + p),
                v4 = Simd.Load(b4 + p);
            Vector512<T> x0 = Simd.Load(a0 + p);
            s00 = Simd.Fma(x0, v0, s00);
            s01 = Simd.Fma(x0, v1, s01);
            s02 = Simd.Fma(x0, v2, s02);
            s03 = Simd.Fma(x0, v3, s03);
            s04 = Simd.Fma(x0, v4, s04);

            if (TRows.Value > 1)
            {
                Vector512<T> x = Simd.Load(a1 + p);
                s10 = Simd.Fma(x, v0, s10);
                s11 = Simd.Fma(x, v1, s11);
                s12 = Simd.Fma(x, v2, s12);
                s13 = Simd.Fma(x, v3, s13);
                s14 = Simd.Fma(x, v4, s14);
            }

            if (TRows.Value > 2)
            {
                Vector512<T> x = Simd.Load(a2 + p);
                s20 = Simd.Fma(x, v0, s20);
                s21 = Simd.Fma(x, v1, s21);
                s22 = Simd.Fma(x, v2, s22);
                s23 = Simd.Fma(x, v3, s23);
                s24 = Simd.Fma(x, v4, s24);
            }

            if (TRows.Value > 3)
            {
                Vector512<T> x = Simd.Load(a3 + p);
                s30 = Simd.Fma(x, v0, s30);
                s31 = Simd.Fma(x, v1, s31);
                s32 = Simd.Fma(x, v2, s32);
                s33 = Simd.Fma(x, v3, s33);
                s34 = Simd.Fma(x, v4, s34);
            }

            if (TRows.Value > 4)
            {
                Vector512<T> x = Simd.Load(a4 + p);
                s40 = Simd.Fma(x, v0, s40);
                s41 = Simd.Fma(x, v1, s41);
                s42 = Simd.Fma(x, v2, s42);
                s43 = Simd.Fma(x, v3, s43);
                s44 = Simd.Fma(x, v4, s44);
            }
        }

        if (p < k)
        {
            // The last pack overlaps the one before it. Both factors are masked, because 0·∞ is not 0.
            Vector512<T> mask = Simd.TailMask<T>((int)(k - p));
            p = k - Vector512<T>.Count;
            Vector512<T> u0 = mask & Simd.Load(b0 + p), u1 = mask & Simd.Load(b1 + p), u2 = mask & Simd.Load(b2 + p),
                u3 = mask & Simd.Load(b3 + p), u4 = mask & Simd.Load(b4 + p);
            Vector512<T> x0 = mask & Simd.Load(a0 + p);
            s00 = Simd.Fma(x0, u0, s00);
            s01 = Simd.Fma(x0, u1, s01);
            s02 = Simd.Fma(x0, u2, s02);
            s03 = Simd.Fma(x0, u3, s03);
            s04 = Simd.Fma(x0, u4, s04);

            if (TRows.Value > 1)
            {
                Vector512<T> x = mask & Simd.Load(a1 + p);
                s10 = Simd.Fma(x, u0, s10);
                s11 = Simd.Fma(x, u1, s11);
                s12 = Simd.Fma(x, u2, s12);
                s13 = Simd.Fma(x, u3, s13);
                s14 = Simd.Fma(x, u4, s14);
            }

            if (TRows.Value > 2)
            {
                Vector512<T> x = mask & Simd.Load(a2 + p);
                s20 = Simd.Fma(x, u0, s20);
                s21 = Simd.Fma(x, u1, s21);
                s22 = Simd.Fma(x, u2, s22);
                s23 = Simd.Fma(x, u3, s23);
                s24 = Simd.Fma(x, u4, s24);
            }

            if (TRows.Value > 3)
            {
                Vector512<T> x = mask & Simd.Load(a3 + p);
                s30 = Simd.Fma(x, u0, s30);
                s31 = Simd.Fma(x, u1, s31);
                s32 = Simd.Fma(x, u2, s32);
                s33 = Simd.Fma(x, u3, s33);
                s34 = Simd.Fma(x, u4, s34);
            }

            if (TRows.Value > 4)
            {
                Vector512<T> x = mask & Simd.Load(a4 + p);
                s40 = Simd.Fma(x, u0, s40);
                s41 = Simd.Fma(x, u1, s41);
                s42 = Simd.Fma(x, u2, s42);
                s43 = Simd.Fma(x, u3, s43);
                s44 = Simd.Fma(x, u4, s44);
            }
        }

        Add(result + 0, s00, s01, s02, s03, s04);
        if (TRows.Value > 1) Add(result + 5, s10, s11, s12, s13, s14);
        if (TRows.Value > 2) Add(result + 10, s20, s21, s22, s23, s24);
        if (TRows.Value > 3) Add(result + 15, s30, s31, s32, s33, s34);
        if (TRows.Value > 4) Add(result + 20, s40, s41, s42, s43, s44);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Add<T>(
        T* result, Vector512<T> v0, Vector512<T> v1, Vector512<T> v2, Vector512<T> v3, Vector512<T> v4)
        where T : unmanaged
    {
        result[0] = Add(v0);
        result[1] = Add(v1);
        result[2] = Add(v2);
        result[3] = Add(v3);
        result[4] = Add(v4);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static T Add<T>(Vector512<T> v) where T : unmanaged
    {
        Vector256<T> half = v.GetLower() + v.GetUpper();
        Vector128<T> quarter = half.GetLower() + half.GetUpper();
        if (sizeof(T) == 8)
            return (quarter + Vector128.Shuffle(quarter.AsInt64(), Vector128.Create(1L, 0)).As<long, T>()).ToScalar();
        quarter += Vector128.Shuffle(quarter.AsInt32(), Vector128.Create(2, 3, 0, 1)).As<int, T>();
        return (quarter + Vector128.Shuffle(quarter.AsInt32(), Vector128.Create(1, 0, 3, 2)).As<int, T>()).ToScalar();
    }
}
