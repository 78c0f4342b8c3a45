using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Evenkeel.Kernels;

/// <summary>
/// Groups of volumes with one window each, the whole volume. The lanes of their packs are reduced together, with
/// AVX-512; each volume's as it would be alone.
/// </summary>
internal static unsafe class WholePoolGroups
{
    private const int Pack = 16;

    /// <summary>Volumes of a group.</summary>
    private const int MaxVolumes = 16, MeanVolumes = 8;

    // The halves of two packs, and the even and odd quarters of two packs.
    private const byte Lower = 0b01_00_01_00, Upper = 0b11_10_11_10, Even = 0b10_00_10_00, Odd = 0b11_01_11_01;

    /// <summary>
    /// The largest value of each volume. False, whatever has been written, if there are too few of them or a NaN, or
    /// registers are narrower than a pack.
    /// </summary>
    /// <param name="x">The volumes, of at least a pack.</param>
    /// <param name="y">The results.</param>
    /// <param name="count">Number of volumes.</param>
    /// <param name="size">Values of a volume.</param>
    [SkipLocalsInit]
    public static bool TryMax(float* x, float* y, int count, int size)
    {
        if (!Avx512F.IsSupported || count < MaxVolumes) return false;
        float* memory = stackalloc float[(MaxVolumes + 1) * Pack];
        if (!Max(x, y, count, size, (float*)Simd.Align((double*)memory))) return false;
        // Zeros of either sign are equal, and the first one wins.
        for (int volume = 0; volume < count; volume++)
        {
            if (y[volume] == 0) y[volume] = FirstZero(x + ((nint)volume * size), size);
        }

        return true;
    }

    /// <summary>
    /// The mean of each volume. False, whatever has been written, if there are too few of them or one is not finite, or
    /// registers are narrower than a pack.
    /// </summary>
    /// <param name="x">The volumes, of at least a pack.</param>
    /// <param name="y">The results.</param>
    /// <param name="count">Number of volumes.</param>
    /// <param name="size">Values of a volume.</param>
    /// <param name="divisor">What the sums are divided by.</param>
    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static bool TryMean(float* x, float* y, int count, int size, double divisor)
    {
        if (!Avx512F.IsSupported || count < MeanVolumes) return false;
        double* memory = stackalloc double[(MeanVolumes + 1) * Vector512<double>.Count];
        double* sums = Simd.Align(memory);
        int whole = size / Pack * Pack, last = count - MeanVolumes;
        Vector512<float> fresh = Simd.TailMask<float>(size - whole);
        Vector512<double> divisors = Simd.Broadcast(divisor), finite = Vector512<double>.AllBitsSet;
        for (int group = 0; group - MeanVolumes < last; group += MeanVolumes)
        {
            int first = Math.Min(group, last);
            for (int volume = 0; volume < MeanVolumes; volume++)
            {
                Vector512<double> sum = WholePool.Sum(x + ((nint)(first + volume) * size), size, whole, fresh);
                Simd.Store(sums + (volume * Vector512<double>.Count), sum);
            }

            Vector512<double> even = SumQuarters(sums), odd = SumQuarters(sums + Vector512<double>.Count);
            Vector512<double> mean = (Avx512F.UnpackLow(even, odd) + Avx512F.UnpackHigh(even, odd)) / divisors;
            finite &= Vector512.LessThan(Vector512.Abs(mean), Vector512.Create(double.PositiveInfinity));
            Avx512F.ConvertToVector256Single(mean).Store(y + first);
        }

        return Vector512.EqualsAll(finite.AsInt64(), Vector512<long>.AllBitsSet);
    }

    /// <summary>
    /// The sums of the lanes of every other pack of eight: two lanes are left of each, those of a pack in a quarter.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<double> SumQuarters(double* sums)
    {
        const int Step = 16;
        Vector512<double> a = Simd.Load(sums), b = Simd.Load(sums + Step), c = Simd.Load(sums + (2 * Step)),
            d = Simd.Load(sums + (3 * Step));
        Vector512<double> ab = Avx512F.Shuffle4x128(a, b, Lower) + Avx512F.Shuffle4x128(a, b, Upper);
        Vector512<double> cd = Avx512F.Shuffle4x128(c, d, Lower) + Avx512F.Shuffle4x128(c, d, Upper);
        return Avx512F.Shuffle4x128(ab, cd, Even) + Avx512F.Shuffle4x128(ab, cd, Odd);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static bool Max(float* x, float* y, int count, int size, float* packs)
    {
        int last = size - Pack, lastGroup = count - MaxVolumes;
        ulong notNumbers = 0;
        for (int group = 0; group - MaxVolumes < lastGroup; group += MaxVolumes)
        {
            int first = Math.Min(group, lastGroup);
            float* from = x + ((nint)first * size);
            for (int volume = 0; volume < MaxVolumes; volume++, from += size)
            {
                Vector512<float> largest = Simd.Load(from);
                notNumbers |= Avx512F.CompareUnordered(largest, largest).ExtractMostSignificantBits();
                for (int i = Pack; i - Pack < last; i += Pack)
                {
                    Vector512<float> value = Simd.Load(from + Math.Min(i, last));
                    notNumbers |= Avx512F.CompareUnordered(value, value).ExtractMostSignificantBits();
                    largest = Avx512F.Max(value, largest);
                }

                Simd.Store(packs + (volume * Pack), largest);
            }

            Vector512<float> left = MaxPairs(packs), right = MaxPairs(packs + (2 * Pack));
            Simd.Store(y + first, Avx512F.Max(
                Avx512F.Shuffle(left, right, Even), Avx512F.Shuffle(left, right, Odd)));
        }

        return notNumbers == 0;
    }

    /// <summary>
    /// The largest lanes of packs 0, 4, 8, 12 and 1, 5, 9, 13: two lanes are left of each, those of one pack of the
    /// former and one of the latter in a quarter.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> MaxPairs(float* packs)
    {
        Vector512<double> a = MaxQuarters(packs).AsDouble(), b = MaxQuarters(packs + Pack).AsDouble();
        return Avx512F.Max(Avx512F.UnpackLow(a, b).AsSingle(), Avx512F.UnpackHigh(a, b).AsSingle());
    }

    /// <summary>The largest lanes of every fourth pack: four lanes are left of each, those of a pack in a quarter.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> MaxQuarters(float* packs)
    {
        const int Step = 4 * Pack;
        Vector512<float> a = Simd.Load(packs), b = Simd.Load(packs + Step), c = Simd.Load(packs + (2 * Step)),
            d = Simd.Load(packs + (3 * Step));
        Vector512<float> ab = Avx512F.Max(Avx512F.Shuffle4x128(a, b, Lower), Avx512F.Shuffle4x128(a, b, Upper));
        Vector512<float> cd = Avx512F.Max(Avx512F.Shuffle4x128(c, d, Lower), Avx512F.Shuffle4x128(c, d, Upper));
        return Avx512F.Max(Avx512F.Shuffle4x128(ab, cd, Even), Avx512F.Shuffle4x128(ab, cd, Odd));
    }

    private static float FirstZero(float* x, int size)
    {
        int place = new ReadOnlySpan<float>(x, size).IndexOf(0f);
        return x[place];
    }
}
