using System.Runtime.InteropServices;
using Evenkeel.Random;
using Xunit;

namespace Evenkeel.Tests.Random;

public sealed class ScalarMathTests
{
    // The checksums are of correctly rounded logarithms, computed with 45 decimal digits by Python's decimal module.
    [Fact]
    public void Log_is_correctly_rounded_over_the_unit_interval()
    {
        var values = new double[20000];
        for (int i = 0; i < values.Length; i++) values[i] = ScalarMath.Log((i + 1) / 20001.0);
        Assert.Equal(LogUnitChecksum, Checksum.Crc32(MemoryMarshal.AsBytes(values.AsSpan())));
    }

    [Fact]
    public void Log_is_correctly_rounded_near_one()
    {
        var values = new double[2001];
        for (int i = 0; i < values.Length; i++) values[i] = ScalarMath.Log(1.0 + (i - 1000) * Math.ScaleB(1.0, -40));
        Assert.Equal(LogNearOneChecksum, Checksum.Crc32(MemoryMarshal.AsBytes(values.AsSpan())));
    }

    [Theory]
    [InlineData(5e-324, -744.4400719213812)]
    [InlineData(3e-310, -712.7027665394861)]
    [InlineData(2.2250738585072014e-308, -708.3964185322641)]
    [InlineData(1e-300, -690.7755278982137)]
    [InlineData(0.7071067811865475, -0.34657359027997275)]
    [InlineData(0.7071067811865476, -0.3465735902799726)]
    [InlineData(1.0, 0.0)]
    [InlineData(1.5, 0.4054651081081644)]
    [InlineData(2.0, 0.6931471805599453)]
    [InlineData(10.0, 2.302585092994046)]
    [InlineData(1.7976931348623157e308, 709.782712893384)]
    [InlineData(double.PositiveInfinity, double.PositiveInfinity)]
    [InlineData(0.0, double.NegativeInfinity)]
    [InlineData(-1.0, double.NaN)]
    [InlineData(double.NaN, double.NaN)]
    [InlineData(double.NegativeInfinity, double.NaN)]
    public void Log_of_special_values(double x, double expected) => Assert.Equal(expected, ScalarMath.Log(x));

    [Fact]
    public void Sine_and_cosine_are_within_one_unit_in_the_last_place()
    {
        double worst = 0;
        for (int i = 0; i <= 100000; i++)
        {
            double u = i / 100000.0;
            (double sin, double cos) = ScalarMath.SinCosTurns(u);
            (decimal exactSin, decimal exactCos) = Exact(u);
            worst = Math.Max(worst, Math.Max(Ulps(sin, exactSin), Ulps(cos, exactCos)));
        }

        Assert.InRange(worst, 0.4, 0.8);
    }

    [Fact]
    public void Sine_and_cosine_of_quarters_are_exact()
    {
        Assert.Equal((0.0, 1.0), ScalarMath.SinCosTurns(0));
        Assert.Equal((1.0, 0.0), ScalarMath.SinCosTurns(0.25));
        Assert.Equal((0.0, -1.0), ScalarMath.SinCosTurns(0.5));
        Assert.Equal((-1.0, 0.0), ScalarMath.SinCosTurns(0.75));
        Assert.Equal((0.0, 1.0), ScalarMath.SinCosTurns(1));
    }

    /// <summary>
    /// Error in units of the last place; values below 1e-9 are left to the test of exact
    /// quarters (decimal has 28 digits).
    /// </summary>
    private static double Ulps(double value, decimal exact)
    {
        if (Math.Abs(value) < 1e-9) return Math.Abs(value - (double)exact) < 1e-24 ? 0 : double.PositiveInfinity;
        double rounded = (double)exact;
        double ulp = Math.BitIncrement(Math.Abs(rounded)) - Math.Abs(rounded);
        return Math.Abs((double)(ToDecimal(value) - exact)) / ulp;
    }

    private static (decimal Sin, decimal Cos) Exact(double turns)
    {
        const decimal Pi = 3.1415926535897932384626433833m;
        decimal quarters = ToDecimal(turns) * 4;
        int quadrant = (int)Math.Round(quarters);
        decimal y = (quarters - quadrant) * Pi / 2, sin = 0, cos = 0, term = 1;
        for (int n = 0; n < 30; n++)
        {
            if (n % 2 == 0) cos += n % 4 == 0 ? term : -term;
            else sin += n % 4 == 1 ? term : -term;
            term = term * y / (n + 1);
        }

        return (quadrant & 3) switch { 0 => (sin, cos), 1 => (cos, -sin), 2 => (-sin, -cos), _ => (-cos, sin) };
    }

    /// <summary>All digits decimal can hold; the cast keeps 15 only.</summary>
    private static decimal ToDecimal(double value)
    {
        decimal whole = Math.Truncate((decimal)value);
        double rest = value - (double)whole;
        // 2^53 parts in two halves, each exact.
        double scaled = rest * 9007199254740992.0;
        double upper = Math.Truncate(scaled), lower = scaled - upper;
        return whole + ((decimal)(long)upper + (decimal)lower) / 9007199254740992m;
    }

    private const uint LogUnitChecksum = 0xa217f837;
    private const uint LogNearOneChecksum = 0x1fec4ad1;
}

/// <summary>CRC-32 as zlib's and Python's, for golden data too long to list.</summary>
internal static class Checksum
{
    public static uint Crc32(ReadOnlySpan<byte> bytes)
    {
        uint crc = ~0u;
        foreach (byte b in bytes)
        {
            crc ^= b;
            for (int i = 0; i < 8; i++) crc = (crc >> 1) ^ (0xEDB88320u & (0u - (crc & 1)));
        }

        return ~crc;
    }
}
