using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Evenkeel.Kernels;

/// <summary>
/// A scheme of minimal filtering along one dimension: sums y = Aᵀ·[(G·g) ⊙ (Bᵀ·d)] of a tile of results. Along two
/// dimensions it is applied to one and then to the other.
/// </summary>
internal unsafe interface IWinogradScheme
{
    /// <summary>Weights of the window.</summary>
    static abstract int Window { get; }

    /// <summary>Values of the source under a tile.</summary>
    static abstract int Reach { get; }

    /// <summary>Values of the source from a tile to the next.</summary>
    static abstract int Step { get; }

    /// <summary>Products of a tile.</summary>
    static abstract int Points { get; }

    /// <summary>Results of a tile.</summary>
    static abstract int Results { get; }

    /// <summary>Bᵀ·d: from <see cref="Reach"/> packs, <paramref name="step"/> apart, to <see cref="Points"/> packs.
    /// </summary>
    static abstract void Values(float* from, nint step, float* to, nint toStep);

    /// <summary>G·g: from <see cref="Window"/> packs to <see cref="Points"/> packs.</summary>
    static abstract void Weights(float* from, nint step, float* to, nint toStep);

    /// <summary>Aᵀ·m: from <see cref="Points"/> packs to <see cref="Results"/> packs.</summary>
    static abstract void Sums(float* from, nint step, float* to, nint toStep);
}

/// <summary>F(2, 3): a window of three and a stride of 1. Four products for two results, where six are the definition.
/// </summary>
internal readonly unsafe struct ThreeByOne : IWinogradScheme
{
    public static int Window => 3;

    public static int Reach => 4;

    public static int Step => 2;

    public static int Points => 4;

    public static int Results => 2;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Values(float* from, nint step, float* to, nint toStep)
    {
        Vector512<float> d1 = Simd.Load(from + step), d2 = Simd.Load(from + (2 * step));
        Simd.Store(to, Simd.Load(from) - d2);
        Simd.Store(to + toStep, d1 + d2);
        Simd.Store(to + (2 * toStep), d2 - d1);
        Simd.Store(to + (3 * toStep), d1 - Simd.Load(from + (3 * step)));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Weights(float* from, nint step, float* to, nint toStep)
    {
        Vector512<float> g0 = Simd.Load(from), g1 = Simd.Load(from + step), g2 = Simd.Load(from + (2 * step));
        Vector512<float> half = Vector512.Create(0.5f), ends = g0 + g2;
        Simd.Store(to, g0);
        Simd.Store(to + toStep, half * (ends + g1));
        Simd.Store(to + (2 * toStep), half * (ends - g1));
        Simd.Store(to + (3 * toStep), g2);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Sums(float* from, nint step, float* to, nint toStep)
    {
        Vector512<float> m1 = Simd.Load(from + step), m2 = Simd.Load(from + (2 * step));
        Simd.Store(to, Simd.Load(from) + m1 + m2);
        Simd.Store(to + toStep, m1 - m2 - Simd.Load(from + (3 * step)));
    }
}

/// <summary>
/// A window of three and a stride of 2: F(2, 2) for the values under the outer weights, and the middle weight as it is.
/// Five products for two results, where six are the definition.
/// </summary>
internal readonly unsafe struct ThreeByTwo : IWinogradScheme
{
    public static int Window => 3;

    public static int Reach => 5;

    public static int Step => 4;

    public static int Points => 5;

    public static int Results => 2;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Values(float* from, nint step, float* to, nint toStep)
    {
        Vector512<float> d2 = Simd.Load(from + (2 * step));
        Simd.Store(to, Simd.Load(from) - d2);
        Simd.Store(to + toStep, d2);
        Simd.Store(to + (2 * toStep), Simd.Load(from + (4 * step)) - d2);
        Simd.Store(to + (3 * toStep), Simd.Load(from + step));
        Simd.Store(to + (4 * toStep), Simd.Load(from + (3 * step)));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Weights(float* from, nint step, float* to, nint toStep)
    {
        Vector512<float> g0 = Simd.Load(from), g1 = Simd.Load(from + step), g2 = Simd.Load(from + (2 * step));
        Simd.Store(to, g0);
        Simd.Store(to + toStep, g0 + g2);
        Simd.Store(to + (2 * toStep), g2);
        Simd.Store(to + (3 * toStep), g1);
        Simd.Store(to + (4 * toStep), g1);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Sums(float* from, nint step, float* to, nint toStep)
    {
        Vector512<float> m1 = Simd.Load(from + step);
        Simd.Store(to, Simd.Load(from) + m1 + Simd.Load(from + (3 * step)));
        Simd.Store(to + toStep, m1 + Simd.Load(from + (2 * step)) + Simd.Load(from + (4 * step)));
    }
}

/// <summary>
/// The transpose of a window of three with a stride of 2 and a padding of 1, its weights turned: every second result
/// has the middle weight alone, and F(2, 2) serves those between. Five products for four results, where six are the
/// definition.
/// </summary>
internal readonly unsafe struct ThreeTransposed : IWinogradScheme
{
    public static int Window => 3;

    public static int Reach => 3;

    public static int Step => 2;

    public static int Points => 5;

    public static int Results => 4;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Values(float* from, nint step, float* to, nint toStep)
    {
        Vector512<float> d0 = Simd.Load(from), d1 = Simd.Load(from + step);
        Simd.Store(to, d0 - d1);
        Simd.Store(to + toStep, d1);
        Simd.Store(to + (2 * toStep), Simd.Load(from + (2 * step)) - d1);
        Simd.Store(to + (3 * toStep), d0);
        Simd.Store(to + (4 * toStep), d1);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Weights(float* from, nint step, float* to, nint toStep) =>
        ThreeByTwo.Weights(from, step, to, toStep);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Sums(float* from, nint step, float* to, nint toStep)
    {
        Vector512<float> m1 = Simd.Load(from + step);
        Simd.Store(to, Simd.Load(from + (3 * step)));
        Simd.Store(to + toStep, Simd.Load(from) + m1);
        Simd.Store(to + (2 * toStep), Simd.Load(from + (4 * step)));
        Simd.Store(to + (3 * toStep), m1 + Simd.Load(from + (2 * step)));
    }
}

/// <summary>
/// The transpose of a window of four with a stride of 2 and a padding of 1, its weights turned: F(2, 2) for the even
/// results and for the odd ones. Six products for four results, where eight are the definition.
/// </summary>
internal readonly unsafe struct FourTransposed : IWinogradScheme
{
    public static int Window => 4;

    public static int Reach => 4;

    public static int Step => 2;

    public static int Points => 6;

    public static int Results => 4;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Values(float* from, nint step, float* to, nint toStep)
    {
        Vector512<float> d1 = Simd.Load(from + step), d2 = Simd.Load(from + (2 * step));
        Simd.Store(to, Simd.Load(from) - d1);
        Simd.Store(to + toStep, d1);
        Simd.Store(to + (2 * toStep), d2 - d1);
        Simd.Store(to + (3 * toStep), d1 - d2);
        Simd.Store(to + (4 * toStep), d2);
        Simd.Store(to + (5 * toStep), Simd.Load(from + (3 * step)) - d2);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Weights(float* from, nint step, float* to, nint toStep)
    {
        Pair(Simd.Load(from), Simd.Load(from + (2 * step)), to, toStep);
        Pair(Simd.Load(from + step), Simd.Load(from + (3 * step)), to + (3 * toStep), toStep);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Sums(float* from, nint step, float* to, nint toStep)
    {
        Vector512<float> m1 = Simd.Load(from + step), m4 = Simd.Load(from + (4 * step));
        Simd.Store(to, Simd.Load(from) + m1);
        Simd.Store(to + toStep, Simd.Load(from + (3 * step)) + m4);
        Simd.Store(to + (2 * toStep), m1 + Simd.Load(from + (2 * step)));
        Simd.Store(to + (3 * toStep), m4 + Simd.Load(from + (5 * step)));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Pair(Vector512<float> a, Vector512<float> b, float* to, nint toStep)
    {
        Simd.Store(to, a);
        Simd.Store(to + toStep, a + b);
        Simd.Store(to + (2 * toStep), b);
    }
}
