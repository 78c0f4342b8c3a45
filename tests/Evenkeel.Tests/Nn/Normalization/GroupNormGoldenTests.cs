using Evenkeel.Nn;
using Evenkeel.Tests.Reference;
using Xunit;

namespace Evenkeel.Tests.Nn.Normalization;

/// <summary>Group norm against PyTorch: outputs, gradients, and what both refuse.</summary>
public sealed class GroupNormGoldenTests
{
    internal static readonly GoldenFamily Family = new(
        "group-norm", one => new GroupNorm(one.Groups, one.Features, one.Eps!.Value, one.Affine));

    public static TheoryData<string> Same => Family.Where(one => one.Differs is null);

    public static TheoryData<string> Constant => Family.Where(one => one.Differs is not null && one.Eps == 0);

    public static TheoryData<string> OneValue => Family.Where(one => one.Differs is not null && one.Eps != 0);

    [Theory]
    [MemberData(nameof(Same))]
    public void It_is_as_in_PyTorch(string name) => Family.Check(name);

    [Theory]
    [MemberData(nameof(Constant))]
    public void Without_eps_a_constant_group_gives_beta_where_PyTorch_divides_by_zero(string name) =>
        Family.CheckConstantGroupsGiveBeta(name);

    [Theory]
    [MemberData(nameof(OneValue))]
    public void One_value_a_group_is_refused_for_any_batch(string name) =>
        Assert.Throws<ArgumentException>(() => Family.Passes(Family[name], DType.Float64));
}
