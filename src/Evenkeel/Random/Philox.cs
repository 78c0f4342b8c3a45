using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Text;

namespace Evenkeel.Random;

/// <summary>
/// The default random stream: Philox4x32-10 (Salmon, Moraes, Dror, Shaw: "Parallel random numbers:
/// as easy as 1, 2, 3", 2011).
/// </summary>
/// <remarks>
/// <para>It is counter-based: block i of a stream is a fixed function of the stream's name and i, so it costs nothing
/// to create and split streams. <see cref="Split(string)"/> names a child. The numbers of the child depend on the seed
/// and on the names that lead to it, not on earlier draws or splits. So a new layer in a network does not change the
/// start values of the other layers.</para>
/// <para>The seed is the key. The lower 64 bits of the counter count blocks of four 32-bit words. The upper 64 bits
/// (and a new key) name the child. <c>new Philox(s)</c> starts with the reference implementation's output for key s and
/// counter 0.</para>
/// <para>Consumption: <see cref="NextUInt32"/> and each value of <see cref="Fill(Span{float})"/> take one word.
/// <see cref="NextUInt64"/> and <see cref="NextDouble"/> take two. A pair of normal numbers (Box-Muller) takes four;
/// the second number is kept for the next call. <see cref="NextInt"/> takes one, and another one with probability below
/// n/2^32.</para>
/// </remarks>
public sealed class Philox : IRandomStream
{
    /// <summary>The kind of this stream's <see cref="State"/>.</summary>
    public const string Kind = "philox4x32-10";

    /// <summary>Separates the naming of children from the drawing of numbers.</summary>
    private const ulong SplitTag = 0x53504C4954206279;

    private ulong _key;
    private ulong _stream;
    private ulong _block;
    private Words _words;
    private int _used = 4;
    private bool _hasNormal;
    private double _normal;

    [InlineArray(4)]
    private struct Words
    {
        private uint _first;
    }

    /// <summary>The stream of a seed, or the child that <see cref="Split(string)"/> names under it.</summary>
    /// <param name="seed">Any number.</param>
    /// <param name="path">
    /// Names, separated by '/': <c>new Philox(1, "data/shuffle")</c> is
    /// <c>new Philox(1).Split("data").Split("shuffle")</c>.
    /// </param>
    public Philox(ulong seed, string path = "")
    {
        ArgumentNullException.ThrowIfNull(path);
        (_key, _stream) = path.Length == 0 ? (seed, 0) : Derive(seed, 0, path);
    }

    private Philox((ulong Key, ulong Stream) id) => (_key, _stream) = id;

    /// <summary>
    /// The child stream with that name. It does not depend on earlier draws or splits, and is independent of this
    /// stream and of its other children.
    /// </summary>
    /// <param name="name">A name, or several separated by '/'.</param>
    /// <exception cref="ArgumentException">The name is empty.</exception>
    public Philox Split(string name)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        return new Philox(Derive(_key, _stream, name));
    }

    /// <summary>
    /// The child stream with that number, for example that of a sample or a step. It differs from every named child.
    /// </summary>
    public Philox Split(ulong index) => new(Absorb((_key ^ SplitTag, _stream ^ 1), index));

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public uint NextUInt32()
    {
        if (_used == 4) NextBlock();
        return _words[_used++];
    }

    /// <summary>A uniform number of 64 bits: two words, the lower half first.</summary>
    public ulong NextUInt64()
    {
        ulong low = NextUInt32();
        return low | ((ulong)NextUInt32() << 32);
    }

    /// <summary>A uniform number in [0, 1): the upper 53 bits of <see cref="NextUInt64"/>.</summary>
    public double NextDouble() => (NextUInt64() >> 11) * (1.0 / 9007199254740992.0);

    /// <summary>
    /// A standard normal number by Box and Muller: r = sqrt(-2 ln(1 - u)), r·cos(2πv), then r·sin(2πv). u and v come
    /// from <see cref="NextDouble"/> in this order.
    /// </summary>
    public double NextNormal()
    {
        if (_hasNormal)
        {
            _hasNormal = false;
            return _normal;
        }

        (double first, _normal) = NextPair();
        _hasNormal = true;
        return first;
    }

    /// <summary>
    /// A uniform, unbiased integer in [0, <paramref name="exclusiveMax"/>) (Lemire 2019: multiply and keep the upper
    /// half).
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="exclusiveMax"/> is below 1.</exception>
    public int NextInt(int exclusiveMax)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(exclusiveMax, 1);
        uint n = (uint)exclusiveMax;
        ulong product = (ulong)NextUInt32() * n;
        if ((uint)product < n)
        {
            uint threshold = (0u - n) % n;
            while ((uint)product < threshold) product = (ulong)NextUInt32() * n;
        }

        return (int)(product >> 32);
    }

    /// <summary>Fills with uniform numbers in [0, 1): the upper 24 bits of one word each.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Fill(Span<float> destination)
    {
        foreach (ref float value in destination) value = (NextUInt32() >> 8) * (1.0f / 16777216.0f);
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Fill(Span<double> destination)
    {
        foreach (ref double value in destination) value = NextDouble();
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void FillNormal(Span<float> destination)
    {
        foreach (ref float value in destination) value = (float)NextNormal();
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void FillNormal(Span<double> destination)
    {
        foreach (ref double value in destination) value = NextNormal();
    }

    /// <inheritdoc/>
    public void Shuffle(Span<int> values)
    {
        for (int i = values.Length - 1; i >= 1; i--)
        {
            int j = NextInt(i + 1);
            (values[i], values[j]) = (values[j], values[i]);
        }
    }

    /// <summary>The key, the name, the position and the kept normal number.</summary>
    /// <exception cref="ArgumentException">The new state is of another kind of stream, or damaged.</exception>
    public RandomStreamState State
    {
        get => new(Kind, [_key, _stream,
            _block, (ulong)_used, _hasNormal ? 1u : 0u, BitConverter.DoubleToUInt64Bits(_hasNormal ? _normal : 0)]);
        set
        {
            ArgumentNullException.ThrowIfNull(value);
            ReadOnlySpan<ulong> words = RandomStreamState.Expect(value, nameof(Philox), Kind, 6);
            if (words[3] > 4 || words[4] > 1)
            {
                throw new ArgumentException(
                    "Philox: the state's numbers are out of range. The checkpoint is damaged.", nameof(value));
            }

            (_key, _stream, _block) = (words[0], words[1], words[2]);
            if (words[3] < 4)
            {
                // A block that is partly used is computed again: it is the block before the next one.
                _block--;
                NextBlock();
            }

            _used = (int)words[3];
            _hasNormal = words[4] != 0;
            _normal = BitConverter.UInt64BitsToDouble(words[5]);
        }
    }

    /// <summary>
    /// The Philox function: four words from a counter of 128 bits and a key of 64 bits, in ten rounds.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static (uint Word0, uint Word1, uint Word2, uint Word3) Block(
        ulong counterLow, ulong counterHigh, ulong key)
    {
        uint c0 = (uint)counterLow, c1 = (uint)(counterLow >> 32), c2 = (uint)counterHigh,
            c3 = (uint)(counterHigh >> 32);
        uint k0 = (uint)key, k1 = (uint)(key >> 32);
        for (int round = 0; round < 10; round++)
        {
            ulong p0 = 0xD2511F53ul * c0, p1 = 0xCD9E8D57ul * c2;
            (c0, c1, c2, c3) = ((uint)(p1 >> 32) ^ c1 ^ k0, (uint)p1, (uint)(p0 >> 32) ^ c3 ^ k1, (uint)p0);
            k0 += 0x9E3779B9u;
            k1 += 0xBB67AE85u;
        }

        return (c0, c1, c2, c3);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private (double First, double Second) NextPair()
    {
        double u = NextDouble(), v = NextDouble();
        double r = Math.Sqrt(-2.0 * ScalarMath.Log(1.0 - u));
        (double sin, double cos) = ScalarMath.SinCosTurns(v);
        return (r * cos, r * sin);
    }

    private void NextBlock()
    {
        (_words[0], _words[1], _words[2], _words[3]) = Block(_block++, _stream, _key);
        _used = 0;
    }

    private static (ulong Key, ulong Stream) Derive(ulong key, ulong stream, string path)
    {
        (ulong Key, ulong Stream) id = (key, stream);
        foreach (Range part in path.AsSpan().Split('/'))
        {
            ReadOnlySpan<char> name = path.AsSpan()[part];
            if (name.IsEmpty)
            {
                throw new ArgumentException(
                    $"Philox: a stream name is empty in \"{path}\". Names are separated by single '/'.", nameof(path));
            }

            id = DeriveChild(id, name);
        }

        return id;
    }

    /// <summary>
    /// Hashes a name into a new key and stream number: first its length, then its UTF-8 bytes, eight at a time.
    /// </summary>
    private static (ulong Key, ulong Stream) DeriveChild((ulong Key, ulong Stream) parent, ReadOnlySpan<char> name)
    {
        byte[] bytes = new byte[(Encoding.UTF8.GetMaxByteCount(name.Length) + 7) & ~7];
        int length = Encoding.UTF8.GetBytes(name, bytes);
        (ulong Key, ulong Stream) id = Absorb((parent.Key ^ SplitTag, parent.Stream), (ulong)length);
        for (int i = 0; i < length; i += 8) id = Absorb(id, BinaryPrimitives.ReadUInt64LittleEndian(bytes.AsSpan(i)));
        return id;
    }

    private static (ulong Key, ulong Stream) Absorb((ulong Key, ulong Stream) id, ulong word)
    {
        (uint w0, uint w1, uint w2, uint w3) = Block(word, id.Stream, id.Key);
        return (w0 | ((ulong)w1 << 32), w2 | ((ulong)w3 << 32));
    }
}
