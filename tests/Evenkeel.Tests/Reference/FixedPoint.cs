using System.Numerics;

namespace Evenkeel.Tests.Reference;

/// <summary>
/// Elementary functions as integers with 1200 bits after the point, by their Taylor series: enough for every double to
/// be exact and for every result tested to have a hundred correct bits.
/// </summary>
internal static class FixedPoint
{
    private const int Bits = 1200;
    private static readonly BigInteger _one = BigInteger.One << Bits;
    private static readonly BigInteger _ln2 = 2 * ArtanhSeries(_one / 3);
    private static readonly BigInteger _pi = 4 * (4 * ArctanOfInverse(5) - ArctanOfInverse(239)); // Machin's formula

    public static BigInteger From(double x)
    {
        long bits = BitConverter.DoubleToInt64Bits(x);
        int exponent = (int)((bits >> 52) & 0x7FF);
        BigInteger m = (bits & 0xFFFFFFFFFFFFF) | (exponent == 0 ? 0 : 1L << 52);
        int shift = Math.Max(exponent, 1) - 1075 + Bits;
        m = shift >= 0 ? m << shift : m >> -shift;
        return bits < 0 ? -m : m;
    }

    /// <summary>|actual - exact| in units of the last place of a double of exact's size.</summary>
    public static double UlpError(double actual, BigInteger exact)
    {
        int exponent = (int)BigInteger.Abs(exact).GetBitLength() - 1 - Bits;
        int ulp = Math.Max(exponent, -1022) - 52 + Bits;
        if (!double.IsFinite(actual)) return double.PositiveInfinity;
        BigInteger difference = BigInteger.Abs(From(actual) - exact);
        return (double)(difference >> (ulp - 30)) / (1 << 30);
    }

    public static BigInteger Exp(BigInteger x)
    {
        int n = (int)((x + (_ln2 >> 1)) / _ln2);
        BigInteger r = x - n * _ln2, sum = _one, term = _one;
        for (int k = 1; !(term = (term * r >> Bits) / k).IsZero && term != -1; k++) sum += term;
        return n >= 0 ? sum << n : sum >> -n;
    }

    public static BigInteger Log(BigInteger x)
    {
        int e = (int)x.GetBitLength() - 1 - Bits;
        BigInteger m = e >= 0 ? x >> e : x << -e;
        return 2 * ArtanhSeries(((m - _one) << Bits) / (m + _one)) + e * _ln2;
    }

    public static BigInteger Pow(BigInteger x, BigInteger y) => Exp(y * Log(x) >> Bits);

    public static BigInteger Sigmoid(BigInteger x) => (_one << Bits) / (_one + Exp(-x));

    public static BigInteger Tanh(BigInteger x)
    {
        BigInteger e = Exp(2 * x);
        return ((e - _one) << Bits) / (e + _one);
    }

    public static BigInteger Sin(BigInteger x)
    {
        BigInteger r = x % (2 * _pi), square = r * r >> Bits, sum = r, term = r;
        for (int k = 2; !(term = -(term * square >> Bits) / (k * (k + 1))).IsZero && term != 1; k += 2) sum += term;
        return sum;
    }

    public static BigInteger Cos(BigInteger x) => Sin(x + (_pi >> 1));

    public static BigInteger Erf(BigInteger x)
    {
        BigInteger square = x * x >> Bits, sum = x, term = x;
        for (int k = 1; !(term = -(term * square >> Bits) / k).IsZero && term != 1; k++) sum += term / (2 * k + 1);
        return (2 * sum << Bits) / SquareRoot(_pi << Bits);
    }

    private static BigInteger ArtanhSeries(BigInteger s)
    {
        BigInteger square = s * s >> Bits, sum = s, power = s;
        for (int k = 3; !(power = power * square >> Bits).IsZero && power != -1; k += 2) sum += power / k;
        return sum;
    }

    private static BigInteger ArctanOfInverse(int q)
    {
        BigInteger power = _one / q, sum = power;
        for (int k = 3; !(power = -power / (q * q)).IsZero; k += 2) sum += power / k;
        return sum;
    }

    private static BigInteger SquareRoot(BigInteger v)
    {
        BigInteger x = BigInteger.One << (int)(v.GetBitLength() / 2 + 1);
        while (true)
        {
            BigInteger next = (x + v / x) >> 1;
            if (next >= x) return x;
            x = next;
        }
    }
}
