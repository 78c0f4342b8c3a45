using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Evenkeel.Kernels;

/// <summary>
/// Elementary functions on packs of <see cref="float"/> or <see cref="double"/>, and on single doubles, with the same
/// bits on every machine. The library never calls <c>Math.Exp</c> and similar functions, because their last bit depends
/// on the system.
/// </summary>
/// <remarks>
/// <para>Built from + - * /, fused multiply-add, comparisons, bit operations and conversions that cannot overflow.
/// The arithmetic is in <c>VectorMath.Single.cs</c> and <c>VectorMath.Double.cs</c>.</para>
/// <para>The polynomials are minimax fits of the remainder that the comment beside each one names. They were made by
/// Remez exchange in 50-digit arithmetic, with the relative error of the whole function as weight, then rounded to the
/// working precision. The degree is the smallest whose error stays well below half a unit in the last place
/// (ulp).</para>
/// <para>An exponent is rounded to an integer by adding 1.5·2^(p-1), where p is the number of bits of the significand.
/// The low bits of the sum are the integer on any hardware, and a NaN stays NaN.</para>
/// <para>A NaN gives a NaN with the same payload. Infinities and signed zeros follow annex F of the C standard.
/// Subnormal results are kept.</para>
/// </remarks>
internal static partial class VectorMath
{
    /// <summary>
    /// Largest |x| of <see cref="Sin(double)"/> and <see cref="Cos(double)"/>. Beyond it they give NaN, because the
    /// result would be noise.
    /// </summary>
    public const double MaxAngle = 1L << 30;

    /// <summary>e^x.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<T> Exp<T>(Vector512<T> x) => typeof(T) == typeof(float)
        ? ExpSingle(x.AsSingle()).As<float, T>()
        : ExpDouble(x.AsDouble()).As<double, T>();

    /// <summary>e^x - 1. The relative error stays small down to the subnormals.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<T> Expm1<T>(Vector512<T> x) => typeof(T) == typeof(float)
        ? Expm1Single(x.AsSingle()).As<float, T>()
        : Expm1Double(x.AsDouble()).As<double, T>();

    /// <summary>Natural logarithm: -inf at 0, NaN for negative numbers.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<T> Log<T>(Vector512<T> x) => typeof(T) == typeof(float)
        ? LogSingle(x.AsSingle()).As<float, T>()
        : LogDouble(x.AsDouble()).As<double, T>();

    /// <summary>Hyperbolic tangent. The relative error stays small down to the subnormals.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<T> Tanh<T>(Vector512<T> x) => typeof(T) == typeof(float)
        ? TanhSingle(x.AsSingle()).As<float, T>()
        : TanhDouble(x.AsDouble()).As<double, T>();

    /// <summary>1 / (1 + e^-x). The relative error is small on both sides.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<T> Sigmoid<T>(Vector512<T> x) => typeof(T) == typeof(float)
        ? SigmoidSingle(x.AsSingle()).As<float, T>()
        : SigmoidDouble(x.AsDouble()).As<double, T>();

    /// <summary>The error function, 2/√π · ∫₀ˣ e^(-t²) dt.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<T> Erf<T>(Vector512<T> x) => typeof(T) == typeof(float)
        ? ErfSingle(x.AsSingle()).As<float, T>()
        : ErfDouble(x.AsDouble()).As<double, T>();

    /// <summary>
    /// The normal distribution function Φ(x) = (1 + erf(x/√2))/2. In single precision it is 0 from -6 down, and 1 for
    /// NaN.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<T> NormalCdf<T>(Vector512<T> x)
    {
        if (typeof(T) == typeof(float)) return NormalCdfSingle(x.AsSingle()).As<float, T>();
        Vector512<double> half = C(0.5);
        return (half + (half * ErfDouble(x.AsDouble() * C(0.70710678118654752)))).As<double, T>();
    }

    /// <summary>Sine of x in radians, |x| ≤ <see cref="MaxAngle"/>; NaN beyond.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<T> Sin<T>(Vector512<T> x)
    {
        if (typeof(T) == typeof(double)) return SinCosDouble(x.AsDouble(), Vector512<long>.Zero).As<double, T>();
        Vector512<float> f = x.AsSingle();
        return Widen.Narrow(
            SinCosDouble(Vector512.WidenLower(f), Vector512<long>.Zero),
            SinCosDouble(Vector512.WidenUpper(f), Vector512<long>.Zero)).As<float, T>();
    }

    /// <summary>Cosine of x in radians, |x| ≤ <see cref="MaxAngle"/>; NaN beyond.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<T> Cos<T>(Vector512<T> x)
    {
        if (typeof(T) == typeof(double)) return SinCosDouble(x.AsDouble(), Vector512<long>.One).As<double, T>();
        Vector512<float> f = x.AsSingle();
        return Widen.Narrow(
            SinCosDouble(Vector512.WidenLower(f), Vector512<long>.One),
            SinCosDouble(Vector512.WidenUpper(f), Vector512<long>.One)).As<float, T>();
    }

    /// <summary>
    /// x^y with the special cases of C's <c>pow</c>: 1 if y is 0 or x is 1; NaN if x &lt; 0, unless y is an integer.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<T> Pow<T>(Vector512<T> x, Vector512<T> y)
    {
        if (typeof(T) == typeof(double)) return PowDouble(x.AsDouble(), y.AsDouble()).As<double, T>();
        Vector512<float> fx = x.AsSingle(), fy = y.AsSingle();
        return Widen.Narrow(
            PowDouble(Vector512.WidenLower(fx), Vector512.WidenLower(fy)),
            PowDouble(Vector512.WidenUpper(fx), Vector512.WidenUpper(fy))).As<float, T>();
    }

    /// <summary>
    /// The larger of a and b; NaN if one of them is NaN, as PyTorch's <c>maximum</c>; b if they compare equal (±0).
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<T> Max<T>(Vector512<T> a, Vector512<T> b) =>
        Vector512.ConditionalSelect(Vector512.GreaterThan(a, b) | ~Vector512.Equals(a, a), a, b);

    /// <summary>
    /// The smaller of a and b; NaN if one of them is NaN, as PyTorch's <c>minimum</c>; b if they compare equal (±0).
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<T> Min<T>(Vector512<T> a, Vector512<T> b) =>
        Vector512.ConditionalSelect(Vector512.LessThan(a, b) | ~Vector512.Equals(a, a), a, b);

    /// <summary>e^x of one value: lane 0 of the pack version, so the bits are the same.</summary>
    public static double Exp(double x) => ExpDouble(Vector512.Create(x)).ToScalar();

    /// <summary>Natural logarithm of one value: lane 0 of the pack version.</summary>
    public static double Log(double x) => LogDouble(Vector512.Create(x)).ToScalar();

    /// <summary>Sine of one value, |x| ≤ <see cref="MaxAngle"/>: lane 0 of the pack version.</summary>
    public static double Sin(double x) => SinCosDouble(Vector512.Create(x), Vector512<long>.Zero).ToScalar();

    /// <summary>Cosine of one value, |x| ≤ <see cref="MaxAngle"/>: lane 0 of the pack version.</summary>
    public static double Cos(double x) => SinCosDouble(Vector512.Create(x), Vector512<long>.One).ToScalar();

    /// <summary>x^y of two values: lane 0 of the pack version.</summary>
    public static double Pow(double x, double y) => PowDouble(Vector512.Create(x), Vector512.Create(y)).ToScalar();

    /// <summary>Hyperbolic tangent of one value: lane 0 of the pack version.</summary>
    public static double Tanh(double x) => TanhDouble(Vector512.Create(x)).ToScalar();

    /// <summary>Error function of one value: lane 0 of the pack version.</summary>
    public static double Erf(double x) => ErfDouble(Vector512.Create(x)).ToScalar();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> C(float value) => Vector512.Create(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<double> C(double value) => Vector512.Create(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<int> C(int value) => Vector512.Create(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<long> C(long value) => Vector512.Create(value);

    /// <summary>
    /// a / (c + u) for 0 ≤ u, c a power of two. The rounding errors of the sum and of the quotient are corrected, so
    /// only the error of the last addition is left.
    /// </summary>
    /// <remarks>
    /// With d = -(c + u) no operand of a fused operation is negated. A negated operand would make the sign of a NaN
    /// depend on how it is compiled.
    /// </remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<T> DivideBySum<T>(Vector512<T> a, Vector512<T> c, Vector512<T> u)
    {
        Vector512<T> minusC = -c;
        Vector512<T> d = minusC - u;
        Vector512<T> dLow = minusC - d - u; // exact if u ≤ c; if u > c it does not change the quotient
        Vector512<T> inverse = -Vector512<T>.One / d;
        Vector512<T> t = a * inverse;
        Vector512<T> rest = Simd.Fma(t, dLow, Simd.Fma(t, d, a));
        return Simd.Fma(rest, inverse, t);
    }

    /// <summary>mask ? a : b. A comparison sets all bits of a lane of the mask to the same value.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<T> Select<T>(Vector512<T> mask, Vector512<T> a, Vector512<T> b) =>
        Vector512.ConditionalSelect(mask, a, b);
}
