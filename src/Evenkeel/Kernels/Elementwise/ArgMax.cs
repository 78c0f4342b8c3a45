using System.Diagnostics;
using System.Numerics;
using System.Runtime.CompilerServices;

namespace Evenkeel.Kernels;

/// <summary>
/// The position of the largest value along the middle one of three dimensions. Of equal values the first one counts; if
/// there is a NaN, the first NaN counts.
/// </summary>
internal static unsafe class ArgMax
{
    private const int ChunkElements = 1 << 14;

    /// <summary>index[o, i] = argmax over l of x[o, l, i]; <paramref name="length"/> is 1 or more.</summary>
    public static void Run<T>(T* x, long* index, int outer, int length, int inner)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        Debug.Assert(outer >= 0 && inner >= 0);
        if (outer == 0 || inner == 0) return;
        Debug.Assert(length >= 1, "no values have no largest one");
        int perChunk = (int)Math.Max(1, ChunkElements / ((long)length * inner));
        Workers.Run((outer + perChunk - 1) / perChunk,
            new Job<T> { X = x, Index = index, Outer = outer, Length = length, Inner = inner, PerChunk = perChunk });
    }

    private struct Job<T> : IJob where T : unmanaged, IFloatingPointIeee754<T>
    {
        public T* X;
        public long* Index;
        public int Outer, Length, Inner, PerChunk;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public readonly void Invoke(int chunk)
        {
            int end = Math.Min(Outer, (chunk + 1) * PerChunk);
            for (int o = chunk * PerChunk; o < end; o++)
            {
                T* x = X + ((long)o * Length * Inner);
                long* index = Index + ((long)o * Inner);
                for (int i = 0; i < Inner; i++)
                {
                    T best = x[i];
                    int position = 0;
                    for (int l = 1; l < Length; l++)
                    {
                        T value = x[((long)l * Inner) + i];

                        // False if value is not above best. A NaN replaces best, and nothing replaces a NaN.
                        if (value <= best || T.IsNaN(best)) continue;
                        best = value;
                        position = l;
                    }

                    index[i] = position;
                }
            }
        }
    }
}
