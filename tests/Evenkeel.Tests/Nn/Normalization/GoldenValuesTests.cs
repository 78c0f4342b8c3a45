using Evenkeel.Tests.Reference;
using Xunit;

namespace Evenkeel.Tests.Nn.Normalization;

/// <summary>
/// What the golden values cover as a whole, and how far the library is from them beside PyTorch's own float32.
/// </summary>
public sealed class GoldenValuesTests
{
    /// <summary>
    /// The float32 errors of outputs and gradients where the batch's statistics normalize, whatever the inputs: two to
    /// three roundings (2⁻²⁴ each).
    /// </summary>
    private const double Float32Roundings = 2e-7;

    [Fact]
    public void Every_layer_rank_and_edge_is_covered()
    {
        GoldenFamily[] families =
        [
            BatchNormGoldenTests.Family, LayerNormGoldenTests.Family, GroupNormGoldenTests.Family,
            InstanceNormGoldenTests.Family, RMSNormGoldenTests.Family, GhostBatchNormGoldenTests.Family,
            BatchRenormGoldenTests.Family,
        ];
        GoldenCase[] cases = [.. families.SelectMany(family => family.Cases)];
        Assert.True(cases.Length >= 400, $"expected at least 400 cases, got {cases.Length}");
        Assert.Equal(cases.Length, cases.Select(one => one.Name).Distinct(StringComparer.Ordinal).Count());
        string[] inTheirOwnFamily =
        [
            "GhostBatchNorm1d", "GhostBatchNorm2d", "GhostBatchNorm3d", "BatchRenorm1d", "BatchRenorm2d",
            "BatchRenorm3d",
        ];
        Assert.All(inTheirOwnFamily, layer => Assert.Contains(cases, one => one.Layer == layer));
        foreach (string layer in new[] { "BatchNorm1d", "BatchNorm2d",
            "BatchNorm3d", "LayerNorm", "GroupNorm", "InstanceNorm1d", "InstanceNorm2d", "InstanceNorm3d", "RMSNorm", })
        {
            GoldenCase[] own = [.. cases.Where(one => one.Layer == layer)];
            GoldenCase[] compared = [.. own.Where(one => one.Raises is null && one.Differs is null)];
            Assert.True(
                compared.Length >= 40, $"{layer}: expected at least 40 cases with numbers, got {compared.Length}");
            Assert.Contains(compared, one => one.Affine);
            Assert.Contains(compared, one => !one.Affine);
            Assert.Contains(own, one => one.Eps == 0);
            Assert.Contains(own, one => one.Raises is not null);
            Assert.Contains(own, one => one.Passes.Any(pass => pass.Mode == "eval"));
            Assert.Contains(own, one => one.Passes.Any(pass => pass.Kind == "constant"));
            Assert.Contains(own, one => one.Passes.Any(pass => pass.Offset == 1e4));
            Assert.Contains(own, one => one.Passes.Any(pass => pass.Spread == 1e-8));
            if (!layer.StartsWith("Instance", StringComparison.Ordinal))
                Assert.Contains(own, one => one.Passes.Any(pass => pass.Shape[0] == 0));
            // A group norm and the row norms take any rank; the others have ranks of their own: 2-D and 3-D for 1d,
            // batched and not for instance norms.
            int ranks = compared.SelectMany(one => one.Passes).Select(pass => pass.Shape.Length).Distinct().Count();
            Assert.True(ranks >= (layer is "BatchNorm2d" or "BatchNorm3d" ? 1 : 2), $"{layer}: {ranks} ranks");
        }
    }

    [Fact]
    public void Where_float32_loses_digits_in_PyTorch_it_keeps_them_here()
    {
        double ours = 0, theirs = 0;
        foreach (GoldenFamily family in new[] { BatchNormGoldenTests.Family,
            LayerNormGoldenTests.Family, GroupNormGoldenTests.Family, InstanceNormGoldenTests.Family, })
        {
            foreach (GoldenCase one in family.Cases.Where(one => one.Raises is null && one.Differs is null
                && one.Name.Contains("offset", StringComparison.Ordinal)))
            {
                foreach (GoldenDeviation value in
                    family.Deviations(one).Where(value => value.Type == DType.Float32 && value.Size > 0))
                {
                    // Running statistics of the element type are another matter: there the input's own digits are gone.
                    if (value.Condition > 0 || one.Track && one.Passes.Length > 1) continue;
                    // What PyTorch's float64 is off by at these offsets (4e-10 at most) is far below.
                    ours = Math.Max(ours, value.Error / value.Size);
                    theirs = Math.Max(theirs, value.TorchFloat32Error / value.Size);
                }
            }
        }

        Assert.InRange(ours, 0, Float32Roundings);
        Assert.True(theirs > 0.01,
            $"expected PyTorch's float32 to be off by more than 1 % of a standard deviation, got {theirs:G3}");
    }
}
