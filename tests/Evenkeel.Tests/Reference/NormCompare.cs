using Xunit;

namespace Evenkeel.Tests.Reference;

/// <summary>Fails where a value is off by more than a tolerance.</summary>
internal static class NormCompare
{
    /// <summary>|actual - expected| ≤ tolerance·max(scale, |expected|), value by value.</summary>
    public static void Close(string what, Tensor actual, double[] expected, double tolerance, double scale)
    {
        double[] values = actual.To(DType.Float64).ToArray<double>();
        Assert.Equal(expected.Length, values.Length);
        for (int i = 0; i < values.Length; i++)
        {
            // Written so that a NaN fails too.
            if (!(Math.Abs(values[i] - expected[i]) <= tolerance * Math.Max(scale, Math.Abs(expected[i]))))
            {
                Assert.Fail($"{what}[{i}] of shape {actual.Shape}: expected {expected[i]:R}, "
                    + $"got {values[i]:R}, off by {Math.Abs(values[i] - expected[i]):G3}; "
                    + $"allowed {tolerance:G3} x {Math.Max(scale, Math.Abs(expected[i])):G4}");
            }
        }
    }
}
