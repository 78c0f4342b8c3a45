using System.Globalization;
using System.Text;
using Evenkeel.Diagnostics;
using Evenkeel.Nn;

namespace Evenkeel.Surgery;

/// <summary>What happened to a norm.</summary>
public enum FoldStatus
{
    /// <summary>It is part of the linear layer before it.</summary>
    IntoLayerBefore,

    /// <summary>It is part of the linear layer after it.</summary>
    IntoLayerAfter,

    /// <summary>It stays.</summary>
    Kept,
}

/// <summary>A norm of the network and what happened to it.</summary>
/// <param name="Name">Dotted name.</param>
/// <param name="Type">Type of the module.</param>
/// <param name="Status">Folded or kept.</param>
/// <param name="Target">The dotted name of the layer that it is now part of; null if it was kept.</param>
/// <param name="Reason">Why it was kept; null if it was folded.</param>
/// <param name="Warning">A warning about it; null if there is none.</param>
public sealed record FoldedLayer(
    string Name, string Type, FoldStatus Status, string? Target, string? Reason, string? Warning);

/// <summary>
/// How far the folded network's outputs are from the original's, over the inputs given, in one element type.
/// </summary>
/// <param name="DType">The type both compute in.</param>
/// <param name="Outputs">Number of values compared: those that are finite in both.</param>
/// <param name="LargestOutput">The largest |y| of the original: the scale.</param>
/// <param name="MaxDifference">The largest |difference|.</param>
/// <param name="MaxUlps">
/// The largest difference in units in the last place of the output itself: It is large for outputs near 0, which are
/// small differences of large numbers.
/// </param>
public sealed record FoldProof(DType DType, int Outputs, double LargestOutput, double MaxDifference, double MaxUlps)
{
    /// <summary>The largest difference as a share of the largest output; 0 if there is no difference.</summary>
    public double RelativeDifference => MaxDifference == 0 ? 0 : MaxDifference / LargestOutput;

    /// <summary>The largest difference in units in the last place of the largest output.</summary>
    public double UlpsOfLargest => MaxDifference == 0 ? 0 : MaxDifference / Ulp(LargestOutput, DType);

    /// <summary>One line.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture,
        $"{DType}: {Outputs} outputs up to {LargestOutput:G4} differ by at most {MaxDifference:G4}: "
        + $"{RelativeDifference:G4} or {UlpsOfLargest:G4} ulp of the largest, {MaxUlps:G4} ulp of the output itself");

    /// <summary>Compares two outputs of one shape.</summary>
    internal static FoldProof Of(Tensor expected, Tensor got)
    {
        double largest = 0, difference = 0, ulps = 0;
        int compared = 0;
        for (int i = 0; i < expected.Count; i++)
        {
            double y = expected.ValueAt(i), d = Math.Abs(y - got.ValueAt(i));
            // Two NaNs, or the same infinity twice, count as equal. Math.Max keeps any other NaN.
            if (double.IsNaN(d) && y.Equals(got.ValueAt(i))) continue;
            compared++;
            largest = Math.Max(largest, Math.Abs(y));
            difference = Math.Max(difference, d);
            if (d != 0) ulps = Math.Max(ulps, d / Ulp(y, expected.DType));
        }

        return new FoldProof(expected.DType, compared, largest, difference, ulps);
    }

    /// <summary>The distance from |y| to the next number of the type.</summary>
    private static double Ulp(double y, DType dtype) => dtype == DType.Float64
        ? Math.BitIncrement(Math.Abs(y)) - Math.Abs(y)
        : (double)MathF.BitIncrement(MathF.Abs((float)y)) - MathF.Abs((float)y);
}

/// <summary>A folded network, what happened to each norm, and the proof that it computes the same.</summary>
/// <param name="Model">The new network; the original is unchanged.</param>
/// <param name="Layers">All norms, in the order of <see cref="Module.NamedModules"/>.</param>
/// <param name="Proof">The two networks compared in their element type.</param>
/// <param name="Float64Proof">
/// Original and folded network compared in Float64: the folding itself, without the rounding of the network's type.
/// </param>
public sealed record FoldResult(
    Module Model, IReadOnlyList<FoldedLayer> Layers, FoldProof Proof, FoldProof Float64Proof)
{
    /// <summary>A table of the norms, and the proofs.</summary>
    public override string ToString()
    {
        var grid = new TextGrid(3, "Layer", "Type", "Now");
        foreach (FoldedLayer layer in Layers)
        {
            string now = layer.Status switch
            {
                FoldStatus.IntoLayerBefore => $"in {layer.Target}, before it",
                FoldStatus.IntoLayerAfter => $"in {layer.Target}, after it",
                _ => $"kept: {layer.Reason}",
            };
            grid.Add(layer.Name, layer.Type, layer.Warning is null ? now : $"{now} (warning: {layer.Warning})");
        }

        var text = new StringBuilder();
        grid.AppendTo(text);
        return text.Append(Proof).Append('\n').Append(Float64Proof).Append('\n').ToString();
    }
}
