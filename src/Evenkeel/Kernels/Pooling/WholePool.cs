using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Evenkeel.Kernels;

/// <summary>
/// Pooling of floats with one window, the whole volume: the global maximum and mean of each channel.
/// </summary>
internal static unsafe class WholePool
{
    private const int Pack = 16;

    /// <summary>True if each volume has one window, which is the volume, of a pack of values or more.</summary>
    public static bool Fits(in PoolShape shape) => shape.InputSize >= Pack
        && IsWhole(shape.Slices) && IsWhole(shape.Rows) && IsWhole(shape.Columns);

    /// <summary>The largest value of each volume and, if wanted, the place of it.</summary>
    /// <param name="x">The volumes.</param>
    /// <param name="y">The results.</param>
    /// <param name="winners">Receives one place per result, or null.</param>
    /// <param name="shape">The sizes.</param>
    public static void Max(float* x, float* y, int* winners, in PoolShape shape)
    {
        Debug.Assert(Fits(shape));
        Workers.Run(shape.Chunks, new MaxJob { X = x, Y = y, Winners = winners, Volumes = shape });
    }

    /// <summary>The mean of each volume.</summary>
    /// <param name="x">The volumes.</param>
    /// <param name="y">The results.</param>
    /// <param name="shape">The sizes.</param>
    /// <param name="divisor">What the sums are divided by.</param>
    public static void Mean(float* x, float* y, in PoolShape shape, AverageDivisor divisor)
    {
        Debug.Assert(Fits(shape));
        double size = divisor.Of(shape.InputSize, shape.InputSize);
        Workers.Run(shape.Chunks, new MeanJob { X = x, Y = y, Volumes = shape, Size = size });
    }

    /// <summary>The gradients of the volumes whose means have the gradients dy.</summary>
    /// <param name="dy">The gradients of the results.</param>
    /// <param name="dx">The gradients of the volumes.</param>
    /// <param name="shape">The sizes.</param>
    /// <param name="divisor">As in the forward pass.</param>
    public static void MeanBackward(float* dy, float* dx, in PoolShape shape, AverageDivisor divisor)
    {
        Debug.Assert(Fits(shape));
        float size = (float)divisor.Of(shape.InputSize, shape.InputSize);
        Workers.Run(shape.Chunks, new SpreadJob { Dy = dy, Dx = dx, Volumes = shape, Size = size });
    }

    private static bool IsWhole(in PoolAxis axis) =>
        axis.Output == 1 && axis.Kernel == axis.Input && axis.Before == 0 && (axis.Dilation == 1 || axis.Kernel == 1);

    private struct MaxJob : IJob
    {
        public float* X, Y;
        public int* Winners;
        public PoolShape Volumes;

        public readonly void Invoke(int chunk)
        {
            int first = chunk * Volumes.PerChunk, count = Math.Min(Volumes.PerChunk, Volumes.Count - first);
            long from = (long)first * Volumes.InputSize;
            Each(X + from, Y + first, Winners is null ? null : Winners + first, count, Volumes.InputSize);
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private static void Each(float* x, float* y, int* winners, int count, int size)
        {
            Vector512<int> lanes = Vector512.Create(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
            int last = size - Pack;
            for (int volume = 0; volume < count; volume++, x += size)
            {
                Vector512<float> largest = Simd.Load(x), isNumber = Vector512.Equals(largest, largest);
                Vector512<int> place = lanes;
                for (int i = Pack; i - Pack < last; i += Pack)
                {
                    int at = Math.Min(i, last);
                    Vector512<float> value = Simd.Load(x + at);
                    Vector512<float> beats = Vector512.GreaterThan(value, largest);
                    isNumber &= Vector512.Equals(value, value);
                    largest = Vector512.ConditionalSelect(beats, value, largest);
                    place = Vector512.ConditionalSelect(beats.AsInt32(), lanes + Vector512.Create(at), place);
                }

                int winner = isNumber.AsInt32() == Vector512<int>.AllBitsSet
                    ? First(largest, place)
                    : Search(x, size);
                y[volume] = x[winner];
                if (winners is not null) winners[volume] = winner;
            }
        }

        /// <summary>The smallest place of the lanes that have the largest value.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static int First(Vector512<float> largest, Vector512<int> place)
        {
            Vector256<float> eight = Vector256.Max(largest.GetLower(), largest.GetUpper());
            Vector128<float> four = Vector128.Max(eight.GetLower(), eight.GetUpper());
            four = Vector128.Max(four, Vector128.Shuffle(four, Vector128.Create(2, 3, 0, 1)));
            four = Vector128.Max(four, Vector128.Shuffle(four, Vector128.Create(1, 0, 3, 2)));
            Vector512<int> isLargest = Vector512.Equals(largest, Vector512.Create(four.ToScalar())).AsInt32();
            place = Vector512.ConditionalSelect(isLargest, place, Vector512.Create(int.MaxValue));
            Vector256<int> places = Vector256.Min(place.GetLower(), place.GetUpper());
            Vector128<int> some = Vector128.Min(places.GetLower(), places.GetUpper());
            some = Vector128.Min(some, Vector128.Shuffle(some, Vector128.Create(2, 3, 0, 1)));
            some = Vector128.Min(some, Vector128.Shuffle(some, Vector128.Create(1, 0, 3, 2)));
            return some.ToScalar();
        }

        /// <summary>The last NaN.</summary>
        private static int Search(float* x, int size)
        {
            int i = size - 1;
            while (!float.IsNaN(x[i])) i--;
            return i;
        }
    }

    private struct MeanJob : IJob
    {
        public float* X, Y;
        public PoolShape Volumes;
        public double Size;

        public readonly void Invoke(int chunk)
        {
            int first = chunk * Volumes.PerChunk, count = Math.Min(Volumes.PerChunk, Volumes.Count - first);
            Each(X + ((long)first * Volumes.InputSize), Y + first, count, Volumes.InputSize, Size);
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private static void Each(float* x, float* y, int count, int size, double divisor)
        {
            int whole = size / Pack * Pack;
            Vector512<float> fresh = Simd.TailMask<float>(size - whole);
            for (int volume = 0; volume < count; volume++, x += size)
            {
                Vector512<double> low = default, high = default;
                for (int i = 0; i < whole; i += Pack) Widen.Add(Simd.Load(x + i), ref low, ref high);
                if (whole < size) Widen.Add(Simd.Load(x + size - Pack) & fresh, ref low, ref high);
                y[volume] = (float)(Simd.SumLanes(low + high) / divisor);
            }
        }
    }

    private struct SpreadJob : IJob
    {
        public float* Dy, Dx;
        public PoolShape Volumes;
        public float Size;

        public readonly void Invoke(int chunk)
        {
            int first = chunk * Volumes.PerChunk, count = Math.Min(Volumes.PerChunk, Volumes.Count - first);
            Each(Dy + first, Dx + ((long)first * Volumes.InputSize), count, Volumes.InputSize, Size);
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private static void Each(float* dy, float* dx, int count, int size, float divisor)
        {
            int last = size - Pack;
            for (int volume = 0; volume < count; volume++, dx += size)
            {
                Vector512<float> share = Simd.Broadcast(dy[volume] / divisor);
                for (int i = 0; ; i += Pack)
                {
                    Simd.Store(dx + Math.Min(i, last), share);
                    if (i >= last) break;
                }
            }
        }
    }
}
