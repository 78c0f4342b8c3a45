using System.Diagnostics;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Evenkeel.Kernels;

/// <summary>
/// Pooling of floats with one window, the whole volume: the global maximum and mean of each channel.
/// </summary>
internal static unsafe class WholePool
{
    private const int Pack = 16;

    /// <summary>Places of a volume that one mask has a bit for.</summary>
    private const int BitsOfMask = 64;

    /// <summary>So many packs of a mean are added in single precision, these sums in double.</summary>
    private const int SinglePacks = 8;

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

    /// <summary>The gradients of the volumes: dy at the place of the largest value, 0 elsewhere.</summary>
    /// <param name="dy">The gradients of the results.</param>
    /// <param name="winners">The places that <see cref="Max"/> found.</param>
    /// <param name="dx">The gradients of the volumes.</param>
    /// <param name="shape">The sizes.</param>
    public static void MaxBackward(float* dy, int* winners, float* dx, in PoolShape shape)
    {
        Debug.Assert(Fits(shape));
        Workers.Run(shape.Chunks, new PlaceJob { Dy = dy, Winners = winners, Dx = dx, Volumes = shape });
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

    /// <summary>The sum of a volume in lanes.</summary>
    /// <param name="x">The volume.</param>
    /// <param name="size">Its values.</param>
    /// <param name="whole">Those in whole packs.</param>
    /// <param name="fresh">The lanes of its last pack with the others.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<double> Sum(float* x, int size, int whole, Vector512<float> fresh)
    {
        Vector512<double> low = default, high = default;
        Vector512<float> sum = whole < size ? Simd.Load(x + size - Pack) & fresh : default;
        for (int i = 0; i < whole;)
        {
            for (int end = Math.Min(whole, i + (SinglePacks * Pack)); i < end; i += Pack) sum += Simd.Load(x + i);
            Widen.Add(sum, ref low, ref high);
            sum = default;
        }

        return low + high;
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
            if (Winners is null && WholePoolGroups.TryMax(X + from, Y + first, count, Volumes.InputSize)) return;
            Each(X + from, Y + first, Winners is null ? null : Winners + first, count, Volumes.InputSize);
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private static void Each(float* x, float* y, int* winners, int count, int size)
        {
            int last = size - Pack;
            for (int volume = 0; volume < count; volume++, x += size)
            {
                Vector512<float> largest = Simd.Load(x);
                ulong numbers = Vector512.Equals(largest, largest).ExtractMostSignificantBits();
                for (int i = Pack; i - Pack < last; i += Pack)
                {
                    Vector512<float> value = Simd.Load(x + Math.Min(i, last));
                    numbers &= Vector512.Equals(value, value).ExtractMostSignificantBits();
                    largest = Vector512.ConditionalSelect(Vector512.GreaterThan(value, largest), value, largest);
                }

                int winner = numbers != (1 << Pack) - 1 ? LastNaN(x, size)
                    : size <= BitsOfMask ? FirstOfFew(x, last, Largest(largest))
                    : First(x, last, Largest(largest));
                y[volume] = x[winner];
                if (winners is not null) winners[volume] = winner;
            }
        }

        /// <summary>The largest of a pack of numbers.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static float Largest(Vector512<float> v)
        {
            Vector256<float> lower = v.GetLower(), upper = v.GetUpper();
            Vector256<float> eight = Vector256.ConditionalSelect(Vector256.GreaterThan(upper, lower), upper, lower);
            Vector128<float> four = Larger(eight.GetUpper(), eight.GetLower());
            four = Larger(four, Vector128.Shuffle(four, Vector128.Create(2, 3, 0, 1)));
            return Larger(four, Vector128.Shuffle(four, Vector128.Create(1, 0, 3, 2))).ToScalar();
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static Vector128<float> Larger(Vector128<float> a, Vector128<float> b) =>
            Vector128.ConditionalSelect(Vector128.GreaterThan(a, b), a, b);

        /// <summary>The first place of a value that is there, without a branch that depends on it.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static int FirstOfFew(float* x, int last, float value)
        {
            Vector512<float> wanted = Simd.Broadcast(value);
            ulong found = Vector512.Equals(Simd.Load(x), wanted).ExtractMostSignificantBits();
            for (int i = Pack; i - Pack < last; i += Pack)
            {
                int at = Math.Min(i, last);
                found |= Vector512.Equals(Simd.Load(x + at), wanted).ExtractMostSignificantBits() << at;
            }

            return BitOperations.TrailingZeroCount(found);
        }

        /// <summary>The first place of a value that is there.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static int First(float* x, int last, float value)
        {
            Vector512<float> wanted = Simd.Broadcast(value);
            for (int i = 0; ; i += Pack)
            {
                int at = Math.Min(i, last);
                ulong found = Vector512.Equals(Simd.Load(x + at), wanted).ExtractMostSignificantBits();
                if (found != 0) return at + BitOperations.TrailingZeroCount(found);
            }
        }

        /// <summary>The last NaN.</summary>
        private static int LastNaN(float* x, int size)
        {
            int i = size - 1;
            while (!float.IsNaN(x[i])) i--;
            return i;
        }
    }

    private struct PlaceJob : IJob
    {
        public float* Dy, Dx;
        public int* Winners;
        public PoolShape Volumes;

        public readonly void Invoke(int chunk)
        {
            int first = chunk * Volumes.PerChunk, count = Math.Min(Volumes.PerChunk, Volumes.Count - first);
            Each(Dy + first, Winners + first, Dx + ((long)first * Volumes.InputSize), count, Volumes.InputSize);
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private static void Each(float* dy, int* winners, float* dx, int count, int size)
        {
            int last = size - Pack;
            for (int volume = 0; volume < count; volume++, dx += size)
            {
                for (int i = 0; ; i += Pack)
                {
                    Simd.Store(dx + Math.Min(i, last), Vector512<float>.Zero);
                    if (i >= last) break;
                }

                // The sum of 0 and dy, as for other windows: -0 becomes 0.
                dx[winners[volume]] = 0 + dy[volume];
            }
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
            float* x = X + ((long)first * Volumes.InputSize);
            if (WholePoolGroups.TryMean(x, Y + first, count, Volumes.InputSize, Size)) return;
            Each(x, Y + first, count, Volumes.InputSize, Size);
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private static void Each(float* x, float* y, int count, int size, double divisor)
        {
            int whole = size / Pack * Pack;
            Vector512<float> fresh = Simd.TailMask<float>(size - whole);
            for (int volume = 0; volume < count; volume++, x += size)
            {
                double mean = Simd.SumLanes(Sum(x, size, whole, fresh)) / divisor;
                y[volume] = (float)(double.IsFinite(mean) ? mean : InDouble(x, size) / divisor);
            }
        }

        /// <summary>The sum, if one in single precision is too large for it.</summary>
        [MethodImpl(MethodImplOptions.NoInlining)]
        private static double InDouble(float* x, int size)
        {
            double sum = 0;
            for (int i = 0; i < size; i++) sum += x[i];
            return sum;
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
