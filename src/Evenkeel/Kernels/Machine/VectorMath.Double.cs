using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using static Evenkeel.Kernels.Simd;

namespace Evenkeel.Kernels;

// Double precision. A name that ends in Low holds the part of a number that does not fit the double before it.
// The longest bodies are calls. Without AVX-512 each pack operation is two or four instructions, and inlining all
// bodies exceeds the compiler's budget, which makes the code fifty times slower. With AVX-512 the time of such a call
// varies between processes by a factor of two to three. The likely cause is that packs are passed on a stack that is
// not aligned to them.
internal static partial class VectorMath
{
    // 1.5·2^52: adding it rounds |v| < 2^51 to an integer. The low bits then hold the integer.
    private const double RoundDouble = 6755399441055744d;
    private const long RoundDoubleBits = 0x4338000000000000;
    private const double Log2E = 1.4426950408889634;

    // Cody-Waite with a fused multiply-add. The first step is exact, as in single precision.
    private const double Ln2 = 0.6931471805599453;
    private const double Ln2Low = 2.3190468138462996e-17;

    // The first 38 bits of ln 2: times an exponent (12 bits) it is exact.
    private const double Ln2Head = 0.6931471805582987;
    private const double Ln2Tail = 1.6465949582897082e-12;

    /// <summary>n and r with x = n·ln 2 + r, |r| ≤ ln 2 / 2. n is returned as its integer bits.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<double> ReduceExp(Vector512<double> x, out Vector512<long> n)
    {
        Vector512<double> rounded = Fma(x, C(Log2E), C(RoundDouble));
        n = rounded.AsInt64() - C(RoundDoubleBits);
        Vector512<double> k = rounded - C(RoundDouble);
        return Fma(k, C(-Ln2Low), Fma(k, C(-Ln2), x));
    }

    /// <summary>
    /// e^r - 1 on |r| ≤ ln 2 / 2: r + r²·q(r). q has degree 10, fitted to (e^r - 1 - r)/r²; error 8e-19.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<double> Expm1Polynomial(Vector512<double> r)
    {
        Vector512<double> q = Fma(C(2.0826359759782036e-09), r, C(2.511208317143851e-08));
        q = Fma(q, r, C(2.7557583079646e-07));
        q = Fma(q, r, C(2.7557234732966496e-06));
        q = Fma(q, r, C(2.4801586924681587e-05));
        q = Fma(q, r, C(0.0001984126989650831));
        q = Fma(q, r, C(0.0013888888889116943));
        q = Fma(q, r, C(0.008333333333316987));
        q = Fma(q, r, C(0.04166666666666609));
        q = Fma(q, r, C(0.16666666666666682));
        q = Fma(q, r, C(0.5));
        return Fma(r * r, q, r);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<double> ExpDouble(Vector512<double> x) => ExpDouble(x, Vector512<double>.Zero);

    /// <summary>e^(x + low); |low| is far below 1.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<double> ExpDouble(Vector512<double> x, Vector512<double> low)
    {
        // The clamp keeps both powers of two normal. Its bounds lie beyond e^x = inf (709.79) and e^x = 0 (-745.14).
        x = Select(Vector512.LessThan(x, C(-747.0)), C(-747.0), x);
        x = Select(Vector512.GreaterThan(x, C(711.0)), C(711.0), x);
        Vector512<double> r = ReduceExp(x, out Vector512<long> n) + low;
        Vector512<double> p = Expm1Polynomial(r) + C(1.0);

        // 2^n is applied as two factors. The first product is exact, so a subnormal result is rounded once. The offset
        // of 2048 makes the halving an unsigned shift, which every machine has.
        Vector512<long> half = (n + C(2048L)) >>> 1;
        Vector512<double> scale0 = ((half - C(1L)) << 52).AsDouble();
        Vector512<double> scale1 = ((n - half + C(2047L)) << 52).AsDouble();
        return p * scale0 * scale1;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<double> Expm1Double(Vector512<double> x)
    {
        // As in single precision. e^x - 1 is -1 from -37.4 on.
        Vector512<double> a = Select(Vector512.LessThan(x, C(-40.0)), C(-40.0), x);
        a = Select(Vector512.GreaterThan(a, C(710.0)), C(710.0), a);
        Vector512<double> r = ReduceExp(a, out Vector512<long> n);
        Vector512<double> p = Expm1Polynomial(r);
        Vector512<double> power = ((n + C(1022L)) << 52).AsDouble();
        Vector512<double> half = Fma(power, p, power - C(0.5));
        return Select(Vector512.Equals(n, Vector512<long>.Zero).AsDouble(), p, half + half) | (x & C(-0.0));
    }

    /// <summary>
    /// ln x = high + low with a relative error of about 2^-64, for positive finite x. The sum of both rounds to high.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<double> LogParts(Vector512<double> x, out Vector512<double> low)
    {
        LogPartsCall(in x, out low, out Vector512<double> result);
        return result;
    }

    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    private static void LogPartsCall(in Vector512<double> xRef, out Vector512<double> low, out Vector512<double> result)
    {
        Vector512<double> x = xRef;
        Vector512<double> tiny = Vector512.LessThan(x, C(2.2250738585072014e-308));
        Vector512<double> scaled = Select(tiny, x * C(18014398509481984d), x); // 2^54

        // x = 2^e·m, m in [√½, √2). Flipping the top bit adds 2048 to e, so the shift can be unsigned.
        Vector512<long> bits = scaled.AsInt64() - C(0x3FE6A09E667F3BCD);
        Vector512<long> biased = (bits ^ C(long.MinValue)) >>> 52;
        Vector512<double> e = (biased + C(RoundDoubleBits)).AsDouble() - C(RoundDouble + 2048) - (tiny & C(54.0));
        Vector512<double> m = ((bits & C(0x000FFFFFFFFFFFFF)) + C(0x3FE6A09E667F3BCD)).AsDouble();

        // s = f/(2 + f) in two parts, f = m - 1.
        Vector512<double> f = m - C(1.0);
        Vector512<double> d = m + C(1.0);
        Vector512<double> dLow = m - (d - C(1.0));
        Vector512<double> inverse = C(1.0) / d;
        Vector512<double> s = f * inverse;
        Vector512<double> sLow = Fma(-s, dLow, Fma(-s, d, f)) * inverse;

        // ln m = 2·artanh(s) = 2s + s³·(2/3 + z·Q(z)), z = s². Q has degree 6, fitted to the rest of the series; error
        // 2^-66 of the whole. The rounding of zQ is 2^-59 of the bracket and the bracket is 2^-7 of the whole, so one
        // part is enough for Q.
        Vector512<double> z = s * s;
        Vector512<double> zLow = Fma(s, s, -z) + C(2.0) * s * sLow;
        Vector512<double> q = Fma(C(0.13197607490321767), z, C(0.1325668625864246));
        q = Fma(q, z, C(0.1538676267802658));
        q = Fma(q, z, C(0.18181784258313044));
        q = Fma(q, z, C(0.2222222252107428));
        q = Fma(q, z, C(0.2857142857009368));
        q = Fma(q, z, C(0.40000000000002267)) * z;
        Vector512<double> a = C(0.6666666666666666) + q;
        Vector512<double> aLow = C(0.6666666666666666) - a + q + C(3.700743415417188e-17);
        Vector512<double> b = z * a;
        Vector512<double> bLow = Fma(z, a, -b) + Fma(z, aLow, zLow * a);
        Vector512<double> c = s * b;
        Vector512<double> cLow = Fma(s, b, -c) + Fma(s, bLow, sLow * b);

        // The sums are in falling order of size, and each rounding error is kept. |e·ln 2| > |ln m| unless e = 0.
        Vector512<double> s2 = s + s;
        Vector512<double> g = s2 + c;
        Vector512<double> gLow = s2 - g + c + (sLow + sLow + cLow);
        Vector512<double> k = e * C(Ln2Head);
        Vector512<double> h = k + g;
        Vector512<double> hLow = k - h + g + Fma(e, C(Ln2Tail), gLow);
        Vector512<double> high = h + hLow;
        low = h - high + hLow;
        result = high;
    }

    /// <summary>Sets the logarithm of 0, negative numbers, infinity and NaN.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<double> LogSpecial(Vector512<double> x, Vector512<double> y)
    {
        y = Select(Vector512.LessThan(x, C(double.PositiveInfinity)), y, x); // inf and NaN stay
        y = Select(Vector512.Equals(x, Vector512<double>.Zero), C(double.NegativeInfinity), y);
        return Select(Vector512.LessThan(x, Vector512<double>.Zero), C(double.NaN), y);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<double> LogDouble(Vector512<double> x) => LogSpecial(x, LogParts(x, out _));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<double> TanhDouble(Vector512<double> x)
    {
        // As in single precision.
        Vector512<double> sign = x & C(-0.0);
        Vector512<double> a = x ^ sign;
        a = Select(Vector512.GreaterThan(a, C(20.0)), C(20.0), a); // tanh is 1 from 19.07 on
        Vector512<double> r = ReduceExp(a + a, out Vector512<long> n);
        Vector512<double> power = ((n + C(1023L)) << 52).AsDouble();
        Vector512<double> u = Fma(power, Expm1Polynomial(r), power - C(1.0));
        return DivideBySum(u, C(2.0), u) | sign;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<double> SigmoidDouble(Vector512<double> x)
    {
        Vector512<double> e = ExpDouble(x | C(-0.0));
        return DivideBySum(Select(Vector512.LessThan(x, Vector512<double>.Zero), e, C(1.0)), C(1.0), e);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<double> ErfDouble(Vector512<double> x)
    {
        ErfCall(in x, out Vector512<double> result);
        return result;
    }

    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    private static void ErfCall(in Vector512<double> xRef, out Vector512<double> result)
    {
        Vector512<double> x = xRef;
        Vector512<double> sign = x & C(-0.0);
        Vector512<double> a = x ^ sign;

        // |x| < 7/8: x + x·R(x²). R has degree 10, fitted to erf(x)/x - 1; error 4e-17.
        Vector512<double> z = x * x;
        Vector512<double> p = Fma(C(1.04567807607669e-08), z, C(-1.5619260516137015e-07));
        p = Fma(p, z, C(1.6387376135307987e-06));
        p = Fma(p, z, C(-1.4920942256790533e-05));
        p = Fma(p, z, C(0.00012055141098570264));
        p = Fma(p, z, C(-0.0008548321978280658));
        p = Fma(p, z, C(0.005223977542464968));
        p = Fma(p, z, C(-0.02686617063714685));
        p = Fma(p, z, C(0.11283791670915613));
        p = Fma(p, z, C(-0.3761263890318299));
        p = Fma(p, z, C(0.12837916709551256));
        Vector512<double> near = Fma(x, p, x);

        // Else 1 + e^(-x²)·G(t), t = (|x| - 2)/(|x| + 2). G has degree 12, fitted to -e^(x²)·(1 - erf x) on [7/8, 6];
        // the error of the product is below 5e-18. erf is 1 from 5.93 on.
        Vector512<double> b = Select(Vector512.GreaterThan(a, C(6.0)), C(6.0), a);
        Vector512<double> t = (b - C(2.0)) / (b + C(2.0));
        Vector512<double> g = Fma(C(1.1497516189364236e-05), t, C(2.517942778857903e-05));
        g = Fma(g, t, C(-2.818851109321809e-05));
        g = Fma(g, t, C(-0.0001742960137127733));
        g = Fma(g, t, C(-4.3487305400592e-05));
        g = Fma(g, t, C(0.0009819864138757));
        g = Fma(g, t, C(0.0008471421305652616));
        g = Fma(g, t, C(-0.006997462094336974));
        g = Fma(g, t, C(-0.0037328924168185704));
        g = Fma(g, t, C(0.07897858101841973));
        g = Fma(g, t, C(-0.24165819424227977));
        g = Fma(g, t, C(0.4271858474139566));
        g = Fma(g, t, C(-0.2553956763105059));
        Vector512<double> far = Fma(ExpDouble(-(b * b)), g, C(1.0)) | sign;
        result = Select(Vector512.LessThan(a, C(0.875)), near, far);
    }

    /// <summary>sin(x + quarter·π/2): quarter 0 is the sine, 1 the cosine.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<double> SinCosDouble(Vector512<double> x, Vector512<long> quarter)
    {
        SinCosCall(in x, in quarter, out Vector512<double> result);
        return result;
    }

    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    private static void SinCosCall(
        in Vector512<double> xRef, in Vector512<long> quarterRef, out Vector512<double> result)
    {
        Vector512<double> x = xRef;
        Vector512<long> quarter = quarterRef;
        // Cody-Waite with π/2 as three doubles. x - n·P1 is a multiple of 2^-53 below 1, so it is exact when fused. The
        // product n·P2 and the difference from it are kept in two parts. This is accurate to |x| = 2^30 and a little
        // beyond.
        Vector512<double> rounded = Fma(x, C(0.6366197723675814), C(RoundDouble));
        Vector512<long> n = rounded.AsInt64() + quarter;
        Vector512<double> k = rounded - C(RoundDouble);
        Vector512<double> first = Fma(k, C(-1.5707963267948966), x);
        Vector512<double> w = k * C(6.123233995736766e-17);
        Vector512<double> wLow = Fma(k, C(-1.4973849048591698e-33), Fma(k, C(6.123233995736766e-17), -w));
        Vector512<double> r = first - w;
        Vector512<double> back = first - r; // Knuth's two-sum: exact in either order of size
        Vector512<double> rLow = first - (r + back) + (back - w) - wLow;

        // sin r = r + r³·S(r²). S has degree 5, fitted to (sin r/r - 1)/r²; error 8e-18.
        Vector512<double> z = r * r;
        Vector512<double> s = Fma(C(1.5896506527098608e-10), z, C(-2.505075334149342e-08));
        s = Fma(s, z, C(2.755731366295337e-06));
        s = Fma(s, z, C(-0.00019841269829729214));
        s = Fma(s, z, C(0.008333333333322323));
        s = Fma(s, z, C(-0.16666666666666632));
        Vector512<double> halfZ = C(0.5) * z;
        Vector512<double> w0 = C(1.0) - halfZ;
        Vector512<double> sine = r + Fma(r * z, s, rLow * w0);
        sine = Select(Vector512.Equals(r, Vector512<double>.Zero), r, sine); // sin(-0) = -0

        // cos r = 1 - r²/2 + r⁴·C(r²). C has degree 5, fitted to (cos r - 1 + r²/2)/r⁴; error 2e-18.
        Vector512<double> c = Fma(C(-1.1359452807364191e-11), z, C(2.0875719659880147e-09));
        c = Fma(c, z, C(-2.755731432698862e-07));
        c = Fma(c, z, C(2.480158728939926e-05));
        c = Fma(c, z, C(-0.0013888888888874));
        c = Fma(c, z, C(0.0416666666666666));
        Vector512<double> cosine = w0 + (C(1.0) - w0 - halfZ + Fma(z * z, c, -(r * rLow)));

        Vector512<double> odd = (-(n & Vector512<long>.One)).AsDouble();
        Vector512<double> y = Select(odd, cosine, sine) ^ ((n & C(2L)) << 62).AsDouble();
        y = Select(Vector512.LessThanOrEqual(Vector512.Abs(x), C(MaxAngle)), y, C(double.NaN));
        result = Select(Vector512.Equals(x, x), y, x);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<double> PowDouble(Vector512<double> x, Vector512<double> y)
    {
        PowCall(in x, in y, out Vector512<double> result);
        return result;
    }

    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    private static void PowCall(in Vector512<double> xRef, in Vector512<double> yRef, out Vector512<double> result)
    {
        Vector512<double> x = xRef;
        Vector512<double> y = yRef;
        // |x|^y = e^(y·ln|x|) with the exponent in two parts.
        Vector512<double> one = C(1.0), infinity = C(double.PositiveInfinity);
        Vector512<double> ax = Vector512.Abs(x), ay = Vector512.Abs(y);
        Vector512<double> log = LogSpecial(ax, LogParts(ax, out Vector512<double> logLow));
        Vector512<double> p = y * log;
        Vector512<double> pLow = Fma(y, logLow, Fma(y, log, -p));
        // beyond, e^p is 0 or infinite, and the low part may be NaN
        pLow &= Vector512.LessThan(Vector512.Abs(p), C(1000.0));
        Vector512<double> power = ExpDouble(p, pLow);

        // y is an integer if adding and subtracting 2^52 does not change it. It is odd if the last bit of the sum is 1.
        // From 2^52 on y's own last bit shows that; from 2^53 on y is even.
        Vector512<double> sum = ay + C(4503599627370496d);
        Vector512<double> large = Vector512.GreaterThanOrEqual(ay, C(4503599627370496d));
        Vector512<double> integer = large | Vector512.Equals(sum - C(4503599627370496d), ay);
        Vector512<long> last = Select(large, ay, sum).AsInt64() << 63;
        // -0 if odd, else +0
        Vector512<double> odd = last.AsDouble() & integer & Vector512.LessThan(ay, C(9007199254740992d));
        power ^= odd & x;

        Vector512<double> negative = Vector512.LessThan(x, Vector512<double>.Zero) & Vector512.LessThan(ax, infinity);
        power = Select(Vector512.AndNot(negative, integer), C(double.NaN), power);
        power = Select(Vector512.Equals(y, y), power, y);
        power = Select(Vector512.Equals(x, x), power, x);
        Vector512<double> isOne = Vector512.Equals(x, one) | Vector512.Equals(y, Vector512<double>.Zero)
            | (Vector512.Equals(ax, one) & Vector512.Equals(ay, infinity));
        result = Select(isOne, one, power);
    }
}
