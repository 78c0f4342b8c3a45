using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Evenkeel.Kernels;

/// <summary>
/// The copies of a pixel shuffle: row (h, i) of a large plane is made of the rows h of r small planes, whose values
/// take turns.
/// </summary>
internal static unsafe class PixelRows
{
    private const int ChunkElements = 1 << 15;

    /// <summary>
    /// <c>y[g, h·r + i, w·r + j] = x[g, i·r + j, h, w]</c>, or x from y if <paramref name="back"/> is set.
    /// </summary>
    /// <param name="x">Groups of r² planes of height by width.</param>
    /// <param name="y">A plane of (height·r) by (width·r) for each group.</param>
    /// <param name="groups">Number of large planes.</param>
    /// <param name="factor">r, 1 or more.</param>
    /// <param name="height">Rows of a small plane.</param>
    /// <param name="width">Columns of a small plane.</param>
    /// <param name="back">Whether x is written and y is read.</param>
    public static void Run<T>(T* x, T* y, int groups, int factor, int height, int width, bool back) where T : unmanaged
    {
        Debug.Assert(groups >= 0 && factor >= 1 && height >= 0 && width >= 0);
        int rows = groups * height * factor;
        if (rows == 0 || width == 0) return;
        int perChunk = Math.Max(1, ChunkElements / (width * factor));
        Workers.Run((rows + perChunk - 1) / perChunk, new Job<T>
        {
            X = x,
            Y = y,
            Rows = rows,
            Factor = factor,
            Height = height,
            Width = width,
            PerChunk = perChunk,
            Back = back,
        });
    }

    /// <summary>y = (a0, b0, a1, b1, ...) of <paramref name="count"/> pairs.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Interleave<T>(T* a, T* b, T* y, int count) where T : unmanaged
    {
        int width = Vector512<T>.Count, i = 0;
        if (Avx512F.IsSupported && count >= width)
        {
            for (int last = count - width; ; i += width)
            {
                int at = Math.Min(i, last);
                Vector512<T> va = Simd.Load(a + at), vb = Simd.Load(b + at);
                Simd.Store(y + (2 * at), Mixed(va, vb, upper: false));
                Simd.Store(y + (2 * at) + width, Mixed(va, vb, upper: true));
                if (i >= last) return;
            }
        }

        for (; i < count; i++) (y[2 * i], y[(2 * i) + 1]) = (a[i], b[i]);
    }

    /// <summary>a and b from y = (a0, b0, a1, b1, ...) of <paramref name="count"/> pairs.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Part<T>(T* y, T* a, T* b, int count) where T : unmanaged
    {
        int width = Vector512<T>.Count, i = 0;
        if (Avx512F.IsSupported && count >= width)
        {
            for (int last = count - width; ; i += width)
            {
                int at = Math.Min(i, last);
                Vector512<T> low = Simd.Load(y + (2 * at)), high = Simd.Load(y + (2 * at) + width);
                Simd.Store(a + at, Parted(low, high, odd: false));
                Simd.Store(b + at, Parted(low, high, odd: true));
                if (i >= last) return;
            }
        }

        for (; i < count; i++) (a[i], b[i]) = (y[2 * i], y[(2 * i) + 1]);
    }

    /// <summary>The lower or upper halves of two packs, lane by lane in turns.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<T> Mixed<T>(Vector512<T> a, Vector512<T> b, bool upper) where T : unmanaged
    {
        if (sizeof(T) == 4)
        {
            Vector512<int> lanes = Vector512.Create(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
            if (upper) lanes += Vector512.Create(8);
            return Avx512F.PermuteVar16x32x2(a.AsInt32(), lanes, b.AsInt32()).As<int, T>();
        }

        Vector512<long> wide = Vector512.Create(0L, 8, 1, 9, 2, 10, 3, 11);
        if (upper) wide += Vector512.Create(4L);
        return Avx512F.PermuteVar8x64x2(a.AsInt64(), wide, b.AsInt64()).As<long, T>();
    }

    /// <summary>The even or odd lanes of two packs side by side.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<T> Parted<T>(Vector512<T> low, Vector512<T> high, bool odd) where T : unmanaged
    {
        if (sizeof(T) == 4)
        {
            Vector512<int> lanes = Vector512.Create(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
            if (odd) lanes += Vector512.Create(1);
            return Avx512F.PermuteVar16x32x2(low.AsInt32(), lanes, high.AsInt32()).As<int, T>();
        }

        Vector512<long> wide = Vector512.Create(0L, 2, 4, 6, 8, 10, 12, 14);
        if (odd) wide += Vector512.Create(1L);
        return Avx512F.PermuteVar8x64x2(low.AsInt64(), wide, high.AsInt64()).As<long, T>();
    }

    private struct Job<T> : IJob where T : unmanaged
    {
        public T* X, Y;
        public int Rows, Factor, Height, Width, PerChunk;
        public bool Back;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public readonly void Invoke(int chunk)
        {
            int end = Math.Min(Rows, (chunk + 1) * PerChunk);
            nint plane = (nint)Height * Width;
            for (int row = chunk * PerChunk; row < end; row++)
            {
                (int tall, int i) = Math.DivRem(row, Factor);
                (int group, int h) = Math.DivRem(tall, Height);
                T* x = X + ((((nint)group * Factor) + i) * Factor * plane) + ((nint)h * Width);
                T* y = Y + ((nint)row * Width * Factor);
                if (Factor == 2)
                {
                    if (Back) Part(y, x, x + plane, Width);
                    else Interleave(x, x + plane, y, Width);
                    continue;
                }

                for (int j = 0; j < Factor; j++, x += plane)
                {
                    for (int w = 0; w < Width; w++)
                    {
                        if (Back) x[w] = y[(w * Factor) + j];
                        else y[(w * Factor) + j] = x[w];
                    }
                }
            }
        }
    }
}
