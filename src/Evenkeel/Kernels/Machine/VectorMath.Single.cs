using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using static Evenkeel.Kernels.Simd;

namespace Evenkeel.Kernels;

// Single precision. Direct polynomials, because training calls these functions often.
internal static partial class VectorMath
{
    // 1.5·2^23: adding it rounds |v| < 2^22 to an integer. The low bits then hold the integer.
    private const float RoundSingle = 12582912f;
    private const int RoundSingleBits = 0x4B400000;
    private const float Log2ESingle = 1.44269502f;

    // Cody-Waite with a fused multiply-add. n·Ln2 is a multiple of 2^-24 and x - n·Ln2 is below 1/2. So the first step
    // of the reduction is exact and only the second one rounds.
    private const float Ln2Single = 0.693147182f;
    private const float Ln2LowSingle = -1.90465421e-9f;

    /// <summary>n and r with x = n·ln 2 + r, |r| ≤ ln 2 / 2. n is returned as its integer bits.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> ReduceExp(Vector512<float> x, out Vector512<int> n) => ReduceExp(x, out n, out _);

    /// <summary>The same with n as a float, too.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> ReduceExp(Vector512<float> x, out Vector512<int> n, out Vector512<float> k)
    {
        Vector512<float> rounded = Fma(x, C(Log2ESingle), C(RoundSingle));
        n = rounded.AsInt32() - C(RoundSingleBits);
        k = rounded - C(RoundSingle);
        return Fma(k, C(-Ln2LowSingle), Fma(k, C(-Ln2Single), x));
    }

    /// <summary>
    /// p·2^n, rounded once, for |n| ≤ 252 and p that stays normal with half of n. k is n as a float. One instruction of
    /// AVX-512 is the scaling of IEEE 754; without it 2^n is two factors, and the first product is exact.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> ScaleSingle(Vector512<float> p, Vector512<int> n, Vector512<float> k)
    {
        if (Avx512F.IsSupported) return Avx512F.Scale(p, k);
        Vector512<int> half = n >> 1;
        Vector512<float> scale0 = ((half + C(127)) << 23).AsSingle();
        Vector512<float> scale1 = ((n - half + C(127)) << 23).AsSingle();
        return p * scale0 * scale1;
    }

    /// <summary>The larger of a bound that is not 0, and x; x if it is NaN.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> AtLeast(float bound, Vector512<float> x) => Vector512.MaxNative(C(bound), x);

    /// <summary>The smaller of a bound that is not 0, and x; x if it is NaN.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> AtMost(float bound, Vector512<float> x) => Vector512.MinNative(C(bound), x);

    /// <summary>
    /// e^r - 1 on |r| ≤ ln 2 / 2: r + r²·q(r). q has degree 4, fitted to (e^r - 1 - r)/r²; error 4e-9.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Expm1Polynomial(Vector512<float> r)
    {
        // Pairs of coefficients: a chain of half the length.
        Vector512<float> square = r * r, low = Fma(C(0.166665211f), r, C(0.49999994f));
        Vector512<float> q = Fma(C(0.00138145301f), square, Fma(C(0.00836874545f), r, C(0.0416683927f)));
        return Fma(square, Fma(q, square, low), r);
    }

    // The clamps keep both powers of two normal. Their bounds lie beyond e^x = inf (88.73) and e^x = 0 (-103.98).
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> ExpSingle(Vector512<float> x) => ExpUpTo89(AtMost(89f, x));

    /// <summary>e^x for x up to 89, or NaN.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> ExpUpTo89(Vector512<float> x)
    {
        Vector512<float> r = ReduceExp(AtLeast(-105f, x), out Vector512<int> n, out Vector512<float> k);
        return ScaleSingle(Expm1Polynomial(r) + C(1f), n, k);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Expm1Single(Vector512<float> x)
    {
        // 2^n·(e^r - 1) + (2^n - 1) is computed for n - 1 and doubled, because 2^128 is infinite. If n is 0 it is
        // e^r - 1 itself, which halving could make subnormal. The bounds lie beyond e^x - 1 = inf and -1 (-17.33).
        Vector512<float> a = AtMost(89f, AtLeast(-20f, x));
        Vector512<float> r = ReduceExp(a, out Vector512<int> n);
        Vector512<float> p = Expm1Polynomial(r);
        Vector512<float> power = ((n + C(126)) << 23).AsSingle();
        Vector512<float> half = Fma(power, p, power - C(0.5f));
        return Select(Vector512.Equals(n, Vector512<int>.Zero).AsSingle(), p, half + half) | (x & C(-0f));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> LogSingle(Vector512<float> x)
    {
        Vector512<float> tiny = Vector512.LessThan(x, C(1.17549435e-38f));
        Vector512<float> scaled = Select(tiny, x * C(8388608f), x);

        // x = 2^e·m, m in [√½, √2). After the bits of √½ are subtracted, the exponent field changes at √½.
        Vector512<int> bits = scaled.AsInt32() - C(0x3F3504F3);
        Vector512<float> e = Vector512.ConvertToSingle(bits >> 23) - (tiny & C(23f));
        Vector512<float> f = ((bits & C(0x007FFFFF)) + C(0x3F3504F3)).AsSingle() - C(1f);

        // ln(1 + f) = f + f²·(-½ + f·P(f)). P has degree 7, fitted to (ln(1 + f) - f + f²/2)/f³; error 7e-9.
        Vector512<float> p = Fma(C(-0.0763604045f), f, C(0.127635226f));
        p = Fma(p, f, C(-0.131605342f));
        p = Fma(p, f, C(0.142015263f));
        p = Fma(p, f, C(-0.166233003f));
        p = Fma(p, f, C(0.200012341f));
        p = Fma(p, f, C(-0.250008225f));
        p = Fma(p, f, C(0.333333313f));
        p = Fma(p, f, C(-0.5f));
        Vector512<float> y = Fma(e, C(Ln2Single), Fma(f * f, p, f));

        y = Select(Vector512.LessThan(x, C(float.PositiveInfinity)), y, x); // inf and NaN stay
        y = Select(Vector512.Equals(x, Vector512<float>.Zero), C(float.NegativeInfinity), y);
        return Select(Vector512.LessThan(x, Vector512<float>.Zero), C(float.NaN), y);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> TanhSingle(Vector512<float> x)
    {
        // tanh|x| = u/(u + 2), u = e^(2|x|) - 1 = 2^n·(e^r - 1) + (2^n - 1). Nothing cancels, and n = 0 for small x.
        Vector512<float> sign = x & C(-0f);
        Vector512<float> a = x ^ sign;
        a = AtMost(10f, a); // tanh is 1 from 9.02 on
        Vector512<float> r = ReduceExp(a + a, out Vector512<int> n);
        Vector512<float> power = ((n + C(127)) << 23).AsSingle();
        Vector512<float> u = Fma(power, Expm1Polynomial(r), power - C(1f));
        return DivideBySum(u, C(2f), u) | sign;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> SigmoidSingle(Vector512<float> x)
    {
        // With e = e^-|x| ≤ 1 nothing overflows: 1/(1 + e) for x above zero, e/(1 + e) below.
        Vector512<float> e = ExpUpTo89(x | C(-0f));
        return DivideBySum(Select(Vector512.LessThan(x, Vector512<float>.Zero), e, C(1f)), C(1f), e);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> ErfSingle(Vector512<float> x)
    {
        Vector512<float> sign = x & C(-0f);
        Vector512<float> a = x ^ sign;

        // |x| < 7/8: x + x·R(x²). R has degree 5, fitted to erf(x)/x - 1; error 1.3e-8.
        Vector512<float> z = x * x;
        Vector512<float> p = Fma(C(-0.000605031848f), z, C(0.0050044395f));
        p = Fma(p, z, C(-0.0267739557f));
        p = Fma(p, z, C(0.112820059f));
        p = Fma(p, z, C(-0.376125097f));
        p = Fma(p, z, C(0.128379151f));
        Vector512<float> near = Fma(x, p, x);

        // Else 1 - e^l(|x|). l has degree 7, fitted to ln(1 - erf) on [7/8, 4]; error 6e-9. erf is 1 from 3.92 on.
        Vector512<float> b = AtMost(4f, a);
        Vector512<float> l = Fma(C(-2.04516709e-05f), b, C(0.000427086256f));
        l = Fma(l, b, C(-0.00413565943f));
        l = Fma(l, b, C(0.0250271764f));
        l = Fma(l, b, C(-0.108139075f));
        l = Fma(l, b, C(-0.633473456f));
        l = Fma(l, b, C(-1.12945318f));
        l = Fma(l, b, C(0.000162027689f));
        // l is in [-19, 0.001], so e^l needs no clamp.
        Vector512<float> r = ReduceExp(l, out Vector512<int> n, out Vector512<float> k);
        Vector512<float> power = ScaleSingle(Expm1Polynomial(r) + C(1f), n, k);
        Vector512<float> far = (C(1f) - power) | sign;
        return Select(Vector512.LessThan(a, C(0.875f)), near, far);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> NormalCdfSingle(Vector512<float> x)
    {
        // Φ(-a) = 2^l(a) for a = |x|. l has degree 10, fitted to log2 Φ(-a) on [0, 6]; the error of Φ is 1.2e-8. So
        // small values keep their digits, which 1 + erf would lose. NaN counts as large.
        Vector512<float> size = Vector512.Abs(x), isNear = Vector512.LessThan(size, C(6f));
        Vector512<float> a = Select(isNear, size, C(6f));
        // Two short chains: the upper six coefficients, times a⁵, and the lower five.
        Vector512<float> a2 = a * a, a5 = a2 * a2 * a;
        Vector512<float> high = Fma(C(-2.034212e-08f), a, C(6.4636765e-07f));
        high = Fma(high, a, C(-8.760945e-06f));
        high = Fma(high, a, C(6.413521e-05f));
        high = Fma(high, a, C(-0.00023953988f));
        high = Fma(high, a, C(-7.738579e-05f));
        Vector512<float> low = Fma(C(0.0070330277f), a, C(-0.052492913f));
        low = Fma(low, a, C(-0.45920637f));
        low = Fma(low, a, C(-1.1511055f));
        low = Fma(low, a, C(-1f));
        Vector512<float> l = Fma(a5, high, low);

        // 2^l = 2^n·2^r, |r| ≤ 1/2. 2^r = 1 + r·q(r). q has degree 5, fitted to (2^r - 1)/r; error 3e-9.
        Vector512<float> rounded = l + C(RoundSingle), r = l - (rounded - C(RoundSingle));
        Vector512<float> q = Fma(C(0.00015329309f), r, C(0.001339097f));
        q = Fma(q, r, C(0.009618499f));
        q = Fma(q, r, C(0.055503596f));
        q = Fma(q, r, C(0.24022648f));
        q = Fma(q, r, C(0.6931472f));
        q = Fma(q, r, C(1f));
        // n is in [-30, -1], and the low bits of `rounded` hold it.
        // From -6 down it is 0, as 1 + erf is in single precision.
        Vector512<float> tail = (q.AsInt32() + (rounded.AsInt32() << 23)).AsSingle() & isNear;
        return Select(Vector512.LessThan(x, C(0f)), tail, C(1f) - tail);
    }
}
