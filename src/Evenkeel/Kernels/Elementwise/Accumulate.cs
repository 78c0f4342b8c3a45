using System.Diagnostics;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Evenkeel.Kernels;

/// <summary>destination += source, element by element.</summary>
internal static unsafe class Accumulate
{
    private const int ChunkElements = 1 << 15;

    public static void Add<T>(T* source, T* destination, int count) where T : unmanaged, IFloatingPointIeee754<T>
    {
        Debug.Assert(count >= 0);
        Debug.Assert(Contracts.AreSameOrApart(source, destination, count), "destination overlaps source");
        Workers.Run((count + ChunkElements - 1) / ChunkElements,
            new Job<T> { Source = source, Destination = destination, Count = count });
    }

    private struct Job<T> : IJob where T : unmanaged, IFloatingPointIeee754<T>
    {
        public T* Source;
        public T* Destination;
        public int Count;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public readonly void Invoke(int chunk)
        {
            int width = Vector512<T>.Count;
            int i = chunk * ChunkElements;
            int end = Math.Min(Count, i + ChunkElements);
            for (; i <= end - width; i += width)
                Simd.Store(Destination + i, Simd.Load(Destination + i) + Simd.Load(Source + i));
            if (i < end)
            {
                int rest = end - i;
                Simd.StorePartial(Destination + i,
                    Simd.LoadPartial(Destination + i, rest) + Simd.LoadPartial(Source + i, rest), rest);
            }
        }
    }
}
