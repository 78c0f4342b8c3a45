namespace Evenkeel.Random;

/// <summary>
/// A stream of random numbers: a fixed sequence that depends on its seed only, the same on every machine.
/// </summary>
/// <remarks>
/// Every method says in its class what it consumes, so a sequence of calls is a sequence of bits. Bulk methods give exactly the
/// numbers that as many single calls give. A stream is not safe for use by several threads; give each its own
/// (<see cref="Philox.Split(string)"/>).
/// </remarks>
public interface IRandomStream
{
    /// <summary>A uniform number of 32 bits.</summary>
    uint NextUInt32();

    /// <summary>A uniform number of 64 bits.</summary>
    ulong NextUInt64();

    /// <summary>A uniform number in [0, 1) with 53 random bits.</summary>
    double NextDouble();

    /// <summary>A number of the standard normal distribution (mean 0, variance 1).</summary>
    double NextNormal();

    /// <summary>A uniform, unbiased integer in [0, <paramref name="exclusiveMax"/>).</summary>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="exclusiveMax"/> is below 1.</exception>
    int NextInt(int exclusiveMax);

    /// <summary>Fills with uniform numbers in [0, 1); how a float is made of bits is the stream's choice.</summary>
    void Fill(Span<float> destination);

    /// <summary>Fills with uniform numbers in [0, 1): <see cref="NextDouble"/> for each.</summary>
    void Fill(Span<double> destination);

    /// <summary>Fills with standard normal numbers: <see cref="NextNormal"/> for each, rounded to float.</summary>
    void FillNormal(Span<float> destination);

    /// <summary>Fills with standard normal numbers: <see cref="NextNormal"/> for each.</summary>
    void FillNormal(Span<double> destination);

    /// <summary>Draws indices in [0, <paramref name="count"/>) with replacement: <see cref="NextInt"/> for each.</summary>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="count"/> is below 1.</exception>
    void Choice(int count, Span<int> destination);

    /// <summary>The numbers 0 .. <paramref name="count"/>-1 in random order.</summary>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="count"/> is negative.</exception>
    int[] Permutation(int count);

    /// <summary>Puts the values in random order, in place (Fisher-Yates from the end).</summary>
    void Shuffle(Span<int> values);

    /// <summary>
    /// A copy of where the stream stands, for checkpoints; setting it continues with exactly the bits that followed when it was read.
    /// </summary>
    /// <exception cref="ArgumentException">The state set is of another kind of stream, or damaged.</exception>
    RandomStreamState State { get; set; }
}
