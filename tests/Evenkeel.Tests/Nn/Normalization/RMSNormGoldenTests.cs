using Evenkeel.Nn;
using Evenkeel.Tests.Reference;
using Xunit;

namespace Evenkeel.Tests.Nn.Normalization;

/// <summary>
/// RMS norm against its formula in PyTorch, whose 1.13 has no such layer: outputs, gradients, and what is refused.
/// </summary>
public sealed class RMSNormGoldenTests
{
    internal static readonly GoldenFamily Family = new(
        "rms-norm", one => new RMSNorm(one.ParameterShape, one.Eps, one.Affine));

    public static TheoryData<string> Same => Family.Where(one => one.Differs is null);

    public static TheoryData<string> Different => Family.Where(one => one.Differs is not null);

    [Theory]
    [MemberData(nameof(Same))]
    public void It_is_the_formula_of_PyTorch(string name) => Family.Check(name);

    [Theory]
    [MemberData(nameof(Different))]
    public void Without_eps_a_row_of_zeros_gives_zeros_where_PyTorch_divides_by_zero(string name) =>
        Family.CheckConstantGroupsGiveBeta(name);
}
