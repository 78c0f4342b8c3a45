using System.Numerics;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Evenkeel.Kernels;
using Evenkeel.Tests.Reference;
using Xunit;

namespace Evenkeel.Tests.Kernels;

public sealed class VectorMathTests
{
    // Units in the last place; measured maxima, rounded up. Single precision: 0.98, 0.91, 1.64, 1.46, 1.05,
    // 0.50, 0.50. Double precision against 60 digits: exp 0.92, log 0.50, tanh 1.45, sigmoid 1.30, erf 0.88,
    // sin 0.73, cos 0.75, pow 1.04.
    private const double UlpExp = 1.0, UlpExpm1 = 2.0, UlpLogSingle = 1.0, UlpTanh = 2.0, UlpSigmoid = 1.75;
    private const double UlpErf = 1.25, UlpLogDouble = 0.51, UlpSinCos = 0.8, UlpPow = 1.25;

    // A single result rounded from an accurate double: half a unit and what the double is off.
    private const double UlpNarrowed = 0.5001;

    // FNV-1a of the bits of every function over SweepPoints; the same at every hardware level and on every system.
    private const ulong GoldenSingle = 17179841225254025185;
    private const ulong GoldenDouble = 2854392254834117008;

    private const int SweepLength = 2048;

    private delegate Vector512<T> Function<T>(Vector512<T> x);

    [Theory]
    [InlineData("exp", -104, 88.72, UlpExp)]
    [InlineData("expm1", -20, 88.72, UlpExpm1)]
    [InlineData("log", 0, 3.4e38, UlpLogSingle)]
    [InlineData("tanh", -20, 20, UlpTanh)]
    [InlineData("sigmoid", -103, 103, UlpSigmoid)]
    [InlineData("erf", -6, 6, UlpErf)]
    [InlineData("sin", -1e5, 1e5, UlpNarrowed)]
    [InlineData("cos", -1e5, 1e5, UlpNarrowed)]
    public void Single_is_within_ulps(string name, double low, double high, double tolerance)
    {
        // Reference: Math in double, whose error is 2^-29 of a single's unit; erf from the
        // double version, tested below.
        const uint step = 9973; // of 2^32 bit patterns: subnormals and both signs included
        Function<float> f = Get<float>(name);
        Span<float> lanes = stackalloc float[16];
        double worst = 0, at = 0;
        int lane = 0;
        for (ulong bits = 0; bits <= uint.MaxValue; bits += step)
        {
            float x = BitConverter.UInt32BitsToSingle((uint)bits);
            if (!(x >= low && x <= high)) continue;
            lanes[lane++] = x;
            if (lane < lanes.Length) continue;
            lane = 0;
            Vector512<float> y = f(Vector512.Create<float>(lanes));
            for (int i = 0; i < lanes.Length; i++)
            {
                double exact = SystemReference(name, lanes[i]);
                float size = (float)Math.Abs(exact);
                double error = exact == y[i] ? 0 : Math.Abs(y[i] - exact) / (MathF.BitIncrement(size) - (double)size);
                if (error <= worst) continue;
                (worst, at) = (error, lanes[i]);
            }
        }

        Assert.True(worst <= tolerance, $"{name}: {worst} ulp at {at:R}");
    }

    [Fact]
    public void Small_values_of_the_normal_distribution_keep_their_digits()
    {
        double absolute = 0, relative = 0;
        for (double x = -5.999; x < 9; x += 1.0 / 4096)
        {
            float at = (float)x;
            double exact = (1 + VectorMath.Erf(at / Math.Sqrt(2))) / 2;
            float y = VectorMath.NormalCdf(Vector512.Create(at))[0];
            absolute = Math.Max(absolute, Math.Abs(y - exact));
            relative = Math.Max(relative, Math.Abs(y - exact) / exact);
        }

        Assert.True(absolute <= 1e-7, $"an error of {absolute}");
        Assert.True(relative <= 5e-6, $"a relative error of {relative}");
    }

    [Theory]
    [InlineData(float.NegativeInfinity, 0)]
    [InlineData(-7, 0)]
    [InlineData(0, 0.5)]
    [InlineData(float.PositiveInfinity, 1)]
    public void The_normal_distribution_ends_at_0_and_1(float x, float expected) =>
        Assert.Equal(expected, VectorMath.NormalCdf(Vector512.Create(x))[0]);

    [Theory]
    [InlineData("exp", -744, 709.7, UlpExp)]
    [InlineData("exp", -1, 1, UlpExp)]
    [InlineData("expm1", -40, 709.7, UlpExpm1)]
    [InlineData("expm1", -1, 1, UlpExpm1)]
    [InlineData("log", 0, 1e308, UlpLogDouble)]
    [InlineData("log", 0.5, 2, UlpLogDouble)]
    [InlineData("tanh", -21, 21, UlpTanh)]
    [InlineData("tanh", -0.5, 0.5, UlpTanh)]
    [InlineData("sigmoid", -744, 50, UlpSigmoid)]
    [InlineData("sigmoid", -5, 5, UlpSigmoid)]
    [InlineData("erf", -6.5, 6.5, UlpErf)]
    [InlineData("erf", -1, 1, UlpErf)]
    [InlineData("sin", -10, 10, UlpSinCos)]
    [InlineData("sin", -VectorMath.MaxAngle, VectorMath.MaxAngle, UlpSinCos)]
    [InlineData("cos", -10, 10, UlpSinCos)]
    [InlineData("cos", -VectorMath.MaxAngle, VectorMath.MaxAngle, UlpSinCos)]
    public void Double_is_within_ulps(string name, double low, double high, double tolerance)
    {
        const int count = 500;
        Function<double> f = Get<double>(name);
        double worst = 0, at = 0;
        for (int i = 0; i < count; i++)
        {
            // A third of the points crowds towards zero, where relative accuracy is hard to keep.
            double u = (i + 0.5) / count;
            double x = i % 3 == 0
                ? (i % 2 == 0 && low < 0 ? low : high) * Math.Pow(2, -u * 60)
                : low + (high - low) * u;
            if (x < low || x > high) continue;
            double error = FixedPoint.UlpError(f(Vector512.Create(x)).ToScalar(), Exact(name, FixedPoint.From(x)));
            if (error > worst) (worst, at) = (error, x);
        }

        Assert.True(worst <= tolerance, $"{name}: {worst} ulp at {at:R}");
    }

    [Fact]
    public void Double_Pow_is_within_ulps()
    {
        double worst = 0, atX = 0, atY = 0;
        for (int i = 1; i <= 600; i++)
        {
            double x = i % 2 == 0 ? Math.Pow(2, (i - 300) * 3.3) : 0.5 + i * 0.00321;
            double y = (i % 7 - 3.1) / 4 * 700 / Math.Max(1e-3, Math.Abs(Math.Log(x)));
            double error = FixedPoint.UlpError(
                VectorMath.Pow(x, y), FixedPoint.Pow(FixedPoint.From(x), FixedPoint.From(y)));
            if (error > worst) (worst, atX, atY) = (error, x, y);
        }

        Assert.True(worst <= UlpPow, $"pow: {worst} ulp at {atX:R}, {atY:R}");
    }

    [Fact]
    public void Sines_next_to_multiples_of_half_pi_keep_their_relative_accuracy()
    {
        double worst = 0;
        for (int n = 1; n < 1 << 29; n = n * 3 / 2 + 1)
        {
            double x = n * (Math.PI / 2);
            worst = Math.Max(worst, FixedPoint.UlpError(VectorMath.Sin(x), FixedPoint.Sin(FixedPoint.From(x))));
            worst = Math.Max(worst, FixedPoint.UlpError(VectorMath.Cos(x), FixedPoint.Cos(FixedPoint.From(x))));
        }

        Assert.InRange(worst, 0, UlpSinCos);
    }

    [Fact]
    public void Single_Pow_is_the_rounded_double_Pow()
    {
        for (int i = 0; i < 400; i++)
        {
            float x = 0.01f + i * 0.037f, y = (i % 21 - 10) * 1.37f;
            float power = VectorMath.Pow(Vector512.Create(x), Vector512.Create(y)).ToScalar();
            Assert.Equal((float)VectorMath.Pow((double)x, y), power);
        }
    }

    [Theory]
    [InlineData("exp", double.NegativeInfinity, 0.0)]
    [InlineData("exp", double.PositiveInfinity, double.PositiveInfinity)]
    [InlineData("exp", 1e30, double.PositiveInfinity)]
    [InlineData("exp", -1e30, 0.0)]
    [InlineData("exp", 0.0, 1.0)]
    [InlineData("expm1", double.NegativeInfinity, -1.0)]
    [InlineData("expm1", double.PositiveInfinity, double.PositiveInfinity)]
    [InlineData("expm1", -1e30, -1.0)]
    [InlineData("expm1", 1e30, double.PositiveInfinity)]
    [InlineData("expm1", -0.0, -0.0)]
    [InlineData("expm1", double.NaN, double.NaN)]
    [InlineData("log", 0.0, double.NegativeInfinity)]
    [InlineData("log", -1.0, double.NaN)]
    [InlineData("log", double.NegativeInfinity, double.NaN)]
    [InlineData("log", double.PositiveInfinity, double.PositiveInfinity)]
    [InlineData("log", 1.0, 0.0)]
    [InlineData("tanh", double.PositiveInfinity, 1.0)]
    [InlineData("tanh", double.NegativeInfinity, -1.0)]
    [InlineData("tanh", 1e-30, 1e-30)]
    [InlineData("tanh", -0.0, -0.0)]
    [InlineData("sigmoid", double.PositiveInfinity, 1.0)]
    [InlineData("sigmoid", double.NegativeInfinity, 0.0)]
    [InlineData("sigmoid", 1e30, 1.0)]
    [InlineData("sigmoid", -1e30, 0.0)]
    [InlineData("sigmoid", 0.0, 0.5)]
    [InlineData("erf", double.PositiveInfinity, 1.0)]
    [InlineData("erf", double.NegativeInfinity, -1.0)]
    [InlineData("erf", -0.0, -0.0)]
    [InlineData("sin", double.PositiveInfinity, double.NaN)]
    [InlineData("cos", double.NegativeInfinity, double.NaN)]
    [InlineData("sin", 2e9, double.NaN)]
    [InlineData("sin", -0.0, -0.0)]
    [InlineData("cos", 0.0, 1.0)]
    [InlineData("exp", double.NaN, double.NaN)]
    [InlineData("log", double.NaN, double.NaN)]
    [InlineData("tanh", double.NaN, double.NaN)]
    [InlineData("sigmoid", double.NaN, double.NaN)]
    [InlineData("erf", double.NaN, double.NaN)]
    [InlineData("sin", double.NaN, double.NaN)]
    [InlineData("cos", double.NaN, double.NaN)]
    public void Special_values(string name, double x, double expected)
    {
        double y = Get<double>(name)(Vector512.Create(x)).ToScalar();
        float single = Get<float>(name)(Vector512.Create((float)x)).ToScalar();
        AssertSame(expected, y);
        AssertSame((float)expected, single);
    }

    [Fact]
    public void Minus_zero()
    {
        Assert.Equal(1.0, VectorMath.Exp(-0.0));
        Assert.Equal(double.NegativeInfinity, VectorMath.Log(-0.0));
        Assert.Equal(float.NegativeInfinity, VectorMath.Log(Vector512.Create(-0f)).ToScalar());
    }

    [Fact]
    public void Subnormals_are_kept()
    {
        Assert.Equal(double.Epsilon, VectorMath.Exp(-744.5));
        Assert.Equal(float.Epsilon, VectorMath.Exp(Vector512.Create(-103.5f)).ToScalar());
        Assert.Equal(double.Epsilon, VectorMath.Expm1(Vector512.Create(double.Epsilon)).ToScalar());
        Assert.Equal(-float.Epsilon, VectorMath.Expm1(Vector512.Create(-float.Epsilon)).ToScalar());
        Assert.Equal(double.Epsilon, VectorMath.Tanh(double.Epsilon));
        Assert.Equal(float.Epsilon, VectorMath.Tanh(Vector512.Create(float.Epsilon)).ToScalar());
        Assert.Equal(-744.44007192138126, VectorMath.Log(double.Epsilon)); // -1074·ln 2
        Assert.Equal(-103.278929903f, VectorMath.Log(Vector512.Create(float.Epsilon)).ToScalar()); // -149·ln 2
    }

    [Fact]
    public void Pow_follows_C()
    {
        double[] values =
        [
            0.0, -0.0, 1, -1, 2, -2, 3, -3, 0.5, -0.5, 1.5, -2.5, double.Epsilon, 1e300, -1e300, 4503599627370497,
            -4503599627370497,
            9007199254740991, 9007199254740992, double.PositiveInfinity, double.NegativeInfinity, double.NaN,
        ];
        foreach (double x in values)
        {
            foreach (double y in values)
            {
                // Math.Pow is C's pow; only its special values are compared here.
                double expected = Math.Pow(x, y), actual = VectorMath.Pow(x, y);
                if (double.IsNaN(expected) || double.IsInfinity(expected) || expected is 0 or 1 or -1)
                    AssertSame(expected, actual);
                else
                {
                    Assert.True(
                        Math.Abs(actual / expected - 1) < Tolerances.Float64Ulps
                        && Math.Sign(actual) == Math.Sign(expected),
                        $"{x}^{y}: {actual}");
                }
            }
        }
    }

    [Fact]
    public void Max_and_Min_propagate_NaN()
    {
        AssertSame(double.NaN, VectorMath.Max(Vector512.Create(double.NaN), Vector512.Create(1.0)).ToScalar());
        AssertSame(double.NaN, VectorMath.Max(Vector512.Create(1.0), Vector512.Create(double.NaN)).ToScalar());
        AssertSame(double.NaN, VectorMath.Min(Vector512.Create(double.NaN), Vector512.Create(1.0)).ToScalar());
        AssertSame(double.NaN, VectorMath.Min(Vector512.Create(1.0), Vector512.Create(double.NaN)).ToScalar());
        Assert.Equal(2f, VectorMath.Max(Vector512.Create(2f), Vector512.Create(-3f)).ToScalar());
        Assert.Equal(-3f, VectorMath.Min(Vector512.Create(2f), Vector512.Create(-3f)).ToScalar());
    }

    [Fact]
    public void Bits_are_the_same_on_every_machine()
    {
        Assert.Equal((GoldenSingle, GoldenDouble), (Hash<float>(), Hash<double>()));
    }

    private static unsafe ulong Hash<T>() where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        ulong hash = 14695981039346656037;
        foreach (string name in (string[])
            ["exp", "log", "tanh", "sigmoid", "erf", "sin", "cos", "pow", "max", "min", "expm1", "normal"])
        {
            Function<T> f = Get<T>(name);
            for (int i = 0; i < SweepLength; i += Vector512<T>.Count)
            {
                Vector512<T> x = default;
                for (int j = 0; j < Vector512<T>.Count; j++) x = x.WithElement(j, SweepPoint<T>(i + j));
                Vector512<T> y = f(x);
                for (int j = 0; j < Vector512<T>.Count; j++)
                {
                    // Which of two NaNs comes out of a sum is the compiler's choice: it may swap the operands.
                    if (T.IsNaN(y[j])) y = y.WithElement(j, T.Zero);
                }

                foreach (byte b in MemoryMarshal.AsBytes(new ReadOnlySpan<Vector512<T>>(in y)))
                    hash = (hash ^ b) * 1099511628211;
            }
        }

        return hash;
    }

    /// <summary>Special values, then mixed integers: every bit pattern, and values of ordinary size.</summary>
    private static T SweepPoint<T>(int i) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        T[] special =
        [
            T.Zero, T.NegativeZero, T.One, T.NegativeOne, T.PositiveInfinity, T.NegativeInfinity, T.NaN, -T.NaN,
            T.Epsilon, -T.Epsilon, T.CreateTruncating(1e-310), T.CreateTruncating(1e-40), T.CreateTruncating(88.7),
            T.CreateTruncating(-103.9), T.CreateTruncating(-745.1),
        ];
        if (i < special.Length) return special[i];
        ulong z = (ulong)i * 0x9E3779B97F4A7C15; // splitmix64
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        z ^= z >> 31;
        if (i % 4 != 0)
            return T.CreateTruncating(((long)z >> 12) / 4503599627370496d * (i % 4 == 1 ? 1 : i % 4 == 2 ? 16 : 800));
        return typeof(T) == typeof(float)
            ? T.CreateTruncating(BitConverter.UInt32BitsToSingle((uint)(z >> 32)))
            : T.CreateTruncating(BitConverter.UInt64BitsToDouble(z));
    }

    private static Function<T> Get<T>(string name) => name switch
    {
        "exp" => VectorMath.Exp,
        "expm1" => VectorMath.Expm1,
        "log" => VectorMath.Log,
        "tanh" => VectorMath.Tanh,
        "sigmoid" => VectorMath.Sigmoid,
        "erf" => VectorMath.Erf,
        "normal" => VectorMath.NormalCdf,
        "sin" => VectorMath.Sin,
        "cos" => VectorMath.Cos,
        "pow" => static x => VectorMath.Pow(Vector512.Abs(x), Reversed(x)),
        "max" => static x => VectorMath.Max(x, Reversed(x)),
        "min" => static x => VectorMath.Min(x, Reversed(x)),
        _ => throw new ArgumentOutOfRangeException(nameof(name), name, "unknown function"),
    };

    private static Vector512<T> Reversed<T>(Vector512<T> x)
    {
        Vector512<T> y = x;
        for (int i = 0; i < Vector512<T>.Count; i++) y = y.WithElement(i, x[Vector512<T>.Count - 1 - i]);
        return y;
    }

    private static double SystemReference(string name, double x) => name switch
    {
        "exp" => Math.Exp(x),
        "expm1" => Math.Abs(x) < 1e-3
            ? x * (1 + x / 2 * (1 + x / 3 * (1 + x / 4 * (1 + x / 5))))
            : Math.Exp(x) - 1,
        "log" => Math.Log(x),
        "tanh" => Math.Tanh(x),
        "sigmoid" => x < 0 ? Math.Exp(x) / (1 + Math.Exp(x)) : 1 / (1 + Math.Exp(-x)),
        "erf" => VectorMath.Erf(x),
        "sin" => Math.Sin(x),
        "cos" => Math.Cos(x),
        _ => throw new ArgumentOutOfRangeException(nameof(name), name, "unknown function"),
    };

    private static BigInteger Exact(string name, BigInteger x) => name switch
    {
        "exp" => FixedPoint.Exp(x),
        "expm1" => FixedPoint.Exp(x) - FixedPoint.From(1),
        "log" => FixedPoint.Log(x),
        "tanh" => FixedPoint.Tanh(x),
        "sigmoid" => FixedPoint.Sigmoid(x),
        "erf" => FixedPoint.Erf(x),
        "sin" => FixedPoint.Sin(x),
        "cos" => FixedPoint.Cos(x),
        _ => throw new ArgumentOutOfRangeException(nameof(name), name, "unknown function"),
    };

    /// <summary>Equal with the sign of zero; any NaN equals any NaN.</summary>
    private static void AssertSame(double expected, double actual)
    {
        Assert.Equal(expected, actual);
        if (expected == 0) Assert.Equal(double.IsNegative(expected), double.IsNegative(actual));
    }
}
