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
            Assert.True(Math.Abs(expected[i] - values[i]) <= bound * Math.Max(1, Math.Abs(expected[i])), $"[{i}]: expected {expected[i]:r}, got {values[i]:r}");
        }
    }
}
