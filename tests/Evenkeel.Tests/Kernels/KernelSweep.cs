using System.Numerics;
using Xunit;

namespace Evenkeel.Tests.Kernels;

/// <summary>What the sweeps of the kernels share.</summary>
internal static class KernelSweep
{
    /// <summary>The longest row: sixteen packs of floats and one value.</summary>
    public const int Longest = 257;

    /// <summary>How far a value of a short formula may be from the one in double.</summary>
    public static double Tolerance<T>() => typeof(T) == typeof(float)
        ? Tolerances.Float32Roundoff
        : Tolerances.Float64Steps;

    /// <summary>
    /// Fails unless actual is expected, up to the roundings of <paramref name="terms"/> terms near 1. The message names
    /// the case and the element.
    /// </summary>
    public static void Near<T>(double expected, double actual, string where, int at = 0, double terms = 1)
    {
        if (!(Math.Abs(expected - actual) <= Tolerance<T>() * Math.Max(1, terms)))
            Assert.Fail($"{typeof(T).Name}, {where}, element {at}: expected {expected:R}, got {actual:R}");
    }

    /// <summary>Lane masks of zeros and ones, about two of three ones, with room for a pack that reads on.</summary>
    public static unsafe GuardedBuffer<T> Mask<T>(int count, int seed, out bool[] counts)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        GuardedBuffer<T> ones = new(count, 1), bits = new(count + Evenkeel.Kernels.MaskBits.Overrun, 1);
        var random = new Evenkeel.Random.Philox((ulong)seed);
        counts = new bool[count];
        for (int i = 0; i < count; i++)
        {
            counts[i] = random.NextDouble() < 0.67;
            ones.Values[i] = counts[i] ? T.One : T.Zero;
        }

        Evenkeel.Kernels.MaskBits.Write(ones.Pointer, bits.Pointer, count);
        return bits;
    }
}
