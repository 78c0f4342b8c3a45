using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Evenkeel.Kernels;

namespace Evenkeel.Random;

/// <summary>
/// PyTorch's CPU generator: the same seed and the same calls give the same numbers. PyTorch uses it for
/// <c>torch.manual_seed</c>, <c>torch.rand</c>, <c>torch.randn</c>, <c>tensor.uniform_</c>, <c>tensor.normal_</c> and
/// <c>torch.randperm</c>.
/// </summary>
/// <remarks>
/// <para>mt19937 (Matsumoto and Nishimura 1998). A uniform float takes one draw of 32 bits and keeps 24 of them; a
/// uniform double takes two draws and keeps 53 bits. Normal numbers are made in two ways. A bulk call for 16 or more
/// first fills the whole destination with uniform numbers. Then it turns blocks of 16 in place by Box and Muller:
/// u₁ = 1 - x[j], u₂ = x[j + 8], r = √(-2 ln u₁), x[j] = r·cos 2πu₂, x[j + 8] = r·sin 2πu₂.
/// If the count is not a multiple of 16, the last 16 are drawn again. A call for fewer than 16 makes pairs of doubles;
/// the second of a pair is kept for the next such call. <b>So bulk calls do not give the numbers of single calls</b>,
/// and calls of other sizes do not either: ask for the shapes that PyTorch is asked for, in its order.</para>
/// <para>Integers and uniform numbers (of any interval) have the same bits as PyTorch's. Normal numbers need logarithm,
/// sine and cosine. PyTorch takes them from its own approximations for 16 floats and more, and from the C library
/// otherwise; here they are this library's own. The comparison is with PyTorch 1.13 on x86-64 with AVX2. Of a bulk call
/// 83 of 100 floats have the same bits, and none of a million is more than 3 units in the last place or 5e-7 away.
/// Doubles and small calls are at most 3 units of a double in the last place away, and floats made of them have the
/// same bits.</para>
/// </remarks>
public sealed class TorchGenerator : IRandomStream
{
    /// <summary>The kind of this stream's <see cref="State"/>.</summary>
    public const string Kind = "torch-mt19937";

    /// <summary>Normal numbers are made in blocks if there are at least this many.</summary>
    private const int Block = 16;

    private const float SingleUnit = 1.0f / (1 << 24);
    private const double DoubleUnit = 1.0 / (1L << 53);

    private readonly MersenneTwister _twister = new();
    private double? _normal;

    /// <summary>A stream in the state after <c>torch.manual_seed(seed)</c>.</summary>
    /// <param name="seed">Any number. As in PyTorch, only its lower 32 bits count.</param>
    public TorchGenerator(ulong seed) => Seed(seed);

    /// <summary>Starts again: <c>torch.manual_seed(seed)</c>. A kept second normal number is dropped.</summary>
    public void Seed(ulong seed)
    {
        _twister.Seed((uint)seed);
        _normal = null;
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public uint NextUInt32() => _twister.Next();

    /// <summary>A uniform number of 64 bits: two draws, the upper half first.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ulong NextUInt64()
    {
        ulong high = _twister.Next();
        return (high << 32) | _twister.Next();
    }

    /// <summary>A uniform float in [0, 1), <c>torch.rand(1)</c>: the lower 24 bits of one draw.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public float NextSingle() => (_twister.Next() & 0xFFFFFF) * SingleUnit;

    /// <summary>
    /// A uniform double in [0, 1), <c>torch.rand(1, dtype=torch.float64)</c>: the lower 53 bits of two draws.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public double NextDouble() => (NextUInt64() & 0x1FFFFFFFFFFFFF) * DoubleUnit;

    /// <summary>
    /// A standard normal number, <c>torch.randn(1, dtype=torch.float64)</c>: Box and Muller. Every second call returns
    /// the kept number.
    /// </summary>
    public double NextNormal()
    {
        if (_normal is { } kept)
        {
            _normal = null;
            return kept;
        }

        // PyTorch's log1p(-u2): 1 - u2 is exact. The angle is rounded as in PyTorch.
        double u1 = NextDouble(), u2 = NextDouble();
        double r = Math.Sqrt(-2.0 * VectorMath.Log(1.0 - u2)), angle = 2.0 * Math.PI * u1;
        _normal = r * VectorMath.Sin(angle);
        return r * VectorMath.Cos(angle);
    }

    /// <summary>
    /// An integer in [0, <paramref name="exclusiveMax"/>), <c>torch.randint(n, (1,))</c>: the remainder of one draw, so
    /// it is slightly biased.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="exclusiveMax"/> is below 1.</exception>
    public int NextInt(int exclusiveMax)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(exclusiveMax, 1);
        return (int)(_twister.Next() % (uint)exclusiveMax);
    }

    /// <summary>
    /// <c>torch.randint(low, high, (1,))</c>: an integer in [low, high). A range below 2^32 takes
    /// one draw, a larger one two.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">
    /// <paramref name="high"/> is not above <paramref name="low"/>.
    /// </exception>
    public long RandInt(long low, long high)
    {
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(high, low);
        ulong range = (ulong)high - (ulong)low;
        return unchecked((long)((ulong)low + (range >= 1UL << 32 ? NextUInt64() : _twister.Next()) % range));
    }

    /// <summary>
    /// An integer in [0, 2^63), <c>torch.empty((), dtype=torch.int64).random_()</c>. PyTorch's <c>DataLoader</c> draws
    /// it twice per iteration: once for the seeds of its workers and once for the generator of the order.
    /// </summary>
    public long NextInt64() => (long)(NextUInt64() & long.MaxValue);

    /// <summary><c>torch.rand(count)</c>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Fill(Span<float> destination)
    {
        foreach (ref float value in destination) value = NextSingle();
    }

    /// <summary><c>torch.rand(count, dtype=torch.float64)</c>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Fill(Span<double> destination)
    {
        foreach (ref double value in destination) value = NextDouble();
    }

    /// <summary>
    /// <c>tensor.uniform_(low, high)</c> of floats. Bounds and width are rounded to float, and u·width + low is rounded
    /// once.
    /// </summary>
    /// <param name="destination">Where the values go.</param>
    /// <param name="low">The lower bound, which can be drawn.</param>
    /// <param name="high">The upper bound.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void FillUniform(Span<float> destination, double low, double high)
    {
        float from = (float)low, width = (float)high - from;
        foreach (ref float value in destination) value = Simd.Fma(NextSingle(), width, from);
    }

    /// <summary><c>tensor.uniform_(low, high)</c> of doubles: u·(high - low) + low, rounded once.</summary>
    /// <param name="destination">Where the values go.</param>
    /// <param name="low">The lower bound, which can be drawn.</param>
    /// <param name="high">The upper bound.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void FillUniform(Span<double> destination, double low, double high)
    {
        double width = high - low;
        foreach (ref double value in destination) value = Simd.Fma(NextDouble(), width, low);
    }

    /// <summary><c>torch.randn(count)</c>.</summary>
    public void FillNormal(Span<float> destination) => FillNormal(destination, 0, 1);

    /// <summary><c>torch.randn(count, dtype=torch.float64)</c>.</summary>
    public void FillNormal(Span<double> destination) => FillNormal(destination, 0, 1);

    /// <summary><c>tensor.normal_(mean, std)</c> of floats, contiguous.</summary>
    /// <param name="destination">Where the values go.</param>
    /// <param name="mean">The mean of the distribution.</param>
    /// <param name="std">Its standard deviation.</param>
    public unsafe void FillNormal(Span<float> destination, double mean, double std)
    {
        if (destination.Length < Block)
        {
            foreach (ref float value in destination) value = (float)Simd.Fma(NextNormal(), std, mean);
            return;
        }

        Fill(destination);
        fixed (float* values = destination)
        {
            int end = destination.Length - Block;
            for (int i = 0; i <= end; i += Block) Transform(values + i, (float)mean, (float)std);
            if (destination.Length % Block == 0) return;
            Fill(destination[end..]);
            Transform(values + end, (float)mean, (float)std);
        }
    }

    /// <summary><c>tensor.normal_(mean, std)</c> of doubles, contiguous.</summary>
    /// <param name="destination">Where the values go.</param>
    /// <param name="mean">The mean of the distribution.</param>
    /// <param name="std">Its standard deviation.</param>
    public unsafe void FillNormal(Span<double> destination, double mean, double std)
    {
        if (destination.Length < Block)
        {
            foreach (ref double value in destination) value = Simd.Fma(NextNormal(), std, mean);
            return;
        }

        Fill(destination);
        fixed (double* values = destination)
        {
            int end = destination.Length - Block;
            for (int i = 0; i <= end; i += Block) Transform(values + i, mean, std);
            if (destination.Length % Block == 0) return;
            Fill(destination[end..]);
            Transform(values + end, mean, std);
        }
    }

    /// <summary>
    /// Puts the values in the order of <c>torch.randperm(values.Length)</c>: Fisher-Yates from the front, with
    /// remainders of single draws.
    /// </summary>
    public void Shuffle(Span<int> values)
    {
        for (int i = 0; i < values.Length - 1; i++)
        {
            int j = i + (int)(_twister.Next() % (uint)(values.Length - i));
            (values[i], values[j]) = (values[j], values[i]);
        }
    }

    /// <summary>The 624 words of the twister, the position in them, and the kept normal number.</summary>
    /// <exception cref="ArgumentException">The new state is of another kind of stream, or damaged.</exception>
    public RandomStreamState State
    {
        get => _twister.Save(Kind, _normal);
        set => _normal = _twister.Restore(value, nameof(TorchGenerator), Kind);
    }

    /// <summary>
    /// Turns 16 uniform numbers into 16 normal ones. Logarithm, angle, sine and cosine are each rounded to float, as in
    /// PyTorch.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static unsafe void Transform(float* values, float mean, float std)
    {
        Vector512<float> u = Simd.Load(values);
        Vector512<double> log = VectorMath.Log(Vector512.WidenLower(Vector512<float>.One - u));
        Vector512<double> angle = Vector512.WidenUpper(u * Simd.Broadcast((float)(2 * Math.PI)));
        Vector512<float> r = Vector512.Sqrt(Widen.Narrow(log, log) * Simd.Broadcast(-2f));
        Vector512<float> cosSin = Widen.Narrow(VectorMath.Cos(angle), VectorMath.Sin(angle));
        Simd.Store(values, Simd.Fma(r * cosSin, Simd.Broadcast(std), Simd.Broadcast(mean)));
    }

    /// <summary>Turns 16 uniform numbers into 16 normal ones.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static unsafe void Transform(double* values, double mean, double std)
    {
        Vector512<double> u1 = Vector512<double>.One - Simd.Load(values), u2 = Simd.Load(values + 8);
        Vector512<double> r = Vector512.Sqrt(VectorMath.Log(u1) * Simd.Broadcast(-2.0));
        Vector512<double> angle = u2 * Simd.Broadcast(2 * Math.PI), s = Simd.Broadcast(std), m = Simd.Broadcast(mean);
        Simd.Store(values, Simd.Fma(r * VectorMath.Cos(angle), s, m));
        Simd.Store(values + 8, Simd.Fma(r * VectorMath.Sin(angle), s, m));
    }
}
