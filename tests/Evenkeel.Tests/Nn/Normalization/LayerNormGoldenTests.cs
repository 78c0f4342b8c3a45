using Evenkeel.Nn;
using Evenkeel.Tests.Reference;
using Xunit;

namespace Evenkeel.Tests.Nn.Normalization;

/// <summary>Layer norm against PyTorch: outputs, gradients, and what both refuse.</summary>
public sealed class LayerNormGoldenTests
{
    internal static readonly GoldenFamily Family = new(
        "layer-norm", one => new LayerNorm(one.ParameterShape, one.Eps!.Value, one.Affine));

    public static TheoryData<string> Same => Family.Where(one => one.Differs is null);

    public static TheoryData<string> Different => Family.Where(one => one.Differs is not null);

    [Theory]
    [MemberData(nameof(Same))]
    public void It_is_as_in_PyTorch(string name) => Family.Check(name);

    [Theory]
    [MemberData(nameof(Different))]
    public void Without_eps_a_constant_row_gives_beta_where_PyTorch_divides_by_zero(string name) =>
        Family.CheckConstantGroupsGiveBeta(name);
}
