using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Evenkeel.Kernels;

/// <summary>Copies parts of A and B into the order in which the inner loops of <see cref="Gemm"/> read them.</summary>
internal static unsafe class GemmPacking
{
    [ThreadStatic] private static byte[]? t_scratch;

    /// <summary>
    /// A buffer of the calling thread of at least <paramref name="bytes"/> bytes, pinned and aligned to a pack. It is
    /// kept for the next call.
    /// </summary>
    public static byte* Scratch(nint bytes)
    {
        Debug.Assert(bytes >= 0);
        byte[]? scratch = t_scratch;
        if (scratch == null || scratch.Length < bytes + Simd.Alignment)
        {
            int length = checked((int)(bytes + Simd.Alignment));
            t_scratch = scratch = GC.AllocateUninitializedArray<byte>(length, pinned: true);
        }

        nint address = (nint)Unsafe.AsPointer(ref scratch[0]);
        return (byte*)((address + Simd.Alignment - 1) & -Simd.Alignment);
    }

    /// <summary>Copies <paramref name="rows"/> rows of <paramref name="length"/> values.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Rows<T>(T* source, nint sourceRow, T* target, nint targetRow, int rows, int length)
        where T : unmanaged
    {
        Debug.Assert(length >= 0 && targetRow >= length, "the rows of the target overlap");
        int width = Vector512<T>.Count;
        for (int row = 0; row < rows; row++, source += sourceRow, target += targetRow)
        {
            if (length < width)
            {
                for (int i = 0; i < length; i++) target[i] = source[i];
                continue;
            }

            for (int i = 0; i <= length - width; i += width) Simd.Store(target + i, Simd.Load(source + i));
            Simd.Store(target + length - width, Simd.Load(source + length - width));
        }
    }

    /// <summary>
    /// Copies packs <paramref name="pack0"/> .. <paramref name="pack1"/> of <paramref name="k"/> rows of
    /// <paramref name="n"/> columns. A panel holds two packs, <paramref name="second"/> apart; the rows of each lie
    /// <paramref name="row"/> apart. The last pack of a row ends where the row ends. A row narrower than a pack is read
    /// beyond its end while <paramref name="readable"/> values are left.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Panels<T>(
        T* b, nint bRow, int n, nint readable, int pack0, int pack1, T* target, nint row, nint second,
        nint panelStride, int k)
        where T : unmanaged
    {
        Debug.Assert(n >= 1 && pack0 >= 0 && pack0 <= pack1);
        int width = Vector512<T>.Count;
        for (int p = 0; p < k; p++, b += bRow, target += row, readable -= bRow)
        {
            if (n < width)
            {
                Simd.Store(target, readable < width ? Simd.LoadPartial(b, n) : Simd.Load(b));
                continue;
            }

            T* to = target;
            T* from = b + (pack0 * width), last = b + n - width;
            int pack = pack0;
            for (; pack < pack1; pack += 2, from += 2 * width, to += panelStride)
            {
                Vector512<T> v0 = Simd.Load(from), v1 = Simd.Load(from + width < last ? from + width : last);
                Simd.Store(to, v0);
                Simd.Store(to + second, v1);
            }

            if (pack == pack1) Simd.Store(to, Simd.Load(from < last ? from : last));
        }
    }

    /// <summary>How far ahead a row is requested that becomes a column, in elements.</summary>
    private const int Ahead = 64;

    /// <summary>
    /// One pack of columns of op(B) = Bᵀ: <c>target[p·row + j] = b[j·bRow + p]</c>. Columns beyond
    /// <paramref name="columns"/> repeat the last one; their sums are not used.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void TransposedPack<T>(T* b, nint bRow, int columns, T* target, nint row, int k) where T : unmanaged
    {
        int width = Vector512<T>.Count;
        Debug.Assert(columns >= 1 && columns <= width);
        Debug.Assert(row >= width, "the rows of the target overlap");
        if (sizeof(T) == 4 && BlockTranspose.IsSupported && columns == BlockTranspose.Size)
        {
            for (; k >= BlockTranspose.Size; k -= BlockTranspose.Size, b += BlockTranspose.Size)
            {
                // Sixteen rows, each on pages of its own, are more than the hardware foresees.
                for (nint i = 0; i < BlockTranspose.Size; i++) Simd.Prefetch(b + (i * bRow) + Ahead);
                BlockTranspose.Run<AsItIs>((float*)b, bRow, (float*)target, row, default);
                target += BlockTranspose.Size * row;
            }
        }

        if (sizeof(T) == 4 && Sse.IsSupported)
        {
            for (int j = 0; j < width; j += 4)
            {
                float* b0 = (float*)(b + (Math.Min(j, columns - 1) * bRow));
                float* b1 = (float*)(b + (Math.Min(j + 1, columns - 1) * bRow));
                float* b2 = (float*)(b + (Math.Min(j + 2, columns - 1) * bRow));
                float* b3 = (float*)(b + (Math.Min(j + 3, columns - 1) * bRow));
                float* t = (float*)(target + j);
                int p = 0;
                for (; p <= k - 4; p += 4, t += 4 * row)
                {
                    Vector128<float> v0 = Vector128.Load(b0 + p), v1 = Vector128.Load(b1 + p),
                        v2 = Vector128.Load(b2 + p), v3 = Vector128.Load(b3 + p);
                    Vector128<float> low01 = Sse.UnpackLow(v0, v1), high01 = Sse.UnpackHigh(v0, v1);
                    Vector128<float> low23 = Sse.UnpackLow(v2, v3), high23 = Sse.UnpackHigh(v2, v3);
                    Sse.MoveLowToHigh(low01, low23).Store(t);
                    Sse.MoveHighToLow(low23, low01).Store(t + row);
                    Sse.MoveLowToHigh(high01, high23).Store(t + (2 * row));
                    Sse.MoveHighToLow(high23, high01).Store(t + (3 * row));
                }

                for (; p < k; p++, t += row)
                {
                    t[0] = b0[p];
                    t[1] = b1[p];
                    t[2] = b2[p];
                    t[3] = b3[p];
                }
            }

            return;
        }

        for (int j = 0; j < width; j += 2)
        {
            T* b0 = b + (Math.Min(j, columns - 1) * bRow);
            T* b1 = b + (Math.Min(j + 1, columns - 1) * bRow);
            T* t = target + j;
            for (int p = 0; p < k; p++, t += row)
            {
                t[0] = b0[p];
                t[1] = b1[p];
            }
        }
    }
}
