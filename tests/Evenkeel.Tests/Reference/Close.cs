using Xunit;

namespace Evenkeel.Tests.Reference;

/// <summary>Comparisons with a stated tolerance.</summary>
internal static class Close
{
    /// <summary>A few roundings of a float32 result (2⁻²⁴ each).</summary>
    public const double Float32 = 4e-6;

    /// <summary>A few roundings of a float64 result (2⁻⁵³ each).</summary>
    public const double Float64 = 1e-13;

    public static void To(double[] expected, Tensor actual, double? tolerance = null)
    {
        double bound = tolerance ?? (actual.DType == DType.Float32 ? Float32 : Float64);
        double[] values = NaiveOps.Doubles(actual);
        Assert.Equal(expected.Length, values.Length);
        for (int i = 0; i < values.Length; i++)
        {
            if (double.IsNaN(expected[i]) && double.IsNaN(values[i])) continue;
            if (expected[i] == values[i]) continue;
            Assert.True(Math.Abs(expected[i] - values[i]) <= bound * Math.Max(1, Math.Abs(expected[i])),
                $"[{i}]: expected {expected[i]:r}, got {values[i]:r}");
        }
    }

    /// <summary>Every value within <paramref name="allowed"/> of the expected one.</summary>
    public static void Within(double allowed, string what, double[] expected, double[] actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (int i = 0; i < expected.Length; i++) Within(allowed, $"{what}[{i}]", expected[i], actual[i]);
    }

    public static void Within(double allowed, string what, double expected, double actual)
    {
        // Written so that a NaN fails too.
        if (!(Math.Abs(expected - actual) <= allowed))
        {
            Assert.Fail($"{what}: expected {expected:R}, got {actual:R}, "
                + $"off by {Math.Abs(expected - actual):G3}; allowed {allowed:G3}");
        }
    }

    /// <summary>The same numbers, not nearly; -0 is 0.</summary>
    public static void Same(string what, double[] expected, double[] actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (int i = 0; i < expected.Length; i++)
        {
            if (expected[i] != actual[i]) Assert.Fail($"{what}[{i}]: expected {expected[i]:R}, got {actual[i]:R}");
        }
    }
}
