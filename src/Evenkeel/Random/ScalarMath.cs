using System.Runtime.CompilerServices;

namespace Evenkeel.Random;

/// <summary>
/// Logarithm, sine and cosine for random numbers, made only of + - * / and fused multiply-add. <see cref="Math"/> takes
/// these functions from the system's C library, and their last bits differ between systems.
/// </summary>
internal static class ScalarMath
{
    private const int TableBits = 7;
    private const int TableSize = 1 << TableBits;
    private const int IndexShift = 52 - TableBits;

    /// <summary>The interval with 1.0 in its middle. log(c) = 0 there, so nothing cancels near log(1) = 0.</summary>
    private const int UnitIndex = 74;

    /// <summary>
    /// Bits of the smallest reduced argument, about sqrt(1/2). Intervals are counted from it.
    /// </summary>
    private const long Origin = 0x3FF0000000000000 - ((long)UnitIndex << IndexShift) - (1L << (IndexShift - 1));

    private const double Ln2High = 0.6931471805599453;
    private const double Ln2Low = 2.3190468138462996e-17;
    private const double HalfPiHigh = 1.5707963267948966;
    private const double HalfPiLow = 6.123233995736766e-17;

    private static readonly LogEntry[] s_log = CreateLogTable();

    private readonly record struct LogEntry(double Inverse, double LogHigh, double LogLow);

    /// <summary>
    /// The natural logarithm; error below 0.501 units in the last place. The result is correctly rounded except for
    /// near ties.
    /// </summary>
    /// <remarks>
    /// x = 2^k·m with m near [sqrt(1/2), sqrt(2)). A table gives 1/c (12 bits) and log(c) in two doubles for each of
    /// 128 intervals of m. r = m/c - 1 is exact in two doubles. log x = k·ln 2 + log c + (r - r²/2 + r³/3 - ...), with
    /// the leading terms in two doubles.
    /// </remarks>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static double Log(double x)
    {
        long bits = BitConverter.DoubleToInt64Bits(x);
        int bias = 0;
        if ((ulong)(bits - 0x0010000000000000) >= 0x7FE0000000000000)
        {
            // Not a positive normal number.
            if (x == 0) return double.NegativeInfinity;
            if (!(x > 0)) return double.NaN;
            if (double.IsPositiveInfinity(x)) return x;
            bits = BitConverter.DoubleToInt64Bits(x * 18014398509481984.0);
            bias = 54;
        }

        long offset = bits - Origin;
        long k = offset >> 52;
        LogEntry entry = s_log[(int)(offset >> IndexShift) & (TableSize - 1)];
        double m = BitConverter.Int64BitsToDouble(bits - (k << 52));
        double exponent = k - bias;

        double product = m * entry.Inverse;
        double productLow = Math.FusedMultiplyAdd(m, entry.Inverse, -product);
        double r = product - 1.0;

        double square = r * r;
        double squareLow = Math.FusedMultiplyAdd(r, r, -square);
        double series = 1.0 / 9 - r * (1.0 / 10 - r * (1.0 / 11));
        series = 1.0 / 7 - r * (1.0 / 8 - r * series);
        series = 1.0 / 5 - r * (1.0 / 6 - r * series);
        series = 1.0 / 3 - r * (1.0 / 4 - r * series);

        double scaled = exponent * Ln2High;
        double scaledLow = Math.FusedMultiplyAdd(exponent, Ln2High, -scaled) + exponent * Ln2Low;

        double sum = TwoSum(scaled, entry.LogHigh, out double e0);
        sum = TwoSum(sum, r, out double e1);
        sum = TwoSum(sum, -0.5 * square, out double e2);
        double low = square * r * series - 0.5 * squareLow - r * productLow + productLow + entry.LogLow + scaledLow + e0
            + e1 + e2;
        return sum + low;
    }

    /// <summary>(sin 2πu, cos 2πu) for u in [0, 1]; error below one unit in the last place.</summary>
    /// <remarks>
    /// The argument counts turns, so its quarter and its remainder are exact and no error comes from π.
    /// </remarks>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static (double Sin, double Cos) SinCosTurns(double u)
    {
        double quarters = u * 4.0;
        int quadrant = (int)(quarters + 0.5);
        double f = quarters - quadrant;
        double y = f * HalfPiHigh;
        double yLow = Math.FusedMultiplyAdd(f, HalfPiHigh, -y) + f * HalfPiLow;

        // Taylor series on [-π/4, π/4]. The first omitted term is below 1e-19.
        double z = y * y;
        double sin = 1.0 / 355687428096000;
        sin = sin * z - 1.0 / 1307674368000;
        sin = sin * z + 1.0 / 6227020800;
        sin = sin * z - 1.0 / 39916800;
        sin = sin * z + 1.0 / 362880;
        sin = sin * z - 1.0 / 5040;
        sin = sin * z + 1.0 / 120;
        sin = sin * z - 1.0 / 6;
        double cos = -1.0 / 6402373705728000;
        cos = cos * z + 1.0 / 20922789888000;
        cos = cos * z - 1.0 / 87178291200;
        cos = cos * z + 1.0 / 479001600;
        cos = cos * z - 1.0 / 3628800;
        cos = cos * z + 1.0 / 40320;
        cos = cos * z - 1.0 / 720;
        cos = cos * z + 1.0 / 24;

        double half = 0.5 * z;
        double one = 1.0 - half;
        double c = one + ((1.0 - one - half) + (z * z * cos - y * yLow));
        double s = y + (yLow * one + z * y * sin);
        return (quadrant & 3) switch
        {
            0 => (s, c),
            1 => (c, -s),
            2 => (-s, -c),
            _ => (-c, s),
        };
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static double TwoSum(double a, double b, out double error)
    {
        double sum = a + b;
        double back = sum - a;
        error = (a - (sum - back)) + (b - back);
        return sum;
    }

    private static LogEntry[] CreateLogTable()
    {
        var table = new LogEntry[TableSize];
        for (int i = 0; i < TableSize; i++)
        {
            double middle = i == UnitIndex
                ? 1.0
                : BitConverter.Int64BitsToDouble(Origin + ((long)i << IndexShift) + (1L << (IndexShift - 1)));
            double inverse = Math.Round(4096.0 / middle) / 4096.0;
            (double high, double low) = LogTwoDoubles(inverse);
            table[i] = new LogEntry(inverse, -high, -low);
        }

        return table;
    }

    /// <summary>
    /// log(a) = 2·artanh(t), t = (a-1)/(a+1), as a sum of two doubles. a has few bits and is near 1.
    /// </summary>
    private static (double High, double Low) LogTwoDoubles(double a)
    {
        double numerator = a - 1.0, denominator = a + 1.0;
        double tHigh = numerator / denominator;
        double tLow = Math.FusedMultiplyAdd(-tHigh, denominator, numerator) / denominator;
        (double High, double Low) t = (tHigh, tLow), square = Multiply(t, t);
        (double High, double Low) sum = (0, 0);
        for (int n = 45; n >= 3; n -= 2)
        {
            double high = 1.0 / n;
            sum = Multiply(Add(sum, (high, Math.FusedMultiplyAdd(-high, n, 1.0) / n)), square);
        }

        sum = Multiply(Add(sum, (1.0, 0.0)), t);
        return (2 * sum.High, 2 * sum.Low);
    }

    private static (double High, double Low) Add((double High, double Low) a, (double High, double Low) b)
    {
        double sum = TwoSum(a.High, b.High, out double error);
        double high = TwoSum(sum, error + a.Low + b.Low, out double low);
        return (high, low);
    }

    private static (double High, double Low) Multiply((double High, double Low) a, (double High, double Low) b)
    {
        double product = a.High * b.High;
        double error = Math.FusedMultiplyAdd(a.High, b.High, -product) + (a.High * b.Low + a.Low * b.High);
        double high = TwoSum(product, error, out double low);
        return (high, low);
    }
}
