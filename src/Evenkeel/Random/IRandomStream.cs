namespace Evenkeel.Random;

/// <summary>
/// A stream of random numbers: a fixed sequence that depends on its seed only, the same on every machine.
/// </summary>
/// <remarks>
/// Every method says in its class what it consumes, so a sequence of calls is a sequence of bits. Bulk methods give exactly the
/// numbers that as many single calls give, except where a class says otherwise (<see cref="TorchGenerator"/>, as PyTorch itself). A stream is not safe for use by several threads; give each its own
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

    /// <summary>Fills with numbers uniform in [low, high): low + <see cref="NextDouble"/>·(high - low) for each, rounded to float.</summary>
    /// <param name="destination">What is filled.</param>
    /// <param name="low">The lower bound.</param>
    /// <param name="high">The upper bound; a float may be rounded up to it.</param>
    void FillUniform(Span<float> destination, double low, double high)
    {
        double width = high - low;
        foreach (ref float value in destination) value = (float)(low + NextDouble() * width);
    }

    /// <summary>Fills with numbers uniform in [low, high): low + <see cref="NextDouble"/>·(high - low) for each.</summary>
    /// <inheritdoc cref="FillUniform(Span{float}, double, double)"/>
    void FillUniform(Span<double> destination, double low, double high)
    {
        double width = high - low;
        foreach (ref double value in destination) value = low + NextDouble() * width;
    }

    /// <summary>Fills with numbers of N(mean, std²): mean + <see cref="NextNormal"/>·std for each, rounded to float.</summary>
    /// <param name="destination">What is filled.</param>
    /// <param name="mean">The mean.</param>
    /// <param name="std">The standard deviation.</param>
    void FillNormal(Span<float> destination, double mean, double std)
    {
        foreach (ref float value in destination) value = (float)(mean + NextNormal() * std);
    }

    /// <summary>Fills with numbers of N(mean, std²): mean + <see cref="NextNormal"/>·std for each.</summary>
    /// <inheritdoc cref="FillNormal(Span{float}, double, double)"/>
    void FillNormal(Span<double> destination, double mean, double std)
    {
        foreach (ref double value in destination) value = mean + NextNormal() * std;
    }

    /// <summary>Draws indices in [0, <paramref name="count"/>) with replacement: <see cref="NextInt"/> for each.</summary>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="count"/> is below 1.</exception>
    void Choice(int count, Span<int> destination)
    {
        foreach (ref int value in destination) value = NextInt(count);
    }

    /// <summary>The numbers 0 .. <paramref name="count"/>-1 in random order: <see cref="Shuffle"/> of the ordered ones.</summary>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="count"/> is negative.</exception>
    int[] Permutation(int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        var values = new int[count];
        for (int i = 0; i < count; i++) values[i] = i;
        Shuffle(values);
        return values;
    }

    /// <summary>Puts the values in random order, in place (Fisher-Yates; from which end, is the stream's choice).</summary>
    void Shuffle(Span<int> values);

    /// <summary>
    /// A copy of where the stream stands, for checkpoints; setting it continues with exactly the bits that followed when it was read.
    /// </summary>
    /// <exception cref="ArgumentException">The state set is of another kind of stream, or damaged.</exception>
    RandomStreamState State { get; set; }
}

/// <summary>Lets what the interface itself implements be called on a stream of known class too.</summary>
public static class RandomStreamExtensions
{
    /// <inheritdoc cref="IRandomStream.Choice(int, Span{int})"/>
    public static void Choice(this IRandomStream random, int count, Span<int> destination)
    {
        ArgumentNullException.ThrowIfNull(random);
        random.Choice(count, destination);
    }

    /// <inheritdoc cref="IRandomStream.Permutation(int)"/>
    public static int[] Permutation(this IRandomStream random, int count)
    {
        ArgumentNullException.ThrowIfNull(random);
        return random.Permutation(count);
    }
}
