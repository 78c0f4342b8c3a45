using System.Diagnostics;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Evenkeel.Kernels;

/// <summary>
/// Random masks from Philox4x32-10, eight blocks at a time. Word w of block 8·g + l decides element 32·g + 8·w + l, so
/// each element is a function of its position.
/// </summary>
internal static unsafe class DropoutMask
{
    private const int GroupElements = 32;
    private const int ChunkElements = 1 << 14;

    /// <summary>
    /// mask[i] = 0 if the element's word is below <paramref name="threshold"/>, else <paramref name="kept"/>.
    /// </summary>
    public static void Fill<T>(T* mask, int count, ulong key, ulong draw, ulong threshold, T kept)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        Debug.Assert(count >= 0);
        Debug.Assert(threshold <= 1ul << 32, "a word has 32 bits");
        Workers.Run((int)(((long)count + ChunkElements - 1) / ChunkElements),
            new Job<T> { Mask = mask, Count = count, Key = key, Draw = draw, Threshold = threshold, Kept = kept });
    }

    private struct Job<T> : IJob where T : unmanaged, IFloatingPointIeee754<T>
    {
        public T* Mask;
        public T Kept;
        public int Count;
        public ulong Key, Draw, Threshold;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public readonly void Invoke(int chunk)
        {
            long end = Math.Min(Count, ((long)chunk + 1) * ChunkElements);
            T* buffer = stackalloc T[GroupElements];
            for (long i = (long)chunk * ChunkElements; i < end; i += GroupElements)
            {
                bool whole = end - i >= GroupElements;
                Group(whole ? Mask + i : buffer, (ulong)i / 4);
                if (!whole) Buffer.MemoryCopy(buffer, Mask + i, (end - i) * sizeof(T), (end - i) * sizeof(T));
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private readonly void Group(T* mask, ulong block)
        {
            // 32-bit words are held in 64-bit lanes: a product of two words fits its lane.
            Vector512<ulong> low = Vector512.Create(0xFFFFFFFFul);
            Vector512<ulong> counter = Vector512.Create(block) + Vector512<ulong>.Indices;
            Vector512<ulong> c0 = counter & low, c1 = counter >>> 32, c2 = Vector512.Create(Draw & 0xFFFFFFFF),
                c3 = Vector512.Create(Draw >> 32);
            uint k0 = (uint)Key, k1 = (uint)(Key >> 32);
            for (int round = 0; round < 10; round++)
            {
                Vector512<ulong> p0 = c0 * Vector512.Create(0xD2511F53ul), p1 = c2 * Vector512.Create(0xCD9E8D57ul);
                c0 = (p1 >>> 32) ^ c1 ^ Vector512.Create((ulong)k0);
                c1 = p1 & low;
                c2 = (p0 >>> 32) ^ c3 ^ Vector512.Create((ulong)k1);
                c3 = p0 & low;
                k0 += 0x9E3779B9u;
                k1 += 0xBB67AE85u;
            }

            Vector512<ulong> threshold = Vector512.Create(Threshold);
            Vector512<T> kept = Simd.Broadcast(Kept);
            c0 = Vector512.GreaterThanOrEqual(c0, threshold);
            c1 = Vector512.GreaterThanOrEqual(c1, threshold);
            c2 = Vector512.GreaterThanOrEqual(c2, threshold);
            c3 = Vector512.GreaterThanOrEqual(c3, threshold);
            if (typeof(T) == typeof(float))
            {
                Simd.Store(mask, kept & Widen.Narrow(c0, c1).As<uint, T>());
                Simd.Store(mask + 16, kept & Widen.Narrow(c2, c3).As<uint, T>());
                return;
            }

            Simd.Store(mask, kept & c0.As<ulong, T>());
            Simd.Store(mask + 8, kept & c1.As<ulong, T>());
            Simd.Store(mask + 16, kept & c2.As<ulong, T>());
            Simd.Store(mask + 24, kept & c3.As<ulong, T>());
        }
    }
}
