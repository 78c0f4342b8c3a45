using System.Runtime.CompilerServices;

namespace Evenkeel.Random;

/// <summary>
/// mt19937 (Matsumoto and Nishimura 1998): the generator under NumPy's and PyTorch's streams. Period
/// 2^19937 - 1, words of 32 bits.
/// </summary>
internal sealed class MersenneTwister
{
    /// <summary>Number of words of the state.</summary>
    public const int Length = 624;

    private const int Middle = 397;

    private readonly uint[] _key = new uint[Length];
    private int _position;

    /// <summary>Sets the words as the reference implementation's <c>init_genrand(seed)</c> does.</summary>
    public void Seed(uint seed)
    {
        for (int i = 0; i < Length; i++)
        {
            _key[i] = seed;
            seed = 1812433253u * (seed ^ (seed >> 30)) + (uint)(i + 1);
        }

        _position = Length;
    }

    /// <summary>The next 32 bits.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public uint Next()
    {
        if (_position == Length) Generate();
        uint y = _key[_position++];
        y ^= y >> 11;
        y ^= (y << 7) & 0x9D2C5680u;
        y ^= (y << 15) & 0xEFC60000u;
        return y ^ (y >> 18);
    }

    /// <summary>
    /// The words, the position in them, and the kept normal number of the stream that uses them. Both streams save
    /// their state in this form.
    /// </summary>
    public RandomStreamState Save(string kind, double? normal)
    {
        var words = new ulong[Length + 3];
        for (int i = 0; i < Length; i++) words[i] = _key[i];
        words[Length] = (ulong)_position;
        words[Length + 1] = normal is null ? 0u : 1u;
        words[Length + 2] = BitConverter.DoubleToUInt64Bits(normal ?? 0);
        return new RandomStreamState(kind, words);
    }

    /// <summary>Restores the result of <see cref="Save"/>. Returns the kept normal number, or null.</summary>
    /// <exception cref="ArgumentException">The state is of another kind of stream, or damaged.</exception>
    public double? Restore(RandomStreamState state, string owner, string kind)
    {
        ArgumentNullException.ThrowIfNull(state);
        ReadOnlySpan<ulong> words = RandomStreamState.Expect(state, owner, kind, Length + 3);
        if (words[Length] > Length || words[Length + 1] > 1
            || words[..Length].ContainsAnyExceptInRange(0ul, uint.MaxValue))
        {
            throw new ArgumentException(
                $"{owner}: the state's numbers are out of range. The checkpoint is damaged.", nameof(state));
        }

        for (int i = 0; i < Length; i++) _key[i] = (uint)words[i];
        _position = (int)words[Length];
        return words[Length + 1] == 0 ? null : BitConverter.UInt64BitsToDouble(words[Length + 2]);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Generate()
    {
        uint[] key = _key;
        for (int i = 0; i < Length - Middle; i++) key[i] = key[i + Middle] ^ Twist(key[i], key[i + 1]);
        for (int i = Length - Middle; i < Length - 1; i++)
            key[i] = key[i + Middle - Length] ^ Twist(key[i], key[i + 1]);
        key[Length - 1] = key[Middle - 1] ^ Twist(key[Length - 1], key[0]);
        _position = 0;
    }

    private static uint Twist(uint upper, uint lower)
    {
        uint y = (upper & 0x80000000u) | (lower & 0x7FFFFFFFu);
        return (y >> 1) ^ ((0u - (lower & 1)) & 0x9908B0DFu);
    }
}
