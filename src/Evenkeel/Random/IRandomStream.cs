namespace Evenkeel.Random;

/// <summary>
/// A stream of random numbers: a fixed sequence that depends only on its seed, the same on every machine.
/// </summary>
/// <remarks>
/// The class of a stream documents how much each method consumes, so a sequence of calls is a sequence of bits. A bulk
/// method gives the same numbers as single calls do, unless a class documents otherwise (<see cref="TorchGenerator"/>,
/// like PyTorch itself). Only one thread may use a stream. Give each thread a stream of its own
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

    /// <summary>Fills with uniform numbers in [0, 1). The stream decides how a float is made of bits.</summary>
    void Fill(Span<float> destination);

    /// <summary>Fills with uniform numbers in [0, 1): <see cref="NextDouble"/> for each.</summary>
    void Fill(Span<double> destination);

    /// <summary>Fills with standard normal numbers: <see cref="NextNormal"/> for each, rounded to float.</summary>
    void FillNormal(Span<float> destination);

    /// <summary>Fills with standard normal numbers: <see cref="NextNormal"/> for each.</summary>
    void FillNormal(Span<double> destination);

    /// <summary>
    /// Fills with numbers uniform in [low, high): low + <see cref="NextDouble"/>·(high - low)
    /// for each, rounded to float.
    /// </summary>
    /// <param name="destination">The span to fill.</param>
    /// <param name="low">The lower bound.</param>
    /// <param name="high">The upper bound. Rounding to float may give the bound itself.</param>
    void FillUniform(Span<float> destination, double low, double high)
    {
        double width = high - low;
        foreach (ref float value in destination) value = (float)(low + NextDouble() * width);
    }

    /// <summary>
    /// Fills with numbers uniform in [low, high): low + <see cref="NextDouble"/>·(high - low) for each.
    /// </summary>
    /// <inheritdoc cref="FillUniform(Span{float}, double, double)"/>
    void FillUniform(Span<double> destination, double low, double high)
    {
        double width = high - low;
        foreach (ref double value in destination) value = low + NextDouble() * width;
    }

    /// <summary>
    /// Fills with numbers of N(mean, std²): mean + <see cref="NextNormal"/>·std for each, rounded to float.
    /// </summary>
    /// <param name="destination">The span to fill.</param>
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

    /// <summary>
    /// Draws indices in [0, <paramref name="count"/>) with replacement: <see cref="NextInt"/> for each.
    /// </summary>
    /// <param name="count">The number of indices to draw from, 1 or more.</param>
    /// <param name="destination">Where the indices go; its length is how many are drawn.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="count"/> is below 1.</exception>
    void Choice(int count, Span<int> destination)
    {
        foreach (ref int value in destination) value = NextInt(count);
    }

    /// <summary>
    /// The numbers 0 .. <paramref name="count"/>-1 in random order: <see cref="Shuffle"/> of the ordered numbers.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="count"/> is negative.</exception>
    int[] Permutation(int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        var values = new int[count];
        for (int i = 0; i < count; i++) values[i] = i;
        Shuffle(values);
        return values;
    }

    /// <summary>Puts the values in random order, in place (Fisher-Yates). The stream decides from which end.</summary>
    void Shuffle(Span<int> values);

    /// <summary>
    /// A copy of the stream's position, for checkpoints. A stream whose state is set continues with exactly the bits
    /// that followed when the state was read.
    /// </summary>
    /// <exception cref="ArgumentException">The new state is of another kind of stream, or damaged.</exception>
    RandomStreamState State { get; set; }
}

/// <summary>Lets a stream of a known class call the methods that the interface implements.</summary>
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
