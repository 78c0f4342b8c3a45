namespace Evenkeel.Tests.Reference;

/// <summary>What a pass through a norm gives; empty where the norm has none of it.</summary>
internal sealed record NormResult(
    double[] Y, double[] Dx, double[] Dgamma, double[] Dbeta, double[] Mean, double[] Variance)
{
    /// <summary>A few roundings of a float64 result, and two or three of a float32 one.</summary>
    public const double Float64Tolerance = 1e-12, Float32Tolerance = 2e-6;

    private IEnumerable<(string Name, double[] Values)> Parts =>
        [("y", Y), ("dx", Dx), ("dgamma", Dgamma), ("dbeta", Dbeta), ("running_mean", Mean), ("running_var", Variance)];

    public static double Tolerance(DType type) => type == DType.Float64 ? Float64Tolerance : Float32Tolerance;

    /// <summary>The largest of some values, at least 1: a sum of such terms is off by roundings of that size.</summary>
    public static double Scale(double[] values) =>
        values.Aggregate(1.0, (largest, value) => Math.Max(largest, Math.Abs(value)));

    /// <summary>Demands another result up to the roundings of sums in another order.</summary>
    public void IsNear(NormResult actual, string what, DType type)
    {
        foreach (((string name, double[] expected), (_, double[] values)) in Parts.Zip(actual.Parts))
            Close.Within(Tolerance(type) * Scale(expected), $"{what}: {name}", expected, values);
    }

    /// <summary>Demands another result bit for bit.</summary>
    public void IsSame(NormResult actual, string what)
    {
        foreach (((string name, double[] expected), (_, double[] values)) in Parts.Zip(actual.Parts))
            Close.Same($"{what}: {name}", expected, values);
    }
}
