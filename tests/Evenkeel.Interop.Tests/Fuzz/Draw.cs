namespace Evenkeel.Interop.Tests.Fuzz;

/// <summary>The random choices of one case: a function of the seed and the number of the case alone.</summary>
internal sealed class Draw(int seed, int number)
{
    private ulong _state = ((ulong)(uint)seed << 32) | (uint)number;

    /// <summary>A whole number from low to high.</summary>
    public int Int(int low, int high) => low + (int)(Next() % (ulong)(high - low + 1));

    public bool Chance(double share) => Unit() < share;

    public T Pick<T>(params ReadOnlySpan<T> choices) => choices[Int(0, choices.Length - 1)];

    /// <summary>A size: mostly from 1 to <paramref name="high"/>, rarely 0.</summary>
    public int Size(int high) => Chance(0.015) ? 0 : Chance(0.15) ? 1 : Int(1, high);

    /// <summary>A number from low to high that is the same in both element types.</summary>
    public double Number(double low, double high) => (float)(low + ((high - low) * Unit()));

    /// <summary>
    /// Numbers from -2 to 2, in one of eight arrays multiples of 1/4 (equal ones, zeros), in one of eight far from 0.
    /// </summary>
    public double[] Numbers(int count)
    {
        int kind = Int(0, 7);
        double offset = kind == 1 ? Number(-50, 50) : 0;
        var values = new double[count];
        foreach (ref double value in values.AsSpan())
            value = kind == 0 ? Int(-8, 8) / 4.0 : (float)(Number(-2, 2) + offset);
        return values;
    }

    private double Unit() => (Next() >> 11) / (double)(1L << 53);

    /// <summary>SplitMix64 (Steele, Lea and Flood 2014).</summary>
    private ulong Next()
    {
        ulong z = _state += 0x9E3779B97F4A7C15;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }
}
