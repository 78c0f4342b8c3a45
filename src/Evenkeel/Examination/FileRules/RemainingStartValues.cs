using Evenkeel.Kernels;

namespace Evenkeel.Examination;

/// <summary>EK104: running statistics that are partly start values.</summary>
internal sealed class RemainingStartValues : FileRule
{
    /// <summary>So many times the bound is an error.</summary>
    private const double ErrorFactor = 10;

    public override string Id => "EK104";

    public override string Title => "start values left";

    public override double Bound => 0.01;

    public override void Check(ExaminedNetwork network, FindingSink findings)
    {
        foreach (ExaminedNorm norm in network.MeasuredNorms())
        {
            if (norm.Batches is null or 0)
            {
                findings.NotChecked("the number of batches in the running statistics is not stored");
                continue;
            }

            if (LeftIn(norm) is not { } left || left <= findings.Bound) continue;
            string needed = norm.Momentum is { } m and > 0 and < 1
                ? $" {Math.Ceiling(VectorMath.Log(findings.Bound) / VectorMath.Log(1 - m)):F0} batches leave "
                    + $"{findings.Bound:P0} at a momentum of "
                    + $"{m:G3}{(norm.IsMomentumKnown ? "" : ", which is assumed")}."
                : "";
            findings.Add(left > ErrorFactor * findings.Bound ? FindingLevel.Error : FindingLevel.Warning, norm.Name, [],
                left, $"The running statistics hold {norm.Batches} batches, and {left:P1} of them is still the start "
                + $"values 0 and 1.{needed}", "evenkeel recalibrate: statistics of the data alone.");
        }
    }

    private static double? LeftIn(ExaminedNorm norm) => norm.StartValuesLeft
        ?? (norm.Momentum is { } m and > 0 and < 1 ? VectorMath.Pow(1 - m, norm.Batches!.Value) : null);
}
